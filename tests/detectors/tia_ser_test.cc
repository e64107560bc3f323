#include "detectors/tia_ser/tia_ser.h"

#include <gmock/gmock.h>

#include <cmath>

#include "tests/detectors/sample_files.h"

namespace glasswatch {
namespace {

using samples::bytes_of;
using samples::input_error_of;
using samples::read_frame;
using samples::ser_file;
using samples::SerSample;
using testing::ElementsAre;
using testing::HasSubstr;

class TiaTest : public testing::Test {
 protected:
  std::unique_ptr<Recording> open(const SerSample& sample, const RecordingSettings& settings = {}) {
    return open_recording(folder_.write("series_1.ser", ser_file(sample)), settings);
  }
  std::string error_of(const SerSample& sample) {
    return input_error_of([&] { open(sample); });
  }
  static SerSample two_frames() {
    SerSample sample;
    sample.rows = 3;
    sample.columns = 2;
    sample.elements = {bytes_of<std::int16_t>({1, 2, 3, 4, 5, -6}),
                       bytes_of<std::int16_t>({7, 8, 9, 10, 11, 12})};
    sample.times_s = {1'456'073'345, 1'456'073'349};
    return sample;
  }
  samples::TemporaryFolder folder_;
};

TEST_F(TiaTest, PutsTheTopRowFirst) {
  for (const std::uint16_t version : {std::uint16_t{0x0210}, std::uint16_t{0x0220}}) {
    SerSample sample = two_frames();
    sample.version = version;
    const auto recording = open(sample);
    ASSERT_EQ(recording->frame_count(), 2u);
    EXPECT_THAT(read_frame<std::int16_t>(*recording, 1).pixels, ElementsAre(11, 12, 9, 10, 7, 8));
    EXPECT_THAT(read_frame<std::int16_t>(*recording, 0).pixels, ElementsAre(5, -6, 3, 4, 1, 2));
  }
}

TEST_F(TiaTest, ReadsEveryRealType) {
  const std::vector<PixelType> types = {PixelType::kU1, PixelType::kU2, PixelType::kU4, PixelType::kI1,
                                        PixelType::kI2, PixelType::kI4, PixelType::kF4, PixelType::kF8};
  for (std::size_t i = 0; i < types.size(); ++i) {
    SerSample sample = two_frames();
    sample.data_type = static_cast<std::uint16_t>(i + 1);
    sample.rows = 1;
    std::string pixels;
    for (std::size_t byte = 0; byte < 2 * bytes_per_pixel(types[i]); ++byte)
      pixels += static_cast<char>(byte + 3);
    sample.elements = {pixels, pixels};
    const auto recording = open(sample);
    const auto frame = read_frame<char>(*recording, 1);
    EXPECT_EQ(frame.info.pixel_type, types[i]);
    EXPECT_EQ(std::string(frame.pixels.begin(), frame.pixels.end()), pixels);
  }
}

TEST_F(TiaTest, StampsAreWholeSecondsAndSaySo) {
  RecordingSettings settings;
  settings.exposure_s = 2;
  const auto recording = open(two_frames(), settings);
  const FrameInfo info = read_frame<std::int16_t>(*recording, 1).info;
  EXPECT_EQ(info.exposure_end_utc_ns, 1'456'073'349'500'000'000);
  EXPECT_EQ(info.exposure_start_utc_ns, 1'456'073'347'500'000'000);
  EXPECT_NEAR(static_cast<double>(info.exposure_sigma_ns), 1e9 / std::sqrt(12.0), 1);
  EXPECT_EQ(info.flags, 0u);
  EXPECT_DOUBLE_EQ(recording->start().timing().frame_period_s(), 4);
  EXPECT_FALSE(recording->start().timing().times_assumed());

  settings.stamp_reference = stream::EXPOSURE_START;
  EXPECT_EQ(read_frame<std::int16_t>(*open(two_frames(), settings), 0).info.exposure_start_utc_ns,
            1'456'073'345'500'000'000);
  settings.stamp_reference = stream::EXPOSURE_MIDDLE;
  EXPECT_EQ(read_frame<std::int16_t>(*open(two_frames(), settings), 0).info.exposure_start_utc_ns,
            1'456'073'344'500'000'000);
}

TEST_F(TiaTest, WithoutTagTimesTheSettingsServe) {
  SerSample sample = two_frames();
  sample.times_s = {0, 0};
  RecordingSettings settings;
  settings.frame_period_s = 3;
  settings.start_utc_ns = 10;
  const auto recording = open(sample, settings);
  EXPECT_TRUE(recording->start().timing().times_assumed());
  const FrameInfo info = read_frame<std::int16_t>(*recording, 1).info;
  EXPECT_EQ(info.exposure_start_utc_ns, 3'000'000'010);
  EXPECT_EQ(info.exposure_end_utc_ns, 6'000'000'010);
  EXPECT_EQ(info.flags, kFlagTimeAssumed);
}

TEST_F(TiaTest, TellsImagesFromDiffractionByTheCalibration) {
  SerSample sample = two_frames();
  EXPECT_DOUBLE_EQ(open(sample)->start().optics().pixel_size(), 0.2);
  EXPECT_EQ(open(sample)->start().optics().pixel_unit(), "nm");
  sample.pixel_delta = 1.5e7;
  EXPECT_DOUBLE_EQ(open(sample)->start().optics().pixel_size(), 0.015);
  EXPECT_EQ(open(sample)->start().optics().mode(), stream::DIFFRACTION);
  sample.pixel_delta = 1;
  EXPECT_FALSE(open(sample)->start().optics().has_pixel_size());
}

TEST_F(TiaTest, ReadsStoppedScans) {
  SerSample sample = two_frames();
  sample.planned = 6;
  sample.dimensions = {3, 2};
  sample.elements.resize(4, sample.elements[0]);
  sample.times_s.resize(4, 1'456'073'350);
  const auto recording = open(sample);
  ASSERT_EQ(recording->frame_count(), 4u);
  EXPECT_EQ(recording->start().scan().rows(), 2u);
  EXPECT_EQ(recording->start().scan().columns(), 3u);
  EXPECT_DOUBLE_EQ(recording->start().scan().step_nm(), 3);
  const FrameInfo info = read_frame<std::int16_t>(*recording, 3).info;
  EXPECT_EQ(info.scan_row, 1);
  EXPECT_EQ(info.scan_column, 0);
}

TEST_F(TiaTest, RefusesWhatItCannotRead) {
  SerSample sample = two_frames();
  sample.element_kind = 0x4120;
  EXPECT_THAT(error_of(sample), HasSubstr("1-D"));
  sample = two_frames();
  sample.version = 0x0230;
  EXPECT_THAT(error_of(sample), HasSubstr("version 0x230"));
  sample = two_frames();
  sample.data_type = 9;
  EXPECT_THAT(error_of(sample), HasSubstr("data type 9"));
  sample = two_frames();
  sample.rows = 70000;
  EXPECT_THAT(error_of(sample), HasSubstr("70000 rows"));
  sample = two_frames();
  sample.elements.clear();
  EXPECT_THAT(error_of(sample), HasSubstr("0 valid elements"));
  sample = two_frames();
  sample.rows = 300;  // more pixels than the file holds
  EXPECT_THAT(error_of(sample), HasSubstr("truncated"));
}

TEST_F(TiaTest, NamesTheByteWhereATruncatedFileEnds) {
  const std::string bytes = ser_file(two_frames());
  const auto path = folder_.write("cut.ser", bytes.substr(0, bytes.size() - 3));
  EXPECT_THAT(input_error_of([&] { open_recording(path, {}); }),
              testing::AllOf(HasSubstr("cut.ser"), HasSubstr("byte "), HasSubstr("truncated")));
}

}  // namespace
}  // namespace glasswatch
