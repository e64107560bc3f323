#include "detectors/recorded/file_writer.h"

#include <H5Cpp.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "detectors/recorded/recorded_layout.h"
#include "protocol/wire/wire.h"
#include "tests/detectors/writer_samples.h"

namespace glasswatch::recorded {
namespace {

using namespace writer_samples;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

template <typename T>
std::vector<T> column(const std::filesystem::path& path, const std::string& name, const H5::DataType& type) {
  const H5::H5File file(path.string(), H5F_ACC_RDONLY);
  const H5::DataSet dataset = file.openDataSet(name);
  std::vector<T> values(static_cast<std::size_t>(dataset.getSpace().getSimpleExtentNpoints()));
  dataset.read(values.data(), type);
  return values;
}

// Where the records begin in the stream, by its length prefixes.
std::vector<std::size_t> starts_of(const std::vector<recording::Record>& records) {
  std::vector<std::size_t> starts{0};
  for (const recording::Record& record : records) starts.push_back(starts.back() + 4 + record.ByteSizeLong());
  starts.pop_back();
  return starts;
}

TEST_F(FileWriterTest, JournalHoldsEveryRecordInOrder) {
  std::vector<std::string> expected;
  {
    FileWriter writer(path_, file_begin(), false);
    std::mt19937 random(4);
    for (const std::size_t size : {10, 0, 100'000, 65'520, 300'000, 1}) {
      std::string text(size, ' ');
      for (char& character : text) character = static_cast<char>('a' + random() % 26);
      const recording::Record record = note(text, static_cast<std::int64_t>(size));
      expected.push_back(record.SerializeAsString());
      writer.add(record);
      if (size % 3 == 0) writer.flush();
    }
    recording::FileEnd end;
    end.set_reason("the series ended");
    writer.close(end);
    EXPECT_GT(writer.bytes(), 200'000u);
  }
  const Blocks blocks = blocks_of(path_);
  const auto records = records_of(blocks);
  ASSERT_EQ(records.size(), expected.size() + 2);
  EXPECT_EQ(records.front().begin().SerializeAsString(), file_begin().SerializeAsString());
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_EQ(records[i + 1].SerializeAsString(), expected[i]);
  EXPECT_EQ(records.back().end().reason(), "the series ended");
  EXPECT_EQ(records.back().written_utc_ns(), 1);  // of the record before
  const auto bytes = column<char>(path_, kJournalObject, H5::PredType::NATIVE_UINT8);
  ASSERT_EQ(bytes.size(), blocks.pages.size() * kJournalPageBytes);
  for (const auto& [index, page] : blocks.pages) {
    EXPECT_EQ(std::memcmp(bytes.data() + index * kJournalPageBytes, page.data(), page.size()), 0);
  }
  const std::vector<std::size_t> starts = starts_of(records);
  std::size_t begin = 0;
  for (const auto& [index, page] : blocks.pages) {
    const auto first = std::lower_bound(starts.begin(), starts.end(), begin);
    const std::size_t offset = first == starts.end() ? page.size() : std::min(*first - begin, page.size());
    EXPECT_EQ(blocks.page_labels.at(index).first_record_byte(), offset) << index;
    EXPECT_EQ(blocks.page_labels.at(index).records_before(),
              static_cast<std::uint64_t>(first - starts.begin()));
    begin += page.size();
  }
}

TEST_F(FileWriterTest, FramesCarryTheirLabels) {
  FileWriter writer(path_, file_begin(), false);
  add_frame(writer, 20);
  writer.add(note("between"));
  add_frame(writer, 22);
  writer.close({});
  EXPECT_EQ(writer.frames(), 2u);
  const Blocks blocks = blocks_of(path_);
  ASSERT_EQ(blocks.frames.size(), 2u);
  const recording::Frame& second = blocks.frames.at(1);
  EXPECT_EQ(blocks.frames.at(0).records_before(), 1u);  // the begin
  EXPECT_EQ(second.records_before(), 2u);
  const FrameInfo info = wire::decode_frame_info(second.header());
  EXPECT_EQ(info.sequence, 22u);
  EXPECT_EQ(info.exposure_end_utc_ns, 22'900);
  EXPECT_EQ(second.received_utc_ns(), 22'950);
  EXPECT_EQ(second.flags(), kFlagLate);
  const auto values = column<std::uint16_t>(path_, kDataObject, H5::PredType::NATIVE_UINT16);
  const auto first = pixels(20);
  EXPECT_TRUE(std::equal(first.begin(), first.end(), values.begin()));
}

TEST_F(FileWriterTest, ResultsFindTheirRowsWheneverTheyCome) {
  constexpr std::size_t kFrames = 9001;  // more than stay in memory
  FileWriter writer(path_, file_begin(1, 1), false);
  writer.add(temperature(7, 107));  // before its frame
  for (std::uint64_t sequence = 0; sequence < kFrames; ++sequence) {
    add_frame(writer, sequence, 1);
    if (sequence % 1000 == 5) writer.flush();
    if (sequence == 8) writer.add(temperature(6, 106));
  }
  writer.flush();
  writer.add(temperature(3, 103));  // long after
  writer.add(temperature(kFrames - 1, 200));
  writer.add(temperature(4, 104, kSeriesId + 1));  // of another series
  writer.close({});
  const auto values = column<double>(path_, "/frames/temperature_c", H5::PredType::NATIVE_DOUBLE);
  const auto flags = column<std::uint32_t>(path_, "/frames/flags", H5::PredType::NATIVE_UINT32);
  ASSERT_EQ(values.size(), kFrames);
  for (std::size_t i = 0; i < kFrames; ++i) {
    const bool known = i == 3 || i == 6 || i == 7 || i == kFrames - 1;
    EXPECT_EQ(std::isfinite(values[i]), known) << i;
    EXPECT_EQ(flags[i], known ? kFlagLate | kFlagSaturated : kFlagLate) << i;
  }
  EXPECT_THAT((std::vector{values[3], values[6], values[7], values.back()}), ElementsAre(103, 106, 107, 200));
}

TEST_F(FileWriterTest, ConventionOfTheModelIsInTheClosedFile) {
  FileWriter writer(path_, file_begin(), false);
  recording::Record record;
  record.mutable_result()->mutable_setup()->set_kww_convention("g2 = 1 + A exp(-(t/tau)^beta)");
  writer.add(record);
  writer.close({});
  const H5::H5File file(path_.string(), H5F_ACC_RDONLY);
  H5std_string text;
  const H5::Attribute attribute = file.openAttribute(kKwwConventionAttribute);
  attribute.read(attribute.getDataType(), text);
  EXPECT_EQ(text, "g2 = 1 + A exp(-(t/tau)^beta)");
}

TEST_F(FileWriterTest, WhatWasNotClosedStaysAsACrashLeavesIt) {
  {
    FileWriter writer(path_, file_begin(), true);
    add_frame(writer, 0);
    writer.flush();
    add_frame(writer, 1);
  }
  EXPECT_THROW(H5::H5File(path_.string(), H5F_ACC_RDONLY), H5::Exception);  // marked as being written
  const Blocks blocks = blocks_of(path_);
  EXPECT_EQ(blocks.frames.size(), 2u);
  EXPECT_EQ(blocks.pages.size(), 1u);
  const H5::H5File file(path_.string(), H5F_ACC_RDONLY | H5F_ACC_SWMR_READ);
  EXPECT_EQ(file.openDataSet(kDataObject).getSpace().getSimpleExtentNpoints(), kRows * kColumns);
}

TEST_F(FileWriterTest, HoldsALockThatLetsReadersIn) {
  const auto can_lock = [&](int kind) {
    const int descriptor = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    const bool locked = ::flock(descriptor, kind | LOCK_NB) == 0;
    ::close(descriptor);
    return locked;
  };
  {
    FileWriter writer(path_, file_begin(), false);
    EXPECT_TRUE(can_lock(LOCK_SH));
    EXPECT_FALSE(can_lock(LOCK_EX));
    writer.close({});
  }
  EXPECT_TRUE(can_lock(LOCK_EX));
}

TEST_F(FileWriterTest, NeverOverwritesAndSaysWhereItCannotWrite) {
  const auto create = [](const std::filesystem::path& path) { FileWriter(path, file_begin(), false); };
  folder_.write("series.hspy", "mine");
  EXPECT_THAT(error_of([&] { create(path_); }), HasSubstr("choose another name"));
  EXPECT_EQ(samples::read_file(path_), "mine");
  const std::string error = error_of([&] { create(folder_ / "no/where.hspy"); });
  EXPECT_THAT(error, HasSubstr("no/where.hspy: cannot be written (No such file or directory)"));
  EXPECT_THAT(error, Not(HasSubstr("\n")));
}

TEST_F(FileWriterTest, SaysWhenTheFileVanishes) {
  FileWriter writer(path_, file_begin(), false);
  add_frame(writer, 0);
  std::filesystem::remove(path_);
  EXPECT_THAT(error_of([&] { add_frame(writer, 1); }), HasSubstr("not there"));
}

}  // namespace
}  // namespace glasswatch::recorded
