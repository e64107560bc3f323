#include "daemon/pipeline/time_grid.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace glasswatch {
namespace {

constexpr double kFarthestSlot = 1e15;

}  // namespace

void TimeGrid::begin(double period_s) {
  period_s_ = period_s;
  reach_slots_ = 0;
  first_.reset();
  newest_slot_ = 0;
  doubtful_slot_.reset();
}

double TimeGrid::since_first_s(const FrameInfo& info) const {
  return 1e-9 * (static_cast<double>(info.exposure_start_utc_ns) -
                 static_cast<double>(first_->exposure_start_utc_ns));
}

void TimeGrid::observe(const FrameInfo& info) {
  if (!first_) {
    first_ = info;
  } else if (!known() && info.sequence > first_->sequence && since_first_s(info) > 0) {
    period_s_ = since_first_s(info) / static_cast<double>(info.sequence - first_->sequence);
  }
}

std::optional<std::int64_t> TimeGrid::slot_of(const FrameInfo& info) {
  const auto slot = static_cast<std::int64_t>(
      std::llround(std::clamp(since_first_s(info) / period_s_, -kFarthestSlot, kFarthestSlot)));
  if (std::abs(slot - newest_slot_) > reach_slots_) {
    const bool confirmed = doubtful_slot_ && std::abs(slot - *doubtful_slot_) <= reach_slots_;
    doubtful_slot_ = slot;
    if (!confirmed || slot < newest_slot_) return std::nullopt;
  }
  doubtful_slot_.reset();
  newest_slot_ = std::max(newest_slot_, slot);
  return slot;
}

}  // namespace glasswatch
