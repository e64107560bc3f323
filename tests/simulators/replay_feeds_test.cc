#include "simulators/replay_feeds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <span>
#include <tuple>
#include <utility>

#include "simulators/replay_recordings.h"

namespace glasswatch::simulation {
namespace {

using testing::ElementsAre;

constexpr std::int64_t kSecond = 1'000'000'000;

// Frames of 2 x 3 pixels of u2, every pixel the sequence number; exposures of 0.5 s from the given seconds
// on.
class MemoryRecording : public Recording {
 public:
  explicit MemoryRecording(std::vector<std::pair<std::uint64_t, double>> frames)
      : frames_(std::move(frames)) {
    auto& camera = *start_.mutable_camera();
    camera.set_rows(2);
    camera.set_columns(3);
    camera.set_pixel_type(stream::U2);
    start_.set_source_mode(stream::REPLAY);
    start_.set_expected_frames(frames_.size());
    start_.mutable_timing()->set_frame_period_s(1);
  }
  const stream::SeriesStart& start() const override { return start_; }
  std::uint64_t frame_count() const override { return frames_.size(); }
  void read(std::uint64_t index, Frame& frame) override {
    const auto& [sequence, begin_s] = frames_.at(index);
    frame.info = {};
    frame.info.sequence = sequence;
    frame.info.device_frame_id = static_cast<std::int64_t>(sequence) + 1000;
    frame.info.exposure_start_utc_ns = to_ns(begin_s);
    frame.info.exposure_end_utc_ns = to_ns(begin_s + 0.5);
    frame.info.rows = 2;
    frame.info.columns = 3;
    frame.info.pixel_type = PixelType::kU2;
    const std::vector<std::uint16_t> pixels(6, static_cast<std::uint16_t>(sequence));
    std::memcpy(frame.writable_bytes().data(), pixels.data(), 12);
  }

 private:
  std::vector<std::pair<std::uint64_t, double>> frames_;
  stream::SeriesStart start_;
};

std::vector<std::unique_ptr<Recording>> recordings(
    std::vector<std::vector<std::pair<std::uint64_t, double>>> contents) {
  std::vector<std::unique_ptr<Recording>> out;
  for (auto& frames : contents) out.push_back(std::make_unique<MemoryRecording>(std::move(frames)));
  return out;
}

SharedPixels pixels_of(std::uint16_t sequence) {
  const std::vector<std::uint16_t> values(6, sequence);
  const auto bytes = std::as_bytes(std::span(values));
  return std::vector<std::byte>(bytes.begin(), bytes.end());
}

EnvironmentLog log_at(std::initializer_list<double> seconds) {
  EnvironmentLog log;
  log.start.set_name("log");
  for (const double s : seconds) {
    auto& sample = log.samples.emplace_back();
    sample.set_time_utc_ns(to_ns(s));
    sample.set_temperature_c(s);
  }
  return log;
}

// "S" start, "0", "1", ... frames by sequence number, "E" end.
std::string letter(const Message& message) {
  if (message.header.has_series_start() || message.header.has_environment_start()) return "S";
  return message.header.has_series_end() ? "E" : std::to_string(message.header.sequence());
}

std::vector<std::string> letters(Feed& feed) {
  std::vector<std::string> out;
  while (feed.due_utc_ns()) out.push_back(letter(feed.take()));
  return out;
}

TEST(ReplayCamera, PlaysEachRecordingAsOneSeriesAtItsTimes) {
  ReplayCamera camera(recordings({{{0, 10}, {1, 11}}, {{0, 20}}}), {});
  std::vector<std::uint64_t> ids;
  std::vector<std::int64_t> due;
  std::vector<std::string> order;
  while (const auto when = camera.due_utc_ns()) {
    due.push_back(*when);
    const Message message = camera.take();
    order.push_back(letter(message));
    ids.push_back(message.header.series_id());
    if (!message.header.has_frame()) continue;
    EXPECT_EQ(message.header.frame().exposure_end_utc_ns(), *when);
    std::uint16_t pixel = 99;
    ASSERT_EQ(message.pixels.size(), 12u);
    std::memcpy(&pixel, message.pixels.data() + 10, 2);
    EXPECT_EQ(pixel, message.header.sequence());
    EXPECT_EQ(message.header.frame().device_frame_id(), pixel + 1000);
  }
  EXPECT_THAT(order, ElementsAre("S", "0", "1", "E", "S", "0", "E"));
  EXPECT_THAT(due, ElementsAre(10 * kSecond, 10 * kSecond + kSecond / 2, 11 * kSecond + kSecond / 2,
                               11 * kSecond + kSecond / 2, 20 * kSecond, 20 * kSecond + kSecond / 2,
                               20 * kSecond + kSecond / 2));
  EXPECT_EQ(ids[0], ids[3]);
  EXPECT_NE(ids[0], ids[4]);
  EXPECT_NE(ids[0], 0u);
}

// What the transport still has to send is not written over by the frames that follow.
TEST(ReplayCamera, MessagesKeepTheirPixels) {
  std::vector<Message> kept;
  {
    ReplayCamera camera(recordings({{{0, 0}, {1, 1}, {2, 2}, {3, 3}}}), {});
    while (camera.due_utc_ns()) kept.push_back(camera.take());
  }
  ASSERT_EQ(kept.size(), 6u);
  for (std::uint16_t sequence = 0; sequence < 4; ++sequence) {
    EXPECT_EQ(kept[sequence + 1u].pixels, pixels_of(sequence));
  }
}

TEST(ReplayCamera, PreloadedFramesAreSentFromOneMemory) {
  std::vector<std::unique_ptr<Recording>> contents;
  auto preloaded = preload_recording(std::move(recordings({{{0, 0}, {1, 1}}}).front()), 24);
  contents.push_back(repeat_recording(std::move(preloaded), 3));
  ReplayCamera camera(std::move(contents), {});
  std::vector<Message> frames;
  while (camera.due_utc_ns()) {
    Message message = camera.take();
    if (message.header.has_frame()) frames.push_back(std::move(message));
  }
  ASSERT_EQ(frames.size(), 6u);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    EXPECT_EQ(frames[i].header.sequence(), i);
    EXPECT_EQ(frames[i].pixels, pixels_of(static_cast<std::uint16_t>(i % 2)));
    EXPECT_EQ(frames[i].pixels.data(), frames[i % 2].pixels.data());
  }
}

TEST(ScanRecording, CountsPositionsRowByRowAndEndsWithTheScan) {
  for (const auto& [rows, columns, count] : {std::tuple{2u, 2u, 4u}, std::tuple{3u, 2u, 5u}}) {
    const auto scan = scan_recording(
        std::move(recordings({{{0, 0}, {1, 1}, {2, 2}, {3, 3}, {4, 4}}}).front()), rows, columns);
    EXPECT_EQ(scan->frame_count(), count);
    EXPECT_EQ(scan->start().expected_frames(), count);
    EXPECT_EQ(scan->start().scan().rows(), rows);
    EXPECT_EQ(scan->start().scan().columns(), columns);
    FramePool pool(1, 12);
    Frame frame = pool.acquire();
    scan->read(3, frame);
    EXPECT_EQ(frame.info.scan_row, 1);
    EXPECT_EQ(frame.info.scan_column, 1);
    EXPECT_EQ(frame.info.sequence, 3u);
  }
}

TEST(ReplayCamera, WindowCountsFromTheFirstFrameAndGapsStayGaps) {
  const std::vector<std::pair<std::uint64_t, double>> frames = {
      {0, 100}, {1, 101}, {2, 102}, {5, 105}, {6, 106}};
  ReplayCamera middle(recordings({frames}), {.start_s = 1, .stop_s = 6});
  EXPECT_THAT(letters(middle), ElementsAre("S", "0", "1", "4", "E"));
  ReplayCamera second_file(recordings({frames, {{0, 110}, {1, 111}}}), {.start_s = 10.5});
  EXPECT_THAT(letters(second_file), ElementsAre("S", "0", "E"));
  ReplayCamera nothing(recordings({frames}), {.start_s = 50});
  EXPECT_EQ(nothing.due_utc_ns(), std::nullopt);
}

TEST(ReplayCamera, AnInterruptEndsTheSeriesWithWhatWasPlayed) {
  ReplayCamera camera(recordings({{{0, 1}, {1, 2}, {2, 3}}}), {});
  camera.take();
  camera.take();
  camera.finish(stream::SeriesEnd::STOPPED_BY_OPERATOR, "interrupted");
  const Message end = camera.take();
  EXPECT_EQ(end.header.series_end().reason(), stream::SeriesEnd::STOPPED_BY_OPERATOR);
  EXPECT_EQ(end.header.series_end().count(), 1u);
  EXPECT_EQ(camera.due_utc_ns(), std::nullopt);
}

TEST(ReplayHolder, KeepsFileOrderAndNeverGoesBackInDueTime) {
  ReplayHolder holder(log_at({1, 3, 2, 4}));
  std::vector<std::int64_t> due;
  while (const auto when = holder.due_utc_ns()) {
    due.push_back(*when / kSecond);
    holder.take();
  }
  EXPECT_THAT(due, ElementsAre(1, 1, 3, 3, 4, 4));
}

TEST(NextTurn, SamplesGoBeforeTheFramesTheyBracket) {
  ReplayCamera camera(recordings({{{0, 1}, {1, 2}}}), {});
  ReplayHolder holder(log_at({0.2, 0.9, 1.4, 1.5, 1.6, 3, 4, 5}));
  std::string order;
  std::int64_t reached = std::numeric_limits<std::int64_t>::min();
  for (;;) {
    const Turn turn = next_turn(camera.due_utc_ns(), holder.due_utc_ns(), reached);
    if (turn == Turn::kNone) break;
    const bool frame = turn == Turn::kCamera;
    const Message message = frame ? camera.take() : holder.take();
    if (message.header.has_environment()) reached = message.header.environment().time_utc_ns();
    order += (frame ? "c" : "e") + letter(message) + " ";
    if (!camera.due_utc_ns()) holder.finish(stream::SeriesEnd::COMPLETED, "");
  }
  // The camera starts at 1 s: samples up to 1.4 s first. Frame 0 ends at 1.5 s, frame 1 at 2.5 s, both
  // inclusive.
  EXPECT_EQ(order, "eS e0 e1 e2 cS e3 c0 e4 e5 c1 cE eE ");
}

TEST(NextTurn, FramesGoOnWhenTheLogHasEndedOrThereIsNone) {
  EXPECT_EQ(next_turn(5, std::nullopt, 0), Turn::kCamera);
  EXPECT_EQ(next_turn(5, 3, 4), Turn::kEnvironment);
  EXPECT_EQ(next_turn(5, 6, 4), Turn::kEnvironment);
  EXPECT_EQ(next_turn(5, 6, 5), Turn::kCamera);
  EXPECT_EQ(next_turn(std::nullopt, 6, 5), Turn::kEnvironment);
  EXPECT_EQ(next_turn(std::nullopt, std::nullopt, 5), Turn::kNone);
}

}  // namespace
}  // namespace glasswatch::simulation
