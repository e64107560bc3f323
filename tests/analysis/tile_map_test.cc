// Maps over tiles: places, faults, lanes, and what all tiles share.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <thread>

#include "analysis/tile_spectra.h"
#include "tests/analysis/images.h"
#include "tests/analysis/tile_maps.h"
#include "tests/support/allocation_counter.h"

namespace glasswatch::analysis {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

TEST(TileSpectra, FaultyTilesAreNaNAndOthersUntouched) {
  const TileGeometry geometry = test::tiles_of(80, 96, 32, 16, 4, 12);
  const std::vector<int> orders{2, 4};
  const test::Image<float> clean = test::white_noise(80, 96, 0.2, 9);
  const test::TileMaps before = test::tile_maps_of(geometry, orders, clean.view());
  for (const float bad :
       {kNaN, std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
    test::Image<float> image = clean;
    image.at(40, 31) = bad;
    image.at(48, 64) = bad;
    const test::TileMaps after = test::tile_maps_of(geometry, orders, image.view());
    for (std::size_t i = 0; i < after.rows; ++i) {
      for (std::size_t j = 0; j < after.columns; ++j) {
        const auto holds = [&](std::size_t row, std::size_t column) {
          return row >= i * 16 && row < i * 16 + 32 && column >= j * 16 && column < j * 16 + 32;
        };
        const std::size_t tile = after.tile(i, j);
        if (holds(40, 31) || holds(48, 64)) {
          EXPECT_TRUE(std::isnan(after.ring_mean[tile]) && std::isnan(after.peak[tile]));
          EXPECT_TRUE(std::isnan(after.power[2 * tile]) && std::isnan(after.power[2 * tile + 1]));
        } else {
          EXPECT_EQ(after.ring_mean[tile], before.ring_mean[tile]);
          EXPECT_EQ(after.peak[tile], before.peak[tile]);
          EXPECT_EQ(after.power[2 * tile], before.power[2 * tile]);
        }
      }
    }
  }
  const test::TileMaps dark = test::tile_maps_of(geometry, orders, clean.view(), 1100);
  EXPECT_TRUE(std::all_of(dark.ring_mean.begin(), dark.ring_mean.end(), [](float v) {
    return std::isnan(v);
  })) << "a mean below the offset";
  for (const double level : {0.1, 1000.0 / 3}) {
    const test::TileMaps flat = test::tile_maps_of(
        geometry, orders, test::Image<double>(80, 96, [&](int, int) { return level; }).view());
    EXPECT_EQ(flat.ring_mean[0], 0) << "no contrast is a measured value";
    EXPECT_TRUE(std::isnan(flat.peak[0]) && std::isnan(flat.power[0]) && std::isnan(flat.power[1]));
  }
}

// A tile knows nothing of the rest of the image.
TEST(TileSpectra, TilesAreWhereTheGeometrySays) {
  const test::Image<float> image = test::white_noise(71, 85, 0.3, 10);
  const TileGeometry geometry = test::tiles_of(71, 85, 24, 17, 3, 9);
  EXPECT_EQ(geometry.map_rows(), 3);
  EXPECT_EQ(geometry.map_columns(), 4);
  const test::TileMaps whole = test::tile_maps_of(geometry, {2, 4}, image.view());
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 4; ++j) {
      const test::Image<float> cut(24, 24, [&](int row, int column) {
        return image.pixels[(i * 17 + static_cast<std::size_t>(row)) * 85 + j * 17 +
                            static_cast<std::size_t>(column)];
      });
      const test::TileMaps alone =
          test::tile_maps_of(test::tiles_of(24, 24, 24, 17, 3, 9), {2, 4}, cut.view());
      EXPECT_EQ(whole.ring_mean[whole.tile(i, j)], alone.ring_mean[0]);
      EXPECT_EQ(whole.peak[whole.tile(i, j)], alone.peak[0]);
      EXPECT_EQ(whole.power[2 * whole.tile(i, j) + 1], alone.power[1]);
    }
  }
}

/// Pieces of one element, dealt to threads in turn.
class Threads final : public Parallel {
 public:
  explicit Threads(int lanes) : lanes_(lanes) {}
  int lanes() const override { return lanes_; }
  void run(int count, PieceOfWork body) override {
    std::vector<std::thread> threads;
    threads.reserve(static_cast<std::size_t>(lanes_));
    for (int lane = 0; lane < lanes_; ++lane) {
      threads.emplace_back([=, this] {
        for (int i = count - 1 - lane; i >= 0; i -= lanes_) body(lane, i, i + 1);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

 private:
  int lanes_;
};

TEST(TileSpectra, LanesAndEarlierFramesDoNotChangeABit) {
  TileGeometry geometry = test::tiles_of(170, 150, 32, 16, 4, 10);
  geometry.flatten = true;
  const test::Image<float> first = test::white_noise(170, 150, 0.2, 11),
                           second = test::white_noise(170, 150, 0.3, 12);
  const test::TileMaps expected = test::tile_maps_of(geometry, {2, 4, 6}, second.view(), 100);
  TileSpectra spectra(geometry, {2, 4, 6}, 3);
  for (const int lanes : {3, 2}) {
    Threads threads(lanes);
    test::TileMaps result = expected;
    spectra.process(first.view(), 0, {result.power, result.ring_mean, result.peak}, threads);
    EXPECT_FALSE(test::same_bits(result.power, expected.power));
    spectra.process(second.view(), 100, {result.power, result.ring_mean, result.peak}, threads);
    EXPECT_TRUE(test::same_bits(result.power, expected.power));
    EXPECT_TRUE(test::same_bits(result.ring_mean, expected.ring_mean));
    EXPECT_TRUE(test::same_bits(result.peak, expected.peak));
  }
}

// A frame whose specimen drifted while it was exposed: all tiles lose the same side of the ring.
TEST(TileSpectra, FlatteningTakesOutWhatAllTilesShare) {
  const test::Image<float> sharp = test::white_noise(256, 256, 0.2, 13);
  const test::Image<float> drifted(256, 256, [&](int row, int column) {
    const auto at = static_cast<std::size_t>(row * 256 + column);
    return (sharp.pixels[at] + (column < 255 ? sharp.pixels[at + 1] : 1000)) / 2;  // S times cos^2(pi kx)
  });
  TileGeometry geometry = test::tiles_of(256, 256, 32, 16, 8, 12);
  const double amorphous = test::average(test::tile_maps_of(geometry, {2}, sharp.view()).power);
  const test::TileMaps raw = test::tile_maps_of(geometry, {2}, drifted.view());
  geometry.flatten = true;
  const test::TileMaps flat = test::tile_maps_of(geometry, {2}, drifted.view());
  // cos^2(pi k cos(phi)) at k = 10/32 is .69 + .29 cos 2 phi at most: power (.29/.69/2)^2 = .04 above the
  // speckle.
  EXPECT_GT(test::average(raw.power), amorphous + 0.03);
  // What is left is an azimuth of finite smoothing, 13 % of the amplitude, 2 % of the power, and the weight
  // of the dark side, which is noisier; 49 independent tiles: 14 %.
  EXPECT_NEAR(test::average(flat.power) / amorphous, 1, 0.3);
  EXPECT_TRUE(test::same_bits(raw.ring_mean, flat.ring_mean)) << "the ring's mean stays in its unit";
}

// Where the reference would mostly be the tile itself, there is none.
TEST(TileSpectra, FewTilesAreNotFlattened) {
  struct Case {
    int size, step;  // tiles of 32 px
    bool flattened;
  };
  // 9 side by side; the same area in 25 that overlap; 25 side by side.
  for (const auto& [size, step, flattened] : {Case{96, 32, false}, {96, 16, false}, {160, 32, true}}) {
    const test::Image<float> image = test::white_noise(size, size, 0.2, 14);
    TileGeometry geometry = test::tiles_of(size, size, 32, step, 6, 12);
    const test::TileMaps raw = test::tile_maps_of(geometry, {2, 4}, image.view());
    geometry.flatten = true;
    const test::TileMaps flat = test::tile_maps_of(geometry, {2, 4}, image.view());
    EXPECT_EQ(test::same_bits(raw.power, flat.power), !flattened) << size << ' ' << step;
    EXPECT_EQ(test::same_bits(raw.peak, flat.peak), !flattened) << size << ' ' << step;
  }
}

// A tile of strong fringes counts as one of the tiles, however strong they are; one without values does not
// count.
TEST(TileSpectra, SingleTilesDoNotMakeTheReference) {
  TileGeometry geometry = test::tiles_of(256, 256, 32, 32, 6, 12);
  geometry.flatten = true;
  const test::Image<float> amorphous = test::white_noise(256, 256, 0.02, 17);
  test::Image<float> image = amorphous;
  for (int row = 0; row < 32; ++row) {
    for (int column = 0; column < 32; ++column) {
      image.at(row, column) += static_cast<float>(500 * std::cos(2 * std::numbers::pi * 9 * column / 32));
    }
  }
  image.at(40, 40) = kNaN;  // tile 9
  const test::TileMaps before = test::tile_maps_of(geometry, {2, 4}, amorphous.view());
  const test::TileMaps after = test::tile_maps_of(geometry, {2, 4}, image.view());
  EXPECT_GT(after.power[0], 0.5);
  for (std::size_t tile = 1; tile < 64; ++tile) {
    if (tile == 9) continue;
    // The fringes' spot is all of the ring's 170 pixels' mean, on some 20 pixels after smoothing, in one of
    // 62 tiles: there S/R is lower by up to 170/20/62 = 14 %, half as much again in the spot's middle. Were
    // it counted by its strength, R would be the spot alone.
    EXPECT_NEAR(after.power[2 * tile], before.power[2 * tile], 0.05) << tile;
    EXPECT_NEAR(after.peak[tile] / before.peak[tile], 1, 0.25) << tile;
  }
}

TEST(TileSpectra, FaultsOfTheGeometryAreSaid) {
  const TileGeometry good = test::tiles_of(64, 64, 32, 16, 4, 10);
  EXPECT_EQ(tile_geometry_fault(good), "");
  const auto fault = [&](auto&& change) {
    TileGeometry geometry = good;
    change(geometry);
    return !tile_geometry_fault(geometry).empty();
  };
  EXPECT_TRUE(fault([](TileGeometry& g) { g.tile_px = 31; }));
  EXPECT_TRUE(fault([](TileGeometry& g) { g.tile_px = 14; }));
  EXPECT_TRUE(fault([](TileGeometry& g) { g.tile_px = 66; }));
  EXPECT_TRUE(fault([](TileGeometry& g) { g.step_px = 0; }));
  EXPECT_TRUE(fault([](TileGeometry& g) { g.pixel_nm = std::numeric_limits<double>::quiet_NaN(); }));
  EXPECT_TRUE(fault([](TileGeometry& g) { g.k_min_inv_nm = 0; }));
  EXPECT_TRUE(fault([](TileGeometry& g) { g.k_max_inv_nm = g.k_min_inv_nm; }));
  EXPECT_TRUE(fault([](TileGeometry& g) { g.k_max_inv_nm = 0.51; }));
  EXPECT_TRUE(fault([](TileGeometry& g) { g.k_max_inv_nm = g.k_min_inv_nm + 0.9 / 32; }));
  EXPECT_FALSE(fault([](TileGeometry& g) { g.k_max_inv_nm = 0.5; })) << "Nyquist itself";
  EXPECT_TRUE(fault([](TileGeometry& g) { g.radial_bins = 0; }));
  TileGeometry nyquist = good;
  nyquist.k_max_inv_nm = 0.5;
  EXPECT_TRUE(
      std::isfinite(test::tile_maps_of(nyquist, {2, 3}, test::white_noise(64, 64, 0.1, 15).view()).power[0]));
  EXPECT_DEATH(TileSpectra(test::tiles_of(64, 64, 32, 16, 4, 17), {2}, 1), "highest frequency");
}

TEST(TileSpectra, AllocatesNothingPerFrame) {
  if (!test::counts_allocations()) GTEST_SKIP() << "the sanitizer's own allocator is in place";
  TileGeometry geometry = test::tiles_of(160, 160, 32, 16, 4, 10);
  geometry.flatten = true;
  const test::Image<float> image = test::white_noise(160, 160, 0.2, 16);
  test::TileMaps result = test::tile_maps_of(geometry, {2, 4}, image.view());
  TileSpectra spectra(geometry, {2, 4}, 1);
  Serial serial;
  const long before = test::allocations();
  for (int i = 0; i < 3; ++i) {
    spectra.process(image.view(), 0, {result.power, result.ring_mean, result.peak}, serial);
  }
  EXPECT_EQ(test::allocations(), before);
}

}  // namespace
}  // namespace glasswatch::analysis
