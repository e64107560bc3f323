// Sums of products over pairs of samples, for a strip of pixels at a time.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "analysis/multi_tau_level.h"
#include "analysis/wide_loops.h"

namespace glasswatch::analysis::internal {

/// Pixels that are worked on together: what they need at one level stays in the first cache.
constexpr std::size_t kStripPixels = 64;

template <typename Number>
struct alignas(64) Strip {
  std::array<Number, kStripPixels> pixels;
};
using FloatStrip = Strip<float>;
using TotalStrip = Strip<double>;

/// Brings the rows that the next strip needs into the cache while one is worked on, in small portions: of
/// short pieces of memory at many places, the processor's own prefetching comes too late.
class Prefetch {
 public:
  /// strip: the first row; rows: the ones that are needed, none for no prefetching.
  Prefetch(const FloatStrip* strip, std::span<const StripRow> rows, std::size_t portions)
      : strip_(strip), rows_(rows), portion_((rows.size() * kPieces + portions) / (portions + 1)) {}

  void portions(std::size_t count) {
    const std::size_t end = std::min(next_ + count * portion_, rows_.size() * kPieces);
    for (; next_ < end; ++next_) {
      fetch(strip_[rows_[next_ / kPieces]].pixels.data() + next_ % kPieces * kPiecePixels);
    }
  }

 private:
  static constexpr std::size_t kPiecePixels = 16, kPieces = kStripPixels / kPiecePixels;  // cache lines

  static void fetch(const float* piece) {
#ifdef __GNUC__
    __builtin_prefetch(piece, 1, 2);
#endif
  }

  const FloatStrip* strip_;
  std::span<const StripRow> rows_;
  std::size_t portion_;
  std::size_t next_ = 0;
};

/// product[c] += x(past) x(future) over the pairs of channel c, one after the other: the bits do not depend
/// on the width. rows: where the samples are, by number.
void add_products(const FloatStrip* const* rows, std::span<const std::vector<SamplePair>> pairs,
                  FloatStrip* product, LoopWidth width, Prefetch& prefetch);

}  // namespace glasswatch::analysis::internal
