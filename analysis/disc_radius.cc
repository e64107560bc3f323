#include "analysis/disc_radius.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "analysis/check.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kLeastLagPx = 2.5;  // nearer rows share pixels and blur
constexpr double kLeastFalls = 4;    // standard errors by which the first lag must stand out
constexpr double kFallen = 0.1;      // of the first lag: farther ones say nothing more
constexpr std::size_t kLeastLags = 3;
constexpr double kBlurSigmas = 4;
constexpr double kRound = 0.35;       // most of the covariance at rho/2 that may be left at 2 rho along phi
constexpr double kRadiusStep = 1.01;  // of the search

/// Overlap of two discs of radius 1 whose centres are 2 u apart, over the disc's area.
double overlap(double u) {
  return u >= 1 ? 0 : 2 / std::numbers::pi * (std::acos(u) - u * std::sqrt(1 - u * u));
}

/// Covariance of two bins `lag_px` apart in radius: the overlap's mean over all pairs of points in them.
/// Differences of points in two equal intervals have a triangular density.
double bin_overlap(double lag_px, double radius_px, double bin_radial_px, double bin_azimuthal_px) {
  constexpr int kPoints = 3;  // on either side of the middle
  double sum = 0, weights = 0;
  for (int i = -kPoints; i <= kPoints; ++i) {
    for (int j = -kPoints; j <= kPoints; ++j) {
      const double u = i / (kPoints + 1.0), v = j / (kPoints + 1.0);
      const double weight = (1 - std::abs(u)) * (1 - std::abs(v));
      sum += weight * overlap(std::hypot(lag_px + u * bin_radial_px, v * bin_azimuthal_px) / (2 * radius_px));
      weights += weight;
    }
  }
  return sum / weights;
}

struct Covariance {
  double mean = 0;   // of the products
  double error = 0;  // one standard error, products taken as independent
};

/// Mean product of relative deviations `lag` rows apart, over all patterns, angles and pairs of rows in the
/// ring.
Covariance row_covariance(std::span<const double> deviation, std::size_t rows, std::size_t bins,
                          std::span<const std::uint8_t> in_ring, int lag) {
  double sum = 0, squares = 0;
  std::size_t count = 0;
  const std::size_t size = rows * bins, step = static_cast<std::size_t>(lag) * bins;
  for (std::size_t pattern = 0; pattern + size <= deviation.size(); pattern += size) {
    for (std::size_t k = 0; k + static_cast<std::size_t>(lag) < rows; ++k) {
      if (in_ring[k] == 0 || in_ring[k + static_cast<std::size_t>(lag)] == 0) continue;
      for (std::size_t at = pattern + k * bins; at < pattern + (k + 1) * bins; ++at) {
        const double product = deviation[at] * deviation[at + step];
        if (std::isnan(product)) continue;
        sum += product;
        squares += product * product;
        ++count;
      }
    }
  }
  if (count < 2) return {kNaN, kNaN};
  const double n = static_cast<double>(count), mean = sum / n;
  return {mean, std::sqrt(std::max(squares / n - mean * mean, 0.0) / n)};
}

/// I/<I>_k - 1; NaN where a bin is invalid.
std::vector<double> relative_deviation(std::span<const double> polar, std::size_t bins) {
  std::vector<double> deviation(polar.size(), kNaN);
  for (std::size_t row = 0; row < polar.size(); row += bins) {
    double sum = 0;
    std::size_t count = 0;
    for (std::size_t at = row; at < row + bins; ++at) {
      if (std::isnan(polar[at])) continue;
      sum += polar[at];
      ++count;
    }
    const double mean = count > 0 ? sum / static_cast<double>(count) : 0;
    if (!(mean > 0)) continue;
    for (std::size_t at = row; at < row + bins; ++at) deviation[at] = polar[at] / mean - 1;
  }
  return deviation;
}

/// Mean product of relative deviations `shift` bins apart along phi.
double azimuth_covariance(std::span<const double> deviation, std::size_t rows, std::size_t bins,
                          std::span<const std::uint8_t> in_ring, std::size_t shift) {
  double sum = 0, count = 0;
  for (std::size_t row = 0; row * bins < deviation.size(); ++row) {
    if (in_ring[row % rows] == 0) continue;
    for (std::size_t j = 0; j < bins; ++j) {
      const double product = deviation[row * bins + j] * deviation[row * bins + (j + shift) % bins];
      if (std::isnan(product)) continue;
      sum += product;
      count += 1;
    }
  }
  return count > 0 ? sum / count : kNaN;
}

struct Lag {
  double lag_px;
  double covariance;
};

/// The lags that show the disc: from the least one to where the covariance has fallen; none if it does not
/// stand out or does not fall.
std::vector<Lag> usable_lags(std::span<const double> deviation, const PolarGeometry& geometry,
                             std::span<const std::uint8_t> in_ring, double least_lag_px) {
  const auto bins = static_cast<std::size_t>(geometry.azimuthal_bins);
  const double row_px = (geometry.r_max_px - geometry.r_min_px) / geometry.radial_bins;
  const auto ring_rows =
      std::count_if(in_ring.begin(), in_ring.end(), [](std::uint8_t in) { return in != 0; });
  std::vector<Lag> lags;
  for (int lag = static_cast<int>(std::ceil(least_lag_px / row_px)); lag < ring_rows; ++lag) {
    const Covariance one = row_covariance(deviation, in_ring.size(), bins, in_ring, lag);
    if (lags.empty() && !(one.mean > kLeastFalls * one.error)) return {};
    if (std::isnan(one.mean)) return {};
    if (!lags.empty() && one.mean < kFallen * lags.front().covariance) return lags;
    lags.push_back({lag * row_px, one.mean});
  }
  return {};
}

/// Mean radius of the rows taken, px.
double ring_radius_px(const PolarGeometry& geometry, std::span<const std::uint8_t> in_ring) {
  const std::vector<double> radius_px = radial_bin_centres_px(geometry);
  double sum = 0, rows = 0;
  for (std::size_t k = 0; k < in_ring.size(); ++k) {
    if (in_ring[k] == 0) continue;
    sum += radius_px[k];
    rows += 1;
  }
  return rows > 0 ? sum / rows : 0;
}

}  // namespace

double estimate_disc_radius_px(std::span<const double> polar, int patterns, const PolarGeometry& geometry,
                               std::span<const std::uint8_t> in_ring, double blur_sigma_px) {
  GLASSWATCH_CHECK(patterns >= 0 && geometry.radial_bins >= 1 && geometry.azimuthal_bins >= 1, patterns,
                   geometry.radial_bins, geometry.azimuthal_bins);
  const auto rows = static_cast<std::size_t>(geometry.radial_bins);
  const auto bins = static_cast<std::size_t>(geometry.azimuthal_bins);
  GLASSWATCH_CHECK(polar.size() == static_cast<std::size_t>(patterns) * rows * bins, polar.size(), patterns,
                   rows);
  GLASSWATCH_CHECK(in_ring.size() == rows, in_ring.size(), rows);
  const std::vector<double> deviation = relative_deviation(polar, bins);
  const double least_lag_px = std::max(kLeastLagPx, kBlurSigmas * blur_sigma_px);
  const std::vector<Lag> lags = usable_lags(deviation, geometry, in_ring, least_lag_px);
  if (lags.size() < kLeastLags) return kNaN;

  const double row_px = (geometry.r_max_px - geometry.r_min_px) / geometry.radial_bins;
  const double arc_px = 2 * std::numbers::pi / geometry.azimuthal_bins * ring_radius_px(geometry, in_ring);
  // Least squares of c bin_overlap over the radius; c > 0 is linear.
  double best_px = kNaN, least = std::numeric_limits<double>::infinity();
  for (double radius_px = kLeastLagPx / 2; radius_px < lags.back().lag_px * 2; radius_px *= kRadiusStep) {
    double mm = 0, mc = 0, cc = 0;
    for (const Lag& lag : lags) {
      const double model = bin_overlap(lag.lag_px, radius_px, row_px, arc_px);
      mm += model * model;
      mc += model * lag.covariance;
      cc += lag.covariance * lag.covariance;
    }
    const double rest = mm > 0 && mc > 0 ? cc - mc * mc / mm : cc;
    if (rest < least) {
      least = rest;
      best_px = radius_px;
    }
  }
  // Discs are as long along phi as along the radius.
  const auto bins_of = [&](double distance_px) {
    return std::min(static_cast<std::size_t>(std::lround(distance_px / arc_px)), bins / 2);
  };
  const auto along_phi = [&](double distance_px) {
    return azimuth_covariance(deviation, rows, bins, in_ring, bins_of(distance_px));
  };
  const bool round =
      std::abs(along_phi(2 * best_px)) < kRound * along_phi(std::max(least_lag_px, best_px / 2));
  return round ? best_px : kNaN;
}

}  // namespace glasswatch::analysis
