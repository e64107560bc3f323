// The whole daemon in one process, over real sockets: what the thread sanitizer should see.
#include "daemon/daemon.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <zmq.hpp>

#include "detectors/stream_decoder.h"
#include "protocol/client/client.h"
#include "protocol/configuration/configuration.h"
#include "protocol/configuration/text.h"
#include "protocol/wire/wire.h"

namespace glasswatch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr seconds kPatience{60};
constexpr int kRows = 32;
constexpr int kColumns = 32;

// A camera under the test's command: an XPUB that never drops.
class Camera {
 public:
  Camera() : socket_(context_, zmq::socket_type::xpub) {
    socket_.set(zmq::sockopt::xpub_nodrop, true);
    socket_.set(zmq::sockopt::sndhwm, 100'000);
    socket_.set(zmq::sockopt::linger, 0);
    socket_.bind("tcp://127.0.0.1:*");
  }
  std::string endpoint() { return socket_.get(zmq::sockopt::last_endpoint); }
  void wait_for_subscriber() {
    zmq::message_t request;
    zmq::pollitem_t item{socket_.handle(), 0, ZMQ_POLLIN, 0};
    ASSERT_EQ(zmq::poll(&item, 1, kPatience), 1);
    ASSERT_TRUE(socket_.recv(request));
  }
  void start(std::uint64_t series, stream::ClockKind clock) {
    stream::StreamMessage message;
    message.set_schema_version(wire::kSchemaVersion);
    message.set_series_id(series);
    auto& start = *message.mutable_series_start();
    start.set_name("test");
    start.mutable_clock()->set_kind(clock);
    start.mutable_camera()->set_rows(kRows);
    start.mutable_camera()->set_columns(kColumns);
    start.mutable_camera()->set_pixel_type(stream::U1);
    start.mutable_timing()->set_frame_period_s(1);
    send(message, nullptr);
  }
  void frame(std::uint64_t series, std::uint64_t sequence) {
    stream::StreamMessage message;
    FrameInfo info;
    info.series_id = series;
    info.sequence = sequence;
    info.exposure_start_utc_ns = static_cast<std::int64_t>(sequence) * 1'000'000'000;
    info.exposure_end_utc_ns = info.exposure_start_utc_ns + 900'000'000;
    info.rows = kRows;
    info.columns = kColumns;
    info.pixel_type = PixelType::kU1;
    wire::encode_frame_info(info, message);
    const std::string pixels(static_cast<std::size_t>(kRows) * kColumns,
                             static_cast<char>(40 + sequence % 7));
    send(message, &pixels);
  }
  void end(std::uint64_t series, std::uint64_t count) {
    stream::StreamMessage message;
    message.set_schema_version(wire::kSchemaVersion);
    message.set_series_id(series);
    message.mutable_series_end()->set_reason(stream::SeriesEnd::COMPLETED);
    message.mutable_series_end()->set_count(count);
    send(message, nullptr);
  }

 private:
  void send(const stream::StreamMessage& message, const std::string* pixels) {
    const std::string header = message.SerializeAsString();
    socket_.send(zmq::buffer(wire::kCameraTopic), zmq::send_flags::sndmore);
    socket_.send(zmq::buffer(header), pixels != nullptr ? zmq::send_flags::sndmore : zmq::send_flags::none);
    if (pixels != nullptr) socket_.send(zmq::buffer(*pixels), zmq::send_flags::none);
  }
  zmq::context_t context_;
  zmq::socket_t socket_;
};

// A daemon on wildcard ports, running in a thread.
class DaemonTest : public ::testing::Test {
 protected:
  void start(const std::string& more = "") {
    const std::string text = text::concatenate(
        "camera { kind: \"ceta\" endpoint: \"", camera_.endpoint(), "\" queue_frames: 4 }\n",
        "calibration { center_row_px: 15.5 center_col_px: 15.5 }\n",
        "symmetry { r_min_px: 5 r_max_px: 12 radial_bins: 7 azimuthal_bins: 60 orders: [2, 4] }\n",
        "ecm { max_lag_s: 10 }\n",
        "service { results_endpoint: \"tcp://127.0.0.1:*\" control_endpoint: \"tcp://127.0.0.1:*\"",
        " status_period_s: 0.05 }\n", "dashboard { port: 0 }\n", more);
    daemon_.emplace(parse_configuration(text, "test", "/"));
    thread_ = std::thread([this] { daemon_->run(); });
    camera_.wait_for_subscriber();
  }
  void TearDown() override { stop(); }
  void stop() {
    if (!thread_.joinable()) return;
    daemon_->stop();
    thread_.join();
  }
  ControlClient::Answer ask(const std::function<void(control::Request&)>& fill) {
    control::Request request;
    fill(request);
    return ControlClient(daemon_->control_endpoint(), kPatience).ask(request);
  }
  result::Status status() {
    return ask([](control::Request& request) { request.mutable_status(); }).reply.status();
  }
  // Polls until the condition holds; the last status either way.
  result::Status wait_status(const std::function<bool(const result::Status&)>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    result::Status last = status();
    while (!condition(last) && std::chrono::steady_clock::now() < deadline) last = status();
    EXPECT_TRUE(condition(last)) << last.DebugString();
    return last;
  }

  Camera camera_;
  std::optional<Daemon> daemon_;
  std::thread thread_;
};

TEST_F(DaemonTest, EveryFrameOfARecordedSeriesIsPublishedOnceAndInOrder) {
  constexpr std::uint64_t kFrames = 300;
  start();
  ResultSubscriber subscriber(daemon_->results_endpoint());
  while (!subscriber.next(kPatience)->message.has_status()) {
  }
  camera_.start(1, stream::RECORDED_CLOCK);
  for (std::uint64_t i = 0; i < kFrames; ++i) camera_.frame(1, i);
  camera_.end(1, kFrames);
  std::uint64_t expected = 0;
  bool ended = false;
  while (!ended) {
    const auto received = subscriber.next(kPatience);
    ASSERT_TRUE(received) << "nothing after frame " << expected;
    if (received->message.has_frame()) {
      EXPECT_EQ(received->message.frame().sequence(), expected++);
    }
    ended = received->message.has_series() && received->message.series().has_end();
  }
  EXPECT_EQ(expected, kFrames);
  EXPECT_EQ(subscriber.missed(), 0u);
  const result::Status last = wait_status([](const result::Status& s) { return s.state() == result::IDLE; });
  EXPECT_EQ(last.processed(), kFrames);
  EXPECT_EQ(last.sources(0).dropped_by_overflow(), 0u);  // a queue of 4 held the publisher back instead
  EXPECT_EQ(last.temperature_invalid(), kFrames);        // no environment: no temperature, and it is said
}

TEST_F(DaemonTest, EveryFrameOfALiveSeriesIsEitherProcessedOrCounted) {
  constexpr std::uint64_t kFrames = 3000;
  start();
  camera_.start(1, stream::LIVE_CLOCK);
  for (std::uint64_t i = 0; i < kFrames; ++i) camera_.frame(1, i);
  camera_.end(1, kFrames);
  const result::Status last = wait_status([](const result::Status& s) {
    return s.sources(0).series_ended() == 1 && s.state() == result::IDLE &&
           s.processed() + s.sources(0).dropped_by_overflow() == kFrames;
  });
  EXPECT_EQ(last.sources(0).lost(), 0u);
  EXPECT_EQ(last.sources(0).received(), kFrames + 2);
}

TEST_F(DaemonTest, ALongStallOfARecordedSourceLosesNothingAndBreaksNothing) {
  // A configured holder that never speaks makes the first frame wait silence_s; meanwhile the publisher is
  // held back long enough for a transport that answers heartbeats to give up.
  start("environment { kind: \"axon\" endpoint: \"tcp://127.0.0.1:9\" silence_s: 5 }");
  camera_.start(1, stream::RECORDED_CLOCK);
  for (std::uint64_t i = 0; i < 400; ++i) camera_.frame(1, i);
  camera_.end(1, 400);
  const result::Status last = wait_status([](const result::Status& s) { return s.processed() == 400; });
  EXPECT_EQ(last.temperature_invalid(), 400u);
  EXPECT_EQ(last.sources(0).lost() + last.sources(0).dropped_by_overflow(), 0u);
}

TEST_F(DaemonTest, EveryJoiningClientLeavesTheHistoryWhole) {
  start();
  camera_.start(1, stream::RECORDED_CLOCK);
  std::vector<std::unique_ptr<ResultSubscriber>> subscribers;
  for (std::uint64_t i = 0; i < 200; ++i) {
    camera_.frame(1, i);
    if (i % 10 == 0) subscribers.push_back(std::make_unique<ResultSubscriber>(daemon_->results_endpoint()));
  }
  wait_status([](const result::Status& s) { return s.processed() == 200; });
  const auto answer = ask([](control::Request& request) { request.mutable_snapshot(); });
  ASSERT_EQ(answer.frames.size(), 200u);
  for (std::uint64_t i = 0; i < 200; ++i) {
    EXPECT_EQ(answer.frames[i].sequence(), i);
    EXPECT_EQ(answer.frames[i].symmetry().power_size(), 7 * 2);
  }
}

TEST_F(DaemonTest, AClientSeesEachFrameOnceHoweverManyOthersJoin) {
  start();
  ResultSubscriber first(daemon_->results_endpoint());
  while (!first.next(kPatience)->message.has_status()) {
  }
  camera_.start(1, stream::RECORDED_CLOCK);
  std::vector<std::unique_ptr<ResultSubscriber>> others;
  std::uint64_t expected = 0;
  for (std::uint64_t i = 0; i < 20; ++i) {
    camera_.frame(1, i);
    others.push_back(std::make_unique<ResultSubscriber>(daemon_->results_endpoint()));
    ASSERT_TRUE(others.back()->next(kPatience));
  }
  camera_.end(1, 20);
  for (bool ended = false; !ended;) {
    const auto received = first.next(kPatience);
    ASSERT_TRUE(received);
    if (received->message.has_frame()) {
      EXPECT_EQ(received->message.frame().sequence(), expected++);
    }
    ended = received->message.has_series() && received->message.series().has_end();
  }
  EXPECT_EQ(expected, 20u);
}

TEST_F(DaemonTest, StopsInTheMiddleOfAStreamAndPublishesWhatItHad) {
  start();
  camera_.start(1, stream::RECORDED_CLOCK);
  for (std::uint64_t i = 0; i < 2000; ++i) camera_.frame(1, i);
  wait_status([](const result::Status& s) { return s.processed() > 10; });
  stop();
}

TEST_F(DaemonTest, SnapshotHoldsTheFramesAndTheAxes) {
  start();
  camera_.start(1, stream::RECORDED_CLOCK);
  for (std::uint64_t i = 0; i < 20; ++i) camera_.frame(1, i);
  wait_status([](const result::Status& s) { return s.processed() == 20; });
  const auto answer = ask([](control::Request& request) { request.mutable_snapshot(); });
  ASSERT_EQ(answer.frames.size(), 20u);
  EXPECT_EQ(answer.frames.back().sequence(), 19u);
  EXPECT_EQ(answer.reply.snapshot().setup().radius_px_size(), 7);
  EXPECT_EQ(answer.reply.snapshot().setup().lag_s_size(), answer.frames.back().ecm().g2_size());
}

TEST_F(DaemonTest, ALateSubscriberIsToldSetupSeriesFrameAndStatus) {
  start();
  camera_.start(1, stream::RECORDED_CLOCK);
  camera_.frame(1, 0);
  wait_status([](const result::Status& s) { return s.processed() == 1; });
  ResultSubscriber subscriber(daemon_->results_endpoint());
  bool setup = false, series = false, frame = false, status = false;
  while (!(setup && series && frame && status)) {
    const auto received = subscriber.next(kPatience);
    ASSERT_TRUE(received) << setup << series << frame << status;
    setup = setup || received->message.has_setup();
    series = series || received->message.has_series();
    frame = frame || received->message.has_frame();
    status = status || received->message.has_status();
  }
}

TEST_F(DaemonTest, MalformedRequestsGetATypedAnswer) {
  start();
  zmq::context_t context;
  zmq::socket_t socket(context, zmq::socket_type::req);
  socket.set(zmq::sockopt::linger, 0);
  socket.connect(daemon_->control_endpoint());
  for (const std::string& bytes : {std::string("\xff\xff\xff"), std::string(), std::string("\x08\x63")}) {
    socket.send(zmq::buffer(bytes), zmq::send_flags::none);
    zmq::message_t answer;
    ASSERT_TRUE(socket.recv(answer));
    control::Reply reply;
    ASSERT_TRUE(reply.ParseFromArray(answer.data(), static_cast<int>(answer.size())));
    EXPECT_EQ(reply.error().code(), control::Error::MALFORMED);
    EXPECT_FALSE(reply.error().message().empty());
  }
}

TEST_F(DaemonTest, ArmingWithoutARuleIsRefused) {
  start();
  const auto answer = ask([](control::Request& request) { request.mutable_arm(); });
  EXPECT_EQ(answer.reply.error().code(), control::Error::NOT_CONFIGURED);
  EXPECT_FALSE(status().armed());
}

TEST_F(DaemonTest, ArmedRuleWithoutMicroscopeActionIsADryRun) {
  start(
      "trigger { name: \"bright\" quantity: MEAN_COUNTS threshold: 43 confirm_frames: 1 cooldown_s: 0 "
      "require_temperature: false }");
  ask([](control::Request& request) { request.mutable_arm(); });
  ResultSubscriber subscriber(daemon_->results_endpoint(), {std::string(wire::kTriggerTopic)});
  ResultSubscriber all(daemon_->results_endpoint());
  while (!all.next(kPatience)->message.has_status()) {
  }
  camera_.start(1, stream::RECORDED_CLOCK);
  for (std::uint64_t i = 0; i < 14; ++i) camera_.frame(1, i);  // counts 40 .. 46, twice
  const result::Status last = wait_status([](const result::Status& s) { return s.processed() == 14; });
  EXPECT_EQ(last.trigger_events(), 2u);
  EXPECT_TRUE(last.armed());
}

TEST(DaemonFaults, NamesWhatTheDaemonNeeds) {
  EXPECT_NE(daemon_faults({}, "x").find("camera section"), std::string::npos);
}

}  // namespace
}  // namespace glasswatch
