// Raw correlation sums of every pixel on a quasi-logarithmic axis of lags, in bounded memory, for fast or
// endless streams.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "analysis/exact_correlator.h"
#include "analysis/multi_tau_level.h"
#include "analysis/multi_tau_sums.h"
#include "analysis/parallel.h"
#include "analysis/pixel_sums.h"
#include "protocol/types/pixels.h"

namespace glasswatch::analysis {

struct MultiTauSettings {
  int rows = 0;
  int columns = 0;
  PixelType pixel_type{};
  std::int64_t max_lag_slots = 0;  // levels are added until it is covered
  int first_channels = 16;         // level 0: lags 1 .. 16
  int level_channels = 8;          // level l > 0: lags (9 .. 16) 2^l; first_channels < 2 (level_channels + 1)
  int block_frames = 16;           // sums are brought up to date when so many frames are waiting
};

/// The multiple-tau scheme (Schaetzel, Quantum Opt. 2 (1990) 287) on a time grid with gaps. Level l sees the
/// series through groups of 2^l slots, counted from the slot of the first frame. The sample X of a group is
/// the mean of its frames I = weight * counts if at least half of its slots have one; else the group is a
/// gap. Per pixel and lag c 2^l, with c counted in groups, over the n pairs of samples c groups apart:
///   product = sum X(j) X(j+c),  past = sum X(j),  future = sum X(j+c)   (counts^2, counts, counts),
/// so that g2 = (product/n) / ((past/n)(future/n)) as for single frames, with the monitors of each lag's own
/// pairs (symmetric normalisation: Schaetzel, Drewel & Stimac, J. Mod. Opt. 35 (1988) 711). Level 0 is the
/// exact definition. Groups count as soon as they are over; unfinished ones are not in the sums of pairs.
///
/// Samples are means, so the lag t = c 2^l measures the mean of the correlation f over (t - 2^l, t + 2^l)
/// with triangular weight, f(t) + f''(t) (4^l - 1)/12 + ... A fit of a stretched exponential of beta 0.63 to
/// lags up to 2048 slots is off by less than 0.1 % in tau and 0.001 in beta with 16 + 8 channels (tau 2 to
/// 500 slots; +0.06 % at 148), and by 0.2 % from 40 slots on, 0.9 % at 2, with 8 + 4.
///
/// Numbers: what is summed are deviations x = I - m from one level m per field, the mean of the first frame,
/// rounded where counts are whole. Sums of products are float. Of whole counts without gaps they are exact
/// while 4^l times the sum of |x x'| stays below 2^24; else a sum of n terms is off by about u sqrt(n)/3 of
/// itself, at random, and by n u at most (u = 2^-24). That is A u sqrt(n)/3 of g2 where x is speckle of
/// contrast A: 2e-7 at A = 0.1 and n = 10^4, and u sqrt(n)/3 for pixels many times brighter than m. A sum of
/// 10^7 terms hardly grows any more: begin anew before. past and future are double, but the samples without
/// a partner, which are taken out of them, are summed as float.
///
/// The bits of all sums depend on the frames alone, not on block_frames, on when update() is called, or on
/// the lanes.
///
/// A pause costs no more than the longest lag of each level in groups, however long it is, and separates what
/// was before from what comes after by as many slots as it has.
///
/// Memory, reserved in the constructor (memory_bytes): per pixel 12 bytes per lag, 4 per group of the longest
/// lag of each level, 12 per level, 4 per frame of a block and 4: 1536 bytes with 72 lags and blocks of 16.
/// Nothing is allocated later. What a frame costs is the memory it moves, per pixel about 360 bytes if the
/// sums are brought up to date for it alone and 80 in blocks of 16. One thread at a time; reading many.
class MultiTauCorrelator final : public PixelSums {
 public:
  /// mask: empty, or rows * columns bytes, non-zero = ignore.
  MultiTauCorrelator(MultiTauSettings settings, std::span<const std::uint8_t> mask);
  ~MultiTauCorrelator() override;

  /// Everything the object will ever hold, for a field without mask.
  static std::size_t memory_bytes(const MultiTauSettings& settings);

  /// Takes a copy of the frame for `slot` (any sign, within +-2^61). `weight` multiplies its counts (dose
  /// normalisation; 1 = none). The frame must have the rows, columns and pixel type of the settings. Not
  /// kUsed, and nothing changed: the slot is that of the newest frame (kRepeated), or older (kLate: nothing
  /// can be inserted); the weight or an unmasked pixel is not finite as float. A refused frame leaves its
  /// slot a gap.
  FrameOutcome add(std::int64_t slot, const FrameView& frame, double weight, Parallel& parallel);
  /// Brings the sums up to date with every frame added. Reading and merging need this first (checked).
  void update(Parallel& parallel);

  /// Adds the sums of an independent series (no pair is formed across the two). Each sum is rounded once: the
  /// products to 2^-24 of themselves, to n d^2 2^-24 more where the levels m of the two differ by d. False,
  /// and nothing changed, unless geometry, mask and lags are equal.
  bool merge(const MultiTauCorrelator& other);
  /// Forgets all frames and sums.
  void reset();

  /// Slots without a frame between the first and the last of the series; of merged series too.
  std::uint64_t frames_missing() const;

  int rows() const override { return settings_.rows; }
  int columns() const override { return settings_.columns; }
  std::span<const std::uint32_t> pixels() const override { return pixels_; }
  std::span<const double> lag_slots() const override { return lag_slots_; }
  /// Up to the last update().
  std::span<const std::uint64_t> pairs() const override { return pairs_; }
  std::uint64_t frames() const override { return used_ + merged_.frames; }
  /// Of merged series the sum, as they are independent.
  std::int64_t span_slots() const override;
  void read(int begin, int end, double* product, double* past, double* future) const override;
  void read_total(int begin, int end, double* total) const override;

 private:
  struct Merged {
    std::uint64_t frames = 0, missing = 0;
    std::int64_t span_slots = 0;
  };

  double reference_of(const FrameView& frame, double weight) const;
  bool stage(const FrameView& frame, double weight, double reference, Parallel& parallel);
  std::size_t plan_waiting();
  int pieces() const;
  std::size_t strips_before(int piece) const;
  void copy_pairs();
  template <typename Function>
  void visit_pieces(int begin, int end, Function function) const;

  MultiTauSettings settings_;
  std::vector<std::uint32_t> pixels_;
  internal::MultiTauTime time_;
  internal::MultiTauSums sums_;
  std::vector<double> lag_slots_;
  std::vector<std::uint64_t> pairs_;

  std::vector<internal::FloatStrip> staged_;  // (strips, block_frames), deviations from reference_
  std::vector<std::uint8_t> strip_finite_;
  std::vector<std::int64_t> waiting_slots_;  // of the staged frames, from the first slot
  std::vector<internal::MultiTauStep> steps_;

  double reference_ = 0;  // m
  std::uint64_t used_ = 0;
  std::int64_t first_slot_ = 0;
  std::int64_t newest_slot_ = 0;
  Merged merged_;
};

}  // namespace glasswatch::analysis
