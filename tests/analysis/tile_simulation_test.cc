// A growing nucleus in an independent simulation, where its frames are at hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "analysis/tile_spectra.h"
#include "tests/analysis/tile_maps.h"
#include "tests/support/npy.h"

namespace glasswatch::analysis {
namespace {

// 24 frames of an independent simulation, four nuclei that grow. One shows its fringes: visibility .87 (above
// .5 counts as visible).
TEST(TileSpectra, AVisibleNucleusStandsOutInAnIndependentSimulation) {
  const std::filesystem::path folder =
      std::filesystem::path(GLASSWATCH_SHARED_DIR) / "data/hrtem_independent";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is not there";
  const test::NpyArray frames = test::load_npy(folder / "frames.npy");
  nlohmann::json truth;
  std::ifstream(folder / "truth.json") >> truth;

  TileGeometry geometry;
  geometry.rows = geometry.columns = 512;
  geometry.pixel_nm = truth.at("args").at("px");
  geometry.k_min_inv_nm = 3.7;
  geometry.k_max_inv_nm = 4.9;
  int visible = 0;
  for (const auto& nucleus : truth.at("nuclei")) {
    if (nucleus.at("vis110_3nm").get<double>() <= 0.5) continue;
    ++visible;
    const double row_px = nucleus.at("y_nm").get<double>() / geometry.pixel_nm;
    const double column_px = nucleus.at("x_nm").get<double>() / geometry.pixel_nm;
    const double passes_3nm = nucleus.at("t0").get<double>() + 3 / nucleus.at("rate").get<double>();
    const auto nearest = [&](double px) {
      return static_cast<std::size_t>(std::lround((px - geometry.tile_px / 2.0) / geometry.step_px));
    };
    for (auto frame = static_cast<std::size_t>(std::ceil(passes_3nm)); frame < frames.shape[0]; ++frame) {
      const test::TileMaps result = test::tile_maps_of(geometry, {2, 6}, frames.view(frame));
      const std::size_t own = result.tile(nearest(row_px), nearest(column_px));
      int above = 0, above_n2 = 0, above_n6 = 0;
      float elsewhere = 0;  // among tiles that do not hold its centre
      for (std::size_t i = 0; i < result.rows; ++i) {
        for (std::size_t j = 0; j < result.columns; ++j) {
          const std::size_t tile = result.tile(i, j);
          above += result.peak[tile] > result.peak[own] ? 1 : 0;
          above_n2 += result.power[2 * tile] > result.power[2 * own] ? 1 : 0;
          above_n6 += result.power[2 * tile + 1] > result.power[2 * own + 1] ? 1 : 0;
          const bool far = std::abs(static_cast<double>(i) * 32 + 32 - row_px) > 64 ||
                           std::abs(static_cast<double>(j) * 32 + 32 - column_px) > 64;
          if (far) elsewhere = std::max(elsewhere, result.peak[tile]);
        }
      }
      std::cout << "frame " << frame << ": peak " << result.peak[own] << ", elsewhere at most " << elsewhere
                << "; tiles above it: peak " << above << ", n = 2 " << above_n2 << ", n = 6 " << above_n6
                << '\n';
      EXPECT_EQ(above, 0) << "the strongest peak of all tiles";
      EXPECT_GT(result.peak[own], 2 * elsewhere);
      EXPECT_LE(above_n2, 2) << "its overlapping neighbours share the fringes";
    }
  }
  EXPECT_GT(visible, 0);
}

}  // namespace
}  // namespace glasswatch::analysis
