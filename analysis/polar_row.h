// The sparse operator of one radial row: weighted sums over runs of neighbouring pixels.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "analysis/wide_loops.h"

namespace glasswatch::analysis {

/// What one pixel gives to a bin.
struct PixelShare {
  std::uint32_t pixel;  // row * columns + column
  double area_px2;
};

namespace internal {

/// The bins of one radial row. A bin is a list of runs: kRunPixels pixels that follow each other in memory,
/// with a float weight each, 0 for those that are no part of the bin. Bins with equally many runs lie side by
/// side, which keeps the loops' ends predictable. No run reaches beyond the last pixel of a frame of
/// kRunPixels or more; a smaller frame must be padded. Immutable: any number of threads.
class PolarRow {
 public:
  static constexpr int kRunPixels = 4;

  PolarRow() = default;  // without any bin

  /// shares: the pixels of bin j are shares[first[j]] ... shares[first[j + 1] - 1], ascending, and one may
  /// come twice; none = invalid bin. first: bins + 1 values. least_area_px2: a bin with less area of finite
  /// pixels is NaN.
  PolarRow(std::span<const PixelShare> shares, std::span<const std::size_t> first, double least_area_px2,
           std::size_t pixel_count);

  /// Writes the mean of every bin. No allocation.
  template <typename Pixel>
  void means(const Pixel* pixels, std::span<double> out, LoopWidth width) const;

  /// Replaces `out` by the shares of a bin.
  void shares(int bin, std::vector<PixelShare>& out) const;

 private:
  struct Bin {
    std::uint32_t first_run = 0;
    std::uint32_t runs = 0;
  };
  struct Batch {  // of bins side by side
    std::uint32_t bins;
    std::uint32_t runs;  // per bin
  };
  struct Run {
    std::uint32_t start;  // first pixel
    std::array<float, kRunPixels> weights_px2;
  };

  static double append_runs(std::span<const PixelShare> shares, std::size_t pixel_count,
                            std::vector<Run>& runs);
  std::span<const Run> runs_of(const Bin& bin) const {
    return std::span(runs_).subspan(bin.first_run, bin.runs);
  }
  template <typename Pixel>
  void means_plain(const Pixel* pixels, std::span<double> out) const;
  template <typename Pixel>
  void means_avx2(const Pixel* pixels, std::span<double> out) const;
  template <typename Pixel>
  double finite_mean(const Pixel* pixels, const Bin& bin) const;

  double least_area_px2_ = 0;
  std::vector<Bin> bins_;
  std::vector<double> area_px2_;  // sum of a bin's weights, so that a constant stays one; NaN = invalid
  std::vector<Batch> batches_;
  std::vector<std::uint32_t> order_;  // the bins in the order of the batches
  std::vector<Run> runs_;             // in that order
};

}  // namespace internal
}  // namespace glasswatch::analysis
