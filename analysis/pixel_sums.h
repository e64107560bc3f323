// What every estimator of g2 starts from: raw sums per pixel and lag, kept apart until the very end.
#pragma once

#include <cstdint>
#include <span>

namespace glasswatch::analysis {

/// Raw correlation sums of every unmasked pixel, over the n(lag) pairs of frames that are `lag` slots apart:
///   product = sum I(t) I(t+lag),  past = sum I(t),  future = sum I(t+lag)   (counts^2, counts, counts)
/// n is the same for all pixels. Normalisation, pooling and regions come later, from these (pooled_sums.h),
/// so none of them is decided here, and sums of the same axes add up. Reading changes nothing: many lanes
/// may.
class PixelSums {
 public:
  PixelSums() = default;
  PixelSums(const PixelSums&) = delete;
  PixelSums& operator=(const PixelSums&) = delete;
  virtual ~PixelSums() = default;

  virtual int rows() const = 0;
  virtual int columns() const = 0;
  /// Row-major indices of the unmasked pixels, ascending. "Pixel i" below is the i-th of these.
  virtual std::span<const std::uint32_t> pixels() const = 0;
  /// (L) ascending, in slots of the time grid; not always whole (multi-tau).
  virtual std::span<const double> lag_slots() const = 0;
  /// (L) pairs behind each lag.
  virtual std::span<const std::uint64_t> pairs() const = 0;
  /// Frames in the sums.
  virtual std::uint64_t frames() const = 0;
  /// Slots from the first to the last frame in the sums, both included; 0 without frames. This is "T".
  virtual std::int64_t span_slots() const = 0;

  /// The sums of pixels [begin, end), each array (L, end - begin) row-major.
  virtual void read(int begin, int end, double* product, double* past, double* future) const = 0;
  /// Sum of all frames, (end - begin).
  virtual void read_total(int begin, int end, double* total) const = 0;
};

}  // namespace glasswatch::analysis
