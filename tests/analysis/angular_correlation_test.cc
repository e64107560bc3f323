// Angular correlation against closed forms, the direct sums, and planted truth under a mask.
#include "analysis/angular_correlation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <numbers>
#include <numeric>
#include <random>

namespace glasswatch::analysis {
namespace {

constexpr double kPi = std::numbers::pi;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
using Random = std::mt19937_64;

double uniform(Random& random, double low, double high) {
  return std::uniform_real_distribution<double>(low, high)(random);
}

std::vector<int> all_orders(int bins) {
  std::vector<int> orders(static_cast<std::size_t>(bins / 2));
  std::iota(orders.begin(), orders.end(), 1);
  return orders;
}

struct Result {
  RowStatistics row;
  std::vector<double> correlation, power, coefficient;
};

Result correlate(AngularCorrelation& fast, const std::vector<double>& row) {
  Result result;
  result.correlation.resize(row.size());
  result.power.resize(fast.orders().size());
  result.coefficient.resize(fast.orders().size());
  result.row = fast.process(row, result.correlation, result.power, result.coefficient);
  return result;
}

Result correlate(const std::vector<double>& row, std::vector<int> orders,
                 MaskNormalization normalization = MaskNormalization::kCentered) {
  AngularCorrelation fast(static_cast<int>(row.size()), std::move(orders), normalization);
  return correlate(fast, row);
}

Result correlate_directly(const std::vector<double>& row, const std::vector<int>& orders,
                          MaskNormalization normalization) {
  Result result;
  result.correlation.resize(row.size());
  result.power.resize(orders.size());
  result.coefficient.resize(orders.size());
  result.row = angular_correlation_reference(row, orders, normalization, result.correlation, result.power,
                                             result.coefficient);
  return result;
}

// I = m (1 + a cos(n phi - p)): C(D) = a^2/2 cos(n D), power a^2/4 at n and 0 elsewhere, variance a^2/2.
TEST(AngularCorrelation, PlantedCosineIsExact) {
  for (const int bins : {24, 97, 180, 360}) {
    for (const int n : {1, 2, 4, 5, 7, 10, 11}) {
      const double a = 0.3, mean = 250;
      std::vector<double> row;
      for (int j = 0; j < bins; ++j) row.push_back(mean * (1 + a * std::cos(2 * kPi * n * j / bins - 0.4)));
      for (const auto normalization : {MaskNormalization::kCentered, MaskNormalization::kLiteral}) {
        const Result result = correlate(row, all_orders(bins), normalization);
        ASSERT_EQ(result.row.status, RowStatus::kValid);
        EXPECT_NEAR(result.row.mean, mean, 1e-10);
        EXPECT_NEAR(result.row.variance, a * a / 2, 1e-14);
        for (int d = 0; d < bins; ++d) {
          ASSERT_NEAR(result.correlation[static_cast<std::size_t>(d)],
                      a * a / 2 * std::cos(2 * kPi * n * d / bins), 1e-14);
        }
        for (int order = 1; order <= bins / 2; ++order) {
          ASSERT_NEAR(result.power[static_cast<std::size_t>(order - 1)],
                      order == n && 2 * n != bins ? a * a / 4 : 0, 1e-14)
              << "bins " << bins << " n " << n << " order " << order;
        }
        if (n > 1 && bins % n == 0) {
          EXPECT_NEAR(result.coefficient[static_cast<std::size_t>(n - 1)], a * a / 2, 1e-14)
              << "C is at its maximum at every multiple of 360/n degrees";
        }
      }
    }
  }
}

TEST(AngularCorrelation, FriedelPairsHaveNoOddOrders) {
  Random random(7);
  std::vector<double> row(360);
  for (std::size_t j = 0; j < 180; ++j) row[j] = row[j + 180] = uniform(random, 1, 5);
  const Result result = correlate(row, all_orders(360));
  for (std::size_t order = 1; order <= 180; ++order) {
    if (order % 2 == 1) {
      EXPECT_NEAR(result.power[order - 1], 0, 1e-15);
    } else {
      EXPECT_GE(result.power[order - 1], 0);
    }
  }
}

// Parseval: C(0) = sum of the power over all non-zero frequencies; the power is |F_n|^2/F_0^2.
TEST(AngularCorrelation, PowerIsTheSquaredTransform) {
  Random random(11);
  std::vector<double> row(90);
  for (double& value : row) value = uniform(random, 0, 10);
  const Result result = correlate(row, all_orders(90));
  const double f0 = std::accumulate(row.begin(), row.end(), 0.0);
  double total = 0;
  for (std::size_t n = 1; n <= 45; ++n) {
    double re = 0, im = 0;
    for (std::size_t j = 0; j < 90; ++j) {
      re += row[j] * std::cos(2 * kPi * static_cast<double>(n * j % 90) / 90);
      im -= row[j] * std::sin(2 * kPi * static_cast<double>(n * j % 90) / 90);
    }
    EXPECT_NEAR(result.power[n - 1], (re * re + im * im) / (f0 * f0), 1e-14);
    total += (n == 45 ? 1 : 2) * result.power[n - 1];
  }
  EXPECT_NEAR(total, result.correlation[0], 1e-13);
  EXPECT_NEAR(result.correlation[0], result.row.variance, 1e-13);
}

TEST(AngularCorrelation, ScalesOut) {
  Random random(12);
  std::vector<double> row(77), scaled(77);
  for (std::size_t j = 0; j < 77; ++j) {
    row[j] = j % 10 == 3 ? kNaN : uniform(random, 0, 10);
    scaled[j] = row[j] * 1e9;
  }
  for (const auto normalization : {MaskNormalization::kCentered, MaskNormalization::kLiteral}) {
    const Result a = correlate(row, {2, 5}, normalization), b = correlate(scaled, {2, 5}, normalization);
    EXPECT_NEAR(a.power[0], b.power[0], 1e-14);
    EXPECT_NEAR(a.power[1], b.power[1], 1e-14);
  }
}

TEST(AngularCorrelation, AgreesWithTheDirectSums) {
  Random random(1);
  int incomplete = 0;
  for (const int bins : {2, 3, 4, 5, 7, 8, 9, 16, 31, 97, 360, 361}) {
    for (const auto normalization : {MaskNormalization::kCentered, MaskNormalization::kLiteral}) {
      AngularCorrelation fast(bins, all_orders(bins),
                              normalization);  // one object: rows must not affect each other
      for (const double masked : {0.0, 0.1, 0.1, 0.0, 0.5, 0.9}) {
        std::vector<double> row(static_cast<std::size_t>(bins));
        for (double& value : row) value = uniform(random, 0, 1) < masked ? kNaN : uniform(random, -1, 20);
        const Result a = correlate(fast, row);
        const Result b = correlate_directly(row, all_orders(bins), normalization);
        SCOPED_TRACE(testing::Message() << "bins " << bins << " masked " << masked);
        ASSERT_EQ(a.row.status, b.row.status);
        if (a.row.status == RowStatus::kIncompleteShifts) ++incomplete;
        const auto same = [](double x, double y, double scale) {
          return (std::isnan(x) && std::isnan(y)) || std::abs(x - y) <= 1e-13 * scale;
        };
        // A sum of P products rounds to a few eps P max|x|^2; dividing by N pairs >= 1 keeps that bound.
        double scale = bins;
        for (const double value : row) {
          if (std::isfinite(value)) scale = std::max(scale, bins * std::pow(value / b.row.mean, 2));
        }
        EXPECT_TRUE(same(a.row.mean, b.row.mean, 20));
        EXPECT_TRUE(same(a.row.variance, b.row.variance, scale));
        for (std::size_t d = 0; d < row.size(); ++d)
          EXPECT_TRUE(same(a.correlation[d], b.correlation[d], scale)) << d;
        for (std::size_t n = 0; n < a.power.size(); ++n) {
          EXPECT_TRUE(same(a.power[n], b.power[n], scale)) << n;
          EXPECT_TRUE(same(a.coefficient[n], b.coefficient[n], scale)) << n;
        }
      }
    }
  }
  EXPECT_GT(incomplete, 0) << "the case must have been seen";
}

TEST(AngularCorrelation, DegenerateRowsSayWhy) {
  AngularCorrelation fast(12, {2, 3}, MaskNormalization::kCentered);
  const auto all_nan = [](const std::vector<double>& values) {
    return std::all_of(values.begin(), values.end(), [](double v) { return std::isnan(v); });
  };
  Result result = correlate(fast, std::vector<double>(12, kNaN));
  EXPECT_EQ(result.row.status, RowStatus::kNoValidPixels);
  EXPECT_TRUE(std::isnan(result.row.mean) && all_nan(result.correlation) && all_nan(result.power));
  EXPECT_TRUE(all_nan(result.coefficient));

  for (const double value : {0.0, -3.0}) {
    result = correlate(fast, std::vector<double>(12, value));
    EXPECT_EQ(result.row.status, RowStatus::kZeroMean);
    EXPECT_EQ(result.row.mean, value);
    EXPECT_TRUE(std::isnan(result.row.variance) && all_nan(result.correlation) && all_nan(result.power));
  }

  std::vector<double> one(12, kNaN);
  one[4] = 5;
  result = correlate(fast, one);
  EXPECT_EQ(result.row.status, RowStatus::kIncompleteShifts);
  EXPECT_EQ(result.row.mean, 5);
  EXPECT_EQ(result.row.variance, 0);
  EXPECT_NEAR(result.correlation[0], 0, 1e-15);
  EXPECT_TRUE(std::isnan(result.correlation[1]) && all_nan(result.power) && all_nan(result.coefficient));

  result = correlate(fast, std::vector<double>(12, 8.0));
  EXPECT_EQ(result.row.status, RowStatus::kValid) << "the object works on after a degenerate row";
  EXPECT_NEAR(result.power[0], 0, 1e-16);
}

TEST(AngularCorrelation, CoefficientInterpolatesBetweenShifts) {
  Random random(3);
  std::vector<double> row(360);
  for (double& value : row) value = uniform(random, 1, 2);
  const Result result = correlate(row, {1, 2, 3, 7});
  EXPECT_TRUE(std::isnan(result.coefficient[0])) << "n = 1 has no shift";
  EXPECT_DOUBLE_EQ(result.coefficient[1], result.correlation[180]);
  EXPECT_NEAR(result.coefficient[2], (result.correlation[120] + result.correlation[240]) / 2, 1e-17);
  // n = 7: shifts 51 3/7, 102 6/7, 154 2/7, and by symmetry their mirror images.
  const auto at = [&](int shift, double above) {
    return (1 - above) * result.correlation[static_cast<std::size_t>(shift)] +
           above * result.correlation[static_cast<std::size_t>(shift + 1)];
  };
  EXPECT_NEAR(result.coefficient[3], (at(51, 3.0 / 7) + at(102, 6.0 / 7) + at(154, 2.0 / 7)) / 3, 1e-16);
}

struct Error {
  double bias, rms;
};

/// Relative error of the 4-fold power of 1 + a cos(4 phi) + other even orders behind a stop of 10 % of the
/// circle, at random orientations; the truth is a^2/4.
Error masked_error(MaskNormalization normalization, double a, int trials) {
  Random random(410);
  constexpr int kBins = 360;
  AngularCorrelation fast(kBins, {4}, normalization);
  std::vector<double> row(kBins), power(1), coefficient(1);
  double sum = 0, squares = 0;
  for (int trial = 0; trial < trials; ++trial) {
    const double phase4 = uniform(random, 0, 2 * kPi), phase2 = uniform(random, 0, 2 * kPi);
    const double phase6 = uniform(random, 0, 2 * kPi);
    const int stop = static_cast<int>(uniform(random, 0, kBins));
    for (int j = 0; j < kBins; ++j) {
      const double phi = 2 * kPi * j / kBins;
      const bool hidden = (j - stop + kBins) % kBins < kBins / 10;
      row[static_cast<std::size_t>(j)] =
          hidden ? kNaN
                 : 1 + a * std::cos(4 * phi - phase4) +
                       a / 4 * (std::cos(2 * phi - phase2) + std::cos(6 * phi - phase6));
    }
    fast.process(row, {}, power, coefficient);
    const double error = power[0] / (a * a / 4) - 1;
    sum += error;
    squares += error * error;
  }
  return {sum / trials, std::sqrt(squares / trials)};
}

// Behind a stop the literal reading is dominated by which part of the pattern is hidden; the centred one is
// not.
TEST(AngularCorrelation, CenteredPowerSurvivesABeamStop) {
  for (const double a : {0.1, 0.3}) {
    const Error centered = masked_error(MaskNormalization::kCentered, a, 3000);
    const Error literal = masked_error(MaskNormalization::kLiteral, a, 3000);
    std::cout << "a = " << a << ": 4-fold power, centred bias " << 100 * centered.bias << " % rms "
              << 100 * centered.rms << " %, literal bias " << 100 * literal.bias << " % rms "
              << 100 * literal.rms << " %\n";
    EXPECT_NEAR(centered.bias, -0.007, 0.013);
    EXPECT_LT(centered.rms, 0.15);
    EXPECT_GT(literal.rms, 0.6);
    EXPECT_GT(literal.rms, 5 * centered.rms);
  }
  // A stop over a dark lobe raises the mean of what is left: the literal power is then too high by a large
  // factor.
  std::vector<double> row(360);
  for (std::size_t j = 0; j < 360; ++j) {
    const double phi = 2 * kPi * static_cast<double>(j) / 360;
    row[j] = j < 18 || j >= 342 ? kNaN : 1 - 0.55 * std::cos(4 * phi);
  }
  const double truth = 0.55 * 0.55 / 4;
  EXPECT_GT(correlate(row, {4}, MaskNormalization::kLiteral).power[0] / truth, 1.32);
  EXPECT_NEAR(correlate(row, {4}).power[0] / truth, 1, 0.2);
}

TEST(RingAverage, LeavesOutRowsWithoutAValue) {
  const std::vector<double> power{1, 10, kNaN, kNaN, 3, 30, 100, 1000};
  const std::vector<std::uint8_t> ring{1, 1, 1, 0};
  std::vector<double> out(2);
  EXPECT_EQ(ring_average(power, ring, 2, out), 2);
  EXPECT_EQ(out[0], 2);
  EXPECT_EQ(out[1], 20);
  EXPECT_EQ(ring_average(power, std::vector<std::uint8_t>{0, 1, 0, 0}, 2, out), 0);
  EXPECT_TRUE(std::isnan(out[0]) && std::isnan(out[1]));
}

}  // namespace
}  // namespace glasswatch::analysis
