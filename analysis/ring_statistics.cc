#include "analysis/ring_statistics.h"

#include <algorithm>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <limits>
#include <numbers>

#include "analysis/check.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// The floor is wrong by as much as the gain; above this part of the signal a gain error of 10 % shows.
constexpr double kGainLimit = 0.5;

bool complete(std::span<const double> row) {
  return std::none_of(row.begin(), row.end(), [](double value) { return std::isnan(value); });
}

double known_part(double floor) {
  return std::isnan(floor) ? 0 : floor;
}

PowerState judge(double power, double floor, double significance) {
  if (std::isnan(significance)) return PowerState::kNoFloor;
  if (significance > kNoiseProbability) return PowerState::kConsistentWithNoise;
  return floor > kGainLimit * power ? PowerState::kGainLimited : PowerState::kSignal;
}

/// M_n, M_s, and the standard deviation of what the strongest order leaks into the others' ring mean.
struct Spread {
  double noise_rows, speckle_rows, leak;
};

/// Probability that noise of mean `floor` over `noise_rows` rows, and a symmetric leak, reach `measured`: the
/// gamma law with the mean, variance and third moment of the sum (Pearson's type III).
double survival_of_noise(double measured, double floor, const Spread& spread) {
  constexpr double kAllButGaussian = 1e8;  // shape at which the skewness, 2/sqrt(shape), no longer counts
  const double leak_over_floor = spread.leak / floor;
  const double gain =
      1 + leak_over_floor * leak_over_floor * spread.noise_rows;  // of the variance, by the leak
  const double shape = std::min(spread.noise_rows * gain * gain * gain, kAllButGaussian);
  const double sigma = floor * std::sqrt(gain / spread.noise_rows);
  return gamma_mean_survival(shape, 1 + (measured - floor) / (sigma * std::sqrt(shape)));
}

RingPower ring_power(double measured, double floor, const Spread& spread) {
  const double noise = known_part(floor);
  const double power = measured - noise;
  const double signal = std::max(power, 0.0);
  const double mixed_rows = std::hypot(spread.speckle_rows, spread.noise_rows) / std::numbers::sqrt2;
  const double variance = signal * signal / spread.speckle_rows + 2 * signal * noise / mixed_rows +
                          noise * noise / spread.noise_rows;
  const double significance = floor > 0 ? survival_of_noise(measured, floor, spread) : kNaN;
  return {power, std::sqrt(variance), floor, significance, judge(power, floor, significance)};
}

double kept_between(double low, double rows, double high) {
  return std::isnan(rows) ? low : std::clamp(rows, low, high);
}

}  // namespace

void power_sigma(std::span<const double> power, std::span<const double> floor, int orders, int neighbours,
                 std::span<double> sigma) {
  GLASSWATCH_CHECK(orders >= 1 && neighbours >= 0, orders, neighbours);
  const auto columns = static_cast<std::size_t>(orders), reach = static_cast<std::size_t>(neighbours);
  GLASSWATCH_CHECK(
      power.size() % columns == 0 && floor.size() == power.size() && sigma.size() == power.size(),
      power.size(), floor.size(), sigma.size(), orders);
  const std::size_t rows = power.size() / columns;
  for (std::size_t k = 0; k < rows; ++k) {
    const std::size_t first = k > reach ? k - reach : 0, last = std::min(k + reach, rows - 1);
    for (std::size_t n = 0; n < columns; ++n) {
      double sum = 0;
      int count = 0;
      for (std::size_t at = first * columns + n; at <= last * columns + n; at += columns) {
        if (std::isnan(power[at])) continue;
        sum += power[at] - known_part(floor[at]);
        ++count;
      }
      const std::size_t here = k * columns + n;
      sigma[here] = std::isnan(power[here]) ? kNaN : std::max(sum / count, 0.0) + known_part(floor[here]);
    }
  }
}

void ring_powers(std::span<const double> power, std::span<const double> floor,
                 std::span<const std::uint8_t> in_ring, double noise_rows, double speckle_rows,
                 std::span<RingPower> out, const MaskEffect& mask) {
  const std::size_t orders = out.size();
  GLASSWATCH_CHECK(power.size() == in_ring.size() * orders && floor.size() == power.size(), power.size(),
                   floor.size(), in_ring.size(), orders);
  std::fill(out.begin(), out.end(), RingPower{});
  double rows = 0;
  for (std::size_t k = 0; k < in_ring.size(); ++k) {
    if (in_ring[k] == 0 || !complete(power.subspan(k * orders, orders))) continue;
    for (std::size_t n = 0; n < orders; ++n) {
      out[n].power += power[k * orders + n];
      out[n].floor += floor[k * orders + n];
    }
    rows += 1;
  }
  if (rows == 0) {
    std::fill(out.begin(), out.end(), RingPower{kNaN, kNaN, kNaN, kNaN, PowerState::kInvalid});
    return;
  }
  double strongest = 0;
  for (RingPower& mean : out) {
    mean.power /= rows;
    mean.floor /= rows;
    strongest = std::max(strongest, mean.power - known_part(mean.floor));
  }
  Spread spread{.noise_rows = kept_between(1, noise_rows, rows) / mask.noise_variance,
                .speckle_rows = kept_between(1, speckle_rows, rows) / mask.speckle_variance,
                .leak = 0};
  spread.leak = mask.leak * strongest / std::sqrt(spread.speckle_rows);
  for (RingPower& mean : out) mean = ring_power(mean.power, mean.floor, spread);
}

double speckle_rows(double ring_width_px, double length_px) {
  GLASSWATCH_CHECK(ring_width_px > 0 && length_px > 0, ring_width_px, length_px);
  const double lengths = ring_width_px / length_px;
  const double root = std::sqrt(std::numbers::pi) * lengths;
  return lengths * lengths / (lengths * std::erf(root) + std::expm1(-root * root) / std::numbers::pi);
}

double gamma_mean_survival(double shape, double x) {
  GLASSWATCH_CHECK(shape > 0 && std::isfinite(shape), shape);
  if (std::isnan(x)) return kNaN;
  if (x <= 0) return 1;
  if (std::isinf(x)) return 0;
  // Errors come back as values, not as exceptions; the far tail underflows to 0.
  namespace policies = boost::math::policies;
  constexpr policies::policy<policies::domain_error<policies::ignore_error>,
                             policies::overflow_error<policies::ignore_error>,
                             policies::evaluation_error<policies::ignore_error>>
      kQuiet;
  return boost::math::gamma_q(shape, shape * x, kQuiet);
}

}  // namespace glasswatch::analysis
