// Eq. (1) written out. It shares no code with the fast version.
#include <cmath>
#include <limits>
#include <numbers>

#include "analysis/angular_correlation.h"
#include "analysis/check.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

}  // namespace

RowStatistics angular_correlation_reference(std::span<const double> row, std::span<const int> orders,
                                            MaskNormalization normalization, std::span<double> correlation,
                                            std::span<double> power, std::span<double> coefficient) {
  const std::size_t bins = row.size();
  GLASSWATCH_CHECK(correlation.size() == bins, correlation.size(), bins);
  GLASSWATCH_CHECK(power.size() == orders.size() && coefficient.size() == orders.size(), power.size(),
                   coefficient.size(), orders.size());
  for (double& c : correlation) c = kNaN;
  for (double& p : power) p = kNaN;
  for (double& c : coefficient) c = kNaN;
  if (bins == 0) return {RowStatus::kNoValidPixels, kNaN, kNaN};

  double sum = 0, valid_bins = 0;
  for (const double value : row) {
    if (!std::isfinite(value)) continue;
    sum += value;
    ++valid_bins;
  }
  if (valid_bins == 0) return {RowStatus::kNoValidPixels, kNaN, kNaN};
  const double mean = sum / valid_bins;
  if (!(mean > 0) || !std::isfinite(mean)) return {RowStatus::kZeroMean, mean, kNaN};

  double variance = 0;
  for (const double value : row) {
    if (std::isfinite(value)) variance += (value - mean) * (value - mean) / (mean * mean) / valid_bins;
  }

  bool complete = true;
  for (std::size_t shift = 0; shift < bins; ++shift) {
    double pair_sum = 0, pairs = 0;
    for (std::size_t j = 0; j < bins; ++j) {
      const double a = row[j], b = row[(j + shift) % bins];
      if (!std::isfinite(a) || !std::isfinite(b)) continue;
      pair_sum += normalization == MaskNormalization::kCentered ? (a - mean) * (b - mean) : a * b;
      ++pairs;
    }
    if (pairs == 0) {
      complete = false;
    } else if (normalization == MaskNormalization::kCentered) {
      correlation[shift] = pair_sum / pairs / (mean * mean);
    } else {
      correlation[shift] = (pair_sum / pairs - mean * mean) / (mean * mean);
    }
  }

  for (std::size_t i = 0; i < orders.size(); ++i) {
    const auto n = static_cast<std::size_t>(orders[i]);
    double transform = 0;
    for (std::size_t shift = 0; shift < bins; ++shift) {
      // n * shift is reduced modulo P first, which keeps the cosine's argument small and exact.
      transform +=
          correlation[shift] *
          std::cos(2 * std::numbers::pi * static_cast<double>(n * shift % bins) / static_cast<double>(bins));
    }
    power[i] = transform / static_cast<double>(bins);

    double c_sum = 0;
    for (std::size_t q = 1; q < n; ++q) {
      const std::size_t below = bins * q / n;
      const double above_weight = static_cast<double>(bins * q % n) / static_cast<double>(n);
      c_sum += (1 - above_weight) * correlation[below];
      if (above_weight > 0) c_sum += above_weight * correlation[(below + 1) % bins];
    }
    coefficient[i] = n > 1 ? c_sum / static_cast<double>(n - 1) : kNaN;
  }
  return {complete ? RowStatus::kValid : RowStatus::kIncompleteShifts, mean, variance};
}

}  // namespace glasswatch::analysis
