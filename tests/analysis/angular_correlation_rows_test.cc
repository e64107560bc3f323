// All rows at once against one row at a time.
#include "analysis/angular_correlation_rows.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "tests/analysis/scattered_lanes.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int kBins = 90;
const std::vector<int> kOrders{1, 2, 3, 4, 5, 7, 12, 45};

/// A pattern behind a stop that hides `hidden` bins in row 0 and one more in every row after; row 2 is dark,
/// row 5 all hidden, row 6 has one bin.
std::vector<double> pattern(int rows, int hidden, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<double> polar;
  for (int k = 0; k < rows; ++k) {
    for (int j = 0; j < kBins; ++j) {
      const double value = k == 2 ? 0 : 1 + std::ldexp(random(), -32);
      const bool is_hidden =
          k == 5 || (k == 6 && j != 11) || (j >= 20 && j < 20 + hidden + (hidden > 0 ? k : 0));
      polar.push_back(is_hidden ? kNaN : value);
    }
  }
  return polar;
}

struct Results {
  explicit Results(int rows)
      : correlation(static_cast<std::size_t>(rows * kBins), -1),
        power(static_cast<std::size_t>(rows) * kOrders.size(), -1),
        coefficient(power),
        mean(static_cast<std::size_t>(rows), -1),
        variance(mean),
        status(mean.size(), RowStatus::kValid) {}
  AngularCorrelationRows::Outputs outputs() {
    return {correlation, power, coefficient, mean, variance, status};
  }

  std::vector<double> correlation, power, coefficient, mean, variance;
  std::vector<RowStatus> status;
};

void expect_same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_TRUE(std::isnan(a[i]) ? std::isnan(b[i])
                                 : std::bit_cast<std::uint64_t>(a[i]) == std::bit_cast<std::uint64_t>(b[i]))
        << i << ": " << a[i] << " and " << b[i];
  }
}

void expect_same_bits(const Results& a, const Results& b) {
  expect_same_bits(a.correlation, b.correlation);
  expect_same_bits(a.power, b.power);
  expect_same_bits(a.coefficient, b.coefficient);
  expect_same_bits(a.mean, b.mean);
  expect_same_bits(a.variance, b.variance);
  EXPECT_EQ(a.status, b.status);
}

Results row_by_row(const std::vector<double>& polar, MaskNormalization normalization) {
  const std::size_t rows = polar.size() / kBins, orders = kOrders.size();
  Results results(static_cast<int>(rows));
  for (std::size_t k = 0; k < rows; ++k) {
    AngularCorrelation one(kBins, kOrders, normalization);
    const RowStatistics row = one.process(std::span(polar).subspan(k * kBins, kBins),
                                          std::span(results.correlation).subspan(k * kBins, kBins),
                                          std::span(results.power).subspan(k * orders, orders),
                                          std::span(results.coefficient).subspan(k * orders, orders));
    results.mean[k] = row.mean;
    results.variance[k] = row.variance;
    results.status[k] = row.status;
  }
  return results;
}

// Masks stay, change, go and come back, the number of rows too: what is kept of a row never shows.
TEST(AngularCorrelationRows, EqualsOneRowAtATime) {
  for (const auto normalization : {MaskNormalization::kCentered, MaskNormalization::kLiteral}) {
    for (const int lanes : {1, 2, 3, 7}) {
      AngularCorrelationRows fast(kBins, kOrders, normalization, lanes);
      test::ScatteredLanes parallel(lanes);
      unsigned seed = 0;
      for (const auto& [rows, hidden] :
           {std::pair{12, 9}, {12, 9}, {12, 0}, {12, 4}, {17, 4}, {7, 9}, {12, 40}, {0, 0}}) {
        const std::vector<double> polar = pattern(rows, hidden, ++seed);
        Results results(rows);
        fast.process(polar, rows, results.outputs(), parallel);
        SCOPED_TRACE(testing::Message() << rows << " rows, hidden " << hidden << ", lanes " << lanes);
        expect_same_bits(results, row_by_row(polar, normalization));
      }
    }
  }
}

TEST(AngularCorrelationRows, CorrelationIsOptionalAndStatusesAreTheRows) {
  AngularCorrelationRows fast(kBins, kOrders, MaskNormalization::kCentered, 1);
  Serial serial;
  const std::vector<double> polar = pattern(8, 6, 3);
  Results with(8), without(8);
  fast.process(polar, 8, with.outputs(), serial);
  AngularCorrelationRows::Outputs outputs = without.outputs();
  outputs.correlation = {};
  fast.process(polar, 8, outputs, serial);
  EXPECT_EQ(without.correlation[0], -1) << "untouched";
  without.correlation = with.correlation;
  expect_same_bits(with, without);
  EXPECT_EQ(with.status[0], RowStatus::kValid);
  EXPECT_EQ(with.status[2], RowStatus::kZeroMean);
  EXPECT_EQ(with.status[5], RowStatus::kNoValidPixels);
  EXPECT_EQ(with.status[6], RowStatus::kIncompleteShifts);
}

// The rows' own reference: direct sums, P max|x|^2 eps of rounding as in angular_correlation_test.cc.
TEST(AngularCorrelationRows, AgreesWithTheDirectSums) {
  AngularCorrelationRows fast(kBins, kOrders, MaskNormalization::kCentered, 2);
  test::ScatteredLanes parallel(2);
  const std::vector<double> polar = pattern(12, 9, 8);
  Results results(12);
  for (int repeat = 0; repeat < 2; ++repeat) fast.process(polar, 12, results.outputs(), parallel);
  std::vector<double> correlation(kBins), power(kOrders.size()), coefficient(kOrders.size());
  for (std::size_t k = 0; k < 12; ++k) {
    angular_correlation_reference(std::span(polar).subspan(k * kBins, kBins), kOrders,
                                  MaskNormalization::kCentered, correlation, power, coefficient);
    const auto near = [](double a, double b) {
      return std::isnan(b) ? std::isnan(a) : std::abs(a - b) < 1e-13 * kBins;
    };
    for (std::size_t d = 0; d < kBins; ++d)
      ASSERT_TRUE(near(results.correlation[k * kBins + d], correlation[d]));
    for (std::size_t i = 0; i < kOrders.size(); ++i) {
      ASSERT_TRUE(near(results.power[k * kOrders.size() + i], power[i])) << k << ' ' << i;
      ASSERT_TRUE(near(results.coefficient[k * kOrders.size() + i], coefficient[i])) << k << ' ' << i;
    }
  }
}

TEST(AngularCorrelationRowsDeathTest, RefusesWhatDoesNotFit) {
  AngularCorrelationRows fast(kBins, kOrders, MaskNormalization::kCentered, 1);
  Results results(8);
  test::ScatteredLanes two(2);
  Serial serial;
  EXPECT_DEATH(fast.process(pattern(8, 0, 1), 8, results.outputs(), two), "contract broken.*lanes.*= 2 1");
  EXPECT_DEATH(fast.process(pattern(7, 0, 1), 8, results.outputs(), serial), "contract broken");
  EXPECT_DEATH(fast.process(pattern(7, 0, 1), 7, results.outputs(), serial), "contract broken");
}

}  // namespace
}  // namespace glasswatch::analysis
