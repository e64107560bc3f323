#include "simulators/player.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <future>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "simulators/playback_control.h"
#include "simulators/virtual_microscope.h"
#include "tests/simulators/example_scenario.h"
#include "tests/simulators/memory_recording.h"

namespace glasswatch::simulation {
namespace {

constexpr double kMax = std::numeric_limits<double>::infinity();

// Everything one subscriber of one stream received, heartbeats apart, until the last series was complete.
struct Received {
  std::string bytes;
  std::uint64_t frames = 0;
  std::uint64_t samples = 0;
  std::vector<std::string> series;  // reasons of starts
};

Received receive(zmq::context_t& context, std::string endpoint, std::string topic) {
  zmq::socket_t socket(context, zmq::socket_type::sub);
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::rcvtimeo, 20'000);
  socket.set(zmq::sockopt::subscribe, topic);
  socket.connect(endpoint);
  Received received;
  for (bool ended = false; !ended;) {
    std::vector<zmq::message_t> parts(1);
    if (!socket.recv(parts[0])) break;
    while (parts.back().more()) {
      zmq::message_t part;
      if (!socket.recv(part)) break;
      parts.push_back(std::move(part));
    }
    stream::StreamMessage header;
    if (!header.ParseFromArray(parts.at(1).data(), static_cast<int>(parts[1].size()))) continue;
    if (header.has_heartbeat()) continue;
    for (const auto& part : parts) received.bytes += part.to_string();
    received.frames += header.has_frame() ? 1 : 0;
    received.samples += header.has_environment() ? 1 : 0;
    if (header.has_series_start()) received.series.push_back(header.series_start().reason());
    const bool in_burst = !received.series.empty() && received.series.back().starts_with("burst");
    ended =
        header.has_series_end() && header.series_end().reason() == stream::SeriesEnd::COMPLETED && !in_burst;
  }
  return received;
}

struct Rig {
  zmq::context_t context;
  Publisher camera{context, {.endpoint = "tcp://127.0.0.1:*", .topic = "camera"}};
  Publisher environment{context,
                        {.endpoint = "tcp://127.0.0.1:*", .topic = "environment", .high_water_mark = 1000}};
  MicroscopeControl control{context, "tcp://127.0.0.1:*"};
};

// One run of `frames` frames at `speed`, received over real sockets.
std::array<Received, 2> play(double speed, std::uint64_t frames, Publisher::Clock::duration* took = nullptr) {
  Rig rig;
  auto camera =
      std::async(std::launch::async, [&] { return receive(rig.context, rig.camera.endpoint(), "camera"); });
  auto environment = std::async(
      std::launch::async, [&] { return receive(rig.context, rig.environment.endpoint(), "environment"); });
  Publisher* const publishers[] = {&rig.camera, &rig.environment};
  EXPECT_TRUE(wait_for_subscribers(publishers, Publisher::Clock::now() + std::chrono::seconds(10)));
  RunSettings run;
  run.start_utc_ns = kExampleStartNs;
  run.new_series_id = [next = std::uint64_t{100}]() mutable { return next++; };
  VirtualMicroscope microscope(example_scenario(), run, {.frames = frames});
  Player player({&microscope.camera(), &rig.camera, nullptr},
                {&microscope.holder(), &rig.environment, nullptr}, {.speed = speed});
  const auto begin = Publisher::Clock::now();
  player.run();
  if (took != nullptr) *took = Publisher::Clock::now() - begin;
  return {camera.get(), environment.get()};
}

TEST(Player, GivesTheSameBytesWhateverTheSpeed) {
  const auto fast = play(kMax, 12);
  const auto again = play(kMax, 12);
  const auto paced = play(40, 12);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(fast[i].bytes, again[i].bytes);
    EXPECT_EQ(fast[i].bytes, paced[i].bytes);
  }
  EXPECT_EQ(fast[0].frames, 12u);
  EXPECT_GT(fast[1].samples, 120u);
}

TEST(Player, KeepsThePace) {
  Publisher::Clock::duration took{};
  play(20, 12, &took);
  // The last exposure ends 11.8 s after the first began.
  EXPECT_GE(took, std::chrono::milliseconds(590));
}

TEST(Player, ObeysABurstCommandFromTheControlSocket) {
  Rig rig;
  auto camera =
      std::async(std::launch::async, [&] { return receive(rig.context, rig.camera.endpoint(), "camera"); });
  Publisher* const publishers[] = {&rig.camera};
  ASSERT_TRUE(wait_for_subscribers(publishers, Publisher::Clock::now() + std::chrono::seconds(10)));
  VirtualMicroscope microscope(example_scenario(), {.start_utc_ns = kExampleStartNs}, {});
  Player player({&microscope.camera(), &rig.camera, nullptr},
                {&microscope.holder(), &rig.environment, nullptr}, {.speed = 60});
  player.obey(rig.control, [&](const control::MicroscopeCommand& command, std::int64_t now_utc_ns) {
    return microscope.execute(command, now_utc_ns);
  });
  auto reply = std::async(std::launch::async, [&] {
    zmq::socket_t client(rig.context, zmq::socket_type::req);
    client.set(zmq::sockopt::linger, 0);
    client.set(zmq::sockopt::rcvtimeo, 10'000);
    client.connect(rig.control.endpoint());
    control::MicroscopeCommand command;
    command.set_schema_version(1);
    command.set_command_id(77);
    command.set_reason("rule onset");
    command.mutable_burst()->set_frames(10);
    command.mutable_burst()->set_frame_period_s(0.2);
    client.send(zmq::buffer(command.SerializeAsString()));
    zmq::message_t answer;
    control::MicroscopeReply decoded;
    if (client.recv(answer)) decoded.ParseFromArray(answer.data(), static_cast<int>(answer.size()));
    return decoded;
  });
  player.run();
  const auto answer = reply.get();
  EXPECT_EQ(answer.command_id(), 77u);
  EXPECT_TRUE(answer.accepted()) << answer.detail();
  const auto received = camera.get();
  ASSERT_EQ(received.series.size(), 3u);
  EXPECT_EQ(received.series[1], "burst: rule onset");
  const auto& truth = microscope.camera().truth();
  EXPECT_EQ(received.frames, truth.size());
  EXPECT_EQ(std::count_if(truth.begin(), truth.end(), [](const FrameTruth& f) { return f.burst; }), 10);
}

// Twenty-four frames of 0.8 s, one a second, and no more than that.
class ScriptedCamera : public Feed {
 public:
  static constexpr std::uint64_t kFrames = 24;

  std::optional<std::int64_t> due_utc_ns() override {
    if (next_ > kFrames + 1) return std::nullopt;
    return kExampleStartNs + to_ns(next_ == 0 ? 0 : static_cast<double>(std::min(next_, kFrames)) - 0.2);
  }
  Message take() override {
    Message message;
    message.header.set_schema_version(1);
    message.header.set_series_id(1);
    if (next_ == 0) {
      message.header.mutable_series_start();
    } else if (next_ <= kFrames) {
      message.header.set_sequence(next_ - 1);
      message.header.mutable_frame();
      message.pixels = std::vector<std::byte>(64);
    } else {
      message.header.mutable_series_end()->set_count(kFrames);
    }
    ++next_;
    return message;
  }
  void finish(stream::SeriesEnd::Reason, const std::string&) override {}

 private:
  std::uint64_t next_ = 0;
};

// A sample every quarter of a second from -1 s to the end of the last exposure, by a clock that is 100 s
// behind.
class ScriptedHolder : public Feed {
 public:
  static constexpr std::uint64_t kSamples = 101;

  std::optional<std::int64_t> due_utc_ns() override {
    if (next_ > kSamples + 1) return std::nullopt;
    const std::uint64_t index = next_ == 0 ? 0 : std::min(next_, kSamples) - 1;
    return kExampleStartNs + to_ns(static_cast<double>(index) / 4 - 1);
  }
  std::int64_t stamp_utc_ns(std::int64_t due_utc_ns) const override { return due_utc_ns - to_ns(100); }
  Message take() override {
    Message message;
    message.header.set_schema_version(1);
    message.header.set_series_id(2);
    if (next_ == 0) {
      message.header.mutable_environment_start();
    } else if (next_ <= kSamples) {
      message.header.set_sequence(next_ - 1);
      message.header.mutable_environment()->set_time_utc_ns(stamp_utc_ns(*due_utc_ns()));
    } else {
      message.header.mutable_series_end()->set_count(kSamples);
    }
    ++next_;
    return message;
  }
  void finish(stream::SeriesEnd::Reason, const std::string&) override {}

 private:
  std::uint64_t next_ = 0;
};

using Headers = std::vector<stream::StreamMessage>;

// Everything one subscriber of one stream gets, up to the end of the series.
Headers listen(zmq::context_t& context, const std::string& endpoint, const std::string& topic) {
  zmq::socket_t socket(context, zmq::socket_type::sub);
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::rcvtimeo, 20'000);
  socket.set(zmq::sockopt::reconnect_ivl, 5);
  socket.set(zmq::sockopt::subscribe, topic);
  socket.connect(endpoint);
  Headers headers;
  while (headers.empty() || !headers.back().has_series_end()) {
    zmq::message_t part;
    for (int i = 0; i == 0 || part.more(); ++i) {
      if (!socket.recv(part)) return headers;
      if (i == 1) headers.emplace_back().ParseFromArray(part.data(), static_cast<int>(part.size()));
    }
  }
  return headers;
}

struct Streams {
  Headers camera;
  Headers environment;
  std::uint64_t frames_sent = 0;
};

Streams play_scripted(const scenario::Scenario& scenario, double speed) {
  Rig rig;
  auto camera =
      std::async(std::launch::async, [&] { return listen(rig.context, rig.camera.endpoint(), "camera"); });
  auto environment = std::async(
      std::launch::async, [&] { return listen(rig.context, rig.environment.endpoint(), "environment"); });
  Publisher* const publishers[] = {&rig.camera, &rig.environment};
  EXPECT_TRUE(wait_for_subscribers(publishers, Publisher::Clock::now() + std::chrono::seconds(10)));
  ScriptedCamera camera_feed;
  ScriptedHolder holder_feed;
  FaultInjector camera_faults(scenario, scenario::Fault::CAMERA, kExampleStartNs);
  FaultInjector holder_faults(scenario, scenario::Fault::ENVIRONMENT, kExampleStartNs);
  Player player({&camera_feed, &rig.camera, &camera_faults}, {&holder_feed, &rig.environment, &holder_faults},
                {.speed = speed});
  player.run();
  return {camera.get(), environment.get(), player.frames_sent()};
}

std::int64_t at(double seconds) {
  return kExampleStartNs + to_ns(seconds);
}

// The frame numbered i leaves with the first sample at or after i + 0.8 s, which is that at i + 1 s.
std::int64_t usual_sent_utc_ns(const stream::StreamMessage& header) {
  return at(static_cast<double>(header.sequence()) + 1);
}

std::vector<std::uint64_t> frame_numbers(const Headers& headers) {
  std::vector<std::uint64_t> numbers;
  for (const auto& header : headers) {
    if (header.has_frame()) numbers.push_back(header.sequence());
  }
  return numbers;
}

std::vector<std::uint64_t> numbers_without(std::uint64_t first, std::uint64_t last) {
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t i = 0; i < ScriptedCamera::kFrames; ++i) {
    if (i < first || i > last) numbers.push_back(i);
  }
  return numbers;
}

scenario::Fault& add(scenario::Scenario& scenario, scenario::Fault::Kind kind, scenario::Fault::Stream stream,
                     double at_s, double duration_s) {
  auto& fault = *scenario.add_fault();
  fault.set_kind(kind);
  fault.set_stream(stream);
  fault.add_at_s(at_s);
  fault.set_duration_s(duration_s);
  return fault;
}

std::string bytes(const Headers& headers) {
  std::string out;
  for (const auto& header : headers) {
    if (!header.has_heartbeat()) out += header.SerializeAsString();
  }
  return out;
}

TEST(Player, PacesByDueTimesAndStampsByTheStreamsOwnClock) {
  const Streams streams = play_scripted({}, kMax);
  ASSERT_EQ(frame_numbers(streams.camera), numbers_without(1, 0));
  for (const auto& header : streams.camera) {
    if (!header.has_frame()) continue;
    EXPECT_EQ(header.sent_utc_ns(), usual_sent_utc_ns(header)) << "not held for the holder's clock";
  }
  for (const auto& header : streams.environment) {
    if (!header.has_environment()) continue;
    EXPECT_GE(header.sent_utc_ns(), header.environment().time_utc_ns());
    // The present may be ahead by what the camera was due last, never by the 100 s between the clocks.
    EXPECT_LE(header.sent_utc_ns(), header.environment().time_utc_ns() + to_ns(1));
  }
}

// Each stream by itself, at any speed: what is held back leaves at a time of the stream, not of the wall
// clock.
TEST(Player, FaultsAreTheSameAtEverySpeed) {
  scenario::Scenario scenario;
  add(scenario, scenario::Fault::DELAY, scenario::Fault::CAMERA, 2, 2.9);
  add(scenario, scenario::Fault::STALL, scenario::Fault::CAMERA, 8, 5);
  add(scenario, scenario::Fault::CLOCK_STEP, scenario::Fault::CAMERA, 17, 1).set_step_s(0.5);
  add(scenario, scenario::Fault::STALL, scenario::Fault::ENVIRONMENT, 4, 3);
  add(scenario, scenario::Fault::DELAY, scenario::Fault::ENVIRONMENT, 10, 1.1);
  auto& lose = *scenario.add_fault();
  lose.set_kind(scenario::Fault::LOSE);
  lose.set_rate(0.1);
  const Streams fast = play_scripted(scenario, kMax);
  const Streams paced = play_scripted(scenario, 50);
  EXPECT_FALSE(frame_numbers(fast.camera).empty());
  EXPECT_EQ(bytes(fast.camera), bytes(paced.camera));
  EXPECT_EQ(bytes(fast.environment), bytes(paced.environment));
}

// Frame 5, due at 5.8 s, waits until 9.8 s, and so do 6, 7 and 8; 9 is due at 9.8 s itself.
TEST(Player, AStallHoldsOneStreamAndNotTheOther) {
  scenario::Scenario scenario;
  add(scenario, scenario::Fault::STALL, scenario::Fault::CAMERA, 5, 4);
  const Streams streams = play_scripted(scenario, kMax);
  EXPECT_EQ(frame_numbers(streams.camera), numbers_without(1, 0)) << "nothing is lost";
  for (const auto& header : streams.camera) {
    if (!header.has_frame()) continue;
    const bool stalled = header.sequence() >= 5 && header.sequence() <= 8;
    // The sample at 9.75 s is the last before.
    EXPECT_EQ(header.sent_utc_ns(), stalled ? at(9.8) : usual_sent_utc_ns(header)) << header.sequence();
  }
  EXPECT_EQ(streams.environment.size(), ScriptedHolder::kSamples + 2);
}

TEST(Player, FramesDoNotWaitForTheSamplesOfAStalledHolder) {
  scenario::Scenario scenario;
  add(scenario, scenario::Fault::STALL, scenario::Fault::ENVIRONMENT, 5, 10);
  const Streams streams = play_scripted(scenario, kMax);
  for (const auto& header : streams.camera) {
    if (!header.has_frame()) continue;
    EXPECT_EQ(header.sent_utc_ns(), usual_sent_utc_ns(header));
  }
  EXPECT_EQ(streams.environment.size(), ScriptedHolder::kSamples + 2);
}

// 16 s of stream in 1.6 s of real time, and a heartbeat is due after one second of silence.
TEST(Player, AStalledStreamSendsNoHeartbeats) {
  scenario::Scenario scenario;
  add(scenario, scenario::Fault::STALL, scenario::Fault::CAMERA, 3, 16);
  const Streams streams = play_scripted(scenario, 10);
  EXPECT_EQ(frame_numbers(streams.camera), numbers_without(1, 0));
  for (const auto& header : streams.camera) EXPECT_FALSE(header.has_heartbeat());
}

// Due at 4.8, 5.8 and 6.8 s, and away until 7.3 s.
TEST(Player, ADisconnectionLosesWhatIsDueMeanwhile) {
  scenario::Scenario scenario;
  add(scenario, scenario::Fault::DISCONNECT, scenario::Fault::CAMERA, 4, 2.5);
  const Streams streams = play_scripted(scenario, kMax);
  EXPECT_EQ(frame_numbers(streams.camera), numbers_without(4, 6));
  EXPECT_EQ(streams.frames_sent, ScriptedCamera::kFrames - 3);
  const auto starts = std::count_if(streams.camera.begin(), streams.camera.end(),
                                    [](const auto& header) { return header.has_series_start(); });
  EXPECT_EQ(starts, 2) << "repeated to the subscriber that comes back";
  EXPECT_EQ(streams.environment.size(), ScriptedHolder::kSamples + 2) << "the other stream does not notice";
}

// Frame 5, due at 5.8 s and sent with the sample at 6 s, is lost although the connection is back from 5.9 s
// on.
TEST(Player, WhatIsDueBeforeTheReconnectionIsLost) {
  scenario::Scenario scenario;
  add(scenario, scenario::Fault::DISCONNECT, scenario::Fault::CAMERA, 4, 1.1);
  EXPECT_EQ(frame_numbers(play_scripted(scenario, kMax).camera), numbers_without(4, 5));
}

// 10 s of stream are half a second; the subscriber comes back some milliseconds after it, and what is sent
// before it has, nobody gets.
TEST(Player, APacedDisconnectionLosesAtLeastThat) {
  scenario::Scenario scenario;
  add(scenario, scenario::Fault::DISCONNECT, scenario::Fault::CAMERA, 4, 10);
  const Streams streams = play_scripted(scenario, 20);
  const auto numbers = frame_numbers(streams.camera);
  const auto after = std::find_if(numbers.begin(), numbers.end(), [](auto number) { return number > 3; });
  EXPECT_EQ(after - numbers.begin(), 4);
  ASSERT_NE(after, numbers.end()) << "it comes back";
  EXPECT_GE(*after, 14u);
  EXPECT_EQ(numbers, numbers_without(4, *after - 1));
}

TEST(Player, ADisconnectionMayOutlastTheRun) {
  scenario::Scenario scenario;
  add(scenario, scenario::Fault::DISCONNECT, scenario::Fault::ENVIRONMENT, 20, 1000);
  Rig rig;
  ScriptedCamera camera;
  ScriptedHolder holder;
  FaultInjector faults(scenario, scenario::Fault::ENVIRONMENT, kExampleStartNs);
  Player player({&camera, &rig.camera, nullptr}, {&holder, &rig.environment, &faults}, {.speed = kMax});
  player.run();
  EXPECT_EQ(player.frames_sent(), ScriptedCamera::kFrames);
  EXPECT_EQ(player.samples_sent(), 84u) << "those before 20 s";
}

// A client of the control socket.
class Client {
 public:
  Client(zmq::context_t& context, const std::string& endpoint) : socket_(context, zmq::socket_type::req) {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::rcvtimeo, 20'000);
    socket_.connect(endpoint);
  }

  nlohmann::json ask(const std::string& command) {
    const auto asked = Publisher::Clock::now();
    socket_.send(zmq::buffer(command));
    zmq::message_t answer;
    if (!socket_.recv(answer)) return {{"state", "no answer"}};
    fastest_ = std::min(fastest_, Publisher::Clock::now() - asked);
    return nlohmann::json::parse(answer.to_string_view());
  }

  /// Asks until the state is this one.
  nlohmann::json wait_for(const std::string& state) {
    nlohmann::json answer = ask("status");
    for (const auto until = Publisher::Clock::now() + std::chrono::seconds(20);
         answer["state"] != state && Publisher::Clock::now() < until;) {
      answer = ask("status");
    }
    return answer;
  }

  Publisher::Clock::duration fastest() const { return fastest_; }

 private:
  zmq::socket_t socket_;
  Publisher::Clock::duration fastest_ = std::chrono::hours(1);
};

// A replay of the scripted feeds that begins with a pause, and is steered from another thread.
struct SteeredRig {
  Rig rig;
  Playback playback{1, true};
  TemperatureCurve curve;
  PlaybackControl control{rig.context, playback, curve, {.endpoint = "tcp://127.0.0.1:*"}};
  ScriptedCamera camera;
  ScriptedHolder holder;
  Player player{{&camera, &rig.camera, nullptr}, {&holder, &rig.environment, nullptr}, {}};
  SteeredRig() { player.follow(playback, control); }
};

// Returns when that many have come.
void await_heartbeats(zmq::context_t& context, const std::string& endpoint, int count) {
  zmq::socket_t socket(context, zmq::socket_type::sub);
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::rcvtimeo, 20'000);
  socket.set(zmq::sockopt::subscribe, "camera");
  socket.connect(endpoint);
  while (count > 0) {
    zmq::message_t topic;
    zmq::message_t header;
    stream::StreamMessage message;
    ASSERT_TRUE(socket.recv(topic) && socket.recv(header));
    ASSERT_TRUE(message.ParseFromArray(header.data(), static_cast<int>(header.size())));
    count -= message.has_heartbeat() ? 1 : 0;
  }
}

TEST(Player, IsSteeredWhileItPlays) {
  SteeredRig steered;
  auto camera = std::async(std::launch::async, [&] {
    return listen(steered.rig.context, steered.rig.camera.endpoint(), "camera");
  });
  Publisher* const publishers[] = {&steered.rig.camera};
  ASSERT_TRUE(wait_for_subscribers(publishers, Publisher::Clock::now() + std::chrono::seconds(10)));
  auto steering = std::async(std::launch::async, [&] {
    Client client(steered.rig.context, steered.control.endpoint());
    EXPECT_EQ(client.wait_for("paused")["frames_sent"], 0);
    client.ask("step 3");
    const auto stepped = client.wait_for("paused");
    EXPECT_EQ(stepped["frames_sent"], 3);
    EXPECT_EQ(stepped["sequence"], 2);
    client.ask("step");
    EXPECT_EQ(client.wait_for("paused")["frames_sent"], 4);
    EXPECT_LT(client.fastest(), std::chrono::milliseconds(200));
    await_heartbeats(steered.rig.context, steered.rig.camera.endpoint(), 2);
    EXPECT_EQ(client.ask("status")["frames_sent"], 4);
    client.ask("speed max");
    EXPECT_EQ(client.ask("status")["frames_sent"], 4) << "paused still";
    client.ask("play");
  });
  steered.player.run();
  steering.get();
  const Headers received = camera.get();
  EXPECT_EQ(frame_numbers(received), numbers_without(1, 0)) << "each once, in order";
  std::size_t frames = 0;
  std::size_t heartbeats_in_pause = 0;
  for (const auto& header : received) {
    frames += header.has_frame() ? 1 : 0;
    if (header.has_heartbeat() && frames == 4) ++heartbeats_in_pause;
    if (!header.has_frame()) continue;
    EXPECT_EQ(header.sent_utc_ns(), usual_sent_utc_ns(header)) << "by the stream, not the wall clock";
  }
  EXPECT_GE(heartbeats_in_pause, 2u);
}

// The frames of 24 s in 1.2 s, and a pause within.
TEST(Player, GoesOnAtItsPaceAfterAPause) {
  SteeredRig steered;
  auto steering = std::async(std::launch::async, [&] {
    Client client(steered.rig.context, steered.control.endpoint());
    client.ask("speed 20");
    client.ask("play");
    nlohmann::json answer = client.ask("status");
    while (answer["frames_sent"] < 5 && answer["state"] == "playing") answer = client.ask("status");
    const auto sent = client.ask("pause")["frames_sent"].get<std::uint64_t>();
    const auto until = Publisher::Clock::now() + std::chrono::milliseconds(500);
    while (Publisher::Clock::now() < until) EXPECT_EQ(client.ask("status")["frames_sent"], sent);
    EXPECT_EQ(client.ask("play")["frames_sent"], sent);
    const auto resumed = Publisher::Clock::now();
    return std::pair{resumed, sent};
  });
  steered.player.run();
  const auto ended = Publisher::Clock::now();
  const auto [resumed, sent] = steering.get();
  ASSERT_GE(sent, 5u);
  ASSERT_LT(sent, ScriptedCamera::kFrames) << "too slow a machine for this";
  // A frame a second, 20 in a second of ours; less one of which the pause may have taken a part.
  const double left_s = static_cast<double>(ScriptedCamera::kFrames - sent - 1) / 20;
  EXPECT_GE(std::chrono::duration<double>(ended - resumed).count(), left_s - 0.01);
  EXPECT_EQ(steered.player.frames_sent(), ScriptedCamera::kFrames);
}

// 20 frames by steps; the other four take a second at the speed of 4, not the 6 s of all.
TEST(Player, GoesOnAtItsPaceWhereStepsHaveLed) {
  SteeredRig steered;
  auto steering = std::async(std::launch::async, [&] {
    Client client(steered.rig.context, steered.control.endpoint());
    client.ask("speed 4");
    client.ask("step 20");
    EXPECT_EQ(client.wait_for("paused")["frames_sent"], 20);
    client.ask("play");
    return Publisher::Clock::now();
  });
  steered.player.run();
  const std::chrono::duration<double> took = Publisher::Clock::now() - steering.get();
  EXPECT_GE(took.count(), 0.7);
  EXPECT_LT(took.count(), 4);
}

TEST(Player, QuitsFromAPause) {
  zmq::context_t context;
  Publisher publisher(context, {.endpoint = "tcp://127.0.0.1:*", .topic = "camera"});
  Playback playback(1, true);
  TemperatureCurve curve;
  PlaybackControl control(context, playback, curve, {.endpoint = "tcp://127.0.0.1:*"});
  ReplayCamera camera(inputs({{{5, 1}, {6, 2}, {7, 3}}}), {});
  auto received =
      std::async(std::launch::async, [&] { return listen(context, publisher.endpoint(), "camera"); });
  Publisher* const publishers[] = {&publisher};
  ASSERT_TRUE(wait_for_subscribers(publishers, Publisher::Clock::now() + std::chrono::seconds(10)));
  auto steering = std::async(std::launch::async, [&] {
    Client client(context, control.endpoint());
    client.ask("step 2");
    EXPECT_EQ(client.wait_for("paused")["sequence"], 6);
    EXPECT_EQ(client.ask("quit")["state"], "ending");
  });
  Player player({&camera, &publisher, nullptr}, {}, {});
  player.follow(playback, control);
  player.run();
  steering.get();
  const Headers headers = received.get();
  EXPECT_EQ(frame_numbers(headers), (std::vector<std::uint64_t>{5, 6}));
  EXPECT_EQ(headers.back().series_end().reason(), stream::SeriesEnd::STOPPED_BY_OPERATOR);
  EXPECT_EQ(headers.back().series_end().count(), 7u);
}

TEST(Player, PlaysOtherFeedsAfterTheFirst) {
  Rig rig;
  auto received =
      std::async(std::launch::async, [&] { return receive(rig.context, rig.camera.endpoint(), "camera"); });
  Publisher* const publishers[] = {&rig.camera};
  ASSERT_TRUE(wait_for_subscribers(publishers, Publisher::Clock::now() + std::chrono::seconds(10)));
  ReplayCamera late(inputs({{{0, 1000}, {1, 1001}}}), {});
  ReplayCamera early(inputs({{{0, 1}, {1, 2}, {2, 3}}}), {});
  // Paced: what is a quarter of an hour before the first feeds takes no less than its own two seconds.
  Player player({&late, &rig.camera, nullptr}, {}, {.speed = 10});
  player.run();
  EXPECT_EQ(received.get().frames, 2u);
  const auto begun = Publisher::Clock::now();
  player.change_feeds(early, nullptr);
  player.rest(std::chrono::milliseconds(50));
  player.run();
  EXPECT_GE(Publisher::Clock::now() - begun, std::chrono::milliseconds(290));
  EXPECT_EQ(player.frames_sent(), 5u);
}

}  // namespace
}  // namespace glasswatch::simulation
