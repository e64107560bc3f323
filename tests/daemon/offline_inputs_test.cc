// Recordings as inputs of an offline run: parts, environment streams, the beginning of the numbers.
#include "daemon/offline/offline_inputs.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "detectors/recorded/block.h"
#include "detectors/recorded/file_writer.h"

namespace glasswatch {
namespace {

constexpr std::uint64_t kSeries = 4711;
constexpr int kRows = 4, kColumns = 6;
constexpr std::int64_t kSecond = 1'000'000'000;

recording::FileBegin file_begin(std::uint32_t part, std::uint64_t recording_id) {
  recording::FileBegin begin;
  begin.set_file_id(1000 + part);
  begin.set_series_id(kSeries);
  begin.set_part(part);
  begin.set_recording_id(recording_id);
  stream::SeriesStart& start = *begin.mutable_start();
  start.set_name("film");
  start.mutable_clock()->set_kind(stream::RECORDED_CLOCK);
  start.mutable_camera()->set_rows(kRows);
  start.mutable_camera()->set_columns(kColumns);
  start.mutable_camera()->set_pixel_type(stream::U2);
  start.mutable_timing()->set_frame_period_s(1);
  return begin;
}

recording::Record sample(int index, double temperature_c) {
  recording::Record record;
  record.mutable_sample()->mutable_sample()->set_time_utc_ns(index * kSecond);
  record.mutable_sample()->mutable_sample()->set_temperature_c(temperature_c);
  return record;
}

recording::Record holder(const std::string& name) {
  recording::Record record;
  record.mutable_environment_begin()->set_series_id(9);
  record.mutable_environment_begin()->mutable_start()->set_name(name);
  record.mutable_environment_begin()->mutable_start()->mutable_clock()->set_kind(stream::RECORDED_CLOCK);
  return record;
}

class RecordingFiles : public ::testing::Test {
 protected:
  RecordingFiles()
      : folder_(std::filesystem::path(::testing::TempDir()) /
                ("offline_inputs" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
  }
  ~RecordingFiles() override { std::filesystem::remove_all(folder_); }

  // Writes the records, then frames of these sequence numbers.
  std::string write(const std::string& name, const recording::FileBegin& begin,
                    const std::vector<recording::Record>& records,
                    const std::vector<std::uint64_t>& sequences) {
    const std::string path = folder_ / name;
    recorded::FileWriter file(path, begin, false);
    for (const recording::Record& record : records) file.add(record);
    recorded::BlockEncoder encoder;
    std::vector<std::byte> block;
    for (const std::uint64_t sequence : sequences) {
      const std::vector<std::uint16_t> pixels(kRows * kColumns, static_cast<std::uint16_t>(sequence));
      encoder.compress(std::as_bytes(std::span(pixels)), 2, recorded::Effort::kCompact, block);
      FrameInfo info;
      info.series_id = kSeries;
      info.sequence = sequence;
      info.rows = kRows;
      info.columns = kColumns;
      info.exposure_start_utc_ns = static_cast<std::int64_t>(sequence) * kSecond;
      info.exposure_end_utc_ns = info.exposure_start_utc_ns + kSecond / 2;
      file.add_frame(info, block);
    }
    recording::FileEnd end;
    end.set_frames(sequences.size());
    file.close(end);
    return path;
  }
  OfflineInputs open(std::vector<std::string> paths, std::uint64_t repeat = 1) {
    OfflineRequest request;
    request.inputs = std::move(paths);
    request.repeat = repeat;
    return open_inputs(request, [this](const std::string& text) { remarks_.push_back(text); });
  }
  static std::vector<double> temperatures(const EnvironmentLog& log) {
    std::vector<double> values;
    for (const auto& one : log.samples) values.push_back(one.temperature_c());
    return values;
  }

  std::filesystem::path folder_;
  std::vector<std::string> remarks_;
};

TEST_F(RecordingFiles, PartsAreOneSeriesWithOneEnvironment) {
  // The second part begins with samples that the first one holds, too. Rows that a holder repeats stay.
  const auto first =
      write("a-1.hspy", file_begin(1, 5), {holder("H"), sample(0, 20), sample(1, 21), sample(1, 21)}, {0, 1});
  const auto second =
      write("a-2.hspy", file_begin(2, 5), {holder("H"), sample(1, 21), sample(1, 21), sample(2, 22)}, {2, 4});
  const OfflineInputs inputs = open({first, second});
  ASSERT_EQ(inputs.series.size(), 1u);
  EXPECT_EQ(inputs.series[0].name, first);
  EXPECT_EQ(inputs.series[0].series_id, kSeries);
  EXPECT_EQ(inputs.series[0].first_sequence, 0u);
  EXPECT_EQ(inputs.series[0].recording->frame_count(), 4u);
  ASSERT_EQ(inputs.environments.size(), 1u);
  EXPECT_EQ(inputs.environments[0].log.start.name(), "H");
  EXPECT_EQ(temperatures(inputs.environments[0].log), (std::vector<double>{20, 21, 21, 22}));
  EXPECT_TRUE(remarks_.empty());
  EXPECT_THROW(open({second, first}), InputError);
}

TEST_F(RecordingFiles, OtherRecordingsAreSeriesOfTheirOwn) {
  const auto first = write("a.hspy", file_begin(1, 5), {holder("H"), sample(0, 20), sample(1, 21)}, {0});
  const auto second = write("b.hspy", file_begin(1, 6), {holder("H"), sample(1, 21), sample(5, 25)}, {4});
  const auto without = write("c.hspy", file_begin(1, 7), {}, {0});
  const auto other = write("d.hspy", file_begin(1, 8), {holder("another"), sample(6, 70)}, {0});
  const OfflineInputs inputs = open({first, second, without, other, first});
  ASSERT_EQ(inputs.series.size(), 5u);
  EXPECT_EQ(inputs.series[3].name, other);
  ASSERT_EQ(inputs.environments.size(), 3u);
  EXPECT_EQ(inputs.environments[0].first_series, 0u);
  EXPECT_EQ(temperatures(inputs.environments[0].log), (std::vector<double>{20, 21, 25}));
  EXPECT_EQ(inputs.environments[1].first_series, 3u);
  EXPECT_EQ(temperatures(inputs.environments[1].log), (std::vector<double>{70}));
  EXPECT_EQ(inputs.environments[2].first_series, 4u);
}

// Samples that lie before those of the recording given before must not be put behind them.
TEST_F(RecordingFiles, AnEarlierRecordingBringsItsOwnLog) {
  const auto early = write("a.hspy", file_begin(1, 5), {holder("H"), sample(0, 20), sample(1, 21)}, {0});
  const auto late = write("b.hspy", file_begin(1, 6), {holder("H"), sample(100, 90), sample(101, 91)}, {0});
  const OfflineInputs inputs = open({late, early});
  ASSERT_EQ(inputs.environments.size(), 2u);
  EXPECT_EQ(inputs.environments[1].first_series, 1u);
  EXPECT_EQ(temperatures(inputs.environments[1].log), (std::vector<double>{20, 21}));
}

TEST_F(RecordingFiles, TheNumbersBeginWhereTheRecorderSaysThatFramesWereMissed) {
  const auto gap = [](std::uint64_t first, std::uint64_t count) {
    recording::Record record;
    record.mutable_gap()->set_first_sequence(first);
    record.mutable_gap()->set_count(count);
    return record;
  };
  EXPECT_EQ(open({write("a.hspy", file_begin(1, 1), {}, {500, 501})}).series[0].first_sequence, 500u);
  EXPECT_EQ(open({write("b.hspy", file_begin(1, 1), {gap(0, 3)}, {3, 4})}).series[0].first_sequence, 0u);
  EXPECT_EQ(open({write("c.hspy", file_begin(1, 1), {gap(7, 1), gap(8, 2), gap(12, 1)}, {10, 13})})
                .series[0]
                .first_sequence,
            7u);
  EXPECT_EQ(open({write("d.hspy", file_begin(1, 1), {gap(2, 1)}, {10})}).series[0].first_sequence, 10u);
  EXPECT_EQ(open({write("e.hspy", file_begin(1, 1), {}, {500, 501})}, 3).series[0].first_sequence, 0u);
}

TEST_F(RecordingFiles, AGivenLogTakesThePlaceOfRecordedOnes) {
  const auto path = write("a.hspy", file_begin(1, 5), {holder("H"), sample(0, 20)}, {0});
  const auto log = write("b.hspy", file_begin(1, 6), {holder("L"), sample(0, 50)}, {0});
  OfflineRequest request;
  request.inputs = {path};
  request.environment = log;
  const OfflineInputs inputs = open_inputs(request, [](const std::string&) {});
  ASSERT_EQ(inputs.environments.size(), 1u);
  EXPECT_EQ(temperatures(inputs.environments[0].log), (std::vector<double>{50}));
}

}  // namespace
}  // namespace glasswatch
