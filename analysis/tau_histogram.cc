#include "analysis/tau_histogram.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "analysis/check.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::vector<double> usable_taus(const KwwMap& map) {
  std::vector<double> taus;
  for (std::size_t i = 0; i < map.status.size(); ++i) {
    const bool usable = map.status[i] == FitStatus::kConverged && std::isfinite(map.tau_slots[i]);
    if (usable && map.tau_slots[i] > 0) taus.push_back(map.tau_slots[i]);
  }
  return taus;
}

LogNormal fit_log_normal(std::span<const double> taus, double independent) {
  if (taus.empty()) return {kNaN, kNaN, kNaN, kNaN};
  const auto count = static_cast<double>(taus.size());
  double mean = 0, squares = 0;
  for (const double tau : taus) mean += std::log(tau) / count;
  for (const double tau : taus) squares += std::pow(std::log(tau) - mean, 2);
  const double sigma = std::sqrt(squares / count);
  const double median = std::exp(mean);
  if (!(independent >= 1)) return {median, sigma, kNaN, kNaN};
  return {median, sigma, median * sigma / std::sqrt(independent), sigma / std::sqrt(2 * independent)};
}

/// Two more of either kind make the share that the error is taken from.
double share_sigma(double share, double independent) {
  if (!(independent >= 1)) return kNaN;
  const double count = independent + 4;
  const double adjusted = (share * independent + 2) / count;
  return std::sqrt(adjusted * (1 - adjusted) / count);
}

}  // namespace

TauHistogram tau_histogram(const KwwMap& map, std::span<const double> edge_slots, double threshold_slots,
                           double independent) {
  GLASSWATCH_CHECK(edge_slots.size() >= 2 &&
                       std::ranges::adjacent_find(edge_slots, std::greater_equal()) == edge_slots.end(),
                   edge_slots.size());
  GLASSWATCH_CHECK(map.tau_slots.size() == map.status.size(), map.tau_slots.size(), map.status.size());
  TauHistogram result;
  result.edge_slots.assign(edge_slots.begin(), edge_slots.end());
  result.threshold_slots = threshold_slots;
  // Counts first, so that every fraction is a quotient of whole numbers.
  std::vector<double> inside(edge_slots.size() - 1, 0.0);
  double below = 0, above = 0, above_threshold = 0;
  const std::vector<double> taus = usable_taus(map);
  for (const double tau : taus) {
    const auto edge = std::ranges::upper_bound(edge_slots, tau);
    if (edge == edge_slots.begin()) {
      ++below;
    } else if (edge == edge_slots.end()) {
      ++above;
    } else {
      ++inside[static_cast<std::size_t>(edge - edge_slots.begin()) - 1];
    }
    if (tau > threshold_slots) ++above_threshold;
  }
  const auto all = static_cast<double>(map.status.size());
  const auto usable = static_cast<double>(taus.size());
  for (const double count : inside) result.fraction.push_back(count / all);
  result.below = below / all;
  result.above = above / all;
  result.unusable = (all - usable) / all;

  const double independent_usable = independent * usable / all;
  result.log_normal = fit_log_normal(taus, independent_usable);
  const double share = std::isnan(threshold_slots) ? kNaN : above_threshold / usable;
  result.fraction_above_threshold = share;
  result.fraction_above_sigma = share_sigma(share, independent_usable);
  return result;
}

std::vector<double> log_spaced_edges(double low, double high, int bins) {
  GLASSWATCH_CHECK(low > 0 && high > low && bins >= 1, low, high, bins);
  std::vector<double> edges;
  for (int i = 0; i <= bins; ++i) edges.push_back(low * std::pow(high / low, static_cast<double>(i) / bins));
  edges.back() = high;
  return edges;
}

}  // namespace glasswatch::analysis
