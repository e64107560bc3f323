// Intensity correlation g2 of a whole field, running, from raw sums on a true time grid.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "protocol/types/pixels.h"

namespace glasswatch::analysis {

/// Lags 1, 2, 3, ... up to max_lag_slots, at most `lags_per_decade` per decade once that leaves gaps between
/// integers: the distinct values of round(10^(i/lags_per_decade)). Both arguments >= 1.
std::vector<std::int64_t> log_spaced_lags(int lags_per_decade, std::int64_t max_lag_slots);

enum class Normalization {
  kSymmetric,  // (G/n) / ((past/n)(future/n))
  kPaper,      // (G/n) / <I>^2, the mean over all frames and pixels
};

/// g2(lag) = <I(t) I(t+lag)> / <I>^2 of the unmasked pixels together: raw sums are pooled first and
/// normalised last (sums over pixels and over the n pairs of frames that are `lag` slots apart):
///   G = sum I(t) I(t+lag), past = sum I(t), future = sum I(t+lag).
/// A slot without a frame is a gap: no pair is formed with it, and no other pair stands in for it.
///
/// Frames may come out of order within max_late_slots of the newest: a late frame takes its own slot and
/// pairs with both sides, so the sums are those of the frames in order (exactly for integer counts below 2^53
/// in total, else to the rounding of sums in another order). Later ones are refused and counted.
///
/// Frames are held as float: exact for integers up to 2^24. Products and sums are double, in a fixed order.
/// Memory is reserved once, in the constructor (see memory_bytes); add() costs one pass over the field for
/// each lag and allocates nothing. One thread per object.
class FieldCorrelator {
 public:
  static constexpr std::int64_t kDefaultLateSlots = 16;

  /// mask: empty, or rows * columns bytes, non-zero = ignore. lags_slots: ascending, each >= 1, at least one.
  FieldCorrelator(int rows, int columns, std::span<const std::uint8_t> mask,
                  std::vector<std::int64_t> lags_slots, Normalization normalization,
                  std::int64_t max_late_slots = kDefaultLateSlots);

  /// Bytes of history for an unmasked field: one float per pixel for max_lag + max_late + 1 slots.
  static std::size_t memory_bytes(int rows, int columns, std::int64_t max_lag_slots,
                                  std::int64_t max_late_slots = kDefaultLateSlots);

  /// Takes the frame of time slot `slot` (any sign). False, with nothing but a counter changed, if the slot
  /// has its frame already, if it is more than max_late_slots older than the newest, or if a pixel of the
  /// field is not finite as a float. A refused frame leaves its slot a gap.
  bool add(std::int64_t slot, const FrameView& frame);

  /// Per lag: g2, NaN where no pair exists or a mean is not > 0; and the number of pairs.
  void g2(std::span<double> g2, std::span<std::uint64_t> pairs) const;

  const std::vector<std::int64_t>& lags_slots() const { return lags_slots_; }
  std::uint64_t frames_used() const { return merged_used_ + used_; }
  /// Slots without a frame between the first and the last slot used.
  std::uint64_t frames_missing() const;
  std::uint64_t refused_repeated() const { return refused_repeated_; }
  std::uint64_t refused_late() const { return refused_late_; }
  std::uint64_t refused_non_finite() const { return refused_non_finite_; }

  /// Adds the raw sums and counters of another, independent series (no pair is formed across the two). False,
  /// and nothing changed, unless geometry, mask, lags and normalization are equal.
  bool merge(const FieldCorrelator& other);
  void reset();

 private:
  struct LagSums {
    double product = 0, past = 0, future = 0;
    std::uint64_t pairs = 0;
  };

  std::size_t cell_of(std::int64_t slot) const;
  bool holds(std::int64_t slot) const { return used_ > 0 && held_slot_[cell_of(slot)] == slot; }
  const float* field_of(std::int64_t slot) const { return history_.get() + cell_of(slot) * field_.size(); }

  int rows_;
  int columns_;
  std::vector<std::uint32_t> field_;  // indices of the unmasked pixels
  std::vector<std::int64_t> lags_slots_;
  Normalization normalization_;
  std::int64_t max_late_slots_;

  std::unique_ptr<float[]> history_;     // one cell per slot of the ring, one value per pixel of the field
  std::vector<std::int64_t> held_slot_;  // the slot whose frame each cell holds, or kEmpty
  std::vector<double> held_sum_;         // sum over the field of that frame

  std::vector<LagSums> sums_;  // per lag
  double total_ = 0;           // sum over all pixels and frames
  std::uint64_t used_ = 0;     // of the series at hand
  std::int64_t oldest_slot_ = 0;
  std::int64_t newest_slot_ = 0;
  std::uint64_t merged_used_ = 0;
  std::uint64_t merged_missing_ = 0;
  std::uint64_t refused_repeated_ = 0;
  std::uint64_t refused_late_ = 0;
  std::uint64_t refused_non_finite_ = 0;
};

/// A frame of the reference below: the unmasked pixels at their time slot.
struct SlotImage {
  std::int64_t slot;
  std::vector<double> pixels;
};

/// The same g2 by direct loops over all pairs of frames. For tests.
void field_g2_reference(std::span<const SlotImage> frames, std::span<const std::int64_t> lags_slots,
                        Normalization normalization, std::span<double> g2, std::span<std::uint64_t> pairs);

}  // namespace glasswatch::analysis
