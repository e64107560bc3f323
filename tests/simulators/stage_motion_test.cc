#include "simulators/stage_motion.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace glasswatch::simulation {
namespace {

// No motion but what the test sets.
scenario::Scenario at_rest(std::uint64_t seed = 5) {
  scenario::Scenario scenario;
  scenario.set_seed(seed);
  scenario.mutable_stage()->set_drift_nm_per_min(0);
  scenario.mutable_stage()->set_drift_wander_nm(0);
  return scenario;
}

double length_nm(double row_nm, double column_nm) {
  return std::hypot(row_nm, column_nm);
}

TEST(StageMotion, NothingMovesWithoutAStageSection) {
  StageMotion motion{scenario::Scenario()};
  for (const double time_s : {-5.0, 0.0, 1.0, 1e5}) {
    const StageState state = motion.at(time_s);
    EXPECT_EQ(length_nm(state.drift_row_nm, state.drift_column_nm), 0);
    EXPECT_EQ(length_nm(state.applied_row_nm, state.applied_column_nm), 0);
    EXPECT_EQ(state.defocus_nm, 0);
    EXPECT_EQ(state.focus_score, 1);
    EXPECT_EQ(motion.clock_offset_s(time_s), 0);
    EXPECT_EQ(motion.next_pause(time_s), std::nullopt);
  }
}

TEST(StageMotion, SteadyDriftHasItsSpeedAndOneDirection) {
  auto scenario = at_rest();
  scenario.mutable_stage()->set_drift_nm_per_min(3);
  StageMotion motion(scenario);
  const StageState one = motion.at(60);
  EXPECT_NEAR(length_nm(one.drift_row_nm, one.drift_column_nm), 3, 1e-12);
  const StageState ten = motion.at(600);
  EXPECT_NEAR(ten.drift_row_nm, 10 * one.drift_row_nm, 1e-12);
  EXPECT_NEAR(ten.drift_column_nm, 10 * one.drift_column_nm, 1e-12);
  EXPECT_EQ(motion.at(-100).drift_row_nm, 0) << "before the run as at its start";
}

// The mean of n unit vectors of random direction is longer than 0.2 with a probability of exp(-0.04 n): 1e-7.
TEST(StageMotion, TheDirectionIsRandomFromSeedToSeed) {
  constexpr int kSeeds = 400;
  double row_nm = 0;
  double column_nm = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    auto scenario = at_rest(seed);
    scenario.mutable_stage()->set_drift_nm_per_min(60);
    const StageState state = StageMotion(scenario).at(1);
    row_nm += state.drift_row_nm / kSeeds;
    column_nm += state.drift_column_nm / kSeeds;
  }
  EXPECT_LT(length_nm(row_nm, column_nm), 0.2);
}

// Time average of the variance: A^2 / 2 an axis. Beats of neighbouring periods average out as the inverse of
// the time: ten seeds of 10^5 s, 80 to 800 periods each, agree to a few per cent.
TEST(StageMotion, WanderHasTheRmsOfOneSinusoidAndIsSlow) {
  constexpr double kAmplitudeNm = 2;
  constexpr double kStepS = 10;
  constexpr int kSteps = 10'000;
  constexpr int kSeeds = 10;
  double variance = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    auto scenario = at_rest(seed);
    scenario.mutable_stage()->set_drift_wander_nm(kAmplitudeNm);
    StageMotion motion(scenario);
    EXPECT_EQ(motion.at(0).drift_row_nm, 0);
    double sum = 0;
    double sum_of_squares = 0;
    double previous_nm = 0;
    for (int i = 0; i < kSteps; ++i) {
      const double row_nm = motion.at(i * kStepS).drift_row_nm;
      sum += row_nm;
      sum_of_squares += row_nm * row_nm;
      // Four waves of A/2 with periods of 2 min or more.
      ASSERT_LE(std::abs(row_nm - previous_nm), 2 * kAmplitudeNm * 2 * std::numbers::pi / 120 * kStepS);
      previous_nm = row_nm;
    }
    variance += (sum_of_squares - sum * sum / kSteps) / kSteps / kSeeds;
  }
  EXPECT_NEAR(variance, kAmplitudeNm * kAmplitudeNm / 2, 0.05 * kAmplitudeNm * kAmplitudeNm / 2);
}

TEST(StageMotion, AxesAndSeedsWanderDifferently) {
  auto scenario = at_rest(1);
  scenario.mutable_stage()->set_drift_wander_nm(2);
  const StageState one = StageMotion(scenario).at(333);
  EXPECT_NE(one.drift_row_nm, one.drift_column_nm);
  scenario.set_seed(2);
  EXPECT_NE(StageMotion(scenario).at(333).drift_row_nm, one.drift_row_nm);
}

// Under a steady drift v the residual after a correction tends to r = (1 - c)(r + v P), r = v P (1 - c) / c.
TEST(StageMotion, CorrectionLeavesTheShareItLeaves) {
  auto scenario = at_rest();
  auto& stage = *scenario.mutable_stage();
  stage.set_drift_nm_per_min(6);
  stage.set_correction(0.8);
  stage.set_correction_period_s(5);
  StageMotion motion(scenario);
  const StageState first = motion.at(5.001);
  EXPECT_NEAR(length_nm(first.applied_row_nm, first.applied_column_nm), 0.8 * 0.5, 1e-12);
  EXPECT_EQ(motion.at(4.999).applied_row_nm, 0);
  const StageState late = motion.at(500);
  EXPECT_NEAR(length_nm(late.residual_row_nm(), late.residual_column_nm()), 0.5 * 0.2 / 0.8, 1e-9);
  EXPECT_EQ(motion.at(504.9).applied_row_nm, late.applied_row_nm) << "it moves in steps";
}

TEST(StageMotion, FullCorrectionFollowsTheWander) {
  auto scenario = at_rest();
  auto& stage = *scenario.mutable_stage();
  stage.set_drift_wander_nm(4);
  stage.set_correction(1);
  stage.set_correction_period_s(7);
  StageMotion motion(scenario);
  for (int i = 1; i < 200; ++i) {
    const StageState state = motion.at(7.0 * i + 1e-9);
    // In a nanosecond it moves by less than 1e-9 nm.
    EXPECT_NEAR(state.residual_row_nm(), 0, 1e-9);
    EXPECT_NEAR(state.residual_column_nm(), 0, 1e-9);
    EXPECT_GT(length_nm(state.drift_row_nm, state.drift_column_nm), 0);
  }
}

// 0.5 nm from correction to correction: beyond 2.2 nm with the fifth.
TEST(StageMotion, RecentringJumpsBackToZero) {
  auto scenario = at_rest();
  auto& stage = *scenario.mutable_stage();
  stage.set_drift_nm_per_min(6);
  stage.set_recentre_nm(2.2);
  stage.set_correction_period_s(5);
  StageMotion motion(scenario);
  const auto applied_nm = [&](double time_s) {
    const StageState state = motion.at(time_s);
    return length_nm(state.applied_row_nm, state.applied_column_nm);
  };
  EXPECT_EQ(applied_nm(24.9), 0);
  EXPECT_NEAR(applied_nm(25.1), 2.5, 1e-12);
  EXPECT_NEAR(applied_nm(49.9), 2.5, 1e-12);
  EXPECT_NEAR(applied_nm(50.1), 5, 1e-12);
}

TEST(StageMotion, DoesNotDependOnWhatWasAskedBefore) {
  auto scenario = at_rest();
  auto& stage = *scenario.mutable_stage();
  stage.set_drift_nm_per_min(2);
  stage.set_drift_wander_nm(2);
  stage.set_correction(0.5);
  stage.set_recentre_nm(3);
  StageMotion backwards(scenario);
  for (double time_s = 2000; time_s >= 0; time_s -= 13.7) {
    const StageState state = backwards.at(time_s);
    const StageState alone = StageMotion(scenario).at(time_s);
    ASSERT_EQ(state.applied_row_nm, alone.applied_row_nm) << time_s;
    ASSERT_EQ(state.applied_column_nm, alone.applied_column_nm) << time_s;
    ASSERT_EQ(state.drift_row_nm, alone.drift_row_nm) << time_s;
  }
}

TEST(StageMotion, PausesFollowTheObservation) {
  auto scenario = at_rest();
  scenario.mutable_stage()->set_refocus_every_s(100);
  scenario.mutable_stage()->set_refocus_wait_s(20);
  const StageMotion motion(scenario);
  for (const double time_s : {-5.0, 0.0, 99.0, 100.0, 119.9}) {
    ASSERT_TRUE(motion.next_pause(time_s));
    EXPECT_EQ(motion.next_pause(time_s)->begin_s, 100) << time_s;
    EXPECT_EQ(motion.next_pause(time_s)->end_s, 120) << time_s;
  }
  EXPECT_EQ(motion.next_pause(120)->begin_s, 220);
  EXPECT_EQ(motion.next_pause(239)->end_s, 240);
}

// Numbers that binary fractions do not hold: the end of one pause must always lead to the next.
TEST(StageMotion, PausesNeverRepeat) {
  auto scenario = at_rest();
  scenario.mutable_stage()->set_refocus_every_s(0.1);
  scenario.mutable_stage()->set_refocus_wait_s(0.7 / 3);
  const StageMotion motion(scenario);
  auto pause = motion.next_pause(0);
  for (int i = 1; i < 20'000; ++i) {
    const auto next = motion.next_pause(pause->end_s);
    ASSERT_NEAR(next->begin_s - pause->begin_s, 1.0 / 3, 1e-9) << i;
    pause = next;
  }
}

TEST(StageMotion, FocusDriftsUntilItIsSetAnew) {
  auto scenario = at_rest();
  auto& stage = *scenario.mutable_stage();
  stage.set_defocus_drift_nm_per_min(-6);
  EXPECT_NEAR(StageMotion(scenario).at(1000).defocus_nm, -100, 1e-9) << "nobody refocuses";
  stage.set_refocus_every_s(100);
  stage.set_refocus_wait_s(20);
  StageMotion motion(scenario);
  EXPECT_NEAR(motion.at(50).defocus_nm, -5, 1e-12);
  EXPECT_NEAR(motion.at(50).focus_score, 0.8, 1e-12);  // 1 / (1 + 1/4)
  EXPECT_NEAR(motion.at(100).focus_score, 0.5, 1e-12);
  EXPECT_NEAR(motion.at(110).defocus_nm, -11, 1e-12);
  EXPECT_EQ(motion.at(120).defocus_nm, 0);
  EXPECT_EQ(motion.at(120).focus_score, 1);
  EXPECT_NEAR(motion.at(130).defocus_nm, -1, 1e-12);
}

TEST(StageMotion, TheHolderClockIsAheadAndDrifts) {
  auto scenario = at_rest();
  scenario.mutable_stage()->set_clock_offset_s(1.5);
  scenario.mutable_stage()->set_clock_drift_ppm(20);
  const StageMotion motion(scenario);
  EXPECT_DOUBLE_EQ(motion.clock_offset_s(0), 1.5);
  EXPECT_DOUBLE_EQ(motion.clock_offset_s(1000), 1.52);
}

}  // namespace
}  // namespace glasswatch::simulation
