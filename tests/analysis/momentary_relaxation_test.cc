// Momentary relaxation times of planted series: stationary, and with a jump of tau.
#include "analysis/momentary_relaxation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace glasswatch::analysis {
namespace {

constexpr int kSide = 32;
constexpr std::size_t kPixels = std::size_t{kSide} * kSide;
constexpr double kContrast = 0.1;

/// Independent pixels whose correlation decays by exp(-1/tau(t)) from slot to slot, so that C(t1, t2) - 1 = A
/// exp(-sum of 1/tau between them), over a static brightness.
template <typename Tau>
TwoTime planted_series(int frames, Tau tau_slots, const std::vector<double>& brightness, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  std::vector<double> x(kPixels);
  for (double& value : x) value = normal(random);
  TwoTime two_time({.rows = kSide, .columns = kSide}, {});
  Serial serial;
  std::vector<float> counts(kPixels);
  for (int t = 0; t < frames; ++t) {
    for (std::size_t p = 0; p < kPixels; ++p) {
      const double relative = 1 + std::sqrt(kContrast) * x[p];
      counts[p] = static_cast<float>(1000 * relative * (brightness.empty() ? 1 : brightness[p]));
    }
    two_time.add(t, {counts.data(), PixelType::kF4, kSide, kSide}, serial);
    const double kept = std::exp(-1 / tau_slots(t));
    for (double& value : x) value = kept * value + std::sqrt(1 - kept * kept) * normal(random);
  }
  return two_time;
}

/// sd ln tau = 3.46 (T/tau)^-0.37 N^-1/2 is for beta = 0.63, where it is wider than for beta = 1; five of
/// them.
double tolerance(double window_slots, double tau_slots) {
  return 5 * 3.46 * std::pow(window_slots / tau_slots, -0.37) / std::sqrt(static_cast<double>(kPixels));
}

// 480 frames at 256 at most: every second one is kept.
TEST(MomentaryRelaxation, SeesAJumpOfTau) {
  const auto series = planted_series(
      480, [](int t) { return t < 240 ? 8.0 : 24.0; }, {}, 1);
  EXPECT_EQ(series.stride_slots(), 2);
  for (const TwoTimeCut cut : {TwoTimeCut::kMeanTime, TwoTimeCut::kFixedStart}) {
    const auto moments = momentary_relaxation(series, 0, cut, 6, {}, {});
    ASSERT_EQ(moments.size(), 6u);
    for (const std::size_t window : {0u, 1u, 4u}) {
      SCOPED_TRACE(testing::Message() << "window " << window << " cut " << static_cast<int>(cut));
      const Momentary& moment = moments[window];
      // The last frame kept is that of slot 478.
      EXPECT_NEAR(moment.center_slot, (static_cast<double>(window) + 0.5) * 478 / 6, 1e-9);
      ASSERT_TRUE(moment.fit.usable());
      const double planted = window < 2 ? 8 : 24;
      EXPECT_NEAR(std::log(moment.fit.tau_slots / planted), 0, tolerance(80, planted));
      // Squares of 1024 Gaussian values scatter by 4 %, of those of a window less; tau takes some of it
      // along.
      EXPECT_NEAR(moment.fit.contrast, kContrast, 0.2 * kContrast);
    }
  }
}

// In the window just before a drop of tau, slots 100 ... 125, C from a fixed start t falls to nothing after
// 125 - t slots; about a fixed middle t it does after 2 (125 - t).
TEST(MomentaryRelaxation, CutsDifferInWherePairsBelong) {
  const auto series = planted_series(
      250, [](int t) { return t < 125 ? 40.0 : 2.0; }, {}, 2);
  const auto mean_time = momentary_relaxation(series, 0, TwoTimeCut::kMeanTime, 10, {}, {});
  const auto fixed_start = momentary_relaxation(series, 0, TwoTimeCut::kFixedStart, 10, {}, {});
  ASSERT_TRUE(mean_time[4].fit.usable());
  ASSERT_TRUE(fixed_start[4].fit.usable());
  EXPECT_LT(fixed_start[4].fit.tau_slots, 0.8 * mean_time[4].fit.tau_slots);
}

TEST(MomentaryRelaxation, StaysWithAStationarySample) {
  const auto series = planted_series(
      250, [](int) { return 6.0; }, {}, 3);
  for (const Momentary& moment : momentary_relaxation(series, 0, TwoTimeCut::kMeanTime, 4, {}, {})) {
    ASSERT_TRUE(moment.fit.usable());
    EXPECT_NEAR(std::log(moment.fit.tau_slots / 6), 0, tolerance(62, 6));
  }
}

// CV^2 = 0.09 of static brightness would read as a tau without end if the baseline were 1.
TEST(MomentaryRelaxation, StandsOnThePedestalOfStaticBrightness) {
  std::vector<double> brightness(kPixels);
  for (std::size_t p = 0; p < kPixels; ++p) brightness[p] = p % 2 == 0 ? 1.3 : 0.7;
  const auto series = planted_series(
      250, [](int) { return 6.0; }, brightness, 4);
  for (const int factor : {1, 2}) {
    for (const Momentary& moment :
         momentary_relaxation(series, 0, TwoTimeCut::kMeanTime, 4, {factor, false}, {})) {
      ASSERT_TRUE(moment.fit.usable());
      const double planted = 6 * std::pow(factor, 1 / moment.fit.beta);
      EXPECT_NEAR(std::log(moment.fit.tau_slots / planted), 0, tolerance(62, 6));
      EXPECT_NEAR(moment.fit.baseline, 1.09, 0.005) << "0.1 (1 + CV^2) decays; a twentieth of it";
    }
  }
}

TEST(MomentaryRelaxation, SaysWhyThereIsNone) {
  TwoTime empty({.rows = 4, .columns = 4}, {});
  for (const Momentary& moment : momentary_relaxation(empty, 0, TwoTimeCut::kMeanTime, 3, {}, {})) {
    EXPECT_EQ(moment.fit.status, FitStatus::kNoData);
    EXPECT_TRUE(std::isnan(moment.center_slot) && std::isnan(moment.fit.tau_slots));
  }
  // T/tau = 1: baseline and tau are one.
  const auto series = planted_series(
      60, [](int) { return 60.0; }, {}, 5);
  for (const Momentary& moment : momentary_relaxation(series, 0, TwoTimeCut::kMeanTime, 3, {}, {})) {
    EXPECT_EQ(moment.fit.status, FitStatus::kTooShort);
    EXPECT_TRUE(std::isnan(moment.fit.tau_slots));
    EXPECT_TRUE(std::isfinite(moment.center_slot));
  }
}

}  // namespace
}  // namespace glasswatch::analysis
