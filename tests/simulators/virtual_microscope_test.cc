#include "simulators/virtual_microscope.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "protocol/types/user_error.h"
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

control::MicroscopeCommand command_of(const std::string& text) {
  control::MicroscopeCommand command;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &command)) << text;
  return command;
}

// What follows one another on the wire: "start REASON", "frame", "end REASON NOTE"; runs of frames counted.
std::vector<std::string> story(const std::vector<Message>& messages) {
  std::vector<std::string> lines;
  int frames = 0;
  const auto tell_frames = [&] {
    if (frames > 0) lines.push_back(std::to_string(frames) + " frames");
    frames = 0;
  };
  for (const Message& message : messages) {
    if (message.header.has_frame()) {
      ++frames;
      continue;
    }
    tell_frames();
    if (message.header.has_series_start()) {
      lines.push_back("start " + message.header.series_start().reason());
    } else {
      lines.push_back("end " + stream::SeriesEnd::Reason_Name(message.header.series_end().reason()));
    }
  }
  tell_frames();
  return lines;
}

// A specimen that is quickly made, with two more ways of looking at it.
scenario::Scenario scenario_with_specimen() {
  auto scenario = example_scenario();
  auto& specimen = *scenario.mutable_specimen();
  specimen.set_field_nm(12);
  specimen.set_thickness_nm(4);
  specimen.set_column_nm(8);
  specimen.set_packing_nm(3);
  scenario.mutable_haadf()->set_pixel_nm(0.3);
  auto& nanobeam = *scenario.mutable_nanobeam();
  nanobeam.set_scan_rows(2);
  nanobeam.set_scan_columns(3);
  nanobeam.set_k_per_px_inv_nm(0.3);
  return scenario;
}

TEST(Commands, StartSeriesReplacesTheRunningOne) {
  VirtualMicroscope microscope(example_scenario(), counted_ids(), {});
  take_until(microscope, 2);
  const auto reply = microscope.execute(
      command_of("reason: 'closer' start_series { frames: 3 frame_period_s: 0.5 exposure_s: 0.25 }"),
      at(2.5));
  EXPECT_TRUE(reply.accepted()) << reply.detail();
  const auto rest = drain(microscope.camera());
  EXPECT_EQ(story(rest), (std::vector<std::string>{"end STOPPED_BY_COMMAND", "start closer", "3 frames",
                                                   "end COMPLETED"}));
  EXPECT_EQ(rest[2].header.frame().exposure_start_utc_ns(), at(2.5));
  EXPECT_EQ(rest[2].header.frame().exposure_end_utc_ns(), at(2.75));
  EXPECT_EQ(rest[3].header.frame().exposure_start_utc_ns(), at(3));
  EXPECT_FALSE(
      microscope.execute(command_of("start_series { frame_period_s: 1 exposure_s: 2 }"), at(6)).accepted());
  EXPECT_TRUE(microscope.execute(command_of("start_series { }"), at(50)).accepted());
  EXPECT_EQ(story(drain(microscope.camera())),
            (std::vector<std::string>{"start ", "10 frames", "end COMPLETED"}));
}

TEST(Commands, ChangeModeShowsTheSameSpecimenInAnotherWay) {
  VirtualMicroscope microscope(scenario_with_specimen(), counted_ids(), {.frames = 10});
  take_until(microscope, 2);
  EXPECT_FALSE(microscope.execute(command_of("change_mode { mode: HRTEM }"), at(2)).accepted());
  EXPECT_FALSE(microscope.execute(command_of("change_mode { }"), at(2)).accepted());
  const auto reply = microscope.execute(command_of("reason: 'look' change_mode { mode: HAADF }"), at(2));
  EXPECT_TRUE(reply.accepted()) << reply.detail();
  const auto rest = drain(microscope.camera());
  EXPECT_EQ(story(rest),
            (std::vector<std::string>{"end STOPPED_BY_COMMAND", "start look", "8 frames", "end COMPLETED"}));
  const auto& optics = rest[1].header.series_start().optics();
  EXPECT_EQ(optics.mode(), stream::IMAGE);
  EXPECT_DOUBLE_EQ(optics.pixel_size(), 0.3);
  EXPECT_EQ(microscope.camera().truth().back().mode, scenario::HAADF);
  EXPECT_TRUE(std::isnan(microscope.camera().truth().back().power));
}

TEST(Commands, AScanVisitsEveryPositionAndTheOrdinarySeriesComesBack) {
  VirtualMicroscope microscope(scenario_with_specimen(), counted_ids(), {.frames = 20});
  take_until(microscope, 2);
  const auto reply = microscope.execute(
      command_of("reason: 'map' start_scan { rows: 3 columns: 4 step_nm: 0.5 frame_period_s: 0.5 }"), at(2));
  EXPECT_TRUE(reply.accepted()) << reply.detail();
  const auto rest = drain(microscope.camera());
  EXPECT_EQ(story(rest), (std::vector<std::string>{"end STOPPED_BY_COMMAND", "start scan: map", "12 frames",
                                                   "end COMPLETED", "start after the scan", "12 frames",
                                                   "end COMPLETED"}));
  const auto& scan = rest[1].header.series_start().scan();
  EXPECT_EQ(scan.rows(), 3u);
  EXPECT_EQ(scan.columns(), 4u);
  EXPECT_DOUBLE_EQ(scan.step_nm(), 0.5);
  for (std::size_t i = 0; i < 12; ++i) {
    EXPECT_EQ(rest[2 + i].header.frame().scan_row(), i / 4);
    EXPECT_EQ(rest[2 + i].header.frame().scan_column(), i % 4);
  }
  EXPECT_FALSE(rest.at(16).header.frame().has_scan_row());
}

TEST(VirtualCamera, InNanobeamOneScanFollowsTheOther) {
  auto scenario = scenario_with_specimen();
  scenario.set_mode(scenario::NANOBEAM);
  VirtualMicroscope microscope(scenario, counted_ids(), {.frames = 9});
  EXPECT_EQ(story(drain(microscope.camera())),
            (std::vector<std::string>{"start operator", "6 frames", "end COMPLETED", "start next scan",
                                      "3 frames", "end COMPLETED"}));
}

TEST(Commands, ChangeRampGoesToTheTemperatureAtTheRate) {
  VirtualMicroscope microscope(example_scenario(), counted_ids(), {});
  ASSERT_TRUE(
      microscope.execute(command_of("change_ramp { to_c: 20 rate_k_per_min: 120 }"), at(25)).accepted());
  EXPECT_FALSE(
      microscope.execute(command_of("change_ramp { to_c: 20 rate_k_per_min: 0 }"), at(26)).accepted());
  EXPECT_FALSE(
      microscope.execute(command_of("change_ramp { to_c: 9000 rate_k_per_min: 9 }"), at(26)).accepted());
  drain(microscope.camera());
  const auto& truth = microscope.camera().truth();
  // 70 degC at 25 s, then 2 K/s down to 20 degC at 50 s.
  EXPECT_NEAR(truth[30].temperature_c, 70 - 2 * (30.4 - 25), 1e-9);
  EXPECT_NEAR(truth[55].temperature_c, 20, 1e-9);
}

// 60 s of program, observed in stretches of 25 s with pauses of 10 s: 25 + 25 + 10 frames; the ramp waits
// meanwhile, so after the first pause (at 25 s, 70 degC) it goes on from 70 degC at 35 s.
TEST(VirtualCamera, RefocusingPausesSplitTheSeriesAndHoldTheRamp) {
  auto scenario = example_scenario();
  scenario.mutable_stage()->set_refocus_every_s(25);
  scenario.mutable_stage()->set_refocus_wait_s(10);
  VirtualMicroscope microscope(scenario, counted_ids(), {});
  const auto messages = drain(microscope.camera());
  EXPECT_EQ(story(messages),
            (std::vector<std::string>{"start operator", "25 frames", "end COMPLETED",
                                      "start after refocusing", "25 frames", "end COMPLETED",
                                      "start after refocusing", "10 frames", "end COMPLETED"}));
  const auto& truth = microscope.camera().truth();
  EXPECT_EQ(truth[25].time_utc_ns, at(35));
  EXPECT_NEAR(truth[24].temperature_c, 50 + (24.4 - 5), 1e-9);
  EXPECT_NEAR(truth[25].temperature_c, 70 + 0.4, 1e-9);
  scenario.mutable_stage()->set_hold_while_refocusing(false);
  VirtualMicroscope restless(scenario, counted_ids(), {});
  drain(restless.camera());
  EXPECT_NEAR(restless.camera().truth()[25].temperature_c, 50 + (35.4 - 5), 1e-9);
}

// A period of 240.1 s ends, in nanoseconds, just before its double says so.
TEST(VirtualCamera, RefocusesAtAnyPeriod) {
  auto scenario = example_scenario();
  scenario.mutable_stage()->set_refocus_every_s(240.1);
  scenario.mutable_stage()->set_refocus_wait_s(120);
  VirtualMicroscope microscope(scenario, counted_ids(), {.frames = 1000});
  EXPECT_EQ(story(drain(microscope.camera())).size(), 15u) << "five stretches of 240, the last of 40";
}

TEST(VirtualCamera, WhatAPauseCutsShortGoesOnAfterIt) {
  auto scenario = scenario_with_specimen();
  scenario.mutable_stage()->set_refocus_every_s(4);
  scenario.mutable_stage()->set_refocus_wait_s(3);
  scenario.set_mode(scenario::NANOBEAM);
  VirtualMicroscope microscope(scenario, counted_ids(), {.frames = 8});
  const auto messages = drain(microscope.camera());
  std::vector<std::uint32_t> positions;
  for (const Message& message : messages) {
    if (!message.header.has_frame()) continue;
    positions.push_back(message.header.frame().scan_row() * 3 + message.header.frame().scan_column());
  }
  EXPECT_EQ(positions, (std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5, 0, 1}));
}

// An exposure that a command cancels may lie later than those that follow it; the specimen must not run
// backwards.
TEST(VirtualCamera, EveryModeSurvivesABurstInTheDeadTime) {
  auto scenario = scenario_with_specimen();
  scenario.mutable_dark_field();
  scenario.mutable_hrtem()->set_pixel_nm(0.1);
  scenario.mutable_selected_area()->set_k_per_px_inv_nm(0.3);
  for (const auto mode : {scenario::PATTERN, scenario::HRTEM, scenario::DARK_FIELD, scenario::NANOBEAM,
                          scenario::SELECTED_AREA, scenario::HAADF}) {
    scenario.set_mode(mode);
    VirtualMicroscope microscope(scenario, counted_ids(), {.frames = 12});
    take_until(microscope, 2.8);
    ASSERT_TRUE(microscope.execute(burst_command(3, 0.05), at(2.85)).accepted());
    int frames = 0;
    for (const Message& message : drain(microscope.camera())) {
      if (!message.header.has_frame()) continue;
      std::vector<std::int16_t> counts(message.pixels.size() / 2);
      std::memcpy(counts.data(), message.pixels.data(), message.pixels.size());
      double sum = 0;
      for (const auto value : counts) sum += value;
      EXPECT_GT(sum, 0) << scenario::Mode_Name(mode) << " frame " << frames;
      ++frames;
    }
    EXPECT_GT(frames, 9);
  }
}

// A minute's rest between exposures of a second: the command comes before the next begins.
TEST(Commands, AnExposureThatHasNotBegunSeesTheNewRamp) {
  auto scenario = example_scenario();
  scenario.mutable_frames()->set_frame_period_s(20);
  for (const double dead_s : {0.1, 19.2}) {
    scenario.mutable_frames()->set_exposure_s(20 - dead_s);
    VirtualMicroscope microscope(scenario, counted_ids(), {});
    take_until(microscope, 20 - dead_s);
    ASSERT_TRUE(microscope.execute(command_of("hold_temperature { }"), at(20 - dead_s / 2)).accepted());
    drain(microscope.camera());
    const auto& frame = microscope.camera().truth()[1];
    const double held_c = 50 + (20 - dead_s / 2 - 5);
    EXPECT_NEAR(frame.temperature_c, held_c, 1e-9);
    EXPECT_NEAR(frame.amplitude, 0.4 * std::clamp((held_c - 60) / 20, 0.0, 1.0), 1e-9);
  }
}

TEST(VirtualMicroscope, ARunWithoutAnExposureIsRefused) {
  EXPECT_THROW(VirtualMicroscope(example_scenario(), counted_ids(), {.seconds = 0.5}), UsageError);
  auto scenario = example_scenario();
  scenario.mutable_frames()->set_frame_period_s(3600);
  EXPECT_THROW(VirtualMicroscope(scenario, counted_ids(), {.frames = 100'000'000}), UsageError);
}

TEST(VirtualCamera, AnEndlessSeriesAnnouncesNoNumberAndNoEnd) {
  auto scenario = example_scenario();
  scenario.mutable_frames()->set_endless(true);
  VirtualMicroscope microscope(scenario, counted_ids(), {.frames = 4});
  const auto messages = drain(microscope.camera());
  EXPECT_EQ(story(messages), (std::vector<std::string>{"start operator", "4 frames"}));
  EXPECT_EQ(messages.front().header.series_start().expected_frames(), 0u);
  VirtualMicroscope interrupted(scenario, counted_ids(), {.frames = 6});
  take_until(interrupted, 2);
  ASSERT_TRUE(interrupted.execute(burst_command(2, 0.5), at(2)).accepted());
  EXPECT_EQ(story(drain(interrupted.camera())),
            (std::vector<std::string>{"end STOPPED_BY_COMMAND", "start burst: test", "2 frames",
                                      "end COMPLETED", "start after the burst", "3 frames"}));
}

TEST(Renderer, APreparedLoopRepeatsTheImageWithNewNoise) {
  auto scenario = example_scenario();
  scenario.mutable_frames()->set_prepared_loop(2);
  scenario.mutable_frames()->set_dose_e_per_px(400);
  VirtualMicroscope microscope(scenario, counted_ids(), {.frames = 5});
  const auto messages = drain(microscope.camera());
  const auto counts = [&](std::size_t frame) {
    std::vector<std::int16_t> values(32 * 48);
    std::memcpy(values.data(), messages.at(frame + 1).pixels.data(), values.size() * 2);
    return values;
  };
  // Both frames have the same mean E: their difference has variance 2 E, and chi^2 of it / 2 E one per pixel.
  const auto one = counts(1);
  const auto other = counts(3);
  EXPECT_NE(one, other);
  double chi_square = 0;
  double pixels = 0;
  for (std::size_t i = 0; i < one.size(); ++i) {
    const double sum = one[i] + other[i];
    if (sum < 20) continue;
    const double difference = one[i] - other[i];
    chi_square += difference * difference / sum;
    ++pixels;
  }
  ASSERT_GT(pixels, 500);
  EXPECT_NEAR(chi_square / pixels, 1, 5 * std::sqrt(2 / pixels));
}

TEST(VirtualMicroscope, ThreadsChangeNothing) {
  auto scenario = scenario_with_specimen();
  scenario.set_mode(scenario::NANOBEAM);
  scenario.mutable_detector()->set_binning(4);
  const auto frames = [&](int threads) {
    auto run = counted_ids();
    run.threads = threads;
    VirtualMicroscope microscope(scenario, run, {.frames = 4});
    return drain(microscope.camera());
  };
  const auto one = frames(1);
  const auto three = frames(3);
  ASSERT_EQ(one.size(), three.size());
  for (std::size_t i = 0; i < one.size(); ++i) EXPECT_EQ(one[i].pixels, three[i].pixels) << i;
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
