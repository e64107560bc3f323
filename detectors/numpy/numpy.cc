#include "detectors/numpy/numpy.h"

#include <array>
#include <cstring>
#include <fstream>
#include <vector>

#include "detectors/frame_times.h"
#include "detectors/input_error.h"
#include "detectors/narrow_pixels.h"
#include "detectors/numpy/npy_header.h"
#include "detectors/recorded_series.h"

namespace glasswatch {
namespace {

struct StoredType {
  std::string_view name;
  PixelType pixel_type;  // of the frame
  StoredPixel stored;
};

constexpr std::array kStoredTypes = {
    StoredType{"|u1", PixelType::kU1, StoredPixel::kSame},
    StoredType{"<u1", PixelType::kU1, StoredPixel::kSame},
    StoredType{"|b1", PixelType::kU1, StoredPixel::kSame},
    StoredType{"<u2", PixelType::kU2, StoredPixel::kSame},
    StoredType{"<u4", PixelType::kU4, StoredPixel::kSame},
    StoredType{"|i1", PixelType::kI1, StoredPixel::kSame},
    StoredType{"<i1", PixelType::kI1, StoredPixel::kSame},
    StoredType{"<i2", PixelType::kI2, StoredPixel::kSame},
    StoredType{"<i4", PixelType::kI4, StoredPixel::kSame},
    StoredType{"<f4", PixelType::kF4, StoredPixel::kSame},
    StoredType{"<f8", PixelType::kF8, StoredPixel::kSame},
    StoredType{"<i8", PixelType::kI4, StoredPixel::kI8},
    StoredType{"<u8", PixelType::kI4, StoredPixel::kU8},
};

const StoredType& stored_type(const std::filesystem::path& path, const std::string& dtype) {
  for (const StoredType& type : kStoredTypes) {
    if (type.name == dtype) return type;
  }
  throw input_error(path,
                    "header field descr names an unsupported type; allowed: bool, u1 u2 u4 u8 i1 i2 i4 i8 f4 "
                    "f8; convert with array.astype('<f4')");
}

SeriesShape series_shape(const std::filesystem::path& path, const std::vector<std::uint64_t>& shape) {
  switch (shape.size()) {
    case 2:
      return {.frames = 1, .rows = shape[0], .columns = shape[1]};
    case 3:
      return {.frames = shape[0], .rows = shape[1], .columns = shape[2]};
    case 4:
      if (shape[0] > kMaxFrameEdge || shape[1] > kMaxFrameEdge) break;
      return {.frames = shape[0] * shape[1],
              .rows = shape[2],
              .columns = shape[3],
              .scan_rows = shape[0],
              .scan_columns = shape[1]};
    default:
      throw input_error(path, "header field shape has ", shape.size(),
                        " dimensions; allowed: 2 (row, column), 3 "
                        "(frame, row, column), 4 (scan row, scan column, row, column); reshape the array");
  }
  throw input_error(path, "header field shape has a scan of ", shape[0], " x ", shape[1], "; allowed: up to ",
                    kMaxFrameEdge, " each; the file is damaged");
}

class NumpyRecording final : public Recording {
 public:
  NumpyRecording(const std::filesystem::path& path, const RecordingSettings& settings)
      : path_(path), file_(path, std::ios::binary) {
    if (!file_) throw input_error(path, "cannot be opened; check that the file exists and may be read");
    const NpyHeader header = read_npy_header(path, file_);
    const StoredType& type = stored_type(path, header.dtype);
    const SeriesShape shape = series_shape(path, header.shape);
    stored_ = type.stored;
    data_offset_ = header.data_offset;
    const std::uint64_t needed =
        checked_byte_count(path, shape, stored_pixel_bytes(stored_, type.pixel_type));
    stored_frame_bytes_ = needed / shape.frames;
    const std::uint64_t present = std::filesystem::file_size(path) - data_offset_;
    if (present < needed) {
      throw input_error(path, "ends after ", present, " of ", needed, " bytes of pixels (",
                        present / stored_frame_bytes_, " whole frames of ", shape.frames,
                        "); copy the file again");
    }
    start_ = recorded_start(path, shape, type.pixel_type);
    if (present > needed) {
      add_note(start_, std::to_string(present - needed) + " bytes after the array were not read.");
    }
    times_ = assume_times(path, settings, {}, shape.frames);
    times_.describe(*start_.mutable_timing());
  }

  const stream::SeriesStart& start() const override { return start_; }
  std::uint64_t frame_count() const override { return start_.expected_frames(); }

  void read(std::uint64_t index, Frame& frame) override {
    begin_frame(start_, index, frame);
    times_.fill(index, frame.info);
    file_.clear();
    file_.seekg(static_cast<std::streamoff>(data_offset_ + index * stored_frame_bytes_));
    if (stored_ == StoredPixel::kSame) {
      file_.read(reinterpret_cast<char*>(frame.writable_bytes().data()),
                 static_cast<std::streamsize>(stored_frame_bytes_));
    } else {
      wide_.resize(stored_frame_bytes_ / sizeof(std::uint64_t));
      file_.read(reinterpret_cast<char*>(wide_.data()), static_cast<std::streamsize>(stored_frame_bytes_));
    }
    if (!file_)
      throw input_error(path_, "frame ", index, " cannot be read; the file was cut or the disk failed");
    if (stored_ != StoredPixel::kSame) narrow_pixels(path_, index, stored_, wide_, frame);
  }

 private:
  std::filesystem::path path_;
  std::ifstream file_;
  stream::SeriesStart start_;
  AssumedTimes times_;
  StoredPixel stored_ = StoredPixel::kSame;
  std::uint64_t data_offset_ = 0;
  std::uint64_t stored_frame_bytes_ = 0;
  std::vector<std::uint64_t> wide_;
};

}  // namespace

bool matches_numpy(const std::filesystem::path&, std::span<const std::byte> head) {
  return head.size() >= 6 && std::memcmp(head.data(), "\x93NUMPY", 6) == 0;
}

std::unique_ptr<Recording> open_numpy(const std::filesystem::path& path, const RecordingSettings& settings) {
  return std::make_unique<NumpyRecording>(path, settings);
}

}  // namespace glasswatch
