// How skew the fluctuations of a series are, without noise: what a surrogate must share with the data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "protocol/types/pixels.h"

namespace glasswatch::analysis {

/// Third moment of I/<I> - 1 from products of three frames that are near in time, so that their independent
/// noise drops out, over the three second moments of pairs of them:
///   skewness = <d1 d2 d3> / sqrt(<d1 d2> <d2 d3> <d1 d3>),   d = I/(frame mean) - 1.
/// For speckle and sums of speckle patterns this does not depend on how far apart the frames are, because the
/// moments of |E|^2 are products of the correlations of E (Goodman, *Speckle Phenomena in Optics*, Roberts
/// 2007): 2 for one pattern, 2/sqrt(M) for M equal ones, 0 for a normal law.
///
/// Static structure that the flat field does not hold adds to every moment; 10 % of CV matters at A = 0.1.
/// With N independent speckles in all triples the error is about sqrt(6/N) near 0 and 8/sqrt(N) near 2, more
/// where noise is stronger than the fluctuations. Memory 12 bytes per pixel; about 5 ns per pixel of a
/// triple. No allocation in add(). One thread per object.
class FluctuationSkewness {
 public:
  /// mask: empty, or rows * columns bytes, non-zero = ignore.
  FluctuationSkewness(int rows, int columns, std::span<const std::uint8_t> mask);

  /// Three different frames, some slots apart at most. flat_field: empty, or one factor per unmasked pixel:
  /// counts are divided by it first. False, and nothing changed, if a value is not finite or a mean not above
  /// zero.
  bool add(const FrameView& first, const FrameView& second, const FrameView& third,
           std::span<const float> flat_field = {});

  int triples() const { return triples_; }
  /// NaN before the first triple, and where a second moment is below five of its standard errors under noise.
  double skewness() const;
  void reset();

 private:
  bool take(const FrameView& frame, std::span<const float> flat_field, std::span<float> deviations) const;

  int rows_;
  int columns_;
  std::vector<std::uint32_t> pixels_;
  std::vector<float> first_, second_, third_;
  double product_[3] = {};  // of frames 1 2, 2 3, 1 3
  double squares_ = 0;      // of all three
  double triple_product_ = 0;
  double values_ = 0;
  int triples_ = 0;
};

}  // namespace glasswatch::analysis
