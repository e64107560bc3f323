#include "detectors/velox_emd/velox_emd.h"

#include <gmock/gmock.h>

#include "tests/detectors/sample_files.h"

namespace glasswatch {
namespace {

using samples::bytes_of;
using samples::Hdf5Type;
using samples::input_error_of;
using samples::read_frame;
using samples::velox_json;
using samples::VeloxColumn;
using samples::VeloxSample;
using testing::ElementsAre;
using testing::HasSubstr;

class VeloxTest : public testing::Test {
 protected:
  // Two rows, three columns, four frames: pixel (r, c) of frame f is 100 f + 10 r + c - 150.
  template <typename T>
  static VeloxSample four_frames(Hdf5Type type, std::uint64_t depth, unsigned deflate = 0) {
    VeloxSample sample;
    std::vector<T> values;
    for (int row = 0; row < 2; ++row) {
      for (int column = 0; column < 3; ++column) {
        for (int frame = 0; frame < 4; ++frame) {
          values.push_back(
              static_cast<T>(100 * frame + 10 * row + column - (type == Hdf5Type::kU2 ? 0 : 150)));
        }
      }
    }
    sample.pixels = {type, {2, 3, 4}, {2, 3, depth}, deflate, bytes_of(values)};
    const char* stamps_us[] = {"1575540226238991", "1575540227038967", "1575540227838950",
                               "1575540230838950"};
    for (int frame = 0; frame < 4; ++frame) {
      VeloxColumn column;
      column.stamp_us = stamps_us[frame];
      column.frame_id = 40 + frame;
      column.start_s = "1575540224";
      sample.metadata.push_back(velox_json(column));
    }
    return sample;
  }

  std::unique_ptr<Recording> open(const std::vector<VeloxSample>& images,
                                  const RecordingSettings& settings = {}) {
    // A new name each time: HDF5 does not overwrite a file that a recording still has open.
    const auto path = folder_ / ("series" + std::to_string(files_++) + ".emd");
    samples::write_velox(path, images);
    return open_recording(path, settings);
  }
  samples::TemporaryFolder folder_;
  int files_ = 0;
};

TEST_F(VeloxTest, TransposesFramesFromTheLastAxisWhateverTheChunks) {
  for (const std::uint64_t depth : {1, 2, 3, 4}) {
    for (const unsigned deflate : {0u, 6u}) {
      const auto recording = open({four_frames<std::int16_t>(Hdf5Type::kI2, depth, deflate)});
      ASSERT_EQ(recording->frame_count(), 4u);
      EXPECT_THAT(read_frame<std::int16_t>(*recording, 3).pixels, ElementsAre(150, 151, 152, 160, 161, 162))
          << depth;
      EXPECT_THAT(read_frame<std::int16_t>(*recording, 0).pixels,
                  ElementsAre(-150, -149, -148, -140, -139, -138));
      EXPECT_THAT(read_frame<std::int16_t>(*recording, 2).pixels, ElementsAre(50, 51, 52, 60, 61, 62))
          << depth;
    }
  }
}

TEST_F(VeloxTest, ReadsOtherPixelTypesAndContiguousArrays) {
  EXPECT_THAT(read_frame<std::uint16_t>(*open({four_frames<std::uint16_t>(Hdf5Type::kU2, 1)}), 3).pixels,
              ElementsAre(300, 301, 302, 310, 311, 312));
  EXPECT_THAT(read_frame<float>(*open({four_frames<float>(Hdf5Type::kF4, 4)}), 1).pixels,
              ElementsAre(-50, -49, -48, -40, -39, -38));
  VeloxSample sample = four_frames<double>(Hdf5Type::kF8, 1);
  sample.pixels.chunk.clear();
  EXPECT_THAT(read_frame<double>(*open({sample}), 2).pixels, ElementsAre(50, 51, 52, 60, 61, 62));
}

TEST_F(VeloxTest, EveryFrameHasItsOwnTime) {
  const auto recording = open({four_frames<std::int16_t>(Hdf5Type::kI2, 1)});
  const FrameInfo first = read_frame<std::int16_t>(*recording, 0).info;
  EXPECT_EQ(first.exposure_end_utc_ns, 1'575'540'226'238'991'000);
  EXPECT_EQ(first.exposure_start_utc_ns, 1'575'540'225'738'991'000);
  EXPECT_EQ(first.device_frame_id, 40);
  EXPECT_EQ(first.flags, 0u);
  EXPECT_EQ(read_frame<std::int16_t>(*recording, 3).info.exposure_end_utc_ns, 1'575'540'230'838'950'000);
  const stream::Timing& timing = recording->start().timing();
  EXPECT_EQ(timing.start_utc_ns(), first.exposure_start_utc_ns);
  EXPECT_NEAR(timing.frame_period_s(), 0.799983, 1e-9);  // the median of .799976, .799983 and 3 s
  EXPECT_FALSE(timing.times_assumed());
}

TEST_F(VeloxTest, StampReferenceIsASetting) {
  RecordingSettings settings;
  settings.stamp_reference = stream::EXPOSURE_START;
  const auto recording = open({four_frames<std::int16_t>(Hdf5Type::kI2, 1)}, settings);
  const FrameInfo info = read_frame<std::int16_t>(*recording, 0).info;
  EXPECT_EQ(info.exposure_start_utc_ns, 1'575'540'226'238'991'000);
  EXPECT_EQ(info.exposure_end_utc_ns, 1'575'540'226'738'991'000);
  EXPECT_EQ(recording->start().timing().stamp_reference(), stream::EXPOSURE_START);
}

TEST_F(VeloxTest, ReadsTheMetadataInTheUnitsOfTheStream) {
  const stream::SeriesStart start = open({four_frames<std::int16_t>(Hdf5Type::kI2, 1)})->start();
  EXPECT_EQ(start.camera().name(), "BM-Ceta");
  EXPECT_EQ(start.camera().binning(), 4u);
  EXPECT_EQ(start.camera().readout_area(), "Half");  // 512 binned by 4 of 4096
  EXPECT_EQ(start.camera().combined_sub_frames(), 4u);
  EXPECT_DOUBLE_EQ(start.camera().saturation_point_counts(), 8425);
  EXPECT_DOUBLE_EQ(start.camera().max_pixel_value_counts(), 11913);
  EXPECT_DOUBLE_EQ(start.camera().counts_per_electron(),
                   2);  // 1 / (2 counts per value x 0.25 electrons per count)
  EXPECT_DOUBLE_EQ(start.camera().sensor_pixel_um(), 14);
  EXPECT_DOUBLE_EQ(start.optics().high_tension_kv(), 300);
  EXPECT_EQ(start.optics().mode(), stream::IMAGE);
  EXPECT_DOUBLE_EQ(start.optics().pixel_size(), 0.02);
  EXPECT_EQ(start.optics().pixel_unit(), "nm");
  EXPECT_DOUBLE_EQ(start.optics().defocus_nm(), -250);
  EXPECT_DOUBLE_EQ(start.optics().magnification(), 50000);
  EXPECT_FALSE(start.optics().has_camera_length_m());
  EXPECT_DOUBLE_EQ(start.stage().x_um(), 1);
  EXPECT_DOUBLE_EQ(start.stage().y_um(), -2);
  EXPECT_DOUBLE_EQ(start.stage().alpha_deg(), 30);
  EXPECT_DOUBLE_EQ(start.timing().exposure_s(), 0.5);
  EXPECT_EQ(start.identity().instrument(), "Titan 77");
  EXPECT_EQ(start.identity().sample(), "CuZr");
  EXPECT_EQ(start.expected_frames(), 4u);
}

TEST_F(VeloxTest, DiffractionHasReciprocalPixelsAndACameraLength) {
  VeloxSample sample = four_frames<std::int16_t>(Hdf5Type::kI2, 1);
  VeloxColumn column;
  column.pixel_size = "114429680.19923936";
  column.pixel_unit = "1/m";
  sample.metadata[0] = velox_json(column);
  const stream::Optics optics = open({sample})->start().optics();
  EXPECT_EQ(optics.mode(), stream::DIFFRACTION);
  EXPECT_NEAR(optics.pixel_size(), 0.11442968, 1e-9);
  EXPECT_EQ(optics.pixel_unit(), "1/nm");
  EXPECT_DOUBLE_EQ(optics.camera_length_m(), 0.5);
  EXPECT_FALSE(optics.has_magnification());
}

TEST_F(VeloxTest, FaultyTransfersAreFlagged) {
  VeloxSample sample = four_frames<std::int16_t>(Hdf5Type::kI2, 1);
  VeloxColumn column;
  column.stamp_us = "1575540227038967";
  column.transfer_ok = "false";
  sample.metadata[1] = velox_json(column);
  column.transfer_ok = "true";
  sample.metadata[2] = velox_json(column);
  const auto recording = open({sample});
  EXPECT_EQ(read_frame<std::int16_t>(*recording, 1).info.flags, kFlagTransferNotOk);
  EXPECT_EQ(read_frame<std::int16_t>(*recording, 2).info.flags, 0u);
}

TEST_F(VeloxTest, AFrameWithoutStampIsPlacedOnTheGridAndMarked) {
  VeloxSample sample = four_frames<std::int16_t>(Hdf5Type::kI2, 1);
  sample.metadata[0] = velox_json({});
  sample.metadata[3] = "{\"damaged\": ";
  const auto recording = open({sample});
  EXPECT_TRUE(recording->start().timing().times_assumed());
  // The only step left is .799983 s.
  const FrameInfo first = read_frame<std::int16_t>(*recording, 0).info;
  EXPECT_EQ(first.flags, kFlagTimeAssumed);
  EXPECT_EQ(first.exposure_end_utc_ns, 1'575'540'227'038'967'000 - 799'983'000);
  EXPECT_EQ(read_frame<std::int16_t>(*recording, 1).info.flags, 0u);
  EXPECT_EQ(read_frame<std::int16_t>(*recording, 3).info.exposure_end_utc_ns,
            1'575'540'227'038'967'000 + 2 * 799'983'000LL);
  EXPECT_THAT(recording->start().identity().note(), HasSubstr("1 frames have no readable metadata"));
}

TEST_F(VeloxTest, WithoutStampsTheSettingsServe) {
  VeloxSample sample = four_frames<std::int16_t>(Hdf5Type::kI2, 1);
  VeloxColumn column;
  column.start_s = "1575540224";
  sample.metadata.assign(4, velox_json(column));
  RecordingSettings settings;
  settings.frame_period_s = 2;
  auto recording = open({sample}, settings);
  FrameInfo info = read_frame<std::int16_t>(*recording, 2).info;
  EXPECT_EQ(info.exposure_start_utc_ns, 1'575'540'228'000'000'000);
  EXPECT_EQ(info.exposure_end_utc_ns, 1'575'540'228'500'000'000);
  EXPECT_EQ(info.flags, kFlagTimeAssumed);
  EXPECT_TRUE(recording->start().timing().times_assumed());

  sample.metadata.clear();
  settings.start_utc_ns = 7;
  recording = open({sample}, settings);
  info = read_frame<std::int16_t>(*recording, 1).info;
  EXPECT_EQ(info.exposure_start_utc_ns, 2'000'000'007);
  EXPECT_EQ(info.exposure_end_utc_ns, 4'000'000'007);
  EXPECT_EQ(info.device_frame_id, -1);
}

TEST_F(VeloxTest, TakesTheCameraAmongSeveralImages) {
  VeloxSample scanned = four_frames<std::int16_t>(Hdf5Type::kI2, 1);
  scanned.uuid = "00000000000000000000000000000001";
  VeloxColumn column;
  column.detector = "HAADF-S";
  column.detector_type = "ScanningDetector";
  scanned.metadata.assign(4, velox_json(column));
  VeloxSample camera = four_frames<std::int16_t>(Hdf5Type::kI2, 1);
  camera.uuid = "00000000000000000000000000000002";
  const auto recording = open({scanned, camera});
  EXPECT_EQ(recording->start().camera().name(), "BM-Ceta");
  EXPECT_THAT(recording->start().identity().note(), HasSubstr("1 further images"));
}

TEST_F(VeloxTest, RefusesWhatIsNoImageSeries) {
  VeloxSample sample = four_frames<std::int16_t>(Hdf5Type::kI2, 1);
  sample.pixels.dims = {2, 12};
  sample.pixels.chunk = {2, 12};
  EXPECT_THAT(input_error_of([&] { open({sample}); }), HasSubstr("2 dimensions; allowed: 3"));
  EXPECT_THAT(input_error_of([&] { open({}); }), HasSubstr("holds no image"));
  sample = four_frames<std::int16_t>(Hdf5Type::kI2, 1);
  sample.pixels = {Hdf5Type::kI8, {1, 1, 4}, {1, 1, 1}, 0, std::string(32, '\0')};
  EXPECT_THAT(input_error_of([&] { open({sample}); }), HasSubstr("64-bit pixels"));
}

TEST_F(VeloxTest, NamesTheFrameBeyondTheEnd) {
  const auto recording = open({four_frames<std::int16_t>(Hdf5Type::kI2, 1)});
  EXPECT_THAT(input_error_of([&] { read_frame<std::int16_t>(*recording, 4); }), HasSubstr("frame 4"));
}

}  // namespace
}  // namespace glasswatch
