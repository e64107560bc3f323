// Raw correlation sums of every pixel at given lags, from the whole history up to the longest lag.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "analysis/parallel.h"
#include "analysis/pixel_history.h"
#include "analysis/pixel_sums.h"
#include "protocol/types/pixels.h"

namespace glasswatch::analysis {

/// What became of a frame that was given to a correlator.
enum class FrameOutcome { kUsed, kRepeated, kLate, kNonFinite };

struct ExactCorrelatorSettings {
  int rows = 0;
  int columns = 0;
  PixelType pixel_type{};
  std::vector<std::int64_t> lags_slots;  // ascending, each >= 1, at least one
  std::int64_t max_late_slots = 16;
  /// 0: all frames; else only frames, and pairs whose later frame is, among the newest `window_slots` slots.
  std::int64_t window_slots = 0;
  int block_frames = 16;  // sums are brought up to date when so many frames are waiting
};

/// Frames come with the slot of their time; slots without a frame form no pair, and no other pair stands in
/// for them. With I = weight * counts, per pixel and lag over all pairs of frames that are `lag` slots apart:
///   product = sum I(t) I(t+lag),  past = sum I(t),  future = sum I(t+lag).
/// `future` is kept as the sum of all frames less those without a partner in their past, of which a running
/// series has hardly any more: two sums per pair instead of three.
///
/// Late frames: one that is at most max_late_slots older than the newest takes its own slot and pairs with
/// both sides, so the sums are those of the frames in order; older ones are refused.
///
/// Numbers: integers up to 16 bit are held as they are, all others as float (exact up to 2^24 counts). Sums
/// are double. While they stay below 2^53 those of whole counts are exact, whatever the order, the window or
/// the merging. Else each sum adds in the order of arrival, so that its bits do not depend on block_frames,
/// on when update() is called, or on the lanes; it is the true sum within n 2^-53 of the sum of the n
/// absolute terms that entered or left it, and `future` within that of the total. Sums under a window drift
/// by so much.
///
/// Memory, reserved in the constructor (memory_bytes): 2 or 4 bytes per pixel for each of max_lag +
/// max_late_slots + window_slots + block_frames + 1 slots, and 24 bytes per pixel and lag. Nothing is
/// allocated later. A block costs one pass over the sums and over the past frames that its pairs need; frame
/// by frame the sums are passed over for each. A window doubles the work. A pause costs one pass over
/// window_slots, however long it is.
///
/// One thread at a time; reading many. Slots must stay within +-2^61.
class ExactCorrelator final : public PixelSums {
 public:
  /// mask: empty, or rows * columns bytes, non-zero = ignore.
  ExactCorrelator(ExactCorrelatorSettings settings, std::span<const std::uint8_t> mask);
  ~ExactCorrelator() override;

  /// Everything the object will ever hold, for a field without mask.
  static std::size_t memory_bytes(const ExactCorrelatorSettings& settings);

  /// Takes a copy of the frame for `slot` (any sign). `weight` multiplies its counts (dose normalisation; 1 =
  /// none). The frame must have the rows, columns and pixel type of the settings. Not kUsed, and nothing
  /// changed: the slot has its frame already; it is more than max_late_slots older than the newest; the
  /// weight or an unmasked pixel is not finite (as float, where it is held so). A refused frame leaves its
  /// slot a gap.
  FrameOutcome add(std::int64_t slot, const FrameView& frame, double weight, Parallel& parallel);
  /// Brings the sums up to date with every frame added. Reading and merging need this first (checked).
  void update(Parallel& parallel);

  /// Adds the sums of an independent series (no pair is formed across the two); they stay whatever the window
  /// forgets. False, and nothing changed, unless geometry, mask and lags are equal.
  bool merge(const ExactCorrelator& other);
  /// Forgets all frames and sums.
  void reset();

  /// Slots without a frame between the first and the last of the series, whatever the window; of merged
  /// series too.
  std::uint64_t frames_missing() const;

  int rows() const override { return settings_.rows; }
  int columns() const override { return settings_.columns; }
  std::span<const std::uint32_t> pixels() const override { return pixels_; }
  std::span<const double> lag_slots() const override { return lag_slots_; }
  std::span<const std::uint64_t> pairs() const override { return pairs_; }
  /// With a window those in it.
  std::uint64_t frames() const override { return frames_in_sums_ + merged_.frames; }
  /// Of merged series the sum, as they are independent.
  std::int64_t span_slots() const override;
  void read(int begin, int end, double* product, double* past, double* future) const override;
  void read_total(int begin, int end, double* total) const override;

 private:
  struct LagWork {  // waiting for update(), in order of arrival
    std::vector<internal::PairTerm> pairs;
    std::vector<internal::FrameTerm> unpaired;
  };
  struct LagSums {
    internal::SumTile product{}, past{};
    internal::SumTile unpaired_future{};  // frames without a partner one lag before them
  };
  struct Merged {
    std::uint64_t frames = 0, missing = 0;
    std::int64_t span_slots = 0;
  };

  static constexpr std::int64_t kNoneNeeded = std::numeric_limits<std::int64_t>::max();

  static std::int64_t cells_of(const ExactCorrelatorSettings& settings);
  static std::size_t terms_of(const ExactCorrelatorSettings& settings);

  bool in_window(std::int64_t slot) const;
  void move_window(std::int64_t newest_slot, Parallel& parallel);
  void begin_event(Parallel& parallel);
  void list_arrival(std::int64_t slot);
  void list_departure(std::int64_t slot);
  void list_as_future(std::size_t lag, std::int64_t slot, double sign);
  void list_pair(std::size_t lag, std::int64_t past, std::int64_t future, double sign);
  internal::FrameTerm term(std::int64_t slot, double sign);
  void update_tile(std::size_t tile);
  void forget_work();
  template <typename Function>
  void visit_pieces(int begin, int end, Function function) const;

  ExactCorrelatorSettings settings_;
  std::vector<std::uint32_t> pixels_;
  std::vector<double> lag_slots_;
  internal::PixelHistory history_;

  std::vector<LagSums> sums_;             // (tiles, lags)
  std::vector<internal::SumTile> total_;  // (tiles)
  std::vector<std::uint64_t> pairs_;      // per lag

  std::vector<LagWork> work_;  // per lag
  std::vector<internal::FrameTerm> total_work_;
  std::vector<std::uint8_t> tile_flags_;
  int waiting_events_ = 0;                         // frames that came or left the window
  int waiting_frames_ = 0;                         // of these, those that came
  std::int64_t oldest_needed_slot_ = kNoneNeeded;  // by the waiting work

  std::uint64_t frames_used_ = 0;  // of the series at hand
  std::int64_t first_slot_ = 0;
  std::int64_t newest_slot_ = 0;
  std::uint64_t frames_in_sums_ = 0;
  std::int64_t oldest_slot_in_sums_ = 0;
  Merged merged_;
};

}  // namespace glasswatch::analysis
