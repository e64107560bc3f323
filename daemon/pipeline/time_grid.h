// The slots of a series' true time grid, so that a lag is a time and not a number of frames.
#pragma once

#include <cstdint>
#include <optional>

#include "protocol/types/frame.h"

namespace glasswatch {

/// Slot of a frame = its exposure's start, since the first frame's, in frame periods, rounded. A lost frame
/// leaves its slot empty. A frame whose time jumps by more than reach_slots is believed when the next one
/// confirms the jump: a pause does, a broken stamp does not. One thread.
class TimeGrid {
 public:
  /// A series begins. period_s 0 = not known: then it follows from the first two frames' sequence numbers.
  void begin(double period_s);
  /// Looks at a frame before slot_of(): sets the origin, and the period once it can be known.
  void observe(const FrameInfo& info);

  bool known() const { return period_s_ > 0; }
  double period_s() const { return period_s_; }
  void set_reach(std::int64_t slots) { reach_slots_ = slots; }

  /// Nothing for a frame that is not believed.
  std::optional<std::int64_t> slot_of(const FrameInfo& info);

 private:
  double since_first_s(const FrameInfo& info) const;

  double period_s_ = 0;
  std::int64_t reach_slots_ = 0;
  std::optional<FrameInfo> first_;
  std::int64_t newest_slot_ = 0;
  std::optional<std::int64_t> doubtful_slot_;  // far from all others
};

}  // namespace glasswatch
