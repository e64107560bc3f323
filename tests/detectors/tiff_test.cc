#include "detectors/tiff/tiff.h"

#include <gmock/gmock.h>

#include "detectors/tiff/tiff_description.h"
#include "detectors/tiff/tiff_writer.h"
#include "protocol/wire/wire.h"
#include "tests/detectors/sample_files.h"
#include "tests/detectors/stack_samples.h"

namespace glasswatch {
namespace {

using samples::bytes_of;
using samples::input_error_of;
using samples::read_frame;
using samples::tiff_file;
using samples::TiffSample;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

// libtiff's tags.
constexpr std::uint16_t kLzw = 5;
constexpr std::uint16_t kDeflate = 8;
constexpr std::uint16_t kPackBits = 32773;

constexpr unsigned kImageWidth = 256;
constexpr unsigned kImageLength = 257;
constexpr unsigned kStripOffsets = 273;
constexpr unsigned kRowsPerStrip = 278;
constexpr unsigned kStripByteCounts = 279;

// Gives a field of the first directory of a classic file another value.
void set_field(std::string& bytes, unsigned tag, std::uint32_t value) {
  const bool big_endian = bytes[0] == 'M';
  const auto number = [&](std::size_t offset, std::size_t width) {
    std::size_t read = 0;
    for (std::size_t i = 0; i < width; ++i) {
      read = read * 256 + static_cast<unsigned char>(bytes[offset + (big_endian ? i : width - 1 - i)]);
    }
    return read;
  };
  for (std::size_t field = number(4, 4) + 2;; field += 12) {
    ASSERT_LE(field + 12, bytes.size());
    if (number(field, 2) != tag) continue;
    const std::size_t width = number(field + 2, 2) == 4 ? 4 : 2;
    for (std::size_t i = 0; i < width; ++i) {
      bytes[field + 8 + (big_endian ? width - 1 - i : i)] = static_cast<char>(value >> (8 * i));
    }
    return;
  }
}

class TiffTest : public testing::Test {
 protected:
  std::unique_ptr<Recording> open_bytes(const std::string& bytes, const RecordingSettings& settings = {}) {
    const auto path = folder_.write("stack.tif", bytes);
    EXPECT_TRUE(matches_tiff(path, std::as_bytes(std::span(bytes))));
    return open_tiff(path, settings);
  }
  std::unique_ptr<Recording> open(const TiffSample& sample, const RecordingSettings& settings = {}) {
    return open_bytes(tiff_file(sample), settings);
  }
  std::string error_of_bytes(const std::string& bytes) {
    return input_error_of([&] { read_frame<char>(*open_bytes(bytes), 0); });
  }
  std::string error_of(const TiffSample& sample) { return error_of_bytes(tiff_file(sample)); }
  static TiffSample three_pages() {
    TiffSample sample;
    for (std::uint16_t page = 0; page < 3; ++page) {
      std::vector<std::uint16_t> pixels;
      for (std::uint16_t i = 0; i < 6; ++i)
        pixels.push_back(static_cast<std::uint16_t>(65000 + 10 * page + i));
      sample.pages.push_back(bytes_of(pixels));
    }
    return sample;
  }
  samples::TemporaryFolder folder_;
};

TEST_F(TiffTest, ReadsPagesInAnyOrder) {
  for (const char* mode : {"w", "wb", "w8", "wb8"}) {
    TiffSample sample = three_pages();
    sample.mode = mode;
    const auto recording = open(sample);
    ASSERT_EQ(recording->frame_count(), 3u);
    for (const std::uint64_t page : {2, 0, 1, 1, 2}) {
      EXPECT_EQ(bytes_of(read_frame<std::uint16_t>(*recording, page).pixels), sample.pages[page])
          << mode << page;
    }
  }
}

TEST_F(TiffTest, ReadsEveryType) {
  for (const auto type : {PixelType::kU1, PixelType::kU2, PixelType::kU4, PixelType::kI1, PixelType::kI2,
                          PixelType::kI4, PixelType::kF4, PixelType::kF8}) {
    TiffSample sample;
    sample.bits = static_cast<std::uint16_t>(8 * bytes_per_pixel(type));
    sample.format = pixel_type_name(type)[0] == 'u' ? 1 : pixel_type_name(type)[0] == 'i' ? 2 : 3;
    std::string pixels;
    for (std::size_t i = 0; i < 6 * bytes_per_pixel(type); ++i) pixels += static_cast<char>(i * 37);
    sample.pages = {pixels};
    for (const char* mode : {"wl", "wb"}) {
      sample.mode = mode;
      const auto frame = read_frame<char>(*open(sample), 0);
      EXPECT_EQ(frame.info.pixel_type, type);
      EXPECT_EQ(std::string(frame.pixels.begin(), frame.pixels.end()), pixels)
          << pixel_type_name(type) << mode;
    }
  }
}

TEST_F(TiffTest, ReadsStripsTilesAndCompressions) {
  for (const std::uint16_t compression : {std::uint16_t{1}, kLzw, kDeflate, kPackBits}) {
    for (const std::uint32_t tile : {0u, 16u}) {
      TiffSample sample;
      sample.rows = 37;
      sample.columns = 21;
      sample.compression = compression;
      sample.predictor = compression == kLzw || compression == kDeflate ? 2 : 1;
      sample.tile = tile;
      sample.rows_per_strip = 5;
      std::vector<std::uint16_t> pixels;
      for (std::uint32_t i = 0; i < 37 * 21; ++i) pixels.push_back(static_cast<std::uint16_t>(i * i * 7 / 5));
      std::vector<std::uint16_t> other = pixels;
      std::reverse(other.begin(), other.end());
      sample.pages = {bytes_of(pixels), bytes_of(other)};
      const auto recording = open(sample);
      EXPECT_EQ(read_frame<std::uint16_t>(*recording, 1).pixels, other) << compression << ' ' << tile;
      EXPECT_EQ(read_frame<std::uint16_t>(*recording, 0).pixels, pixels) << compression << ' ' << tile;
    }
  }
}

TEST_F(TiffTest, ReadsImageJsFramesBehindOnePage) {
  TiffSample sample = three_pages();
  for (const char* mode : {"wl", "wb"}) {
    TiffSample one = sample;
    one.mode = mode;
    one.description = "ImageJ=1.53t\nimages=3\nframes=3\nunit=\\u00B5m\nfinterval=0.25\n";
    one.pixels_per_unit = 4000;
    one.rows = 6;  // three frames in the place of one page, whose length is then corrected
    one.rows_per_strip = 6;
    one.pages = {sample.pages[0] + sample.pages[1] + sample.pages[2]};
    std::string bytes = tiff_file(one);
    set_field(bytes, kImageLength, 2);
    set_field(bytes, kRowsPerStrip, 2);
    set_field(bytes, kStripByteCounts, 12);
    const auto recording = open_bytes(bytes);
    ASSERT_EQ(recording->frame_count(), 3u);
    for (const std::uint64_t frame : {2, 0, 1}) {
      EXPECT_EQ(bytes_of(read_frame<std::uint16_t>(*recording, frame).pixels), sample.pages[frame]) << mode;
    }
    EXPECT_NEAR(recording->start().optics().pixel_size(), 0.25, 1e-7);
    EXPECT_DOUBLE_EQ(recording->start().timing().frame_period_s(), 0.25);
    EXPECT_TRUE(recording->start().timing().times_assumed());
  }
  sample.pages.resize(1);
  sample.description = "ImageJ=1.53t\nimages=300\n";
  EXPECT_THAT(error_of(sample), AllOf(HasSubstr("ends after"), HasSubstr("of 300")));
  sample.compression = kDeflate;
  EXPECT_THAT(error_of(sample), HasSubstr("images=300"));
}

TEST_F(TiffTest, TakesPixelSizesThatAMicroscopeHas) {
  TiffSample sample = three_pages();
  EXPECT_FALSE(open(sample)->start().optics().has_pixel_size());
  sample.pixels_per_unit = 72;
  sample.resolution_unit = 2;
  EXPECT_FALSE(open(sample)->start().optics().has_pixel_size());
  sample.pixels_per_unit = 4e7f;
  sample.resolution_unit = 3;
  EXPECT_NEAR(open(sample)->start().optics().pixel_size(), 0.25, 1e-7);
  EXPECT_EQ(open(sample)->start().optics().pixel_unit(), "nm");
  sample.description = "ImageJ=1.53t\nunit=1/nm\n";
  sample.pixels_per_unit = 64;
  EXPECT_EQ(open(sample)->start().optics().mode(), stream::DIFFRACTION);
  EXPECT_NEAR(open(sample)->start().optics().pixel_size(), 0.015625, 1e-9);
  sample.description = "ImageJ=1.53t\nunit=pixel\n";
  EXPECT_FALSE(open(sample)->start().optics().has_pixel_size());
}

TEST_F(TiffTest, TurnsPagesThatStoreTheBottomRowFirst) {
  TiffSample sample = three_pages();
  sample.orientation = 4;
  EXPECT_THAT(read_frame<std::uint16_t>(*open(sample), 1).pixels,
              ElementsAre(65013, 65014, 65015, 65010, 65011, 65012));
  sample.orientation = 6;
  EXPECT_THAT(error_of(sample), HasSubstr("Orientation 6"));
}

TEST_F(TiffTest, RefusesWhatItCannotRead) {
  TiffSample sample = three_pages();
  sample.photometric = 0;
  EXPECT_THAT(error_of(sample), HasSubstr("0 is white"));
  sample.photometric = 2;
  sample.samples = 3;
  sample.columns = 1;
  EXPECT_THAT(error_of(sample), HasSubstr("3 values per pixel"));
  sample = three_pages();
  sample.bits = 64;
  sample.pages = {std::string(48, 'x')};
  EXPECT_THAT(error_of(sample), HasSubstr("64 bits of sample format 1"));
  sample.bits = 16;
  sample.format = 3;
  sample.pages = {std::string(12, 'x')};
  EXPECT_THAT(error_of(sample), HasSubstr("16 bits of sample format 3"));
  sample = three_pages();
  sample.description = "ImageJ=1.53t\ncf=0\nc0=-32768.0\nc1=1.0\n";
  EXPECT_THAT(error_of(sample), HasSubstr("calibration"));
  sample.description = "ImageJ=1.53t\ncf=0\nc0=0.0\nc1=1.0\n";
  EXPECT_EQ(error_of(sample), "");
}

TEST_F(TiffTest, NamesThePageThatIsUnlikeTheFirst) {
  TiffSample sample = three_pages();
  sample.last_page_rows = 1;
  sample.pages[2].resize(6);
  EXPECT_THAT(error_of(sample), AllOf(HasSubstr("page 2 is 1 x 3 u2"), HasSubstr("page 0 2 x 3 u2")));
}

TEST_F(TiffTest, EveryTruncationIsAnError) {
  TiffSample sample = three_pages();
  sample.compression = kDeflate;
  for (const std::string& bytes : {tiff_file(three_pages()), tiff_file(sample)}) {
    // Steps shorter than a link between pages (4 bytes), so that each is cut too.
    for (std::size_t length = 8; length < bytes.size(); length += 3) {
      const std::string error = error_of_bytes(bytes.substr(0, length));
      EXPECT_THAT(error, HasSubstr("stack.tif")) << length;
      EXPECT_EQ(error.find('\n'), std::string::npos);
    }
  }
}

TEST_F(TiffTest, BelievesSizesOnlyWhenTheBytesAreThere) {
  const auto error_of_opening = [&](const std::string& bytes) {
    return input_error_of([&] { open_bytes(bytes); });
  };
  const std::string whole = tiff_file(three_pages());
  std::string bytes = whole;
  set_field(bytes, kStripOffsets, 30000);
  EXPECT_THAT(error_of_opening(bytes), HasSubstr("page 0: strip 0"));
  bytes = whole;
  set_field(bytes, kImageLength, 3);
  EXPECT_THAT(error_of_opening(bytes), HasSubstr("page 0: strip 1 was to be 0 bytes"));
  bytes = whole;
  set_field(bytes, kImageLength, 65000);
  set_field(bytes, kRowsPerStrip, 65000);
  set_field(bytes, kImageWidth, 65000);
  EXPECT_THAT(error_of_opening(bytes), HasSubstr("more than a file of"));
  TiffSample strips = three_pages();
  strips.rows_per_strip = 1;
  bytes = tiff_file(strips);
  set_field(bytes, kImageWidth, 4);
  EXPECT_THAT(error_of_opening(bytes), HasSubstr("page 0: 12 of 16 bytes"));
}

TEST_F(TiffTest, MatchesItsSignaturesOnly) {
  const auto matches = [](const std::string& bytes) {
    return matches_tiff("x", std::as_bytes(std::span(bytes)));
  };
  EXPECT_FALSE(matches("II*"));
  EXPECT_FALSE(matches(std::string("II\x97\x01\0\0\0\0", 8)));  // TIA
  EXPECT_TRUE(matches(std::string("MM\0+\0\x08\0\0", 8)));
}

class TiffWriterTest : public testing::TestWithParam<std::uint64_t> {
 protected:
  Frame frame_of(const stream::SeriesStart& start, const std::string& pixels, std::uint64_t sequence) {
    Frame frame = pool_.acquire();
    frame.info.rows = static_cast<std::int32_t>(start.camera().rows());
    frame.info.columns = static_cast<std::int32_t>(start.camera().columns());
    frame.info.pixel_type = wire::pixel_type(start.camera().pixel_type());
    frame.info.sequence = sequence;
    frame.info.exposure_start_utc_ns =
        1'683'882'000'500'000'000 + 500'000'000 * static_cast<std::int64_t>(sequence);
    frame.info.exposure_end_utc_ns = frame.info.exposure_start_utc_ns + 400'000'000;
    std::memcpy(frame.writable_bytes().data(), pixels.data(), pixels.size());
    return frame;
  }
  static stream::SeriesStart series(PixelType type) {
    stream::SeriesStart start;
    start.mutable_camera()->set_rows(3);
    start.mutable_camera()->set_columns(5);
    start.mutable_camera()->set_pixel_type(wire::pixel_type(type));
    start.mutable_optics()->set_pixel_size(0.0123);
    start.mutable_optics()->set_pixel_unit("1/nm");
    start.mutable_timing()->set_frame_period_s(0.5);
    return start;
  }
  samples::TemporaryFolder folder_;
  FramePool pool_{2, 3 * 5 * 8};
};

TEST_P(TiffWriterTest, WhatItWritesIsReadBack) {
  const auto path = folder_ / "out.tif";
  for (const auto type : {PixelType::kU1, PixelType::kU2, PixelType::kU4, PixelType::kI1, PixelType::kI2,
                          PixelType::kI4, PixelType::kF4, PixelType::kF8}) {
    const stream::SeriesStart start = series(type);
    std::vector<std::string> frames(3);
    TiffWriter writer(path, start, 0, GetParam());
    for (std::size_t i = 0; i < frames.size(); ++i) {
      for (std::size_t byte = 0; byte < 15 * bytes_per_pixel(type); ++byte) {
        frames[i] += static_cast<char>(byte * 11 + i);
      }
      writer.add(frame_of(start, frames[i], i));
    }
    writer.close();
    const auto recording = open_tiff(path, {});
    ASSERT_EQ(recording->frame_count(), 3u);
    EXPECT_NEAR(recording->start().optics().pixel_size(), 0.0123, 1e-8);
    EXPECT_EQ(recording->start().optics().pixel_unit(), "1/nm");
    for (const std::size_t i : {1, 2, 0}) {
      const auto frame = read_frame<char>(*recording, i);
      EXPECT_EQ(std::string(frame.pixels.begin(), frame.pixels.end()), frames[i]) << pixel_type_name(type);
      EXPECT_EQ(frame.info.exposure_start_utc_ns,
                1'683'882'000'500'000'000 + 500'000'000 * static_cast<std::int64_t>(i));
      EXPECT_NEAR(frame.info.exposure_s(), 0.4, 1e-6);
      EXPECT_EQ(frame.info.flags, kFlagTimeAssumed);
    }
  }
}

TEST_P(TiffWriterTest, SaysWhichKindItIs) {
  const stream::SeriesStart start = series(PixelType::kU1);
  TiffWriter writer(folder_ / "out.tif", start, 1, GetParam());
  writer.add(frame_of(start, std::string(15, 'x'), 7));
  writer.close();
  const std::string bytes = samples::read_file(folder_ / "out.tif");
  EXPECT_EQ(bytes.substr(0, 3), GetParam() == 0 ? "II+" : "II*");
  EXPECT_THAT(bytes, AllOf(HasSubstr("2023:05:12 09:00:04"), HasSubstr("sequence=7")));
}

INSTANTIATE_TEST_SUITE_P(ClassicAndBig, TiffWriterTest, testing::Values(TiffWriter::kClassicLimitBytes, 0));

TEST_F(TiffWriterTest, LeavesNothingBehindWhenItIsNotClosed) {
  const stream::SeriesStart start = series(PixelType::kU1);
  {
    TiffWriter writer(folder_ / "out.tif", start, 0);
    EXPECT_TRUE(std::filesystem::exists(folder_ / "out.tif.partial"));
    EXPECT_THROW(writer.close(), std::runtime_error);
    EXPECT_THROW(writer.add(frame_of(series(PixelType::kU2), std::string(30, 'x'), 0)), std::runtime_error);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / ""));
  EXPECT_THROW(TiffWriter(folder_ / "missing" / "out.tif", start, 0), std::runtime_error);
}

TEST(TiffDescription, PassesOverWhatItDoesNotKnow) {
  EXPECT_FALSE(tiff::parse_description("images=3").imagej);
  const auto description = tiff::parse_description(
      "ImageJ=1.11a\nimages=x\n\n=\nunit=\nfinterval=-1\nexposure_start_utc_ns=99999999999999999999");
  EXPECT_TRUE(description.imagej);
  EXPECT_EQ(description.images, 1u);
  EXPECT_FALSE(description.frame_period_s);
  EXPECT_FALSE(description.exposure_start_utc_ns);
}

}  // namespace
}  // namespace glasswatch
