// Offset of a source's clock against the receiver's, from one-way time stamps.
#pragma once

#include <cstdint>
#include <vector>

namespace glasswatch::analysis {

/// Each message tells sent - received = offset - delay with delay > 0, so the largest difference of the last
/// kWindowS seconds belongs to the fastest message and is the estimate (the minimum filter of one-way delay
/// measurement, RFC 5905 section 10 in spirit). What the fastest message took is not observable from one-way
/// stamps: floor_sigma_s must stand for it.
///
/// sigma^2 = floor^2 + (best - median)^2 over the best differences of each second in the window: the scatter
/// that remains after taking the best of a second, which also holds the drift within the window (50 ppm: at
/// most 1.5 ms).
///
/// A clock step shows as a difference above the best by more than kStepS, or as kStepMessages in a row, over
/// at least kStepSpanS, all below it by more: the window then starts again, and steps() counts. A delayed
/// batch comes in at once and is no step. Memory: one entry per second of the window, reserved once. One
/// thread per object.
class ClockOffset {
 public:
  static constexpr double kWindowS = 30;
  static constexpr double kStepS = 0.5;
  static constexpr double kStepSpanS = 2;
  static constexpr int kStepMessages = 4;
  static constexpr int kMinimumMessages = 4;

  explicit ClockOffset(double floor_sigma_s);  // > 0

  /// Stamps that are not > 0 mean "not given"; such a pair is ignored.
  void add(std::int64_t sent_ns, std::int64_t received_ns);

  /// True once kMinimumMessages came since the start or the last step; offset and sigma are NaN before.
  bool known() const { return messages_ >= kMinimumMessages; }
  double offset_s() const;  // source - receiver
  double sigma_s() const;
  std::uint64_t steps() const { return steps_; }
  void reset();

 private:
  struct Second {
    std::int64_t index;    // of the receiver's clock
    std::int64_t best_ns;  // largest sent - received
  };
  struct LowRun {
    int messages = 0;
    std::int64_t first_received_ns = 0;
    std::int64_t best_ns = 0;
  };

  std::int64_t best_ns() const;
  void start_again();
  void insert(std::int64_t difference_ns, std::int64_t received_ns);

  double floor_sigma_s_;
  std::vector<Second> seconds_;
  LowRun low_run_;
  int messages_ = 0;
  std::uint64_t steps_ = 0;
};

}  // namespace glasswatch::analysis
