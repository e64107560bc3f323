#include "simulators/heater.h"

#include <algorithm>
#include <cmath>

namespace glasswatch::simulation {

Heater::Heater(const scenario::Ramp& ramp)
    : start_c_(ramp.start_c()),
      stop_c_(ramp.stop_c()),
      rate_k_per_s_(std::copysign(ramp.rate_k_per_min() / 60, ramp.stop_c() - ramp.start_c())),
      ramp_begin_s_(ramp.hold_before_s()),
      ramp_end_s_(ramp.hold_before_s() +
                  std::abs(ramp.stop_c() - ramp.start_c()) / (ramp.rate_k_per_min() / 60)),
      hold_after_s_(ramp.hold_after_s()) {}

double Heater::program_time_s(double time_s) const {
  return held_s_ ? std::min(time_s, *held_s_) : time_s;
}

double Heater::temperature_c(double time_s) const {
  const double t = program_time_s(time_s);
  if (t <= ramp_begin_s_) return start_c_;
  if (t >= ramp_end_s_) return stop_c_;
  return start_c_ + rate_k_per_s_ * (t - ramp_begin_s_);
}

double Heater::integral_c_s(double time_s) const {
  const double t = program_time_s(time_s);
  const double on_ramp = std::clamp(t, ramp_begin_s_, ramp_end_s_) - ramp_begin_s_;
  const double after = std::max(0.0, t - ramp_end_s_);
  // Up to t: the start level throughout, the triangle of the ramp, the step it leaves behind; then the held
  // level.
  return start_c_ * t + rate_k_per_s_ * on_ramp * on_ramp / 2 + rate_k_per_s_ * on_ramp * after +
         temperature_c(t) * (time_s - t);
}

double Heater::mean_c(double from_s, double to_s) const {
  if (to_s <= from_s) return temperature_c(from_s);
  return (integral_c_s(to_s) - integral_c_s(from_s)) / (to_s - from_s);
}

stream::RampState Heater::state(double time_s) const {
  if (held_s_ && time_s >= *held_s_) return stream::HOLDING;
  return time_s >= ramp_begin_s_ && time_s < ramp_end_s_ ? stream::RAMPING : stream::HOLDING;
}

void Heater::hold(double time_s) {
  if (!held_s_) held_s_ = time_s;
}

}  // namespace glasswatch::simulation
