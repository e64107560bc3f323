#include "daemon/recording/pretrigger_ring.h"

#include <algorithm>

namespace glasswatch {

void PretriggerRing::add(const FrameInfo& info, std::span<const std::byte> compressed) {
  entries_.push_back({info, {compressed.begin(), compressed.end()}});
  bytes_ += compressed.size();
  while (!entries_.empty() && (bytes_ > budget_bytes_ || (span_s() > span_s_ && entries_.size() > 1))) {
    drop_oldest();
  }
}

void PretriggerRing::drop_oldest() {
  bytes_ -= entries_.front().compressed.size();
  entries_.pop_front();
}

void PretriggerRing::clear() {
  entries_.clear();
  bytes_ = 0;
}

double PretriggerRing::span_s() const {
  if (entries_.empty()) return 0;
  return static_cast<double>(entries_.back().info.exposure_end_utc_ns -
                             entries_.front().info.exposure_start_utc_ns) *
         1e-9;
}

}  // namespace glasswatch
