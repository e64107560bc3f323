#include "analysis/angular_correlation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "analysis/check.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Sum of term(0) ... term(count - 1) in eight partial sums: several times faster than one, whose every
/// addition would wait for the last.
template <typename Term>
double sum_of(std::size_t count, Term term) {
  constexpr std::size_t kPartial = 8;
  std::array<double, kPartial> partial{};
  std::size_t j = 0;
  for (; j + kPartial <= count; j += kPartial) {
    for (std::size_t l = 0; l < kPartial; ++l) partial[l] += term(j + l);
  }
  for (; j < count; ++j) partial[j % kPartial] += term(j);
  return ((partial[0] + partial[4]) + (partial[2] + partial[6])) +
         ((partial[1] + partial[5]) + (partial[3] + partial[7]));
}

}  // namespace

PairCounts::PairCounts(int azimuthal_bins)
    : mask_(static_cast<std::size_t>(azimuthal_bins), 1),
      inverse_(mask_.size(), 1 / (static_cast<double>(azimuthal_bins) * azimuthal_bins)) {}

void PairCounts::count(std::span<const std::uint8_t> valid, RealFft& fft) {
  if (std::equal(valid.begin(), valid.end(), mask_.begin(), mask_.end())) return;
  std::copy(valid.begin(), valid.end(), mask_.begin());
  std::copy(valid.begin(), valid.end(), fft.real().begin());
  fft.forward();
  for (auto& f : fft.spectrum()) f = std::norm(f);
  fft.inverse();
  const auto bins = static_cast<double>(valid.size());
  complete_ = true;
  for (std::size_t d = 0; d < inverse_.size(); ++d) {
    // Counts are integers and the transform is exact to far better than half of one.
    const double pairs = std::round(fft.real()[d] / bins);
    inverse_[d] = pairs > 0 ? 1 / (bins * pairs) : kNaN;
    complete_ = complete_ && pairs > 0;
  }
}

AngularCorrelation::AngularCorrelation(int azimuthal_bins, std::vector<int> orders,
                                       MaskNormalization normalization)
    : bins_(azimuthal_bins),
      orders_(std::move(orders)),
      normalization_(normalization),
      fft_(azimuthal_bins),
      pairs_(azimuthal_bins),
      taps_(taps(azimuthal_bins, orders_)),
      valid_(static_cast<std::size_t>(azimuthal_bins), 0),
      correlation_(static_cast<std::size_t>(azimuthal_bins), 0.0) {
  GLASSWATCH_CHECK(bins_ >= 2, bins_);
  for (const int n : orders_) GLASSWATCH_CHECK(n >= 1 && n <= bins_ / 2, n, bins_);
}

/// The mean of C over the shifts P q/n, q = 1 ... n-1, linearly interpolated, as a weighted sum of C. The
/// single tap for n = 1, which has no shift, makes the coefficient NaN.
std::vector<AngularCorrelation::Tap> AngularCorrelation::taps(int bins, std::span<const int> orders) {
  std::vector<Tap> taps;
  for (std::size_t i = 0; i < orders.size(); ++i) {
    const int n = orders[i];
    if (n == 1) taps.push_back({i, 0, kNaN});
    for (int q = 1; q < n; ++q) {
      const int shift = bins * q / n;
      const double above = static_cast<double>(bins * q % n) / n;
      taps.push_back({i, static_cast<std::size_t>(shift), (1 - above) / (n - 1)});
      if (above > 0) taps.push_back({i, static_cast<std::size_t>((shift + 1) % bins), above / (n - 1)});
    }
  }
  return taps;
}

RowStatistics AngularCorrelation::process(std::span<const double> row, std::span<double> correlation,
                                          std::span<double> power, std::span<double> coefficient,
                                          PairCounts& pairs) {
  const std::size_t bins = correlation_.size();
  GLASSWATCH_CHECK(row.size() == bins && pairs.inverse().size() == bins, row.size(), pairs.inverse().size(),
                   bins);
  GLASSWATCH_CHECK(correlation.empty() || correlation.size() == bins, correlation.size(), bins);
  GLASSWATCH_CHECK(power.size() == orders_.size() && coefficient.size() == orders_.size(), power.size(),
                   coefficient.size(), orders_.size());
  const auto invalid = [&](RowStatus status, double mean) {
    std::fill(correlation.begin(), correlation.end(), kNaN);
    std::fill(power.begin(), power.end(), kNaN);
    std::fill(coefficient.begin(), coefficient.end(), kNaN);
    return RowStatistics{status, mean, kNaN};
  };

  const Valid valid = find_valid(row);
  if (valid.bins == 0) return invalid(RowStatus::kNoValidPixels, kNaN);
  const double mean = valid.sum / static_cast<double>(valid.bins);
  if (!(mean > 0) || !std::isfinite(mean)) return invalid(RowStatus::kZeroMean, mean);
  const bool masked = valid.bins < bins;
  if (masked) pairs.count(valid_, fft_);
  const double variance = take_deviations(row, mean, masked) / static_cast<double>(valid.bins);
  if (masked) {
    correlate(power, pairs);
  } else {
    correlate(power);
  }
  std::copy_n(correlation_.begin(), correlation.size(), correlation.begin());
  std::fill(coefficient.begin(), coefficient.end(), 0.0);
  for (const Tap& tap : taps_) coefficient[tap.order] += tap.weight * correlation_[tap.shift];
  const bool complete = !masked || pairs.complete();
  return {complete ? RowStatus::kValid : RowStatus::kIncompleteShifts, mean, variance};
}

/// Writes valid_ only for a masked row.
AngularCorrelation::Valid AngularCorrelation::find_valid(std::span<const double> row) {
  const double all = sum_of(row.size(), [&](std::size_t j) { return row[j]; });
  if (std::isfinite(all)) return {row.size(), all};
  for (std::size_t j = 0; j < row.size(); ++j) valid_[j] = std::isfinite(row[j]) ? 1 : 0;
  return {static_cast<std::size_t>(std::count(valid_.begin(), valid_.end(), 1)),
          sum_of(row.size(), [&](std::size_t j) { return valid_[j] != 0 ? row[j] : 0.0; })};
}

/// Fills the transform's buffer and returns the sum of the squared deviations from the mean. Everything is
/// relative to the mean, so that C comes out without a large square being subtracted.
double AngularCorrelation::take_deviations(std::span<const double> row, double mean, bool masked) {
  const std::span<double> deviations = fft_.real();
  const double scale = 1 / mean;
  if (masked) {
    for (std::size_t j = 0; j < row.size(); ++j) deviations[j] = valid_[j] != 0 ? row[j] * scale - 1 : 0.0;
  } else {
    for (std::size_t j = 0; j < row.size(); ++j) deviations[j] = row[j] * scale - 1;
  }
  const double squares = sum_of(row.size(), [&](std::size_t j) { return deviations[j] * deviations[j]; });
  if (masked && normalization_ == MaskNormalization::kLiteral) {
    for (std::size_t j = 0; j < row.size(); ++j) deviations[j] += valid_[j];
  }
  return squares;
}

/// Without a mask both normalisations are the same, and the power is the squared transform of the row itself.
void AngularCorrelation::correlate(std::span<double> power) {
  const double scale = 1 / (static_cast<double>(bins_) * bins_);
  fft_.forward();
  for (auto& f : fft_.spectrum()) f = std::norm(f);
  for (std::size_t i = 0; i < orders_.size(); ++i) {
    power[i] = fft_.spectrum()[static_cast<std::size_t>(orders_[i])].real() * scale;
  }
  fft_.inverse();
  for (std::size_t d = 0; d < correlation_.size(); ++d) correlation_[d] = fft_.real()[d] * scale;
}

void AngularCorrelation::correlate(std::span<double> power, const PairCounts& pairs) {
  fft_.forward();
  for (auto& f : fft_.spectrum()) f = std::norm(f);
  fft_.inverse();
  const std::span<double> values = fft_.real();
  const double squared_mean = normalization_ == MaskNormalization::kLiteral ? 1 : 0;
  for (std::size_t d = 0; d < correlation_.size(); ++d) {
    correlation_[d] = values[d] * pairs.inverse()[d] - squared_mean;
  }
  if (!pairs.complete()) {
    std::fill(power.begin(), power.end(), kNaN);
    return;
  }
  std::copy(correlation_.begin(), correlation_.end(), values.begin());
  fft_.forward();
  for (std::size_t i = 0; i < orders_.size(); ++i) {
    power[i] = fft_.spectrum()[static_cast<std::size_t>(orders_[i])].real() / bins_;
  }
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
