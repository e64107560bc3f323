#include "simulators/imaging/hrtem.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <memory>
#include <numbers>
#include <span>
#include <vector>

namespace glasswatch::simulation {
namespace {

constexpr double kTwoPi = 2 * std::numbers::pi;
constexpr double kPixelNm = 0.05;
constexpr double kDose = 80;
constexpr double kNeverS = 1e9;

// Glass without channels, in a box of 3 nm, whose field is as large as the frame.
scenario::Scenario glass(std::uint32_t rows, std::uint32_t columns) {
  scenario::Scenario s;
  s.mutable_frames()->set_rows(rows);
  s.mutable_frames()->set_columns(columns);
  s.mutable_frames()->set_dose_e_per_px(kDose);
  s.mutable_specimen()->set_field_nm(std::max(rows, columns) * kPixelNm);
  s.mutable_specimen()->set_column_nm(6);
  s.mutable_specimen()->set_channel_nm(0);
  s.mutable_specimen()->set_packing_nm(3);
  s.mutable_hrtem()->set_pixel_nm(kPixelNm);
  s.mutable_hrtem()->set_contrast(0.1);
  s.mutable_hrtem()->mutable_relaxation()->set_tau_s(kNeverS);
  return s;
}

std::shared_ptr<Specimen> specimen(const scenario::Scenario& s) {
  return std::make_shared<Specimen>(s.specimen(), s.seed());
}

Exposure at(double time_s, double temperature_c = 400) {
  Exposure exposure;
  exposure.start_s = time_s;
  exposure.end_s = time_s;
  exposure.temperature_c = temperature_c;
  return exposure;
}

std::vector<float> image(HrtemMode& mode, const scenario::Scenario& s, const Exposure& exposure) {
  std::vector<float> electrons(std::size_t{s.frames().rows()} * s.frames().columns());
  mode.expected_electrons(exposure, electrons);
  return electrons;
}

std::vector<float> first_image(const scenario::Scenario& s) {
  HrtemMode mode(s, specimen(s), 1);
  return image(mode, s, at(0));
}

double mean(const std::vector<float>& values) {
  double sum = 0;
  for (const float value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double covariance(const std::vector<float>& a, const std::vector<float>& b) {
  const double mean_a = mean(a);
  const double mean_b = mean(b);
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - mean_a) * (b[i] - mean_b);
  return sum / static_cast<double>(a.size());
}

double correlation(const std::vector<float>& a, const std::vector<float>& b) {
  return covariance(a, b) / std::sqrt(covariance(a, a) * covariance(b, b));
}

std::vector<float> difference(const std::vector<float>& a, const std::vector<float>& b) {
  std::vector<float> result(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) result[i] = a[i] - b[i];
  return result;
}

// Fourier coefficient of an image over the mean dose, (1/N) sum I exp(-2 pi i k r), positions of pixels as
// documented.
std::complex<double> coefficient(const std::vector<float>& electrons, std::size_t columns, double kx,
                                 double ky) {
  std::complex<double> sum = 0;
  const std::size_t rows = electrons.size() / columns;
  for (std::size_t row = 0; row < rows; ++row) {
    std::complex<double> line = 0;
    for (std::size_t column = 0; column < columns; ++column) {
      line += static_cast<double>(electrons[row * columns + column]) *
              std::polar(1.0, -kTwoPi * kx * (static_cast<double>(column) + 0.5) * kPixelNm);
    }
    sum += line * std::polar(1.0, -kTwoPi * ky * (static_cast<double>(row) + 0.5) * kPixelNm);
  }
  return sum / (kDose * static_cast<double>(electrons.size()));
}

double mean_factor_nm(double k) {  // of the default glass
  return 0.6 * scattering_factor_nm(Element::kCu, k) + 0.4 * scattering_factor_nm(Element::kZr, k);
}

double weight(Element element) {
  return scattering_factor_nm(element, 4.3) / mean_factor_nm(4.3);
}

// Phase shift per atom and nm^2 over the scattering factor: gamma lambda (Kirkland 2010, eq. 5.15 and 5.20),
// 300 kV.
constexpr double kPhaseNm = (1 + 300 / 510.99895) * 1.9687489e-3;

// Values of the equations in hrtem.h from a separate program in another language.
TEST(Lens, TransferIsTheClosedForm) {
  const Lens corrected{scenario::Hrtem()};
  EXPECT_NEAR(corrected.contrast_transfer(4.3, 12), 1.840214404, 1e-8);
  EXPECT_NEAR(corrected.contrast_transfer(7.5, 12), -0.866084327, 1e-8);
  EXPECT_NEAR(corrected.contrast_transfer(2, 5.33), 0.260342870, 1e-8);
  EXPECT_EQ(corrected.contrast_transfer(0, 12), 0);
  scenario::Hrtem settings;
  settings.set_high_tension_kv(200);
  settings.set_cs_um(1200);
  settings.set_focal_spread_nm(5);
  settings.set_convergence_mrad(0.5);
  EXPECT_NEAR(Lens(settings).contrast_transfer(4.3, -60), 1.136970985, 1e-8);
}

TEST(Lens, InformationLimitIsWhereTheFocalSpreadLeavesOneInTenThousand) {
  scenario::Hrtem settings;
  settings.set_convergence_mrad(0);
  settings.set_cs_um(0);
  const Lens lens(settings);
  const double k2 = lens.information_limit_inv_nm2();
  // A defocus at which sin(chi) = 1.
  const double defocus_nm = 0.5 / (k2 * 1.9687489e-3);
  EXPECT_NEAR(lens.contrast_transfer(std::sqrt(k2), defocus_nm), 2e-4, 2e-9);
}

TEST(Hrtem, DoseIsTheMeanAndContrastTheDeviation) {
  const scenario::Scenario s = glass(128, 128);
  HrtemMode mode(s, specimen(s), 1);
  Exposure exposure = at(0);
  exposure.dose_scale = 0.5;
  const std::vector<float> electrons = image(mode, s, exposure);
  EXPECT_NEAR(mean(electrons), kDose / 2, 1e-4 * kDose);  // transforms in single precision
  EXPECT_NEAR(std::sqrt(covariance(electrons, electrons)) / mean(electrons), 0.1, 1e-4);
}

TEST(Hrtem, NoPixelIsDarkerThanTwoPercent) {
  scenario::Scenario s = glass(128, 128);
  s.mutable_hrtem()->set_contrast(0.5);
  const std::vector<float> electrons = first_image(s);
  EXPECT_FLOAT_EQ(*std::ranges::min_element(electrons), static_cast<float>(0.02 * kDose));
}

// Frames that are not square, so that a mistaken axis shows. The bins lie on the ring and around it.
TEST(Hrtem, DriftMovesTheImageByFractionsOfAPixel) {
  const scenario::Scenario s = glass(96, 131);
  HrtemMode mode(s, specimen(s), 1);
  const std::vector<float> still = image(mode, s, at(0));
  Exposure exposure = at(1);
  exposure.shift_row_nm = 0.013;
  exposure.shift_column_nm = -0.087;
  const std::vector<float> moved = image(mode, s, exposure);
  for (const auto& [column_bin, row_bin] : {std::array{28, 3}, {3, -20}, {-17, 14}, {9, 19}, {20, -11}}) {
    const double kx = column_bin / (131 * kPixelNm);
    const double ky = row_bin / (96 * kPixelNm);
    const auto expected =
        coefficient(still, 131, kx, ky) *
        std::polar(1.0, -kTwoPi * (kx * exposure.shift_column_nm + ky * exposure.shift_row_nm));
    // The deviation, 0.1, spreads over some 3000 bins: 2e-3 each.
    EXPECT_LT(std::abs(coefficient(moved, 131, kx, ky) - expected), 1e-6) << column_bin << ' ' << row_bin;
    EXPECT_GT(std::abs(expected), 2e-5) << "nothing to be seen there";
  }
}

// Structure factor of the packing seen along its axes, at the box's own wave vectors k = (h, k) / edge, by
// direct sums:
// <|sum w exp(-2 pi i k r)|^2> / N in rings of 1 / edge.
std::vector<double> structure_factor(const Packing& packing, int rings) {
  std::vector<double> power(static_cast<std::size_t>(rings));
  std::vector<int> count(power.size());
  for (std::size_t axis = 0; axis < 3; ++axis) {
    for (int h = -rings; h <= rings; ++h) {
      for (int k = 0; k <= rings; ++k) {
        const auto ring = static_cast<std::size_t>(std::lround(std::hypot(h, k)));
        if (ring >= power.size()) continue;
        std::complex<double> sum = 0;
        for (const Atom& atom : packing.atoms()) {
          const std::array<double, 3> r{atom.x_nm, atom.y_nm, atom.z_nm};
          sum +=
              std::polar(weight(atom.element),
                         -kTwoPi * (h * r.at((axis + 1) % 3) + k * r.at((axis + 2) % 3)) / packing.edge_nm());
        }
        power[ring] += std::norm(sum) / static_cast<double>(packing.atoms().size());
        ++count[ring];
      }
    }
  }
  for (std::size_t i = 0; i < power.size(); ++i) power[i] /= count[i];
  return power;
}

// The variance of the image within the first ring, against sum |A phase f 2 sin(chi) E|^2 n t S / area over
// the frame's wave vectors. Slabs add up incoherently. A slab of 20/3 nm shows the whole box of 3 nm.
TEST(Hrtem, GlassHasTheRingOfThePackingUnderTheTransferOfTheLens) {
  scenario::Scenario s = glass(256, 256);
  const auto film = specimen(s);
  HrtemMode mode(s, film, 1);
  const std::vector<float> electrons = image(mode, s, at(0));
  const std::vector<double> s_of_k = structure_factor(film->packing(), 20);
  const Lens lens(s.hrtem());
  const double edge_nm = 256 * kPixelNm;
  const double atoms_per_nm2 = film->packing().number_density_per_nm3() * 20.0 / 3;
  double seen = 0;
  double expected = 0;
  std::array<double, 5> band{};  // 3.1 ... 5.6, for the place of the crest
  for (int h = -72; h <= 72; ++h) {
    for (int k = 0; k <= 72; k += 6) {  // a sixth of the rows is enough
      const double length = std::hypot(h, k) / edge_nm;
      if (length < 3.1 || length >= 5.6) continue;
      const double power = std::norm(coefficient(electrons, 256, h / edge_nm, k / edge_nm));
      seen += power;
      band.at(static_cast<std::size_t>((length - 3.1) / 0.5)) += power / length;
      double transfer2 = 0;
      for (const double z_nm : {-20.0 / 3, 0.0, 20.0 / 3}) {
        const double amplitude = mode.amplitude_scale() * kPhaseNm * mean_factor_nm(length) *
                                 lens.contrast_transfer(length, 12 - z_nm);
        transfer2 += amplitude * amplitude;
      }
      const double ring = length * film->packing().edge_nm();
      const auto below = static_cast<std::size_t>(ring);
      const double factor =
          s_of_k[below] + (ring - static_cast<double>(below)) * (s_of_k[below + 1] - s_of_k[below]);
      expected += transfer2 * atoms_per_nm2 * factor / (edge_nm * edge_nm);
    }
  }
  // 1300 wave vectors of exponential power, of which the windows leave one in about four independent, and 192
  // patches of 24 textures: 6 %, and a tolerance of a little over two of these.
  EXPECT_NEAR(seen / expected, 1, 0.14);
  EXPECT_EQ(std::ranges::max_element(band) - band.begin(), 2) << "3.1 + 2 * 0.5 <= k < 4.6";
}

// Each patch is renewed at random: 8 slabs of 8 x 8 patches and 6 pairs of frames make 3072 trials, so a
// standard error of sqrt(p (1 - p) / 3072) < 0.009, and the correlation by chance of 24 textures.
double correlation_after(scenario::Scenario s, double step_s, double even_c, double odd_c) {
  s.mutable_hrtem()->set_slabs(8);
  HrtemMode mode(s, specimen(s), 1);
  std::vector<float> before = image(mode, s, at(0, even_c));
  double sum = 0;
  for (int i = 1; i <= 6; ++i) {
    std::vector<float> now = image(mode, s, at(i * step_s, i % 2 == 0 ? even_c : odd_c));
    sum += correlation(before, now) / 6;
    before = std::move(now);
  }
  return sum;
}

TEST(Hrtem, SpeckleLivesAsLongAsSet) {
  scenario::Scenario s = glass(256, 256);
  s.mutable_hrtem()->mutable_relaxation()->set_tau_s(100);
  EXPECT_NEAR(correlation_after(s, 50, 350, 350), std::exp(-0.5), 0.03);
  EXPECT_NEAR(correlation_after(s, 5, 350, 350), std::exp(-0.05), 0.02);
}

TEST(Hrtem, SpeckleLivesShorterWhenHot) {
  scenario::Scenario s = glass(256, 256);
  s.mutable_hrtem()->mutable_relaxation()->set_tau_s(100);
  s.mutable_hrtem()->mutable_relaxation()->set_activation_ev(1);
  // 1 eV from 350 to 400 deg C: exp(-11604.518 K (1 / 623.15 K - 1 / 673.15 K)) = 0.25086.
  EXPECT_NEAR(correlation_after(s, 25.086, 400, 400), std::exp(-1), 0.03);
  // Between the two the rate is their mean, (1 + 1 / 0.25086) / 2 per 100 s.
  EXPECT_NEAR(correlation_after(s, 40.112, 350, 400), std::exp(-1), 0.03);
}

TEST(Hrtem, SpeckleInChannelsHasItsOwnLifetime) {
  scenario::Scenario s = glass(256, 256);
  s.mutable_specimen()->set_channel_nm(20);  // nothing but channel
  s.mutable_specimen()->set_channel_density(1);
  s.mutable_hrtem()->mutable_relaxation()->set_tau_s(100);
  s.mutable_hrtem()->mutable_relaxation()->set_channel_tau_factor(0.2);
  EXPECT_NEAR(correlation_after(s, 10, 350, 350), std::exp(-0.5), 0.03);
}

// exp(-3) = 0.05 if all columns were alike; with ln tau spread by 2, E exp(-3 e^(2 g)) = 0.24 on average over
// many.
TEST(Hrtem, SpeckleOfSomeColumnsOutlivesThatOfOthers) {
  scenario::Scenario s = glass(256, 256);
  s.mutable_specimen()->set_column_nm(3);
  s.mutable_hrtem()->mutable_relaxation()->set_tau_s(100);
  EXPECT_LT(correlation_after(s, 300, 350, 350), 0.08);
  s.mutable_hrtem()->mutable_relaxation()->set_ln_tau_spread(2);
  EXPECT_GT(correlation_after(s, 300, 350, 350), 0.15);
}

// Power of what is new from frame to frame, in the middle of channels of half the density and in cores.
// Patches reach 1.5 nm, so those seen here have their middle in the same region. Some 10^3 speckles each: 5
// %.
TEST(Hrtem, SpeckleInChannelsIsWeaker) {
  scenario::Scenario s = glass(256, 256);
  s.mutable_specimen()->set_column_nm(12.8);
  s.mutable_specimen()->set_channel_nm(5);
  s.mutable_specimen()->set_channel_density(0.5);
  s.mutable_hrtem()->mutable_relaxation()->set_tau_s(0.01);
  const auto film = specimen(s);
  HrtemMode mode(s, film, 1);
  std::vector<float> before = image(mode, s, at(0));
  double power[2] = {};
  double count[2] = {};
  for (int frame = 1; frame <= 8; ++frame) {
    std::vector<float> now = image(mode, s, at(frame));
    for (std::size_t i = 0; i < now.size(); ++i) {
      const double to_wall_nm = film->film()
                                    .at((static_cast<double>(i % 256) + 0.5) * kPixelNm,
                                        (static_cast<double>(i / 256) + 0.5) * kPixelNm)
                                    .to_wall_nm;
      if (to_wall_nm > 0.8 && to_wall_nm < 4.2) continue;
      const std::size_t core = to_wall_nm > 1 ? 1 : 0;
      power[core] += std::pow(now[i] - before[i], 2);
      ++count[core];
    }
    before = std::move(now);
  }
  EXPECT_NEAR(power[0] / count[0] / (power[1] / count[1]), 0.5, 0.075);
}

// Brightness alone. In the middle of a wide channel and far from it the soft wall has died out.
TEST(Hrtem, ChannelsAreBrighter) {
  scenario::Scenario s = glass(256, 256);
  s.mutable_specimen()->set_channel_nm(2);
  s.mutable_hrtem()->set_contrast(0);
  const auto film = specimen(s);
  HrtemMode mode(s, film, 1);
  const std::vector<float> electrons = image(mode, s, at(0));
  EXPECT_NEAR(mean(electrons), kDose, 1e-4 * kDose);
  double lowest_channel = 1e9;
  double highest_channel = 0;
  double lowest_core = 1e9;
  double highest_core = 0;
  for (std::size_t i = 0; i < electrons.size(); ++i) {
    const double x_nm = (static_cast<double>(i % 256) + 0.5) * kPixelNm;
    const double y_nm = (static_cast<double>(i / 256) + 0.5) * kPixelNm;
    const double to_wall_nm = film->film().at(x_nm, y_nm).to_wall_nm;
    if (to_wall_nm < 0.1) lowest_channel = std::min<double>(lowest_channel, electrons[i]);
    if (to_wall_nm < 0.1) highest_channel = std::max<double>(highest_channel, electrons[i]);
    if (to_wall_nm > 2) lowest_core = std::min<double>(lowest_core, electrons[i]);
    if (to_wall_nm > 2) highest_core = std::max<double>(highest_core, electrons[i]);
  }
  EXPECT_NEAR(lowest_channel / highest_core, 1.15, 0.002);
  EXPECT_NEAR(highest_channel / lowest_core, 1.15, 0.002);
}

// Nuclei of B2 that are born with their full radius: at 400 deg C one per second on average, at 350 a
// thousandth of that, exp(-5 eV / k (1 / 623.15 K - 1 / 673.15 K)).
scenario::Scenario crystallizing(double radius_nm) {
  scenario::Scenario s = glass(256, 256);
  scenario::Crystallization& law = *s.mutable_specimen()->mutable_crystallization();
  law.set_per_um2_s(0.001 / (12.8 * 12.8 * 1e-6));
  law.set_nucleation_ev(5);
  law.set_growth_ev(0);
  law.set_growth_nm_per_s(0);
  law.set_first_radius_nm(radius_nm);
  law.set_largest_nm(8);
  law.set_cu10zr7(0);
  law.set_monoclinic_zro2(0);
  return s;
}

struct Wave {
  double kx = 0;
  double ky = 0;
  double length() const { return std::hypot(kx, ky); }
};

// The wave vector of the frame next to a {110} reflection that a nucleus shows: its reciprocal vector leaves
// the image plane by less than half the width of the spot, 1 / diameter. 0 where there is none.
Wave visible_wave(const Nucleus& nucleus) {
  Wave wave;
  for (const Reflection& reflection : reflections(nucleus.phase, 4.8)) {
    const auto& g = reflection.g_inv_nm;
    const Rotation& turn = nucleus.rotation;
    const auto along = [&](std::size_t i) {
      return turn.at(3 * i) * g[0] + turn.at(3 * i + 1) * g[1] + turn.at(3 * i + 2) * g[2];
    };
    if (std::hypot(g[0], g[1], g[2]) < 4 || std::abs(along(2)) > 1 / (4 * nucleus.radius_nm)) continue;
    wave = {std::round(along(0) * 12.8) / 12.8, std::round(along(1) * 12.8) / 12.8};
  }
  return wave;
}

// A seed with one nucleus that is wanted.
template <typename Wanted>
scenario::Scenario one_nucleus(double radius_nm, Wanted wanted) {
  scenario::Scenario s = crystallizing(radius_nm);
  for (std::uint64_t seed = 1; seed < 1000; ++seed) {
    const Film film(s.specimen(), seed);
    Crystallization crystallization(s.specimen(), film, seed);
    crystallization.advance(1, [](double) { return 400.0; });
    s.set_seed(seed);
    if (crystallization.nuclei().size() == 1 && wanted(crystallization.nuclei()[0])) return s;
  }
  ADD_FAILURE() << "no such seed";
  return s;
}

// Away from the film's middle plane, so that the sign of the slab's own defocus shows.
bool shows_fringes_off_the_middle(const Nucleus& nucleus) {
  const double off_nm = std::abs(nucleus.z_nm - 10);
  return off_nm > 5 && off_nm < 8 && visible_wave(nucleus).length() > 0;
}

const scenario::Scenario& fringes_off_the_middle() {
  static const scenario::Scenario kScenario = one_nucleus(2, shows_fringes_off_the_middle);
  return kScenario;
}

// Horizontal distances from an axis, in a field of 12.8 nm that repeats.
double distance_nm(const Point& axis, double x_nm, double y_nm) {
  return std::hypot(std::remainder(x_nm - axis.x_nm, 12.8), std::remainder(y_nm - axis.y_nm, 12.8));
}

// Mean square of the pixels whose distance from an axis is in [from, to).
double mean_square(const std::vector<float>& values, const Point& axis, double from_nm, double to_nm) {
  double sum = 0;
  int count = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double r = distance_nm(axis, (static_cast<double>(i % 256) + 0.5) * kPixelNm,
                                 (static_cast<double>(i / 256) + 0.5) * kPixelNm);
    if (r < from_nm || r >= to_nm) continue;
    sum += static_cast<double>(values[i]) * values[i];
    ++count;
  }
  return sum / count;
}

// Sum of w 2 sin(chi) E exp(-2 pi i k r) over the atoms of nuclei in a film of three slabs. With `shared` no
// atom counts that lies in a nucleus born earlier.
std::complex<double> crystal_wave(const Lens& lens, std::span<const Nucleus> nuclei, const Wave& wave,
                                  bool shared) {
  std::complex<double> sum = 0;
  for (std::size_t i = 0; i < nuclei.size(); ++i) {
    std::vector<Atom> atoms;
    append_sphere(nuclei[i].phase, nuclei[i].rotation, 0, nuclei[i].radius_nm, atoms);
    for (const Atom& atom : atoms) {
      const double x = nuclei[i].position.x_nm + atom.x_nm;
      const double y = nuclei[i].position.y_nm + atom.y_nm;
      const double z = nuclei[i].z_nm + atom.z_nm;
      const auto holds = [&](const Nucleus& earlier) {
        return std::hypot(distance_nm(earlier.position, x, y), z - earlier.z_nm) < earlier.radius_nm;
      };
      if (z < 0 || z >= 20 || (shared && std::ranges::any_of(nuclei.first(i), holds))) continue;
      const int slab = static_cast<int>(z / (20.0 / 3));
      sum += weight(atom.element) * lens.contrast_transfer(wave.length(), 12 - (slab - 1) * 20.0 / 3) *
             std::polar(1.0, -kTwoPi * (wave.kx * x + wave.ky * y));
    }
  }
  return sum;
}

TEST(Hrtem, ANucleusShowsItsLatticeWithTheTransferOfItsDepth) {
  const scenario::Scenario& s = fringes_off_the_middle();
  auto film = specimen(s);
  HrtemMode mode(s, film, 1);
  const std::vector<float> before = image(mode, s, at(0));
  film->advance(1, [](double) { return 400.0; });
  const std::vector<float> change = difference(image(mode, s, at(1)), before);
  ASSERT_EQ(film->nuclei().size(), 1u);
  const Nucleus& nucleus = film->nuclei()[0];

  const Wave wave = visible_wave(nucleus);
  const double k = wave.length();
  std::complex<double> expected = crystal_wave(Lens(s.hrtem()), film->nuclei(), wave, false);
  EXPECT_GT(std::abs(expected), 500) << "nothing to be seen of some 2000 atoms";
  expected *= mode.amplitude_scale() * kPhaseNm * mean_factor_nm(k) / (12.8 * 12.8);
  const std::complex<double> seen = coefficient(change, 256, wave.kx, wave.ky);
  // The glass in its place was weakened by at most a third: some 30 atoms of over 500 in phase.
  EXPECT_LT(std::abs(seen - expected), 0.06 * std::abs(expected)) << seen << ' ' << expected;

  const double within = nucleus.radius_nm + 0.5;
  EXPECT_LT(mean_square(change, nucleus.position, within, 10),
            1e-3 * mean_square(change, nucleus.position, 0, within));
}

// A ball of 2000 atoms would be seen at small k; what a whole film shows is only how it differs from the
// glass.
TEST(Hrtem, ANucleusHasTheMeanDensityOfTheGlass) {
  const scenario::Scenario& s = fringes_off_the_middle();
  auto film = specimen(s);
  HrtemMode mode(s, film, 1);
  const std::vector<float> before = image(mode, s, at(0));
  film->advance(1, [](double) { return 400.0; });
  const std::vector<float> change = difference(image(mode, s, at(1)), before);
  for (const Wave wave : {Wave{1 / 12.8, 0}, {0, 2 / 12.8}, {-1 / 12.8, 2 / 12.8}}) {
    const double ball = mode.amplitude_scale() * kPhaseNm * mean_factor_nm(wave.length()) / (12.8 * 12.8) *
                        std::abs(crystal_wave(Lens(s.hrtem()), film->nuclei(), wave, false));
    EXPECT_LT(std::abs(coefficient(change, 256, wave.kx, wave.ky)), 0.1 * ball);
  }
}

TEST(Hrtem, WhereNucleiMeetTheSpaceIsTheFirstOnes) {
  scenario::Scenario s = crystallizing(3);
  s.mutable_specimen()->mutable_crystallization()->set_per_um2_s(0.01 / (12.8 * 12.8 * 1e-6));
  auto film = specimen(s);
  HrtemMode mode(s, film, 1);
  const std::vector<float> before = image(mode, s, at(0));
  film->advance(1, [](double) { return 400.0; });
  const std::vector<float> change = difference(image(mode, s, at(1)), before);
  const Lens lens(s.hrtem());
  Wave wave;
  double most = 0;
  for (const Nucleus& nucleus : film->nuclei()) {
    const Wave visible = visible_wave(nucleus);
    const double lost = std::abs(crystal_wave(lens, film->nuclei(), visible, true) -
                                 crystal_wave(lens, film->nuclei(), visible, false));
    if (lost > most) wave = visible, most = lost;
  }
  const double scale = mode.amplitude_scale() * kPhaseNm * mean_factor_nm(wave.length()) / (12.8 * 12.8);
  // The glass that is gone is at most all of it: some sqrt(3 N) of its N atoms in phase, a transfer of 2.
  const double glass = scale * 2 * std::sqrt(3 * 57 * 12.8 * 12.8 * 20);
  const std::complex<double> seen = coefficient(change, 256, wave.kx, wave.ky);
  EXPECT_LT(std::abs(seen - scale * crystal_wave(lens, film->nuclei(), wave, true)), glass);
  EXPECT_GT(scale * most, 2 * glass) << "nuclei that do not meet prove nothing";
}

// Speckle that is new in every frame, seen through half a film of crystal: its power is the glass' share of
// the thickness. 11 differences of some 150 speckles within 2 nm make 4 %.
TEST(Hrtem, GlassIsWeakerWhereThereIsCrystal) {
  scenario::Scenario s =
      one_nucleus(5, [](const Nucleus& nucleus) { return std::abs(nucleus.z_nm - 10) < 4; });
  s.mutable_hrtem()->set_slabs(1);
  s.mutable_hrtem()->mutable_relaxation()->set_tau_s(0.01);
  auto film = specimen(s);
  film->advance(1, [](double) { return 400.0; });
  const Nucleus& nucleus = film->nuclei()[0];
  HrtemMode mode(s, film, 1);
  std::vector<float> before = image(mode, s, at(1));
  double inside = 0;
  double outside = 0;
  for (int i = 2; i <= 12; ++i) {
    std::vector<float> now = image(mode, s, at(i));
    inside += mean_square(difference(now, before), nucleus.position, 0, 2);
    outside += mean_square(difference(now, before), nucleus.position, 5.5, 10);
    before = std::move(now);
  }
  // Mean of 1 - 2 sqrt(R^2 - r^2) / 20 nm over r < 2 nm.
  const double glass = 1 - 2.0 / 3 * (125 - std::pow(21, 1.5)) * 2 / (4 * 20);
  EXPECT_NEAR(inside / outside, glass, 0.12 * glass);
}

// A nucleus through the whole film leaves nothing of the motifs in its place.
TEST(Hrtem, ANucleusSwallowsMotifs) {
  scenario::Scenario s =
      one_nucleus(5, [](const Nucleus& nucleus) { return std::abs(nucleus.z_nm - 10) < 0.5; });
  s.mutable_specimen()->set_thickness_nm(8);
  s.mutable_hrtem()->set_slabs(1);
  const auto image_at = [&s](double time_s) {
    auto film = specimen(s);
    film->advance(time_s, [](double) { return 400.0; });
    HrtemMode mode(s, film, 1);
    return image(mode, s, at(time_s));
  };
  const std::vector<float> glass = image_at(0);
  const std::vector<float> crystal = image_at(1);
  scenario::Motif& motif = *s.mutable_specimen()->add_motif();
  motif.set_kind(scenario::Motif::SIXFOLD);
  motif.set_height_nm(4);
  motif.set_per_nm2_core(0.1);
  auto film = specimen(s);
  film->advance(1, [](double) { return 400.0; });
  ASSERT_EQ(film->nuclei().size(), 1u);
  const Point axis = film->nuclei()[0].position;
  EXPECT_GT(mean_square(difference(image_at(0), glass), axis, 0, 2), 1) << "no motifs to be swallowed";
  EXPECT_LT(mean_square(difference(image_at(1), crystal), axis, 0, 2), 1e-2);
}

// Grown in many steps or drawn at once: shells add up, and so do the motifs that are swallowed. At the rim of
// the sphere the rounding of x, 2e-7 nm, moves a chord by sqrt(2 R 2e-7 nm) ~ 1e-3 nm of the film's 20; one
// atom changes a pixel by some 0.02.
TEST(Hrtem, ShellsAddUpToTheSphere) {
  scenario::Scenario s = one_nucleus(0.5, [](const Nucleus&) { return true; });
  s.mutable_specimen()->mutable_crystallization()->set_growth_nm_per_s(0.2);
  s.mutable_specimen()->mutable_crystallization()->set_largest_nm(2);
  scenario::Motif& motif = *s.mutable_specimen()->add_motif();
  motif.set_kind(scenario::Motif::FOURFOLD);
  motif.set_per_nm2_core(0.2);
  const auto grown = specimen(s);
  const auto temperature_c = [](double time_s) { return time_s <= 1 ? 400.0 : 350.0; };
  HrtemMode slow(s, grown, 1);
  std::vector<float> in_steps;
  for (double time_s = 0; time_s <= 12; time_s += 1) {
    grown->advance(time_s, temperature_c);
    in_steps = image(slow, s, at(time_s));
  }
  HrtemMode sudden(s, grown, 1);
  const std::vector<float> at_once = image(sudden, s, at(12));
  ASSERT_EQ(grown->nuclei().size(), 1u);
  ASSERT_DOUBLE_EQ(grown->nuclei()[0].radius_nm, 2);
  for (std::size_t i = 0; i < at_once.size(); ++i) ASSERT_NEAR(in_steps[i], at_once[i], 5e-4 * kDose) << i;
}

TEST(Hrtem, MotifsShowWhereTheyArePlanted) {
  scenario::Scenario s = glass(256, 256);
  const std::vector<float> without = first_image(s);
  scenario::Motif& motif = *s.mutable_specimen()->add_motif();
  motif.set_kind(scenario::Motif::SIXFOLD);
  motif.set_per_nm2_core(0.03);
  const auto film = specimen(s);
  ASSERT_GE(film->motifs().size(), 1u);
  HrtemMode mode(s, film, 1);
  const std::vector<float> change = difference(image(mode, s, at(0)), without);
  double inside = 0;
  double all = 0;
  std::size_t pixels = 0;
  for (std::size_t i = 0; i < change.size(); ++i) {
    const double x_nm = (static_cast<double>(i % 256) + 0.5) * kPixelNm;
    const double y_nm = (static_cast<double>(i / 256) + 0.5) * kPixelNm;
    const auto near = [&](const PlantedMotif& planted) {
      const double dx = std::remainder(x_nm - planted.position.x_nm, 12.8);
      const double dy = std::remainder(y_nm - planted.position.y_nm, 12.8);
      return std::hypot(dx, dy) < planted.radius_nm + 0.5;
    };
    const double power = static_cast<double>(change[i]) * change[i];
    all += power;
    if (std::ranges::any_of(film->motifs(), near)) inside += power, ++pixels;
  }
  EXPECT_GT(inside, 0.95 * all);
  // Atoms in columns add up: their image is stronger than that of the glass, whose deviation is 0.1.
  EXPECT_GT(std::sqrt(inside / static_cast<double>(pixels)), 0.15 * kDose);
}

TEST(Hrtem, TheSameBitsFromAnyNumberOfThreads) {
  scenario::Scenario s = crystallizing(1);
  s.mutable_frames()->set_rows(90);
  s.mutable_frames()->set_columns(131);
  s.mutable_specimen()->set_channel_nm(1.5);
  s.mutable_hrtem()->mutable_relaxation()->set_tau_s(3);
  const auto film = specimen(s);
  HrtemMode one(s, film, 1);
  HrtemMode three(s, film, 3);
  std::vector<float> first;
  std::vector<float> last;
  for (int i = 0; i < 4; ++i) {
    film->advance(i, [](double) { return 400.0; });
    Exposure exposure = at(i);
    exposure.shift_row_nm = 0.01 * i;
    exposure.defocus_nm = 0.1 * i;
    const std::vector<float> electrons = image(one, s, exposure);
    EXPECT_EQ(electrons, image(three, s, exposure));
    if (i == 0) first = electrons;
    last = electrons;
  }
  EXPECT_LT(correlation(first, last), 0.8);
  s.set_seed(2);
  HrtemMode other(s, specimen(s), 1);
  EXPECT_LT(std::abs(correlation(first, image(other, s, at(0)))), 0.2);
}

TEST(Hrtem, DescribesTheOpticsAndPlantsTheRegions) {
  scenario::Scenario s = glass(96, 128);
  s.mutable_specimen()->set_channel_nm(1.5);
  const auto film = specimen(s);
  const HrtemMode mode(s, film, 1);
  stream::SeriesStart start;
  mode.describe(start);
  EXPECT_EQ(start.optics().mode(), stream::IMAGE);
  EXPECT_EQ(start.optics().high_tension_kv(), 300);
  EXPECT_EQ(start.optics().defocus_nm(), 12);
  EXPECT_EQ(start.optics().pixel_size(), kPixelNm);
  EXPECT_EQ(start.optics().pixel_unit(), "nm");
  const std::vector<TruthMap> maps = mode.truth_maps();
  ASSERT_EQ(maps.size(), 2u);
  EXPECT_EQ(maps[0].name, "region");
  EXPECT_EQ(maps[1].name, "tau_s");
  ASSERT_EQ(maps[0].rows, 96u);
  ASSERT_EQ(maps[0].columns, 128u);
  ASSERT_EQ(maps[0].values.size(), 96u * 128u);
  for (std::size_t row = 5; row < 96; row += 30) {
    for (std::size_t column = 0; column < 128; ++column) {
      const Region region =
          film->film()
              .at((static_cast<double>(column) + 0.5) * kPixelNm, (static_cast<double>(row) + 0.5) * kPixelNm)
              .region;
      ASSERT_EQ(maps[0].values[row * 128 + column], static_cast<float>(region));
    }
  }
}

}  // namespace
}  // namespace glasswatch::simulation
