#include "analysis/lags.h"

#include <cmath>

#include "analysis/check.h"

namespace glasswatch::analysis {

std::vector<std::int64_t> log_spaced_lags(int lags_per_decade, std::int64_t max_lag_slots) {
  GLASSWATCH_CHECK(lags_per_decade >= 1 && max_lag_slots >= 1, lags_per_decade, max_lag_slots);
  std::vector<std::int64_t> lags;
  for (int i = 0;; ++i) {
    const double lag = std::round(std::pow(10.0, static_cast<double>(i) / lags_per_decade));
    if (lag > static_cast<double>(max_lag_slots)) return lags;
    const auto slots = static_cast<std::int64_t>(lag);
    if (lags.empty() || slots > lags.back()) lags.push_back(slots);
  }
}

}  // namespace glasswatch::analysis
