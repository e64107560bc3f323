// Files as instruments wrote them. Expected numbers were read with h5py, NumPy and Python's struct, not with
// our code.
#include <gmock/gmock.h>

#include <algorithm>
#include <numeric>

#include "detectors/environment_log.h"
#include "detectors/numpy/mask.h"
#include "detectors/recording.h"
#include "tests/detectors/sample_files.h"

namespace glasswatch {
namespace {

using samples::read_frame;

#define REQUIRE_FILE(path) \
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no instrument files at " << (path)

std::filesystem::path data_file(const std::string& relative) {
  return std::filesystem::path(GLASSWATCH_SHARED_DIR) / "data" / relative;
}

template <typename T>
double sum(const std::vector<T>& pixels) {
  return std::accumulate(pixels.begin(), pixels.end(), 0.0);
}

TEST(InstrumentFiles, VeloxSeriesHasTheTimesOfItsFrames) {
  const auto path = data_file("instrument/velox8_ceta_stack_metadata.emd");
  REQUIRE_FILE(path);
  const auto recording = open_recording(path, {});
  ASSERT_EQ(recording->frame_count(), 2u);
  const auto first = read_frame<std::int16_t>(*recording, 0);
  const auto second = read_frame<std::int16_t>(*recording, 1);
  EXPECT_THAT(first.pixels, testing::ElementsAre(0, 2, 4, 6, 8, 10, 12, 14, 16));
  EXPECT_THAT(second.pixels, testing::ElementsAre(1, 3, 5, 7, 9, 11, 13, 15, 17));
  EXPECT_EQ(first.info.exposure_end_utc_ns, 1'575'540'226'238'991'000);
  EXPECT_EQ(second.info.exposure_end_utc_ns, 1'575'540'227'038'967'000);
  EXPECT_EQ(first.info.exposure_end_utc_ns - first.info.exposure_start_utc_ns, 800'000'000);
  EXPECT_EQ(first.info.device_frame_id, 0);
  EXPECT_EQ(second.info.device_frame_id, 1);
  EXPECT_EQ(first.info.flags, 0u);
  // The header's start, 1575540224 s, is 2.24 s early: 0.75 K at 20 K/min.
  EXPECT_NEAR(static_cast<double>(first.info.exposure_end_utc_ns) * 1e-9 - 1575540224, 2.24, 0.01);
  EXPECT_THAT(recording->start().identity().note(), testing::HasSubstr("2239 ms before the first stamp"));
  const stream::Camera& camera = recording->start().camera();
  EXPECT_EQ(camera.name(), "BM-Ceta");
  EXPECT_EQ(camera.readout_area(), "Full");
  EXPECT_DOUBLE_EQ(camera.saturation_point_counts(), 8425);
  EXPECT_DOUBLE_EQ(camera.max_pixel_value_counts(), 11913);
  EXPECT_NEAR(camera.counts_per_electron(), 1 / 0.835766, 1e-12);
  EXPECT_NEAR(recording->start().optics().pixel_size(), 0.0081728831922978511, 1e-12);
  EXPECT_NEAR(recording->start().stage().alpha_deg(), -12.58637, 1e-5);
}

TEST(InstrumentFiles, VeloxImageIsDiffractionWithNegativePixels) {
  const auto path = data_file("instrument/velox_ceta_titan_diffraction_512.emd");
  REQUIRE_FILE(path);
  const auto recording = open_recording(path, {});
  const auto frame = read_frame<std::int16_t>(*recording, 0);
  EXPECT_EQ(frame.info.rows, 512);
  EXPECT_EQ(frame.info.columns, 512);
  EXPECT_EQ(frame.pixels[0 * 512 + 1], -5);
  EXPECT_EQ(frame.pixels[1 * 512 + 0], -8);
  EXPECT_EQ(frame.pixels[100 * 512 + 37], -2);
  EXPECT_EQ(frame.pixels[37 * 512 + 100], -1);
  EXPECT_EQ(*std::min_element(frame.pixels.begin(), frame.pixels.end()), -10);
  EXPECT_EQ(*std::max_element(frame.pixels.begin(), frame.pixels.end()), 7);
  EXPECT_EQ(sum(frame.pixels), -404955);
  EXPECT_EQ(frame.info.exposure_end_utc_ns, 1'596'041'327'319'463'000);
  const stream::SeriesStart& start = recording->start();
  EXPECT_EQ(start.camera().binning(), 8u);
  EXPECT_EQ(start.camera().readout_area(), "Full");
  EXPECT_EQ(start.optics().mode(), stream::DIFFRACTION);
  EXPECT_NEAR(start.optics().pixel_size(), 0.11442968019923936, 1e-12);
  EXPECT_DOUBLE_EQ(start.optics().camera_length_m(), 0.378);
  EXPECT_DOUBLE_EQ(start.timing().exposure_s(), 0.4);
}

TEST(InstrumentFiles, TiaImageHasItsTopRowFirst) {
  const auto path = data_file("instrument/tia_diffraction_ring_beamstop_64.ser");
  REQUIRE_FILE(path);
  const auto recording = open_recording(path, {});
  const auto frame = read_frame<float>(*recording, 0);
  EXPECT_FLOAT_EQ(frame.pixels[0], -446.08325f);
  EXPECT_FLOAT_EQ(frame.pixels[63], 237.7345f);
  EXPECT_FLOAT_EQ(frame.pixels[63 * 64], -402.69934f);
  EXPECT_FLOAT_EQ(frame.pixels[10 * 64 + 20], 46.082108f);
  EXPECT_NEAR(sum(frame.pixels), 51634.980297505856, 1e-6);
  EXPECT_EQ(frame.info.exposure_end_utc_ns, 1'456'073'486'500'000'000);
  EXPECT_NEAR(recording->start().optics().pixel_size(), 0.10157199619555664, 1e-12);
  EXPECT_EQ(recording->start().optics().pixel_unit(), "1/nm");
}

TEST(InstrumentFiles, TiaSeriesHasFiveFrames) {
  const auto path = data_file("instrument/tia_tem_preview_64x5.ser");
  REQUIRE_FILE(path);
  const auto recording = open_recording(path, {});
  ASSERT_EQ(recording->frame_count(), 5u);
  const double sums[] = {8574644.73147583, 8575446.547546387, 8579929.747131348, 8580666.21939087,
                         8579774.302154541};
  const float first_pixels[] = {2624.097f, 2541.735f, 2410.2f, 2512.5083f, 2446.9595f};
  for (std::uint64_t i = 5; i-- > 0;) {
    const auto frame = read_frame<float>(*recording, i);
    EXPECT_NEAR(sum(frame.pixels), sums[i], 1e-5);
    EXPECT_FLOAT_EQ(frame.pixels[0], first_pixels[i]);
  }
  EXPECT_NEAR(recording->start().optics().pixel_size(), 6.281833616298531, 1e-12);
}

TEST(InstrumentFiles, HyperspyPatternEqualsItsNumpyCopy) {
  const auto path = data_file("amorphous_titan_real/Amorphous.hspy");
  REQUIRE_FILE(path);
  const auto recording = open_recording(path, {});
  const auto frame = read_frame<std::int32_t>(*recording, 0);
  EXPECT_EQ(frame.pixels[249 * 512 + 305], 650);
  EXPECT_EQ(frame.pixels[0], -1183);
  EXPECT_EQ(frame.pixels[511 * 512 + 511], -694);
  EXPECT_EQ(*std::min_element(frame.pixels.begin(), frame.pixels.end()), -48649);
  EXPECT_EQ(*std::max_element(frame.pixels.begin(), frame.pixels.end()), 1078531);
  EXPECT_EQ(sum(frame.pixels), 23312957099.0);
  const auto copy = open_recording(data_file("amorphous_titan_real/image.npy"), {});
  EXPECT_EQ(read_frame<std::int32_t>(*copy, 0).pixels, frame.pixels);
  EXPECT_DOUBLE_EQ(recording->start().optics().high_tension_kv(), 200);
  EXPECT_NEAR(recording->start().stage().x_um(), 267.356, 1e-9);
  EXPECT_FALSE(recording->start().optics().has_pixel_size());  // 7.8e-20 per nm in the file
}

TEST(InstrumentFiles, MaskAndScanOfNumpy) {
  const auto path = data_file("amorphous_titan_real/pixel_mask.npy");
  REQUIRE_FILE(path);
  const MaskImage mask = read_mask(path);
  EXPECT_EQ(mask.rows, 512);
  EXPECT_EQ(sum(mask.ignore), 203760);
  const auto scan = open_recording(data_file("nbd_from_measured_atoms/scan.npy"), {});
  ASSERT_EQ(scan->frame_count(), 100u);
  const auto frame = read_frame<std::uint16_t>(*scan, 37);
  EXPECT_EQ(frame.info.scan_row, 3);
  EXPECT_EQ(frame.info.scan_column, 7);
  EXPECT_EQ(sum(frame.pixels), 3110660);
}

double temperature_sum(const EnvironmentLog& log) {
  double total = 0;
  for (const auto& sample : log.samples) total += sample.temperature_c();
  return total;
}

TEST(InstrumentFiles, ProtochipsRamp) {
  const auto path = data_file("instrument/protochips_thermal.csv");
  REQUIRE_FILE(path);
  const EnvironmentLog log = read_environment_log(path, {});
  ASSERT_EQ(log.samples.size(), 2587u);
  constexpr std::int64_t kStart = 1'417'626'937'192'000'000;  // 2014-12-03 17:15:37.192
  EXPECT_EQ(log.samples.front().time_utc_ns(), kStart);
  EXPECT_EQ(log.samples[1000].time_utc_ns(), kStart + 99'049'000'000);
  EXPECT_DOUBLE_EQ(log.samples[1000].temperature_c(), 119.701);
  EXPECT_EQ(log.samples.back().time_utc_ns(), kStart + 257'649'000'000);
  EXPECT_NEAR(temperature_sum(log), 214672.034, 1e-6);
  EXPECT_DOUBLE_EQ(log.start.nominal_period_s(), 0.1);
  EXPECT_EQ(log.start.identity().operator_(), "user");
}

TEST(InstrumentFiles, ProtochipsWithAnElectricalChannel) {
  const auto path = data_file("instrument/protochips_electrothermal.csv");
  REQUIRE_FILE(path);
  const EnvironmentLog log = read_environment_log(path, {});
  ASSERT_EQ(log.samples.size(), 6406u);
  EXPECT_DOUBLE_EQ(log.samples[1000].temperature_c(), 60.95);
  EXPECT_EQ(log.samples.back().time_utc_ns() - log.samples.front().time_utc_ns(), 639'585'000'000);
  EXPECT_NEAR(temperature_sum(log), 1018652.1354999989, 1e-5);
  EXPECT_FALSE(log.samples.back().has_heater_current_a());  // channel B is the sample's, not the heater's
}

TEST(InstrumentFiles, ImpulseRawAndSynchronized) {
  const auto path = data_file("instrument/impulse_heat_raw.csv");
  REQUIRE_FILE(path);
  const EnvironmentLog log = read_environment_log(path, {});
  ASSERT_EQ(log.samples.size(), 778u);
  EXPECT_EQ(log.samples.front().time_utc_ns(), 1'628'257'225'811'000'000);  // 2021-08-06 13:40:25.811
  EXPECT_DOUBLE_EQ(log.samples.front().temperature_c(), 1.05);
  EXPECT_EQ(log.samples.back().time_utc_ns(), 1'628'257'623'239'000'000);
  EXPECT_NEAR(temperature_sum(log), 229123.165807, 1e-5);
  EXPECT_EQ(log.start.identity().sample(), "Gold");
  const EnvironmentLog synchronized =
      read_environment_log(data_file("instrument/impulse_synchronized.csv"), {});
  ASSERT_EQ(synchronized.samples.size(), 775u);
  EXPECT_EQ(synchronized.samples.front().time_utc_ns(), 1'628'257'226'849'000'000);
  EXPECT_NEAR(temperature_sum(synchronized), 229095.552737, 1e-5);
}

}  // namespace
}  // namespace glasswatch
