#include "detectors/hyperspy/hyperspy.h"

#include <gmock/gmock.h>

#include "tests/detectors/sample_files.h"

namespace glasswatch {
namespace {

using samples::bytes_of;
using samples::Hdf5Type;
using samples::HyperspySample;
using samples::input_error_of;
using samples::read_frame;
using testing::ElementsAre;
using testing::HasSubstr;

class HyperspyTest : public testing::Test {
 protected:
  std::unique_ptr<Recording> open(const HyperspySample& sample, const RecordingSettings& settings = {}) {
    // A new name each time: HDF5 does not overwrite a file that a recording still has open.
    const auto path = folder_ / ("series" + std::to_string(files_++) + ".hspy");
    samples::write_hyperspy(path, sample);
    return open_recording(path, settings);
  }
  template <typename T>
  static std::vector<T> counting(std::size_t count, int first) {
    std::vector<T> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<T>(first + static_cast<int>(i));
    return values;
  }
  samples::TemporaryFolder folder_;
  int files_ = 0;
};

TEST_F(HyperspyTest, ReadsOneCalibratedImage) {
  HyperspySample sample;
  sample.data = {Hdf5Type::kI2, {2, 3}, {}, 0, bytes_of(counting<std::int16_t>(6, -3))};
  sample.axes = {{0.5, "nm", false}, {0.5, "nm", false}};
  const auto recording = open(sample);
  EXPECT_EQ(recording->frame_count(), 1u);
  EXPECT_THAT(read_frame<std::int16_t>(*recording, 0).pixels, ElementsAre(-3, -2, -1, 0, 1, 2));
  EXPECT_DOUBLE_EQ(recording->start().optics().pixel_size(), 0.5);
  EXPECT_EQ(recording->start().optics().mode(), stream::IMAGE);
}

TEST_F(HyperspyTest, ReadsStacksWithAPeriodOfTheirOwn) {
  HyperspySample sample;
  sample.data = {Hdf5Type::kF4, {3, 1, 2}, {1, 1, 2}, 4, bytes_of(counting<float>(6, 10))};
  sample.axes = {{250, "ms", true}, {0.02, "1 / nm", false}, {0.2, "$A^{-1}$", false}};
  sample.date = "2023-05-12";
  sample.time = "09:00:01";
  sample.time_zone = "UTC";
  auto recording = open(sample);
  auto frame = read_frame<float>(*recording, 2);
  EXPECT_THAT(frame.pixels, ElementsAre(14, 15));
  EXPECT_EQ(frame.info.exposure_start_utc_ns, 1'683'882'001'500'000'000);
  EXPECT_EQ(frame.info.flags, kFlagTimeAssumed);
  EXPECT_DOUBLE_EQ(recording->start().optics().pixel_size(), 2);  // 0.2 per angstrom
  EXPECT_EQ(recording->start().optics().pixel_unit(), "1/nm");

  RecordingSettings settings;
  settings.frame_period_s = 2;
  settings.start_utc_ns = 0;
  recording = open(sample, settings);
  EXPECT_EQ(read_frame<float>(*recording, 2).info.exposure_start_utc_ns, 4'000'000'000);
}

TEST_F(HyperspyTest, ReadsScansWhoseChunksSpanPositions) {
  HyperspySample sample;
  sample.data = {Hdf5Type::kU2, {2, 3, 2, 2}, {2, 2, 1, 2}, 1, bytes_of(counting<std::uint16_t>(24, 65500))};
  sample.axes = {{1.5, "nm", true}, {1.5, "nm", true}, {0.01, "1/nm", false}, {0.01, "1/nm", false}};
  const auto recording = open(sample);
  ASSERT_EQ(recording->frame_count(), 6u);
  const auto frame = read_frame<std::uint16_t>(*recording, 5);
  EXPECT_THAT(frame.pixels, ElementsAre(65520, 65521, 65522, 65523));
  EXPECT_EQ(frame.info.scan_row, 1);
  EXPECT_EQ(frame.info.scan_column, 2);
  EXPECT_THAT(read_frame<std::uint16_t>(*recording, 1).pixels, ElementsAre(65504, 65505, 65506, 65507));
  EXPECT_DOUBLE_EQ(recording->start().scan().step_nm(), 1.5);
}

TEST_F(HyperspyTest, Narrows64BitIntegersAndReadsBooleans) {
  HyperspySample sample;
  sample.data = {Hdf5Type::kI8, {1, 2}, {}, 0, bytes_of<std::int64_t>({-48649, 1078531})};
  EXPECT_THAT(read_frame<std::int32_t>(*open(sample), 0).pixels, ElementsAre(-48649, 1078531));
  sample.data.data = bytes_of<std::int64_t>({0, 4294967296});
  const auto recording = open(sample);
  EXPECT_THAT(input_error_of([&] { read_frame<std::int32_t>(*recording, 0); }),
              HasSubstr("value 4294967296"));
  sample.data = {Hdf5Type::kBool, {1, 3}, {}, 0, std::string("\1\0\1", 3)};
  EXPECT_THAT(read_frame<std::uint8_t>(*open(sample), 0).pixels, ElementsAre(1, 0, 1));
}

TEST_F(HyperspyTest, ImplausibleCalibrationIsLeftOutAndSaid) {
  HyperspySample sample;
  sample.data = {Hdf5Type::kU1, {1, 2}, {}, 0, "ab"};
  sample.axes = {{7.8e-20, "1 / nm", false}, {7.8e-20, "1 / nm", false}};
  const auto recording = open(sample);
  EXPECT_FALSE(recording->start().optics().has_pixel_size());
  EXPECT_THAT(recording->start().identity().note(), HasSubstr("calibration"));
}

TEST_F(HyperspyTest, RefusesSpectraAndOtherRanks) {
  HyperspySample sample;
  sample.data = {Hdf5Type::kF4, {2, 2, 2}, {}, 0, std::string(32, '\0')};
  sample.axes = {{1, "nm", true}, {1, "nm", true}, {1, "eV", false}};
  EXPECT_THAT(input_error_of([&] { open(sample); }), HasSubstr("axis-1: navigate is 1"));
  sample.axes.clear();
  sample.data.dims = {8};
  EXPECT_THAT(input_error_of([&] { open(sample); }), HasSubstr("1 dimensions"));
}

}  // namespace
}  // namespace glasswatch
