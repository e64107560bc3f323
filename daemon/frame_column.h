// A dataset that grows by one frame at a time.
#pragma once

#include <H5Cpp.h>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "daemon/hdf5_layout.h"
#include "protocol/configuration/text.h"

namespace glasswatch::hdf5 {

inline constexpr hsize_t kFramesPerWrite = 64;
/// 8 KiB: what is small per frame shares chunks, so that the index stays small.
inline constexpr hsize_t kValuesPerChunk = 1024;

/// Buffered by the chunk. `row` is the shape of one frame's part. Throws H5::Exception.
template <typename T>
class FrameColumn {
 public:
  FrameColumn(H5::Group& root, const std::string& path, std::vector<hsize_t> row, const std::string& units,
              const std::string& long_name)
      : row_(std::move(row)) {
    row_size_ = 1;
    for (const hsize_t extent : row_) row_size_ *= extent;
    std::vector<hsize_t> start{0}, most{H5S_UNLIMITED}, chunk{kValuesPerChunk / row_size_ + 1};
    for (const hsize_t extent : row_) {
      start.push_back(extent);
      most.push_back(extent);
      chunk.push_back(extent);
    }
    H5::DSetCreatPropList properties;
    properties.setChunk(static_cast<int>(chunk.size()), chunk.data());
    dataset_ = root.createDataSet(path, native_type<T>(),
                                  H5::DataSpace(static_cast<int>(start.size()), start.data(), most.data()),
                                  properties);
    label(dataset_, units, long_name);
  }

  void add(const T* values, std::size_t count) {
    if (count != row_size_) {
      throw std::runtime_error(
          text::concatenate("a frame result has ", count, " values where the file has ", row_size_,
                            "; results of different configurations cannot share a file"));
    }
    buffer_.insert(buffer_.end(), values, values + count);
    if (buffer_.size() >= kFramesPerWrite * row_size_) flush();
  }
  void add(T value) { add(&value, 1); }
  std::size_t row_size() const { return row_size_; }

  void flush() {
    if (buffer_.empty()) return;
    std::vector<hsize_t> extent{written_ + buffer_.size() / row_size_}, first{written_},
        count{buffer_.size() / row_size_};
    for (const hsize_t size : row_) {
      extent.push_back(size);
      first.push_back(0);
      count.push_back(size);
    }
    dataset_.extend(extent.data());
    const H5::DataSpace memory(static_cast<int>(count.size()), count.data());
    H5::DataSpace target = dataset_.getSpace();
    target.selectHyperslab(H5S_SELECT_SET, count.data(), first.data());
    dataset_.write(buffer_.data(), native_type<T>(), memory, target);
    written_ = extent[0];
    buffer_.clear();
  }

 private:
  std::vector<hsize_t> row_;
  hsize_t row_size_ = 1;
  hsize_t written_ = 0;
  std::vector<T> buffer_;
  H5::DataSet dataset_;
};

}  // namespace glasswatch::hdf5
