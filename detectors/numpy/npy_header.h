// The header of a .npy file (NumPy enhancement proposal 1, format versions 1 to 3).
#pragma once

#include <cstdint>
#include <filesystem>
#include <istream>
#include <string>
#include <vector>

namespace glasswatch {

struct NpyHeader {
  std::string dtype;  // as written, e.g. "<i2"
  std::vector<std::uint64_t> shape;
  std::uint64_t data_offset = 0;
};

/// Reads the header at the beginning of `file`. Throws InputError for anything that is not a little-endian
/// C-order array of plain numbers, naming the field and what to do about it.
NpyHeader read_npy_header(const std::filesystem::path& path, std::istream& file);

}  // namespace glasswatch
