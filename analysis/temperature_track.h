// The temperature of an exposure, with its uncertainty, from the jittered samples of a heating holder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

namespace glasswatch::analysis {

struct TemperatureTrackSettings {
  double max_gap_s = 2;  // samples further apart are not bridged
  double min_c = -200;   // readings outside [min_c, max_c] are rejected
  double max_c = 1500;
  double sensor_sigma_c = 0;  // calibration of the holder, one standard deviation
  double history_s = 600;     // kept before the newest sample
};

enum class TemperatureState {
  kValid,
  kNoTemperature,  // nothing was ever measured, or nothing before the exposure; or the exposure ends before
                   // it starts
  kStale,          // good samples around the exposure are missing or further apart than max_gap_s
  kOutOfRange,     // as kStale, because the reading there was out of range
  kNotFinite,      // as kStale, because the holder measured nothing there
};

/// All values are NaN unless the state is kValid.
struct ExposureTemperature {
  TemperatureState state;
  double value_c;       // time average over the exposure
  double sigma_c;       // one standard deviation
  double rate_k_per_s;  // slope of the samples around the exposure
  double smear_k;       // |rate| times the exposure: how far the temperature moved while the frame was taken
};

/// Samples of one temperature channel on one clock (int64 ns), kept sorted by time.
///
/// value_c is the time average of the straight lines between good samples, that is sum_i w_i T_i with known
/// w_i, sum_i w_i = 1; for an exposure of length 0 the interpolated point. Nothing is extrapolated: the
/// exposure must lie between two good samples, and no two neighbours of them may be more than max_gap_s
/// apart.
///
/// sigma_c^2 is the sum of
///   sensor_sigma_c^2                        the calibration, common to all samples;
///   s^2 sum w_i^2                           sampling noise: s is the scatter of up to 8 good samples on
///   either side
///                                           and those within about their own straight line (parabola when
///                                           there are 6 or more), 1/sum w_i^2 the number effectively
///                                           averaged;
///   sum w_i^2 d_i^2                         d_i = half the range of different readings at one time;
///   (c h^2/8)^2                             the most that straight lines miss of a curvature c (of that
///   parabola)
///                                           over the longest step h;
///   q^2/12                                  quantisation, not averaged since it repeats on a plateau: q =
///   smallest
///                                           change between successive readings so far, kept within
///                                           kMinimumStepC and kLargestStepC; kUnknownStepC while no change
///                                           was ever seen;
///   (rate * time_sigma_s)^2                 clocks and jitter of the exposure's stamps.
/// Jitter of the samples' own stamps is part of s.
///
/// add() costs O(1) for samples in order, over() O(log n + samples in the exposure); memory is bounded by
/// history_s and kMaxSamples. Times must lie within +-kTimeLimitNs (about 146 years of 1970): samples beyond
/// count as not finite. One thread per object.
class TemperatureTrack {
 public:
  static constexpr double kMinimumStepC = 0.01;
  static constexpr double kUnknownStepC = 0.1;
  static constexpr double kLargestStepC = 1;
  static constexpr std::int64_t kTimeLimitNs = (std::int64_t{1} << 62) - 1;
  static constexpr std::size_t kMaxSamples = 1u << 18;

  /// Requires max_gap_s > 0, history_s > 0, min_c < max_c, sensor_sigma_c >= 0.
  explicit TemperatureTrack(const TemperatureTrackSettings& settings);

  /// temperature_c: NaN = measured nothing. Any order; equal rows collapse, different good readings at one
  /// time become the middle of their range, a good reading replaces a rejected one at its time. Rejected
  /// readings are counted by reason, further readings at a known time as repeated.
  void add(std::int64_t time_ns, double temperature_c);

  /// True once a sample at or after time_ns was seen, good or not: waiting longer cannot improve over().
  bool covers(std::int64_t time_ns) const { return any_seen_ && time_ns <= newest_ns_; }

  /// time_sigma_s >= 0: one standard deviation of the exposure's times on the samples' clock.
  ExposureTemperature over(std::int64_t start_ns, std::int64_t end_ns, double time_sigma_s) const;

  std::uint64_t rejected_out_of_range() const { return rejected_out_of_range_; }
  std::uint64_t rejected_not_finite() const { return rejected_not_finite_; }
  std::uint64_t repeated() const { return repeated_; }

  /// Forgets samples, seen times and counters.
  void clear();

 private:
  struct Sample {
    std::int64_t time_ns;
    double low_c, high_c;  // range of the readings at this time
    double value_c() const { return (low_c + high_c) / 2; }
  };
  struct Rejected {
    std::int64_t time_ns;
    TemperatureState reason;
  };
  struct Average {
    double value_c, noise_share, spread_c2,
        longest_step_s;  // noise_share = sum w_i^2, spread_c2 = sum w_i^2 d_i^2
  };
  struct LocalFit {
    double rate_k_per_s, curvature_k_per_s2, scatter_c;
  };

  void add_good(std::int64_t time_ns, double temperature_c);
  void add_rejected(std::int64_t time_ns, TemperatureState reason);
  void drop_old();
  std::size_t last_at_or_before(std::int64_t time_ns) const;  // good_.size() if none
  bool bridged(std::size_t i) const;                          // from good sample i to the next
  TemperatureState missing_reason(std::int64_t start_ns, std::int64_t end_ns) const;
  Average average(std::size_t first, std::size_t last, std::int64_t start_ns, std::int64_t end_ns) const;
  LocalFit fit(std::size_t first, std::size_t last) const;
  double quantisation_step_c() const;

  TemperatureTrackSettings settings_;
  std::int64_t max_gap_ns_;
  std::int64_t history_ns_;
  std::deque<Sample> good_;
  std::deque<Rejected> rejected_;
  bool any_seen_ = false;
  std::int64_t newest_ns_ = 0;
  double last_reading_c_ = 0;
  double smallest_step_c_ = 0;  // 0 = no change seen
  std::uint64_t rejected_out_of_range_ = 0;
  std::uint64_t rejected_not_finite_ = 0;
  std::uint64_t repeated_ = 0;
};

}  // namespace glasswatch::analysis
