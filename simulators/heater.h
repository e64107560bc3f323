// The heating holder's true temperature: hold, ramp, hold; a command may stop the ramp where it is.
#pragma once

#include <optional>

#include "protocol/schema/scenario.pb.h"
#include "protocol/schema/streams.pb.h"

namespace glasswatch::simulation {

/// T(t) = start before hold_before_s; then start + sign * rate * (t - hold_before_s) until stop; then stop.
/// After hold(t0): T(t) = T(t0) for t >= t0. Times in seconds since the program began, temperatures in deg C.
class Heater {
 public:
  explicit Heater(const scenario::Ramp& ramp);

  double temperature_c(double time_s) const;

  /// Mean over [from_s, to_s], closed form (the integral of a piecewise linear function); the point value if
  /// equal.
  double mean_c(double from_s, double to_s) const;

  stream::RampState state(double time_s) const;

  /// Length of hold, ramp and hold together.
  double program_s() const { return ramp_end_s_ + hold_after_s_; }

  /// From `time_s` on the temperature stays. A second call changes nothing.
  void hold(double time_s);
  bool held() const { return held_s_.has_value(); }

 private:
  double program_time_s(double time_s) const;
  double integral_c_s(double time_s) const;  // of T from 0 to time_s

  double start_c_;
  double stop_c_;
  double rate_k_per_s_;  // signed
  double ramp_begin_s_;
  double ramp_end_s_;
  double hold_after_s_;
  std::optional<double> held_s_;
};

}  // namespace glasswatch::simulation
