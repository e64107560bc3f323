#include "analysis/temperature_track.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/check.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kNeighbours = 8;  // good samples on either side of the exposure that the local fit uses
constexpr std::size_t kParabolaMinimum = 6;

std::int64_t to_ns(double seconds) {
  return static_cast<std::int64_t>(seconds * 1e9);
}
double to_s(std::int64_t ns) {
  return static_cast<double>(ns) * 1e-9;
}

bool within_limit(std::int64_t time_ns) {
  return time_ns >= -TemperatureTrack::kTimeLimitNs && time_ns <= TemperatureTrack::kTimeLimitNs;
}

ExposureTemperature invalid(TemperatureState state) {
  return {state, kNaN, kNaN, kNaN, kNaN};
}

}  // namespace

TemperatureTrack::TemperatureTrack(const TemperatureTrackSettings& settings)
    : settings_(settings), max_gap_ns_(to_ns(settings.max_gap_s)), history_ns_(to_ns(settings.history_s)) {
  GLASSWATCH_CHECK(settings.max_gap_s > 0 && settings.history_s > 0, settings.max_gap_s, settings.history_s);
  GLASSWATCH_CHECK(settings.min_c < settings.max_c, settings.min_c, settings.max_c);
  GLASSWATCH_CHECK(settings.sensor_sigma_c >= 0, settings.sensor_sigma_c);
}

void TemperatureTrack::clear() {
  *this = TemperatureTrack(settings_);
}

void TemperatureTrack::add(std::int64_t time_ns, double temperature_c) {
  if (!within_limit(time_ns)) {
    ++rejected_not_finite_;
    return;
  }
  newest_ns_ = any_seen_ ? std::max(newest_ns_, time_ns) : time_ns;
  any_seen_ = true;
  if (!std::isfinite(temperature_c)) {
    ++rejected_not_finite_;
    add_rejected(time_ns, TemperatureState::kNotFinite);
  } else if (temperature_c < settings_.min_c || temperature_c > settings_.max_c) {
    ++rejected_out_of_range_;
    add_rejected(time_ns, TemperatureState::kOutOfRange);
  } else {
    add_good(time_ns, temperature_c);
  }
  drop_old();
}

void TemperatureTrack::add_good(std::int64_t time_ns, double temperature_c) {
  const double step_c = good_.empty() ? 0 : std::abs(temperature_c - last_reading_c_);
  if (step_c > 0 && (smallest_step_c_ == 0 || step_c < smallest_step_c_)) smallest_step_c_ = step_c;
  last_reading_c_ = temperature_c;

  const std::size_t before = last_at_or_before(time_ns);
  if (before < good_.size() && good_[before].time_ns == time_ns) {
    ++repeated_;
    good_[before].low_c = std::min(good_[before].low_c, temperature_c);
    good_[before].high_c = std::max(good_[before].high_c, temperature_c);
    return;
  }
  const std::size_t at = before < good_.size() ? before + 1 : 0;
  good_.insert(good_.begin() + static_cast<std::ptrdiff_t>(at), {time_ns, temperature_c, temperature_c});
}

void TemperatureTrack::add_rejected(std::int64_t time_ns, TemperatureState reason) {
  const auto at = std::lower_bound(rejected_.begin(), rejected_.end(), time_ns,
                                   [](const Rejected& r, std::int64_t t) { return r.time_ns < t; });
  if (at == rejected_.end() || at->time_ns != time_ns) rejected_.insert(at, {time_ns, reason});
}

void TemperatureTrack::drop_old() {
  const auto drop = [this](auto& samples) {
    while (!samples.empty() &&
           (newest_ns_ - samples.front().time_ns > history_ns_ || samples.size() > kMaxSamples)) {
      samples.pop_front();
    }
  };
  drop(good_);
  drop(rejected_);
}

std::size_t TemperatureTrack::last_at_or_before(std::int64_t time_ns) const {
  const auto after = std::upper_bound(good_.begin(), good_.end(), time_ns,
                                      [](std::int64_t t, const Sample& s) { return t < s.time_ns; });
  return after == good_.begin() ? good_.size() : static_cast<std::size_t>(after - good_.begin()) - 1;
}

bool TemperatureTrack::bridged(std::size_t i) const {
  return good_[i + 1].time_ns - good_[i].time_ns <= max_gap_ns_;
}

TemperatureState TemperatureTrack::missing_reason(std::int64_t start_ns, std::int64_t end_ns) const {
  // The hole: from the good sample before it to the one after it, either of which may not exist.
  std::size_t i = last_at_or_before(start_ns);
  const bool before_first = i == good_.size();
  if (before_first) {
    i = 0;
  } else {
    while (i + 1 < good_.size() && bridged(i)) ++i;
  }
  const std::int64_t from_ns = before_first ? -kTimeLimitNs - 1 : good_[i].time_ns;
  const std::size_t after = before_first ? 0 : i + 1;
  const std::int64_t to_hole_end_ns = after < good_.size() ? good_[after].time_ns : kTimeLimitNs + 1;

  const double middle_s = (to_s(start_ns) + to_s(end_ns)) / 2;
  const double reach_s = (to_s(end_ns) - to_s(start_ns)) / 2 + settings_.max_gap_s;
  double nearest_s = reach_s;
  TemperatureState reason = before_first ? TemperatureState::kNoTemperature : TemperatureState::kStale;
  for (const Rejected& r : rejected_) {
    const double distance_s = std::abs(to_s(r.time_ns) - middle_s);
    if (r.time_ns > from_ns && r.time_ns < to_hole_end_ns && distance_s <= nearest_s) {
      nearest_s = distance_s;
      reason = r.reason;
    }
  }
  return reason;
}

/// Integrates the straight lines over [start, end] (or takes the point where they are equal), keeping the
/// weight of every sample in the average.
TemperatureTrack::Average TemperatureTrack::average(std::size_t first, std::size_t last,
                                                    std::int64_t start_ns, std::int64_t end_ns) const {
  Average result{0, 0, 0, 0};
  const auto account = [&](const Sample& sample, double weight) {
    const double half_range_c = (sample.high_c - sample.low_c) / 2;
    result.value_c += weight * sample.value_c();
    result.noise_share += weight * weight;
    result.spread_c2 += weight * weight * half_range_c * half_range_c;
  };
  const double length_s = to_s(end_ns - start_ns);
  double carried = 0;  // weight of the segment's first sample from the segment before
  for (std::size_t i = first; i < last; ++i) {
    const double step_s = to_s(good_[i + 1].time_ns - good_[i].time_ns);
    const double u = to_s(std::max(start_ns, good_[i].time_ns) - good_[i].time_ns) / step_s;
    const double v = to_s(std::min(end_ns, good_[i + 1].time_ns) - good_[i].time_ns) / step_s;
    const double share = length_s > 0 ? (v - u) * step_s / length_s : 1;
    account(good_[i], carried + share * (1 - (u + v) / 2));
    carried = share * (u + v) / 2;
    result.longest_step_s = std::max(result.longest_step_s, step_s);
  }
  account(good_[last], first < last ? carried : 1);
  return result;
}

/// Least squares with polynomials orthogonal on the samples: 1, p1 = t - mean, p2 = p1^2 - a p1 - b.
TemperatureTrack::LocalFit TemperatureTrack::fit(std::size_t first, std::size_t last) const {
  const std::size_t count = last - first + 1;
  const auto n = static_cast<double>(count);
  const auto time_s = [&](std::size_t i) { return to_s(good_[i].time_ns - good_[first].time_ns); };
  double mean_t = 0, mean_c = 0;
  for (std::size_t i = first; i <= last; ++i) {
    mean_t += time_s(i) / n;
    mean_c += good_[i].value_c() / n;
  }
  double p11 = 0, p1_cubed = 0, p1y = 0;
  for (std::size_t i = first; i <= last; ++i) {
    const double p1 = time_s(i) - mean_t;
    p11 += p1 * p1;
    p1_cubed += p1 * p1 * p1;
    p1y += p1 * (good_[i].value_c() - mean_c);
  }
  const double slope = p1y / p11;
  const bool parabola = count >= kParabolaMinimum;
  const auto p2_at = [&](double p1) { return parabola ? p1 * p1 - p1_cubed / p11 * p1 - p11 / n : 0.0; };
  double p22 = 0, p2y = 0;
  for (std::size_t i = first; i <= last; ++i) {
    const double p2 = p2_at(time_s(i) - mean_t);
    p22 += p2 * p2;
    p2y += p2 * (good_[i].value_c() - mean_c);
  }
  const double quadratic = p22 > 0 ? p2y / p22 : 0;
  double squares = 0;
  for (std::size_t i = first; i <= last; ++i) {
    const double p1 = time_s(i) - mean_t;
    const double residual = good_[i].value_c() - mean_c - slope * p1 - quadratic * p2_at(p1);
    squares += residual * residual;
  }
  const double freedom = n - (parabola ? 3 : 2);
  return {slope, 2 * quadratic, freedom > 0 ? std::sqrt(squares / freedom) : 0};
}

double TemperatureTrack::quantisation_step_c() const {
  return smallest_step_c_ > 0 ? std::clamp(smallest_step_c_, kMinimumStepC, kLargestStepC) : kUnknownStepC;
}

ExposureTemperature TemperatureTrack::over(std::int64_t start_ns, std::int64_t end_ns,
                                           double time_sigma_s) const {
  GLASSWATCH_CHECK(time_sigma_s >= 0, time_sigma_s);
  if (end_ns < start_ns || !within_limit(start_ns) || !within_limit(end_ns)) {
    return invalid(TemperatureState::kNoTemperature);
  }
  std::size_t first = last_at_or_before(start_ns);
  if (first == good_.size()) return invalid(missing_reason(start_ns, end_ns));
  std::size_t last = first;
  while (good_[last].time_ns < end_ns) {
    if (last + 1 == good_.size() || !bridged(last)) return invalid(missing_reason(start_ns, end_ns));
    ++last;
  }

  std::size_t fit_first = first, fit_last = last;
  for (std::size_t i = 0; i < kNeighbours && fit_first > 0 && bridged(fit_first - 1); ++i) --fit_first;
  for (std::size_t i = 0; i < kNeighbours && fit_last + 1 < good_.size() && bridged(fit_last); ++i)
    ++fit_last;
  // A lone sample gives a point but neither rate nor scatter, hence no honest uncertainty.
  if (fit_first == fit_last) return invalid(TemperatureState::kStale);

  const Average mean = average(first, last, start_ns, end_ns);
  const LocalFit local = fit(fit_first, fit_last);
  const double missed_c = local.curvature_k_per_s2 * mean.longest_step_s * mean.longest_step_s / 8;
  const double step_c = quantisation_step_c();
  const double clock_c = local.rate_k_per_s * time_sigma_s;
  const double variance_c2 = settings_.sensor_sigma_c * settings_.sensor_sigma_c +
                             local.scatter_c * local.scatter_c * mean.noise_share + mean.spread_c2 +
                             missed_c * missed_c + step_c * step_c / 12 + clock_c * clock_c;
  return {TemperatureState::kValid, mean.value_c, std::sqrt(variance_c2), local.rate_k_per_s,
          std::abs(local.rate_k_per_s) * to_s(end_ns - start_ns)};
}

}  // namespace glasswatch::analysis
