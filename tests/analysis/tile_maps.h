// Maps over the tiles of test images.
#pragma once

#include <cstddef>
#include <cstring>
#include <random>
#include <span>
#include <vector>

#include "analysis/tile_spectra.h"
#include "tests/analysis/images.h"

namespace glasswatch::test {

/// Ring of r_min to r_max spectrum pixels; the image's pixel is 1 nm.
inline analysis::TileGeometry tiles_of(int rows, int columns, int tile_px, int step_px, double r_min_px,
                                       double r_max_px) {
  analysis::TileGeometry geometry;
  geometry.rows = rows;
  geometry.columns = columns;
  geometry.tile_px = tile_px;
  geometry.step_px = step_px;
  geometry.pixel_nm = 1;
  geometry.k_min_inv_nm = r_min_px / tile_px;
  geometry.k_max_inv_nm = r_max_px / tile_px;
  geometry.flatten = false;
  return geometry;
}

struct TileMaps {
  std::size_t rows, columns, orders;
  std::vector<float> power, ring_mean, peak;
  std::size_t tile(std::size_t i, std::size_t j) const { return i * columns + j; }
};

inline TileMaps tile_maps_of(const analysis::TileGeometry& geometry, const std::vector<int>& orders,
                             const FrameView& image, double offset_counts = 0) {
  TileMaps result{static_cast<std::size_t>(geometry.map_rows()),
                  static_cast<std::size_t>(geometry.map_columns()),
                  orders.size(),
                  {},
                  {},
                  {}};
  const std::size_t tiles = result.rows * result.columns;
  // Nothing of what was there before may survive.
  result.power.assign(tiles * orders.size(), 77);
  result.ring_mean.assign(tiles, 77);
  result.peak.assign(tiles, 77);
  analysis::Serial serial;
  analysis::TileSpectra(geometry, orders, 1)
      .process(image, offset_counts, {result.power, result.ring_mean, result.peak}, serial);
  return result;
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

inline double average(const std::vector<float>& values, std::size_t first = 0, std::size_t stride = 1) {
  double sum = 0, count = 0;
  for (std::size_t i = first; i < values.size(); i += stride, ++count) sum += static_cast<double>(values[i]);
  return sum / count;
}

/// White noise around 1000 counts, of which 200 are the camera's.
inline Image<float> white_noise(int rows, int columns, double relative_sigma, unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  return {rows, columns, [&](int, int) { return 200 + 800 * (1 + relative_sigma * normal(random)); }};
}

}  // namespace glasswatch::test
