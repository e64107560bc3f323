// The definition to the letter, for tests: see tile_spectra.h.
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>

#include "analysis/check.h"
#include "analysis/tile_spectra.h"

namespace glasswatch::analysis {
namespace {

using Complex = std::complex<double>;

double window_at(Window window, int j, int size) {
  return window == Window::kRectangle ? 1.0 : std::pow(std::sin(std::numbers::pi * (j + 0.5) / size), 2);
}

/// sum_j values[j stride] exp(-2 pi i k j/size)
Complex fourier_sum(const Complex* values, std::size_t stride, int size, int k) {
  Complex sum = 0;
  for (int j = 0; j < size; ++j) {
    // The phase is reduced to one turn in integers, where it is exact.
    const double phase = -2 * std::numbers::pi * (((k * j) % size + size) % size) / size;
    sum += values[static_cast<std::size_t>(j) * stride] * std::polar(1.0, phase);
  }
  return sum;
}

std::vector<double> tile_of(const TileGeometry& geometry, const FrameView& image, double offset_counts,
                            int row_px, int column_px) {
  std::vector<double> tile;
  visit_pixels(image, [&](const auto* pixels) {
    for (int row = 0; row < geometry.tile_px; ++row) {
      for (int column = 0; column < geometry.tile_px; ++column) {
        const auto at = static_cast<std::size_t>(row_px + row) * static_cast<std::size_t>(image.columns) +
                        static_cast<std::size_t>(column_px + column);
        tile.push_back(static_cast<double>(pixels[at]) - offset_counts);
      }
    }
  });
  return tile;
}

}  // namespace

void tile_spectrum_reference(const TileGeometry& geometry, const FrameView& image, double offset_counts,
                             int row_px, int column_px, std::span<double> spectrum) {
  const int size = geometry.tile_px;
  const auto side = static_cast<std::size_t>(size);
  GLASSWATCH_CHECK(row_px >= 0 && row_px + size <= image.rows, row_px, size, image.rows);
  GLASSWATCH_CHECK(column_px >= 0 && column_px + size <= image.columns, column_px, size, image.columns);
  GLASSWATCH_CHECK(spectrum.size() == side * side, spectrum.size(), size);
  std::fill(spectrum.begin(), spectrum.end(), std::numeric_limits<double>::quiet_NaN());

  const std::vector<double> tile = tile_of(geometry, image, offset_counts, row_px, column_px);
  double mean = 0;
  for (const double value : tile) mean += value / static_cast<double>(tile.size());
  if (!(mean > 0) || !std::isfinite(mean)) return;

  double energy = 0;
  std::vector<Complex> x(side * side), along_columns(side * side);
  for (std::size_t at = 0; at < x.size(); ++at) {
    const double window = window_at(geometry.window, static_cast<int>(at / side), size) *
                          window_at(geometry.window, static_cast<int>(at % side), size);
    energy += window * window;
    x[at] = window * (tile[at] / mean - 1);
  }
  for (int ky = 0; ky < size; ++ky) {
    for (std::size_t column = 0; column < side; ++column) {
      along_columns[static_cast<std::size_t>(ky) * side + column] =
          fourier_sum(&x[column], side, size, ky - size / 2);
    }
  }
  for (std::size_t ky = 0; ky < side; ++ky) {
    for (int kx = 0; kx < size; ++kx) {
      spectrum[ky * side + static_cast<std::size_t>(kx)] =
          std::norm(fourier_sum(&along_columns[ky * side], 1, size, kx - size / 2)) / energy;
    }
  }
}

}  // namespace glasswatch::analysis
