// Recordings of ours, written with the writer of the recorder, as a replay plays them.
#include "simulators/replay_recordings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "detectors/recorded/block.h"
#include "detectors/recorded/file_writer.h"
#include "simulators/message.h"

namespace glasswatch::simulation {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kSeries = 0xabcd;

// A folder of its own for every test.
class ReplayRecordings : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "glasswatch-replay-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

 private:
  std::filesystem::path folder_;
};

// Frames of 2 x 3 pixels, every pixel the last bits of the sequence number, which is also the second of their
// exposure.
class Writer {
 public:
  Writer(const std::string& path, std::uint64_t recording_id, std::uint32_t part, double start_s = 0)
      : writer_(path, begin(recording_id, part, start_s), false) {}

  void frame(std::uint64_t sequence) {
    FrameInfo info;
    info.series_id = kSeries;
    info.sequence = sequence;
    info.exposure_start_utc_ns = to_ns(static_cast<double>(sequence));
    info.exposure_end_utc_ns = to_ns(static_cast<double>(sequence) + 0.5);
    info.rows = 2;
    info.columns = 3;
    info.pixel_type = PixelType::kU2;
    const std::vector<std::uint16_t> pixels(6, static_cast<std::uint16_t>(sequence));
    std::vector<std::byte> block;
    encoder_.compress(std::as_bytes(std::span(pixels)), 2, recorded::Effort::kCompact, block);
    writer_.add_frame(info, block);
  }

  void gap(std::uint64_t first, std::uint64_t count) {
    recording::Record record;
    record.mutable_gap()->set_series_id(kSeries);
    record.mutable_gap()->set_first_sequence(first);
    record.mutable_gap()->set_count(count);
    record.mutable_gap()->set_cause(recording::Gap::LOST);
    writer_.add(record);
  }

  void environment_begin() {
    recording::Record record;
    record.mutable_environment_begin()->set_series_id(7);
    auto& start = *record.mutable_environment_begin()->mutable_start();
    start.set_name("holder");
    start.mutable_clock()->set_kind(stream::RECORDED_CLOCK);
    writer_.add(record);
  }

  void sample(double second, double temperature_c) {
    recording::Record record;
    record.mutable_sample()->mutable_sample()->set_time_utc_ns(to_ns(second));
    record.mutable_sample()->mutable_sample()->set_temperature_c(temperature_c);
    writer_.add(record);
  }

  void series_end(std::uint64_t count) {
    recording::Record record;
    record.mutable_series_end()->set_reason(stream::SeriesEnd::STOPPED_BY_COMMAND);
    record.mutable_series_end()->set_count(count);
    writer_.add(record);
  }

  void close() {
    recording::FileEnd end;
    end.set_frames(writer_.frames());
    writer_.close(end);
  }

 private:
  static recording::FileBegin begin(std::uint64_t recording_id, std::uint32_t part, double start_s) {
    recording::FileBegin begin;
    begin.set_file_id(100 * recording_id + part);
    begin.set_recording_id(recording_id);
    begin.set_series_id(kSeries);
    begin.set_part(part);
    stream::SeriesStart& start = *begin.mutable_start();
    start.set_source_mode(stream::CONTINUOUS_ACQUISITION);
    start.mutable_clock()->set_kind(stream::LIVE_CLOCK);
    start.mutable_camera()->set_rows(2);
    start.mutable_camera()->set_columns(3);
    start.mutable_camera()->set_pixel_type(stream::U2);
    start.mutable_timing()->set_start_utc_ns(to_ns(start_s));
    start.mutable_timing()->set_frame_period_s(1);
    start.mutable_timing()->set_exposure_s(0.5);
    return begin;
  }

  recorded::FileWriter writer_;
  recorded::BlockEncoder encoder_;
};

// "S" with the announced number, frames by number, "E" with the count.
std::vector<std::string> played(std::vector<ReplayInput> inputs) {
  std::vector<std::string> items;
  ReplayCamera camera(std::move(inputs), {});
  while (camera.due_utc_ns()) {
    const Message message = camera.take();
    const std::string number = std::to_string(message.header.sequence());
    if (message.header.has_series_start()) {
      items.push_back("S" + number);
      EXPECT_EQ(message.header.series_start().recorded_series_id(), kSeries);
      EXPECT_EQ(message.header.series_start().source_mode(), stream::REPLAY);
      EXPECT_EQ(message.header.series_start().clock().kind(), stream::RECORDED_CLOCK);
    } else if (message.header.has_series_end()) {
      items.push_back("E" + number);
      EXPECT_EQ(message.header.series_end().reason(), stream::SeriesEnd::STOPPED_BY_COMMAND);
    } else {
      items.push_back(number);
      std::uint16_t pixel = 0;
      std::memcpy(&pixel, message.pixels.data(), 2);
      EXPECT_EQ(pixel, message.header.sequence() & 0xffff);
    }
  }
  return items;
}

std::vector<double> sample_seconds(const EnvironmentLog& log) {
  std::vector<double> seconds;
  for (const auto& sample : log.samples) seconds.push_back(static_cast<double>(sample.time_utc_ns()) / 1e9);
  return seconds;
}

// Frames 0 and 1 were lost, 4 came after 5, 6 was lost, and 10 and 11 after the last.
TEST_F(ReplayRecordings, PartsAreOneSeriesWithItsLossesAndItsSamples) {
  Writer first(path("first.hspy"), 1, 1);
  first.environment_begin();
  first.sample(1, 100);
  first.gap(0, 2);
  first.frame(2);
  first.frame(3);
  first.gap(4, 1);
  first.frame(5);
  first.sample(5.25, 200);
  first.sample(5.25, 200);
  first.frame(4);
  first.close();
  Writer second(path("second.hspy"), 1, 2);
  second.environment_begin();
  second.sample(5.25, 200);
  second.gap(6, 1);
  second.frame(7);
  second.sample(9, 300);
  second.frame(8);
  second.frame(9);
  second.series_end(12);
  second.close();

  ReplayMaterial material = open_inputs({path("first.hspy"), path("second.hspy")}, {}, true);
  ASSERT_EQ(material.acts.size(), 1u);
  EXPECT_EQ(material.acts.front().log.start.name(), "holder");
  EXPECT_EQ(material.acts.front().log.start.source_mode(), stream::REPLAY);
  EXPECT_THAT(sample_seconds(material.acts.front().log), ElementsAre(1, 5.25, 5.25, 9));
  ASSERT_EQ(material.acts.front().inputs.size(), 1u);
  EXPECT_THAT(played(std::move(material.acts.front().inputs)),
              ElementsAre("S0", "2", "3", "5", "4", "7", "8", "9", "E12"));
}

TEST_F(ReplayRecordings, OneBegunInTheMiddleOfASeriesHasLostNothingBefore) {
  Writer writer(path("middle.hspy"), 2, 1);
  writer.frame(2'000'005);
  writer.frame(2'000'006);
  writer.series_end(2'000'007);
  writer.close();
  ReplayMaterial material = open_inputs({path("middle.hspy")}, {}, true);
  EXPECT_THAT(material.acts.front().log.samples, IsEmpty()) << "and it needs no samples";
  EXPECT_THAT(played(std::move(material.acts.front().inputs)),
              ElementsAre("S2000005", "2000005", "2000006", "E2000007"));
}

TEST_F(ReplayRecordings, OneFromBeforeBeginsAnotherAct) {
  for (const auto& [name, start_s] : {std::pair{"late.hspy", 1000.0}, std::pair{"early.hspy", 10.0}}) {
    Writer writer(path(name), 3 + static_cast<std::uint64_t>(start_s), 1, start_s);
    writer.environment_begin();
    writer.sample(start_s, 50);
    writer.frame(static_cast<std::uint64_t>(start_s));
    writer.series_end(0);
    writer.close();
  }
  const auto backwards = open_inputs({path("late.hspy"), path("early.hspy")}, {}, true);
  ASSERT_EQ(backwards.acts.size(), 2u);
  EXPECT_THAT(sample_seconds(backwards.acts[0].log), ElementsAre(1000));
  EXPECT_THAT(sample_seconds(backwards.acts[1].log), ElementsAre(10));
  const auto forwards = open_inputs({path("early.hspy"), path("late.hspy")}, {}, true);
  ASSERT_EQ(forwards.acts.size(), 1u);
  EXPECT_EQ(forwards.acts[0].inputs.size(), 2u);
  EXPECT_THAT(sample_seconds(forwards.acts[0].log), ElementsAre(10, 1000));
  const auto without = open_inputs({path("early.hspy")}, {}, false);
  EXPECT_THAT(without.acts[0].log.samples, IsEmpty()) << "not asked for";
}

}  // namespace
}  // namespace glasswatch::simulation
