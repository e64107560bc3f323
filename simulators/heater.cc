#include "simulators/heater.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace glasswatch::simulation {
namespace {

// Time that a ramp takes, and its signed rate.
struct Slope {
  Slope(double from_c, double to_c, double rate_k_per_min)
      : length_s(std::abs(to_c - from_c) / (rate_k_per_min / 60)),
        rate_k_per_s(std::copysign(rate_k_per_min / 60, to_c - from_c)) {}

  double length_s;
  double rate_k_per_s;
};

}  // namespace

Heater::Heater(const scenario::Ramp& ramp, std::vector<Pause> holds)
    : lag_s_(ramp.lag_s()), holds_(std::move(holds)), pieces_{{.setpoint_c = ramp.start_c()}} {
  const Slope slope(ramp.start_c(), ramp.stop_c(), ramp.rate_k_per_min());
  const double ramp_begin_s = run(0, ramp.hold_before_s(), 0);
  const double ramp_end_s = run(ramp_begin_s, slope.length_s, slope.rate_k_per_s);
  append(ramp_end_s, ramp.stop_c(), 0);
  program_s_ = run(ramp_end_s, ramp.hold_after_s(), 0);
}

double Heater::setpoint_c(double time_s) const {
  const Piece& piece = piece_at(time_s);
  return piece.setpoint_c + piece.rate_k_per_s * std::max(0.0, time_s - piece.begin_s);
}

double Heater::temperature_c(double time_s) const {
  return setpoint_c(time_s) - behind_c(piece_at(time_s), time_s);
}

double Heater::mean_c(double from_s, double to_s) const {
  if (to_s <= from_s) return temperature_c(from_s);
  double integral_c_s = 0;
  double begin_s = from_s;
  for (const Piece* piece = &piece_at(from_s); begin_s < to_s; ++piece) {
    const bool last = piece == &pieces_.back();
    const double end_s = last ? to_s : std::min(to_s, (piece + 1)->begin_s);
    integral_c_s += piece_integral_c_s(*piece, begin_s, end_s);
    begin_s = end_s;
  }
  return integral_c_s / (to_s - from_s);
}

stream::RampState Heater::state(double time_s) const {
  return piece_at(time_s).rate_k_per_s != 0 ? stream::RAMPING : stream::HOLDING;
}

void Heater::hold(double time_s) {
  if (held_) return;
  cut(time_s);
  held_ = true;
}

void Heater::change(double time_s, double to_c, double rate_k_per_min) {
  cut(time_s);
  held_ = false;
  const Piece& from = pieces_.back();
  const Slope slope(from.setpoint_c, to_c, rate_k_per_min);
  append(run(from.begin_s, slope.length_s, slope.rate_k_per_s), to_c, 0);
}

const Heater::Piece& Heater::piece_at(double time_s) const {
  const auto after = std::upper_bound(pieces_.begin(), pieces_.end(), time_s,
                                      [](double time, const Piece& piece) { return time < piece.begin_s; });
  return after == pieces_.begin() ? *after : *(after - 1);
}

// d = S - T obeys d' = rate - d / lag: d(u) = d(0) e^(-u/lag) + rate lag (1 - e^(-u/lag)).
double Heater::behind_c(const Piece& piece, double time_s) const {
  if (lag_s_ == 0) return 0;
  const double decay = -std::max(0.0, time_s - piece.begin_s) / lag_s_;
  return piece.behind_c * std::exp(decay) - piece.rate_k_per_s * lag_s_ * std::expm1(decay);
}

// The setpoint's mean is its middle value; the integral of d over a time u is
// d(0) lag (1 - e^(-u/lag)) + rate lag (u - lag (1 - e^(-u/lag))).
double Heater::piece_integral_c_s(const Piece& piece, double from_s, double to_s) const {
  const double middle_c = setpoint_c(from_s) + piece.rate_k_per_s * (to_s - from_s) / 2;
  const double setpoint_c_s = middle_c * (to_s - from_s);
  if (lag_s_ == 0) return setpoint_c_s;
  const double decayed_s = -lag_s_ * std::expm1(-(to_s - from_s) / lag_s_);
  return setpoint_c_s - behind_c(piece, from_s) * decayed_s -
         piece.rate_k_per_s * lag_s_ * (to_s - from_s - decayed_s);
}

// Continues with another piece; the temperature goes on where it is.
void Heater::append(double begin_s, double setpoint_c, double rate_k_per_s) {
  const double temperature = temperature_c(begin_s);
  pieces_.push_back({.begin_s = begin_s,
                     .setpoint_c = setpoint_c,
                     .rate_k_per_s = rate_k_per_s,
                     .behind_c = setpoint_c - temperature});
}

// Whatever was to come after `time_s` gives way to a hold.
void Heater::cut(double time_s) {
  const double begin_s = std::max(time_s, 0.0);
  append(begin_s, setpoint_c(begin_s), 0);
  std::erase_if(pieces_, [&](const Piece& piece) { return piece.begin_s > begin_s; });
}

// `length_s` at a constant rate from begin_s on, but for the holds on the way; returns when that is over.
double Heater::run(double begin_s, double length_s, double rate_k_per_s) {
  double now_s = begin_s;
  double left_s = length_s;
  for (const Pause& pause : holds_) {
    if (pause.end_s <= now_s) continue;
    if (pause.begin_s >= now_s + left_s) break;
    const double until_s = std::max(now_s, pause.begin_s);
    if (rate_k_per_s != 0) {
      if (until_s > now_s) append(now_s, setpoint_c(now_s), rate_k_per_s);
      append(until_s, setpoint_c(until_s), 0);
    }
    left_s -= until_s - now_s;
    now_s = pause.end_s;
  }
  if (rate_k_per_s != 0 && left_s > 0) append(now_s, setpoint_c(now_s), rate_k_per_s);
  return now_s + left_s;
}

}  // namespace glasswatch::simulation
