// Clock offset from one-way stamps with planted offset, drift, delays and steps.
#include "analysis/clock_offset.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace glasswatch::analysis {
namespace {

using Random = std::mt19937_64;

constexpr double kFloorS = 1e-4;
std::int64_t ns(double seconds) {
  return static_cast<std::int64_t>(std::llround(seconds * 1e9));
}

/// Sends messages with exponential delays; `offset` is source minus receiver.
struct Link {
  ClockOffset estimate{kFloorS};
  Random random{2718};
  double period_s = 0.1, mean_delay_s = 0.02;
  double offset_s = 0, drift = 0;
  double time_s = 1000;  // receiver clock
  double smallest_delay_s = 1e9;

  void run(double seconds) {
    std::exponential_distribution<double> delay(1 / mean_delay_s);
    for (const double end = time_s + seconds; time_s < end; time_s += period_s) {
      offset_s += drift * period_s;
      const double d = delay(random);
      smallest_delay_s = std::min(smallest_delay_s, d);
      estimate.add(ns(time_s + offset_s), ns(time_s + d));
    }
  }
};

TEST(ClockOffset, FindsAPlantedOffset) {
  for (const double offset : {0.0, 0.013, -0.4, 37.0, -3600.0}) {
    Link link;
    link.time_s = 1e5;
    link.offset_s = offset;
    link.run(60);
    ASSERT_TRUE(link.estimate.known());
    const double error = link.estimate.offset_s() - offset;
    EXPECT_LE(error, 1e-8) << "delays only ever make it smaller";
    EXPECT_GE(error, -3 * link.estimate.sigma_s());
    EXPECT_LT(link.estimate.sigma_s(), 0.005) << "a quarter of the mean delay";
    EXPECT_GE(link.estimate.sigma_s(), kFloorS);
    EXPECT_EQ(link.estimate.steps(), 0u);
  }
}

TEST(ClockOffset, FollowsDrift) {
  for (const double drift : {50e-6, -50e-6}) {
    Link link;
    link.offset_s = 0.25;
    link.drift = drift;
    link.mean_delay_s = 0.002;
    link.run(3600);
    EXPECT_NEAR(link.offset_s, 0.25 + 3600 * drift, 1e-5) << "the link drifts by 0.18 s";
    const double error = link.estimate.offset_s() - link.offset_s;
    EXPECT_LE(std::abs(error), 50e-6 * ClockOffset::kWindowS + 0.001);
    EXPECT_LE(std::abs(error), 3 * link.estimate.sigma_s());
    EXPECT_EQ(link.estimate.steps(), 0u);
  }
}

TEST(ClockOffset, SurvivesADelayedBatch) {
  Link link;
  link.offset_s = 5;
  link.run(20);
  const double before = link.estimate.offset_s();
  // The network stalls for 8 s; everything sent meanwhile arrives within 50 ms.
  const double stall_end = link.time_s + 8;
  for (int i = 0; i < 80; ++i) {
    link.estimate.add(ns(link.time_s + 0.1 * i + link.offset_s), ns(stall_end + i * 6e-4));
  }
  EXPECT_NEAR(link.estimate.offset_s(), before, 1e-12);
  EXPECT_EQ(link.estimate.steps(), 0u);
  link.time_s = stall_end + 0.1;
  link.run(10);
  EXPECT_NEAR(link.estimate.offset_s(), 5, 3 * link.estimate.sigma_s());
  EXPECT_EQ(link.estimate.steps(), 0u);
}

TEST(ClockOffset, NoticesSteps) {
  Link link;
  link.offset_s = 1;
  link.run(30);
  for (const double step : {10.0, -3.0, 0.8, -0.8}) {
    const std::uint64_t steps = link.estimate.steps();
    link.offset_s += step;
    link.run(4);
    EXPECT_EQ(link.estimate.steps(), steps + 1) << step;
    ASSERT_TRUE(link.estimate.known());
    EXPECT_NEAR(link.estimate.offset_s(), link.offset_s, 0.01) << step;
    link.run(30);
    EXPECT_EQ(link.estimate.steps(), steps + 1) << step;
    EXPECT_NEAR(link.estimate.offset_s(), link.offset_s, 3 * link.estimate.sigma_s());
  }
}

TEST(ClockOffset, RecoversFromOneBrokenStamp) {
  Link link;
  link.offset_s = -2;
  link.run(10);
  link.estimate.add(ns(link.time_s + 1e6), ns(link.time_s));
  link.run(5);
  EXPECT_NEAR(link.estimate.offset_s(), -2, 0.01);
  EXPECT_EQ(link.estimate.steps(), 2u) << "to the broken stamp and back";
}

TEST(ClockOffset, UnknownUntilEnoughMessages) {
  ClockOffset estimate(kFloorS);
  EXPECT_FALSE(estimate.known());
  EXPECT_TRUE(std::isnan(estimate.offset_s()) && std::isnan(estimate.sigma_s()));
  estimate.add(0, ns(100));  // not given
  for (int i = 0; i < ClockOffset::kMinimumMessages; ++i) {
    EXPECT_FALSE(estimate.known());
    estimate.add(ns(100 + 5 * i), ns(100 + 5 * i + 0.01));
  }
  EXPECT_TRUE(estimate.known());
  EXPECT_NEAR(estimate.offset_s(), -0.01, 1e-12);
  EXPECT_NEAR(estimate.sigma_s(), kFloorS, 1e-12) << "equal delays leave the floor";
  estimate.reset();
  EXPECT_FALSE(estimate.known());
}

TEST(ClockOffset, SlowStreamKeepsWithinTheWindow) {
  Link link;
  link.period_s = 5;
  link.offset_s = 0.3;
  link.drift = -50e-6;
  link.run(2000);
  EXPECT_NEAR(link.estimate.offset_s(), link.offset_s, 3 * link.estimate.sigma_s());
}

}  // namespace
}  // namespace glasswatch::analysis
