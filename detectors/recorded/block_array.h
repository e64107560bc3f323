// A dataset whose chunks are blocks.
#pragma once

#include <H5Cpp.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace glasswatch::recorded {

/// Grows by one chunk at a time: shape (chunks, row...), filters shuffle and deflate. Throws H5::Exception.
class BlockArray {
 public:
  BlockArray(const H5::H5File& file, const std::string& path, const H5::DataType& type,
             const std::vector<hsize_t>& row);

  /// Adds a chunk that has been through the filters; what stands behind its zlib stream is kept. The length
  /// of a chunk has one byte more in the file than that of the unfiltered chunk needs, which is room for any
  /// label.
  void append(std::span<const std::byte> block);

  std::uint64_t count() const { return count_; }
  H5::DataSet& dataset() { return dataset_; }

 private:
  std::vector<hsize_t> extent_;
  std::uint64_t count_ = 0;
  H5::DataSet dataset_;
};

}  // namespace glasswatch::recorded
