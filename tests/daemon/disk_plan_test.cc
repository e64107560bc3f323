// What is refused before a recording begins, and what a disk can take.
#include "daemon/recording/disk_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>

namespace glasswatch {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::uint64_t kMib = 1024 * 1024;

// 1024 x 1024 int16: 2 MiB a frame, ten a second.
stream::SeriesStart series(std::uint64_t frames, double period_s = 0.1,
                           stream::ClockKind clock = stream::LIVE_CLOCK) {
  stream::SeriesStart start;
  start.mutable_camera()->set_rows(1024);
  start.mutable_camera()->set_columns(1024);
  start.mutable_camera()->set_pixel_type(stream::I2);
  start.mutable_timing()->set_frame_period_s(period_s);
  start.mutable_clock()->set_kind(clock);
  start.set_expected_frames(frames);
  return start;
}

config::Recording settings() {
  config::Recording settings;
  settings.set_directory("/data");
  settings.set_reserve_mib(500);
  settings.set_min_duration_s(60);
  return settings;
}

TEST(DiskPlan, SaysHowLongTheDiskLasts) {
  const RecordingPlan plan = plan_recording(series(0), {2500 * kMib, 100.0 * kMib}, settings());
  EXPECT_THAT(plan.refusal, IsEmpty());
  EXPECT_DOUBLE_EQ(plan.bytes_per_s, 20.0 * kMib);
  EXPECT_DOUBLE_EQ(plan.lasts_s, 100);  // 2000 MiB beside the reserve
}

TEST(DiskPlan, RefusesWhatTheDiskCannotWriteAsFastAsItComes) {
  const RecordingPlan plan = plan_recording(series(10), {1 << 30, 19.0 * kMib}, settings());
  EXPECT_THAT(plan.refusal, HasSubstr("come at 20 MiB/s"));
  EXPECT_THAT(plan.refusal, HasSubstr("writes 19 MiB/s"));
}

TEST(DiskPlan, ARecordedSourceWaitsForASlowDisk) {
  const auto start = series(10, 0.1, stream::RECORDED_CLOCK);
  EXPECT_THAT(plan_recording(start, {std::uint64_t{1} << 30, 1.0 * kMib}, settings()).refusal, IsEmpty());
}

TEST(DiskPlan, RefusesASeriesThatDoesNotFitBesideTheReserve) {
  EXPECT_THAT(plan_recording(series(1000), {2500 * kMib, 1e9}, settings()).refusal, IsEmpty());
  const RecordingPlan plan = plan_recording(series(1001), {2500 * kMib, 1e9}, settings());
  EXPECT_THAT(plan.refusal, HasSubstr("the series needs up to 2002 MiB and 2000 MiB are free"));
  EXPECT_THAT(plan.refusal, HasSubstr("the disk lasts 100 s"));
}

TEST(DiskPlan, RefusesAnEndlessSeriesThatADiskTakesForLessThanTheMinimum) {
  EXPECT_THAT(plan_recording(series(0), {1700 * kMib, 1e9}, settings()).refusal, IsEmpty());
  const RecordingPlan plan = plan_recording(series(0), {1699 * kMib, 1e9}, settings());
  EXPECT_THAT(plan.refusal, HasSubstr("recording.min_duration_s needs up to 1200 MiB"));
}

TEST(DiskPlan, AFullDiskIsRefusedAtAnyRate) {
  const RecordingPlan plan = plan_recording(series(0, 0), {500 * kMib, 0}, settings());
  EXPECT_THAT(plan.refusal, HasSubstr("0 MiB are free"));
  EXPECT_TRUE(std::isinf(plan.lasts_s));
}

TEST(DiskPlan, MeasuresAndLeavesNothingBehind) {
  const auto directory =
      std::filesystem::path(::testing::TempDir()) / ("disk_plan" + std::to_string(::getpid()));
  std::filesystem::create_directory(directory);
  EXPECT_GT(measure_write_speed(directory, 4 * kMib), 0);
  EXPECT_GT(free_bytes(directory), 0u);
  EXPECT_TRUE(std::filesystem::is_empty(directory));
  std::filesystem::remove(directory);
  EXPECT_THROW(measure_write_speed(directory, kMib), std::runtime_error);
  EXPECT_THROW(free_bytes(directory), std::runtime_error);
}

}  // namespace
}  // namespace glasswatch
