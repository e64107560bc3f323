// What a mask costs against the power of random rows.
#include "analysis/mask_effect.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <random>
#include <vector>

#include "analysis/angular_correlation.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Masks of a row, the fraction `hidden` of the circle in one piece.
std::vector<std::uint8_t> open_circle(int bins, double hidden) {
  std::vector<std::uint8_t> valid(static_cast<std::size_t>(bins), 1);
  std::fill_n(valid.begin() + 5, std::lround(hidden * bins), 0);
  return valid;
}

TEST(MaskEffect, IsNoneWithoutAMask) {
  const MaskEffect none = mask_effect(open_circle(60, 0));
  EXPECT_NEAR(none.noise_variance, 1, 1e-12);
  EXPECT_NEAR(none.speckle_variance, 1, 1e-12);
  EXPECT_NEAR(none.leak, 0, 1e-7);
  EXPECT_TRUE(std::isnan(mask_effect(open_circle(60, 0.6)).noise_variance)) << "some shift has no pair";
}

// Relative variances of the power of rows of white Gaussian noise and of white Friedel-symmetric patterns.
TEST(MaskEffect, IsThatOfRandomRows) {
  std::mt19937_64 random(8);
  constexpr int kBins = 72, kRows = 3000;
  std::vector<int> orders;
  for (int n = 3; n <= 14; ++n) orders.push_back(n);
  AngularCorrelation correlation(kBins, orders, MaskNormalization::kCentered);
  std::normal_distribution<double> normal(0, 1);
  for (const double hidden : {0.05, 0.1, 0.2}) {
    const auto valid = open_circle(kBins, hidden);
    struct Moments {
      double mean = 0, square = 0, rows = 0;
      void add(double value) { mean += value, square += value * value, rows += 1; }
      double relative_variance() const { return square * rows / (mean * mean) - 1; }
    } noise, even, odd;
    std::vector<double> row(kBins), power(orders.size()), coefficient(orders.size());
    for (int trial = 0; trial < 2 * kRows; ++trial) {
      const bool friedel = trial % 2 == 1;
      for (std::size_t j = 0; j < kBins; ++j) {
        row[j] = friedel && j >= kBins / 2 ? row[j - kBins / 2] : 100 + normal(random);
      }
      std::vector<double> seen = row;
      for (std::size_t j = 0; j < kBins; ++j) seen[j] = valid[j] != 0 ? row[j] : kNaN;
      correlation.process(seen, {}, power, coefficient);
      for (std::size_t i = 0; i < orders.size(); ++i) {
        (!friedel ? noise : orders[i] % 2 == 0 ? even : odd).add(power[i]);
      }
    }
    const double leak = std::sqrt(odd.square / odd.rows) / (even.mean / even.rows);
    const MaskEffect effect = mask_effect(valid);
    std::cout << "hidden " << hidden << ": noise variance " << effect.noise_variance << " (found "
              << noise.relative_variance() << "), speckle variance " << effect.speckle_variance << " ("
              << even.relative_variance() << "), leak " << effect.leak << " (" << leak << ")\n";
    // 36000 and 18000 values of a squared quantity of unit relative variance: 1.5 and 2.1 %; the mean that is
    // taken off is neglected, 1/N_v of everything, and the average over n is over 6 orders.
    EXPECT_NEAR(effect.noise_variance, noise.relative_variance(), 0.06 * effect.noise_variance);
    EXPECT_NEAR(effect.speckle_variance, even.relative_variance(), 0.08 * effect.speckle_variance);
    EXPECT_NEAR(effect.leak, leak, 0.12 * leak);
  }
}

}  // namespace
}  // namespace glasswatch::analysis
