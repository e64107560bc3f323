// Pooled fits and their uncertainties: by hand, and against the scatter of planted series.
#include "analysis/pooled_fits.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/analysis/direct_sums.h"
#include "tests/analysis/kww_series.h"
#include "tests/analysis/scattered_lanes.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

PooledSums curves(const std::vector<KwwFit>& truths, const KwwModel& model) {
  PooledSums pooled;
  pooled.units = static_cast<int>(truths.size());
  for (const std::int64_t lag : log_spaced_lags(10, 300)) {
    pooled.lag_slots.push_back(static_cast<double>(lag));
  }
  for (const KwwFit& truth : truths) {
    for (const double lag : pooled.lag_slots) pooled.product.push_back(9 * kww_g2(lag, truth, model));
  }
  pooled.pairs.assign(pooled.lag_slots.size(), 100);
  pooled.past.assign(pooled.product.size(), 2);
  pooled.future.assign(pooled.product.size(), 4.5);
  pooled.mean.assign(truths.size(), 3);
  pooled.pixels.assign(truths.size(), 1);
  return pooled;
}

TEST(FitUnits, RecoversEveryUnitsCurve) {
  std::vector<KwwFit> truths;
  for (int i = 0; i < 30; ++i) truths.push_back({0.05 + 0.01 * i, 5.0 + i, 0.5 + 0.02 * i, 1, 0, {}});
  const KwwModel model{2, false};
  PooledSums pooled = curves(truths, model);
  for (std::size_t k = 0; k < pooled.lag_slots.size(); ++k) {
    pooled.past[4 * pooled.lag_slots.size() + k] = kNaN;
  }
  test::ScatteredLanes lanes(3);
  for (const auto normalization : {Normalization::kSymmetric, Normalization::kPaper}) {
    for (const KwwFit* start :
         {static_cast<const KwwFit*>(nullptr), static_cast<const KwwFit*>(&truths[9])}) {
      const auto fits = fit_units(pooled, normalization, model, {}, lanes, start);
      ASSERT_EQ(fits.size(), truths.size());
      for (std::size_t unit = 0; unit < fits.size(); ++unit) {
        if (unit == 4 && normalization == Normalization::kSymmetric) {
          EXPECT_EQ(fits[unit].status, FitStatus::kNoData);
          continue;
        }
        EXPECT_NEAR(fits[unit].tau_slots, truths[unit].tau_slots, 1e-5);
        EXPECT_NEAR(fits[unit].beta, truths[unit].beta, 1e-6);
        EXPECT_NEAR(fits[unit].contrast, truths[unit].contrast, 1e-6);
      }
    }
  }
}

/// psi of +-size by turns, 4 pixels per unit; in ln tau, and 2 and 3 times as large in A and beta.
InfluenceMap alternating(const std::vector<float>& size_of_unit) {
  InfluenceMap psi;
  for (const float size : size_of_unit) {
    for (int i = 0; i < 4; ++i) psi.ln_tau.push_back(i % 2 == 0 ? size : -size);
  }
  for (const float value : psi.ln_tau) {
    psi.contrast.push_back(2 * value);
    psi.beta.push_back(3 * value);
  }
  return psi;
}

TEST(RegionSigmas, AreThoseOfAMeanOfIndependentSpeckles) {
  const std::vector<std::int32_t> unit{0, 0, 0, 0, 1, 1, 1,       1,       2, 2,
                                       2, 2, 3, 3, 3, 3, kNoUnit, kNoUnit, 0, 0};
  const InfluenceMap psi = alternating({1, 2, 5, static_cast<float>(kNaN), 9});
  SpeckleCount speckles;
  speckles.per_unit = {3, 2.5, 1, 2};
  // Units 0 gets the last two pixels besides, with psi = 9 and -9: mean square (4 + 162)/6.
  const auto sigmas = region_sigmas(unit, 4, psi, speckles);
  const double first = (1 + 4 / 3.0) * std::sqrt(166 / 6.0 / (1 - 1 / 3.0) / 3);
  EXPECT_NEAR(sigmas[0].ln_tau, first, 1e-6);
  EXPECT_NEAR(sigmas[0].contrast, 2 * first, 1e-6);
  EXPECT_NEAR(sigmas[0].beta, 3 * first, 1e-6);
  EXPECT_NEAR(sigmas[1].ln_tau, (1 + 4 / 2.5) * std::sqrt(4 / (1 - 1 / 2.5) / 2.5), 1e-6);
  EXPECT_TRUE(std::isnan(sigmas[2].ln_tau)) << "one speckle has no scatter";
  EXPECT_TRUE(std::isnan(sigmas[3].beta)) << "no psi";
}

// 3 x 4 cells of equal N = 4: the variance is the plain mean over the cells around.
TEST(CellSigmas, TakeTheVarianceFromTheCellsAround) {
  CellGrid grid{3, 4, {}};
  for (std::int32_t cell = 0; cell < 12; ++cell) grid.unit_of_pixel.insert(grid.unit_of_pixel.end(), 4, cell);
  std::vector<float> sizes{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  SpeckleCount speckles;
  speckles.per_unit.assign(12, 4);
  const auto sigma = [](double mean_square, double n) {
    return (1 + 4 / n) * std::sqrt(mean_square / (1 - 1 / n) / n);
  };
  const auto sigmas = cell_sigmas(grid, alternating(sizes), speckles);
  EXPECT_NEAR(sigmas[0].ln_tau, sigma((1 + 4 + 25 + 36) / 4.0, 4), 1e-6);
  EXPECT_NEAR(sigmas[6].ln_tau, sigma((4 + 9 + 16 + 36 + 49 + 64 + 100 + 121 + 144) / 9.0, 4), 1e-6);
  EXPECT_NEAR(sigmas[11].beta, 3 * sigma((49 + 64 + 121 + 144) / 4.0, 4), 1e-6);

  // A cell without psi has no sigma and no part in its neighbours'; one with more speckles has more weight
  // and a smaller sigma.
  sizes[1] = static_cast<float>(kNaN);
  speckles.per_unit[5] = 10;
  const auto others = cell_sigmas(grid, alternating(sizes), speckles);
  EXPECT_TRUE(std::isnan(others[1].ln_tau));
  const double variance = (4.0 * 1 + 4 * 25 + 10 * 36) / (3 + 3 + 9);
  EXPECT_NEAR(others[0].ln_tau, (1 + 4 / 4.0) * std::sqrt(variance / 4), 1e-6);
  speckles.per_unit[0] = kNaN;
  EXPECT_TRUE(std::isnan(cell_sigmas(grid, alternating(sizes), speckles)[0].ln_tau));
}

TEST(CompareRegions, IsATwoSidedGaussianTest) {
  const KwwFit slow{0.1, 20 * std::exp(0.5), 0.6, 1, 0, FitStatus::kConverged};
  const KwwFit fast{0.1, 20, 0.6, 1, 0, FitStatus::kConverged};
  const RegionDifference difference = compare_regions(slow, {0, 0.2, 0}, fast, {0, 0.15, 0});
  EXPECT_NEAR(difference.ln_ratio, 0.5, 1e-12);
  EXPECT_NEAR(difference.sigma, 0.25, 1e-12);
  EXPECT_NEAR(difference.p_value, 0.0455, 1e-4) << "two standard deviations";
  EXPECT_TRUE(std::isnan(compare_regions(KwwFit{}, {}, fast, {}).p_value));
}

/// Fits and sigmas of all cells of one planted series, with a known number of speckles per cell.
struct PlantedCells {
  std::vector<KwwFit> fits;
  std::vector<KwwSigma> sigmas;

  PlantedCells(const test::KwwSeries& series, int pool_px, double speckles) {
    const test::DirectSums sums(series.views(),
                                test::consecutive_slots(static_cast<std::size_t>(series.frames)),
                                log_spaced_lags(10, series.frames / 2));
    const CellGrid grid = cell_grid(sums, pool_px);
    Serial serial;
    const PooledSums pooled = pool(sums, grid.unit_of_pixel, grid.rows * grid.columns, {}, serial);
    fits = fit_units(pooled, Normalization::kSymmetric, {}, {}, serial);
    SpeckleCount count;
    count.per_unit.assign(fits.size(), speckles);
    sigmas = cell_sigmas(grid, influence(sums, grid.unit_of_pixel, pooled, fits, {}, {}, serial), count);
  }
};

struct Coverage {
  double one_sigma = 0, two_sigma = 0;  // fractions of cells
  double bias_ln_tau = 0, bias_beta = 0;

  Coverage(const PlantedCells& cells, const test::KwwSeriesSettings& truth) {
    const auto count = static_cast<double>(cells.fits.size());
    for (std::size_t i = 0; i < cells.fits.size(); ++i) {
      EXPECT_TRUE(cells.fits[i].usable());
      const double error = std::log(cells.fits[i].tau_slots / truth.tau_slots);
      one_sigma += (std::abs(error) <= cells.sigmas[i].ln_tau ? 1 : 0) / count;
      two_sigma += (std::abs(error) <= 2 * cells.sigmas[i].ln_tau ? 1 : 0) / count;
      bias_ln_tau += error / count;
      bias_beta += (cells.fits[i].beta - truth.beta) / count;
    }
  }
};

// 144 cells of 64 speckles, T/tau = 15. Stated intervals of 68 and 95 % should hold 0.60 to 0.76, and 0.92 or
// more; a fraction of 144 cells scatters by 0.04 and 0.02, so one standard deviation is added on either side.
// The bias scatters by 0.15/12.
TEST(CellSigmas, CoverThePlantedTau) {
  const test::KwwSeriesSettings truth{.rows = 96, .columns = 96, .frames = 300, .tau_slots = 20, .seed = 11};
  const Coverage coverage(PlantedCells(test::kww_series(truth), 8, 64), truth);
  EXPECT_GE(coverage.one_sigma, 0.60 - 0.04);
  EXPECT_LE(coverage.one_sigma, 0.76 + 0.04);
  EXPECT_GE(coverage.two_sigma, 0.92 - 0.02);
  EXPECT_NEAR(coverage.bias_ln_tau, 0, 0.05);
  EXPECT_NEAR(coverage.bias_beta, 0, 0.03);
}

// Speckle of 2.5 px in cells of 16 px: psi is correlated as m^2 (kww_influence.h), so N = n^2/sum_ij m^2, 85.
// The scatter of 36 cells is known to 12 %; sigma of independent pixels would be short by a factor of 1.7.
TEST(CellSigmas, CoverWhereSpecklesAreWide) {
  const double speckle_px = 2.5;
  const int pool_px = 16;
  double line = 0;
  for (int i = 0; i < pool_px; ++i) {
    for (int j = 0; j < pool_px; ++j) {
      line += std::exp(-8 * std::log(2) * (i - j) * (i - j) / (speckle_px * speckle_px));
    }
  }
  const double speckles = std::pow(pool_px, 4) / (line * line);
  const test::KwwSeriesSettings truth{
      .rows = 96, .columns = 96, .frames = 300, .tau_slots = 20, .speckle_size_px = speckle_px, .seed = 12};
  const PlantedCells cells(test::kww_series(truth), pool_px, speckles);
  double squares = 0;
  for (std::size_t i = 0; i < cells.fits.size(); ++i) {
    squares += std::pow(std::log(cells.fits[i].tau_slots / truth.tau_slots) / cells.sigmas[i].ln_tau, 2);
  }
  EXPECT_NEAR(std::sqrt(squares / static_cast<double>(cells.fits.size())), 1, 0.35);
}

// Two regions, the second at half the tau: the ratio lies within three of its sigmas, and is found.
TEST(CompareRegions, FindsThePlantedRatio) {
  test::KwwSeriesSettings truth{.rows = 32, .columns = 64, .frames = 300, .seed = 13};
  std::vector<std::uint8_t> label;
  for (int i = 0; i < 32 * 64; ++i) {
    label.push_back(i % 64 < 32 ? 1 : 2);
    truth.tau_map_slots.push_back(i % 64 < 32 ? 20 : 10);
  }
  const test::KwwSeries series = test::kww_series(truth);
  const test::DirectSums sums(series.views(), log_spaced_lags(10, 150));
  const auto unit = units_from_labels(sums, label, 2);
  Serial serial;
  const PooledSums pooled = pool(sums, unit, 2, {}, serial);
  const auto fits = fit_units(pooled, Normalization::kSymmetric, {}, {}, serial);
  SpeckleCount speckles;
  speckles.per_unit = {1024, 1024};
  const auto sigmas = region_sigmas(unit, 2, influence(sums, unit, pooled, fits, {}, {}, serial), speckles);
  const RegionDifference difference = compare_regions(fits[0], sigmas[0], fits[1], sigmas[1]);
  EXPECT_NEAR(difference.ln_ratio, std::log(2), 3 * difference.sigma);
  EXPECT_LT(difference.sigma, 0.07) << "the larger the sooner it covers";
  EXPECT_LT(difference.p_value, 1e-6);
}

}  // namespace
}  // namespace glasswatch::analysis
