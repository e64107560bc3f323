// The last seconds before a trigger, compressed, in memory.
#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <vector>

#include "protocol/types/frame.h"

namespace glasswatch {

/// Keeps frames for `span_s` of exposure time, as long as they fit `budget_bytes`; the oldest leave first.
/// One thread.
class PretriggerRing {
 public:
  struct Entry {
    FrameInfo info;
    std::vector<std::byte> compressed;
  };

  PretriggerRing(double span_s, std::size_t budget_bytes) : span_s_(span_s), budget_bytes_(budget_bytes) {}

  /// Frames come in the order of arrival; a late one is kept by its place, and leaves with it. `compressed`
  /// is copied, into memory of just its size.
  void add(const FrameInfo& info, std::span<const std::byte> compressed);

  bool empty() const { return entries_.empty(); }
  Entry& oldest() { return entries_.front(); }
  void drop_oldest();
  void clear();

  std::size_t frames() const { return entries_.size(); }
  std::size_t bytes() const { return bytes_; }
  /// From the oldest frame's start to the newest one's end.
  double span_s() const;

 private:
  const double span_s_;
  const std::size_t budget_bytes_;
  std::size_t bytes_ = 0;
  std::deque<Entry> entries_;
};

}  // namespace glasswatch
