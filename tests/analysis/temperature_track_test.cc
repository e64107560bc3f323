// Temperature of exposures: values, states and the coverage of the stated uncertainty.
#include "analysis/temperature_track.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <random>
#include <vector>

namespace glasswatch::analysis {
namespace {

using Random = std::mt19937_64;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
std::int64_t ns(double seconds) {
  return static_cast<std::int64_t>(std::llround(seconds * 1e9));
}

TemperatureTrack track_of(std::initializer_list<std::pair<double, double>> samples, double max_gap_s = 2) {
  TemperatureTrackSettings settings;
  settings.max_gap_s = max_gap_s;
  TemperatureTrack track(settings);
  for (const auto& [time_s, temperature_c] : samples) track.add(ns(time_s), temperature_c);
  return track;
}

void expect_invalid(const ExposureTemperature& t, TemperatureState state) {
  EXPECT_EQ(static_cast<int>(t.state), static_cast<int>(state));
  EXPECT_TRUE(std::isnan(t.value_c) && std::isnan(t.sigma_c) && std::isnan(t.rate_k_per_s) &&
              std::isnan(t.smear_k));
}

TEST(TemperatureTrack, AveragesTheStraightLinesBetweenSamples) {
  const TemperatureTrack track = track_of({{0, 100}, {1, 110}, {2, 100}, {3, 104}});
  const auto value = [&](double start_s, double end_s) {
    const ExposureTemperature t = track.over(ns(start_s), ns(end_s), 0);
    EXPECT_EQ(t.state, TemperatureState::kValid);
    return t.value_c;
  };
  EXPECT_NEAR(value(0.5, 0.5), 105, 1e-9);
  EXPECT_NEAR(value(0, 1), 105, 1e-9);
  EXPECT_NEAR(value(0.5, 1.5), 107.5, 1e-9);
  EXPECT_NEAR(value(0.25, 2.5), ((102.5 + 110) / 2 * 0.75 + 105 + (100 + 102) / 2 * 0.5) / 2.25, 1e-9);
  EXPECT_NEAR(value(1, 1), 110, 1e-9);
  EXPECT_NEAR(value(3, 3), 104, 1e-9);
  EXPECT_NEAR(value(0, 0), 100, 1e-9);
}

TEST(TemperatureTrack, RateAndSmearOfARamp) {
  TemperatureTrack track({});
  for (int i = 0; i < 100; ++i) track.add(ns(0.1 * i), 50 + i * 0.1 / 3);
  const ExposureTemperature t = track.over(ns(4), ns(6), 0.3);
  EXPECT_NEAR(t.value_c, 50 + 5.0 / 3, 1e-9);
  EXPECT_NEAR(t.rate_k_per_s, 1.0 / 3, 1e-9);
  EXPECT_NEAR(t.smear_k, 2.0 / 3, 1e-9);
  // No scatter: clock term and the quantisation of the steps of 1/30 K remain.
  EXPECT_NEAR(t.sigma_c, std::hypot(0.1, 1.0 / 30 / std::sqrt(12)), 1e-6);
}

TEST(TemperatureTrack, NeverExtrapolatesAndSaysWhy) {
  TemperatureTrack track = track_of({});
  expect_invalid(track.over(0, 1, 0), TemperatureState::kNoTemperature);
  EXPECT_FALSE(track.covers(0));

  track = track_of({{10, 100}, {11, 101}, {12, 102}, {15, 105}, {16, 106}});
  expect_invalid(track.over(ns(5), ns(6), 0), TemperatureState::kNoTemperature);
  expect_invalid(track.over(ns(9.9), ns(10.5), 0), TemperatureState::kNoTemperature);
  EXPECT_EQ(track.over(ns(10), ns(12), 0).state, TemperatureState::kValid);
  expect_invalid(track.over(ns(11.5), ns(12.5), 0), TemperatureState::kStale);
  expect_invalid(track.over(ns(13), ns(13.5), 0), TemperatureState::kStale);
  expect_invalid(track.over(ns(11), ns(15.5), 0), TemperatureState::kStale);
  EXPECT_EQ(track.over(ns(15), ns(16), 0).state, TemperatureState::kValid);
  expect_invalid(track.over(ns(15.5), ns(16.001), 0), TemperatureState::kStale);
  expect_invalid(track.over(ns(40), ns(41), 0), TemperatureState::kStale);
  expect_invalid(track.over(ns(12), ns(11), 0), TemperatureState::kNoTemperature);
  EXPECT_TRUE(track.covers(ns(16)));
  EXPECT_FALSE(track.covers(ns(16) + 1));

  expect_invalid(track_of({{1, 20}}).over(ns(1), ns(1), 0), TemperatureState::kStale);
}

TEST(TemperatureTrack, RejectedReadingsNameTheReason) {
  TemperatureTrack track = track_of({{0, 20},
                                     {1, 21},
                                     {1.5, 5000},
                                     {2, 22},
                                     {3, kNaN},
                                     {4, kNaN},
                                     {5, 24},
                                     {6, 25},
                                     {7, -300},
                                     {8, 9999},
                                     {9, 26},
                                     {10, 27},
                                     {11, kNaN}});
  EXPECT_EQ(track.rejected_out_of_range(), 3u);
  EXPECT_EQ(track.rejected_not_finite(), 3u);
  EXPECT_EQ(track.over(ns(1), ns(2), 0).state, TemperatureState::kValid)
      << "one bad reading within max_gap is bridged";
  EXPECT_NEAR(track.over(ns(1.5), ns(1.5), 0).value_c, 21.5, 1e-9);
  expect_invalid(track.over(ns(3), ns(4), 0), TemperatureState::kNotFinite);
  expect_invalid(track.over(ns(7), ns(8), 0), TemperatureState::kOutOfRange);
  expect_invalid(track.over(ns(10.5), ns(10.8), 0), TemperatureState::kNotFinite);
  expect_invalid(track.over(ns(30), ns(31), 0), TemperatureState::kStale);
  EXPECT_TRUE(track.covers(ns(11))) << "a bad reading also ends the wait";

  track = track_of({{0, kNaN}, {1, kNaN}});
  expect_invalid(track.over(ns(0.2), ns(0.8), 0), TemperatureState::kNotFinite);
  expect_invalid(track.over(ns(50), ns(51), 0), TemperatureState::kNoTemperature);

  track.add(std::numeric_limits<std::int64_t>::max(), 20);
  track.add(std::numeric_limits<std::int64_t>::min(), 20);
  EXPECT_EQ(track.rejected_not_finite(), 4u) << "times beyond the limit";
  expect_invalid(
      track.over(std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max(), 0),
      TemperatureState::kNoTemperature);
}

TEST(TemperatureTrack, RepeatedTimes) {
  TemperatureTrack track = track_of({{0, 20}, {0, 20}, {1, 30}, {1, 34}, {1, 30}, {2, 20}});
  EXPECT_EQ(track.repeated(), 3u);
  const ExposureTemperature t = track.over(ns(1), ns(1), 0);
  EXPECT_NEAR(t.value_c, 32, 1e-9);
  EXPECT_GE(t.sigma_c, 2) << "half the range of the readings";
  EXPECT_NEAR(track.over(0, 0, 0).value_c, 20, 1e-9);
}

TEST(TemperatureTrack, OrderDoesNotMatter) {
  Random random(8);
  std::vector<std::pair<double, double>> samples;
  for (int i = 0; i < 200; ++i) {
    samples.emplace_back(0.1 * i, i % 17 == 0 ? kNaN : 100 + std::uniform_real_distribution<>(0, 1)(random));
  }
  TemperatureTrack in_order({}), shuffled({});
  for (const auto& [time_s, value] : samples) in_order.add(ns(time_s), value);
  std::shuffle(samples.begin(), samples.end(), random);
  for (const auto& [time_s, value] : samples) shuffled.add(ns(time_s), value);
  for (double start = 0.5; start < 18; start += 0.37) {
    const ExposureTemperature a = in_order.over(ns(start), ns(start + 0.8), 0.01);
    const ExposureTemperature b = shuffled.over(ns(start), ns(start + 0.8), 0.01);
    ASSERT_EQ(a.state, TemperatureState::kValid);
    EXPECT_EQ(a.value_c, b.value_c);
    EXPECT_EQ(a.rate_k_per_s, b.rate_k_per_s);
    EXPECT_NEAR(a.sigma_c, b.sigma_c, 0.003) << "the smallest step depends on who was neighbour on arrival";
  }
}

TEST(TemperatureTrack, HistoryIsBounded) {
  TemperatureTrackSettings settings;
  settings.history_s = 10;
  TemperatureTrack track(settings);
  for (int i = 0; i <= 1000; ++i) track.add(ns(0.1 * i), 20 + 0.01 * i);
  EXPECT_EQ(track.over(ns(91), ns(92), 0).state, TemperatureState::kValid);
  expect_invalid(track.over(ns(80), ns(81), 0), TemperatureState::kNoTemperature);
  track.add(ns(50), 25);  // older than the history: no effect
  expect_invalid(track.over(ns(50), ns(50), 0), TemperatureState::kNoTemperature);
  track.clear();
  EXPECT_FALSE(track.covers(0));
  expect_invalid(track.over(ns(91), ns(92), 0), TemperatureState::kNoTemperature);
}

TEST(TemperatureTrack, SigmaOfAQuantisedPlateauIsNotZero) {
  TemperatureTrack plateau({});
  for (int i = 0; i < 50; ++i) plateau.add(ns(0.1 * i), 300);
  EXPECT_GE(plateau.over(ns(2), ns(3), 0).sigma_c, 0.1 / std::sqrt(12) - 1e-12) << "no change ever seen";
  TemperatureTrack steps({});
  for (int i = 0; i < 50; ++i) steps.add(ns(0.1 * i), i < 5 ? 299.5 : 300);
  EXPECT_GE(steps.over(ns(2), ns(3), 0).sigma_c, 0.5 / std::sqrt(12) - 1e-12) << "steps of 0.5 were seen";
  TemperatureTrack sensor({.sensor_sigma_c = 4});
  for (int i = 0; i < 50; ++i) sensor.add(ns(0.1 * i), 300 + i * 0.1);
  EXPECT_NEAR(sensor.over(ns(2), ns(3), 0).sigma_c, 4, 0.01) << "calibration is not averaged away";
}

TEST(TemperatureTrack, CurvatureBetweenSparseSamplesIsAccountedFor) {
  TemperatureTrack track({});
  const auto truth = [](double t) { return 100 + 3 * t * t; };  // 6 K/s^2
  for (int i = 0; i <= 20; ++i) track.add(ns(1.5 * i), truth(1.5 * i));
  const ExposureTemperature t = track.over(ns(9.75), ns(9.75), 0);
  EXPECT_NEAR(t.value_c - truth(9.75), 6 * 1.5 * 1.5 / 8, 1e-9) << "straight lines run above a convex curve";
  EXPECT_GE(t.sigma_c, 6 * 1.5 * 1.5 / 8);
  EXPECT_LE(t.sigma_c, 1.2 * 6 * 1.5 * 1.5 / 8);
}

struct Coverage {
  double one_sigma, two_sigma, mean_sigma_c;
};

/// A ramp of 20 K/min logged every 75 +- 25 ms with noise; the exposure's clock is off by a fresh error each
/// time.
Coverage ramp_coverage(double noise_c, double clock_sigma_s, double exposure_s, double quantum_c,
                       int trials) {
  Random random(1234);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  int one = 0, two = 0;
  double sigma_sum = 0;
  for (int trial = 0; trial < trials; ++trial) {
    TemperatureTrack track({});
    const auto truth = [](double t) { return 320 + t / 3; };
    const double phase_s = uniform(random);
    for (double t = phase_s; t < phase_s + 12; t += 0.05 + 0.05 * uniform(random)) {
      const double reading = truth(t) + noise_c * normal(random);
      track.add(ns(t), quantum_c > 0 ? quantum_c * std::round(reading / quantum_c) : reading);
    }
    const double start_s = 4 + uniform(random);
    const double clock_error_s = clock_sigma_s * normal(random);
    const ExposureTemperature t =
        track.over(ns(start_s + clock_error_s), ns(start_s + exposure_s + clock_error_s), clock_sigma_s);
    EXPECT_EQ(t.state, TemperatureState::kValid);
    const double error = std::abs(t.value_c - truth(start_s + exposure_s / 2));
    one += error <= t.sigma_c ? 1 : 0;
    two += error <= 2 * t.sigma_c ? 1 : 0;
    sigma_sum += t.sigma_c;
  }
  const Coverage coverage{1.0 * one / trials, 1.0 * two / trials, sigma_sum / trials};
  std::cout << "noise " << noise_c << " K, clock " << clock_sigma_s << " s, exposure " << exposure_s
            << " s, step " << quantum_c << " K: within 1 sigma " << coverage.one_sigma << ", 2 sigma "
            << coverage.two_sigma << ", sigma " << coverage.mean_sigma_c << " K\n";
  return coverage;
}

TEST(TemperatureTrack, StatedUncertaintyCoversTheTruth) {
  for (const auto& [clock_sigma_s, exposure_s] :
       {std::pair{0.1, 1.0}, {0.1, 0.0}, {0.0, 1.0}, {0.0, 0.0}, {0.1, 4.0}}) {
    const Coverage c = ramp_coverage(0.05, clock_sigma_s, exposure_s, 0, 3000);
    EXPECT_GE(c.one_sigma, 0.60);
    EXPECT_LE(c.one_sigma, 0.76);
    EXPECT_GE(c.two_sigma, 0.92);
  }
  EXPECT_NEAR(ramp_coverage(0.05, 0.1, 1, 0, 500).mean_sigma_c, 0.1 / 3, 0.01)
      << "the clock dominates, not more";
  EXPECT_GE(ramp_coverage(0.0, 0.0, 1, 0.1, 1000).two_sigma, 0.92) << "steps of 0.1 K, no noise";
  EXPECT_GE(ramp_coverage(0.02, 0.1, 1, 0.1, 1000).two_sigma, 0.92);
}

}  // namespace
}  // namespace glasswatch::analysis
