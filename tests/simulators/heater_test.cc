#include "simulators/heater.h"

#include <gtest/gtest.h>

#include "tests/simulators/example_scenario.h"

namespace glasswatch::simulation {
namespace {

Heater example() {
  return Heater(example_scenario().ramp());
}

TEST(Heater, FollowsHoldRampHold) {
  const Heater heater = example();
  EXPECT_DOUBLE_EQ(heater.program_s(), 60);
  EXPECT_DOUBLE_EQ(heater.temperature_c(-1), 50);
  EXPECT_DOUBLE_EQ(heater.temperature_c(5), 50);
  EXPECT_DOUBLE_EQ(heater.temperature_c(6), 51);
  EXPECT_DOUBLE_EQ(heater.temperature_c(54.5), 99.5);
  EXPECT_DOUBLE_EQ(heater.temperature_c(55), 100);
  EXPECT_DOUBLE_EQ(heater.temperature_c(1000), 100);
  EXPECT_EQ(heater.state(4), stream::HOLDING);
  EXPECT_EQ(heater.state(20), stream::RAMPING);
  EXPECT_EQ(heater.state(56), stream::HOLDING);
}

TEST(Heater, CoolsWhenTheStopIsBelowTheStart) {
  scenario::Ramp ramp = example_scenario().ramp();
  ramp.set_start_c(100);
  ramp.set_stop_c(50);
  const Heater heater(ramp);
  EXPECT_DOUBLE_EQ(heater.temperature_c(15), 90);
  EXPECT_DOUBLE_EQ(heater.temperature_c(60), 50);
}

// The midpoint rule with steps h is exact on straight pieces; at a kink it is off by at most |dT/dt| h^2 / 8.
double midpoint_mean(const Heater& heater, double from_s, double to_s) {
  constexpr int kSteps = 20'000;
  double sum = 0;
  for (int i = 0; i < kSteps; ++i) sum += heater.temperature_c(from_s + (to_s - from_s) * (i + 0.5) / kSteps);
  return sum / kSteps;
}

TEST(Heater, MeanIsTheIntegralAcrossEveryKink) {
  Heater heater = example();
  for (int pass = 0; pass < 2; ++pass) {
    for (const auto& [from, to] : {std::pair{-2.0, 3.0},
                                   {4.0, 7.0},
                                   {10.0, 10.8},
                                   {29.5, 30.5},
                                   {54.0, 56.5},
                                   {0.0, 60.0},
                                   {57.0, 80.0}}) {
      EXPECT_NEAR(heater.mean_c(from, to), midpoint_mean(heater, from, to), 1e-5) << from << " to " << to;
    }
    heater.hold(30);  // the second pass has this kink too
  }
  EXPECT_DOUBLE_EQ(heater.mean_c(12, 12), heater.temperature_c(12));
}

TEST(Heater, HoldsWhereTheCommandFindsIt) {
  Heater heater = example();
  heater.hold(25);
  EXPECT_DOUBLE_EQ(heater.temperature_c(20), 65);
  EXPECT_DOUBLE_EQ(heater.temperature_c(25), 70);
  EXPECT_DOUBLE_EQ(heater.temperature_c(59), 70);
  EXPECT_EQ(heater.state(20), stream::RAMPING);
  EXPECT_EQ(heater.state(26), stream::HOLDING);
  heater.hold(40);
  EXPECT_DOUBLE_EQ(heater.temperature_c(59), 70);
}

}  // namespace
}  // namespace glasswatch::simulation
