#include "simulators/playback.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "protocol/types/user_error.h"
#include "simulators/playback_control.h"
#include "tests/simulators/memory_recording.h"

namespace glasswatch::simulation {
namespace {

using std::chrono::duration;
using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr Playback::Clock::time_point kBegin{std::chrono::hours(1)};
constexpr std::int64_t kOrigin = 1'683'882'000'000'000'000;

Playback::Clock::time_point at(double seconds) {
  return kBegin + milliseconds(std::lround(seconds * 1000));
}

// On the wall clock, after the beginning, for what is due so many stream seconds after the origin.
double wall_s(const Playback& playback, double stream_s) {
  return duration<double>(playback.when(kOrigin + to_ns(stream_s)) - kBegin).count();
}

Playback begun(double speed, bool paused = false) {
  Playback playback(speed, paused);
  playback.begin(kOrigin, kBegin);
  return playback;
}

TEST(Playback, KeepsThePaceOfItsSpeed) {
  EXPECT_NEAR(wall_s(begun(1), 10), 10, 1e-6);
  EXPECT_NEAR(wall_s(begun(0.1), 10), 100, 1e-6);
  EXPECT_NEAR(wall_s(begun(1000), 10), 0.01, 1e-6);
  EXPECT_EQ(begun(INFINITY).when(kOrigin + to_ns(10)), Playback::Clock::time_point::min());
}

// 4 stream seconds in 2 s at double speed, then half speed: the 6 s that are left take 12 s.
TEST(Playback, AChangeOfSpeedGoesOnFromWhereItWas) {
  Playback playback = begun(2);
  playback.set_speed(0.5, at(2));
  EXPECT_NEAR(wall_s(playback, 4), 2, 1e-6);
  EXPECT_NEAR(wall_s(playback, 10), 14, 1e-6);
  playback.set_speed(INFINITY, at(4));
  playback.reached(kOrigin + to_ns(8));
  playback.set_speed(1, at(5));
  EXPECT_NEAR(wall_s(playback, 10), 7, 1e-6);
}

TEST(Playback, APauseDoesNotMakeTimeJump) {
  Playback playback = begun(2);
  playback.pause(at(1.5));
  EXPECT_TRUE(playback.paused());
  EXPECT_EQ(playback.when(kOrigin), Playback::Clock::time_point::max());
  playback.pause(at(50));  // once more changes nothing
  playback.set_speed(1, at(80));
  playback.play(at(100));
  EXPECT_FALSE(playback.paused());
  EXPECT_NEAR(wall_s(playback, 3), 100, 1e-6);
  EXPECT_NEAR(wall_s(playback, 5), 102, 1e-6);
}

TEST(Playback, StepsComeAtOnceAndThePaceGoesOnBehindThem) {
  Playback playback = begun(1);
  playback.step(2, at(0.5));
  EXPECT_FALSE(playback.paused());
  EXPECT_TRUE(playback.stepping());
  EXPECT_EQ(playback.when(kOrigin + to_ns(30)), Playback::Clock::time_point::min());
  playback.played_frame();
  playback.reached(kOrigin + to_ns(3));
  EXPECT_TRUE(playback.stepping());
  playback.played_frame();
  playback.reached(kOrigin + to_ns(4));
  EXPECT_TRUE(playback.paused());
  EXPECT_EQ(playback.when(kOrigin + to_ns(5)), Playback::Clock::time_point::max());
  playback.played_frame();  // one that was on its way
  EXPECT_TRUE(playback.paused());
  playback.play(at(20));
  EXPECT_NEAR(wall_s(playback, 5), 21, 1e-6);
}

TEST(Playback, MayBeginWithAPauseAndBeginAnew) {
  Playback playback = begun(1, true);
  EXPECT_TRUE(playback.paused());
  playback.play(at(3));
  EXPECT_NEAR(wall_s(playback, 1), 4, 1e-6);
  playback.begin(kOrigin, at(10));
  EXPECT_NEAR(wall_s(playback, 1), 11, 1e-6);
}

TEST(ObeyCommand, TakesTheCommandsAndNothingElse) {
  Playback playback = begun(1);
  obey_command("  pause\r", playback, at(0));
  EXPECT_TRUE(playback.paused());
  obey_command("step", playback, at(0));
  EXPECT_TRUE(playback.stepping());
  playback.played_frame();
  EXPECT_TRUE(playback.paused());
  obey_command("step 3", playback, at(0));
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(playback.stepping()) << i;
    playback.played_frame();
  }
  EXPECT_TRUE(playback.paused());
  obey_command("speed\t0.5", playback, at(0));
  EXPECT_EQ(playback.speed(), 0.5);
  obey_command("speed max", playback, at(0));
  EXPECT_TRUE(std::isinf(playback.speed()));
  obey_command("status", playback, at(0));
  obey_command("play", playback, at(0));
  EXPECT_FALSE(playback.paused());
  for (const char* wrong : {"", "Pause", "pause now", "play 1", "step 0", "step -1", "step 2 3", "step 1.5",
                            "step 99999999999", "speed", "speed 0.09", "speed 1001", "speed nan", "speed -1",
                            "speed 1x", "speed inf", "quit please", "stop"}) {
    EXPECT_THROW(obey_command(wrong, playback, at(0)), UsageError) << wrong;
  }
  EXPECT_TRUE(std::isinf(playback.speed()));
  EXPECT_FALSE(playback.paused());
  EXPECT_FALSE(playback.quitting());
  obey_command("quit", playback, at(0));
  EXPECT_TRUE(playback.quitting());
}

TEST(PlaybackControl, AnswersWithTheState) {
  zmq::context_t context;
  Playback playback = begun(1);
  TemperatureCurve curve;
  curve.add(log_of({{1000, 300}, {1010, 400}}));
  PlaybackControl control(context, playback, curve, {});
  const auto ask = [&](const std::string& command, const Progress& progress) {
    return nlohmann::json::parse(control.answer(command, progress));
  };
  auto answer = ask("pause", {});
  EXPECT_EQ(answer["ok"], true);
  EXPECT_EQ(answer["state"], "paused");
  EXPECT_EQ(answer["speed"], 1.0);
  EXPECT_FALSE(answer.contains("sequence"));
  Progress progress{.frames_sent = 3, .samples_sent = 9, .frame = stream::StreamMessage()};
  progress.frame->set_series_id(0xffffffffffffffff);
  progress.frame->set_sequence(12);
  progress.frame->mutable_frame()->set_exposure_start_utc_ns(to_ns(1004));
  progress.frame->mutable_frame()->set_exposure_end_utc_ns(to_ns(1006));
  answer = ask("speed max", progress);
  EXPECT_EQ(answer["speed"], "max");
  EXPECT_EQ(answer["frames_sent"], 3);
  EXPECT_EQ(answer["samples_sent"], 9);
  EXPECT_EQ(answer["series_id"], "18446744073709551615");
  EXPECT_EQ(answer["sequence"], 12);
  EXPECT_EQ(answer["time_utc_ns"], to_ns(1004));
  EXPECT_EQ(answer["time_utc"], "1970-01-01T00:16:44.000000000Z");
  EXPECT_DOUBLE_EQ(answer["temperature_c"], 350);
  EXPECT_EQ(ask("step 2", progress)["state"], "stepping");
  progress.frame->mutable_frame()->set_exposure_end_utc_ns(to_ns(5000));
  EXPECT_TRUE(ask("status", progress)["temperature_c"].is_null());
  answer = ask("speed fast", progress);
  EXPECT_EQ(answer["ok"], false);
  EXPECT_THAT(std::string(answer["error"]), HasSubstr("[0.1, 1000]"));
  EXPECT_EQ(ask("\xff\xfe\x01", progress)["ok"], false) << "no text";
  EXPECT_EQ(ask("quit", progress)["state"], "ending");
}

}  // namespace
}  // namespace glasswatch::simulation
