#include "simulators/virtual_holder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/simulators/example_scenario.h"

namespace glasswatch::simulation {
namespace {

// The example of one minute, with its stage drifting at 6 nm/min and nothing else.
scenario::Scenario drifting() {
  auto scenario = example_scenario();
  auto& stage = *scenario.mutable_stage();
  stage.set_drift_nm_per_min(6);
  stage.set_drift_wander_nm(0);
  return scenario;
}

struct Rig {
  explicit Rig(const scenario::Scenario& scenario)
      : stage(scenario),
        heater(scenario.ramp()),
        holder(scenario, heater, stage,
               {.start_utc_ns = kExampleStartNs, .end_utc_ns = kExampleStartNs + to_ns(60)}) {}

  std::vector<stream::EnvironmentSample> samples() {
    std::vector<stream::EnvironmentSample> out;
    while (holder.due_utc_ns()) {
      const Message message = holder.take();
      if (message.header.has_environment()) out.push_back(message.header.environment());
    }
    return out;
  }

  StageMotion stage;
  Heater heater;
  VirtualHolder holder;
};

TEST(VirtualHolder, WithoutAStageSectionNothingDrifts) {
  for (const auto& sample : Rig(example_scenario()).samples()) {
    ASSERT_EQ(sample.drift_row_nm(), 0);
    ASSERT_EQ(sample.drift_column_nm(), 0);
    ASSERT_EQ(sample.drift_correction(), stream::NOT_APPLIED);
    ASSERT_EQ(sample.focus_score(), 1);
  }
}

// 0.1 nm/s from the start, read with 0.02 nm of noise along each axis.
TEST(VirtualHolder, ReportsTheDriftThatNobodyCorrects) {
  Rig rig(drifting());
  const auto samples = rig.samples();
  const auto& truth = rig.holder.truth();
  ASSERT_EQ(samples.size(), truth.size());
  double noise_square = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const double t_s =
        std::max(0.0, static_cast<double>(truth[i].camera_time_utc_ns - kExampleStartNs) * 1e-9);
    ASSERT_NEAR(std::hypot(truth[i].stage.drift_row_nm, truth[i].stage.drift_column_nm), 0.1 * t_s, 1e-9);
    ASSERT_EQ(samples[i].drift_correction(), stream::NOT_APPLIED);
    const double row_nm = samples[i].drift_row_nm() - truth[i].stage.drift_row_nm;
    const double column_nm = samples[i].drift_column_nm() - truth[i].stage.drift_column_nm;
    noise_square += row_nm * row_nm + column_nm * column_nm;
  }
  // 2 n squares of Gaussians: five standard deviations.
  const double n = 2 * static_cast<double>(samples.size());
  EXPECT_NEAR(noise_square / n, 0.02 * 0.02, 5 * 0.02 * 0.02 * std::sqrt(2 / n));
}

// Every 5 s the stage takes back all of 0.5 nm; six standard deviations of noise are 0.12 nm.
TEST(VirtualHolder, ReportsWhatTheStageHasTakenBack) {
  auto scenario = drifting();
  scenario.mutable_stage()->set_correction(1);
  Rig rig(scenario);
  const auto samples = rig.samples();
  const auto& truth = rig.holder.truth();
  for (std::size_t i = 0; i < samples.size(); ++i) {
    ASSERT_EQ(samples[i].drift_correction(), stream::APPLIED_BY_STAGE);
    const double t_s = static_cast<double>(truth[i].camera_time_utc_ns - kExampleStartNs) * 1e-9;
    const double applied_nm = 0.5 * std::max(0.0, std::floor(t_s / 5));
    ASSERT_NEAR(std::hypot(samples[i].drift_row_nm(), samples[i].drift_column_nm()), applied_nm, 0.12) << t_s;
  }
  EXPECT_GE(truth.back().stage.applied_row_nm * truth.back().stage.drift_row_nm, 0) << "the same direction";
}

TEST(VirtualHolder, RecentringIsAlsoACorrection) {
  auto scenario = drifting();
  scenario.mutable_stage()->set_recentre_nm(3);
  EXPECT_EQ(Rig(scenario).samples().back().drift_correction(), stream::APPLIED_BY_STAGE);
}

TEST(VirtualHolder, StampsByItsOwnClockAndIsDueByTheCameras) {
  auto scenario = drifting();
  scenario.mutable_stage()->set_clock_offset_s(-7);
  scenario.mutable_stage()->set_clock_drift_ppm(1000);
  Rig rig(scenario);
  EXPECT_EQ(rig.holder.stamp_utc_ns(kExampleStartNs), kExampleStartNs - to_ns(7));
  EXPECT_EQ(rig.holder.stamp_utc_ns(kExampleStartNs + to_ns(10)), kExampleStartNs + to_ns(10 - 7 + 0.01));
  EXPECT_EQ(*rig.holder.due_utc_ns(), kExampleStartNs - to_ns(1));
  EXPECT_EQ(rig.holder.take().header.environment_start().start_utc_ns(),
            kExampleStartNs - to_ns(1 + 7 + 0.001));
  while (rig.holder.truth().size() < 700) {
    const std::int64_t due = *rig.holder.due_utc_ns();
    const Message message = rig.holder.take();
    const double t_s = static_cast<double>(due - kExampleStartNs) * 1e-9;
    // Rounded to nanoseconds twice.
    ASSERT_NEAR(static_cast<double>(message.header.environment().time_utc_ns() - due),
                (-7 + 0.001 * t_s) * 1e9, 2);
    ASSERT_EQ(rig.holder.truth().back().camera_time_utc_ns, due);
    ASSERT_EQ(rig.holder.truth().back().time_utc_ns, message.header.environment().time_utc_ns());
  }
}

TEST(VirtualHolder, EndsByTheClockThatPacesIt) {
  auto scenario = drifting();
  scenario.mutable_stage()->set_clock_offset_s(3600);
  Rig rig(scenario);
  while (rig.holder.truth().size() < 5) rig.holder.take();
  rig.holder.finish(stream::SeriesEnd::STOPPED_BY_OPERATOR, "");
  EXPECT_EQ(rig.holder.due_utc_ns(), rig.holder.truth().back().camera_time_utc_ns);
  EXPECT_TRUE(rig.holder.take().header.has_series_end());
}

// On the ramp of 1 K/s, 20 s after its beginning, a specimen with 3 s of lag is 3 K (1 - e^-20/3) behind.
TEST(VirtualHolder, ReportsTheSetpointAndMeasuresTheSpecimen) {
  auto scenario = example_scenario();
  scenario.mutable_ramp()->set_lag_s(3);
  scenario.mutable_ramp()->set_noise_c(0);
  Rig rig(scenario);
  const auto samples = rig.samples();
  int on_ramp = 0;
  for (const auto& sample : samples) {
    const double t_s = static_cast<double>(sample.time_utc_ns() - kExampleStartNs) * 1e-9;
    if (t_s < 25 || t_s > 54) continue;
    ++on_ramp;
    ASSERT_NEAR(sample.temperature_set_c(), 45 + t_s, 1e-9);
    ASSERT_NEAR(sample.temperature_set_c() - sample.temperature_c(), 3 * (1 - std::exp(-(t_s - 5) / 3)),
                1e-9);
  }
  EXPECT_GT(on_ramp, 300);
}

TEST(VirtualHolder, FocusScoreFallsWithTheDefocus) {
  auto scenario = drifting();
  scenario.mutable_stage()->set_defocus_drift_nm_per_min(10);
  Rig rig(scenario);
  EXPECT_NEAR(rig.samples().back().focus_score(), 0.5, 0.01);  // 10 nm after the minute
  EXPECT_NEAR(rig.holder.truth().back().stage.defocus_nm, 10, 0.1);
}

}  // namespace
}  // namespace glasswatch::simulation
