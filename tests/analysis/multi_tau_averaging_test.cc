// What the averaging of multiple-tau samples does to a correlation, and how exact its sums of floats are.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <numbers>
#include <utility>
#include <vector>

#include "analysis/kww.h"
#include "analysis/multi_tau_correlator.h"
#include "tests/analysis/kww_series.h"
#include "tests/analysis/multi_tau_definition.h"

namespace glasswatch::analysis {
namespace {

using namespace test::multi_tau;
using test::Image;

/// Mean of f over (lag - 2^l, lag + 2^l) with triangular weight: that of the products of two groups' frames.
template <typename Function>
double triangular_mean(const Channel& channel, Function f) {
  const std::int64_t slots = std::int64_t{1} << channel.level;
  const std::int64_t lag = channel.groups * slots;
  double sum = 0;
  for (std::int64_t k = 1 - slots; k < slots; ++k) {
    sum += static_cast<double>(slots - std::abs(k)) * f(static_cast<double>(lag + k));
  }
  return sum / (static_cast<double>(slots) * static_cast<double>(slots));
}

// Pixels whose intensity swings with phases all around the circle: over all of them <I(t)> = m and
// <I(t) I(t')> = m^2 + a^2/2 cos(w (t - t')), whatever t.
TEST(MultiTauAveraging, EachLagIsATriangularMean) {
  constexpr int kPhases = 64, kFrames = 700;
  constexpr double kMean = 100, kSwing = 30;
  const std::vector<Channel> axis = channels(512, 16, 8);
  for (const double period_slots : {2.5, 37.0, 400.0}) {
    const double omega = 2 * std::numbers::pi / period_slots;
    MultiTauCorrelator correlator({1, kPhases, PixelType::kF8, 512}, {});
    Serial serial;
    for (int t = 0; t < kFrames; ++t) {
      const Image<double> image(1, kPhases, [&](int, int phase) {
        return kMean + kSwing * std::cos(omega * t + 2 * std::numbers::pi * phase / kPhases);
      });
      correlator.add(t, image.view(), 1, serial);
    }
    correlator.update(serial);
    const Sums sums = sums_of(correlator);
    for (std::size_t l = 0; l < axis.size(); ++l) {
      double product = 0, past = 0, future = 0;
      for (std::size_t i = 0; i < kPhases; ++i) {
        product += sums.product[l * kPhases + i] / kPhases;
        past += sums.past[l * kPhases + i] / kPhases;
        future += sums.future[l * kPhases + i] / kPhases;
      }
      const auto n = static_cast<double>(sums.pairs[l]);
      const double f = triangular_mean(axis[l], [&](double lag) { return std::cos(omega * lag); });
      // Each of n terms of a float sum of size n swing^2 rounds by 2^-24 of that at most, and 700 do.
      constexpr double kTolerance = kFrames * 0x1p-24 * kSwing * kSwing;
      EXPECT_NEAR(past / n, kMean, kTolerance / kMean);
      EXPECT_NEAR(future / n, kMean, kTolerance / kMean);
      EXPECT_NEAR(product / n, kMean * kMean + kSwing * kSwing / 2 * f, kTolerance)
          << "period " << period_slots << " lag " << sums.lag_slots[l];
    }
  }
}

struct Shift {
  double tau, beta;  // relative; absolute
};

/// What a fit of the model to triangular means of itself finds.
Shift shift_of_fit(double tau_slots, int first_channels, int level_channels) {
  constexpr double kBeta = 0.63;
  const auto decay = [&](double lag) { return std::exp(-std::pow(lag / tau_slots, kBeta)); };
  std::vector<double> lags, g2;
  for (const Channel& channel : channels(2048, first_channels, level_channels)) {
    lags.push_back(static_cast<double>(channel.groups << channel.level));
    g2.push_back(1 + triangular_mean(channel, decay));
  }
  const KwwFit fit = fit_kww(lags, g2, {}, {});
  EXPECT_EQ(fit.status, FitStatus::kConverged);
  return {fit.tau_slots / tau_slots - 1, fit.beta - kBeta};
}

TEST(MultiTauAveraging, SixteenAndEightChannelsShiftTauByLessThanAThousandth) {
  for (const double tau_slots : {2.0, 10.0, 40.0, 148.0, 500.0}) {
    const Shift usual = shift_of_fit(tau_slots, 16, 8), few = shift_of_fit(tau_slots, 8, 4);
    std::cout << "tau " << tau_slots << ": 16 + 8 channels shift it by " << 100 * usual.tau
              << " % and beta by " << usual.beta << ", 8 + 4 by " << 100 * few.tau << " % and " << few.beta
              << '\n';
    EXPECT_LT(std::abs(usual.tau), 0.001);
    EXPECT_LT(std::abs(usual.beta), 0.001);
    EXPECT_LT(std::abs(few.tau), 0.01);
  }
  // Of 2170 slots of the series in the paper; by an independent fit (SciPy 1.10, least_squares).
  EXPECT_NEAR(shift_of_fit(148, 16, 8).tau, 5.696e-4, 1e-6);
  EXPECT_NEAR(shift_of_fit(148, 8, 4).tau, 2.1607e-3, 1e-6);
}

// Speckle of contrast A = 0.1 as in dark-field series, with losses and a pause. Term k of n rounds a sum that
// has grown to (k/n) n A m^2, by up to 2^-24 of it, evenly spread: together A 2^-24 sqrt(n)/3 = 9e-8 of g2 in
// the mean over pixels. Contrasts of single pixels differ by a few times, and so do lags with few pairs.
TEST(MultiTauAveraging, SumsOfFloatsGiveG2ToOneInAMillion) {
  const std::vector<Channel> axis = channels(1024, 16, 8);
  for (const double counts : {100.0, 1000.0}) {
    const test::KwwSeries speckle =
        test::kww_series({.rows = 4, .columns = 8, .frames = 2000, .tau_slots = 148, .mean_counts = counts});
    const auto slots = slots_with_gaps(1, speckle.frames, 0.1, 300);
    Series<std::int16_t> series;
    for (int t = 0; t < speckle.frames; ++t) {
      const auto* pixels = static_cast<const std::int16_t*>(speckle.frame(t).pixels);
      series.push_back(
          {slots[static_cast<std::size_t>(t)], 1,
           Image<std::int16_t>(4, 8, [&](int row, int column) { return pixels[row * 8 + column]; })});
    }
    MultiTauCorrelator correlator({4, 8, PixelType::kI2, 1024}, {});
    Serial serial;
    add_all(correlator, series, serial);
    const Sums sums = sums_of(correlator), truth = define(series, axis);
    double worst = 0, squares = 0;
    for (std::size_t l = 0; l < axis.size(); ++l) {
      ASSERT_GT(truth.pairs[l], 0u);
      for (std::size_t i = 0; i < truth.total.size(); ++i) {
        const double error = sums.g2(l, i) - truth.g2(l, i);
        worst = std::max(worst, std::abs(error));
        squares += error * error;
      }
    }
    const double rms = std::sqrt(squares / static_cast<double>(truth.product.size()));
    std::cout << counts << " counts: error of g2 " << rms << " rms, " << worst << " at most\n";
    EXPECT_LT(rms, 2e-7);
    EXPECT_LT(worst, counts < 200 ? 1e-6 : 2e-6);
  }
}

}  // namespace
}  // namespace glasswatch::analysis
