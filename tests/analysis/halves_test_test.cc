// The halves test on planted series: no change, a planted one, and what could be seen.
#include "analysis/halves_test.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/analysis/direct_sums.h"
#include "tests/analysis/kww_series.h"

namespace glasswatch::analysis {
namespace {

/// Cells of both halves of a series: the second has the pairs whose later frame is in the second half.
struct Halves {
  CellGrid grid;
  PooledSums first, second;

  Halves(const test::KwwSeries& series, int pool_px) {
    const std::vector<std::int64_t> lags = log_spaced_lags(10, series.frames / 4);
    std::vector<FrameView> views = series.views();
    const test::DirectSums now(views, lags);
    views.resize(views.size() / 2);
    const test::DirectSums then(views, lags);
    grid = cell_grid(now, pool_px);
    first = cells(then);
    second = subtract(cells(now), first);
  }
  PooledSums cells(const PixelSums& sums) const {
    Serial serial;
    return pool(sums, grid.unit_of_pixel, grid.rows * grid.columns, {}, serial);
  }
  HalvesTest test(std::span<const double> flat_field = {}) const {
    return halves_test(grid, first, second, flat_field, Normalization::kSymmetric, {}, {});
  }
};

/// Root mean square of ln(tau_second/tau_first)/sigma over stationary series.
double rms_of_stationary_series(test::KwwSeriesSettings settings, int pool_px, int runs) {
  double squares = 0;
  for (int run = 0; run < runs; ++run) {
    settings.seed = 100 + static_cast<std::uint64_t>(run);
    const HalvesTest test = Halves(test::kww_series(settings), pool_px).test();
    squares += std::pow(std::log1p(test.relative_difference) / test.sigma_ln_ratio, 2);
  }
  return std::sqrt(squares / runs);
}

// The rms of 40 values is known to 11 %. Sigma is too wide by 9 % where 36 cells share no speckle, because
// chance covariances count if they are positive.
TEST(HalvesTest, SigmaIsTheScatterOfStationarySeries) {
  const double rms =
      rms_of_stationary_series({.rows = 24, .columns = 24, .frames = 200, .tau_slots = 8}, 4, 40);
  EXPECT_GT(rms, 0.67);
  EXPECT_LT(rms, 1.25);
}

// Speckles wider than the cells: without the covariance of neighbours sigma would be a quarter too small.
TEST(HalvesTest, SigmaHoldsWhereSpecklesLieInSeveralCells) {
  const double rms = rms_of_stationary_series(
      {.rows = 24, .columns = 24, .frames = 160, .tau_slots = 6, .speckle_size_px = 3}, 2, 40);
  EXPECT_GT(rms, 0.67);
  EXPECT_LT(rms, 1.25);
}

/// I = 1 + sqrt(A) (|E|^2 - 1), E complex Gaussian: fully developed speckle on a steady background. |E|^2 is
/// correlated as the square of E, hence tau.
test::KwwSeries developed_speckle(test::KwwSeriesSettings settings) {
  const double contrast = settings.contrast, half = 3000;
  settings.contrast = 1;
  settings.mean_counts = half;
  settings.tau_slots *= std::pow(2, 1 / settings.beta);
  test::KwwSeries speckle = test::kww_series(settings);
  ++settings.seed;
  const test::KwwSeries imaginary = test::kww_series(settings);
  for (std::size_t i = 0; i < speckle.counts.size(); ++i) {
    const double x = speckle.counts[i] / half - 1, y = imaginary.counts[i] / half - 1;
    speckle.counts[i] =
        static_cast<std::int16_t>(std::lround(1000 * (1 + std::sqrt(contrast) * ((x * x + y * y) / 2 - 1))));
  }
  return speckle;
}

// For such speckle and beta = 0.63 Monte Carlo gives sd ln(tau1/tau2) = 5.2 (T/tau)^-0.30 N^-1/2: with T/tau
// = 15 a difference of 4 % at two sigma takes 13,500 speckles. Stated from 64 cells sigma scatters by 10 %.
TEST(HalvesTest, ResolvesWhatMonteCarloSaysItCan) {
  const Halves halves(
      developed_speckle({.rows = 32, .columns = 32, .frames = 900, .tau_slots = 60, .seed = 3}), 4);
  const HalvesTest test = halves.test();
  const double expected = 5.2 * std::pow(15, -0.30) / 32;
  EXPECT_GT(test.sigma_ln_ratio, expected / 1.3);
  EXPECT_LT(test.sigma_ln_ratio, expected * 1.3);
  EXPECT_DOUBLE_EQ(test.resolvable_difference, 2 * test.sigma_ln_ratio);
}

TEST(HalvesTest, FindsAPlantedChange) {
  test::KwwSeriesSettings settings{.rows = 32, .columns = 32, .frames = 200, .tau_slots = 10, .seed = 1};
  Halves halves(test::kww_series(settings), 4);
  settings.tau_slots = 20;
  settings.seed = 2;
  halves.second = Halves(test::kww_series(settings), 4).second;
  const HalvesTest test = halves.test();
  EXPECT_NEAR(std::log1p(test.relative_difference), std::log(2), 3 * test.sigma_ln_ratio);
  EXPECT_NEAR(test.relative_difference, test.second.tau_slots / test.first.tau_slots - 1, 1e-12);
  EXPECT_LT(test.p_value, 1e-6);
  std::swap(halves.first, halves.second);
  const HalvesTest swapped = halves.test();
  EXPECT_NEAR(swapped.relative_difference, 1 / (1 + test.relative_difference) - 1, 1e-9);
  EXPECT_NEAR(swapped.sigma_ln_ratio, test.sigma_ln_ratio, 1e-9);
  EXPECT_NEAR(swapped.p_value, test.p_value, 1e-9);
}

TEST(HalvesTest, DividesByTheCellsFactors) {
  Halves halves(test::kww_series({.rows = 24, .columns = 24, .frames = 200, .tau_slots = 8}), 4);
  const HalvesTest truth = halves.test();
  std::vector<double> factors;
  const std::size_t lags = halves.first.lag_slots.size();
  for (std::size_t cell = 0; cell < 36; ++cell) {
    factors.push_back(0.5 + 0.1 * static_cast<double>(cell % 8));
    for (PooledSums* half : {&halves.first, &halves.second}) {
      half->mean[cell] *= factors[cell];
      for (std::size_t k = cell * lags; k < (cell + 1) * lags; ++k) {
        half->product[k] *= factors[cell] * factors[cell];
        half->past[k] *= factors[cell];
        half->future[k] *= factors[cell];
      }
    }
  }
  const HalvesTest test = halves.test(factors);
  EXPECT_NEAR(test.relative_difference, truth.relative_difference, 1e-7);
  EXPECT_NEAR(test.sigma_ln_ratio, truth.sigma_ln_ratio, 1e-7);
}

// A cell that is masked, or has no factor, is as if it were not there.
TEST(HalvesTest, LeavesMissingCellsOut) {
  Halves halves(test::kww_series({.rows = 24, .columns = 24, .frames = 200, .tau_slots = 8}), 4);
  std::vector<double> factors(36, 1);
  factors[7] = std::numeric_limits<double>::quiet_NaN();
  const HalvesTest without = halves.test(factors);
  ASSERT_TRUE(std::isfinite(without.sigma_ln_ratio));
  EXPECT_NE(without.sigma_ln_ratio, halves.test().sigma_ln_ratio);
  for (PooledSums* half : {&halves.first, &halves.second}) half->pixels[7] = 0;
  const HalvesTest masked = halves.test();
  EXPECT_EQ(masked.relative_difference, without.relative_difference);
  EXPECT_EQ(masked.sigma_ln_ratio, without.sigma_ln_ratio);
}

TEST(HalvesTest, SaysNothingWithoutTwoFits) {
  Halves halves(test::kww_series({.rows = 16, .columns = 16, .frames = 200, .tau_slots = 8}), 4);
  for (double& product : halves.second.product) product = std::numeric_limits<double>::quiet_NaN();
  const HalvesTest test = halves.test();
  EXPECT_TRUE(test.first.usable());
  EXPECT_EQ(test.second.status, FitStatus::kNoData);
  EXPECT_TRUE(std::isnan(test.relative_difference) && std::isnan(test.sigma_ln_ratio));
  EXPECT_TRUE(std::isnan(test.resolvable_difference) && std::isnan(test.p_value));
}

}  // namespace
}  // namespace glasswatch::analysis
