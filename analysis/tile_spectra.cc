#include "analysis/tile_spectra.h"

#include <fftw3.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "analysis/check.h"

namespace glasswatch::analysis {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

/// FFTW's planner is not re-entrant by itself; a function-local static runs this once, before the first plan.
void make_planner_safe() {
  static const bool kDone = (fftwf_make_planner_thread_safe(), true);
  static_cast<void>(kDone);
}

std::vector<double> window_of(const TileGeometry& geometry) {
  std::vector<double> window(static_cast<std::size_t>(geometry.tile_px), 1.0);
  if (geometry.window == Window::kRectangle) return window;
  for (std::size_t j = 0; j < window.size(); ++j) {
    window[j] = std::pow(std::sin(std::numbers::pi * (static_cast<double>(j) + 0.5) / geometry.tile_px), 2);
  }
  return window;
}

/// sum over the tile of window^2; the window is a product of rows and columns.
double window_energy(std::span<const double> window) {
  double sum = 0;
  for (const double w : window) sum += w * w;
  return sum * sum;
}

}  // namespace

std::string_view tile_geometry_fault(const TileGeometry& g) {
  if (g.tile_px < 16 || g.tile_px % 2 != 0) return "tiles have an even number of pixels, at least 16";
  if (g.step_px < 1) return "tiles are at least one pixel apart";
  if (g.map_rows() == 0 || g.map_columns() == 0) return "tiles are larger than the image";
  if (!(g.pixel_nm > 0) || !std::isfinite(g.pixel_nm)) return "the size of a pixel is unknown";
  if (!(g.k_min_inv_nm > 0 && g.k_min_inv_nm < g.k_max_inv_nm)) return "the ring is empty";
  if (!(g.k_max_inv_nm <= 0.5 / g.pixel_nm)) return "the ring goes beyond the highest frequency of the image";
  if (g.radial_bins < 1 || g.azimuthal_bins < 2) return "the ring has no bins";
  if ((g.k_max_inv_nm - g.k_min_inv_nm) * g.pixels_per_inv_nm() < 1) {
    return "the ring is thinner than a pixel of the tiles' spectrum";
  }
  return {};
}

/// What one lane works with: a tile's pixels, their transform, its plans.
class TileSpectra::Lane {
 public:
  Lane(const TileGeometry& geometry, const SpectrumRing& ring);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// Windowed relative deviation from the mean of the tile at `first`; false if it has none.
  template <typename Pixel>
  bool load(const Pixel* first, std::size_t image_columns, double offset_counts);

  /// S of what was loaded, at the ring's pixels.
  void spectrum(std::span<float> s);

  std::span<float> flattened(std::span<const float> s, std::span<const float> one_over_reference);

  std::vector<float> scratch;  // of the ring's statistics

 private:
  std::size_t size_;
  std::vector<double> window_;
  double one_over_energy_;
  std::vector<double> sums_;     // per column of the tile
  std::vector<std::size_t> at_;  // of the ring's pixels in bins_
  std::vector<float> flattened_;
  float* values_;        // (tile, tile)
  fftwf_complex* bins_;  // (tile, tile / 2 + 1)
  fftwf_plan along_rows_, along_columns_;
};

TileSpectra::Lane::Lane(const TileGeometry& geometry, const SpectrumRing& ring)
    : scratch(std::max(ring.inside(), 1 + 2 * ring.orders())),
      size_(static_cast<std::size_t>(geometry.tile_px)),
      window_(window_of(geometry)),
      one_over_energy_(1 / window_energy(window_)),
      sums_(size_),
      flattened_(ring.pixels().size()) {
  make_planner_safe();
  const int size = geometry.tile_px, stride = size / 2 + 1;
  const auto half = static_cast<std::size_t>(stride);
  int columns = 0;  // beyond the ring's last one nothing is asked for
  for (const SpectrumRing::Pixel& pixel : ring.pixels()) {
    columns = std::max(columns, pixel.column + 1);
    const auto row = static_cast<std::size_t>((pixel.row + size) % size);
    at_.push_back(row * half + static_cast<std::size_t>(pixel.column));
  }
  values_ = fftwf_alloc_real(size_ * size_);
  bins_ = fftwf_alloc_complex(size_ * half);
  GLASSWATCH_CHECK(values_ != nullptr && bins_ != nullptr, size);
  // ESTIMATE: plans chosen by timing would change the last bits from run to run.
  along_rows_ = fftwf_plan_many_dft_r2c(1, &size, size, values_, nullptr, 1, size, bins_, nullptr, 1, stride,
                                        FFTW_ESTIMATE | FFTW_DESTROY_INPUT);
  along_columns_ = fftwf_plan_many_dft(1, &size, columns, bins_, nullptr, stride, 1, bins_, nullptr, stride,
                                       1, FFTW_FORWARD, FFTW_ESTIMATE);
  GLASSWATCH_CHECK(along_rows_ != nullptr && along_columns_ != nullptr, size);
}

TileSpectra::Lane::~Lane() {
  fftwf_destroy_plan(along_rows_);
  fftwf_destroy_plan(along_columns_);
  fftwf_free(values_);
  fftwf_free(bins_);
}

template <typename Pixel>
bool TileSpectra::Lane::load(const Pixel* first, std::size_t image_columns, double offset_counts) {
  // Relative to its first pixel, so that a tile without contrast has deviations of exactly zero.
  const auto base = static_cast<double>(*first);
  std::fill(sums_.begin(), sums_.end(), 0.0);
  for (std::size_t row = 0; row < size_; ++row) {
    const Pixel* pixels = first + row * image_columns;
    for (std::size_t column = 0; column < size_; ++column)
      sums_[column] += static_cast<double>(pixels[column]) - base;
  }
  double sum = 0;
  for (const double column : sums_) sum += column;
  const double above_base = sum / static_cast<double>(size_ * size_);
  const double mean = base - offset_counts + above_base;
  if (!(mean > 0) || !std::isfinite(mean)) return false;

  float* value = values_;
  for (std::size_t row = 0; row < size_; ++row) {
    const Pixel* pixels = first + row * image_columns;
    const double scale = window_[row] / mean;
    for (std::size_t column = 0; column < size_; ++column) {
      const double deviation = static_cast<double>(pixels[column]) - base - above_base;
      *value++ = static_cast<float>(deviation * (scale * window_[column]));
    }
  }
  return true;
}

void TileSpectra::Lane::spectrum(std::span<float> s) {
  fftwf_execute(along_rows_);
  fftwf_execute(along_columns_);
  const auto scale = static_cast<float>(one_over_energy_);
  for (std::size_t p = 0; p < s.size(); ++p) {
    const float re = bins_[at_[p]][0], im = bins_[at_[p]][1];
    s[p] = (re * re + im * im) * scale;
  }
}

std::span<float> TileSpectra::Lane::flattened(std::span<const float> s,
                                              std::span<const float> one_over_reference) {
  for (std::size_t p = 0; p < s.size(); ++p) flattened_[p] = s[p] * one_over_reference[p];
  return flattened_;
}

TileSpectra::TileSpectra(const TileGeometry& geometry, const std::vector<int>& orders, int lanes)
    : geometry_(
          (GLASSWATCH_CHECK(tile_geometry_fault(geometry).empty(), tile_geometry_fault(geometry)), geometry)),
      ring_(geometry.tile_px, geometry.k_min_inv_nm * geometry.pixels_per_inv_nm(),
            geometry.k_max_inv_nm * geometry.pixels_per_inv_nm(), geometry.radial_bins,
            geometry.azimuthal_bins, orders) {
  GLASSWATCH_CHECK(lanes >= 1, lanes);
  for (int lane = 0; lane < lanes; ++lane) lanes_.push_back(std::make_unique<Lane>(geometry, ring_));
  const std::size_t pixels = ring_.pixels().size();
  const auto tiles =
      static_cast<std::size_t>(geometry.map_rows()) * static_cast<std::size_t>(geometry.map_columns());
  spectra_.resize(tiles * pixels);
  mean_.resize(pixels);
  smoothed_.resize(pixels);
  cells_.resize(ring_.smoothing_scratch());
  one_over_reference_.assign(pixels, 1.0f);
}

TileSpectra::~TileSpectra() = default;

std::span<float> TileSpectra::ring_of(std::size_t tile) {
  const std::size_t pixels = ring_.pixels().size();
  return std::span(spectra_).subspan(tile * pixels, pixels);
}

void TileSpectra::process(const FrameView& image, double offset_counts, Maps maps, Parallel& parallel) {
  GLASSWATCH_CHECK(image.rows == geometry_.rows && image.columns == geometry_.columns, image.rows,
                   image.columns, geometry_.rows, geometry_.columns);
  GLASSWATCH_CHECK(parallel.lanes() <= static_cast<int>(lanes_.size()), parallel.lanes(), lanes_.size());
  const auto columns = static_cast<std::size_t>(geometry_.map_columns());
  const std::size_t tiles = static_cast<std::size_t>(geometry_.map_rows()) * columns, orders = ring_.orders();
  GLASSWATCH_CHECK(
      maps.power.size() == tiles * orders && maps.ring_mean.size() == tiles && maps.peak.size() == tiles,
      maps.power.size(), maps.ring_mean.size(), maps.peak.size(), tiles, orders);

  visit_pixels(image,
               [&](const auto* pixels) { transform(pixels, offset_counts, maps.ring_mean, parallel); });
  if (geometry_.flatten) find_reference(maps.ring_mean);

  auto score = [&](int lane_index, int begin, int end) {
    Lane& lane = *lanes_[static_cast<std::size_t>(lane_index)];
    for (std::size_t tile = static_cast<std::size_t>(begin) * columns;
         tile < static_cast<std::size_t>(end) * columns; ++tile) {
      const std::span<float> power = maps.power.subspan(tile * orders, orders);
      maps.peak[tile] = kNaN;
      std::fill(power.begin(), power.end(), kNaN);
      if (!(maps.ring_mean[tile] > 0)) continue;
      const std::span<const float> s = lane.flattened(ring_of(tile), one_over_reference_);
      maps.peak[tile] = ring_.peak(s, lane.scratch);
      ring_.angular_power(s, lane.scratch, power);
    }
  };
  parallel.run(geometry_.map_rows(), score);
}

template <typename Pixel>
void TileSpectra::transform(const Pixel* pixels, double offset_counts, std::span<float> ring_mean,
                            Parallel& parallel) {
  const auto step = static_cast<std::size_t>(geometry_.step_px);
  const auto image_columns = static_cast<std::size_t>(geometry_.columns);
  const auto columns = static_cast<std::size_t>(geometry_.map_columns());
  auto row_of_tiles = [&](int lane_index, int begin, int end) {
    Lane& lane = *lanes_[static_cast<std::size_t>(lane_index)];
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      for (std::size_t j = 0; j < columns; ++j) {
        const std::size_t tile = i * columns + j;
        ring_mean[tile] = kNaN;
        if (!lane.load(pixels + i * step * image_columns + j * step, image_columns, offset_counts)) continue;
        lane.spectrum(ring_of(tile));
        const auto mean = static_cast<float>(ring_.mean(ring_of(tile)));
        if (std::isfinite(mean)) ring_mean[tile] = mean;
      }
    }
  };
  parallel.run(geometry_.map_rows(), row_of_tiles);
}

void TileSpectra::find_reference(std::span<const float> ring_mean) {
  std::fill(mean_.begin(), mean_.end(), 0.0);
  int tiles = 0;
  for (std::size_t tile = 0; tile < ring_mean.size(); ++tile) {
    if (!(ring_mean[tile] > 0)) continue;
    ++tiles;
    const std::span<const float> s = ring_of(tile);
    const double scale = 1 / static_cast<double>(ring_mean[tile]);
    for (std::size_t p = 0; p < s.size(); ++p) mean_[p] += scale * static_cast<double>(s[p]);
  }
  const double overlap = std::min(1.0, static_cast<double>(geometry_.step_px) / geometry_.tile_px);
  std::fill(one_over_reference_.begin(), one_over_reference_.end(), 1.0f);
  if (tiles * overlap * overlap < kMinIndependentTiles) return;
  for (double& value : mean_) value /= tiles;
  ring_.smooth(mean_, cells_, smoothed_);
  for (std::size_t p = 0; p < mean_.size(); ++p) {
    if (smoothed_[p] > 0) one_over_reference_[p] = static_cast<float>(1 / smoothed_[p]);
  }
}

}  // namespace glasswatch::analysis
