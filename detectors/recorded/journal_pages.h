// The journal of a recording as pages of a dataset.
#pragma once

#include <H5Cpp.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "detectors/recorded/block.h"
#include "detectors/recorded/block_array.h"
#include "protocol/schema/recording.pb.h"

namespace glasswatch::recorded {

/// Appends records; the layout is in recorded_layout.h. A page that is flushed before it is full is padded
/// with zeros and never touched again: a chunk of another length would have to move, which leaves a hole in
/// the file and a moment at which readers find neither; the zeros shrink to about a hundred bytes. Throws
/// H5::Exception.
class JournalPages {
 public:
  JournalPages(const H5::H5File& file, std::uint64_t file_id);

  void add(const recording::Record& record);

  /// Writes what no page holds yet, as one page.
  void flush();

  std::uint64_t records() const { return records_; }
  std::uint64_t bytes() const { return bytes_; }  // of all pages so far, as stored
  H5::DataSet& dataset() { return pages_.dataset(); }

 private:
  void write_page(std::span<const std::byte> used);

  std::uint64_t file_id_;
  BlockArray pages_;
  BlockEncoder encoder_;
  std::vector<std::byte> waiting_;
  std::vector<std::byte> page_;
  std::vector<std::byte> block_;
  std::deque<std::uint64_t> starts_;  // of records that begin at or after written_, in bytes of the stream
  std::uint64_t written_ = 0;         // bytes of the stream that pages hold
  std::uint64_t records_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace glasswatch::recorded
