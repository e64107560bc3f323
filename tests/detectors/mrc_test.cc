#include "detectors/mrc/mrc.h"

#include <gmock/gmock.h>

#include <fstream>

#include "detectors/mrc/mrc_writer.h"
#include "protocol/wire/wire.h"
#include "tests/detectors/sample_files.h"
#include "tests/detectors/stack_samples.h"

namespace glasswatch {
namespace {

using samples::bytes_of;
using samples::fei_record;
using samples::input_error_of;
using samples::mrc_file;
using samples::MrcSample;
using samples::read_frame;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

template <typename T>
T value_at(const std::string& bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

class MrcTest : public testing::Test {
 protected:
  bool matches(const std::string& bytes) {
    return matches_mrc(folder_.write("stack.mrc", bytes), std::as_bytes(std::span(bytes)));
  }
  std::unique_ptr<Recording> open(const MrcSample& sample, const RecordingSettings& settings = {}) {
    const std::string bytes = mrc_file(sample);
    EXPECT_TRUE(matches(bytes));
    return open_mrc(folder_ / "stack.mrc", settings);
  }
  std::string error_of(const MrcSample& sample) {
    return input_error_of([&] { open(sample); });
  }
  static MrcSample two_sections() {
    MrcSample sample;
    sample.sections = 2;
    sample.data = bytes_of<std::int16_t>({1, 2, 3, 4, 5, -6, 7, 8, 9, 10, 11, 12});
    return sample;
  }
  samples::TemporaryFolder folder_;
};

TEST_F(MrcTest, PutsTheTopRowFirst) {
  const auto recording = open(two_sections());
  ASSERT_EQ(recording->frame_count(), 2u);
  EXPECT_EQ(recording->start().camera().rows(), 2u);
  EXPECT_EQ(recording->start().camera().columns(), 3u);
  EXPECT_THAT(read_frame<std::int16_t>(*recording, 1).pixels, ElementsAre(10, 11, 12, 7, 8, 9));
  EXPECT_THAT(read_frame<std::int16_t>(*recording, 0).pixels, ElementsAre(4, 5, -6, 1, 2, 3));
  EXPECT_THAT(recording->start().identity().note(), HasSubstr("bottom row stored first"));
}

TEST_F(MrcTest, KeepsTheMiddleRowInPlace) {
  MrcSample sample;
  sample.rows = 3;
  sample.columns = 1;
  sample.data = bytes_of<std::int16_t>({1, 2, 3});
  EXPECT_THAT(read_frame<std::int16_t>(*open(sample), 0).pixels, ElementsAre(3, 2, 1));
}

TEST_F(MrcTest, KnowsWhoStoresTheTopRowFirst) {
  MrcSample fei = two_sections();
  fei.extended_type = "FEI1";
  fei.extended = fei_record(3e5, 1e-10, 0.5, "BM-Ceta");
  EXPECT_THAT(read_frame<std::int16_t>(*open(fei), 0).pixels, ElementsAre(1, 2, 3, 4, 5, -6));
  EXPECT_THAT(open(fei)->start().identity().note(), HasSubstr("top row stored first"));
  fei.imod = true;  // IMOD wrote it anew and kept the type of the extended header
  EXPECT_THAT(read_frame<std::int16_t>(*open(fei), 0).pixels, ElementsAre(4, 5, -6, 1, 2, 3));
  MrcSample inverted = two_sections();
  inverted.axes = {1, -2, 3};
  EXPECT_THAT(read_frame<std::int16_t>(*open(inverted), 0).pixels, ElementsAre(1, 2, 3, 4, 5, -6));
}

TEST_F(MrcTest, ReadsEveryTypeInBothByteOrders) {
  struct Case {
    std::int32_t mode;
    PixelType type;
    std::string little;
    std::string big;
  };
  const std::vector<Case> cases = {{0, PixelType::kI1, "\x7F\x80", "\x7F\x80"},
                                   {1, PixelType::kI2, "\x01\x02\xFE\xFF", "\x02\x01\xFF\xFE"},
                                   {2, PixelType::kF4, "\1\2\3\4\5\6\7\x08", "\4\3\2\1\x08\7\6\5"},
                                   {6, PixelType::kU2, "\x01\x02\xFE\xFF", "\x02\x01\xFF\xFE"}};
  for (const Case& each : cases) {
    for (const bool big_endian : {false, true}) {
      MrcSample sample;
      sample.rows = 1;
      sample.columns = 2;
      sample.mode = each.mode;
      sample.big_endian = big_endian;
      sample.data = big_endian ? each.big : each.little;
      const auto frame = read_frame<char>(*open(sample), 0);
      EXPECT_EQ(frame.info.pixel_type, each.type);
      EXPECT_EQ(std::string(frame.pixels.begin(), frame.pixels.end()), each.little)
          << each.mode << big_endian;
    }
  }
}

TEST_F(MrcTest, TheMachineStampDecidesWhereBothOrdersArePossible) {
  MrcSample sample;
  sample.mode = 0;
  sample.axes = {0, 0, 0};
  sample.columns = sample.rows = 256;
  sample.data = std::string(65536, 'x');
  for (const bool big_endian : {false, true}) {
    sample.big_endian = big_endian;
    EXPECT_EQ(open(sample)->start().camera().rows(), 256u);
  }
}

TEST_F(MrcTest, BytesAreSignedUnlessImodSaysOtherwise) {
  MrcSample sample;
  sample.mode = 0;
  sample.data = "abcdef";
  EXPECT_EQ(open(sample)->start().camera().pixel_type(), stream::I1);
  sample.imod = true;
  EXPECT_EQ(open(sample)->start().camera().pixel_type(), stream::U1);
  sample.imod_flags = 1;
  EXPECT_EQ(open(sample)->start().camera().pixel_type(), stream::I1);
  sample.imod_flags = 16;
  EXPECT_THAT(error_of(sample), HasSubstr("half-byte"));
}

TEST_F(MrcTest, SkipsExtendedHeadersItDoesNotKnow) {
  MrcSample sample = two_sections();
  sample.extended = std::string(1001, 'x');
  sample.extended_type = "SERI";
  const auto recording = open(sample);
  EXPECT_THAT(read_frame<std::int16_t>(*recording, 1).pixels, ElementsAre(10, 11, 12, 7, 8, 9));
  EXPECT_THAT(recording->start().identity().note(), HasSubstr("1001 bytes"));
}

TEST_F(MrcTest, ReadsFeiFacts) {
  MrcSample sample = two_sections();
  sample.extended_type = "FEI2";
  sample.extended = fei_record(3e5, 2.5e-11, 0.25, "BM-Ceta");
  const auto recording = open(sample);
  EXPECT_DOUBLE_EQ(recording->start().optics().high_tension_kv(), 300);
  EXPECT_NEAR(recording->start().optics().pixel_size(), 0.025, 1e-12);
  EXPECT_EQ(recording->start().optics().mode(), stream::IMAGE);
  EXPECT_EQ(recording->start().camera().name(), "BM-Ceta");
  EXPECT_DOUBLE_EQ(recording->start().timing().exposure_s(), 0.25);
  sample.extended = fei_record(0, 1.5e7, -1, "");
  const stream::SeriesStart diffraction = open(sample)->start();
  EXPECT_EQ(diffraction.optics().mode(), stream::DIFFRACTION);
  EXPECT_NEAR(diffraction.optics().pixel_size(), 0.015, 1e-12);
  EXPECT_EQ(diffraction.optics().pixel_unit(), "1/nm");
  EXPECT_EQ(diffraction.optics().high_tension_kv(), 0);
  EXPECT_EQ(diffraction.timing().exposure_s(), 0);
  sample.extended = "short";
  EXPECT_THAT(open(sample)->start().identity().note(), HasSubstr("too short"));
}

TEST_F(MrcTest, TakesPlausiblePixelSizesFromTheCell) {
  MrcSample sample = two_sections();
  EXPECT_FALSE(open(sample)->start().optics().has_pixel_size());
  sample.cell_x_angstrom = 3 * 2.5f;
  sample.cell_y_angstrom = 2 * 2.5f;
  EXPECT_DOUBLE_EQ(open(sample)->start().optics().pixel_size(), 0.25);
  EXPECT_EQ(open(sample)->start().optics().pixel_unit(), "nm");
  sample.cell_y_angstrom = 2 * 2.0f;
  EXPECT_THAT(open(sample)->start().identity().note(), HasSubstr("no plausible pixel size"));
  sample.cell_x_angstrom = 3;
  sample.cell_y_angstrom = 2;
  EXPECT_FALSE(open(sample)->start().optics().has_pixel_size());
}

TEST_F(MrcTest, TimesComeFromTheSettings) {
  RecordingSettings settings;
  settings.frame_period_s = 2;
  settings.exposure_s = 1;
  settings.start_utc_ns = 10;
  const FrameInfo info = read_frame<std::int16_t>(*open(two_sections(), settings), 1).info;
  EXPECT_EQ(info.exposure_start_utc_ns, 2'000'000'010);
  EXPECT_EQ(info.exposure_end_utc_ns, 3'000'000'010);
  EXPECT_EQ(info.flags, kFlagTimeAssumed);
}

TEST_F(MrcTest, OldFilesWithoutTheWordMapMustFitExactly) {
  MrcSample sample = two_sections();
  sample.map_word = false;
  sample.axes = {0, 0, 0};
  EXPECT_THAT(read_frame<std::int16_t>(*open(sample), 0).pixels, ElementsAre(4, 5, -6, 1, 2, 3));
  EXPECT_FALSE(matches(mrc_file(sample) + "x"));
  EXPECT_FALSE(matches(mrc_file(sample).substr(0, 1030)));
  EXPECT_FALSE(matches(std::string(4096, '\0')));
  EXPECT_FALSE(matches("MAP "));
}

TEST_F(MrcTest, RefusesWhatItCannotRead) {
  for (const auto& [mode, word] :
       {std::pair{3, "complex"}, {4, "complex"}, {12, "half floats"}, {16, "colours"}, {101, "half-byte"}}) {
    MrcSample sample = two_sections();
    sample.mode = mode;
    EXPECT_THAT(error_of(sample), AllOf(HasSubstr("mode " + std::to_string(mode)), HasSubstr(word)));
  }
  MrcSample sample = two_sections();
  sample.axes = {3, 2, 1};
  EXPECT_THAT(error_of(sample), HasSubstr("axes 3 2 1"));
  sample = two_sections();
  sample.columns = 70000;
  EXPECT_THAT(error_of(sample), HasSubstr("70000 columns"));
  sample = two_sections();
  sample.sections = 2147483647;
  EXPECT_THAT(error_of(sample), AllOf(HasSubstr("ends after 24"), HasSubstr("2 whole frames")));
  sample = two_sections();
  sample.data.pop_back();
  EXPECT_THAT(error_of(sample), AllOf(HasSubstr("stack.mrc"), HasSubstr("1 whole frames of 2")));
}

class MrcWriterTest : public testing::Test {
 protected:
  template <typename T>
  static Frame frame_of(FramePool& pool, const stream::SeriesStart& start, const std::vector<T>& pixels) {
    Frame frame = pool.acquire();
    frame.info.rows = static_cast<std::int32_t>(start.camera().rows());
    frame.info.columns = static_cast<std::int32_t>(start.camera().columns());
    frame.info.pixel_type = wire::pixel_type(start.camera().pixel_type());
    frame.info.exposure_start_utc_ns = 1'683'882'000'500'000'000;
    std::memcpy(frame.writable_bytes().data(), pixels.data(), pixels.size() * sizeof(T));
    return frame;
  }
  static stream::SeriesStart series(stream::PixelType type) {
    stream::SeriesStart start;
    start.set_name("ramp");
    start.mutable_camera()->set_rows(2);
    start.mutable_camera()->set_columns(3);
    start.mutable_camera()->set_pixel_type(type);
    return start;
  }
  samples::TemporaryFolder folder_;
  FramePool pool_{2, 64};
};

TEST_F(MrcWriterTest, WritesThePublishedLayout) {
  stream::SeriesStart start = series(stream::I2);
  start.mutable_optics()->set_pixel_size(0.25);
  start.mutable_optics()->set_pixel_unit("nm");
  start.mutable_timing()->set_frame_period_s(0.5);
  const auto path = folder_ / "out.mrc";
  MrcWriter writer(path, start, 2);
  writer.add(frame_of<std::int16_t>(pool_, start, {1, 2, 3, 4, 5, -6}));
  writer.add(frame_of<std::int16_t>(pool_, start, {7, 8, 9, 10, 11, 12}));
  EXPECT_FALSE(std::filesystem::exists(path));
  writer.close();
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out.mrc.partial"));
  const std::string bytes = samples::read_file(path);
  ASSERT_EQ(bytes.size(), 1024u + 24);
  std::vector<std::int32_t> words;
  for (std::size_t word : {1, 2, 3, 4, 8, 9, 10, 17, 18, 19, 23, 24, 28}) {
    words.push_back(value_at<std::int32_t>(bytes, 4 * (word - 1)));
  }
  EXPECT_THAT(words, ElementsAre(3, 2, 2, 1, 3, 2, 1, 1, 2, 3, 0, 0, 20141));
  EXPECT_FLOAT_EQ(value_at<float>(bytes, 40), 7.5f);
  EXPECT_FLOAT_EQ(value_at<float>(bytes, 44), 5.0f);
  EXPECT_FLOAT_EQ(value_at<float>(bytes, 76), -6);
  EXPECT_FLOAT_EQ(value_at<float>(bytes, 80), 12);
  EXPECT_FLOAT_EQ(value_at<float>(bytes, 84), 5.5f);          // 66 / 12
  EXPECT_NEAR(value_at<float>(bytes, 216), 4.8904666, 1e-5);  // sqrt(650 / 12 - 5.5^2)
  EXPECT_EQ(bytes.substr(208, 6), "MAP \x44\x44");
  EXPECT_THAT(bytes.substr(224, 160),
              AllOf(HasSubstr("Glasswatch"), HasSubstr("=1683882000500000000 period_s=0.5")));
  std::vector<std::int16_t> stored(12);
  std::memcpy(stored.data(), bytes.data() + 1024, 24);
  EXPECT_THAT(stored, ElementsAre(4, 5, -6, 1, 2, 3, 10, 11, 12, 7, 8, 9));
}

TEST_F(MrcWriterTest, WhatItWritesIsReadBack) {
  const auto path = folder_ / "out.mrc";
  stream::SeriesStart start = series(stream::F4);
  start.mutable_optics()->set_pixel_size(0.0123);
  start.mutable_optics()->set_pixel_unit("1/nm");
  const std::vector<float> pixels = {1, -2, std::numeric_limits<float>::quiet_NaN(), 4, 5.5f, 6};
  MrcWriter writer(path, start, 0);
  writer.add(frame_of(pool_, start, pixels));
  writer.close();
  const auto recording = open_mrc(path, {});
  EXPECT_EQ(bytes_of(read_frame<float>(*recording, 0).pixels), bytes_of(pixels));
  EXPECT_FALSE(recording->start().optics().has_pixel_size());  // nm^-1 has no place in the format
  EXPECT_THAT(samples::read_file(path), HasSubstr("pixel_size=0.0123 1/nm"));
  EXPECT_FLOAT_EQ(value_at<float>(samples::read_file(path), 84), 2.9f);  // mean of the finite ones
}

TEST_F(MrcWriterTest, RefusesTypesThatMrcHasNot) {
  for (const auto type : {stream::U1, stream::U4, stream::I4, stream::F8}) {
    try {
      MrcWriter writer(folder_ / "out.mrc", series(type), 0);
      ADD_FAILURE() << type;
    } catch (const UserError& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr("out.mrc"), HasSubstr("TIFF")));
    }
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out.mrc.partial"));
}

TEST_F(MrcWriterTest, LeavesNothingBehindWhenItIsNotClosed) {
  const stream::SeriesStart start = series(stream::U2);
  {
    MrcWriter writer(folder_ / "out.mrc", start, 2);
    writer.add(frame_of<std::uint16_t>(pool_, start, {1, 2, 3, 4, 5, 6}));
    EXPECT_TRUE(std::filesystem::exists(folder_ / "out.mrc.partial"));
    EXPECT_THROW(writer.close(), std::runtime_error);  // one frame of two
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out.mrc.partial"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out.mrc"));
}

TEST_F(MrcWriterTest, SaysWhyAFileCannotBeWritten) {
  const stream::SeriesStart start = series(stream::U2);
  try {
    MrcWriter writer(folder_ / "missing" / "out.mrc", start, 2);
    ADD_FAILURE();
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("missing/out.mrc"), HasSubstr("No such file"), HasSubstr("; ")));
  }
  stream::SeriesStart larger = start;
  larger.mutable_camera()->set_rows(1);
  MrcWriter writer(folder_ / "out.mrc", larger, 0);
  EXPECT_THROW(writer.add(frame_of<std::uint16_t>(pool_, start, {1, 2, 3, 4, 5, 6})), std::runtime_error);
  EXPECT_THROW(writer.close(), std::runtime_error);
}

}  // namespace
}  // namespace glasswatch
