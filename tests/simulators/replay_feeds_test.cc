#include "simulators/replay_feeds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <variant>

#include "detectors/stream_decoder.h"
#include "simulators/replay_recordings.h"
#include "tests/simulators/memory_recording.h"

namespace glasswatch::simulation {
namespace {

using testing::ElementsAre;

constexpr std::int64_t kSecond = 1'000'000'000;

SharedPixels pixels_of(std::uint16_t sequence) {
  const std::vector<std::uint16_t> values(6, sequence);
  const auto bytes = std::as_bytes(std::span(values));
  return std::vector<std::byte>(bytes.begin(), bytes.end());
}

EnvironmentLog log_at(std::initializer_list<double> seconds) {
  EnvironmentLog log = log_of({});
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
  ReplayCamera camera(inputs({{{0, 10}, {1, 11}}, {{0, 20}}}), {});
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
    ReplayCamera camera(inputs({{{0, 0}, {1, 1}, {2, 2}, {3, 3}}}), {});
    while (camera.due_utc_ns()) kept.push_back(camera.take());
  }
  ASSERT_EQ(kept.size(), 6u);
  for (std::uint16_t sequence = 0; sequence < 4; ++sequence) {
    EXPECT_EQ(kept[sequence + 1u].pixels, pixels_of(sequence));
  }
}

TEST(ReplayCamera, PreloadedFramesAreSentFromOneMemory) {
  std::vector<ReplayInput> contents;
  auto preloaded = preload_recording(std::make_unique<MemoryRecording>(PlannedFrames{{0, 0}, {1, 1}}), 24);
  contents.push_back({repeat_recording(std::move(preloaded), 3), std::nullopt});
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

TEST(ReplayCamera, PreloadedRecordingsKnowHowTheyEnded) {
  auto recording = std::make_unique<MemoryRecording>(PlannedFrames{{0, 0}, {1, 1}});
  recording->ended(stream::SeriesEnd::ABORTED, 5);
  const auto preloaded = preload_recording(std::move(recording), 24);
  ASSERT_TRUE(preloaded->end());
  EXPECT_EQ(preloaded->end()->reason(), stream::SeriesEnd::ABORTED);
  EXPECT_EQ(preloaded->end()->count(), 5u);
}

TEST(ScanRecording, CountsPositionsRowByRowAndEndsWithTheScan) {
  for (const auto& [rows, columns, count] : {std::tuple{2u, 2u, 4u}, std::tuple{3u, 2u, 5u}}) {
    auto recording = std::make_unique<MemoryRecording>(PlannedFrames{{0, 0}, {1, 1}, {2, 2}, {3, 3}, {4, 4}});
    recording->ended(stream::SeriesEnd::COMPLETED, 7);
    const auto scan = scan_recording(std::move(recording), rows, columns);
    EXPECT_EQ(scan->end().has_value(), count == 5) << "only the whole recording ends as it did";
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

std::vector<Message> messages(Feed& feed) {
  std::vector<Message> out;
  while (feed.due_utc_ns()) out.push_back(feed.take());
  return out;
}

// What a daemon's decoder makes of a feed: "S", frames by number ("~" before those marked as late), gaps as
// "first+count", "E".
struct Heard {
  std::vector<std::string> items;
  StreamCounters counters;
};

Heard hear(Feed& feed) {
  constexpr wire::SizeLimits kLimits{.max_rows = 64, .max_columns = 64, .max_frame_bytes = 65536};
  const auto decoder = make_stream_decoder("ceta", kLimits, [](std::span<const std::byte> pixels) {
    Frame frame = FramePool(1, pixels.size()).acquire();
    std::memcpy(frame.writable_bytes().data(), pixels.data(), pixels.size());
    return frame;
  });
  Heard heard;
  for (const Message& message : messages(feed)) {
    const std::string topic(decoder->topic());
    const std::string header = message.header.SerializeAsString();
    const auto bytes_of = [](const std::string& text) { return std::as_bytes(std::span(text)); };
    std::vector<std::span<const std::byte>> parts = {bytes_of(topic), bytes_of(header)};
    if (!message.pixels.empty()) parts.emplace_back(message.pixels.data(), message.pixels.size());
    std::vector<StreamItem> items;
    decoder->decode(parts, 1, items);
    EXPECT_EQ(decoder->last_rejection(), "");
    for (const StreamItem& item : items) {
      if (const auto* frame = std::get_if<Frame>(&item)) {
        heard.items.push_back(((frame->info.flags & kFlagLate) != 0 ? "~" : "") +
                              std::to_string(frame->info.sequence));
      } else if (const auto* gap = std::get_if<Gap>(&item)) {
        heard.items.push_back(std::to_string(gap->first_sequence) + "+" + std::to_string(gap->count));
      } else {
        heard.items.emplace_back(std::holds_alternative<SeriesStarted>(item) ? "S" : "E");
      }
    }
  }
  heard.counters = decoder->counters();
  return heard;
}

ReplayWindow seconds(double begin_s, double end_s) {
  return {.begin_utc_ns = to_ns(begin_s), .end_utc_ns = to_ns(end_s)};
}

TEST(ReplayCamera, GapsStayGapsAndWhatIsNotPlayedIsNotLost) {
  const PlannedFrames frames = {{3, 100}, {4, 101}, {5, 102}, {8, 105}, {9, 106}};
  ReplayCamera whole(inputs({frames}), {});
  const Heard all = hear(whole);
  EXPECT_THAT(all.items, ElementsAre("S", "3", "4", "5", "6+2", "8", "9", "E"));
  EXPECT_EQ(all.counters.lost, 2u);
  EXPECT_EQ(all.counters.accepted, 5u);
  ReplayCamera middle(inputs({frames}), seconds(101, 106));
  EXPECT_THAT(hear(middle).items, ElementsAre("S", "4", "5", "6+2", "8", "E"));
  ReplayCamera second_input(inputs({frames, {{0, 110}, {1, 111}}}), seconds(110.5, 1000));
  EXPECT_THAT(hear(second_input).items, ElementsAre("S", "1", "E"));
  ReplayCamera nothing(inputs({frames}), seconds(150, 1000));
  EXPECT_EQ(nothing.due_utc_ns(), std::nullopt);
}

// Frame 7 was lost at first and came after 9, frame 5 after 6: they are neither lost nor repeated.
TEST(ReplayCamera, LateFramesComeLateAgain) {
  const PlannedFrames frames = {{6, 6}, {5, 5}, {8, 8}, {9, 9}, {7, 7}, {10, 10}};
  ReplayCamera camera(inputs({frames}), {});
  const Heard heard = hear(camera);
  EXPECT_THAT(heard.items, ElementsAre("S", "5+1", "6", "~5", "7+1", "8", "9", "~7", "10", "E"));
  EXPECT_EQ(heard.counters.late, 2u);
  EXPECT_EQ(heard.counters.lost, 0u);
  EXPECT_EQ(heard.counters.duplicate, 0u);
  camera.rewind();
  std::int64_t latest = 0;
  while (const auto due = camera.due_utc_ns()) {
    EXPECT_GE(*due, latest) << "nothing is due before what has gone already";
    latest = *due;
    camera.take();
  }
}

TEST(ReplayCamera, LossesBeforeTheFirstFrameAreThoseThatWereMissed) {
  for (const auto& [window, items] :
       {std::pair{ReplayWindow{}, std::vector<std::string>{"S", "0+2", "2", "3", "E"}},
        std::pair{seconds(3, 1000), std::vector<std::string>{"S", "3", "E"}}}) {
    auto input = inputs({{{2, 2}, {3, 3}}});
    input.front().first_sequence = 0;
    ReplayCamera camera(std::move(input), window);
    EXPECT_EQ(hear(camera).items, items);
  }
}

TEST(ReplayCamera, ARecordingPlayedToItsEndEndsAsItDid) {
  const auto play = [](const ReplayWindow& window) {
    auto recording = std::make_unique<MemoryRecording>(PlannedFrames{{0, 0}, {1, 1}, {2, 2}});
    recording->ended(stream::SeriesEnd::ABORTED, 5);
    std::vector<ReplayInput> input;
    input.push_back({std::move(recording), std::nullopt});
    return ReplayCamera(std::move(input), window);
  };
  ReplayCamera whole = play({});
  const Message last = messages(whole).back();
  EXPECT_EQ(last.header.series_end().count(), 5u);
  EXPECT_EQ(last.header.series_end().reason(), stream::SeriesEnd::ABORTED);
  whole.rewind();
  EXPECT_THAT(hear(whole).items, ElementsAre("S", "0", "1", "2", "3+2", "E"));
  ReplayCamera from_second = play(seconds(1, 1000));
  EXPECT_THAT(hear(from_second).items, ElementsAre("S", "1", "2", "3+2", "E"));
  ReplayCamera cut = play(seconds(0, 2));
  const Message cut_last = messages(cut).back();
  EXPECT_EQ(cut_last.header.series_end().count(), 2u);
  EXPECT_EQ(cut_last.header.series_end().reason(), stream::SeriesEnd::COMPLETED);
}

TEST(ReplayCamera, StartsSayWhatWasRecorded) {
  for (const bool everything : {true, false}) {
    ReplayCamera camera(inputs({{{0, 0}, {1, 1}}}), everything ? ReplayWindow{} : seconds(0, 1000));
    const stream::SeriesStart start = camera.take().header.series_start();
    EXPECT_EQ(start.recorded_series_id(), 4711u);
    EXPECT_EQ(start.source_mode(), stream::REPLAY);
    EXPECT_EQ(start.expected_frames(), everything ? 2u : 0u);
  }
}

TEST(ReplayCamera, RewoundItPlaysTheSameAsNewSeries) {
  ReplayCamera camera(inputs({{{4, 1}, {6, 2}}, {{0, 3}}}), {});
  const auto once = messages(camera);
  EXPECT_EQ(camera.due_utc_ns(), std::nullopt);
  camera.rewind();
  const auto again = messages(camera);
  ASSERT_EQ(once.size(), 7u);
  ASSERT_EQ(again.size(), once.size());
  for (std::size_t i = 0; i < once.size(); ++i) {
    EXPECT_NE(again[i].header.series_id(), once[i].header.series_id());
    stream::StreamMessage header = again[i].header;
    header.set_series_id(once[i].header.series_id());
    EXPECT_EQ(header.SerializeAsString(), once[i].header.SerializeAsString());
    EXPECT_EQ(again[i].pixels, once[i].pixels);
  }
}

TEST(ReplayCamera, AnInterruptEndsTheSeriesWithWhatWasPlayed) {
  ReplayCamera camera(inputs({{{7, 1}, {8, 2}, {9, 3}}}), {});
  camera.take();
  camera.take();
  camera.finish(stream::SeriesEnd::STOPPED_BY_OPERATOR, "interrupted");
  const Message end = camera.take();
  EXPECT_EQ(end.header.series_end().reason(), stream::SeriesEnd::STOPPED_BY_OPERATOR);
  EXPECT_EQ(end.header.series_end().count(), 8u);
  EXPECT_EQ(camera.due_utc_ns(), std::nullopt);
}

TEST(ReplayHolder, IsSilentWithoutSamplesAndCanBeRewound) {
  ReplayHolder silent(EnvironmentLog{});
  EXPECT_EQ(silent.due_utc_ns(), std::nullopt);
  ReplayHolder holder(log_at({1, 2, 3}));
  EXPECT_THAT(letters(holder), ElementsAre("S", "0", "1", "2", "E"));
  holder.rewind();
  holder.take();
  holder.take();
  holder.finish(stream::SeriesEnd::STOPPED_BY_OPERATOR, "interrupted");
  EXPECT_THAT(letters(holder), ElementsAre("E"));
  holder.rewind();
  const auto again = messages(holder);
  ASSERT_EQ(again.size(), 5u);
  EXPECT_EQ(again.back().header.series_end().reason(), stream::SeriesEnd::COMPLETED);
  EXPECT_EQ(again.back().header.series_end().count(), 3u);
}

TEST(JoinLogs, KeepsWhatWasRepeatedAndLeavesOutWhatAnotherFileHolds) {
  const auto joined = join_logs({log_of({{1, 10}, {2, 20}, {2, 20}}), log_of({{2, 20}, {3, 30}, {3, 30}})});
  std::vector<std::int64_t> times;
  for (const auto& sample : joined.samples) times.push_back(sample.time_utc_ns() / kSecond);
  EXPECT_THAT(times, ElementsAre(1, 2, 2, 3, 3));
  EXPECT_TRUE(join_logs({}).samples.empty());
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
  ReplayCamera camera(inputs({{{0, 1}, {1, 2}}}), {});
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
