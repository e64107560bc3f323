#include "detectors/numpy/mask.h"

#include <fstream>

#include "detectors/input_error.h"
#include "detectors/numpy/npy_header.h"
#include "detectors/recorded_series.h"

namespace glasswatch {

MaskImage read_mask(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path)) {
    throw input_error(path, "mask cannot be opened; check calibration.mask_path");
  }
  const NpyHeader header = read_npy_header(path, file);
  const bool byte_type = header.dtype == "|u1" || header.dtype == "<u1" || header.dtype == "|b1";
  if (!byte_type || header.shape.size() != 2) {
    throw input_error(path,
                      "is no mask; allowed: u1 or bool of shape (rows, columns), non-zero = ignore; save "
                      "mask.astype('u1')");
  }
  const SeriesShape shape{.frames = 1, .rows = header.shape[0], .columns = header.shape[1]};
  const std::uint64_t bytes = checked_byte_count(path, shape, 1);
  if (std::filesystem::file_size(path) - header.data_offset < bytes) {
    throw input_error(path, "ends before its ", bytes, " mask pixels; save it again");
  }
  MaskImage mask{static_cast<int>(shape.rows), static_cast<int>(shape.columns),
                 std::vector<std::uint8_t>(bytes)};
  if (!file.read(reinterpret_cast<char*>(mask.ignore.data()), static_cast<std::streamsize>(bytes))) {
    throw input_error(path, "mask cannot be read; save it again");
  }
  for (std::uint8_t& pixel : mask.ignore) pixel = pixel != 0;
  return mask;
}

}  // namespace glasswatch
