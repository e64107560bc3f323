#include "simulators/temperature_curve.h"

#include <algorithm>
#include <cmath>

namespace glasswatch::simulation {

void TemperatureCurve::add(const EnvironmentLog& log) {
  for (const stream::EnvironmentSample& sample : log.samples) {
    if (!sample.has_temperature_c() || !std::isfinite(sample.temperature_c())) continue;
    points_.push_back({sample.time_utc_ns(), sample.temperature_c()});
  }
  std::ranges::stable_sort(points_, {}, &Point::utc_ns);
}

std::optional<double> TemperatureCurve::at(std::int64_t utc_ns) const {
  const auto after = std::ranges::upper_bound(points_, utc_ns, {}, &Point::utc_ns);
  if (after == points_.begin()) return std::nullopt;
  const Point& before = *(after - 1);
  if (before.utc_ns == utc_ns) return before.temperature_c;
  if (after == points_.end()) return std::nullopt;
  const double share =
      static_cast<double>(utc_ns - before.utc_ns) / static_cast<double>(after->utc_ns - before.utc_ns);
  return before.temperature_c + share * (after->temperature_c - before.temperature_c);
}

std::optional<std::int64_t> TemperatureCurve::first_beyond(std::int64_t from_utc_ns, double temperature_c,
                                                           bool above) const {
  const auto beyond = [&](double c) { return above ? c >= temperature_c : c <= temperature_c; };
  if (const auto now_c = at(from_utc_ns); now_c && beyond(*now_c)) return from_utc_ns;
  const auto next = std::ranges::lower_bound(points_, from_utc_ns, {}, &Point::utc_ns);
  const auto point = std::ranges::find_if(next, points_.end(), beyond, &Point::temperature_c);
  if (point == points_.end()) return std::nullopt;
  const std::int64_t before_utc_ns = point == points_.begin() ? point->utc_ns : (point - 1)->utc_ns;
  return std::max(from_utc_ns, before_utc_ns);
}

double TemperatureCurve::lowest_c() const {
  return std::ranges::min_element(points_, {}, &Point::temperature_c)->temperature_c;
}

double TemperatureCurve::highest_c() const {
  return std::ranges::max_element(points_, {}, &Point::temperature_c)->temperature_c;
}

}  // namespace glasswatch::simulation
