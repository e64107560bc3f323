#include "analysis/angular_correlation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "analysis/check.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Mean of C over the shifts P q/n, q = 1 ... n-1, linearly interpolated; NaN for n = 1 and where a needed C
/// is NaN.
double symmetry_coefficient(std::span<const double> correlation, int n) {
  if (n == 1) return kNaN;
  const int bins = static_cast<int>(correlation.size());
  double sum = 0;
  for (int q = 1; q < n; ++q) {
    const int shift = bins * q / n;
    const double fraction = static_cast<double>(bins * q % n) / n;
    double value = correlation[static_cast<std::size_t>(shift)];
    if (fraction > 0) {
      value += fraction * (correlation[static_cast<std::size_t>((shift + 1) % bins)] - value);
    }
    sum += value;
  }
  return sum / (n - 1);
}

}  // namespace

AngularCorrelation::AngularCorrelation(int azimuthal_bins, std::vector<int> orders,
                                       MaskNormalization normalization)
    : bins_(azimuthal_bins), orders_(std::move(orders)), normalization_(normalization), fft_(azimuthal_bins) {
  GLASSWATCH_CHECK(bins_ >= 2, bins_);
  for (const int n : orders_) GLASSWATCH_CHECK(n >= 1 && n <= bins_ / 2, n, bins_);
  const auto bins = static_cast<std::size_t>(bins_);
  valid_.assign(bins, 1);
  counted_.assign(bins, 1);
  pairs_.assign(bins, static_cast<double>(bins_));
  correlation_.assign(bins, 0.0);
}

void AngularCorrelation::count_pairs() {
  if (counted_ == valid_) return;
  std::copy(valid_.begin(), valid_.end(), fft_.real().begin());
  fft_.forward();
  for (auto& f : fft_.spectrum()) f = std::norm(f);
  fft_.inverse();
  // Counts are integers and the transform is exact to far better than half of one.
  for (std::size_t d = 0; d < pairs_.size(); ++d) pairs_[d] = std::round(fft_.real()[d] / bins_);
  counted_ = valid_;
}

RowStatistics AngularCorrelation::process(std::span<const double> row, std::span<double> correlation,
                                          std::span<double> power, std::span<double> coefficient) {
  const std::size_t bins = pairs_.size();
  GLASSWATCH_CHECK(row.size() == bins, row.size(), bins);
  GLASSWATCH_CHECK(correlation.empty() || correlation.size() == bins, correlation.size(), bins);
  GLASSWATCH_CHECK(power.size() == orders_.size() && coefficient.size() == orders_.size(), power.size(),
                   coefficient.size(), orders_.size());
  std::fill(correlation.begin(), correlation.end(), kNaN);
  std::fill(power.begin(), power.end(), kNaN);
  std::fill(coefficient.begin(), coefficient.end(), kNaN);

  double sum = 0;
  int valid_bins = 0;
  for (std::size_t j = 0; j < bins; ++j) {
    valid_[j] = std::isfinite(row[j]) ? 1 : 0;
    if (valid_[j] == 0) continue;
    sum += row[j];
    ++valid_bins;
  }
  if (valid_bins == 0) return {RowStatus::kNoValidPixels, kNaN, kNaN};
  const double mean = sum / valid_bins;
  if (!(mean > 0) || !std::isfinite(mean)) return {RowStatus::kZeroMean, mean, kNaN};

  // Everything below is relative to the mean, so that C comes out without a large square being subtracted.
  const bool centered = normalization_ == MaskNormalization::kCentered;
  double squares = 0;
  std::span<double> values = fft_.real();
  for (std::size_t j = 0; j < bins; ++j) {
    const double relative = valid_[j] != 0 ? row[j] / mean : 0.0;
    const double deviation = valid_[j] != 0 ? relative - 1 : 0.0;
    squares += deviation * deviation;
    values[j] = centered ? deviation : relative;
  }
  const double variance = squares / valid_bins;

  fft_.forward();
  for (auto& f : fft_.spectrum()) f = std::norm(f);
  fft_.inverse();
  for (std::size_t d = 0; d < bins; ++d) correlation_[d] = values[d] / bins_;
  count_pairs();
  bool complete = true;
  for (std::size_t d = 0; d < bins; ++d) {
    complete = complete && pairs_[d] > 0;
    correlation_[d] = pairs_[d] > 0 ? correlation_[d] / pairs_[d] - (centered ? 0.0 : 1.0) : kNaN;
  }
  std::copy_n(correlation_.begin(), correlation.size(), correlation.begin());
  for (std::size_t i = 0; i < orders_.size(); ++i)
    coefficient[i] = symmetry_coefficient(correlation_, orders_[i]);
  if (!complete) return {RowStatus::kIncompleteShifts, mean, variance};

  std::copy(correlation_.begin(), correlation_.end(), values.begin());
  fft_.forward();
  for (std::size_t i = 0; i < orders_.size(); ++i) {
    power[i] = fft_.spectrum()[static_cast<std::size_t>(orders_[i])].real() / bins_;
  }
  return {RowStatus::kValid, mean, variance};
}

int ring_average(std::span<const double> power, std::span<const std::uint8_t> in_ring, int orders,
                 std::span<double> out) {
  GLASSWATCH_CHECK(orders >= 0 && out.size() == static_cast<std::size_t>(orders), out.size(), orders);
  GLASSWATCH_CHECK(power.size() == in_ring.size() * out.size(), power.size(), in_ring.size(), orders);
  std::fill(out.begin(), out.end(), 0.0);
  int rows = 0;
  for (std::size_t k = 0; k < in_ring.size(); ++k) {
    const std::span<const double> row = power.subspan(k * out.size(), out.size());
    if (in_ring[k] == 0 || std::any_of(row.begin(), row.end(), [](double p) { return std::isnan(p); }))
      continue;
    for (std::size_t n = 0; n < out.size(); ++n) out[n] += row[n];
    ++rows;
  }
  for (double& mean : out) mean = rows > 0 ? mean / rows : kNaN;
  return rows;
}

}  // namespace glasswatch::analysis
