#include "detectors/numpy/numpy.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "detectors/numpy/mask.h"
#include "tests/detectors/sample_files.h"

namespace glasswatch {
namespace {

using samples::bytes_of;
using samples::input_error_of;
using samples::npy_file;
using samples::read_frame;
using testing::ElementsAre;
using testing::HasSubstr;

class NumpyTest : public testing::Test {
 protected:
  std::unique_ptr<Recording> open(const std::string& bytes, const RecordingSettings& settings = {}) {
    return open_recording(folder_.write("array.npy", bytes), settings);
  }
  std::string error_of(const std::string& bytes) {
    return input_error_of([&] {
      const auto recording = open(bytes);
      read_frame<std::uint8_t>(*recording, 0);
    });
  }
  samples::TemporaryFolder folder_;
};

TEST_F(NumpyTest, ReadsOneImageWithNegativeValues) {
  const std::vector<std::int16_t> values = {-10, 7, 0, 32767, -32768, 5};
  const auto recording = open(npy_file("<i2", "(2, 3)", bytes_of(values)));
  EXPECT_EQ(recording->frame_count(), 1u);
  EXPECT_EQ(recording->start().camera().rows(), 2u);
  EXPECT_EQ(recording->start().camera().columns(), 3u);
  EXPECT_EQ(recording->start().source_mode(), stream::REPLAY);
  EXPECT_EQ(recording->start().clock().kind(), stream::RECORDED_CLOCK);
  EXPECT_FALSE(recording->start().has_scan());
  const auto frame = read_frame<std::int16_t>(*recording, 0);
  EXPECT_EQ(frame.pixels, values);
  EXPECT_EQ(frame.info.pixel_type, PixelType::kI2);
  EXPECT_EQ(frame.info.scan_row, -1);
}

TEST_F(NumpyTest, ReadsStacksInAnyOrderWithTimesOfTheSettings) {
  std::vector<float> values(3 * 2 * 2);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) - 0.5f;
  values[5] = std::numeric_limits<float>::quiet_NaN();
  RecordingSettings settings;
  settings.frame_period_s = 5;
  settings.exposure_s = 4;
  settings.start_utc_ns = 1'683'882'000'000'000'000;
  const auto recording = open(npy_file("<f4", "(3, 2, 2)", bytes_of(values), 2), settings);
  ASSERT_EQ(recording->frame_count(), 3u);
  EXPECT_TRUE(recording->start().timing().times_assumed());
  EXPECT_DOUBLE_EQ(recording->start().timing().dead_time_s(), 1);
  const auto last = read_frame<float>(*recording, 2);
  EXPECT_THAT(last.pixels, ElementsAre(7.5f, 8.5f, 9.5f, 10.5f));
  EXPECT_EQ(last.info.sequence, 2u);
  EXPECT_EQ(last.info.exposure_start_utc_ns, 1'683'882'010'000'000'000);
  EXPECT_EQ(last.info.exposure_end_utc_ns, 1'683'882'014'000'000'000);
  EXPECT_EQ(last.info.flags, kFlagTimeAssumed);
  const auto middle = read_frame<float>(*recording, 1);
  EXPECT_TRUE(std::isnan(middle.pixels[1]));
  EXPECT_EQ(middle.pixels[0], 3.5f);
}

TEST_F(NumpyTest, ReadsScansRowByRow) {
  std::vector<std::uint16_t> values(2 * 3 * 1 * 2);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::uint16_t>(65535 - i);
  const auto recording = open(npy_file("<u2", "(2, 3, 1, 2)", bytes_of(values), 3));
  ASSERT_EQ(recording->frame_count(), 6u);
  EXPECT_EQ(recording->start().scan().rows(), 2u);
  EXPECT_EQ(recording->start().scan().columns(), 3u);
  const auto frame = read_frame<std::uint16_t>(*recording, 5);
  EXPECT_THAT(frame.pixels, ElementsAre(65525, 65524));
  EXPECT_EQ(frame.info.scan_row, 1);
  EXPECT_EQ(frame.info.scan_column, 2);
}

TEST_F(NumpyTest, ReadsEveryPlainType) {
  const std::vector<std::pair<std::string, PixelType>> types = {
      {"|u1", PixelType::kU1}, {"|b1", PixelType::kU1}, {"<u2", PixelType::kU2},
      {"<u4", PixelType::kU4}, {"|i1", PixelType::kI1}, {"<i2", PixelType::kI2},
      {"<i4", PixelType::kI4}, {"<f4", PixelType::kF4}, {"<f8", PixelType::kF8}};
  for (const auto& [dtype, type] : types) {
    std::string data;
    for (std::size_t i = 0; i < 2 * bytes_per_pixel(type); ++i) data += static_cast<char>(i + 1);
    const auto recording = open(npy_file(dtype, "(1, 2)", data));
    const auto frame = read_frame<char>(*recording, 0);
    EXPECT_EQ(frame.info.pixel_type, type) << dtype;
    EXPECT_EQ(std::string(frame.pixels.begin(), frame.pixels.end()), data) << dtype;
  }
}

TEST_F(NumpyTest, Narrows64BitIntegersThatFit) {
  const std::vector<std::int64_t> fits = {-2147483648LL, 2147483647LL};
  EXPECT_THAT(read_frame<std::int32_t>(*open(npy_file("<i8", "(1, 2)", bytes_of(fits))), 0).pixels,
              ElementsAre(-2147483647 - 1, 2147483647));
  const std::vector<std::uint64_t> unsigned_fits = {0, 2147483647ULL};
  EXPECT_THAT(read_frame<std::int32_t>(*open(npy_file("<u8", "(1, 2)", bytes_of(unsigned_fits))), 0).pixels,
              ElementsAre(0, 2147483647));
}

TEST_F(NumpyTest, NamesThe64BitValueThatDoesNotFit) {
  const std::vector<std::int64_t> low = {0, 0, 0, -2147483649LL};
  EXPECT_THAT(error_of(npy_file("<i8", "(2, 2)", bytes_of(low))),
              HasSubstr("row 1, column 1: value -2147483649"));
  const std::vector<std::uint64_t> high = {18446744073709551615ULL};
  EXPECT_THAT(error_of(npy_file("<u8", "(1, 1)", bytes_of(high))), HasSubstr("value 18446744073709551615"));
}

TEST_F(NumpyTest, RefusesWhatItCannotReadAndSaysWhatToDo) {
  const std::string data(64, '\0');
  EXPECT_THAT(error_of(npy_file(">i2", "(2, 2)", data)), HasSubstr("big-endian"));
  EXPECT_THAT(error_of(npy_file("<i2", "(2, 2)", data, 1, "True")), HasSubstr("ascontiguousarray"));
  EXPECT_THAT(error_of(npy_file("<c8", "(2, 2)", data)), HasSubstr("descr"));
  EXPECT_THAT(error_of(npy_file("<i2", "(4,)", data)), HasSubstr("1 dimensions"));
  EXPECT_THAT(error_of(npy_file("<i2", "(1, 1, 1, 2, 2)", data)), HasSubstr("5 dimensions"));
  EXPECT_THAT(error_of(npy_file("<i2", "(0, 2, 2)", data)), HasSubstr("0 frames"));
  EXPECT_THAT(error_of(npy_file("<i2", "(65537, 1)", data)), HasSubstr("65537 rows"));
  EXPECT_THAT(error_of(npy_file("<i2", "(4294967295, 65536, 65536)", data)), HasSubstr("any file"));
  EXPECT_THAT(error_of(npy_file("<i2", "(99999999999999999999, 2, 2)", data)), HasSubstr("shape"));
  EXPECT_THAT(error_of(npy_file("<i2", "(20, 2, 2)", data)), HasSubstr("8 whole frames of 20"));
  EXPECT_THAT(error_of(npy_file("<i2", "(2, 2)", data, 4)), HasSubstr("version 4"));
}

TEST_F(NumpyTest, RefusesSettingsOutOfRange) {
  const std::string bytes = npy_file("|u1", "(1, 1)", "x");
  for (const double period : {0.0, -1.0, 1e7, std::numeric_limits<double>::quiet_NaN()}) {
    RecordingSettings settings;
    settings.frame_period_s = period;
    EXPECT_THAT(input_error_of([&] { open(bytes, settings); }), HasSubstr("frame_period_s"));
  }
  RecordingSettings settings;
  settings.frame_period_s = 1;
  settings.start_utc_ns = std::numeric_limits<std::int64_t>::max();
  EXPECT_THAT(input_error_of([&] { open(bytes, settings); }), HasSubstr("start_utc"));
}

TEST_F(NumpyTest, MaskReadsBytesAndBooleans) {
  const MaskImage mask =
      read_mask(folder_.write("mask.npy", npy_file("|u1", "(2, 3)", std::string("\0\1\0\xFF\0\2", 6))));
  EXPECT_EQ(mask.rows, 2);
  EXPECT_EQ(mask.columns, 3);
  EXPECT_THAT(mask.ignore, ElementsAre(0, 1, 0, 1, 0, 1));
  EXPECT_THAT(read_mask(folder_.write("mask.npy", npy_file("|b1", "(1, 2)", std::string("\1\0", 2)))).ignore,
              ElementsAre(1, 0));
}

TEST_F(NumpyTest, MaskRefusesOtherArrays) {
  const auto error_of_mask = [&](const std::string& bytes) {
    return input_error_of([&] { read_mask(folder_.write("mask.npy", bytes)); });
  };
  EXPECT_THAT(error_of_mask(npy_file("<i2", "(1, 1)", "ab")), HasSubstr("a mask of u1 or bool"));
  EXPECT_THAT(error_of_mask(npy_file("|u1", "(1, 1, 1)", "a")), HasSubstr("a mask of u1 or bool"));
  EXPECT_THAT(error_of_mask(npy_file("|u1", "(2, 2)", "abc")), HasSubstr("ends before"));
  EXPECT_THAT(input_error_of([&] { read_mask(folder_ / "absent.npy"); }), HasSubstr("mask_path"));
}

TEST_F(NumpyTest, LabelsOfRegionsAreKeptAndOthersRefused) {
  const LabelImage image =
      read_labels(folder_.write("label.npy", npy_file("|u1", "(2, 2)", std::string("\0\1\2\1", 4))));
  EXPECT_EQ(image.rows, 2);
  EXPECT_EQ(image.columns, 2);
  EXPECT_THAT(image.label, ElementsAre(0, 1, 2, 1));
  const std::string three = npy_file("|u1", "(1, 2)", std::string("\1\3", 2));
  EXPECT_THAT(input_error_of([&] { read_labels(folder_.write("label.npy", three)); }),
              HasSubstr("the label 3"));
  EXPECT_THAT(input_error_of([&] { read_labels(folder_ / "absent.npy"); }), HasSubstr("ecm.label_path"));
}

}  // namespace
}  // namespace glasswatch
