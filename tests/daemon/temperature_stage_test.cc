#include "daemon/pipeline/temperature_stage.h"

#include <gtest/gtest.h>

#include <cmath>

#include "protocol/configuration/configuration.h"

namespace glasswatch {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

class Temperatures : public ::testing::Test {
 protected:
  void begin(const std::string& configuration, stream::ClockKind camera, stream::ClockKind environment) {
    configuration_ = parse_configuration(configuration, "t", "/");
    stage_.emplace(configuration_);
    stream::SeriesStart series;
    series.mutable_clock()->set_kind(camera);
    stage_->begin_series(series);
    stream::EnvironmentStart start;
    start.mutable_clock()->set_kind(environment);
    stage_->begin_environment(start);
  }
  // A sample of the ramp 100 C + 2 K/s on the holder's clock.
  void sample(double time_s, double temperature_c, std::int64_t sent = 0, std::int64_t received = 0) {
    EnvironmentSampled item;
    item.sample.set_time_utc_ns(std::llround(time_s * kSecond));
    item.sample.set_temperature_c(temperature_c);
    item.sent_utc_ns = sent;
    item.received_utc_ns = received;
    stage_->add(item);
  }
  void ramp(double from_s, double to_s) {
    for (int i = 0; from_s + 0.1 * i <= to_s; ++i) sample(from_s + 0.1 * i, 100 + 2 * (from_s + 0.1 * i));
  }
  static FrameInfo frame(double start_s, double end_s) {
    FrameInfo info;
    info.exposure_start_utc_ns = std::llround(start_s * kSecond);
    info.exposure_end_utc_ns = std::llround(end_s * kSecond);
    return info;
  }
  result::FrameResult tag(const FrameInfo& info) {
    result::FrameResult result;
    stage_->tag(info, result);
    EXPECT_EQ(result.temperature().validity() == result::VALID, result.temperature().reason().empty());
    EXPECT_EQ(result.temperature().validity() == result::VALID,
              std::isfinite(result.temperature().value_c()));
    EXPECT_EQ(result.temperature().validity() != result::VALID,
              (result.flags() & kFlagTemperatureInvalid) != 0);
    return result;
  }
  result::Validity validity(const FrameInfo& info) { return tag(info).temperature().validity(); }

  config::Configuration configuration_;
  std::optional<TemperatureStage> stage_;
};

TEST_F(Temperatures, RecordedClocksShareOneTimeLine) {
  begin("", stream::RECORDED_CLOCK, stream::RECORDED_CLOCK);
  ramp(1, 20);
  const auto result = tag(frame(10.2, 11.0));
  EXPECT_NEAR(result.temperature().value_c(), 100 + 2 * 10.6, 1e-9);
  EXPECT_NEAR(result.temperature().rate_k_per_s(), 2, 1e-6);
  EXPECT_NEAR(result.temperature().smear_k(), 1.6, 1e-6);
}

TEST_F(Temperatures, DeclaredOffsetsShiftTheExposure) {
  // Camera 3 s ahead of the daemon, holder 1 s behind: camera time 14 is holder time 10.
  begin(
      "camera { kind: \"ceta\" endpoint: \"x\" clock_offset_s: 3 clock_sigma_s: 0.25 }"
      "environment { kind: \"axon\" endpoint: \"x\" clock_offset_s: -1 clock_sigma_s: 0 }",
      stream::RECORDED_CLOCK, stream::LIVE_CLOCK);
  ramp(1, 20);
  const auto result = tag(frame(14, 15));
  EXPECT_NEAR(result.temperature().value_c(), 100 + 2 * 10.5, 1e-9);
  EXPECT_GE(result.temperature().sigma_c(), 0.5);  // 2 K/s x 0.25 s
  EXPECT_LE(result.temperature().sigma_c(), 0.55);
}

TEST_F(Temperatures, MixedClocksAreUnrelated) {
  begin("", stream::LIVE_CLOCK, stream::RECORDED_CLOCK);
  ramp(1, 20);
  EXPECT_EQ(validity(frame(10, 11)), result::CLOCKS_UNRELATED);
}

TEST_F(Temperatures, LiveClocksAreMeasuredFromArrival) {
  begin("", stream::LIVE_CLOCK, stream::LIVE_CLOCK);
  // Holder clock 5 s ahead of the daemon's, camera clock 2 s behind; transport 1 ms.
  for (int i = 10; i < 200; ++i) {
    const double holder_s = 0.1 * i;
    const auto sent = std::llround(holder_s * kSecond) + kSecond * 1000;
    sample(holder_s + 1000, 100 + 2 * holder_s, sent, sent - 5 * kSecond + 1'000'000);
    FrameInfo info = frame(0, 0);
    info.sent_utc_ns = sent;
    info.received_utc_ns = sent + 2 * kSecond + 1'000'000;
    stage_->observe(info);
  }
  // Camera time t is daemon time t + 2 and holder time t + 7.
  const auto result = tag(frame(1003.0, 1004.0));
  ASSERT_EQ(result.temperature().validity(), result::VALID) << result.temperature().reason();
  EXPECT_NEAR(result.temperature().value_c(), 100 + 2 * 10.5, 3 * result.temperature().sigma_c());
  EXPECT_LT(result.temperature().sigma_c(), 0.2);
  EXPECT_NEAR(stage_->camera_offset_s(), -2, 0.01);
  EXPECT_NEAR(stage_->environment_offset_s(), 5, 0.01);
}

TEST_F(Temperatures, EveryInvalidStateHasItsReason) {
  config::Configuration empty;
  TemperatureStage fresh(empty);
  result::FrameResult result;
  fresh.tag(frame(1, 2), result);
  EXPECT_EQ(result.temperature().validity(), result::NO_TEMPERATURE);

  begin("temperature { max_gap_s: 1 max_c: 500 }", stream::RECORDED_CLOCK, stream::RECORDED_CLOCK);
  ramp(1, 20);
  EXPECT_EQ(validity(frame(25, 26)), result::STALE);  // beyond the last sample
  begin("temperature { max_gap_s: 1 max_c: 500 }", stream::RECORDED_CLOCK, stream::RECORDED_CLOCK);
  ramp(1, 5);
  for (int i = 51; i < 100; ++i) sample(0.1 * i, 9999);
  ramp(10, 20);
  EXPECT_EQ(validity(frame(7, 8)), result::OUT_OF_RANGE);
  begin("temperature { max_gap_s: 1 }", stream::RECORDED_CLOCK, stream::RECORDED_CLOCK);
  ramp(1, 5);
  for (int i = 51; i < 100; ++i) sample(0.1 * i, std::nan(""));
  ramp(10, 20);
  EXPECT_EQ(validity(frame(7, 8)), result::NOT_FINITE);
}

TEST_F(Temperatures, TheResultDoesNotDependOnHowEarlySamplesArrive) {
  begin("", stream::RECORDED_CLOCK, stream::RECORDED_CLOCK);
  double wave = 0;
  const auto wavy = [&](double t) { return 100 + 2 * t + 0.3 * std::sin(7 * t) + wave; };
  for (int i = 0; i < 400; ++i) sample(0.1 * i, wavy(0.1 * i));
  const auto early = tag(frame(10, 11)).temperature();
  begin("", stream::RECORDED_CLOCK, stream::RECORDED_CLOCK);
  int next = 0;
  while (!stage_->settled(frame(10, 11))) {
    sample(0.1 * next, wavy(0.1 * next));
    ++next;
  }
  const auto just_in_time = tag(frame(10, 11)).temperature();
  EXPECT_EQ(early.value_c(), just_in_time.value_c());
  EXPECT_EQ(early.sigma_c(), just_in_time.sigma_c());
  EXPECT_EQ(early.rate_k_per_s(), just_in_time.rate_k_per_s());
}

TEST_F(Temperatures, SettledWhenCoveredOrEnded) {
  begin("", stream::RECORDED_CLOCK, stream::RECORDED_CLOCK);
  ramp(1, 5);
  EXPECT_TRUE(stage_->settled(frame(3, 4)));
  EXPECT_FALSE(stage_->settled(frame(5, 6)));
  stage_->end_environment();
  EXPECT_TRUE(stage_->settled(frame(5, 6)));
}

TEST_F(Temperatures, OneBrokenStampDoesNotCostTheTemperature) {
  begin("", stream::RECORDED_CLOCK, stream::RECORDED_CLOCK);
  ramp(1, 9);
  sample(1e8, 20);
  ramp(9.1, 20);
  EXPECT_EQ(validity(frame(10.2, 11.0)), result::VALID);
  EXPECT_EQ(stage_->implausible_samples(), 1u);
}

TEST_F(Temperatures, AJumpOfTheHoldersClockIsBelievedAtTheSecondSample) {
  begin("", stream::RECORDED_CLOCK, stream::RECORDED_CLOCK);
  ramp(1, 9);
  for (int i = 0; i < 200; ++i) sample(100'000 + 0.1 * i, 100 + 0.2 * i);
  EXPECT_EQ(validity(frame(100'010, 100'011)), result::VALID);
  EXPECT_EQ(stage_->implausible_samples(), 1u);
}

TEST_F(Temperatures, DriftIsTheLastVectorKnown) {
  begin("", stream::RECORDED_CLOCK, stream::RECORDED_CLOCK);
  for (int i = 0; i < 30; ++i) {
    EnvironmentSampled item;
    item.sample.set_time_utc_ns(i * kSecond / 10);
    item.sample.set_drift_row_nm(i);
    item.sample.set_drift_column_nm(-i);
    item.sample.set_drift_correction(stream::APPLIED_BY_STAGE);
    stage_->add(item);
  }
  const auto drift = tag(frame(0.5, 1.05)).drift();
  EXPECT_EQ(drift.validity(), result::VALID);
  EXPECT_EQ(drift.row_nm(), 10);
  EXPECT_EQ(drift.column_nm(), -10);
  EXPECT_EQ(drift.correction(), stream::APPLIED_BY_STAGE);
  EXPECT_EQ(tag(frame(10, 11)).drift().validity(), result::STALE);
}

}  // namespace
}  // namespace glasswatch
