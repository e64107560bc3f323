#include "simulators/replay_window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "protocol/types/user_error.h"
#include "tests/simulators/memory_recording.h"

namespace glasswatch::simulation {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TemperatureCurve curve_of(const EnvironmentLog& log) {
  TemperatureCurve curve;
  curve.add(log);
  return curve;
}

// Frame i begins at second i; its middle is a quarter of a second later.
PlannedFrames one_a_second(std::uint64_t count) {
  PlannedFrames frames;
  for (std::uint64_t i = 0; i < count; ++i) frames.emplace_back(i, static_cast<double>(i));
  return frames;
}

std::vector<std::uint64_t> played(Recording& recording, const ReplayWindow& window) {
  std::vector<std::uint64_t> numbers;
  FrameCursor cursor(recording, window);
  while (const Frame frame = cursor.next()) numbers.push_back(frame.info.sequence);
  return numbers;
}

// The numbers of the frames that are played within these limits.
std::vector<std::uint64_t> within(Recording& recording, const ReplayLimits& limits,
                                  const TemperatureCurve& curve = {}) {
  Recording* const recordings[] = {&recording};
  return played(recording, find_window(recordings, limits, curve));
}

std::string complaint(const ReplayLimits& limits, const TemperatureCurve& curve) {
  MemoryRecording recording(one_a_second(10));
  try {
    within(recording, limits, curve);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ReplayWindow, TimesAreCountedFromTheFirstFrameOrGivenAsUtc) {
  MemoryRecording recording(one_a_second(10));
  EXPECT_THAT(within(recording, {.start_s = 6.5}), ElementsAre(7, 8, 9));
  EXPECT_THAT(within(recording, {.start_s = 2, .stop_s = 4}), ElementsAre(2, 3));
  EXPECT_THAT(within(recording, {.from_utc_ns = to_ns(7), .to_utc_ns = to_ns(9)}), ElementsAre(7, 8));
  EXPECT_THAT(within(recording, {.start_s = 3, .to_utc_ns = to_ns(4.5)}), ElementsAre(3, 4));
  EXPECT_THAT(within(recording, {.from_utc_ns = to_ns(100)}), IsEmpty());
  EXPECT_EQ(within(recording, {}).size(), 10u);
}

// 100 C at 0 s, 10 K/s up to 200 C at 10 s, down again to 100 C at 20 s. The middle of frame i is at
// i + 0.25 s: 100 + 10 (i + 0.25) C on the way up, 300 - 10 (i + 0.25) C on the way down.
TEST(ReplayWindow, TemperaturesAreReachedGoingUpAndGoingDown) {
  MemoryRecording recording(one_a_second(20));
  const auto ramp = curve_of(log_of({{0, 100}, {10, 200}, {20, 100}}));
  EXPECT_THAT(within(recording, {.from_temperature_c = 132.4, .to_temperature_c = 152.5}, ramp),
              ElementsAre(3, 4, 5));
  EXPECT_THAT(within(recording, {.from_temperature_c = 132.6, .to_temperature_c = 152.6}, ramp),
              ElementsAre(4, 5, 6));
  // From the top (frame 10 is the first that the way down has cooled): below again at frame 14.
  EXPECT_THAT(within(recording, {.start_s = 10, .from_temperature_c = 180, .to_temperature_c = 160}, ramp),
              ElementsAre(12, 13, 14));
  // Up to 195, and from there down to 170.
  EXPECT_THAT(within(recording, {.from_temperature_c = 192, .to_temperature_c = 170}, ramp),
              ElementsAre(9, 10, 11, 12, 13));
  EXPECT_THAT(within(recording, {.to_temperature_c = 115}, ramp), ElementsAre(0, 1, 2));
}

TEST(ReplayWindow, ATemperatureThatIsThereAlreadyIsReachedAtOnce) {
  MemoryRecording recording(one_a_second(5));
  const auto hold = curve_of(log_of({{0, 300}, {10, 300}}));
  EXPECT_THAT(within(recording, {.from_temperature_c = 300, .to_temperature_c = 300}, hold), ElementsAre(0));
}

// The peak at 4.9 s is between two frames, of which none is hotter than 100 C.
TEST(ReplayWindow, OnlyTheMiddleOfAnExposureCounts) {
  MemoryRecording recording(one_a_second(20));
  const auto peak =
      curve_of(log_of({{0, 100}, {4.8, 100}, {4.9, 400}, {5, 100}, {10, 100}, {12, 400}, {20, 400}}));
  const auto numbers = within(recording, {.from_temperature_c = 200}, peak);
  ASSERT_FALSE(numbers.empty());
  EXPECT_EQ(numbers.front(), 11u);
}

TEST(ReplayWindow, SamplesMayBeUnsortedEmptyOrNotFinite) {
  MemoryRecording recording(one_a_second(10));
  EnvironmentLog log = log_of({{5, 150}, {0, 100}, {10, 200}, {3, NAN}});
  log.samples.emplace_back().set_time_utc_ns(to_ns(4));
  const auto curve = curve_of(log);
  EXPECT_DOUBLE_EQ(*curve.at(to_ns(2.5)), 125);
  EXPECT_DOUBLE_EQ(*curve.at(to_ns(10)), 200);
  EXPECT_EQ(curve.at(to_ns(-0.1)), std::nullopt);
  EXPECT_EQ(curve.at(to_ns(10.1)), std::nullopt);
  EXPECT_THAT(within(recording, {.from_temperature_c = 180}, curve), ElementsAre(8, 9));
}

TEST(TemperatureCurve, FindsWhereItIsFirstBeyond) {
  const auto curve = curve_of(log_of({{0, 100}, {10, 200}, {20, 100}}));
  EXPECT_EQ(curve.first_beyond(to_ns(12), 170, true), to_ns(12)) << "falling, but still above";
  EXPECT_EQ(curve.first_beyond(to_ns(12), 190, true), std::nullopt);
  EXPECT_EQ(curve.first_beyond(to_ns(2), 170, true), to_ns(2)) << "no later than the crossing";
  EXPECT_EQ(curve.first_beyond(to_ns(12), 130, false), to_ns(12));
  EXPECT_EQ(curve.first_beyond(to_ns(-5), 150, false), to_ns(0));
  EXPECT_EQ(curve.first_beyond(to_ns(25), 150, false), std::nullopt);
}

TEST(ReplayWindow, SaysWhatIsWrong) {
  const auto ramp = curve_of(log_of({{0, 100}, {10, 200}}));
  EXPECT_THAT(complaint({.from_temperature_c = 150}, {}), HasSubstr("--environment"));
  EXPECT_THAT(complaint({.from_temperature_c = 250}, ramp), HasSubstr("no frame between the other limits"));
  EXPECT_THAT(complaint({.from_temperature_c = 250}, ramp), HasSubstr("100 to 200 C"));
  EXPECT_THAT(complaint({.from_temperature_c = 150, .to_temperature_c = 120}, ramp),
              HasSubstr("--to-temperature 120"));
  EXPECT_THAT(complaint({.from_temperature_c = 150}, curve_of(log_of({{1000, 100}, {2000, 200}}))),
              HasSubstr("no sample of the temperature log belongs"));
  EXPECT_THAT(complaint({.start_s = 3, .stop_s = 3}, ramp), HasSubstr("--start 3"));
  EXPECT_THAT(complaint({.from_utc_ns = 5, .to_utc_ns = 5}, ramp), HasSubstr("--from-utc"));
}

TEST(FrameCursor, FindsAWindowWithFewLooksAndLateFramesToo) {
  PlannedFrames frames = one_a_second(100'000);
  std::swap(frames[70'000], frames[70'003]);
  std::swap(frames[70'009], frames[70'010]);
  MemoryRecording recording(frames);
  EXPECT_THAT(played(recording, {.begin_utc_ns = to_ns(70'001), .end_utc_ns = to_ns(70'010)}),
              ElementsAre(70'003, 70'001, 70'002, 70'004, 70'005, 70'006, 70'007, 70'008, 70'009));
  EXPECT_LT(recording.reads, 80u);
}

TEST(FrameCursor, KnowsTheEnds) {
  MemoryRecording recording(one_a_second(3));
  FrameCursor whole(recording, {});
  EXPECT_FALSE(whole.at_begin());
  for (const bool last : {false, false, true}) {
    ASSERT_TRUE(whole.next());
    EXPECT_EQ(whole.at_end(), last);
  }
  EXPECT_FALSE(whole.next());
  EXPECT_TRUE(whole.at_end());
  FrameCursor part(recording, {.begin_utc_ns = to_ns(1), .end_utc_ns = to_ns(2)});
  ASSERT_TRUE(part.next());
  EXPECT_FALSE(part.at_begin());
  EXPECT_FALSE(part.next());
  EXPECT_FALSE(part.at_end());
}

}  // namespace
}  // namespace glasswatch::simulation
