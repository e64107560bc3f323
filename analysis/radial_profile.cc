#include "analysis/radial_profile.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kLeastCoverage = 0.25;
constexpr double kLeastProminence = 0.03;
constexpr double kProminenceSigmas = 6;
// Of a ring against the skirt of the direct beam at the edge of its stop, which is higher, and against weaker
// outer rings.
constexpr double kRadiusPower = 1.5;
constexpr std::size_t kLeastRadius = 4;

/// Gaussian means along the rows, over those that have a value.
std::vector<double> smoothed(const std::vector<double>& values, double sigma) {
  const int reach = static_cast<int>(std::ceil(3 * sigma)), n = static_cast<int>(values.size());
  std::vector<double> result(values.size(), kNaN);
  for (int i = 0; i < n; ++i) {
    if (std::isnan(values[static_cast<std::size_t>(i)])) continue;
    double sum = 0, weights = 0;
    for (int j = std::max(0, i - reach); j <= std::min(n - 1, i + reach); ++j) {
      const double value = values[static_cast<std::size_t>(j)];
      if (std::isnan(value)) continue;
      const double weight = std::exp(-0.5 * (i - j) * (i - j) / (sigma * sigma));
      sum += weight * value;
      weights += weight;
    }
    result[static_cast<std::size_t>(i)] = sum / weights;
  }
  return result;
}

struct Peak {
  std::size_t row, valley_before, valley_after;
  double prominence;
};

/// Walks from the peak until something higher or no value comes; the lowest row on the way.
std::size_t lowest_on_the_way(const std::vector<double>& f, std::size_t peak, int step, std::size_t first,
                              std::size_t last) {
  std::size_t lowest = peak;
  for (std::size_t i = peak; i != (step < 0 ? first : last);) {
    i = step < 0 ? i - 1 : i + 1;
    if (std::isnan(f[i]) || f[i] > f[peak]) break;
    if (f[i] < f[lowest]) lowest = i;
  }
  return lowest;
}

std::optional<Peak> best_peak(const std::vector<double>& f, std::size_t first, std::size_t last) {
  std::optional<Peak> best;
  double highest = 0;
  for (std::size_t i = first + 1; i + 1 <= last; ++i) {
    if (i < kLeastRadius || !(f[i] > f[i - 1]) || !(f[i] >= f[i + 1])) continue;
    // Beyond these radii another ring's flank would be taken for the background.
    const std::size_t inner = std::max(first, i / 2), outer = std::min(last, i + i * 6 / 10 + 1);
    const std::size_t before = lowest_on_the_way(f, i, -1, inner, outer);
    const std::size_t after = lowest_on_the_way(f, i, 1, inner, outer);
    const double prominence = f[i] - std::max(f[before], f[after]);
    const double score = prominence * std::pow(static_cast<double>(i), kRadiusPower);
    if (!best || score > highest) {
      highest = score;
      best = Peak{i, before, after, prominence};
    }
  }
  return best;
}

/// Vertex of the parabola through three rows, relative to the middle one.
double vertex(double before, double at, double after) {
  const double curvature = before - 2 * at + after;
  return curvature < 0 ? 0.5 * (before - after) / curvature : 0.0;
}

/// Height above the line through the valleys.
double above_line(const std::vector<double>& f, const Peak& peak, std::size_t i) {
  const double span = static_cast<double>(peak.valley_after) - static_cast<double>(peak.valley_before);
  const double t = (static_cast<double>(i) - static_cast<double>(peak.valley_before)) / span;
  return f[i] - (1 - t) * f[peak.valley_before] - t * f[peak.valley_after];
}

/// The peak that is left when the line is taken off; a sloping background moves it.
std::size_t crest(const std::vector<double>& f, const Peak& peak) {
  std::size_t best = peak.row;
  for (std::size_t i = peak.valley_before + 1; i < peak.valley_after; ++i) {
    if (above_line(f, peak, i) > above_line(f, peak, best)) best = i;
  }
  return best;
}

/// Distance from the peak at which the profile above the line through the valleys falls to half, on one side.
double half_width(const std::vector<double>& f, const Peak& peak, int step) {
  const double half = above_line(f, peak, peak.row) / 2;
  const std::size_t end = step < 0 ? peak.valley_before : peak.valley_after;
  double previous = 2 * half;
  for (std::size_t i = peak.row; i != end;) {
    i = step < 0 ? i - 1 : i + 1;
    const double here = above_line(f, peak, i);
    const double distance = std::abs(static_cast<double>(i) - static_cast<double>(peak.row));
    if (here <= half) return distance - (previous > here ? (half - here) / (previous - here) : 0.0);
    previous = here;
  }
  return std::abs(static_cast<double>(end) - static_cast<double>(peak.row));
}

}  // namespace

double RadialProfile::at(double radius_px) const {
  const double position = radius_px - 0.5;
  if (!(position >= 0) || position + 1 >= static_cast<double>(mean_counts.size())) return kNaN;
  const auto i = static_cast<std::size_t>(position);
  const double t = position - static_cast<double>(i);
  return (1 - t) * mean_counts[i] + t * mean_counts[i + 1];
}

RadialProfile radial_profile(const MaskedPattern& pattern, const RingShape& shape) {
  const RingCoordinates coordinates(shape);
  double largest = 0;
  for (const int row : {0, pattern.rows - 1}) {
    for (const int column : {0, pattern.columns - 1}) {
      largest = std::max(largest, coordinates.freed(row, column).radius_px());
    }
  }
  const std::size_t rows = static_cast<std::size_t>(largest) + 1;
  std::vector<double> n(rows, 0), sum(rows, 0), squares(rows, 0);
  for (int row = 0; row < pattern.rows; ++row) {
    for (int column = 0; column < pattern.columns; ++column) {
      const std::size_t p = pattern.at(row, column);
      if (pattern.valid[p] == 0) continue;
      const auto i = static_cast<std::size_t>(coordinates.freed(row, column).radius_px());
      const auto value = static_cast<double>(pattern.counts[p]);
      n[i] += 1;
      sum[i] += value;
      squares[i] += value * value;
    }
  }
  RadialProfile profile{std::vector<double>(rows, kNaN), std::vector<double>(rows, kNaN)};
  for (std::size_t i = 0; i < rows; ++i) {
    if (n[i] < 2 || n[i] < kLeastCoverage * std::numbers::pi * static_cast<double>(2 * i + 1)) continue;
    profile.mean_counts[i] = sum[i] / n[i];
    const double variance =
        std::max(0.0, squares[i] / n[i] - profile.mean_counts[i] * profile.mean_counts[i]);
    profile.mean_sigma_counts[i] = std::sqrt(variance / (n[i] - 1));
  }
  return profile;
}

std::optional<Ring> find_ring(const RadialProfile& profile, double r_min_px, double r_max_px) {
  const std::size_t rows = profile.mean_counts.size();
  // Diffuse rings are some hundredths of their radius wide at least; a finer ripple is speckle or noise.
  const double sigma = std::max(1.0, 0.005 * static_cast<double>(rows));
  const std::vector<double> f = smoothed(profile.mean_counts, sigma);
  const auto first = static_cast<std::size_t>(std::max(0.0, std::ceil(r_min_px - 0.5)));
  std::size_t last = rows - 1;
  if (r_max_px > 0) last = std::min(last, static_cast<std::size_t>(r_max_px));
  if (first + 2 > last) return std::nullopt;
  std::optional<Peak> peak = best_peak(f, first, last);
  if (!peak || !(peak->prominence > kLeastProminence * std::abs(f[peak->row])) ||
      !(peak->prominence > kProminenceSigmas * profile.mean_sigma_counts[peak->row])) {
    return std::nullopt;
  }
  Ring ring;
  peak->row = crest(f, *peak);
  const std::size_t at = peak->row;
  ring.radius_px =
      static_cast<double>(at) + 0.5 +
      vertex(above_line(f, *peak, at - 1), above_line(f, *peak, at), above_line(f, *peak, at + 1));
  const double smeared = half_width(f, *peak, -1) + half_width(f, *peak, 1);
  // Smoothing widens a Gaussian in quadrature.
  const double added = 8 * std::numbers::ln2 * sigma * sigma;
  ring.width_px = std::sqrt(std::max(smeared * smeared - added, 1.0));
  return ring;
}

}  // namespace glasswatch::analysis
