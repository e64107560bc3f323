// g2 of all pixels together, renewed with every frame.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "analysis/lags.h"
#include "analysis/parallel.h"
#include "analysis/pixel_sums.h"

namespace glasswatch::analysis {

/// Pools the raw sums of all pixels, then normalises: product / (past future), or product / mean^2 for
/// kPaper. As pool() with a single unit, but without allocation. One pass over the sums, which memory limits;
/// they are added up in a fixed order, so the bits do not depend on the lanes. One thread calls.
class FieldG2 {
 public:
  /// For sums of so many pixels and lags, with up to so many lanes.
  FieldG2(std::size_t pixels, std::size_t lags, int lanes);

  /// (L); NaN without pairs, or where a mean is not above zero.
  void compute(const PixelSums& sums, Normalization normalization, std::span<double> g2, Parallel& parallel);

 private:
  void add_chunk(const PixelSums& sums, int lane, int chunk);

  std::size_t pixels_, lags_;
  std::vector<double> scratch_;  // per lane: product, past, future (L, kChunk), total (kChunk)
  std::vector<double> partial_;  // per chunk: product, past, future (L), total
};

}  // namespace glasswatch::analysis
