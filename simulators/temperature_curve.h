// The temperature of a log at any moment: straight lines between its samples.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "detectors/environment_log.h"

namespace glasswatch::simulation {

/// Holds the samples of logs that carry a temperature, by their own times. No clock offsets, no limits on the
/// distance of samples, no uncertainty: for finding a place in a recording, not for measuring. 16 bytes a
/// sample.
class TemperatureCurve {
 public:
  void add(const EnvironmentLog& log);

  bool empty() const { return points_.empty(); }

  /// C; nothing outside the samples.
  std::optional<double> at(std::int64_t utc_ns) const;

  /// The first moment from `from_utc_ns` on at which the curve is at or above `temperature_c` (`above`), or
  /// at or below it. Rounded down to the sample before where the curve crosses between two samples, or up to
  /// `from_utc_ns`. Cost: linear in the samples.
  std::optional<std::int64_t> first_beyond(std::int64_t from_utc_ns, double temperature_c, bool above) const;

  /// Of all samples. Not of an empty curve.
  std::int64_t first_utc_ns() const { return points_.front().utc_ns; }
  std::int64_t last_utc_ns() const { return points_.back().utc_ns; }
  double lowest_c() const;
  double highest_c() const;

 private:
  struct Point {
    std::int64_t utc_ns;
    double temperature_c;
  };
  std::vector<Point> points_;  // by time
};

}  // namespace glasswatch::simulation
