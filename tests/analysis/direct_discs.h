// Polar images, and discs and motif scores on them by direct sums: the definitions to the letter.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <random>
#include <vector>

#include "analysis/polar.h"

namespace glasswatch::test {

constexpr double kPi = std::numbers::pi;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
using Random = std::mt19937_64;
using analysis::PolarGeometry;

inline PolarGeometry annulus(double r_min_px, double r_max_px, int radial_bins, int azimuthal_bins) {
  PolarGeometry geometry;
  geometry.r_min_px = r_min_px;
  geometry.r_max_px = r_max_px;
  geometry.radial_bins = radial_bins;
  geometry.azimuthal_bins = azimuthal_bins;
  return geometry;
}

inline std::size_t bins_of(const PolarGeometry& geometry) {
  return static_cast<std::size_t>(geometry.azimuthal_bins);
}

inline std::vector<std::uint8_t> whole_ring(const PolarGeometry& geometry) {
  return std::vector<std::uint8_t>(static_cast<std::size_t>(geometry.radial_bins), 1);
}

/// A polar image from a function of row and bin.
template <typename Function>
std::vector<double> polar_image(const PolarGeometry& geometry, Function intensity) {
  std::vector<double> polar;
  for (int i = 0; i < geometry.radial_bins; ++i) {
    for (int j = 0; j < geometry.azimuthal_bins; ++j) polar.push_back(intensity(i, j));
  }
  return polar;
}

/// One disc by direct sums: every bin's share of it by the definition of the arcs, valid bins only.
struct DirectDisc {
  double mean = kNaN;   // D
  double ring = kNaN;   // M
  double area_px2 = 0;  // of the valid part
  double whole_px2 = 0;
};

inline DirectDisc direct_disc(const PolarGeometry& g, double disc_px, const std::vector<double>& polar,
                              double k_px, int j) {
  const double row_px = (g.r_max_px - g.r_min_px) / g.radial_bins, bin_rad = 2 * kPi / g.azimuthal_bins;
  const int p = g.azimuthal_bins;
  DirectDisc disc;
  double excess = 0, ring = 0, ring_px2 = 0;
  for (int i = -200; i < g.radial_bins + 200; ++i) {  // rows outside the image belong to the disc as well
    const double r = g.r_min_px + (i + 0.5) * row_px;
    if (r <= 0 || std::abs(r - k_px) >= disc_px) continue;
    const double cosine = (r * r + k_px * k_px - disc_px * disc_px) / (2 * r * k_px);
    const double half_bins = std::acos(std::max(cosine, -1.0)) / bin_rad;
    disc.whole_px2 += 2 * half_bins * r * row_px * bin_rad;
    if (i < 0 || i >= g.radial_bins) continue;
    const double* row = polar.data() + static_cast<std::ptrdiff_t>(i) * p;
    const auto valid =
        static_cast<double>(std::count_if(row, row + p, [](double v) { return std::isfinite(v); }));
    if (valid == 0) continue;
    double mean = 0;
    for (int m = 0; m < p; ++m) mean += std::isfinite(row[m]) ? row[m] / valid : 0;
    ring += mean * 2 * half_bins * r;
    ring_px2 += 2 * half_bins * r;
    for (int d = -p; d <= p; ++d) {
      const double value = row[(j + d + 2 * p) % p];
      const double share = std::min(half_bins, d + 0.5) - std::max(-half_bins, d - 0.5);
      if (share <= 0 || !std::isfinite(value)) continue;
      disc.area_px2 += share * r * row_px * bin_rad;
      excess += share * r * row_px * bin_rad * (value - mean);
    }
  }
  if (disc.area_px2 < disc.whole_px2 / 2 || !(ring > 0)) return disc;
  disc.ring = ring / ring_px2;
  disc.mean = disc.ring + excess / disc.area_px2;
  return disc;
}

/// The score by its definition, phi0 over one n-th of the turn, a logarithm for each disc.
inline double direct_score(const PolarGeometry& g, double disc_px, const std::vector<double>& polar,
                           const std::vector<double>& k_px, int n, double electron_counts) {
  double best = kNaN;
  const int p = g.azimuthal_bins;
  for (const double k : k_px) {
    std::vector<double> logarithm;
    for (int j = 0; j < p; ++j) {
      const DirectDisc disc = direct_disc(g, disc_px, polar, k, j);
      const double counts = std::max(disc.mean, 0.0) * disc.area_px2, expected = disc.ring * disc.area_px2;
      logarithm.push_back(std::log((counts + electron_counts / 2) / (expected + electron_counts / 2)));
      if (std::isnan(disc.mean)) logarithm.back() = kNaN;
    }
    for (int j = 0; j * n < p; ++j) {
      double sum = 0;
      for (int q = 0; q < n; ++q) {
        const int at = (j + static_cast<int>(std::floor(static_cast<double>(p) * q / n + 0.5))) % p;
        const double own = logarithm[static_cast<std::size_t>(at)];
        sum += std::isnan(own) ? logarithm[static_cast<std::size_t>((at + p / 2) % p)] : own;
      }
      if (!(sum / n <= best)) best = std::isnan(sum) ? best : sum / n;
    }
  }
  return best;
}

/// Poisson counts of a sloping ring behind a stop, with some dead bins and a dead row.
inline std::vector<double> few_counts(const PolarGeometry& geometry, double counts, std::uint64_t seed) {
  Random random(seed);
  const int p = geometry.azimuthal_bins;
  const int stop = static_cast<int>(random() % static_cast<unsigned>(p));
  return polar_image(geometry, [&](int i, int j) {
    const double value = std::poisson_distribution<int>(counts * (1 + 0.1 * i))(random);
    const bool hidden = (j - stop + p) % p < p / 10 || random() % 50 == 0 || i == 7;
    return hidden ? kNaN : value;
  });
}

/// Small, odd and wide cases: discs narrower than a bin, wider than the image, and such that hold the whole
/// circle.
struct DiscCase {
  PolarGeometry geometry;
  double disc_px;
};
inline const DiscCase kCases[] = {{annulus(20, 44, 12, 72), 5},   {annulus(20, 44, 12, 45), 5},
                                  {annulus(30, 60, 10, 24), 1.2}, {annulus(2, 14, 12, 31), 4.5},
                                  {annulus(0, 6, 4, 16), 8},      {annulus(10, 14, 9, 36), 6}};

}  // namespace glasswatch::test
