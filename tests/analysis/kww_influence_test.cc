// Influence against refits: the derivative of a pooled fit to the weight of a pixel, and the fit without it.
#include "analysis/kww_influence.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "tests/analysis/direct_sums.h"
#include "tests/analysis/kww_series.h"
#include "tests/analysis/scattered_lanes.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kTau = 8, kBeta = 0.7, kContrast = 0.2;

/// Made-up sums of 12 pixels whose pool is exactly a stretched exponential, each of them far from one.
class MadeUpSums final : public PixelSums {
 public:
  static constexpr std::size_t kLags = 20, kPixels = 12;

  MadeUpSums(const KwwModel& model, Normalization normalization) {
    std::mt19937 random(3);
    std::uniform_real_distribution<double> around_one(0.9, 1.1);
    for (std::size_t k = 0; k < kLags; ++k) {
      lags_.push_back(static_cast<double>(k + 1));
      pairs_.push_back(100 - k);
    }
    for (std::size_t i = 0; i < kPixels; ++i) pixels_.push_back(static_cast<std::uint32_t>(i));
    for (auto* sums : {&product_, &past_, &future_}) {
      for (std::size_t j = 0; j < kLags * kPixels; ++j) {
        sums->push_back(around_one(random) * static_cast<double>(pairs_[j / kPixels]));
      }
    }
    for (std::size_t i = 0; i < kPixels; ++i) total_.push_back(around_one(random) * 101);
    // The last pixel's product makes up for the others.
    const KwwFit truth = planted();
    for (std::size_t k = 0; k < kLags; ++k) {
      const bool paper = normalization == Normalization::kPaper;
      const double earlier = paper ? mean(total_, 0) / 101 : mean(past_, k) / static_cast<double>(pairs_[k]);
      const double later = paper ? earlier : mean(future_, k) / static_cast<double>(pairs_[k]);
      const double wanted = kww_g2(lags_[k], truth, model) * earlier * later * static_cast<double>(pairs_[k]);
      product_[k * kPixels + kPixels - 1] += (wanted - mean(product_, k)) * kPixels;
    }
  }
  static KwwFit planted() { return {kContrast, kTau, kBeta, 1, 0, FitStatus::kConverged}; }

  /// Every pixel's counts are `factor` times as large.
  void brighten(std::span<const float> factor) {
    for (std::size_t j = 0; j < product_.size(); ++j) {
      const auto f = static_cast<double>(factor[j % kPixels]);
      product_[j] *= f * f;
      past_[j] *= f;
      future_[j] *= f;
    }
    for (std::size_t i = 0; i < kPixels; ++i) total_[i] *= static_cast<double>(factor[i]);
  }

  /// The fit where pixel i counts for `weight` pixels, all sums by hand.
  KwwFit refit(std::size_t pixel, double weight, const KwwModel& model, Normalization normalization) const {
    const auto weighted = [&](const std::vector<double>& sums, std::size_t k) {
      double sum = 0;
      for (std::size_t i = 0; i < kPixels; ++i) sum += sums[k * kPixels + i] * (i == pixel ? weight : 1);
      return sum / (kPixels - 1 + weight);
    };
    std::vector<double> g2;
    for (std::size_t k = 0; k < kLags; ++k) {
      const auto n = static_cast<double>(pairs_[k]);
      const double m = weighted(total_, 0) / 101;
      const double square = normalization == Normalization::kPaper
                                ? m * m
                                : weighted(past_, k) * weighted(future_, k) / (n * n);
      g2.push_back(weighted(product_, k) / n / square);
    }
    const KwwFit start = planted();
    return fit_kww(lags_, g2, model, {}, &start);
  }

  int rows() const override { return 3; }
  int columns() const override { return 4; }
  std::span<const std::uint32_t> pixels() const override { return pixels_; }
  std::span<const double> lag_slots() const override { return lags_; }
  std::span<const std::uint64_t> pairs() const override { return pairs_; }
  std::uint64_t frames() const override { return 101; }
  std::int64_t span_slots() const override { return 101; }
  void read(int begin, int end, double* product, double* past, double* future) const override {
    for (std::size_t k = 0; k < kLags; ++k) {
      for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
        *product++ = product_[k * kPixels + i];
        *past++ = past_[k * kPixels + i];
        *future++ = future_[k * kPixels + i];
      }
    }
  }
  void read_total(int begin, int end, double* total) const override {
    std::copy(total_.begin() + begin, total_.begin() + end, total);
  }

 private:
  static double mean(const std::vector<double>& sums, std::size_t k) {
    double sum = 0;
    for (std::size_t i = 0; i < kPixels; ++i) sum += sums[k * kPixels + i];
    return sum / kPixels;
  }

  std::vector<std::uint32_t> pixels_;
  std::vector<double> lags_;
  std::vector<std::uint64_t> pairs_;
  std::vector<double> product_, past_, future_;  // (L, pixels)
  std::vector<double> total_;
};

struct Case {
  KwwModel model;
  Normalization normalization;
};
std::vector<Case> cases() {
  std::vector<Case> result;
  for (const int factor : {1, 2}) {
    for (const bool free : {false, true}) {
      for (const auto normalization : {Normalization::kSymmetric, Normalization::kPaper}) {
        result.push_back({{factor, free}, normalization});
      }
    }
  }
  return result;
}

template <typename Sums>
struct Analysed {
  PooledSums pooled;
  std::vector<KwwFit> fits;
  InfluenceMap psi;

  Analysed(const Sums& sums, std::span<const std::int32_t> unit, int units, std::span<const float> flat,
           Parallel& parallel, const Case& with = {{}, Normalization::kSymmetric})
      : pooled(pool(sums, unit, units, flat, parallel)) {
    std::vector<double> g2(pooled.lag_slots.size());
    for (int u = 0; u < units; ++u) {
      pooled.g2(u, with.normalization, g2);
      fits.push_back(fit_kww(pooled.lag_slots, g2, with.model, {}));
    }
    psi = influence(sums, unit, pooled, fits, with.model, flat, parallel, with.normalization);
  }
};

const std::vector<std::int32_t> kOneUnit(MadeUpSums::kPixels, 0);

// Residuals are zero, so psi is the derivative itself: d fit/d weight = psi/n. The central difference is off
// by the square of its step, 1e-8 relative to third derivatives, psi as float by 6e-8.
TEST(Influence, IsTheDerivativeOfTheFit) {
  Serial serial;
  for (const Case& with : cases()) {
    const MadeUpSums sums(with.model, with.normalization);
    const Analysed analysed(sums, kOneUnit, 1, {}, serial, with);
    ASSERT_TRUE(analysed.fits[0].usable());
    ASSERT_NEAR(analysed.fits[0].tau_slots, kTau, 1e-5);
    for (std::size_t i = 0; i < MadeUpSums::kPixels; ++i) {
      constexpr double kStep = 1e-4;
      const KwwFit up = sums.refit(i, 1 + kStep, with.model, with.normalization);
      const KwwFit down = sums.refit(i, 1 - kStep, with.model, with.normalization);
      const double scale = MadeUpSums::kPixels / (2 * kStep);
      const auto near = [&](double psi, double difference) {
        EXPECT_NEAR(psi, difference * scale, 1e-4 * std::max(1.0, std::abs(psi)))
            << i << " factor " << with.model.exponent_factor << " free " << with.model.free_baseline;
      };
      near(static_cast<double>(analysed.psi.contrast[i]), up.contrast - down.contrast);
      near(static_cast<double>(analysed.psi.ln_tau[i]), std::log(up.tau_slots / down.tau_slots));
      near(static_cast<double>(analysed.psi.beta[i]), up.beta - down.beta);
    }
  }
}

TEST(Influence, DividesByTheFlatField) {
  Serial serial;
  for (const auto normalization : {Normalization::kSymmetric, Normalization::kPaper}) {
    const Case with{{}, normalization};
    MadeUpSums sums({}, normalization);
    const Analysed plain(sums, kOneUnit, 1, {}, serial, with);
    std::vector<float> flat(MadeUpSums::kPixels);
    for (std::size_t i = 0; i < flat.size(); ++i) flat[i] = 0.5F + static_cast<float>(i) / 8;
    sums.brighten(flat);
    const Analysed flattened(sums, kOneUnit, 1, flat, serial, with);
    for (std::size_t i = 0; i < flat.size(); ++i) {
      EXPECT_NEAR(plain.psi.ln_tau[i], flattened.psi.ln_tau[i], 1e-5);
      EXPECT_NEAR(plain.psi.beta[i], flattened.psi.beta[i], 1e-5);
    }
  }
}

TEST(Influence, IsLinearInTheMeans) {
  for (const Case& with : cases()) {
    const MadeUpSums sums(with.model, with.normalization);
    Serial serial;
    const Analysed analysed(sums, kOneUnit, 1, {}, serial, with);
    const UnitInfluence form(analysed.pooled, 0, analysed.fits[0], with.model, with.normalization);
    ASSERT_TRUE(form.known());
    constexpr std::size_t kLags = MadeUpSums::kLags;
    std::array<double, kLags> product{}, past{}, future{};
    double total = 0;
    for (int i = 0; i < static_cast<int>(MadeUpSums::kPixels); ++i) {
      sums.read(i, i + 1, product.data(), past.data(), future.data());
      sums.read_total(i, i + 1, &total);
      for (std::size_t k = 0; k < kLags; ++k) {
        for (auto* means : {&product, &past, &future}) (*means)[k] /= static_cast<double>(sums.pairs()[k]);
      }
      const Influence psi = form.of(product, past, future, total / 101);
      const auto at = static_cast<std::size_t>(i);
      EXPECT_NEAR(psi.contrast, analysed.psi.contrast[at], 1e-5);
      EXPECT_NEAR(psi.ln_tau, analysed.psi.ln_tau[at], 1e-5);
      EXPECT_NEAR(psi.beta, analysed.psi.beta[at], 1e-5);
    }
  }
}

/// A planted series of 12 x 20 pixels, and its sums.
struct Speckle {
  test::KwwSeries series;
  test::DirectSums sums;

  explicit Speckle(const std::vector<std::uint8_t>& mask = {})
      : series(test::kww_series({.rows = 12, .columns = 20, .frames = 240, .tau_slots = 10, .seed = 4})),
        sums(series.views(), test::consecutive_slots(240), log_spaced_lags(8, 120), mask) {}
};

// psi_i ~ (n - 1)(fit - fit without i), with the residuals and the curvature of real curves: the jackknife's
// pseudo-values. They differ by a few percent at n = 240 pixels.
TEST(Influence, IsTheJackknifeOfSpeckle) {
  const Speckle speckle;
  const std::vector<std::int32_t> all(240, 0);
  Serial serial;
  const Analysed analysed(speckle.sums, all, 1, {}, serial);
  std::vector<double> psi, refits;
  for (std::size_t i = 0; i < 240; i += 4) {
    std::vector<std::int32_t> others = all;
    others[i] = kNoUnit;
    const PooledSums without = pool(speckle.sums, others, 1, {}, serial);
    std::vector<double> g2(without.lag_slots.size());
    without.g2(0, Normalization::kSymmetric, g2);
    const KwwFit fit = fit_kww(without.lag_slots, g2, {}, {}, analysed.fits.data());
    psi.push_back(static_cast<double>(analysed.psi.ln_tau[i]));
    refits.push_back(239 * std::log(analysed.fits[0].tau_slots / fit.tau_slots));
  }
  double squares = 0, differences = 0;
  for (std::size_t i = 0; i < psi.size(); ++i) {
    squares += refits[i] * refits[i];
    differences += (psi[i] - refits[i]) * (psi[i] - refits[i]);
  }
  EXPECT_LT(std::sqrt(differences / squares), 0.1);
}

TEST(Influence, AddsUpToNothingInEveryUnit) {
  std::vector<std::uint8_t> mask(240, 0);
  for (std::size_t i = 0; i < mask.size(); i += 11) mask[i] = 1;
  const Speckle speckle(mask);
  const CellGrid grid = cell_grid(speckle.sums, 6);
  std::vector<float> flat(speckle.sums.pixels().size(), 1);
  flat[3] = static_cast<float>(kNaN);
  Serial serial;
  const Analysed analysed(speckle.sums, grid.unit_of_pixel, 6, flat, serial);
  std::array<double, 6> sum{}, sizes{};
  for (std::size_t i = 0; i < flat.size(); ++i) {
    const std::int32_t unit = grid.unit_of_pixel[i];
    const bool known = std::isfinite(analysed.psi.ln_tau[i]);
    EXPECT_EQ(known, unit != kNoUnit && i != 3) << i;
    EXPECT_EQ(known, std::isfinite(analysed.psi.beta[i]) && std::isfinite(analysed.psi.contrast[i]));
    if (!known) continue;
    sum[static_cast<std::size_t>(unit)] += static_cast<double>(analysed.psi.ln_tau[i]);
    sizes[static_cast<std::size_t>(unit)] += std::abs(static_cast<double>(analysed.psi.ln_tau[i]));
  }
  for (std::size_t unit = 0; unit < 6; ++unit) EXPECT_NEAR(sum[unit], 0, 1e-6 * sizes[unit]);
}

TEST(Influence, IsNaNAboutAFitThatIsNone) {
  const Speckle speckle;
  const CellGrid grid = cell_grid(speckle.sums, 10);
  Serial serial;
  Analysed analysed(speckle.sums, grid.unit_of_pixel, 2, {}, serial);
  analysed.fits[0].status = FitStatus::kAtBound;
  const InfluenceMap psi =
      influence(speckle.sums, grid.unit_of_pixel, analysed.pooled, analysed.fits, {}, {}, serial);
  for (std::size_t i = 0; i < psi.ln_tau.size(); ++i) {
    EXPECT_EQ(std::isfinite(psi.ln_tau[i]), grid.unit_of_pixel[i] == 1);
  }
  const UnitInfluence form(analysed.pooled, 0, analysed.fits[0], {}, Normalization::kSymmetric);
  EXPECT_FALSE(form.known());
  const std::span<const double> means = std::span(analysed.pooled.product).first(form.lags().size());
  EXPECT_TRUE(std::isnan(form.of(means, means, means, 1).ln_tau));
}

TEST(Influence, DoesNotDependOnLanes) {
  const Speckle speckle;
  const CellGrid grid = cell_grid(speckle.sums, 4);
  Serial serial;
  const Analysed truth(speckle.sums, grid.unit_of_pixel, 15, {}, serial);
  for (const int lanes : {2, 3}) {
    test::ScatteredLanes scattered(lanes);
    const Analysed analysed(speckle.sums, grid.unit_of_pixel, 15, {}, scattered);
    for (std::size_t i = 0; i < 240; ++i) {
      // NaN included
      EXPECT_EQ(std::bit_cast<std::uint32_t>(truth.psi.ln_tau[i]),
                std::bit_cast<std::uint32_t>(analysed.psi.ln_tau[i]));
      EXPECT_EQ(std::bit_cast<std::uint32_t>(truth.psi.contrast[i]),
                std::bit_cast<std::uint32_t>(analysed.psi.contrast[i]));
    }
  }
}

}  // namespace
}  // namespace glasswatch::analysis
