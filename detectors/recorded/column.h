// One growing column of a table.
#pragma once

#include <H5Cpp.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "detectors/recorded/attributes.h"

namespace glasswatch::recorded {

/// Values are added in memory, and reach the file with write(). The newest stay in memory for set(). Not
/// compressed: a chunk that is being filled can then be written over in its place. Throws H5::Exception.
template <typename T>
class Column {
 public:
  Column(const H5::H5File& file, const std::string& path, const std::string& units,
         const std::string& long_name, T missing = {}) {
    constexpr hsize_t kRowsPerChunk = 1024;
    constexpr hsize_t kNone = 0;
    constexpr hsize_t kEndless = H5S_UNLIMITED;
    H5::DSetCreatPropList properties;
    properties.setChunk(1, &kRowsPerChunk);
    properties.setFillValue(native_type<T>(), &missing);
    dataset_ = file.createDataSet(path, native_type<T>(), H5::DataSpace(1, &kNone, &kEndless), properties);
    label(dataset_, units, long_name);
  }

  void add(T value) { values_.push_back(value); }

  /// Changes a value that was added before.
  void set(std::uint64_t row, T value) {
    if (row < first_) return write_values(row, &value, 1);
    values_[row - first_] = value;
    unwritten_ = std::min(unwritten_, row);
  }

  void write() {
    const hsize_t rows = first_ + values_.size();
    if (unwritten_ == rows) return;
    dataset_.extend(&rows);
    write_values(unwritten_, values_.data() + (unwritten_ - first_), rows - unwritten_);
    unwritten_ = rows;
    constexpr std::size_t kKept = 4096;
    if (values_.size() < 2 * kKept) return;
    first_ = rows - kKept;
    values_.erase(values_.begin(), values_.end() - kKept);
  }

  H5::DataSet& dataset() { return dataset_; }

 private:
  void write_values(hsize_t first, const T* values, hsize_t count) {
    const H5::DataSpace target = dataset_.getSpace();
    target.selectHyperslab(H5S_SELECT_SET, &count, &first);
    dataset_.write(values, native_type<T>(), H5::DataSpace(1, &count), target);
  }

  std::uint64_t first_ = 0;      // row of values_[0]
  std::uint64_t unwritten_ = 0;  // first row that the file does not hold as it is here
  std::vector<T> values_;
  H5::DataSet dataset_;
};

}  // namespace glasswatch::recorded
