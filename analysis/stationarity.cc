#include "analysis/stationarity.h"

#include <cmath>
#include <iomanip>
#include <numbers>
#include <sstream>

namespace glasswatch::analysis {
namespace {

constexpr double kSigmas = 2;
constexpr double kLongSeries = 40;  // T/tau
constexpr double kLargestResolvable = std::numbers::ln2;

bool halves_known(double ln_ratio_halves, double sigma) {
  return std::isfinite(ln_ratio_halves) && std::isfinite(sigma) && sigma > 0;
}

}  // namespace

Stationarity judge_stationarity(double ln_ratio_halves, double sigma, double span_over_tau) {
  if (!halves_known(ln_ratio_halves, sigma)) return Stationarity::kUnknown;
  if (std::abs(ln_ratio_halves) > kSigmas * sigma) return Stationarity::kAgeing;
  if (kSigmas * sigma > kLargestResolvable || std::isnan(span_over_tau)) return Stationarity::kUnknown;
  return span_over_tau < kLongSeries ? Stationarity::kFiniteLength : Stationarity::kStationary;
}

std::string stationarity_statement(double ln_ratio_halves, double sigma, double span_over_tau) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(0);
  switch (judge_stationarity(ln_ratio_halves, sigma, span_over_tau)) {
    case Stationarity::kStationary:
      text << "stationary: the halves agree within what can be resolved (" << 100 * kSigmas * sigma << " %)";
      break;
    case Stationarity::kAgeing:
      text << std::setprecision(2) << "ages: tau of the second half is " << std::exp(ln_ratio_halves)
           << " times that of the first (" << std::setprecision(1) << std::abs(ln_ratio_halves) / sigma
           << " sigma)";
      break;
    case Stationarity::kFiniteLength:
      text << "the halves agree within what can be resolved (" << 100 * kSigmas * sigma
           << " %); tau of single pixels still climbs because T/tau is only " << span_over_tau
           << ": that is not ageing";
      break;
    case Stationarity::kUnknown:
      if (halves_known(ln_ratio_halves, sigma)) {
        text << std::setprecision(1)
             << "unknown: of halves as short as these tau could change by a factor of "
             << std::exp(kSigmas * sigma) << " unseen";
      } else {
        text << "unknown: no usable fit of both halves";
      }
      break;
  }
  return text.str();
}

}  // namespace glasswatch::analysis
