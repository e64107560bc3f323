#include "detectors/recording.h"

#include <gmock/gmock.h>

#include <fstream>
#include <limits>
#include <utility>

#include "tests/detectors/sample_files.h"

namespace glasswatch {
namespace {

using samples::input_error_of;
using samples::npy_file;
using samples::read_frame;
using testing::HasSubstr;

TEST(OpenRecording, NamesTheKnownFormatsForAnUnknownFile) {
  samples::TemporaryFolder folder;
  const auto path = folder.write("notes.txt", "hello");
  EXPECT_THAT(input_error_of([&] { open_recording(path, {}); }),
              testing::AllOf(HasSubstr("notes.txt"), HasSubstr("Velox .emd"), HasSubstr("NumPy .npy")));
}

TEST(OpenRecording, SaysWhatIsWrongWithTheFileItself) {
  samples::TemporaryFolder folder;
  EXPECT_THAT(input_error_of([&] { open_recording(folder / "absent.npy", {}); }),
              HasSubstr("cannot be opened"));
  EXPECT_THAT(input_error_of([&] { open_recording(folder / "", {}); }), HasSubstr("folder"));
  const auto empty = folder.write("empty.emd", "");
  EXPECT_THAT(input_error_of([&] { open_recording(empty, {}); }), HasSubstr("is empty"));
  const auto hdf5 = folder.write("cut.emd", "\x89HDF\r\n\x1a\n");
  EXPECT_THAT(input_error_of([&] { open_recording(hdf5, {}); }), HasSubstr("HDF5 cannot read it"));
}

TEST(OpenRecording, TellsFormatsApartByContentNotByName) {
  samples::TemporaryFolder folder;
  const auto path = folder.write("misnamed.emd", npy_file("|u1", "(1, 1)", "x"));
  EXPECT_EQ(read_frame<char>(*open_recording(path, {}), 0).pixels.front(), 'x');
}

class RepeatTest : public testing::Test {
 protected:
  std::unique_ptr<Recording> open(const RecordingSettings& settings) {
    return open_recording(folder_.write("stack.npy", npy_file("|u1", "(3, 1, 1)", "abc")), settings);
  }
  samples::TemporaryFolder folder_;
};

TEST_F(RepeatTest, TimesAndSequenceNumbersGoOn) {
  RecordingSettings settings;
  settings.frame_period_s = 2;
  settings.exposure_s = 1;
  settings.start_utc_ns = 500;
  const auto recording = repeat_recording(open(settings), 3);
  EXPECT_EQ(recording->frame_count(), 9u);
  EXPECT_EQ(recording->start().expected_frames(), 9u);
  for (std::uint64_t i = 0; i < 9; ++i) {
    const auto frame = read_frame<char>(*recording, i);
    EXPECT_EQ(frame.pixels.front(), "abc"[i % 3]);
    EXPECT_EQ(frame.info.sequence, i);
    EXPECT_EQ(frame.info.exposure_start_utc_ns, 500 + static_cast<std::int64_t>(i) * 2'000'000'000);
    EXPECT_EQ(frame.info.exposure_end_utc_ns - frame.info.exposure_start_utc_ns, 1'000'000'000);
    EXPECT_EQ(frame.info.device_frame_id, -1);
  }
  EXPECT_THAT(input_error_of([&] { read_frame<char>(*recording, 9); }), HasSubstr("frame"));
}

TEST_F(RepeatTest, IrregularTimesAreFollowedByOnePeriod) {
  samples::SerSample sample;
  sample.rows = 1;
  sample.columns = 1;
  sample.data_type = 1;
  sample.elements = {"a", "b", "c"};
  sample.times_s = {100, 101, 110};
  const auto path = folder_.write("irregular.ser", samples::ser_file(sample));
  const auto recording = repeat_recording(open_recording(path, {}), 2);
  // The nominal period is (110 - 100) / 2 = 5 s, so the second turn begins at 115 s (tags stand for half a
  // second on).
  EXPECT_EQ(read_frame<char>(*recording, 3).info.exposure_start_utc_ns, 115'500'000'000);
  EXPECT_EQ(read_frame<char>(*recording, 4).info.exposure_start_utc_ns, 116'500'000'000);
}

TEST_F(RepeatTest, NeedsAPeriodOnlyWhenItRepeats) {
  EXPECT_EQ(repeat_recording(open({}), 1)->frame_count(), 3u);
  EXPECT_THAT(input_error_of([&] { repeat_recording(open({}), 2); }), HasSubstr("frame_period_s"));
  EXPECT_THAT(input_error_of([&] { repeat_recording(open({}), 0); }), HasSubstr("1 or more"));
  RecordingSettings settings;
  settings.frame_period_s = 1e6;
  EXPECT_THAT(input_error_of([&] { repeat_recording(open(settings), 1'000'000'000); }),
              HasSubstr("cannot be"));
  EXPECT_THAT(
      input_error_of([&] { repeat_recording(open(settings), std::numeric_limits<std::uint64_t>::max()); }),
      HasSubstr("less often"));
}

TEST_F(RepeatTest, PreloadedFramesAreReadOnceAndShared) {
  RecordingSettings settings;
  settings.frame_period_s = 2;
  const auto path = folder_.write("stack.npy", npy_file("|u1", "(3, 1, 1)", "abc"));
  auto recording = preload_recording(open_recording(path, settings), 3);
  std::ofstream(path, std::ios::trunc) << "gone";
  EXPECT_EQ(recording->frame_count(), 3u);
  FramePool pool(2, 1);
  Frame first = pool.acquire(), second = pool.acquire();
  recording->read(1, first);
  recording->read(1, second);
  EXPECT_EQ(first.view().pixels, second.view().pixels);
  EXPECT_EQ(pool.available(), 2u);
  EXPECT_EQ(*static_cast<const char*>(first.view().pixels), 'b');
  EXPECT_EQ(first.info.sequence, 1u);
  recording->read(2, second);
  EXPECT_EQ(*static_cast<const char*>(second.view().pixels), 'c');
  EXPECT_THAT(input_error_of([&] { recording->read(3, second); }), HasSubstr("frame 3"));

  const auto repeated = repeat_recording(std::move(recording), 2);
  repeated->read(5, second);
  EXPECT_EQ(second.info.sequence, 5u);
  EXPECT_EQ(*static_cast<const char*>(second.view().pixels), 'c');
}

TEST_F(RepeatTest, PreloadingMoreThanTheLimitIsRefused) {
  EXPECT_THAT(input_error_of([&] { preload_recording(open({}), 2); }),
              testing::AllOf(HasSubstr("stack.npy"), HasSubstr("3 frames of 1 bytes")));
}

}  // namespace
}  // namespace glasswatch
