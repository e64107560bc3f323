// A fourfold motif told from two random Friedel pairs, at few electrons and behind a beam stop: area under
// the ROC curve of the ring's mean power, of the disc-filtered coefficient and of the scan statistic.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numbers>
#include <random>
#include <string>

#include "analysis/angular_correlation.h"
#include "analysis/motif_scan.h"

namespace glasswatch::analysis {
namespace {

using Random = std::mt19937_64;

constexpr int kRows = 23, kBins = 180;
constexpr double kInnerPx = 100, kOuterPx = 200, kDiscPx = 8;
constexpr double kRowPx = (kOuterPx - kInnerPx) / kRows, kBinRad = 2 * std::numbers::pi / kBins;
constexpr double kRingPx2 = std::numbers::pi * (kOuterPx * kOuterPx - kInnerPx * kInnerPx);
constexpr double kDiscPx2 = std::numbers::pi * kDiscPx * kDiscPx;
constexpr int kPatterns = 100;  // of each kind, for every point of the table

enum Statistic { kPower4, kPower4And8And12, kCoefficient, kScore, kStatistics };
using Values = std::array<double, kStatistics>;

double uniform(Random& random, double low, double high) {
  return std::uniform_real_distribution<double>(low, high)(random);
}

/// Probability that a positive exceeds a negative, ties half: the statistic U of Mann and Whitney, Ann. Math.
/// Stat. 18 (1947) 50, over the number of pairs.
double area_under_roc(const std::vector<Values>& positive, const std::vector<Values>& negative,
                      Statistic which) {
  double wins = 0;
  for (const Values& p : positive) {
    for (const Values& n : negative) wins += p[which] > n[which] ? 1 : p[which] == n[which] ? 0.5 : 0;
  }
  return wins / static_cast<double>(positive.size() * negative.size());
}

/// Height of four discs over a ring of height 1 such that the noise-free pattern has the normalised variance
/// V = <I^2>/<I>^2 - 1, without overlaps: with f the share of the ring under the discs, V = f (1 - f) a^2/(1
/// + f a)^2.
double height_of_variance(double variance) {
  const double share = 4 * kDiscPx2 / kRingPx2, root = std::sqrt(variance);
  return root / (std::sqrt(share * (1 - share)) - root * share);
}

/// Patterns as electrons per pixel on polar bins: an even ring of `dose_e`, discs of `height` times that,
/// Poisson noise, and a beam stop over a tenth of the circle.
class Patterns {
 public:
  Patterns(double dose_e, double height) : dose_e_(dose_e), height_(height) {
    for (int i = 0; i < kRows; ++i) ring_counts_.emplace_back(dose_e * area_px2(i));
  }

  std::vector<double> with_discs(bool fourfold, Random& random) {
    discs_.assign(kRows * kBins, 0.0);
    const auto place = [&](int discs, double turn_rad) {
      const double k = uniform(random, kInnerPx + kDiscPx, kOuterPx - kDiscPx);
      const double phi = uniform(random, 0, 2 * std::numbers::pi);
      for (int q = 0; q < discs; ++q) add_disc(k, phi + q * turn_rad);
    };
    if (fourfold) {
      place(4, std::numbers::pi / 2);
    } else {
      for (int pair = 0; pair < 2; ++pair) place(2, std::numbers::pi);
    }
    return expose(random);
  }

 private:
  static double area_px2(int i) { return (kInnerPx + (i + 0.5) * kRowPx) * kRowPx * kBinRad; }

  void add_disc(double k, double phi) {
    constexpr int kPoints = 4;  // a bin's share of the disc, by points
    const double x = k * std::cos(phi), y = k * std::sin(phi);
    const int reach = static_cast<int>(kDiscPx / k / kBinRad) + 2;
    const int middle = static_cast<int>(phi / kBinRad);
    for (int i = 0; i < kRows; ++i) {
      if (std::abs(kInnerPx + (i + 0.5) * kRowPx - k) > kDiscPx + kRowPx) continue;
      for (int j = middle - reach; j <= middle + reach; ++j) {
        double& disc = discs_[static_cast<std::size_t>(i * kBins + (j + kBins) % kBins)];
        for (int point = 0; point < kPoints * kPoints; ++point) {
          const double r = kInnerPx + (i + (point / kPoints + 0.5) / kPoints) * kRowPx;
          const double angle = (j + (point % kPoints + 0.5) / kPoints) * kBinRad;
          if (std::hypot(r * std::cos(angle) - x, r * std::sin(angle) - y) < kDiscPx)
            disc += 1.0 / (kPoints * kPoints);
        }
      }
    }
  }

  std::vector<double> expose(Random& random) {
    const int stop = static_cast<int>(uniform(random, 0, kBins));
    std::vector<double> polar(kRows * kBins);
    for (int i = 0; i < kRows; ++i) {
      for (int j = 0; j < kBins; ++j) {
        const auto bin = static_cast<std::size_t>(i * kBins + j);
        double electrons = ring_counts_[static_cast<std::size_t>(i)](random);
        if (discs_[bin] > 0) {
          electrons += std::poisson_distribution<int>(dose_e_ * height_ * discs_[bin] * area_px2(i))(random);
        }
        const bool hidden = (j - stop + kBins) % kBins < kBins / 10;
        polar[bin] = hidden ? std::numeric_limits<double>::quiet_NaN() : electrons / area_px2(i);
      }
    }
    return polar;
  }

  double dose_e_;
  double height_;
  std::vector<std::poisson_distribution<int>> ring_counts_;
  std::vector<double> discs_;
};

class Observer {
 public:
  Observer() : scan_(geometry(), kDiscPx, {4}, std::vector<std::uint8_t>(kRows, 1), 1, 1) {}

  Values operator()(const std::vector<double>& polar) {
    std::array<double, 3> row{}, unused{};
    Values values{};
    for (std::size_t i = 0; i < kRows; ++i) {
      correlation_.process(std::span(polar).subspan(i * kBins, kBins), {}, row, unused);
      values[kPower4] += row[0] / kRows;
      values[kPower4And8And12] += (row[0] + row[1] + row[2]) / kRows;
    }
    double k_px = 0, phi_deg = 0;
    scan_.process(polar, {{&values[kCoefficient], 1}, {&values[kScore], 1}, {&k_px, 1}, {&phi_deg, 1}},
                  serial_);
    return values;
  }

 private:
  static PolarGeometry geometry() {
    PolarGeometry geometry;
    geometry.r_min_px = kInnerPx;
    geometry.r_max_px = kOuterPx;
    geometry.radial_bins = kRows;
    geometry.azimuthal_bins = kBins;
    return geometry;
  }

  AngularCorrelation correlation_{kBins, {4, 8, 12}, MaskNormalization::kCentered};
  MotifScan scan_;
  Serial serial_;
};

Values areas_under_roc(double dose_e, double height) {
  Random random(2024);
  Patterns patterns(dose_e, height);
  Observer observe;
  std::vector<Values> positive, negative;
  for (int i = 0; i < kPatterns; ++i) {
    positive.push_back(observe(patterns.with_discs(true, random)));
    negative.push_back(observe(patterns.with_discs(false, random)));
  }
  Values areas{};
  for (const Statistic which : {kPower4, kPower4And8And12, kCoefficient, kScore}) {
    areas[which] = area_under_roc(positive, negative, which);
  }
  std::printf("%7.2f %9.1f  %13.3f %13.3f %13.3f %13.3f\n", height, dose_e, areas[kPower4],
              areas[kPower4And8And12], areas[kCoefficient], areas[kScore]);
  return areas;
}

void print_header(const std::string& contrast) {
  std::printf("%s\n height   e/pixel        power 4  power 4+8+12   coefficient         score\n",
              contrast.c_str());
}

// Contrast as the normalised variance of the pattern without noise.
TEST(MotifRoc, ByNormalisedVariance) {
  for (const double variance : {1.0, 0.33, 0.1}) {
    print_header("normalised variance " + std::to_string(variance));
    for (const double dose_e : {0.3, 1.0}) {
      const Values areas = areas_under_roc(dose_e, height_of_variance(variance));
      EXPECT_GE(areas[kScore], 0.95) << variance << ' ' << dose_e;
      EXPECT_GE(areas[kScore], areas[kCoefficient] - 0.02) << variance << ' ' << dose_e;
      EXPECT_GE(areas[kScore], areas[kPower4] + 0.1) << variance << ' ' << dose_e;
    }
  }
}

// Contrast as the height of a disc over the ring. At 1 e per pixel there are 201 electrons on the ring under
// a disc, with noise of 14: discs of height 0.1 stand out by 20 each, the four together by 2.8 standard
// deviations. That is lost among thousands of places, and no statistic can find it.
TEST(MotifRoc, ByHeightOverTheRing) {
  for (const double height : {1.0, 0.33, 0.1}) {
    print_header("height over the ring");
    for (const double dose_e : {0.3, 1.0, 3.0, 10.0}) {
      const Values areas = areas_under_roc(dose_e, height);
      EXPECT_GE(areas[kScore], areas[kPower4] - 0.05)
          << height << ' ' << dose_e;                                   // two standard errors at 0.5
      const double sigmas = 2 * height * std::sqrt(dose_e * kDiscPx2);  // of the sum over the four discs
      if (sigmas < 8) continue;
      EXPECT_GE(areas[kScore], 0.95) << height << ' ' << dose_e;
      EXPECT_GE(areas[kScore], areas[kPower4] + 0.1) << height << ' ' << dose_e;
    }
  }
}

}  // namespace
}  // namespace glasswatch::analysis
