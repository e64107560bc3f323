#include "detectors/recorded/repair.h"

#include <H5Cpp.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>

#include "detectors/recorded/recorded_file.h"
#include "tests/detectors/recording_sample.h"
#include "tests/detectors/sample_files.h"

namespace glasswatch::recorded {
namespace {

using samples::add_sample_frame;
using samples::input_error_of;
using samples::notes_in;
using samples::planted_frames;
using samples::sample_begin;
using samples::sample_info;
using samples::sample_pixels;
using testing::HasSubstr;
using Outcome = RepairReport::Outcome;

constexpr std::uint64_t kFrames = 24;
constexpr std::uint64_t kFramesPerPage = 4;  // notes of so many are flushed together
constexpr std::size_t kPixels = 32 * 48;

struct Range {
  std::uint64_t begin;
  std::uint64_t end;
  bool touches(const std::pair<std::uint64_t, std::uint64_t>& place) const {
    return begin < place.first + place.second && place.first < end;
  }
};

class RepairTest : public testing::Test {
 protected:
  // A closed recording.
  std::filesystem::path record(const std::string& name) {
    FileWriter writer(folder_ / name, sample_begin(), false);
    samples::add_sample_series(writer, kFrames);
    recording::FileEnd end;
    end.set_frames(kFrames);
    end.set_reason("the series ended");
    writer.close(end);
    return folder_ / name;
  }

  // A recording as a crash leaves it.
  std::filesystem::path abandon(const std::string& name) {
    FileWriter writer(folder_ / name, sample_begin(), false);
    samples::add_sample_series(writer, kFrames);
    return folder_ / name;
  }

  // Repairs `bytes` as a file; afterwards the file must be sound, and of what could be found nothing may be
  // lost.
  RepairReport repaired(const std::string& bytes, const std::set<std::uint64_t>& whole_frames,
                        const std::set<std::string>& whole_notes) {
    const auto path = folder_.write("damaged.hspy", bytes);
    const RepairReport report = repair(path);
    EXPECT_THAT(report.detail, HasSubstr("damaged.hspy"));
    {
      RecordedFile file(path);
      const auto frames = planted_frames(file);
      EXPECT_EQ(frames, std::vector(whole_frames.begin(), whole_frames.end()));
      EXPECT_EQ(report.frames, frames.size());
      const auto notes = notes_in(file);
      EXPECT_TRUE(std::ranges::includes(std::set(notes.begin(), notes.end()), whole_notes));
      for (const std::string& note : notes) EXPECT_TRUE(note.starts_with("note ")) << note;
      EXPECT_EQ(std::set(notes.begin(), notes.end()).size(), notes.size());
      EXPECT_TRUE(file.file_end());
    }
    EXPECT_EQ(repair(path).outcome, Outcome::kSound);
    if (report.outcome == Outcome::kRebuilt) {
      EXPECT_EQ(samples::read_file(folder_ / "damaged.hspy.damaged"), bytes);
      std::filesystem::remove(folder_ / "damaged.hspy.damaged");
    }
    EXPECT_FALSE(std::filesystem::exists(folder_ / "damaged.hspy.repairing"));
    std::filesystem::remove(path);
    return report;
  }

  // The truth of repair: HDF5's own account of where the blocks of the whole file are.
  struct Places {
    explicit Places(const std::filesystem::path& path)
        : frames(samples::chunk_places(path, "/entry/data/data")),
          pages(samples::chunk_places(path, "/journal")) {}
    std::set<std::uint64_t> frames_without(const Range& lost) const {
      std::set<std::uint64_t> whole;
      for (std::uint64_t i = 0; i < frames.size(); ++i) {
        if (!lost.touches(frames[i])) whole.insert(i);
      }
      return whole;
    }
    // Page 0 holds the first record, page 1 the notes before the first flush, ...
    std::set<std::string> notes_without(const Range& lost) const {
      std::set<std::string> whole;
      for (std::uint64_t i = 0; i < kFrames; ++i) {
        if (!lost.touches(pages.at(1 + i / kFramesPerPage))) whole.insert("note " + std::to_string(i));
      }
      return whole;
    }
    std::vector<std::pair<std::uint64_t, std::uint64_t>> frames, pages;
  };

  samples::TemporaryFolder folder_;
};

TEST_F(RepairTest, ASoundFileIsNotTouched) {
  const auto path = record("a.hspy");
  const std::string bytes = samples::read_file(path);
  const RepairReport report = repair(path);
  EXPECT_EQ(report.outcome, Outcome::kSound);
  EXPECT_EQ(report.frames, kFrames);
  EXPECT_EQ(samples::read_file(path), bytes);
}

TEST_F(RepairTest, WhatACrashLeftIsClosedInPlace) {
  const auto path = abandon("a.hspy");
  const RepairReport report = repair(path);
  EXPECT_EQ(report.outcome, Outcome::kClosed);
  EXPECT_EQ(report.frames, kFrames);
  EXPECT_EQ(report.frames_missing, 0u);
  RecordedFile file(path);
  EXPECT_EQ(planted_frames(file).size(), kFrames);
  EXPECT_EQ(notes_in(file).size(), kFrames);
  EXPECT_EQ(file.file_end()->reason(), "repaired");
  EXPECT_EQ(repair(path).outcome, Outcome::kSound);
}

TEST_F(RepairTest, FramesThatWereNotFlushedAreAddedToTheIndex) {
  const auto path = folder_ / "a.hspy";
  {
    FileWriter writer(path, sample_begin(), false);
    recording::Record result;
    result.mutable_result()->mutable_frame()->set_series_id(samples::kSampleSeries);
    result.mutable_result()->mutable_frame()->set_sequence(sample_info(2).sequence);
    result.mutable_result()->mutable_frame()->mutable_temperature()->set_validity(result::VALID);
    result.mutable_result()->mutable_frame()->mutable_temperature()->set_value_c(321.5);
    samples::add_sample_series(writer, kFrames);
    writer.add(result);
    writer.flush();
    for (std::uint64_t i = kFrames; i < kFrames + 3; ++i) add_sample_frame(writer, i, sample_begin());
  }
  EXPECT_EQ(RecordedFile(path).frame_count(), kFrames);
  const RepairReport report = repair(path);
  EXPECT_EQ(report.outcome, Outcome::kClosed);
  EXPECT_EQ(report.frames, kFrames + 3);
  {
    RecordedFile file(path);
    EXPECT_EQ(planted_frames(file).size(), kFrames + 3);
  }
  // What other programs see.
  const H5::H5File file(path.string(), H5F_ACC_RDONLY);
  std::vector<std::uint64_t> sequence(kFrames + 3);
  std::vector<double> temperature_c(kFrames + 3), time_s(kFrames + 3);
  const auto read = [&](const char* name, auto& column, const H5::PredType& type) {
    const H5::DataSet dataset = file.openDataSet(name);
    ASSERT_EQ(dataset.getSpace().getSimpleExtentNpoints(), static_cast<hssize_t>(column.size())) << name;
    dataset.read(column.data(), type);
  };
  read("/frames/sequence", sequence, H5::PredType::NATIVE_UINT64);
  read("/entry/data/temperature_c", temperature_c, H5::PredType::NATIVE_DOUBLE);
  read("/Experiments/heating/original_metadata/frames/time_s", time_s, H5::PredType::NATIVE_DOUBLE);
  for (std::uint64_t i = 0; i < sequence.size(); ++i) {
    EXPECT_EQ(sequence[i], sample_info(i).sequence);
    EXPECT_EQ(std::isfinite(temperature_c[i]), i == 2);
    EXPECT_NEAR(time_s[i],
                static_cast<double>(sample_info(i).exposure_start_utc_ns - samples::kSampleStartNs) * 1e-9,
                1e-9);
  }
  EXPECT_EQ(temperature_c[2], 321.5);
  std::int64_t size = 0;
  file.openGroup("/Experiments/heating/axis-0").openAttribute("size").read(H5::PredType::NATIVE_INT64, &size);
  EXPECT_EQ(size, static_cast<std::int64_t>(kFrames + 3));
  std::vector<std::uint16_t> pixels((kFrames + 3) * kPixels);
  read("/Experiments/heating/data", pixels, H5::PredType::NATIVE_UINT16);
  const auto last = sample_pixels(sample_info(kFrames + 2).sequence, kPixels);
  EXPECT_TRUE(std::equal(last.begin(), last.end(), pixels.end() - static_cast<std::ptrdiff_t>(kPixels)));
}

TEST_F(RepairTest, AFlushThatWasInterruptedIsCompleted) {
  const auto path = folder_ / "a.hspy";
  FileWriter writer(path, sample_begin(), false);
  samples::add_sample_series(writer, kFrames);
  for (std::uint64_t i = kFrames; i < kFrames + 3; ++i) {
    writer.add(samples::note("note " + std::to_string(i)));
    add_sample_frame(writer, i, sample_begin());
  }
  const std::string before = samples::read_file(path);
  writer.flush();
  const std::string after = samples::read_file(path);
  ASSERT_GT(after.size(), before.size());
  // The page of the journal is written behind the frames, the index not yet.
  const std::string bytes = before + after.substr(before.size());
  std::set<std::uint64_t> frames;
  std::set<std::string> notes;
  for (std::uint64_t i = 0; i < kFrames + 3; ++i) {
    frames.insert(i);
    notes.insert("note " + std::to_string(i));
  }
  EXPECT_EQ(repaired(bytes, frames, notes).outcome, Outcome::kClosed);

  // What was added has copies now, which nothing may take for further frames when the index is lost.
  const auto closed = folder_.write("closed.hspy", bytes);
  repair(closed);
  std::string headless = samples::read_file(closed);
  headless.replace(0, 48, 48, '\0');
  EXPECT_EQ(repaired(headless, frames, notes).outcome, Outcome::kRebuilt);
}

TEST_F(RepairTest, CutAnywhereEveryWholeFrameComesBack) {
  for (const bool closed : {true, false}) {
    const auto path = record("whole.hspy");
    const Places places(path);
    const std::string bytes = samples::read_file(closed ? path : abandon("open.hspy"));
    std::mt19937_64 random(5);
    for (int i = 0; i < 16; ++i) {
      const std::uint64_t length = places.pages[0].first + places.pages[0].second +
                                   random() % (bytes.size() - places.pages[0].first - places.pages[0].second);
      SCOPED_TRACE(testing::Message()
                   << (closed ? "closed, " : "open, ") << length << " of " << bytes.size());
      const Range lost{length, bytes.size()};
      const RepairReport report =
          repaired(bytes.substr(0, length), places.frames_without(lost), places.notes_without(lost));
      EXPECT_EQ(report.frames_missing, 0u);  // those at the end nobody knows of
    }
    std::filesystem::remove(path);
  }
}

TEST_F(RepairTest, HolesOfZerosCostOnlyTheBlocksTheyTouch) {
  const auto path = record("whole.hspy");
  const Places places(path);
  const std::string bytes = samples::read_file(path);
  std::mt19937_64 random(6);
  for (int i = 0; i < 24; ++i) {
    const std::uint64_t begin = random() % bytes.size() / 4096 * 4096;
    const Range lost{begin, std::min<std::uint64_t>(begin + 4096, bytes.size())};
    SCOPED_TRACE(testing::Message() << "zeros from " << begin << " of " << bytes.size());
    std::string damaged = bytes;
    std::fill(damaged.begin() + static_cast<std::ptrdiff_t>(lost.begin),
              damaged.begin() + static_cast<std::ptrdiff_t>(lost.end), '\0');
    const auto whole = places.frames_without(lost);
    const RepairReport report = repaired(damaged, whole, places.notes_without(lost));
    EXPECT_EQ(report.frames_missing, kFrames - whole.size());
  }
}

TEST_F(RepairTest, FlippedBitsCostTheirBlockAndAreCounted) {
  const auto path = record("whole.hspy");
  const Places places(path);
  std::string bytes = samples::read_file(path);
  bytes[places.frames[3].first + 100] ^= 4;
  bytes[places.frames[9].first + places.frames[9].second - 60] ^= 1;  // in the label
  std::set<std::uint64_t> whole = places.frames_without({0, 0});
  whole.erase(3);
  whole.erase(9);
  const RepairReport report = repaired(bytes, whole, places.notes_without({0, 0}));
  EXPECT_EQ(report.outcome, Outcome::kRebuilt);
  EXPECT_EQ(report.blocks_damaged, 2u);
  EXPECT_EQ(report.frames_missing, 2u);
}

TEST_F(RepairTest, WithoutItsFirstRecordARecordingKeepsItsFrames) {
  const auto path = record("whole.hspy");
  const Places places(path);
  std::string bytes = samples::read_file(path);
  bytes[places.pages[0].first + 20] ^= 1;
  const RepairReport report = repaired(bytes, places.frames_without({0, 0}), places.notes_without({0, 0}));
  EXPECT_THAT(report.detail, HasSubstr("lost"));
}

TEST_F(RepairTest, RecordsThatAMissingPageCutAreLeftOutAndNoOthers) {
  const auto path = folder_ / "whole.hspy";
  std::vector<std::string> texts;
  {
    FileWriter writer(path, sample_begin(), false);
    for (int i = 0; i < 30; ++i) {
      texts.push_back(std::string(30'000, static_cast<char>('A' + i)));
      writer.add(samples::note(texts.back()));
    }
    add_sample_frame(writer, 0, sample_begin());
    recording::FileEnd end;
    end.set_frames(1);
    writer.close(end);
  }
  const Places places(path);
  std::string bytes = samples::read_file(path);
  // Page 0 ends with the first record; notes follow each other from page 1 on, 30,000 bytes and a little
  // each.
  const std::uint64_t lost = 4;
  bytes[places.pages[lost].first + 8] ^= 1;
  const auto damaged = folder_.write("damaged.hspy", bytes);
  EXPECT_EQ(repair(damaged).outcome, Outcome::kRebuilt);
  std::vector<std::string> expected;
  std::uint64_t at = 0;
  for (const std::string& text : texts) {
    const std::uint64_t end = at + 4 + samples::note(text).ByteSizeLong();
    if (end <= (lost - 1) * 65536 || at >= lost * 65536) expected.push_back(text);
    at = end;
  }
  ASSERT_LT(expected.size(), texts.size());
  RecordedFile file(damaged);
  EXPECT_EQ(notes_in(file), expected);
  EXPECT_EQ(file.frame_count(), 1u);
}

TEST_F(RepairTest, OtherFilesAndFilesInUseAreRefused) {
  samples::HyperspySample sample;
  sample.data = {samples::Hdf5Type::kU2, {2, 3, 4}, {}, 0, std::string(48, 'x')};
  sample.axes.assign(3, {1, "nm", false});
  samples::write_hyperspy(folder_ / "other.hspy", sample);
  EXPECT_THAT(input_error_of([&] { repair(folder_ / "other.hspy"); }), HasSubstr("no block of a recording"));
  EXPECT_THAT(input_error_of([&] { repair(folder_.write("empty", "")); }), HasSubstr("empty"));
  EXPECT_THAT(input_error_of([&] { repair(folder_ / "absent"); }), HasSubstr("absent"));

  FileWriter writer(folder_ / "a.hspy", sample_begin(), false);
  add_sample_frame(writer, 0, sample_begin());
  writer.flush();
  EXPECT_THAT(input_error_of([&] { repair(folder_ / "a.hspy"); }), HasSubstr("in use"));
}

TEST_F(RepairTest, AnEarlierDamagedFileIsNeverRemoved) {
  const auto path = record("a.hspy");
  const Places places(path);
  std::string bytes = samples::read_file(path);
  bytes[places.frames[3].first + 100] ^= 4;
  const auto damaged = folder_.write("b.hspy", bytes);
  folder_.write("b.hspy.damaged", "precious");
  EXPECT_THAT(input_error_of([&] { repair(damaged); }), HasSubstr("b.hspy.damaged"));
  EXPECT_EQ(samples::read_file(folder_ / "b.hspy.damaged"), "precious");
  EXPECT_EQ(samples::read_file(damaged), bytes);
}

}  // namespace
}  // namespace glasswatch::recorded
