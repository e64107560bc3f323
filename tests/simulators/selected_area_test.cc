#include "simulators/imaging/selected_area.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

#include "simulators/random.h"

namespace glasswatch::simulation {
namespace {

constexpr double kPi = std::numbers::pi;

scenario::Scenario small_scenario() {
  scenario::Scenario scenario;
  scenario.set_seed(8);
  scenario.mutable_frames()->set_rows(128);
  scenario.mutable_frames()->set_columns(140);
  scenario.mutable_frames()->set_dose_e_per_px(40);
  auto& film = *scenario.mutable_specimen();
  film.set_field_nm(30);
  film.set_column_nm(30);
  film.set_channel_nm(0);
  film.set_thickness_nm(10);
  film.set_packing_nm(4);
  auto& mode = *scenario.mutable_selected_area();
  mode.set_k_per_px_inv_nm(0.1);
  mode.set_center_row_px(62.5);
  mode.set_center_col_px(71);
  mode.set_background(0);
  mode.set_central_beam(0);
  return scenario;
}

std::shared_ptr<Specimen> specimen_of(const scenario::Scenario& scenario) {
  return std::make_shared<Specimen>(scenario.specimen(), scenario.seed());
}

std::vector<float> pattern(SelectedAreaMode& mode, const Exposure& exposure = {}) {
  std::vector<float> electrons(128 * 140);
  mode.expected_electrons(exposure, electrons);
  return electrons;
}

std::vector<float> pattern(const scenario::Scenario& scenario, int threads = 1) {
  SelectedAreaMode mode(scenario, specimen_of(scenario), threads);
  return pattern(mode);
}

double row_of(std::size_t px) {
  return std::floor(static_cast<double>(px) / 140);
}
double column_of(std::size_t px) {
  return static_cast<double>(px % 140);
}

double k_of(std::size_t px) {
  return 0.1 * std::hypot(row_of(px) - 62.5, column_of(px) - 71);
}

// |sum over atoms of f exp(-2 pi i k . r)|^2 per atom of the packing, averaged over the reciprocal lattice of
// the periodic box close to |k| (a fifth of its points): no pair distances, no window.
double box_intensity(const Packing& packing, std::span<const Atom> atoms, double k_inv_nm) {
  constexpr double kHalfWidth = 0.08;
  const int highest = static_cast<int>((k_inv_nm + kHalfWidth) * packing.edge_nm()) + 1;
  double sum = 0;
  int count = 0;
  for (int h = 0; h <= highest; ++h) {
    for (int i = -highest; i <= highest; ++i) {
      for (int j = -highest; j <= highest; ++j) {
        const double k = std::sqrt(h * h + i * i + j * j) / packing.edge_nm();
        if (std::abs(k - k_inv_nm) > kHalfWidth || (h + 2 * i + 3 * j) % 9 != 0) continue;
        std::complex<double> wave = 0;
        for (const Atom& a : atoms) {
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

struct Ring {
  double area = 0;
  double place = 0;  // centroid
};

template <typename Intensity>
Ring ring_of(Intensity intensity) {
  Ring ring;
  for (double k = 3.5; k < 5.15; k += 0.15) {
    const double value = intensity(k);
    ring.area += 0.15 * value;
    ring.place += 0.15 * k * value;
  }
  ring.place /= ring.area;
  return ring;
}

// About 130 points of the reciprocal lattice in each of 11 shells, each of exponential law: 3 % of the area.
TEST(GlassScattering, RingHasThePlaceAndAreaOfThePackingsOwn) {
  const Packing packing(4, 0.6, 3);
  const GlassScattering glass(packing, 8, 2);
  const Ring expected = ring_of([&](double k) { return box_intensity(packing, packing.atoms(), k); });
  const Ring ring = ring_of([&](double k) { return glass.per_atom_nm2(k, 1, 0.6); });
  EXPECT_NEAR(ring.place, expected.place, 0.04);
  EXPECT_NEAR(ring.area / expected.area, 1, 0.08);
  // Far out the atoms scatter independently: S = 1 within the last ripples.
  const double f_cu = scattering_factor_nm(Element::kCu, 7.9);
  const double f_zr = scattering_factor_nm(Element::kZr, 7.9);
  EXPECT_NEAR(glass.per_atom_nm2(7.9, 1, 0.6) / (0.6 * f_cu * f_cu + 0.4 * f_zr * f_zr), 1, 0.35);
}

TEST(GlassScattering, ThinnedAndExchangedGlassScattersAsAtomsLeftOutAndExchangedDo) {
  const Packing packing(4, 0.6, 3);
  const GlassScattering glass(packing, 8, 1);
  Random random(4, 5, 6);
  std::vector<Atom> atoms;
  for (Atom atom : packing.atoms()) {
    if (random.uniform() > 0.9) continue;
    // A share of 0.6 becomes one of 0.05.
    if (atom.element == Element::kCu && random.uniform() < 11.0 / 12) atom.element = Element::kZr;
    atoms.push_back(atom);
  }
  const Ring expected = ring_of([&](double k) { return box_intensity(packing, atoms, k); });
  const Ring ring = ring_of([&](double k) { return glass.per_atom_nm2(k, 0.9, 0.05); });
  EXPECT_NEAR(ring.area / expected.area, 1, 0.08);
  EXPECT_NEAR(ring.place, expected.place, 0.04);
}

TEST(SelectedArea, RingIsThatOfTheGlassAtEveryAzimuthWithTheDoseOnItsCrest) {
  const auto scenario = small_scenario();
  const auto specimen = specimen_of(scenario);
  SelectedAreaMode mode(scenario, specimen, 1);
  const auto electrons = pattern(mode);
  const double scale = 40 / mode.glass_per_area(4.3);
  for (std::size_t px = 0; px < electrons.size(); px += 7) {
    // Linear interpolation in steps of 0.01: h^2 / 8 times a curvature of crest / 0.3^2 at most.
    ASSERT_NEAR(electrons[px], scale * mode.glass_per_area(k_of(px)), 40 * 2e-4);
  }
  EXPECT_NEAR(electrons[62 * 140 + 71 + 43], 40, 40 * 1e-3) << "0.03 px off the crest's 4.3";
}

TEST(SelectedArea, ChannelsScatterByTheirShareDensityAndComposition) {
  auto scenario = small_scenario();
  auto& film = *scenario.mutable_specimen();
  film.set_field_nm(20);
  film.set_column_nm(20);
  film.set_channel_nm(4);
  film.set_channel_density(0.5);
  film.set_channel_cu_fraction(0.2);
  const auto specimen = specimen_of(scenario);
  const SelectedAreaMode mode(scenario, specimen, 1);
  const GlassScattering glass(specimen->packing(), 8, 1);
  // One column of a square field: cores are the square of 16 nm (the share is counted to 1 / 1024 per edge).
  const double core_share = 0.64;
  const double atoms_per_nm2 = specimen->packing().number_density_per_nm3() * 10;
  for (const double k : {2.0, 4.3, 6.0}) {
    const double expected =
        atoms_per_nm2 * (core_share * glass.per_atom_nm2(k, 1, glass.packing_cu_fraction()) +
                         (1 - core_share) * glass.per_atom_nm2(k, 0.5, 0.2));
    EXPECT_NEAR(mode.glass_per_area(k) / expected, 1, 0.005);
  }
}

// The law of a spot against the atoms of a sphere, summed one by one in three dimensions: |F / V|^2 V^2 at
// the reflection, exp(-(2 pi q r)^2 / 5) beside it. The number of atoms of the sphere differs from the
// volume's by the surface's (5 %, so 10 % in intensity); Guinier's form is right to 2 % of the crest for 2 pi
// q r <= 2.
TEST(SelectedArea, SpotsAreThoseOfASphereOfAtoms) {
  constexpr double kRadius = 2.5;
  const Rotation none = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  std::vector<Atom> atoms;
  append_sphere(Phase::kB2CuZr, none, 0, kRadius, atoms);
  const auto all = reflections(Phase::kB2CuZr, 5);
  const auto reflection = std::find_if(all.begin(), all.end(),
                                       [](const Reflection& r) { return r.h == 1 && r.k == 1 && r.l == 0; });
  ASSERT_NE(reflection, all.end());
  const double crest = std::pow(4 * kPi / 3 * std::pow(kRadius, 3) * reflection->structure_factor_per_nm3, 2);
  const auto& g = reflection->g_inv_nm;
  for (const double x : {0.0, 1.0, 2.0}) {
    const double q = x / (2 * kPi * kRadius);
    std::complex<double> wave = 0;
    for (const Atom& a : atoms) {
      const double turns = g[0] * a.x_nm + g[1] * a.y_nm + (g[2] + q) * a.z_nm;
      wave += std::polar(scattering_factor_nm(a.element, std::hypot(g[0], g[1], g[2])), -2 * kPi * turns);
    }
    EXPECT_NEAR(std::norm(wave) / crest, std::exp(-x * x / 5), 0.12) << x;
  }
}

// Few nuclei, of one age, in a large film.
scenario::Scenario with_nuclei() {
  auto scenario = small_scenario();
  auto& law = *scenario.mutable_specimen()->mutable_crystallization();
  law.set_per_um2_s(3000);
  law.set_growth_nm_per_s(0.5);
  law.set_largest_nm(2.5);
  return scenario;
}

TEST(SelectedArea, NucleiTakeTheirVolumeFromTheGlassAndGiveSpots) {
  const auto scenario = with_nuclei();
  const auto specimen = specimen_of(scenario);
  SelectedAreaMode mode(scenario, specimen, 1);
  const auto before = pattern(mode);
  specimen->advance(5, [](double) { return 350.5; });
  ASSERT_GE(specimen->nuclei().size(), 4U);
  const auto after = pattern(mode);

  double extended = 0;
  for (const Nucleus& n : specimen->nuclei())
    extended += 4 * kPi / 3 * std::pow(n.radius_nm, 3) / (30 * 30 * 10);
  const double crystal_share = 1 - std::exp(-extended);
  const double electrons_per_intensity = 40 / (30 * 30 * mode.glass_per_area(4.3));
  const double wavelength = electron_wavelength_nm(300);
  std::vector<double> spots(after.size());
  for (const Nucleus& nucleus : specimen->nuclei()) {
    const double volume = 4 * kPi / 3 * std::pow(nucleus.radius_nm, 3);
    // exp(-(2 pi q r)^2 / 5), convolved with a pixel of standard deviation 1 / sqrt(12) px.
    const double width2 = 2.5 / std::pow(2 * kPi * nucleus.radius_nm, 2);
    const double blurred2 = width2 + 0.1 * 0.1 / 12;
    for (const Reflection& reflection : reflections(nucleus.phase, 12)) {
      const auto& turn = nucleus.rotation;
      const auto& g = reflection.g_inv_nm;
      const double x = turn[0] * g[0] + turn[1] * g[1] + turn[2] * g[2];
      const double y = turn[3] * g[0] + turn[4] * g[1] + turn[5] * g[2];
      const double z = turn[6] * g[0] + turn[7] * g[1] + turn[8] * g[2];
      const double s = z + wavelength * (x * x + y * y) / 2;
      const double height = electrons_per_intensity * crystal_share / extended *
                            std::pow(volume * reflection.structure_factor_per_nm3, 2) *
                            std::exp(-s * s / (2 * width2)) * width2 / blurred2;
      if (height < 1e-6) continue;
      for (std::size_t px = 0; px < spots.size(); ++px) {
        const double dy = 0.1 * (row_of(px) - 62.5) - y;
        const double dx = 0.1 * (column_of(px) - 71) - x;
        spots[px] += height * std::exp(-(dx * dx + dy * dy) / (2 * blurred2));
      }
    }
  }
  double brightest = 0;
  for (std::size_t px = 0; px < after.size(); ++px) {
    // Spots end at 4 standard deviations (3e-4 of their height), spots below 1e-3 of the dose are left out.
    ASSERT_NEAR(after[px], (1 - crystal_share) * before[px] + spots[px], 0.01 * 40 + 0.01 * spots[px]) << px;
    brightest = std::max(brightest, spots[px]);
  }
  EXPECT_GT(brightest, 20) << "no spot was looked at";
}

TEST(SelectedArea, NucleiNeverTakeMoreThanTheFilm) {
  auto scenario = with_nuclei();
  scenario.mutable_specimen()->mutable_crystallization()->set_per_um2_s(3e5);
  const auto specimen = specimen_of(scenario);
  SelectedAreaMode mode(scenario, specimen, 1);
  specimen->advance(10, [](double) { return 350.5; });
  for (const float value : pattern(mode)) {
    ASSERT_TRUE(std::isfinite(value));
    ASSERT_GE(value, 0);
  }
}

TEST(SelectedArea, BeamStopCoversTheDirectBeam) {
  auto scenario = small_scenario();
  auto& settings = *scenario.mutable_selected_area();
  settings.set_central_beam(1000);
  settings.set_background(0.1);
  settings.set_center_row_px(62);
  const auto open = pattern(scenario);
  EXPECT_GT(open[62 * 140 + 71], 1000 * 40);
  EXPECT_LT(open[62 * 140 + 71], 1010 * 40);
  settings.set_beam_stop_px(5);
  settings.set_beam_stop_angle_deg(180);  // towards column 0
  const auto stopped = pattern(scenario);
  EXPECT_EQ(stopped[62 * 140 + 71], 0);
  EXPECT_EQ(stopped[62 * 140 + 0], 0);
  EXPECT_EQ(stopped[66 * 140 + 30], 0);
  EXPECT_EQ(stopped[62 * 140 + 139], open[62 * 140 + 139]);
  EXPECT_EQ(stopped[69 * 140 + 30], open[69 * 140 + 30]);
}

TEST(SelectedArea, TheSameWhateverTheThreads) {
  const auto scenario = with_nuclei();
  const auto specimen = specimen_of(scenario);
  SelectedAreaMode one(scenario, specimen, 1);
  SelectedAreaMode three(scenario, specimen, 3);
  specimen->advance(5, [](double) { return 350.5; });
  EXPECT_EQ(pattern(one), pattern(three));
}

TEST(SelectedArea, DescribesItself) {
  const auto scenario = small_scenario();
  const SelectedAreaMode mode(scenario, specimen_of(scenario), 1);
  stream::SeriesStart start;
  mode.describe(start);
  EXPECT_EQ(start.optics().mode(), stream::DIFFRACTION);
  EXPECT_EQ(start.optics().high_tension_kv(), 300);
  EXPECT_EQ(start.optics().pixel_size(), 0.1);
  EXPECT_EQ(start.optics().pixel_unit(), "1/nm");
  EXPECT_FALSE(start.has_scan());
}

}  // namespace
}  // namespace glasswatch::simulation
