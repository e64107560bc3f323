// Velox keeps the frame on the last axis: (row, column, frame) pixels, (byte, frame) metadata.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "detectors/hdf5_reading.h"

namespace glasswatch::velox {

/// Reads slices array[..., index] in row-major order. Whole chunks are read and then transposed: picking
/// single elements out of the file is slower by orders of magnitude. Holds one block of slices, as deep as a
/// chunk (256 MiB at most), unless a chunk holds one slice only.
class LastAxisReader {
 public:
  LastAxisReader() = default;
  explicit LastAxisReader(hdf5::Array array);

  const hdf5::Array& array() const { return array_; }
  std::uint64_t count() const { return array_.dims.back(); }
  std::size_t slice_bytes() const { return slice_elements_ * array_.element_bytes; }

  /// Copies slice `index` to `destination` (slice_bytes()). Throws H5::Exception.
  void read(std::uint64_t index, std::byte* destination);

 private:
  void load_block(std::uint64_t first);

  hdf5::Array array_;
  std::size_t slice_elements_ = 0;
  std::uint64_t depth_ = 1;
  std::vector<std::byte> block_;
  std::uint64_t block_first_ = 0;
  std::uint64_t block_count_ = 0;  // 0: nothing loaded
};

}  // namespace glasswatch::velox
