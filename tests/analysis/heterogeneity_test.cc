// The test for heterogeneity: closed forms, its calibration in uniform samples, and planted differences.
#include "analysis/heterogeneity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <numbers>
#include <random>

#include "analysis/kww.h"
#include "analysis/kww_influence.h"
#include "analysis/lags.h"
#include "tests/analysis/direct_sums.h"
#include "tests/analysis/kww_series.h"

namespace glasswatch::analysis {
namespace {

using test::KwwSeries;
using test::KwwSeriesSettings;

/// Independent pixels of variance one, in cells of two by two.
struct WhiteCells {
  CellGrid grid;
  SpeckleCount speckles;
  std::vector<float> psi;

  /// Two pixels of each cell lie at its mean + 1, two at its mean - 1.
  WhiteCells(int rows, int columns, const std::vector<double>& means) : grid{rows, columns, {}} {
    speckles.b = 1;
    speckles.correlation = {1};
    for (std::size_t cell = 0; cell < means.size(); ++cell) {
      speckles.per_unit.push_back(4);
      for (const int sign : {-1, -1, 1, 1}) {
        grid.unit_of_pixel.push_back(static_cast<std::int32_t>(cell));
        psi.push_back(static_cast<float>(means[cell] + sign));
      }
    }
  }
  Heterogeneity test() const { return test_heterogeneity(grid, psi, speckles); }
};

// Chi-square with 4 degrees of freedom: P(> x) = exp(-x/2)(1 + x/2).
TEST(Heterogeneity, IndependentCellsGiveChiSquare) {
  // Mean 0.25; z = 2 (mean - 0.25): 1, -1.5, 0, 2, -1.5.
  const Heterogeneity result = WhiteCells(1, 5, {0.75, -0.5, 0.25, 1.25, -0.5}).test();
  EXPECT_EQ(result.cells, 5);
  const double q = 1 + 2.25 + 0 + 4 + 2.25;
  EXPECT_NEAR(result.chi_square, q, 1e-12);
  EXPECT_NEAR(result.p_value, std::exp(-q / 2) * (1 + q / 2), 1e-12);
  // The means' variance is q/4 by their own spread, each is known to 1/4.
  EXPECT_NEAR(result.spread_variance, q / 4 / 4 - 0.25, 1e-12);
  EXPECT_NEAR(result.spread_ln_tau, std::sqrt(q / 16 - 0.25), 1e-12);
  EXPECT_NEAR(result.spread_variance_sigma, q / 16 * std::sqrt(2.0 / 4), 1e-12);
}

// Of S = sum z^2/4 + sum over the 4 pairs of a 2 x 2 grid z z'/4, that is z'Mz with M = (I + A/2)/4, A the
// adjacency of a ring of 4: eigenvalues of M 1/2, 1/4, 1/4, 0, the first that of the mean. Left are 1/4, 1/4:
// S is 1/4 of chi-square with 2 degrees of freedom.
TEST(Heterogeneity, NeighboursOnASmallGridInClosedForm) {
  const Heterogeneity result = WhiteCells(2, 2, {1, 0.5, -0.5, -1}).test();
  const double s = (4 + 1 + 1 + 4) / 4.0 + (2 * 1 + 2 * -1 + 1 * -2 + -1 * -2) / 4.0;
  EXPECT_NEAR(result.p_value_neighbours, std::exp(-4 * s / 2), 1e-12);
}

TEST(Heterogeneity, SpreadIsZeroWhereCellsDifferLessThanNoise) {
  const Heterogeneity result = WhiteCells(1, 5, {0.1, 0, -0.1, 0, 0}).test();
  EXPECT_LT(result.spread_variance, 0);
  EXPECT_EQ(result.spread_ln_tau, 0);
  EXPECT_GT(result.p_value, 0.99);
}

TEST(Heterogeneity, CellsWithoutEnoughPixelsAreLeftOut) {
  WhiteCells cells(2, 3, {0.5, -0.5, 0.5, -0.5, 100, 0});
  cells.psi[16] = cells.psi[17] = cells.psi[18] = std::numeric_limits<float>::quiet_NaN();
  cells.speckles.per_unit[5] = std::numeric_limits<double>::quiet_NaN();
  const Heterogeneity result = cells.test();
  EXPECT_EQ(result.cells, 4);
  EXPECT_NEAR(result.chi_square, 4, 1e-12);
}

TEST(Heterogeneity, SaysThatItCannotSay) {
  const auto unknown = [](const Heterogeneity& result) {
    return std::isnan(result.p_value) && std::isnan(result.p_value_neighbours) &&
           std::isnan(result.spread_ln_tau) && std::isnan(result.spread_variance);
  };
  EXPECT_TRUE(unknown(WhiteCells(1, 3, {1, 2, 3}).test())) << "too few cells";
  WhiteCells cells(2, 2, {1, 2, 3, 4});
  std::fill(cells.psi.begin(), cells.psi.end(), std::numeric_limits<float>::quiet_NaN());
  EXPECT_TRUE(unknown(cells.test()));
  EXPECT_TRUE(unknown(test_heterogeneity({0, 0, {}}, {}, {})));
}

/// p-values of many uniform samples must be uniform on [0, 1]; the tests' sense of 0.05 is what counts.
struct Calibration {
  int runs = 0, rejected = 0;
  double sum = 0;

  void add(double p) {
    ASSERT_TRUE(p >= 0 && p <= 1);
    ++runs;
    sum += p;
    if (p < 0.05) ++rejected;
  }
  /// Rejections within 3.3 standard deviations of a binomial with `rate`, their mean within 3.3 of 1/2 and
  /// `slack`: by chance in 1 of 1000 each.
  void expect(double slack) const {
    const double expected = 0.05 * runs;
    EXPECT_LE(rejected, expected + 3.3 * std::sqrt(expected) + 1);
    EXPECT_NEAR(sum / runs, 0.5, 3.3 * std::sqrt(1.0 / 12 / runs) + slack);
    std::cout << runs << " runs: " << rejected << " rejected at 0.05, mean p " << sum / runs << '\n';
  }
};

// Gaussian psi with known covariance, in cells that are only a little wider than a speckle, so that
// neighbours share much: without R nearly every neighbour test would reject.
TEST(Heterogeneity, CorrelatedCellsAreCalibrated) {
  constexpr int kSide = 48, kPool = 6, kReach = 8, kRuns = 400;
  const double sigma_px = 3 / (4 * std::sqrt(std::numbers::ln2));
  SpeckleCount speckles;
  speckles.a = 2;
  speckles.reach = kReach;
  for (int dr = -kReach; dr <= kReach; ++dr) {
    for (int dc = -kReach; dc <= kReach; ++dc) {
      speckles.correlation.push_back(std::exp(-(dr * dr + dc * dc) / (4 * sigma_px * sigma_px)));
    }
  }
  double covariance = 0;
  for (int i = 0; i < kPool * kPool; ++i) {
    for (int j = 0; j < kPool * kPool; ++j) {
      const double squared = std::pow(i / kPool - j / kPool, 2) + std::pow(i % kPool - j % kPool, 2);
      covariance += std::exp(-squared / (4 * sigma_px * sigma_px));
    }
  }
  speckles.per_unit.assign(64, std::pow(kPool, 4) / covariance);
  CellGrid grid{8, 8, {}};
  for (int i = 0; i < kSide * kSide; ++i) {
    grid.unit_of_pixel.push_back(i / kSide / kPool * 8 + i % kSide / kPool);
  }
  std::mt19937_64 random(2);
  Calibration all, neighbours;
  double spread = 0;
  for (int run = 0; run < kRuns; ++run) {
    std::vector<float> psi(kSide * kSide);
    for (float& value : psi) value = std::normal_distribution<float>()(random);
    test::correlate_in_space(kSide, kSide, 3, psi.data());
    for (float& value : psi) value *= std::numbers::sqrt2_v<float>;
    const Heterogeneity result = test_heterogeneity(grid, psi, speckles);
    all.add(result.p_value);
    neighbours.add(result.p_value_neighbours);
    spread += result.spread_variance / result.spread_variance_sigma / kRuns;
  }
  all.expect(0.01);
  neighbours.expect(0.01);
  // Studentised, so slightly skew.
  EXPECT_NEAR(spread, 0, 3.3 / std::sqrt(kRuns) + 0.2);
}

struct Sample {
  int side = 48;
  int frames = 150;
  double tau_slots = 10;
  double size_px = 1;
  int pool_px = 6;
  bool channels = false;  // 8 px wide, a fifth of the area, with half the tau
  double electrons_per_px = 0;
};

/// The whole way from frames to the test.
Heterogeneity test_sample(const Sample& sample, std::uint64_t seed) {
  KwwSeriesSettings settings;
  settings.rows = settings.columns = sample.side;
  settings.frames = sample.frames;
  settings.tau_slots = sample.tau_slots;
  settings.speckle_size_px = sample.size_px;
  settings.electrons_per_px = sample.electrons_per_px;
  settings.seed = seed;
  for (int i = 0; sample.channels && i < sample.side * sample.side; ++i) {
    const bool channel = (i % sample.side + 4) % 40 < 8;
    settings.tau_map_slots.push_back(static_cast<float>(sample.tau_slots / (channel ? 2 : 1)));
  }
  const KwwSeries series = kww_series(settings);
  const test::DirectSums sums(series.views(), log_spaced_lags(8, sample.frames / 3));
  SpeckleShape shape(sample.side, sample.side, {});
  for (int t = 0; t + 1 < sample.frames; t += 3) shape.add(series.frame(t), series.frame(t + 1));
  Serial serial;
  const std::vector<std::int32_t> field(sums.pixels().size(), 0);
  const PooledSums pooled = pool(sums, field, 1, {}, serial);
  std::vector<double> g2(pooled.lag_slots.size());
  pooled.g2(0, Normalization::kSymmetric, g2);
  const KwwFit fit = fit_kww(pooled.lag_slots, g2, {}, {});
  const InfluenceMap psi = influence(sums, field, pooled, std::span(&fit, 1), {}, {}, serial);
  const CellGrid grid = cell_grid(sums, sample.pool_px);
  const SpeckleCount speckles = count_speckles(sums, psi.ln_tau, shape.autocorrelation(), shape.reach(),
                                               grid.unit_of_pixel, grid.rows * grid.columns);
  return test_heterogeneity(grid, psi.ln_tau, speckles);
}

TEST(Heterogeneity, UniformSamplesAreCalibrated) {
  for (const double size : {1.0, 2.5}) {
    Sample sample;
    sample.size_px = size;
    Calibration all, neighbours;
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
      const Heterogeneity result = test_sample(sample, seed);
      all.add(result.p_value);
      neighbours.add(result.p_value_neighbours);
    }
    // The covariance is measured on the same few pixels: the mean may be off by some hundredths.
    all.expect(0.03);
    neighbours.expect(0.03);
  }
}

TEST(Heterogeneity, ChannelsOfHalfTheTauAreFound) {
  for (const double size : {1.0, 2.0}) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      const Heterogeneity result = test_sample(
          {.side = 64, .frames = 300, .tau_slots = 20, .size_px = size, .pool_px = 8, .channels = true},
          seed);
      EXPECT_LT(result.p_value, 1e-3) << "size " << size << " seed " << seed;
      EXPECT_LT(result.p_value_neighbours, 1e-3) << "size " << size << " seed " << seed;
    }
  }
}

}  // namespace
}  // namespace glasswatch::analysis
