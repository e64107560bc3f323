#include "simulators/virtual_microscope.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "tests/simulators/example_scenario.h"

namespace glasswatch::simulation {
namespace {

RunSettings counted_ids() {
  RunSettings run;
  run.start_utc_ns = kExampleStartNs;
  run.new_series_id = [next = std::uint64_t{100}]() mutable { return next++; };
  return run;
}

std::vector<Message> drain(Feed& feed) {
  std::vector<Message> messages;
  while (feed.due_utc_ns()) messages.push_back(feed.take());
  return messages;
}

control::MicroscopeCommand burst_command(std::uint32_t frames, double period_s) {
  control::MicroscopeCommand command;
  command.set_reason("test");
  command.mutable_burst()->set_frames(frames);
  command.mutable_burst()->set_frame_period_s(period_s);
  return command;
}

std::int64_t at(double seconds) {
  return kExampleStartNs + to_ns(seconds);
}

// Takes camera messages that are due up to `seconds`.
std::vector<Message> take_until(VirtualMicroscope& microscope, double seconds) {
  std::vector<Message> messages;
  while (microscope.camera().due_utc_ns() && *microscope.camera().due_utc_ns() <= at(seconds)) {
    messages.push_back(microscope.camera().take());
  }
  return messages;
}

TEST(VirtualCamera, OneSeriesOverTheWholeProgram) {
  VirtualMicroscope microscope(example_scenario(), counted_ids(), {});
  const auto messages = drain(microscope.camera());
  ASSERT_EQ(messages.size(), 62u) << "start, one frame a second for 60 s, end";
  EXPECT_EQ(messages.front().header.series_start().expected_frames(), 60u);
  EXPECT_EQ(messages.front().header.series_start().clock().kind(), stream::RECORDED_CLOCK);
  for (std::uint64_t i = 0; i < 60; ++i) {
    const auto& header = messages[i + 1].header;
    ASSERT_TRUE(header.has_frame());
    EXPECT_EQ(header.sequence(), i);
    EXPECT_EQ(header.frame().exposure_start_utc_ns(), at(static_cast<double>(i)));
    EXPECT_EQ(header.frame().exposure_end_utc_ns(), at(static_cast<double>(i) + 0.8));
    EXPECT_EQ(messages[i + 1].pixels.size(), 32u * 48 * 2);
  }
  EXPECT_EQ(messages.back().header.series_end().reason(), stream::SeriesEnd::COMPLETED);
  EXPECT_EQ(messages.back().header.series_end().count(), 60u);
}

// Exposure i lasts from i to i + 0.8 s; on the ramp T = 50 + (t - 5), so its mean and its middle are 45.4 +
// i.
TEST(VirtualCamera, TruthFollowsTheRampInClosedForm) {
  VirtualMicroscope microscope(example_scenario(), counted_ids(), {});
  drain(microscope.camera());
  const auto& truth = microscope.camera().truth();
  ASSERT_EQ(truth.size(), 60u);
  for (std::size_t i = 5; i < 54; ++i) {
    const double temperature_c = 45.4 + static_cast<double>(i);
    EXPECT_NEAR(truth[i].temperature_c, temperature_c, 1e-9);
    const double amplitude = 0.4 * std::min(1.0, std::max(0.0, (temperature_c - 60) / 20));
    EXPECT_NEAR(truth[i].amplitude, amplitude, 1e-9);
    EXPECT_NEAR(truth[i].power, amplitude * amplitude / 4, 1e-9);
  }
}

TEST(VirtualCamera, SameSeedSamePixelsOtherSeedOtherPixels) {
  auto scenario = example_scenario();
  VirtualMicroscope one(scenario, counted_ids(), {.frames = 3});
  VirtualMicroscope two(scenario, counted_ids(), {.frames = 3});
  scenario.set_seed(43);
  VirtualMicroscope other(scenario, counted_ids(), {.frames = 3});
  const auto a = drain(one.camera());
  const auto b = drain(two.camera());
  const auto c = drain(other.camera());
  ASSERT_EQ(a.size(), 5u);
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].header.SerializeAsString(), b[i].header.SerializeAsString());
    EXPECT_EQ(a[i].pixels, b[i].pixels);
  }
  EXPECT_NE(a[1].pixels, c[1].pixels);
  EXPECT_NE(a[1].pixels, a[2].pixels);
}

TEST(VirtualCamera, BurstInterruptsAndTheOrdinarySeriesComesBack) {
  VirtualMicroscope microscope(example_scenario(), counted_ids(), {});
  take_until(microscope, 10.9);
  const auto reply = microscope.execute(burst_command(5, 0.2), at(11.5));
  ASSERT_TRUE(reply.accepted()) << reply.detail();
  EXPECT_EQ(reply.executed_utc_ns(), at(11.5));
  EXPECT_FALSE(microscope.execute(burst_command(5, 0.2), at(11.6)).accepted()) << "one at a time";

  const auto messages = take_until(microscope, 14.4);
  ASSERT_EQ(messages.size(), 1u + 1 + 5 + 1 + 1 + 2);
  EXPECT_EQ(messages[0].header.series_end().reason(), stream::SeriesEnd::STOPPED_BY_COMMAND);
  EXPECT_EQ(messages[0].header.series_end().count(), 11u);
  EXPECT_EQ(messages[0].header.series_id(), 100u);
  const auto& begin = messages[1].header.series_start();
  EXPECT_EQ(begin.reason(), "burst: test");
  EXPECT_EQ(begin.expected_frames(), 5u);
  EXPECT_DOUBLE_EQ(begin.timing().frame_period_s(), 0.2);
  EXPECT_DOUBLE_EQ(begin.timing().exposure_s(), 0.18);
  for (std::uint64_t i = 0; i < 5; ++i) {
    const auto& header = messages[2 + i].header;
    EXPECT_EQ(header.sequence(), i);
    EXPECT_EQ(header.frame().exposure_start_utc_ns(), at(11.5 + 0.2 * static_cast<double>(i)));
    EXPECT_EQ(header.series_id(), messages[1].header.series_id());
  }
  EXPECT_EQ(messages[7].header.series_end().reason(), stream::SeriesEnd::COMPLETED);
  EXPECT_EQ(messages[8].header.series_start().reason(), "after the burst");
  EXPECT_EQ(messages[9].header.frame().exposure_start_utc_ns(), at(12.5));
  EXPECT_EQ(microscope.camera().truth()[11].burst, true);
  EXPECT_EQ(microscope.camera().truth()[16].burst, false);
}

// The dose goes with the exposure: 0.18 s of 0.8 s. Sums over a frame are Poisson.
TEST(VirtualCamera, ShorterExposuresSeeFewerElectrons) {
  VirtualMicroscope microscope(example_scenario(), counted_ids(), {});
  const auto sum = [](const Message& message) {
    std::vector<std::int16_t> counts(message.pixels.size() / 2);
    std::memcpy(counts.data(), message.pixels.data(), message.pixels.size());
    double total = 0;
    for (const auto value : counts) total += value;
    return total;
  };
  const double ordinary = sum(take_until(microscope, 1).at(1));
  microscope.execute(burst_command(5, 0.2), at(1));
  const auto messages = take_until(microscope, 2);
  const double expected = ordinary * 0.18 / 0.8;
  EXPECT_NEAR(sum(messages.at(2)), expected, 5 * std::sqrt(expected + expected * 0.18 / 0.8));
}

TEST(VirtualCamera, RefusesBurstsThatMakeNoSense) {
  VirtualMicroscope microscope(example_scenario(), counted_ids(), {});
  EXPECT_FALSE(microscope.execute(burst_command(0, 0.2), at(1)).accepted());
  EXPECT_FALSE(microscope.execute(burst_command(5, 0), at(1)).accepted());
  EXPECT_FALSE(microscope.execute(burst_command(5, std::nan("")), at(1)).accepted());
  EXPECT_FALSE(microscope.execute(burst_command(5, 0.2), at(59.9)).accepted());
  EXPECT_FALSE(microscope.execute({}, at(1)).accepted());
  EXPECT_EQ(drain(microscope.camera()).size(), 62u) << "and nothing has changed";
}

TEST(VirtualCamera, StopsOnCommand) {
  VirtualMicroscope microscope(example_scenario(), counted_ids(), {});
  take_until(microscope, 3);
  control::MicroscopeCommand stop;
  stop.mutable_stop_series();
  EXPECT_TRUE(microscope.execute(stop, at(3.1)).accepted());
  EXPECT_FALSE(microscope.execute(stop, at(3.2)).accepted()) << "nothing is running";
  const auto rest = drain(microscope.camera());
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0].header.series_end().reason(), stream::SeriesEnd::STOPPED_BY_COMMAND);
  EXPECT_TRUE(microscope.execute(burst_command(2, 0.5), at(4)).accepted());
  EXPECT_EQ(drain(microscope.camera()).size(), 4u)
      << "start, two frames, end; no ordinary series to go back to";
}

TEST(VirtualMicroscope, HoldCommandFreezesTemperatureAndSaysSo) {
  VirtualMicroscope microscope(example_scenario(), counted_ids(), {});
  control::MicroscopeCommand hold;
  hold.mutable_hold_temperature();
  EXPECT_TRUE(microscope.execute(hold, at(20)).accepted());
  drain(microscope.camera());
  EXPECT_NEAR(microscope.camera().truth()[59].temperature_c, 65, 1e-9);
  for (const auto& message : drain(microscope.holder())) {
    if (!message.header.has_environment() || message.header.environment().time_utc_ns() < at(20)) continue;
    ASSERT_EQ(message.header.environment().ramp_state(), stream::HOLDING);
    ASSERT_DOUBLE_EQ(message.header.environment().temperature_set_c(), 65);
  }
}

TEST(VirtualHolder, SamplesAreJitteredWithinBoundsAndBracketTheRun) {
  VirtualMicroscope microscope(example_scenario(), counted_ids(), {});
  const auto messages = drain(microscope.holder());
  ASSERT_TRUE(messages.front().header.has_environment_start());
  ASSERT_TRUE(messages.back().header.has_series_end());
  const auto& truth = microscope.holder().truth();
  ASSERT_EQ(truth.size(), messages.size() - 2);
  EXPECT_EQ(messages.back().header.series_end().count(), truth.size());
  EXPECT_LT(truth.front().time_utc_ns, at(0));
  EXPECT_GE(truth.back().time_utc_ns, at(60));
  EXPECT_LT(truth[truth.size() - 2].time_utc_ns, at(60));
  double shortest = 1;
  double longest = 0;
  double noise_square = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    EXPECT_EQ(messages[i + 1].header.sequence(), i);
    const double noise = truth[i].measured_c - truth[i].true_c;
    noise_square += noise * noise;
    if (i == 0) continue;
    const double step_s = static_cast<double>(truth[i].time_utc_ns - truth[i - 1].time_utc_ns) * 1e-9;
    shortest = std::min(shortest, step_s);
    longest = std::max(longest, step_s);
  }
  // Uniform in [0.05, 0.1]: with n steps the extremes come within 10 (0.05 / n) of the bounds but for
  // exp(-10).
  const double reach = 10 * 0.05 / static_cast<double>(truth.size());
  EXPECT_GE(shortest, 0.05 - 1e-9);
  EXPECT_LT(shortest, 0.05 + reach);
  EXPECT_LE(longest, 0.1 + 1e-9);
  EXPECT_GT(longest, 0.1 - reach);
  const auto n = static_cast<double>(truth.size());
  EXPECT_NEAR(noise_square / n, 0.05 * 0.05, 5 * 0.05 * 0.05 * std::sqrt(2 / n));
}

TEST(VirtualMicroscope, LengthIsTheShortestAsked) {
  const auto frames_of = [](const RunLength& length) {
    VirtualMicroscope microscope(example_scenario(), counted_ids(), length);
    return drain(microscope.camera()).size() - 2;
  };
  EXPECT_EQ(frames_of({.frames = 7}), 7u);
  EXPECT_EQ(frames_of({.seconds = 4.5}), 4u);
  EXPECT_EQ(frames_of({.frames = 3, .seconds = 4.5}), 3u);
  EXPECT_EQ(frames_of({.frames = 100}), 100u) << "beyond the ramp the temperature stays";
}

TEST(VirtualMicroscope, AnInterruptEndsBothStreams) {
  VirtualMicroscope microscope(example_scenario(), counted_ids(), {});
  take_until(microscope, 2);
  microscope.holder().take();
  microscope.holder().take();
  microscope.camera().finish(stream::SeriesEnd::STOPPED_BY_OPERATOR, "interrupted");
  microscope.holder().finish(stream::SeriesEnd::STOPPED_BY_OPERATOR, "interrupted");
  for (Feed* feed : {static_cast<Feed*>(&microscope.camera()), static_cast<Feed*>(&microscope.holder())}) {
    const auto rest = drain(*feed);
    ASSERT_EQ(rest.size(), 1u);
    EXPECT_EQ(rest[0].header.series_end().reason(), stream::SeriesEnd::STOPPED_BY_OPERATOR);
  }
}

}  // namespace
}  // namespace glasswatch::simulation
