#include "detectors/stream_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace glasswatch {
namespace {

constexpr std::uint64_t kSeries = 77;

// A camera stream under test, and the messages to feed it with.
class CameraStream : public ::testing::Test {
 protected:
  CameraStream()
      : decoder_(make_stream_decoder("ceta", {},
                                     [this](std::span<const std::byte> pixels) { return copy(pixels); })) {}

  static stream::StreamMessage start(std::uint64_t series = kSeries, std::uint64_t next = 0) {
    stream::StreamMessage message;
    message.set_schema_version(wire::kSchemaVersion);
    message.set_series_id(series);
    message.set_sequence(next);
    auto& start = *message.mutable_series_start();
    start.mutable_clock()->set_kind(stream::LIVE_CLOCK);
    start.mutable_camera()->set_rows(2);
    start.mutable_camera()->set_columns(3);
    start.mutable_camera()->set_pixel_type(stream::U1);
    return message;
  }
  static stream::StreamMessage frame(std::uint64_t sequence, std::uint64_t series = kSeries) {
    stream::StreamMessage message;
    FrameInfo info;
    info.series_id = series;
    info.sequence = sequence;
    info.rows = 2;
    info.columns = 3;
    info.pixel_type = PixelType::kU1;
    wire::encode_frame_info(info, message);
    return message;
  }
  static stream::StreamMessage end(std::uint64_t count) {
    stream::StreamMessage message;
    message.set_schema_version(wire::kSchemaVersion);
    message.set_series_id(kSeries);
    message.mutable_series_end()->set_reason(stream::SeriesEnd::COMPLETED);
    message.mutable_series_end()->set_count(count);
    return message;
  }

  std::vector<StreamItem> feed(const stream::StreamMessage& message, const std::string& pixels = "") {
    return feed_bytes({"camera", message.SerializeAsString(), pixels}, pixels.empty() ? 2 : 3);
  }
  std::vector<StreamItem> feed_bytes(const std::vector<std::string>& texts, std::size_t count) {
    std::vector<std::span<const std::byte>> parts;
    for (std::size_t i = 0; i < count; ++i) parts.push_back(std::as_bytes(std::span(texts[i])));
    std::vector<StreamItem> items;
    decoder_->decode(parts, 123, items);
    return items;
  }
  // Feeds good frames and returns the sequence numbers that came out.
  std::vector<std::uint64_t> feed_frames(std::initializer_list<std::uint64_t> sequences) {
    std::vector<std::uint64_t> out;
    for (const std::uint64_t sequence : sequences) {
      for (const StreamItem& item : feed(frame(sequence), "abcdef")) {
        if (const auto* f = std::get_if<Frame>(&item)) out.push_back(f->info.sequence);
      }
    }
    return out;
  }
  Frame copy(std::span<const std::byte> pixels) {
    Frame frame = pool_.acquire();
    if (frame) std::memcpy(frame.writable_bytes().data(), pixels.data(), pixels.size());
    return frame;
  }
  std::uint64_t rejected(wire::Rejection rejection) const {
    return decoder_->counters().rejected.at(static_cast<std::size_t>(rejection));
  }

  FramePool pool_{4, 6};
  std::unique_ptr<StreamDecoder> decoder_;
};

TEST_F(CameraStream, DeliversPixelsTimesAndReceiptOfAFrame) {
  feed(start());
  const auto items = feed(frame(0), "abcdef");
  ASSERT_EQ(items.size(), 1u);
  const Frame& out = std::get<Frame>(items[0]);
  EXPECT_EQ(std::string(static_cast<const char*>(out.view().pixels), 6), "abcdef");
  EXPECT_EQ(out.info.received_utc_ns, 123);
  EXPECT_EQ(out.info.series_id, kSeries);
  EXPECT_EQ(decoder_->counters().accepted, 1u);
}

TEST_F(CameraStream, LossIsAGapBeforeTheNextFrame) {
  feed(start());
  feed_frames({0, 1});
  const auto items = feed(frame(4), "abcdef");
  ASSERT_EQ(items.size(), 2u);
  const Gap& gap = std::get<Gap>(items[0]);
  EXPECT_EQ(gap.first_sequence, 2u);
  EXPECT_EQ(gap.count, 2u);
  EXPECT_EQ(decoder_->counters().lost, 2u);
}

TEST_F(CameraStream, LateFramesAreDeliveredFlaggedAndNoLongerLost) {
  feed(start());
  feed_frames({0, 3, 4});
  const auto items = feed(frame(1), "abcdef");
  ASSERT_EQ(items.size(), 1u);
  EXPECT_TRUE((std::get<Frame>(items[0]).info.flags & kFlagLate) != 0);
  EXPECT_EQ(decoder_->counters().lost, 1u);
  EXPECT_EQ(decoder_->counters().late, 1u);
}

TEST_F(CameraStream, DuplicatesAreCountedAndNotDelivered) {
  feed(start());
  EXPECT_THAT(feed_frames({0, 1, 1, 0, 2}), ::testing::ElementsAre(0, 1, 2));
  EXPECT_EQ(decoder_->counters().duplicate, 2u);
}

TEST_F(CameraStream, ALateJoinerMissesNothingThatCameBefore) {
  feed(start(kSeries, 500));
  EXPECT_THAT(feed_frames({500, 501}), ::testing::ElementsAre(500, 501));
  EXPECT_EQ(decoder_->counters().lost, 0u);
}

TEST_F(CameraStream, ARepeatedStartIsNoNewSeries) {
  feed(start());
  feed_frames({0});
  EXPECT_TRUE(feed(start(kSeries, 1)).empty());
  EXPECT_THAT(feed_frames({1}), ::testing::ElementsAre(1));
  EXPECT_EQ(decoder_->counters().series_started, 1u);
}

TEST_F(CameraStream, ANewStartAbortsTheSeriesBefore) {
  feed(start());
  const auto items = feed(start(kSeries + 1));
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(std::get<SeriesEnded>(items[0]).end.reason(), stream::SeriesEnd::ABORTED);
  EXPECT_EQ(std::get<SeriesStarted>(items[1]).series_id, kSeries + 1);
  EXPECT_EQ(decoder_->counters().series_aborted, 1u);
}

TEST_F(CameraStream, TheEndTellsOfLossAtTheTail) {
  feed(start());
  feed_frames({0, 1});
  const auto items = feed(end(5));
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(std::get<Gap>(items[0]).count, 3u);
  EXPECT_EQ(decoder_->counters().lost, 3u);
  EXPECT_TRUE(feed(frame(5), "abcdef").empty());
  EXPECT_EQ(rejected(wire::Rejection::kNoSeries), 1u);
}

TEST_F(CameraStream, FaultsAreCountedUnderTheirNames) {
  feed(frame(0), "abcdef");
  EXPECT_EQ(rejected(wire::Rejection::kNoSeries), 1u);
  feed(start());
  feed(frame(0), "abcde");
  EXPECT_EQ(rejected(wire::Rejection::kSize), 1u);
  feed(frame(1));
  EXPECT_EQ(rejected(wire::Rejection::kParts), 1u);
  stream::StreamMessage wrong = frame(2);
  wrong.mutable_frame()->set_rows(3);
  feed(wrong, "abcdefghi");
  EXPECT_EQ(rejected(wire::Rejection::kHeader), 1u);
  feed_bytes({"camera", "\xff\xff\xff", "abcdef"}, 3);
  EXPECT_EQ(rejected(wire::Rejection::kMalformed), 1u);
  feed_bytes({"camera"}, 1);
  feed_bytes({"environment", frame(3).SerializeAsString()}, 2);
  EXPECT_EQ(rejected(wire::Rejection::kParts), 3u);
  EXPECT_EQ(decoder_->counters().lost, 0u);  // frames that arrived but were refused are not also lost
  EXPECT_THAT(feed_frames({3}), ::testing::ElementsAre(3));  // the stream goes on
  EXPECT_EQ(decoder_->counters().received, 9u);
  EXPECT_FALSE(decoder_->last_rejection().empty());
}

TEST_F(CameraStream, AFrameOverTheLimitsIsRefusedAndNotAlsoLost) {
  feed(start());
  feed_frames({0});
  stream::StreamMessage huge = frame(1);
  huge.mutable_frame()->set_rows(100'000);
  huge.mutable_frame()->set_columns(100'000);
  const auto items = feed(huge, "abcdef");
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(std::get<Gap>(items[0]).cause, Gap::Cause::kRejected);
  EXPECT_EQ(rejected(wire::Rejection::kLimit), 1u);
  EXPECT_THAT(feed_frames({2}), ::testing::ElementsAre(2));
  EXPECT_EQ(decoder_->counters().lost, 0u);
  EXPECT_NE(decoder_->last_rejection().find("limits"), std::string::npos);
}

TEST_F(CameraStream, AFullPoolIsAnOverflowAndAGap) {
  feed(start());
  std::vector<StreamItem> held;
  for (std::uint64_t i = 0; i < 4; ++i) held.push_back(std::move(feed(frame(i), "abcdef").at(0)));
  const auto items = feed(frame(4), "abcdef");
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(std::get<Gap>(items[0]).cause, Gap::Cause::kDroppedByOverflow);
  EXPECT_EQ(decoder_->counters().dropped_by_overflow, 1u);
}

TEST_F(CameraStream, AnImplausibleJumpIsBelievedOnlyWhenItGoesOn) {
  feed(start());
  feed_frames({0});
  const std::uint64_t far = 1'000'000'000'000;
  EXPECT_TRUE(feed(frame(far), "abcdef").empty());
  EXPECT_EQ(rejected(wire::Rejection::kHeader), 1u);
  EXPECT_THAT(feed_frames({1}), ::testing::ElementsAre(1));
  EXPECT_EQ(decoder_->counters().lost, 0u);
  feed(frame(far), "abcdef");
  EXPECT_THAT(feed_frames({far + 1}), ::testing::ElementsAre(far + 1));
}

TEST_F(CameraStream, HeartbeatsSayNothing) {
  stream::StreamMessage message;
  message.set_schema_version(wire::kSchemaVersion);
  message.mutable_heartbeat();
  EXPECT_TRUE(feed(message).empty());
  for (const std::uint64_t count : decoder_->counters().rejected) EXPECT_EQ(count, 0u);
}

TEST(SequenceTracker, EveryOrderOfArrivalEndsWithNothingLost) {
  // All orders of 0 .. 5: what arrives after a higher number is late; in the end nothing is missing or
  // doubled.
  std::vector<std::uint64_t> order = {0, 1, 2, 3, 4, 5};
  do {
    SequenceTracker tracker;
    tracker.begin(0);
    std::uint64_t highest = 0;
    bool any = false;
    for (const std::uint64_t sequence : order) {
      const auto arrival = tracker.arrive(sequence).arrival;
      EXPECT_EQ(arrival == SequenceTracker::Arrival::kLate, any && sequence < highest);
      highest = any ? std::max(highest, sequence) : sequence;
      any = true;
    }
    EXPECT_EQ(tracker.lost(), 0u);
    for (const std::uint64_t sequence : order) {
      EXPECT_EQ(tracker.arrive(sequence).arrival, SequenceTracker::Arrival::kDuplicate);
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(SequenceTracker, MemoryOfHolesIsBounded) {
  SequenceTracker tracker;
  tracker.begin(0);
  for (std::uint64_t i = 0; i < 10'000; ++i) tracker.arrive(2 * i);
  EXPECT_EQ(tracker.lost(), 9'999u);
  EXPECT_EQ(tracker.arrive(19'997).arrival, SequenceTracker::Arrival::kLate);
  EXPECT_EQ(tracker.arrive(1).arrival, SequenceTracker::Arrival::kDuplicate);  // forgotten: the oldest hole
}

TEST(StreamKinds, UnknownKindGivesNothing) {
  EXPECT_EQ(make_stream_decoder("cete", {}, {}), nullptr);
  EXPECT_NE(make_stream_decoder("axon", {}, {}), nullptr);
}

}  // namespace
}  // namespace glasswatch
