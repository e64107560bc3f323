#include "analysis/noise_floor.h"

#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "analysis/check.h"
#include "analysis/row_noise.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Re of the Fourier sum over D at order n, divided by P: what AngularCorrelation makes the power of.
double power_of(std::span<const double> correlation, int n) {
  const std::size_t bins = correlation.size();
  double sum = 0;
  for (std::size_t d = 0; d < bins; ++d) {
    const std::size_t turn = d * static_cast<std::size_t>(n) % bins;
    sum += correlation[d] *
           std::cos(2 * std::numbers::pi * static_cast<double>(turn) / static_cast<double>(bins));
  }
  return sum / static_cast<double>(bins);
}

/// Mean over the shifts P q/n, q = 1 ... n-1, linearly interpolated: what AngularCorrelation makes the
/// coefficient of. NaN for n = 1.
double coefficient_of(std::span<const double> correlation, int n) {
  const int bins = static_cast<int>(correlation.size());
  double sum = 0;
  for (int q = 1; q < n; ++q) {
    const int shift = bins * q / n;
    const double fraction = static_cast<double>(bins * q % n) / n;
    const double below = correlation[static_cast<std::size_t>(shift)];
    const double above = fraction > 0 ? correlation[static_cast<std::size_t>((shift + 1) % bins)] : below;
    sum += below + fraction * (above - below);
  }
  return n > 1 ? sum / (n - 1) : kNaN;
}

/// Squared noise correlation of two bands of width dr, `distance` rows apart. Their profiles, boxes smeared
/// by a Gaussian of variance sigma^2 + 1/12 each, overlap by the second difference of the Gaussian's second
/// integral.
double squared_row_correlation(double dr_px, double blur_sigma_px, int distance) {
  // A pixel's share of a band is the band smeared by the pixel's own box, of variance 1/12.
  const double smear_px = std::sqrt(2 * blur_sigma_px * blur_sigma_px + 1.0 / 6);
  const auto second_integral = [&](double x_px) {
    const double z = x_px / smear_px;
    return x_px * std::erfc(-z / std::numbers::sqrt2) / 2 +
           smear_px * std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi);
  };
  const auto overlap_at = [&](double x_px) {
    return second_integral(x_px + dr_px) - 2 * second_integral(x_px) + second_integral(x_px - dr_px);
  };
  return std::pow(overlap_at(distance * dr_px) / overlap_at(0), 2);
}

void project(std::span<const double> correlation, const std::vector<int>& orders, std::span<double> power,
             std::span<double> coefficient) {
  for (std::size_t i = 0; i < orders.size(); ++i) {
    power[i] = power_of(correlation, orders[i]);
    coefficient[i] = coefficient_of(correlation, orders[i]);
  }
}

bool usable(double mean) {
  return mean > 0 && std::isfinite(mean);
}

}  // namespace

NoiseFloor::NoiseFloor(const PolarTransform& transform, const DetectorNoise& noise, std::vector<int> orders,
                       MaskNormalization normalization, Parallel& parallel)
    : radial_bins_(transform.geometry().radial_bins),
      azimuthal_bins_(transform.geometry().azimuthal_bins),
      orders_(std::move(orders)) {
  for (const int n : orders_) GLASSWATCH_CHECK(n >= 1 && n <= azimuthal_bins_ / 2, n, azimuthal_bins_);
  GLASSWATCH_CHECK(noise.counts_per_electron > 0 && std::isfinite(noise.counts_per_electron),
                   noise.counts_per_electron);
  GLASSWATCH_CHECK(noise.read_noise_counts >= 0 && std::isfinite(noise.read_noise_counts),
                   noise.read_noise_counts);
  GLASSWATCH_CHECK(noise.blur_sigma_px >= 0 && std::isfinite(noise.blur_sigma_px), noise.blur_sigma_px);

  const auto rows = static_cast<std::size_t>(radial_bins_), bins = static_cast<std::size_t>(azimuthal_bins_);
  for (Terms* terms : {&shot_, &read_}) {
    terms->correlation.resize(rows * bins);
    terms->power.resize(rows * orders_.size());
    terms->coefficient.resize(rows * orders_.size());
  }
  mask_effect_.resize(rows);
  const std::vector<double> blurred = internal::spread_autocorrelation(noise.blur_sigma_px);
  const std::vector<double> sharp{1.0};
  std::vector<internal::RowNoise> lanes(static_cast<std::size_t>(parallel.lanes()),
                                        internal::RowNoise(azimuthal_bins_));
  auto build = [&](int lane, int begin, int end) {
    internal::RowNoise& noise_of_row = lanes[static_cast<std::size_t>(lane)];
    for (int k = begin; k < end; ++k) {
      noise_of_row.read_weights(transform, k);
      const auto row = static_cast<std::size_t>(k);
      const auto reduce = [&](const std::vector<double>& autocorrelation, double scale, Terms& terms) {
        const std::span<double> correlation = std::span(terms.correlation).subspan(row * bins, bins);
        noise_of_row.propagate(autocorrelation, scale, normalization, correlation);
        project(correlation, orders_, std::span(terms.power).subspan(row * orders_.size(), orders_.size()),
                std::span(terms.coefficient).subspan(row * orders_.size(), orders_.size()));
      };
      reduce(blurred, noise.counts_per_electron, shot_);
      reduce(sharp, noise.read_noise_counts * noise.read_noise_counts, read_);
      mask_effect_[row] = mask_effect(noise_of_row.valid());
    }
  };
  parallel.run(radial_bins_, build);

  const PolarGeometry& geometry = transform.geometry();
  const double dr_px = (geometry.r_max_px - geometry.r_min_px) / radial_bins_;
  for (int distance = 0; distance < radial_bins_; ++distance) {
    squared_row_correlation_.push_back(squared_row_correlation(dr_px, noise.blur_sigma_px, distance));
  }
}

void NoiseFloor::floors(std::span<const double> radial_mean, std::span<double> power_floor,
                        std::span<double> coefficient_floor) const {
  const auto rows = static_cast<std::size_t>(radial_bins_), orders = orders_.size();
  GLASSWATCH_CHECK(radial_mean.size() == rows, radial_mean.size(), rows);
  GLASSWATCH_CHECK(power_floor.size() == rows * orders && coefficient_floor.size() == rows * orders,
                   power_floor.size(), coefficient_floor.size(), rows, orders);
  for (std::size_t k = 0; k < rows; ++k) {
    const double per_mean = usable(radial_mean[k]) ? 1 / radial_mean[k] : kNaN;
    for (std::size_t at = k * orders; at < (k + 1) * orders; ++at) {
      power_floor[at] = (shot_.power[at] + read_.power[at] * per_mean) * per_mean;
      coefficient_floor[at] = (shot_.coefficient[at] + read_.coefficient[at] * per_mean) * per_mean;
    }
  }
}

void NoiseFloor::correlation_floor(int k, double mean, std::span<double> correlation_floor) const {
  const auto bins = static_cast<std::size_t>(azimuthal_bins_);
  GLASSWATCH_CHECK(k >= 0 && k < radial_bins_, k, radial_bins_);
  GLASSWATCH_CHECK(correlation_floor.size() == bins, correlation_floor.size(), bins);
  const double per_mean = usable(mean) ? 1 / mean : kNaN;
  for (std::size_t d = 0; d < bins; ++d) {
    const std::size_t at = static_cast<std::size_t>(k) * bins + d;
    correlation_floor[d] = (shot_.correlation[at] + read_.correlation[at] * per_mean) * per_mean;
  }
}

double NoiseFloor::independent_rows(std::span<const std::uint8_t> in_ring) const {
  const auto rows = static_cast<std::size_t>(radial_bins_), bins = static_cast<std::size_t>(azimuthal_bins_);
  GLASSWATCH_CHECK(in_ring.size() == rows, in_ring.size(), rows);
  // C(0) has pairs in every row that has bins.
  const auto counts = [&](std::size_t k) {
    return in_ring[k] != 0 && !std::isnan(shot_.correlation[k * bins]);
  };
  double count = 0, correlated = 0;
  for (std::size_t k = 0; k < rows; ++k) {
    if (!counts(k)) continue;
    count += 1;
    for (std::size_t other = 0; other < rows; ++other) {
      if (counts(other)) correlated += squared_row_correlation_[k < other ? other - k : k - other];
    }
  }
  return count > 0 ? count * count / correlated : 0;
}

MaskEffect NoiseFloor::ring_mask_effect(std::span<const std::uint8_t> in_ring) const {
  GLASSWATCH_CHECK(in_ring.size() == mask_effect_.size(), in_ring.size(), mask_effect_.size());
  MaskEffect sum{0, 0, 0};
  double count = 0;
  for (std::size_t k = 0; k < in_ring.size(); ++k) {
    if (in_ring[k] == 0 || std::isnan(mask_effect_[k].leak)) continue;
    sum.noise_variance += mask_effect_[k].noise_variance;
    sum.speckle_variance += mask_effect_[k].speckle_variance;
    sum.leak += mask_effect_[k].leak;
    count += 1;
  }
  return count > 0 ? MaskEffect{sum.noise_variance / count, sum.speckle_variance / count, sum.leak / count}
                   : MaskEffect{};
}

}  // namespace glasswatch::analysis
