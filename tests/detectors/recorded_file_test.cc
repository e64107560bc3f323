#include "detectors/recorded/recorded_file.h"

#include <H5Cpp.h>
#include <gmock/gmock.h>

#include <array>

#include "detectors/hdf5_guard.h"

#include "protocol/wire/wire.h"
#include "tests/detectors/recording_sample.h"
#include "tests/detectors/sample_files.h"

namespace glasswatch {
namespace {

using recorded::FileWriter;
using samples::add_sample_frame;
using samples::input_error_of;
using samples::read_frame;
using samples::sample_begin;
using samples::sample_info;
using samples::sample_pixels;
using testing::ElementsAre;
using testing::HasSubstr;

void expect_frame(Recording& recording, std::uint64_t at, std::uint64_t index) {
  const auto frame = read_frame<std::uint16_t>(recording, at);
  const FrameInfo truth = sample_info(index);
  EXPECT_EQ(frame.pixels, sample_pixels(truth.sequence, 32 * 48)) << index;
  EXPECT_EQ(frame.info.series_id, truth.series_id);
  EXPECT_EQ(frame.info.sequence, truth.sequence);
  EXPECT_EQ(frame.info.device_frame_id, truth.device_frame_id);
  EXPECT_EQ(frame.info.exposure_start_utc_ns, truth.exposure_start_utc_ns);
  EXPECT_EQ(frame.info.exposure_end_utc_ns, truth.exposure_end_utc_ns);
  EXPECT_EQ(frame.info.exposure_sigma_ns, truth.exposure_sigma_ns);
  EXPECT_EQ(frame.info.sent_utc_ns, truth.sent_utc_ns);
  EXPECT_EQ(frame.info.received_utc_ns, truth.received_utc_ns);
  EXPECT_EQ(frame.info.flags, truth.flags);
}

stream::SeriesEnd completed(std::uint64_t count) {
  stream::SeriesEnd end;
  end.set_reason(stream::SeriesEnd::COMPLETED);
  end.set_count(count);
  return end;
}

class RecordedFileTest : public testing::Test {
 protected:
  // Frames [first, last) of the sample series, then a SeriesEnd that counts two more.
  std::filesystem::path record(const std::string& name, std::uint64_t first, std::uint64_t last,
                               const recording::FileBegin& begin = sample_begin()) {
    const auto path = folder_ / name;
    FileWriter writer(path, begin, false);
    for (std::uint64_t i = first; i < last; ++i) add_sample_frame(writer, i, begin);
    recording::Record record;
    *record.mutable_series_end() = completed(sample_info(last).sequence + 2);
    writer.add(record);
    recording::FileEnd end;
    end.set_frames(last - first);
    end.set_reason("the series ended");
    writer.close(end);
    return path;
  }
  samples::TemporaryFolder folder_;
};

TEST_F(RecordedFileTest, FramesComeBackWithAllThatWasKnownOfThem) {
  const auto recording = open_recording(record("a.hspy", 0, 12), {});
  ASSERT_EQ(recording->frame_count(), 12u);
  for (const std::uint64_t i : {7, 0, 11, 1, 2, 3, 4, 5, 6, 8, 9, 10}) expect_frame(*recording, i, i);

  stream::SeriesStart truth = sample_begin().start();
  truth.set_source_mode(stream::REPLAY);
  truth.mutable_clock()->set_kind(stream::RECORDED_CLOCK);
  truth.mutable_identity()->set_source("a.hspy");
  truth.set_recorded_series_id(samples::kSampleSeries);
  EXPECT_EQ(recording->start().SerializeAsString(), truth.SerializeAsString());
  ASSERT_TRUE(recording->end());
  EXPECT_EQ(recording->end()->count(), sample_info(12).sequence + 2);
  EXPECT_THAT(input_error_of([&] { read_frame<std::uint16_t>(*recording, 12); }), HasSubstr("frame 12"));
}

TEST_F(RecordedFileTest, TellsItsBeginningEndAndFacts) {
  RecordedFile file(record("a.hspy", 0, 6));
  EXPECT_EQ(file.begin().SerializeAsString(), sample_begin().SerializeAsString());
  ASSERT_TRUE(file.file_end());
  EXPECT_EQ(file.file_end()->reason(), "the series ended");
  EXPECT_EQ(file.info(5).received_utc_ns, sample_info(5).received_utc_ns);
  EXPECT_THAT(input_error_of([&] { file.info(6); }), HasSubstr("frame 6"));
  std::vector<recording::Record::ContentCase> kinds;
  file.for_each_record([&](const recording::Record& record) { kinds.push_back(record.content_case()); });
  EXPECT_THAT(kinds,
              ElementsAre(recording::Record::kBegin, recording::Record::kSeriesEnd, recording::Record::kEnd));
}

TEST_F(RecordedFileTest, ASeriesWithoutFramesIsNone) {
  RecordedFile file(record("a.hspy", 0, 0));
  EXPECT_EQ(file.frame_count(), 0u);
  EXPECT_TRUE(file.end());
}

TEST_F(RecordedFileTest, LongRecordsSpanPages) {
  const auto path = folder_ / "a.hspy";
  recording::FileBegin begin = sample_begin();
  begin.set_configuration_text(std::string(300'000, 'c'));
  std::vector<std::string> texts;
  FileWriter writer(path, begin, false);
  for (int i = 0; i < 20; ++i) {
    texts.emplace_back(static_cast<std::size_t>(i * 13'337), static_cast<char>('a' + i));
    writer.add(samples::note(texts.back()));
    if (i % 3 == 0) writer.flush();
  }
  writer.close({});
  RecordedFile file(path);
  EXPECT_EQ(file.begin().configuration_text(), begin.configuration_text());
  std::vector<std::string> read;
  file.for_each_record([&](const recording::Record& record) {
    if (record.has_note()) read.push_back(record.note().text());
  });
  EXPECT_EQ(read, texts);
  EXPECT_FALSE(file.end());
  EXPECT_TRUE(file.file_end());
}

TEST_F(RecordedFileTest, AGrowingFileShowsWhatWasFlushed) {
  const auto path = folder_ / "a.hspy";
  FileWriter writer(path, sample_begin(), false);
  for (std::uint64_t i = 0; i < 3; ++i) add_sample_frame(writer, i, sample_begin());
  writer.flush();
  // In a process of its own, as every reader is: within one HDF5 gives the writer's file to both.
  const std::string seen = probe_in_child(path, [&] {
    const auto recording = open_recording(path, {});
    for (std::uint64_t i = 0; i < recording->frame_count(); ++i) expect_frame(*recording, i, i);
    return std::to_string(recording->frame_count()) + (recording->end() ? " ended" : " open") +
           (HasFailure() ? " with failures" : "");
  });
  EXPECT_EQ(seen, "3 open");
}

TEST_F(RecordedFileTest, EveryFlippedBitIsNoticed) {
  const auto path = record("a.hspy", 0, 6);
  const auto places = samples::chunk_places(path, "/entry/data/data");
  ASSERT_EQ(places.size(), 6u);
  std::string bytes = samples::read_file(path);
  for (const std::uint64_t at :
       {places[4].first, places[4].first + places[4].second / 2, places[4].first + places[4].second - 1}) {
    bytes[at] ^= 1;
    const auto recording = open_recording(folder_.write("b.hspy", bytes), {});
    bytes[at] ^= 1;
    expect_frame(*recording, 3, 3);
    EXPECT_THAT(input_error_of([&] { read_frame<std::uint16_t>(*recording, 4); }),
                testing::AllOf(HasSubstr("b.hspy"), HasSubstr("frame 4"), HasSubstr("glasswatch repair ")));
    std::filesystem::remove(folder_ / "b.hspy");
  }
}

TEST_F(RecordedFileTest, AnExchangedFrameIsNoticed) {
  const auto path = record("a.hspy", 0, 6);
  {
    const H5::H5File file(path.string(), H5F_ACC_RDWR);
    const H5::DataSet data = file.openDataSet("/entry/data/data");
    const std::array<hsize_t, 3> from = {2, 0, 0};
    const std::array<hsize_t, 3> to = {1, 0, 0};
    hsize_t bytes = 0;
    std::uint32_t mask = 0;
    ASSERT_GE(H5Dget_chunk_storage_size(data.getId(), from.data(), &bytes), 0);
    std::vector<char> block(bytes);
    ASSERT_GE(H5Dread_chunk(data.getId(), H5P_DEFAULT, from.data(), &mask, block.data()), 0);
    ASSERT_GE(H5Dwrite_chunk(data.getId(), H5P_DEFAULT, 0, to.data(), bytes, block.data()), 0);
  }
  const auto recording = open_recording(path, {});
  expect_frame(*recording, 2, 2);
  EXPECT_THAT(input_error_of([&] { read_frame<std::uint16_t>(*recording, 1); }), HasSubstr("frame 1"));
}

TEST_F(RecordedFileTest, OfACrashedFileOnlyTheWholeFramesAtTheEndCount) {
  const auto path = folder_ / "a.hspy";
  {
    FileWriter writer(path, sample_begin(), false);
    for (std::uint64_t i = 0; i < 6; ++i) add_sample_frame(writer, i, sample_begin());
    writer.flush();
  }
  // As after a power cut: the index reached the disk, the pixels did not. Closed, both have the same layout.
  const auto places = samples::chunk_places(record("b.hspy", 0, 6), "/entry/data/data");
  std::string bytes = samples::read_file(path);
  for (const auto& [offset, length] : {places[5], places[4]}) bytes.replace(offset, length, length, '\0');
  const auto recording = open_recording(folder_.write("c.hspy", bytes), {});
  ASSERT_EQ(recording->frame_count(), 4u);
  for (std::uint64_t i = 0; i < 4; ++i) expect_frame(*recording, i, i);
}

TEST_F(RecordedFileTest, OtherFilesAreNotTaken) {
  samples::HyperspySample sample;
  sample.data = {samples::Hdf5Type::kU2, {2, 3, 4}, {}, 0, std::string(48, 'x')};
  sample.axes.assign(3, {1, "glasswatch-recording", false});  // the name alone does not make it one
  sample.axes[0].navigate = true;
  samples::write_hyperspy(folder_ / "a.hspy", sample);
  const std::string bytes = samples::read_file(folder_ / "a.hspy");
  EXPECT_FALSE(matches_recorded(folder_ / "a.hspy", std::as_bytes(std::span(bytes))));
  EXPECT_EQ(open_recording(folder_ / "a.hspy", {})->frame_count(), 2u);
}

class RecordedEnvironmentTest : public RecordedFileTest {
 protected:
  static recording::Record environment(std::uint64_t series, const std::string& name,
                                       stream::ClockKind kind) {
    recording::Record record;
    record.mutable_environment_begin()->set_series_id(series);
    stream::EnvironmentStart& start = *record.mutable_environment_begin()->mutable_start();
    start.set_name(name);
    start.mutable_clock()->set_kind(kind);
    start.mutable_identity()->set_sample("Cu60Zr40");
    return record;
  }
};

TEST_F(RecordedEnvironmentTest, AllSamplesUnderTheStartBeforeTheFirstFrame) {
  const auto path = folder_ / "a.hspy";
  {
    FileWriter writer(path, sample_begin(), false);
    writer.add(environment(1, "first", stream::LIVE_CLOCK));
    writer.add(samples::sample_record(100, 20));
    writer.add(environment(2, "second", stream::LIVE_CLOCK));
    writer.add(environment(2, "second", stream::LIVE_CLOCK));  // repeated for a late joiner
    writer.add(samples::sample_record(200, 30));
    add_sample_frame(writer, 0, sample_begin());
    writer.add(environment(3, "third", stream::LIVE_CLOCK));
    writer.add(samples::sample_record(300, 40));
    recording::FileEnd end;
    end.set_frames(1);
    writer.close(end);
  }
  const EnvironmentLog log = read_environment_log(path, {});
  ASSERT_EQ(log.samples.size(), 3u);
  EXPECT_EQ(log.samples[2].time_utc_ns(), 300);
  EXPECT_EQ(log.samples[2].temperature_c(), 40);
  EXPECT_EQ(log.start.name(), "second");
  EXPECT_EQ(log.start.clock().kind(), stream::RECORDED_CLOCK);
  EXPECT_EQ(log.start.source_mode(), stream::REPLAY);
  EXPECT_EQ(log.start.identity().source(), "a.hspy");
  EXPECT_EQ(log.start.identity().sample(), "Cu60Zr40");
  EXPECT_THAT(log.remarks, ElementsAre(HasSubstr("live"), HasSubstr("3 environment series")));
}

TEST_F(RecordedEnvironmentTest, ARecordingWithoutSamplesIsNoLog) {
  const auto path = record("a.hspy", 0, 1);
  EXPECT_THAT(input_error_of([&] { read_environment_log(path, {}); }), HasSubstr("no environment samples"));
}

class PartsTest : public RecordedFileTest {
 protected:
  std::unique_ptr<Recording> part(std::uint32_t number, std::uint64_t first, std::uint64_t last,
                                  std::uint64_t recording_id = 1) {
    recording::FileBegin begin = sample_begin();
    begin.set_part(number);
    begin.set_recording_id(recording_id);
    const std::string name = std::to_string(recording_id) + "-" + std::to_string(number);
    return open_recording(record(name, first, last, begin), {});
  }
};

TEST_F(PartsTest, PartsOfOneRecordingBecomeOne) {
  std::vector<std::unique_ptr<Recording>> recordings;
  recordings.push_back(part(2, 0, 5));
  recordings.push_back(part(3, 5, 5));  // empty parts are no obstacle
  recordings.push_back(part(4, 5, 9));
  recordings.push_back(
      open_recording(folder_.write("a.npy", samples::npy_file("|u1", "(2, 2)", "abcd")), {}));
  recordings.push_back(part(1, 0, 2, 7));
  recordings.push_back(part(1, 0, 3, 8));
  const auto joined = join_parts(std::move(recordings));
  ASSERT_EQ(joined.size(), 4u);
  EXPECT_EQ(joined[0]->frame_count(), 9u);
  for (const std::uint64_t i : {0, 4, 5, 8}) expect_frame(*joined[0], i, i);
  EXPECT_THAT(input_error_of([&] { read_frame<std::uint16_t>(*joined[0], 9); }), HasSubstr("frame 9"));
  EXPECT_EQ(joined[0]->end()->count(), sample_info(9).sequence + 2);
  EXPECT_EQ(joined[1]->frame_count(), 1u);
  EXPECT_EQ(joined[2]->frame_count(), 2u);
  EXPECT_EQ(joined[3]->frame_count(), 3u);
}

TEST_F(PartsTest, AMissingPartIsAnError) {
  std::vector<std::unique_ptr<Recording>> recordings;
  recordings.push_back(part(1, 0, 5));
  recordings.push_back(part(3, 5, 9));
  EXPECT_THAT(input_error_of([&] { join_parts(std::move(recordings)); }),
              testing::AllOf(HasSubstr("1-3"), HasSubstr("part 1")));
}

}  // namespace
}  // namespace glasswatch
