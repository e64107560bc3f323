// Files of every format, written byte by byte from known values, for tests and as seeds of the fuzz targets.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "detectors/recording.h"

namespace glasswatch::samples {

/// A folder of its own under the system's temporary folder, removed with everything in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  /// Writes `bytes` to a file of this name and returns its path.
  std::filesystem::path write(std::string_view name, std::string_view bytes) const;

 private:
  std::filesystem::path path_;
};

std::string read_file(const std::filesystem::path& path);

/// The bytes of `values` as they lie in memory.
template <typename T>
std::string bytes_of(const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// A .npy file: header text for `dtype` and `shape` ("(2, 3)"), then `data`.
std::string npy_file(std::string_view dtype, std::string_view shape, std::string_view data, int version = 1,
                     std::string_view fortran_order = "False");

struct SerSample {
  std::uint16_t version = 0x0210;
  std::uint32_t element_kind = 0x4122;
  std::uint16_t data_type = 5;
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
  double pixel_delta = 2e-10;
  std::vector<std::string> elements;  // pixels of each, bottom row first
  std::vector<std::uint32_t> times_s;
  std::uint32_t planned = 0;  // 0: as many as elements
  std::vector<std::uint32_t> dimensions;
};
std::string ser_file(const SerSample& sample);

enum class Hdf5Type { kI1, kU1, kI2, kU2, kI4, kF4, kF8, kI8, kU8, kBool };

/// An HDF5 array: shape, chunk (empty = contiguous), deflate level, values in array order.
struct Hdf5Array {
  Hdf5Type type = Hdf5Type::kI2;
  std::vector<std::uint64_t> dims;
  std::vector<std::uint64_t> chunk;
  unsigned deflate = 0;
  std::string data;
};

/// Velox: one image with the frame on the last axis and one JSON text per frame.
struct VeloxSample {
  std::string uuid = "0f60320a61d4f66a73efd8cde34ffa90";
  Hdf5Array pixels;
  std::vector<std::string> metadata;
  std::size_t metadata_length = 4000;
};
void write_velox(const std::filesystem::path& path, const std::vector<VeloxSample>& images);

struct VeloxColumn {
  std::string stamp_us = "";  // empty: no TimeStamp
  int frame_id = -1;
  std::string transfer_ok = "";
  std::string exposure_s = "0.5";
  std::string detector = "BM-Ceta";
  std::string detector_type = "ImagingDetector";
  std::string pixel_size = "2e-11";
  std::string pixel_unit = "m";
  std::string start_s = "";
};
/// The JSON of one frame, numbers as text as Velox writes them.
std::string velox_json(const VeloxColumn& column);

struct HyperspyAxis {
  double scale = 1;
  std::string units;
  bool navigate = false;
};
struct HyperspySample {
  Hdf5Array data;
  std::vector<HyperspyAxis> axes;
  std::string date;
  std::string time;
  std::string time_zone;
};
void write_hyperspy(const std::filesystem::path& path, const HyperspySample& sample);

template <typename T>
struct ReadFrame {
  FrameInfo info;
  std::vector<T> pixels;
};

/// Reads one frame and copies its pixels.
template <typename T>
ReadFrame<T> read_frame(Recording& recording, std::uint64_t index) {
  FramePool pool(1, frame_bytes(recording.start()));
  Frame frame = pool.acquire();
  recording.read(index, frame);
  ReadFrame<T> read{frame.info, std::vector<T>(frame.view().byte_count() / sizeof(T))};
  std::memcpy(read.pixels.data(), frame.writable_bytes().data(), frame.view().byte_count());
  return read;
}

/// The message of the InputError that `function` throws; empty when it throws none.
std::string input_error_of(const std::function<void()>& function);

}  // namespace glasswatch::samples
