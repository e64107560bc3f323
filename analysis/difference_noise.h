// Counting and read noise of a series, from differences of neighbouring frames.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "protocol/types/pixels.h"

namespace glasswatch::analysis {

/// Half of the mean squared difference of frames that follow each other: noise of one pixel in one frame, and
/// (1 - C(1)/C(0)) of the variance of the speckle, which the caller takes off when tau is known. Looks at no
/// more than kPixels unmasked pixels, evenly spread. One thread; add() does not allocate.
class DifferenceNoise {
 public:
  static constexpr std::size_t kPixels = 65'536;

  /// mask: empty, or rows * columns bytes, non-zero = ignore.
  DifferenceNoise(int rows, int columns, std::span<const std::uint8_t> mask);

  /// Pairs with a non-finite pixel are left out.
  void add(const FrameView& earlier, const FrameView& later);
  /// counts^2; NaN before the first pair.
  double variance_counts2() const;

 private:
  std::vector<std::uint32_t> pixels_;
  double sum_ = 0;  // of the pairs' mean squared differences
  std::uint64_t pairs_ = 0;
};

}  // namespace glasswatch::analysis
