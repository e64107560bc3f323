#include "simulators/imaging/haadf.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <vector>

namespace glasswatch::simulation {
namespace {

// One square column of 16 nm in a field of 20 nm, channels of 4 nm around it.
scenario::Scenario small_scenario() {
  scenario::Scenario scenario;
  scenario.set_seed(2);
  scenario.mutable_frames()->set_rows(100);
  scenario.mutable_frames()->set_columns(110);
  scenario.mutable_frames()->set_dose_e_per_px(300);
  auto& film = *scenario.mutable_specimen();
  film.set_field_nm(20);
  film.set_column_nm(20);
  film.set_channel_nm(4);
  film.set_channel_density(0.8);
  film.set_channel_cu_fraction(0.5);
  film.set_thickness_nm(6);
  film.set_packing_nm(3);
  scenario.mutable_haadf()->set_pixel_nm(0.2);
  scenario.mutable_haadf()->set_probe_nm(0.4);
  return scenario;
}

std::shared_ptr<Specimen> specimen_of(const scenario::Scenario& scenario) {
  return std::make_shared<Specimen>(scenario.specimen(), scenario.seed());
}

std::vector<float> image(HaadfMode& mode, const Exposure& exposure = {}) {
  std::vector<float> electrons(100 * 110);
  mode.expected_electrons(exposure, electrons);
  return electrons;
}

double z_weight(double cu_fraction) {
  return cu_fraction * std::pow(29, 1.64) + (1 - cu_fraction) * std::pow(40, 1.64);
}

double row_of(std::size_t px, std::size_t columns) {
  return std::floor(static_cast<double>(px) / static_cast<double>(columns));
}
double column_of(std::size_t px, std::size_t columns) {
  return static_cast<double>(px % columns);
}

Point centre_of(std::size_t px) {
  return {(column_of(px, 110) + 0.5) * 0.2, (row_of(px, 110) + 0.5) * 0.2};
}

TEST(Haadf, MeanIsTheDoseAndChannelsAreDarkerByDensityAndAtomicNumber) {
  const auto scenario = small_scenario();
  const auto specimen = specimen_of(scenario);
  HaadfMode mode(scenario, specimen, 1);
  const auto electrons = image(mode);
  EXPECT_NEAR(std::accumulate(electrons.begin(), electrons.end(), 0.0) / (100 * 110), 300, 1e-3);
  // Away from the edges, where the probe (standard deviation 0.17 nm) does not blur.
  double core = 0;
  double channel = 0;
  for (std::size_t px = 0; px < electrons.size(); ++px) {
    const Point p = centre_of(px);
    const auto place = specimen->film().at(p.x_nm, p.y_nm);
    if (std::abs(place.to_wall_nm - 2) < 1) continue;
    double& level = place.region == Region::kCore ? core : channel;
    if (level == 0) level = electrons[px];
    ASSERT_FLOAT_EQ(electrons[px], static_cast<float>(level));
  }
  EXPECT_NEAR(channel / core, 0.8 * z_weight(0.5) / z_weight(0.6), 1e-6);
}

// Across a straight wall the step becomes (1 + erf(x / (sqrt 2 sigma))) / 2; pixels carry the step of their
// centres, which displaces it by half a pixel at most, and their sum over the Gaussian replaces an integral.
TEST(Haadf, ProbeBlursTheEdgeOfAChannelToItsWidth) {
  auto scenario = small_scenario();
  scenario.mutable_haadf()->set_pixel_nm(0.1);
  scenario.mutable_haadf()->set_probe_nm(1);
  const auto specimen = specimen_of(scenario);
  HaadfMode mode(scenario, specimen, 1);
  const auto electrons = image(mode);
  // The row that is farthest from horizontal channels.
  const double seed_y = std::fmod(specimen->film().seed(0).y_nm, 10);
  const auto row = static_cast<std::size_t>(std::clamp(seed_y / 0.1, 0.0, 99.0));
  std::vector<double> line;
  for (std::size_t column = 0; column < 110; ++column) line.push_back(electrons[row * 110 + column]);
  const auto [low, high] = std::minmax_element(line.begin(), line.end());
  double steepest = 0;
  for (std::size_t column = 0; column + 1 < line.size(); ++column) {
    steepest = std::max(steepest, std::abs(line[column + 1] - line[column]) / 0.1);
  }
  const double sigma_nm = 1 / (2 * std::sqrt(2 * std::log(2.0)));
  const double step = *high - *low;
  EXPECT_NEAR(steepest / step, 1 / (std::sqrt(2 * std::numbers::pi) * sigma_nm), 0.03);
}

TEST(Haadf, DriftedSpecimenAppearsMovedAndTheFieldRepeats) {
  const auto scenario = small_scenario();
  HaadfMode mode(scenario, specimen_of(scenario), 1);
  const auto still = image(mode);
  Exposure exposure;
  exposure.shift_row_nm = 0.6;      // 3 pixels down
  exposure.shift_column_nm = -1.0;  // 5 to the left
  exposure.dose_scale = 0.5;
  const auto moved = image(mode, exposure);
  for (std::size_t row = 3; row < 100; ++row) {
    for (std::size_t column = 0; column + 5 < 110; ++column) {
      ASSERT_NEAR(moved[row * 110 + column], still[(row - 3) * 110 + column + 5] / 2, 1e-3)
          << row << ", " << column;
    }
  }
  // 110 columns of 0.2 nm are 2 nm more than the field.
  for (std::size_t column = 0; column < 10; ++column) EXPECT_NEAR(still[column], still[column + 100], 1e-3);
}

// Atoms counted one by one in discs, against the map's mean over them. Channels by their thinned and
// exchanged atoms: a Poisson-like error of sqrt(0.2 N); cores: the packing's own fluctuation, less.
TEST(ElementMap, CountsTheAtomsOfTheSpecimen) {
  const auto scenario = small_scenario();
  const auto specimen = specimen_of(scenario);
  const ImageFrame frame = {100, 100, 0.2, {}};
  for (const Element element : {Element::kCu, Element::kZr}) {
    const auto map = element_map(*specimen, element, frame, 2);
    for (const Point centre : {Point{5, 5}, Point{10, 3}, Point{12, 15}}) {
      constexpr double kRadius = 2.5;
      std::vector<Atom> atoms;
      specimen->atoms_near(centre, kRadius, atoms);
      const auto count = static_cast<double>(
          std::count_if(atoms.begin(), atoms.end(), [&](const Atom& a) { return a.element == element; }));
      double expected = 0;
      for (std::size_t px = 0; px < map.size(); ++px) {
        const double x = (column_of(px, 100) + 0.5) * 0.2;
        const double y = (row_of(px, 100) + 0.5) * 0.2;
        if (std::hypot(x - centre.x_nm, y - centre.y_nm) < kRadius) expected += map[px] * 0.04;
      }
      EXPECT_GT(expected, 1000);
      EXPECT_NEAR(count / expected, 1, 0.05);
    }
  }
  for (const float value : element_map(*specimen, Element::kO, frame)) ASSERT_EQ(value, 0);
}

TEST(ElementMap, IsTheDensityTimesThicknessOfItsRegion) {
  const auto scenario = small_scenario();
  const auto specimen = specimen_of(scenario);
  const ImageFrame frame = {20, 20, 1, {0.3, -0.2}};
  const auto copper = element_map(*specimen, Element::kCu, frame);
  const double density = specimen->packing().number_density_per_nm3();
  for (std::size_t px = 0; px < copper.size(); ++px) {
    const double x = column_of(px, 20) + 0.5 + 0.3;
    const double y = row_of(px, 20) + 0.5 - 0.2;
    const bool core = specimen->film().at(x, y).region == Region::kCore;
    EXPECT_NEAR(copper[px], 6 * density * (core ? 0.6 : 0.8 * 0.5), 1e-3);
  }
}

scenario::Scenario with_nuclei(double per_um2_s) {
  auto scenario = small_scenario();
  auto& law = *scenario.mutable_specimen()->mutable_crystallization();
  law.set_per_um2_s(per_um2_s);
  law.set_growth_nm_per_s(1);
  law.set_largest_nm(2);
  return scenario;
}

// Line by line, z in small steps: the first nucleus that covers a point owns it.
TEST(ElementMap, NucleiReplaceTheGlassEarliestFirst) {
  const auto scenario = with_nuclei(3e4);
  const auto specimen = specimen_of(scenario);
  specimen->advance(3, [](double) { return 350.5; });
  ASSERT_GE(specimen->nuclei().size(), 10U);
  const double glass_density = specimen->packing().number_density_per_nm3();
  // Beyond the field on the left: images of nuclei count.
  const ImageFrame frame = {24, 30, 1, {-6.1, 0.4}};
  const auto map = element_map(*specimen, Element::kZr, frame);
  int in_crystal = 0;
  for (std::size_t px = 0; px < map.size(); ++px) {
    const double x = -6.1 + column_of(px, 30) + 0.5;
    const double y = 0.4 + row_of(px, 30) + 0.5;
    const bool core = specimen->film().at(x, y).region == Region::kCore;
    double expected = 0;
    constexpr double kStep = 0.01;
    for (double z = kStep / 2; z < 6; z += kStep) {
      double density = glass_density * (core ? 0.4 : 0.8 * 0.5);
      for (const Nucleus& n : specimen->nuclei()) {
        const double dx = std::remainder(x - n.position.x_nm, 20);
        const double dy = std::remainder(y - n.position.y_nm, 20);
        if (std::hypot(dx, dy, z - n.z_nm) >= n.radius_nm) continue;
        const UnitCell& cell = unit_cell(n.phase);
        density =
            static_cast<double>(std::count_if(cell.sites.begin(), cell.sites.end(),
                                              [](const auto& s) { return s.element == Element::kZr; })) /
            cell.volume_nm3();
        ++in_crystal;
        break;
      }
      expected += density * kStep;
    }
    ASSERT_NEAR(map[px], expected, 1.5) << px;  // of some 150; steps of 0.01 nm at a few ends of chords
  }
  EXPECT_GT(in_crystal, 10000);
}

TEST(Haadf, TheSameWhateverTheThreads) {
  const auto scenario = with_nuclei(3e4);
  const auto specimen = specimen_of(scenario);
  HaadfMode one(scenario, specimen, 1);
  HaadfMode three(scenario, specimen, 3);
  specimen->advance(3, [](double) { return 350.5; });
  EXPECT_EQ(image(one), image(three));
}

TEST(Haadf, DescribesItselfAndTellsTheTruth) {
  const auto scenario = small_scenario();
  const auto specimen = specimen_of(scenario);
  const HaadfMode mode(scenario, specimen, 1);
  stream::SeriesStart start;
  mode.describe(start);
  EXPECT_EQ(start.optics().mode(), stream::IMAGE);
  EXPECT_EQ(start.optics().pixel_size(), 0.2);
  EXPECT_EQ(start.optics().pixel_unit(), "nm");
  const auto maps = mode.truth_maps();
  ASSERT_EQ(maps.size(), 3U);
  EXPECT_EQ(maps[0].name, "region");
  for (std::size_t px = 0; px < maps[0].values.size(); ++px) {
    const Point p = centre_of(px);
    ASSERT_EQ(maps[0].values[px], static_cast<float>(specimen->film().at(p.x_nm, p.y_nm).region));
  }
  EXPECT_EQ(maps[1].values, element_map(*specimen, Element::kCu, {100, 110, 0.2, {}}));
  EXPECT_EQ(maps[2].values, element_map(*specimen, Element::kZr, {100, 110, 0.2, {}}));
}

}  // namespace
}  // namespace glasswatch::simulation
