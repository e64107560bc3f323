// The recorder by itself: what goes in from its threads is in the files that it leaves.
#include "daemon/recording/recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <random>
#include <thread>

#include "detectors/recorded/recorded_file.h"
#include "protocol/configuration/configuration.h"
#include "protocol/wire/wire.h"

namespace glasswatch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
namespace fs = std::filesystem;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kSeries = 77;
constexpr std::chrono::seconds kPatience{60};

class RecorderTest : public ::testing::Test {
 protected:
  RecorderTest()
      : directory_(fs::path(::testing::TempDir()) /
                   ("recorder" + std::to_string(::getpid()) +
                    ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::remove_all(directory_);
    fs::create_directory(directory_);
  }
  ~RecorderTest() override { fs::remove_all(directory_); }

  void configure(const std::string& recording, const std::string& other = "") {
    configuration_ = parse_configuration(
        "recording { directory: \"" + directory_.string() + "\" " + recording + " }\n" + other, "test", "/");
    recorder_ = std::make_unique<Recorder>(configuration_);
    recorder_->start();
  }

  static SeriesStarted series(int rows = 32, stream::ClockKind clock = stream::RECORDED_CLOCK) {
    SeriesStarted item;
    item.series_id = kSeries;
    item.start.set_name("planted");
    item.start.mutable_clock()->set_kind(clock);
    item.start.mutable_camera()->set_rows(static_cast<std::uint32_t>(rows));
    item.start.mutable_camera()->set_columns(32);
    item.start.mutable_camera()->set_pixel_type(stream::U2);
    item.start.mutable_timing()->set_frame_period_s(1);
    return item;
  }

  static std::vector<std::uint16_t> pixels(std::uint64_t sequence, int rows) {
    std::mt19937 random(static_cast<unsigned>(sequence));
    std::vector<std::uint16_t> values(static_cast<std::size_t>(rows) * 32);
    for (std::uint16_t& value : values) value = static_cast<std::uint16_t>(random());
    return values;
  }

  // Frame i is exposed from second i to i + 0.9.
  Frame frame(std::uint64_t sequence, int rows = 32) {
    const auto values = pixels(sequence, rows);
    Frame frame = FramePool(1, values.size() * 2).acquire();
    std::memcpy(frame.writable_bytes().data(), values.data(), values.size() * 2);
    frame.info.series_id = kSeries;
    frame.info.sequence = sequence;
    frame.info.rows = rows;
    frame.info.columns = 32;
    frame.info.pixel_type = PixelType::kU2;
    frame.info.exposure_start_utc_ns = static_cast<std::int64_t>(sequence) * kSecond;
    frame.info.exposure_end_utc_ns = frame.info.exposure_start_utc_ns + kSecond * 9 / 10;
    return frame;
  }

  void end_series(std::uint64_t count, bool may_wait = true) {
    SeriesEnded ended;
    ended.series_id = kSeries;
    ended.end.set_reason(stream::SeriesEnd::COMPLETED);
    ended.end.set_count(count);
    recorder_->take_camera(ended, may_wait);
  }

  void result(const result::ResultMessage& message, std::string_view topic) {
    Outbound outbound;
    outbound.topic = topic;
    message.SerializeToString(&outbound.bytes);
    recorder_->take_result(outbound, true);
  }

  result::Recording wait_for(const std::function<bool(const result::Recording&)>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    for (;;) {
      const result::Recording status = recorder_->status();
      if (condition(status) || std::chrono::steady_clock::now() > deadline) return status;
      std::this_thread::yield();
    }
  }

  std::vector<fs::path> files() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(directory_)) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
  }

  static std::vector<std::uint64_t> sequences(Recording& recording, int rows = 32) {
    std::vector<std::uint64_t> sequences;
    for (std::uint64_t i = 0; i < recording.frame_count(); ++i) {
      Frame frame = FramePool(1, static_cast<std::size_t>(rows) * 64).acquire();
      recording.read(i, frame);
      sequences.push_back(frame.info.sequence);
      const auto planted = pixels(frame.info.sequence, rows);
      EXPECT_EQ(std::memcmp(frame.view().pixels, planted.data(), planted.size() * 2), 0) << "frame " << i;
    }
    return sequences;
  }

  const fs::path directory_;
  config::Configuration configuration_;
  std::unique_ptr<Recorder> recorder_;
};

TEST_F(RecorderTest, RecordsASeriesWithItsGapsSamplesAndNotes) {
  configure("mode: ALWAYS");
  EnvironmentStarted environment;
  environment.series_id = 5;
  environment.start.set_name("holder");
  recorder_->take_environment(environment, true);
  EnvironmentSampled sample;
  sample.sample.set_temperature_c(123.25);
  sample.sent_utc_ns = 17;
  recorder_->take_environment(sample, true);  // before the series: belongs to its beginning
  recorder_->take_camera(series(), true);
  for (const std::uint64_t sequence : {0, 1, 5, 6}) recorder_->take_camera(frame(sequence), true);
  recorder_->take_camera(Gap{kSeries, 2, 3, Gap::Cause::kLost}, true);
  recorder_->note("client test: arm");
  end_series(9);
  recorder_->stop();

  ASSERT_THAT(files(), SizeIs(1));
  RecordedFile file(files().front());
  EXPECT_THAT(sequences(file), ElementsAre(0, 1, 5, 6));
  EXPECT_EQ(file.start().name(), "planted");
  EXPECT_EQ(file.start().recorded_series_id(), kSeries);
  EXPECT_EQ(file.end()->count(), 9u);
  EXPECT_EQ(file.file_end()->reason(), "the series ended");
  std::vector<std::string> story;
  file.for_each_record([&](const recording::Record& record) {
    if (record.has_environment_begin()) story.push_back(record.environment_begin().start().name());
    if (record.has_sample()) story.push_back(std::to_string(record.sample().sample().temperature_c()));
    if (record.has_gap()) story.push_back("gap " + std::to_string(record.gap().first_sequence()));
    if (record.has_note()) story.push_back(record.note().text());
  });
  EXPECT_THAT(story, ElementsAre("holder", "123.250000", "gap 2", "client test: arm"));
}

TEST_F(RecorderTest, RecordsBetweenStartAndStopOfAClient) {
  configure("");
  recorder_->take_camera(series(), true);
  recorder_->take_camera(frame(0), true);
  EXPECT_EQ(recorder_->status().state(), result::Recording::OFF);
  EXPECT_THAT(recorder_->request_start("test"), IsEmpty());
  for (std::uint64_t i = 1; i < 4; ++i) recorder_->take_camera(frame(i), true);
  const auto status = wait_for([](const auto& s) { return s.frames() == 3; });
  EXPECT_EQ(status.state(), result::Recording::RECORDING);
  recorder_->request_stop("test");
  EXPECT_EQ(wait_for([](const auto& s) { return s.state() == result::Recording::OFF; }).state(),
            result::Recording::OFF);
  recorder_->take_camera(frame(4), true);
  recorder_->stop();
  ASSERT_THAT(files(), SizeIs(1));
  RecordedFile file(files().front());
  EXPECT_THAT(sequences(file), ElementsAre(1, 2, 3));
  EXPECT_THAT(file.file_end()->reason(), HasSubstr("test"));
}

TEST_F(RecorderTest, ATriggerKeepsTheSecondsAroundIt) {
  configure("mode: ON_TRIGGER before_s: 5 after_s: 3", "temperature { wait_s: 1 }");
  recorder_->take_camera(series(), true);
  for (std::uint64_t i = 0; i <= 20; ++i) recorder_->take_camera(frame(i), true);
  wait_for([](const auto& s) { return s.state() == result::Recording::RING && s.queued() == 0; });
  result::ResultMessage message;
  message.mutable_trigger()->set_series_id(kSeries);
  message.mutable_trigger()->set_rule("onset");
  message.mutable_trigger()->set_time_utc_ns(20 * kSecond);
  result(message, wire::kTriggerTopic);
  for (std::uint64_t i = 21; i < 40; ++i) recorder_->take_camera(frame(i), true);
  end_series(40);
  recorder_->stop();
  ASSERT_THAT(files(), SizeIs(1));
  RecordedFile file(files().front());
  // From 5 s before frame 20 and the second that a frame may wait for its temperature, to 3 s after its
  // start.
  EXPECT_THAT(sequences(file), ElementsAre(15, 16, 17, 18, 19, 20, 21, 22, 23));
  EXPECT_TRUE(file.begin().triggered());
  EXPECT_EQ(file.begin().reason(), "trigger onset");
}

TEST_F(RecorderTest, AStartRightAfterAStopRecordsAgain) {
  configure("");
  recorder_->take_camera(series(), true);
  recorder_->request_start("test");
  recorder_->take_camera(frame(0), true);
  recorder_->request_stop("test");
  recorder_->request_start("test");
  recorder_->take_camera(frame(1), true);
  end_series(2);
  recorder_->stop();
  ASSERT_THAT(files(), SizeIs(2));
  for (const std::uint64_t i : {0, 1}) {
    RecordedFile file(files()[i]);
    EXPECT_THAT(sequences(file), ElementsAre(i));
  }
}

TEST_F(RecorderTest, WhatComesAfterTheEndOfASeriesIsStillInItsFile) {
  configure("mode: ALWAYS");
  recorder_->take_camera(series(), true);
  recorder_->take_camera(frame(0), true);
  end_series(1);
  EnvironmentSampled sample;
  sample.sample.set_temperature_c(400);
  recorder_->take_environment(sample, true);  // the one that the temperature of frame 0 waits for
  result::ResultMessage message;
  message.mutable_frame()->set_series_id(kSeries);
  message.mutable_frame()->mutable_temperature()->set_validity(result::VALID);
  message.mutable_frame()->mutable_temperature()->set_value_c(399.5);
  result(message, wire::kFrameTopic);
  recorder_->stop();
  RecordedFile file(files().front());
  std::vector<double> temperatures_c;
  file.for_each_record([&](const recording::Record& record) {
    if (record.has_sample()) temperatures_c.push_back(record.sample().sample().temperature_c());
    if (record.result().has_frame()) {
      temperatures_c.push_back(record.result().frame().temperature().value_c());
    }
  });
  EXPECT_THAT(temperatures_c, ElementsAre(400, 399.5));
}

TEST_F(RecorderTest, ATriggerOnTheLastFramesComesAfterTheEndOfTheSeries) {
  configure("mode: ON_TRIGGER before_s: 3 after_s: 3", "temperature { wait_s: 0 }");
  recorder_->take_camera(series(), true);
  for (std::uint64_t i = 0; i <= 20; ++i) {
    if (i == 19) recorder_->take_camera(Gap{kSeries, 18, 1, Gap::Cause::kLost}, true);
    if (i != 18) recorder_->take_camera(frame(i), true);
  }
  end_series(21);
  result::ResultMessage message;
  message.mutable_trigger()->set_series_id(kSeries);
  message.mutable_trigger()->set_time_utc_ns(20 * kSecond);
  result(message, wire::kTriggerTopic);
  recorder_->stop();
  ASSERT_THAT(files(), SizeIs(1));
  RecordedFile file(files().front());
  EXPECT_THAT(sequences(file), ElementsAre(19, 20));
  std::uint64_t lost = 0;
  file.for_each_record([&](const recording::Record& record) { lost += record.gap().count(); });
  EXPECT_EQ(lost, 1u);
}

TEST_F(RecorderTest, ALongSeriesRollsOverFiles) {
  constexpr int kRows = 4096;  // 256 KiB a frame, 1 MiB a file
  configure("mode: ALWAYS compression: STORED max_file_gib: 0.001");
  recorder_->take_camera(series(kRows), true);
  for (std::uint64_t i = 0; i < 10; ++i) recorder_->take_camera(frame(i, kRows), true);
  end_series(10);
  recorder_->stop();
  ASSERT_THAT(files(), SizeIs(3));  // four frames each, then the last two
  std::vector<std::unique_ptr<Recording>> parts;
  for (const fs::path& file : files()) {
    EXPECT_LT(fs::file_size(file), (std::uintmax_t{1} << 20) * 5 / 4);
    parts.push_back(std::make_unique<RecordedFile>(file));
  }
  const auto joined = join_parts(std::move(parts));
  ASSERT_THAT(joined, SizeIs(1));
  EXPECT_THAT(sequences(*joined.front(), kRows), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
}

TEST_F(RecorderTest, FramesOfALiveSourceThatFindNoRoomAreAGap) {
  constexpr int kRows = 16384;  // 1 MiB a frame: the queue takes two
  configure("mode: ALWAYS queue_mib: 1");
  recorder_->take_camera(series(kRows, stream::LIVE_CLOCK), false);
  std::uint64_t sent = 0;
  while (recorder_->status().not_recorded() == 0 && sent < 10'000) {
    recorder_->take_camera(frame(sent++, kRows), false);
  }
  wait_for([](const auto& s) { return s.queued() == 0; });
  recorder_->take_camera(frame(sent++, kRows), false);
  end_series(sent, false);
  recorder_->stop();
  RecordedFile file(files().front());
  const auto kept = sequences(file, kRows);
  std::uint64_t missing = 0;
  file.for_each_record([&](const recording::Record& record) {
    if (record.gap().cause() == recording::Gap::NOT_RECORDED) missing += record.gap().count();
  });
  EXPECT_GT(missing, 0u);
  EXPECT_EQ(kept.size() + missing, sent);
  EXPECT_EQ(kept.back(), sent - 1);
  EXPECT_EQ(file.file_end()->frames_not_recorded(), missing);
}

TEST_F(RecorderTest, ARefusedRecordingSaysWhy) {
  configure("mode: ALWAYS reserve_mib: 1048576 min_duration_s: 1e7");
  recorder_->take_camera(series(), true);
  const auto status = wait_for([](const auto& s) { return !s.error().empty(); });
  EXPECT_EQ(status.state(), result::Recording::FAILED);
  EXPECT_THAT(status.error(), HasSubstr("reserve_mib"));
  EXPECT_THAT(recorder_->request_start("test"), HasSubstr("reserve_mib"));
  recorder_->stop();
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(RecorderTest, ADirectoryThatVanishesIsToldAndTheNextSeriesTriesAgain) {
  configure("mode: ALWAYS flush_s: 0.05");
  recorder_->take_camera(series(), true);
  recorder_->take_camera(frame(0), true);
  wait_for([](const auto& s) { return s.frames() == 1; });
  fs::remove_all(directory_);
  const auto status = wait_for([](const auto& s) { return s.state() == result::Recording::FAILED; });
  EXPECT_EQ(status.state(), result::Recording::FAILED);
  EXPECT_THAT(status.error(), HasSubstr(directory_.string()));
  recorder_->take_camera(frame(1), true);  // nobody minds
  end_series(2);
  fs::create_directory(directory_);
  recorder_->take_camera(series(), true);
  recorder_->take_camera(frame(2), true);
  end_series(1);
  recorder_->stop();
  ASSERT_THAT(files(), SizeIs(1));
  RecordedFile file(files().front());
  EXPECT_THAT(sequences(file), ElementsAre(2));
}

TEST_F(RecorderTest, ADirectoryThatIsNotThereIsAUsageError) {
  configuration_ = parse_configuration("recording { directory: \"/nowhere/at/all\" }", "test", "/");
  Recorder recorder(configuration_);
  EXPECT_THROW(recorder.start(), UsageError);
}

}  // namespace
}  // namespace glasswatch
