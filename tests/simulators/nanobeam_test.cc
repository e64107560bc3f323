#include "simulators/imaging/nanobeam.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

#include "simulators/random.h"

namespace glasswatch::simulation {
namespace {

constexpr double kPi = std::numbers::pi;

double row_of(std::size_t px) {
  return std::floor(static_cast<double>(px) / 96);
}
double column_of(std::size_t px) {
  return static_cast<double>(px % 96);
}

// A small film of one column, nothing but the elastic pattern.
scenario::Scenario small_scenario() {
  scenario::Scenario scenario;
  scenario.set_seed(5);
  scenario.mutable_frames()->set_rows(96);
  scenario.mutable_frames()->set_columns(96);
  scenario.mutable_frames()->set_dose_e_per_px(50);
  auto& film = *scenario.mutable_specimen();
  film.set_field_nm(12);
  film.set_column_nm(12);
  film.set_channel_nm(0);
  film.set_thickness_nm(4);
  film.set_packing_nm(3);
  auto& beam = *scenario.mutable_nanobeam();
  beam.set_k_per_px_inv_nm(0.13);
  beam.set_scan_rows(4);
  beam.set_scan_columns(5);
  beam.set_background(0);
  beam.set_central_beam(0);
  return scenario;
}

std::shared_ptr<Specimen> specimen_of(const scenario::Scenario& scenario) {
  return std::make_shared<Specimen>(scenario.specimen(), scenario.seed());
}

std::vector<float> pattern(NanobeamMode& mode, const scenario::Scenario& scenario,
                           const Exposure& exposure = {}) {
  std::vector<float> electrons(std::size_t{scenario.frames().rows()} * scenario.frames().columns());
  mode.expected_electrons(exposure, electrons);
  return electrons;
}

std::vector<float> pattern(const scenario::Scenario& scenario, const Exposure& exposure = {},
                           int threads = 1) {
  NanobeamMode mode(scenario, specimen_of(scenario), threads);
  return pattern(mode, scenario, exposure);
}

// Exposure at a place of the specimen.
Exposure at(const NanobeamMode& mode, const Point& place) {
  const Point origin = mode.probe_position({});
  Exposure exposure;
  exposure.shift_row_nm = origin.y_nm - place.y_nm;
  exposure.shift_column_nm = origin.x_nm - place.x_nm;
  return exposure;
}

// A scan is centred on the field.
Exposure in_scan(const scenario::Nanobeam& beam, std::uint32_t row, std::uint32_t column) {
  Exposure exposure;
  exposure.scan_row = row;
  exposure.scan_column = column;
  exposure.probe_row_nm = (row - (beam.scan_rows() - 1) / 2.0) * beam.step_nm();
  exposure.probe_column_nm = (column - (beam.scan_columns() - 1) / 2.0) * beam.step_nm();
  return exposure;
}

// The kinematic sum as in nanobeam.h, atom by atom in double precision, with atoms out to 5 s, which is where
// the amplitude is 4e-6.
double direct_intensity(const Specimen& specimen, const scenario::Nanobeam& beam, const Point& probe,
                        double kx, double ky) {
  const double s = beam.probe_nm() / (2 * std::sqrt(std::log(2.0)));
  const double k2 = kx * kx + ky * ky;
  const double forward = std::exp(-2 * kPi * kPi * s * s * k2);
  const double alpha = beam.ewald_curvature() ? kPi * electron_wavelength_nm(beam.high_tension_kv()) * k2 : 0;
  std::vector<Atom> atoms;
  specimen.atoms_near(probe, 5 * s, atoms);
  std::complex<double> psi = 0;
  for (const Atom& atom : atoms) {
    const double x = atom.x_nm;
    const double y = atom.y_nm;
    const double weight =
        scattering_factor_nm(atom.element, std::sqrt(k2)) * std::exp(-(x * x + y * y) / (2 * s * s));
    psi += weight * (std::polar(1.0, -2 * kPi * (kx * x + ky * y)) - forward) *
           std::polar(1.0, alpha * atom.z_nm);
  }
  return std::norm(psi);
}

// k of a pixel by the contract's correction: the component along the major axis divided by the root of the
// ratio, the one across multiplied by it.
std::array<double, 2> wave_vector(const scenario::Nanobeam& beam, double row, double column) {
  const double angle = beam.ellipse_angle_deg() * kPi / 180;
  const double x = column - beam.center_col_px();
  const double y = row - beam.center_row_px();
  const double along = (x * std::cos(angle) + y * std::sin(angle)) / std::sqrt(beam.ellipse_ratio());
  const double across = (y * std::cos(angle) - x * std::sin(angle)) * std::sqrt(beam.ellipse_ratio());
  return {beam.k_per_px_inv_nm() * (along * std::cos(angle) - across * std::sin(angle)),
          beam.k_per_px_inv_nm() * (along * std::sin(angle) + across * std::cos(angle))};
}

// Pixels all over the frame. The scale is fitted, since the dose is another test's matter. What is left is
// the error of the interpolation, of the transform and of leaving out the faintest atoms: stated as 2 % of
// the mean ring at most, 0.5 % root mean square.
void expect_the_direct_sum(const scenario::Scenario& scenario) {
  const auto specimen = specimen_of(scenario);
  NanobeamMode mode(scenario, specimen, 1);
  const Exposure exposure = in_scan(scenario.nanobeam(), 1, 3);
  const auto electrons = pattern(mode, scenario, exposure);
  const Point probe = mode.probe_position(exposure);
  std::vector<double> direct;
  std::vector<double> computed;
  const std::size_t columns = scenario.frames().columns();
  for (std::size_t row = 1; row < scenario.frames().rows(); row += 9) {
    for (std::size_t column = 2; column < columns; column += 10) {
      const auto [kx, ky] =
          wave_vector(scenario.nanobeam(), static_cast<double>(row), static_cast<double>(column));
      direct.push_back(direct_intensity(*specimen, scenario.nanobeam(), probe, kx, ky));
      computed.push_back(electrons[row * columns + column]);
    }
  }
  double cross = 0;
  double square = 0;
  for (std::size_t i = 0; i < direct.size(); ++i) {
    cross += direct[i] * computed[i];
    square += direct[i] * direct[i];
  }
  const double scale = cross / square;
  EXPECT_GT(*std::max_element(computed.begin(), computed.end()), 50) << "no speckle was looked at";
  double worst = 0;
  double squares = 0;
  for (std::size_t i = 0; i < direct.size(); ++i) {
    const double error = computed[i] - scale * direct[i];
    worst = std::max(worst, std::abs(error));
    squares += error * error;
  }
  EXPECT_LT(worst, 0.02 * 50);
  EXPECT_LT(std::sqrt(squares / static_cast<double>(direct.size())), 0.005 * 50);
}

TEST(Nanobeam, IsTheKinematicSumOverTheAtoms) {
  auto scenario = small_scenario();
  scenario.mutable_nanobeam()->set_center_row_px(44.3);
  scenario.mutable_nanobeam()->set_center_col_px(51.8);
  expect_the_direct_sum(scenario);
}

TEST(Nanobeam, IsTheKinematicSumOnAnEllipticPattern) {
  auto scenario = small_scenario();
  scenario.mutable_nanobeam()->set_center_row_px(47.1);
  scenario.mutable_nanobeam()->set_center_col_px(46.2);
  scenario.mutable_nanobeam()->set_ellipse_ratio(1.25);
  scenario.mutable_nanobeam()->set_ellipse_angle_deg(35);
  expect_the_direct_sum(scenario);
}

TEST(Nanobeam, IsTheKinematicSumOnTheCurvedSphere) {
  auto scenario = small_scenario();
  scenario.mutable_specimen()->set_thickness_nm(8);
  scenario.mutable_nanobeam()->set_center_row_px(47.1);
  scenario.mutable_nanobeam()->set_center_col_px(46.2);
  scenario.mutable_nanobeam()->set_ewald_curvature(true);
  expect_the_direct_sum(scenario);
}

TEST(Nanobeam, IsTheKinematicSumWithOxygenInTheProbe) {
  auto scenario = small_scenario();
  auto& film = *scenario.mutable_specimen();
  film.set_column_nm(4);
  film.set_channel_nm(3);  // oxide forms in channels
  auto& law = *film.mutable_crystallization();
  law.set_per_um2_s(1e5);
  law.set_largest_nm(1);
  law.set_growth_nm_per_s(1);
  law.set_b2_cuzr(0);
  law.set_cu10zr7(0);
  law.set_monoclinic_zro2(1);
  scenario.mutable_nanobeam()->set_center_row_px(47.5);
  scenario.mutable_nanobeam()->set_center_col_px(47.5);
  const auto specimen = specimen_of(scenario);
  NanobeamMode mode(scenario, specimen, 1);
  specimen->advance(3, [](double) { return 351.0; });
  const auto oxide = std::find_if(specimen->nuclei().begin(), specimen->nuclei().end(),
                                  [](const Nucleus& n) { return n.phase == Phase::kMonoclinicZrO2; });
  ASSERT_NE(oxide, specimen->nuclei().end());
  const auto electrons = pattern(mode, scenario, at(mode, oxide->position));
  double cross = 0;
  double square = 0;
  double product = 0;
  for (std::size_t i = 7; i < electrons.size(); i += 101) {
    const auto [kx, ky] = wave_vector(scenario.nanobeam(), row_of(i), column_of(i));
    const double direct = direct_intensity(*specimen, scenario.nanobeam(), oxide->position, kx, ky);
    cross += direct * electrons[i];
    square += direct * direct;
    product += double{electrons[i]} * electrons[i];
  }
  // Errors of 1 % of the ring at most, less on average, on patterns whose root mean square is half the
  // ring's.
  EXPECT_GT(cross * cross / (square * product), 1 - 1e-4);
}

TEST(Nanobeam, ObeysFriedelsLawExactlyWhenThePlaneIsFlat) {
  auto scenario = small_scenario();
  scenario.mutable_specimen()->set_thickness_nm(10);
  // Centre by default in the middle of the frame: inversion is the reversed frame. Single precision.
  const auto flat = pattern(scenario);
  double flat_worst = 0;
  for (std::size_t i = 0; i < flat.size(); ++i) {
    flat_worst = std::max(flat_worst, std::abs(double{flat[i]} - flat[flat.size() - 1 - i]));
  }
  EXPECT_LT(flat_worst, 1e-4 * 50);

  scenario.mutable_nanobeam()->set_ewald_curvature(true);
  const auto curved = pattern(scenario);
  double difference = 0;
  double sum = 0;
  for (std::size_t i = 0; i < curved.size(); ++i) {
    difference += std::abs(double{curved[i]} - curved[curved.size() - 1 - i]);
    sum += curved[i];
  }
  EXPECT_GT(difference / sum, 0.05);
}

// |sum over atoms of f exp(-2 pi i k . r)|^2 / N averaged over the reciprocal lattice of the periodic box
// close to |k|.
double box_intensity(const Packing& packing, double k_inv_nm, double half_width_inv_nm) {
  const int highest = static_cast<int>((k_inv_nm + half_width_inv_nm) * packing.edge_nm()) + 1;
  double sum = 0;
  int count = 0;
  for (int h = 0; h <= highest; ++h) {  // half the sphere is enough
    for (int i = -highest; i <= highest; ++i) {
      for (int j = -highest; j <= highest; ++j) {
        const double k = std::sqrt(h * h + i * i + j * j) / packing.edge_nm();
        if (std::abs(k - k_inv_nm) > half_width_inv_nm || (h + i + j) % 5 != 0)
          continue;  // a fifth of them will do
        std::complex<double> wave = 0;
        for (const Atom& a : packing.atoms()) {
          const double turns =
              (h * double{a.x_nm} + i * double{a.y_nm} + j * double{a.z_nm}) / packing.edge_nm();
          wave += std::polar(scattering_factor_nm(a.element, k), -2 * kPi * turns);
        }
        sum += std::norm(wave);
        ++count;
      }
    }
  }
  return sum / count / static_cast<double>(packing.atoms().size());
}

struct Profile {
  static constexpr double kFirst = 2.75;
  static constexpr double kStep = 0.1;
  static double k(std::size_t i) { return kFirst + kStep * static_cast<double>(i); }
  std::array<double, 33> value{};
};

Profile box_profile(const Packing& packing) {
  Profile profile;
  for (std::size_t i = 0; i < profile.value.size(); ++i)
    profile.value[i] = box_intensity(packing, Profile::k(i), 0.12);
  return profile;
}

// The mean pattern of a probe is the glass' one convolved with that of the direct beam, in the plane.
Profile convolved(const Profile& sharp, double sigma_inv_nm) {
  Profile blurred;
  for (std::size_t i = 0; i < blurred.value.size(); ++i) {
    double weights = 0;
    for (double u = -3; u <= 3; u += 0.25) {
      for (double v = -3; v <= 3; v += 0.25) {
        const double k = std::hypot(Profile::k(i) + u * sigma_inv_nm, v * sigma_inv_nm);
        const double place = std::clamp((k - Profile::kFirst) / Profile::kStep, 0.0, 31.999);
        const auto below = static_cast<std::size_t>(place);
        const double rest = place - static_cast<double>(below);
        const double weight = std::exp(-(u * u + v * v) / 2);
        weights += weight;
        blurred.value[i] += weight * ((1 - rest) * sharp.value[below] + rest * sharp.value[below + 1]);
      }
    }
    blurred.value[i] /= weights;
  }
  return blurred;
}

// Centroid of what is above half the crest: steadier than the maximum.
double ring_place(const Profile& profile) {
  const double half = *std::max_element(profile.value.begin(), profile.value.end()) / 2;
  double sum = 0;
  double moment = 0;
  for (std::size_t i = 0; i < profile.value.size(); ++i) {
    sum += std::max(0.0, profile.value[i] - half);
    moment += Profile::k(i) * std::max(0.0, profile.value[i] - half);
  }
  return moment / sum;
}

TEST(Nanobeam, MeanRingLiesWhereThePackingsLiesAndHasTheDose) {
  const auto scenario = small_scenario();
  const auto specimen = specimen_of(scenario);
  NanobeamMode mode(scenario, specimen, 1);
  const Profile expected =
      convolved(box_profile(specimen->packing()), std::sqrt(2 * std::log(2.0)) / (2 * kPi));
  Profile measured;
  std::array<double, 33> pixels{};
  Random random(1, 2, 3);
  for (int i = 0; i < 150; ++i) {
    const auto electrons = pattern(mode, scenario, at(mode, {12 * random.uniform(), 12 * random.uniform()}));
    for (std::size_t px = 0; px < electrons.size(); ++px) {
      const double k = 0.13 * std::hypot(row_of(px) - 47.5, column_of(px) - 47.5);
      const double bin = std::round((k - Profile::kFirst) / Profile::kStep);
      if (bin < 0 || bin > 32) continue;
      measured.value[static_cast<std::size_t>(bin)] += electrons[px];
      pixels[static_cast<std::size_t>(bin)] += 1;
    }
  }
  for (std::size_t i = 0; i < pixels.size(); ++i) measured.value[i] /= pixels[i];
  // About 20 independent speckles along the ring of each pattern: 150 patterns have its height to 2 %, and
  // the calibration's 100 as well; its place to 2 % of its width of 1 nm^-1. Half a pixel is 0.065.
  EXPECT_NEAR(ring_place(measured), ring_place(expected), 0.065);
  EXPECT_NEAR((measured.value[15] + measured.value[16]) / 2, 50, 50 * 0.09)
      << "at 4.3; three standard deviations";
}

// Powers at orders 1 ... 12 over the ring, |sum I exp(-i n phi)|^2 / (sum I)^2 pooled over radii, bilinear
// readings of the pattern (the speckle is 7 px wide, which costs no more than a per cent).
std::array<double, 13> ring_powers(const std::vector<float>& electrons) {
  constexpr int kAngles = 360;
  std::array<double, 13> powers{};
  double squares = 0;
  for (double k = 3.9; k < 4.8; k += 0.05) {
    std::array<std::complex<double>, 13> waves{};
    for (int j = 0; j < kAngles; ++j) {
      const double phi = 2 * kPi * j / kAngles;
      const double row = 47.5 + k / 0.13 * std::sin(phi);
      const double column = 47.5 + k / 0.13 * std::cos(phi);
      const auto r = static_cast<std::size_t>(row);
      const auto c = static_cast<std::size_t>(column);
      const double u = row - static_cast<double>(r);
      const double v = column - static_cast<double>(c);
      const float* p = &electrons[r * 96 + c];
      const double value = (1 - u) * ((1 - v) * p[0] + v * p[1]) + u * ((1 - v) * p[96] + v * p[97]);
      for (std::size_t n = 0; n < waves.size(); ++n) {
        waves[n] += value * std::polar(1.0, -static_cast<double>(n) * phi);
      }
    }
    squares += std::norm(waves[0]);
    for (std::size_t n = 0; n < waves.size(); ++n) powers[n] += std::norm(waves[n]);
  }
  for (double& power : powers) power /= squares;
  return powers;
}

class PlantedMotif : public testing::TestWithParam<std::pair<scenario::Motif::Kind, int>> {};

// A motif that fills the probe and the film: what is seen of the glass beside it is a few per cent of the
// light.
TEST_P(PlantedMotif, ShowsItsOrderAndNoOther) {
  const auto kind = GetParam().first;
  const int order = GetParam().second;
  auto scenario = small_scenario();
  auto& motif = *scenario.mutable_specimen()->add_motif();
  motif.set_kind(kind);
  motif.set_radius_nm(1.6);
  motif.set_height_nm(4);
  motif.set_per_nm2_core(0.02);
  const auto specimen = specimen_of(scenario);
  ASSERT_FALSE(specimen->motifs().empty());
  NanobeamMode mode(scenario, specimen, 1);
  const auto powers = ring_powers(pattern(mode, scenario, at(mode, specimen->motifs()[0].position)));
  EXPECT_GT(powers[static_cast<std::size_t>(order)], 0.15);
  for (int n = 1; n <= 12; ++n) {
    if (n % order == 0) continue;
    EXPECT_LT(powers[static_cast<std::size_t>(n)], powers[static_cast<std::size_t>(order)] / 5) << n;
  }

  const auto maps = mode.truth_maps();
  const auto map = std::find_if(maps.begin(), maps.end(), [&](const TruthMap& m) {
    return m.name == (order == 4 ? "fourfold_weight" : order == 10 ? "fivefold_weight" : "sixfold_weight");
  });
  ASSERT_NE(map, maps.end());
  EXPECT_EQ(map->rows, 4U);
  EXPECT_EQ(map->columns, 5U);
}

INSTANTIATE_TEST_SUITE_P(Kinds, PlantedMotif,
                         testing::Values(std::pair{scenario::Motif::FOURFOLD, 4},
                                         std::pair{scenario::Motif::FIVEFOLD, 10},
                                         std::pair{scenario::Motif::SIXFOLD, 6}));

// The share of the probe's intensity in the disc of a motif, by summing over a fine lattice of points.
double lit_share(double probe_nm, const Point& probe, const simulation::PlantedMotif& motif,
                 double field_nm) {
  double inside = 0;
  double all = 0;
  for (double y = -4; y <= 4; y += 0.02) {
    for (double x = -4; x <= 4; x += 0.02) {
      const double light = std::exp2(-4 * (x * x + y * y) / (probe_nm * probe_nm));
      const double dx = std::remainder(probe.x_nm + x - motif.position.x_nm, field_nm);
      const double dy = std::remainder(probe.y_nm + y - motif.position.y_nm, field_nm);
      all += light;
      if (dx * dx + dy * dy < motif.radius_nm * motif.radius_nm) inside += light;
    }
  }
  return inside / all;
}

TEST(Nanobeam, TruthMapsSayHowMuchOfTheLightMeetsMotifs) {
  auto scenario = small_scenario();
  auto& motif = *scenario.mutable_specimen()->add_motif();
  motif.set_kind(scenario::Motif::FIVEFOLD);
  motif.set_radius_nm(0.8);
  motif.set_height_nm(2);
  motif.set_per_nm2_core(0.03);
  scenario.mutable_nanobeam()->set_step_nm(1.5);
  const auto specimen = specimen_of(scenario);
  const NanobeamMode mode(scenario, specimen, 1);
  const auto maps = mode.truth_maps();
  ASSERT_EQ(maps.size(), 5U);
  double largest = 0;
  for (std::uint32_t position = 0; position < 20; ++position) {
    const Exposure exposure = in_scan(scenario.nanobeam(), position / 5, position % 5);
    double expected = 0;
    for (const auto& planted : specimen->motifs()) {
      expected += lit_share(1, mode.probe_position(exposure), planted, 12) * planted.height_nm / 4;
    }
    largest = std::max(largest, expected);
    EXPECT_EQ(maps[0].values[position], 1) << "one column, no channel";
    EXPECT_EQ(maps[1].values[position], 0);
    EXPECT_NEAR(maps[2].values[position], expected, 2e-3);  // the lattice's error along the edge
    EXPECT_EQ(maps[3].values[position], 0);
    EXPECT_EQ(maps[4].values[position], 0) << "no nuclei yet";
  }
  EXPECT_GT(largest, 0.1) << "the scan must meet a motif";
}

TEST(Nanobeam, NucleiUnderTheProbeAreToldBySphericalSegments) {
  auto scenario = small_scenario();
  auto& law = *scenario.mutable_specimen()->mutable_crystallization();
  law.set_per_um2_s(5e4);
  law.set_largest_nm(1.5);
  law.set_growth_nm_per_s(1);
  scenario.mutable_nanobeam()->set_scan_rows(1);
  scenario.mutable_nanobeam()->set_scan_columns(1);
  scenario.mutable_nanobeam()->set_probe_nm(0.5);
  const auto specimen = specimen_of(scenario);
  NanobeamMode mode(scenario, specimen, 1);
  specimen->advance(2, [](double) { return 351.0; });
  ASSERT_FALSE(specimen->nuclei().empty());
  const Point probe = mode.probe_position({});
  // Counted on a lattice of points in the lit column.
  double inside = 0;
  double all = 0;
  for (double y = -1.2; y <= 1.2; y += 0.06) {
    for (double x = -1.2; x <= 1.2; x += 0.06) {
      const double light = std::exp2(-4 * (x * x + y * y) / 0.25);
      for (double z = 0.025; z < 4; z += 0.05) {
        all += light;
        for (const Nucleus& nucleus : specimen->nuclei()) {
          const double dx = std::remainder(probe.x_nm + x - nucleus.position.x_nm, 12);
          const double dy = std::remainder(probe.y_nm + y - nucleus.position.y_nm, 12);
          const double dz = z - nucleus.z_nm;
          if (dx * dx + dy * dy + dz * dz < nucleus.radius_nm * nucleus.radius_nm) inside += light;
        }
      }
    }
  }
  EXPECT_GT(inside / all, 0.05) << "the probe must meet a nucleus";
  EXPECT_NEAR(mode.truth_maps()[4].values[0], std::min(1.0, inside / all), 0.01);
}

TEST(Nanobeam, DirectBeamHasTheProbesWidthTheCentreAndTheEllipse) {
  auto scenario = small_scenario();
  auto& beam = *scenario.mutable_nanobeam();
  beam.set_central_beam(1e6);
  beam.set_center_row_px(40.25);
  beam.set_center_col_px(52.75);
  beam.set_ellipse_ratio(1.3);
  beam.set_ellipse_angle_deg(-50);
  beam.set_probe_nm(0.4);  // wide enough in k for moments of pixels
  const auto electrons = pattern(scenario);
  double sum = 0, x1 = 0, y1 = 0, xx = 0, xy = 0, yy = 0;
  for (std::size_t i = 0; i < electrons.size(); ++i) {
    const double x = column_of(i) - 52.75;
    const double y = row_of(i) - 40.25;
    sum += electrons[i];
    x1 += electrons[i] * x;
    y1 += electrons[i] * y;
    xx += electrons[i] * x * x;
    xy += electrons[i] * x * y;
    yy += electrons[i] * y * y;
  }
  EXPECT_NEAR(x1 / sum, 0, 0.01);
  EXPECT_NEAR(y1 / sum, 0, 0.01);
  const double mean = (xx + yy) / 2 / sum;
  const double half_difference = std::hypot((xx - yy) / 2, xy) / sum;
  // Standard deviations along the axes: sigma sqrt(ratio), sigma / sqrt(ratio). A Gaussian of intensity with
  // full width w has a transform of |.|^2 with sigma = sqrt(2 ln 2) / (2 pi w).
  const double major = std::sqrt(mean + half_difference);
  const double minor = std::sqrt(mean - half_difference);
  EXPECT_NEAR(major / minor, 1.3, 0.01);
  EXPECT_NEAR(std::sqrt(major * minor) * 0.13, std::sqrt(2 * std::log(2.0)) / (2 * kPi * 0.4), 0.003);
  EXPECT_NEAR(std::atan2(2 * xy, xx - yy) / 2 * 180 / kPi, -50, 0.5);
  scenario.mutable_nanobeam()->set_center_row_px(40);
  scenario.mutable_nanobeam()->set_center_col_px(52);
  EXPECT_NEAR(pattern(scenario)[40 * 96 + 52] / (1e6 * 50), 1, 1e-6);
}

TEST(Nanobeam, BackgroundHasItsShareUnderTheRingAndFallsMonotonically) {
  auto scenario = small_scenario();
  auto& beam = *scenario.mutable_nanobeam();
  beam.set_center_row_px(48);
  beam.set_center_col_px(48);
  beam.set_k_per_px_inv_nm(0.1);  // the ring 43 px from the centre
  const auto without = pattern(scenario);
  beam.set_background(0.25);
  const auto with = pattern(scenario);
  // Dose on the crest: 1 / 1.25 elastic, 0.25 / 1.25 inelastic.
  EXPECT_NEAR(with[48 * 96 + 48 + 43] - without[48 * 96 + 48 + 43] / 1.25F, 50 * 0.2, 1e-3);
  double before = INFINITY;
  for (std::size_t column = 48; column < 96; ++column) {
    const double background = with[48 * 96 + column] - without[48 * 96 + column] / 1.25F;
    EXPECT_LT(background, before);
    EXPECT_GT(background, 0);
    before = background;
  }
}

TEST(Nanobeam, BeamStopLetsNothingThroughAndHidesNothingElse) {
  auto scenario = small_scenario();
  auto& beam = *scenario.mutable_nanobeam();
  beam.set_center_row_px(40);
  beam.set_center_col_px(50);
  beam.set_background(0.1);
  beam.set_central_beam(1000);
  const auto open = pattern(scenario);
  beam.set_beam_stop_px(6);
  beam.set_beam_stop_angle_deg(90);  // towards +row
  const auto stopped = pattern(scenario);
  for (std::size_t i = 0; i < open.size(); ++i) {
    const double x = column_of(i) - 50;
    const double y = row_of(i) - 40;
    const double away = y > 0 ? std::abs(x) : std::hypot(x, y);
    if (away < 5.99) {
      ASSERT_EQ(stopped[i], 0);
    } else if (away >= 7) {
      ASSERT_EQ(stopped[i], open[i]);
    } else {
      ASSERT_NEAR(stopped[i], open[i] * (away - 6), 1e-5 * open[i]);
    }
  }
}

TEST(Nanobeam, TheSameWhateverTheThreads) {
  auto scenario = small_scenario();
  scenario.mutable_frames()->set_rows(50);
  scenario.mutable_frames()->set_columns(60);
  EXPECT_EQ(pattern(scenario, {}, 1), pattern(scenario, {}, 3));
  scenario.mutable_nanobeam()->set_ewald_curvature(true);
  EXPECT_EQ(pattern(scenario, {}, 1), pattern(scenario, {}, 2));
}

TEST(Nanobeam, ScanAndDriftMoveTheProbeOverTheSpecimen) {
  auto scenario = small_scenario();
  scenario.mutable_nanobeam()->set_step_nm(0.75);
  NanobeamMode mode(scenario, specimen_of(scenario), 1);
  Exposure exposure = in_scan(scenario.nanobeam(), 3, 1);
  EXPECT_DOUBLE_EQ(mode.probe_position(exposure).x_nm, 6 - 0.75);
  EXPECT_DOUBLE_EQ(mode.probe_position(exposure).y_nm, 6 + 1.5 * 0.75);
  const auto there = pattern(mode, scenario, exposure);
  // A specimen that has gone one step up and one to the left shows the probe what was below and on the right.
  Exposure drifted = in_scan(scenario.nanobeam(), 2, 0);
  drifted.shift_row_nm = -0.75;
  drifted.shift_column_nm = -0.75;
  EXPECT_EQ(pattern(mode, scenario, drifted), there);
  drifted.shift_column_nm = 0;
  EXPECT_NE(pattern(mode, scenario, drifted), there);
  exposure.dose_scale = 0.25;
  const auto quarter = pattern(mode, scenario, exposure);
  for (std::size_t i = 0; i < there.size(); i += 97) EXPECT_FLOAT_EQ(quarter[i], there[i] / 4);
}

TEST(Nanobeam, DescribesItself) {
  const auto scenario = small_scenario();
  const NanobeamMode mode(scenario, specimen_of(scenario), 1);
  stream::SeriesStart start;
  mode.describe(start);
  EXPECT_EQ(start.optics().mode(), stream::DIFFRACTION);
  EXPECT_EQ(start.optics().high_tension_kv(), 300);
  EXPECT_EQ(start.optics().pixel_size(), 0.13);
  EXPECT_EQ(start.optics().pixel_unit(), "1/nm");
  EXPECT_EQ(start.scan().rows(), 4U);
  EXPECT_EQ(start.scan().columns(), 5U);
  EXPECT_EQ(start.scan().step_nm(), 1);
}

}  // namespace
}  // namespace glasswatch::simulation
