#include "simulators/heater.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

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

Heater lagging(double lag_s, std::vector<Pause> holds = {}) {
  scenario::Ramp ramp = example_scenario().ramp();
  ramp.set_lag_s(lag_s);
  return Heater(ramp, std::move(holds));
}

// The set temperature of the example and its integral from 0, written down here: 50 to 5 s, then 1 K/s to 55
// s.
double example_setpoint_c(double time_s) {
  return 50 + std::clamp(time_s - 5, 0.0, 50.0);
}
double example_setpoint_integral_c_s(double time_s) {
  const double on_ramp_s = std::clamp(time_s - 5, 0.0, 50.0);
  return 50 * time_s + on_ramp_s * on_ramp_s / 2 + 50 * std::max(0.0, time_s - 55);
}

TEST(Heater, WithoutLagTheSpecimenIsAtTheSetpoint) {
  const Heater heater = example();
  for (double time_s = -3; time_s < 80; time_s += 0.37) {
    EXPECT_EQ(heater.temperature_c(time_s), heater.setpoint_c(time_s));
    EXPECT_NEAR(heater.setpoint_c(time_s), example_setpoint_c(time_s), 1e-12);
  }
}

// Runge-Kutta of fourth order for T' = (S - T) / lag in steps h. It errs by about (h / lag)^4 / 120 of the
// change where S is straight, and the kinks of S at 5 and 55 s fall on steps.
TEST(Heater, TheSpecimenFollowsWithTheLag) {
  constexpr double kStepS = 0.01;
  for (const double lag_s : {0.3, 4.0, 60.0}) {
    const Heater heater = lagging(lag_s);
    const auto slope = [&](double t, double c) { return (example_setpoint_c(t) - c) / lag_s; };
    double temperature_c = 50;
    for (int i = 0; i < 9000; ++i) {
      const double t = i * kStepS;
      if (i % 100 == 0) {
        EXPECT_NEAR(heater.temperature_c(t), temperature_c, 1e-6) << lag_s << " at " << t;
      }
      const double k1 = slope(t, temperature_c);
      const double k2 = slope(t + kStepS / 2, temperature_c + kStepS / 2 * k1);
      const double k3 = slope(t + kStepS / 2, temperature_c + kStepS / 2 * k2);
      const double k4 = slope(t + kStepS, temperature_c + kStepS * k3);
      temperature_c += kStepS / 6 * (k1 + 2 * k2 + 2 * k3 + k4);
    }
  }
}

TEST(Heater, OnALongRampItIsBehindByRateTimesLag) {
  const Heater heater = lagging(2);
  EXPECT_NEAR(heater.setpoint_c(50) - heater.temperature_c(50), 2, 2 * std::exp(-45.0 / 2) + 1e-12);
  EXPECT_NEAR(100 - heater.temperature_c(57), 2 * std::exp(-1.0), 1e-9)
      << "e^-1 of it two seconds after the end";
}

// The integral of T' = (S - T) / lag: mean T = mean S - lag (T(b) - T(a)) / (b - a).
TEST(Heater, MeanUnderLagKeepsTheBalance) {
  for (const double lag_s : {0.05, 3.0, 500.0}) {
    const Heater heater = lagging(lag_s);
    for (const auto& [from, to] : {std::pair{0.0, 3.0},
                                   {4.0, 7.0},
                                   {10.0, 10.8},
                                   {20.0, 20.001},
                                   {54.0, 56.5},
                                   {0.0, 60.0},
                                   {57.0, 80.0}}) {
      const double setpoint_mean_c =
          (example_setpoint_integral_c_s(to) - example_setpoint_integral_c_s(from)) / (to - from);
      const double risen_c = heater.temperature_c(to) - heater.temperature_c(from);
      // Differences of temperatures near 100 carry 2e-14, the quotient makes them 1e-14 lag / (b - a).
      EXPECT_NEAR(heater.mean_c(from, to), setpoint_mean_c - lag_s * risen_c / (to - from),
                  1e-9 + 2e-13 * lag_s / (to - from))
          << lag_s << ": " << from << " to " << to;
    }
  }
}

TEST(Heater, MeanReachesBeforeTheProgram) {
  scenario::Ramp ramp = example_scenario().ramp();
  ramp.set_hold_before_s(0);
  EXPECT_NEAR(Heater(ramp).mean_c(-2, 2), (2 * 50 + 2 * 51) / 4.0, 1e-12);
  ramp.set_lag_s(1);
  const Heater heater(ramp);
  EXPECT_EQ(heater.temperature_c(-1e6), 50);
  // T = 50 + t - (1 - e^-t) on the ramp.
  EXPECT_NEAR(heater.mean_c(-2, 2), 50 + (2 - (2 - (1 - std::exp(-2.0)))) / 4, 1e-12);
}

TEST(Heater, TheProgramWaitsDuringHolds) {
  // One in the first hold, two on the ramp, one in the last hold, one after the end.
  const Heater heater = lagging(0, {{1, 3}, {10, 20}, {30, 35}, {75, 76}, {500, 600}});
  EXPECT_DOUBLE_EQ(heater.program_s(), 60 + 2 + 10 + 5 + 1);
  EXPECT_DOUBLE_EQ(heater.temperature_c(7), 50);
  EXPECT_DOUBLE_EQ(heater.temperature_c(10), 53);
  EXPECT_DOUBLE_EQ(heater.temperature_c(19), 53);
  EXPECT_DOUBLE_EQ(heater.temperature_c(21), 54);
  EXPECT_DOUBLE_EQ(heater.temperature_c(33), 63);
  EXPECT_DOUBLE_EQ(heater.temperature_c(36), 64);
  EXPECT_DOUBLE_EQ(heater.temperature_c(72), 100);
  EXPECT_EQ(heater.state(9), stream::RAMPING);
  EXPECT_EQ(heater.state(10), stream::HOLDING);
  EXPECT_EQ(heater.state(20), stream::RAMPING);
  EXPECT_NEAR(heater.mean_c(8, 22), midpoint_mean(heater, 8, 22), 1e-5);
}

TEST(Heater, ALaggingSpecimenCatchesUpDuringAHold) {
  const Heater heater = lagging(2, {{30, 40}});
  const double behind_c = 2 * (1 - std::exp(-25.0 / 2));  // after 25 s of ramp
  EXPECT_NEAR(75 - heater.temperature_c(30), behind_c, 1e-12);
  EXPECT_NEAR(75 - heater.temperature_c(36), behind_c * std::exp(-3.0), 1e-12);
  const double left_c = behind_c * std::exp(-5.0);
  EXPECT_NEAR(heater.setpoint_c(44) - heater.temperature_c(44),
              left_c * std::exp(-2.0) + 2 * (1 - std::exp(-2.0)), 1e-12);
}

TEST(Heater, AHoldCommandHoldsTheSetpointAndTheSpecimenRelaxes) {
  Heater heater = lagging(2);
  const double behind_c = 2 * (1 - std::exp(-20.0 / 2));
  heater.hold(25);
  EXPECT_TRUE(heater.held());
  EXPECT_DOUBLE_EQ(heater.setpoint_c(59), 70);
  EXPECT_NEAR(heater.temperature_c(25), 70 - behind_c, 1e-12);
  EXPECT_NEAR(heater.temperature_c(27), 70 - behind_c * std::exp(-1.0), 1e-12);
  EXPECT_DOUBLE_EQ(heater.program_s(), 60);
}

TEST(Heater, ChangesTheRamp) {
  Heater heater = example();
  heater.change(25, 60, 30);  // from 70 down at 0.5 K/s
  EXPECT_DOUBLE_EQ(heater.temperature_c(24), 69);
  EXPECT_DOUBLE_EQ(heater.temperature_c(35), 65);
  EXPECT_DOUBLE_EQ(heater.temperature_c(45), 60);
  EXPECT_DOUBLE_EQ(heater.temperature_c(100), 60);
  EXPECT_EQ(heater.state(25), stream::RAMPING);
  EXPECT_EQ(heater.state(45), stream::HOLDING);
  heater.change(50, 60, 30);
  EXPECT_EQ(heater.state(50), stream::HOLDING) << "it is there already";
  EXPECT_DOUBLE_EQ(heater.temperature_c(70), 60);
  EXPECT_DOUBLE_EQ(heater.program_s(), 60);
}

TEST(Heater, AChangeEndsAHoldAndMayBeHeldAgain) {
  Heater heater = example();
  heater.hold(25);
  heater.change(30, 90, 120);
  EXPECT_FALSE(heater.held());
  EXPECT_DOUBLE_EQ(heater.temperature_c(29), 70);
  EXPECT_DOUBLE_EQ(heater.temperature_c(35), 80);
  heater.hold(37);
  EXPECT_DOUBLE_EQ(heater.temperature_c(59), 84);
}

TEST(Heater, AChangedRampWaitsDuringHoldsToo) {
  Heater heater = lagging(0, {{30, 40}, {45, 50}});
  heater.change(35, 90, 60);
  EXPECT_DOUBLE_EQ(heater.temperature_c(40), 75);
  EXPECT_DOUBLE_EQ(heater.temperature_c(45), 80);
  EXPECT_DOUBLE_EQ(heater.temperature_c(50), 80);
  EXPECT_DOUBLE_EQ(heater.temperature_c(55), 85);
}

TEST(Heater, ACommandBeforeTheProgramTakesItsPlace) {
  Heater heater = example();
  heater.change(-0.5, 40, 60);
  EXPECT_DOUBLE_EQ(heater.temperature_c(-1), 50);
  EXPECT_DOUBLE_EQ(heater.temperature_c(4), 46);
  EXPECT_DOUBLE_EQ(heater.temperature_c(60), 40);
}

}  // namespace
}  // namespace glasswatch::simulation
