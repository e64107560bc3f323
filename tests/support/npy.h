// NumPy .npy files for tests: C order, little-endian numbers.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "protocol/types/pixels.h"

namespace glasswatch::test {

struct NpyArray {
  std::string type;  // "u2", "f4", "i8", ...
  std::vector<std::size_t> shape;
  std::vector<std::byte> bytes;

  std::size_t size() const;
  /// All elements as double, C order.
  std::vector<double> doubles() const;
  /// A two-dimensional array as an image; `index` picks one of a three-dimensional stack.
  FrameView view(std::size_t index = 0) const;
};

/// Throws std::runtime_error naming the file when it is not such an array.
NpyArray load_npy(const std::filesystem::path& path);

}  // namespace glasswatch::test
