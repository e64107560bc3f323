#include "detectors/numpy/mask.h"

#include <fstream>
#include <utility>

#include "detectors/input_error.h"
#include "detectors/numpy/npy_header.h"
#include "detectors/recorded_series.h"

namespace glasswatch {

namespace {

struct ByteImage {
  int rows = 0;
  int columns = 0;
  std::vector<std::uint8_t> pixels;
};

// `field` of the configuration names the file, which should be saved as `allowed` says.
ByteImage read_bytes(const std::filesystem::path& path, const char* field, const char* allowed) {
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path))
    throw input_error(path, "cannot be opened; check ", field);
  const NpyHeader header = read_npy_header(path, file);
  const bool byte_type = header.dtype == "|u1" || header.dtype == "<u1" || header.dtype == "|b1";
  if (!byte_type || header.shape.size() != 2)
    throw input_error(path, "does not fit ", field, "; allowed: ", allowed);
  const SeriesShape shape{.frames = 1, .rows = header.shape[0], .columns = header.shape[1]};
  const std::uint64_t bytes = checked_byte_count(path, shape, 1);
  if (std::filesystem::file_size(path) - header.data_offset < bytes) {
    throw input_error(path, "ends before its ", bytes, " mask pixels; save it again");
  }
  ByteImage image{static_cast<int>(shape.rows), static_cast<int>(shape.columns),
                  std::vector<std::uint8_t>(bytes)};
  if (!file.read(reinterpret_cast<char*>(image.pixels.data()), static_cast<std::streamsize>(bytes))) {
    throw input_error(path, "cannot be read; save it again");
  }
  return image;
}

}  // namespace

MaskImage read_mask(const std::filesystem::path& path) {
  ByteImage image = read_bytes(path, "calibration.mask_path",
                               "a mask of u1 or bool of shape (rows, columns), non-zero = ignore; save "
                               "mask.astype('u1')");
  for (std::uint8_t& pixel : image.pixels) pixel = pixel != 0;
  return {image.rows, image.columns, std::move(image.pixels)};
}

LabelImage read_labels(const std::filesystem::path& path) {
  constexpr const char* kAllowed =
      "labels of u1 of shape (rows, columns), 0 unassigned, 1 matrix, 2 channel; save label.astype('u1')";
  ByteImage image = read_bytes(path, "ecm.label_path", kAllowed);
  for (const std::uint8_t label : image.pixels) {
    if (label > 2) throw input_error(path, "has the label ", int{label}, "; allowed: ", kAllowed);
  }
  return {image.rows, image.columns, std::move(image.pixels)};
}

}  // namespace glasswatch
