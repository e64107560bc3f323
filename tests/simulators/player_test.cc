#include "simulators/player.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <future>
#include <limits>
#include <string>
#include <vector>

#include "simulators/virtual_microscope.h"
#include "tests/simulators/example_scenario.h"

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

}  // namespace
}  // namespace glasswatch::simulation
