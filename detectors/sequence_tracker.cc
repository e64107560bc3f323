#include "detectors/sequence_tracker.h"

#include <algorithm>

namespace glasswatch {
namespace {

constexpr std::size_t kMaxHoles = 1024;
constexpr std::uint64_t kMaxJump = 1'000'000;

}  // namespace

void SequenceTracker::begin(std::uint64_t next) {
  next_ = next;
  implausible_next_ = 0;
  holes_.clear();
}

SequenceTracker::Outcome SequenceTracker::arrive(std::uint64_t sequence) {
  if (sequence == next_) {
    ++next_;
    return {Arrival::kNext};
  }
  if (sequence > next_) {
    if (sequence - next_ > kMaxJump && sequence != implausible_next_) {
      implausible_next_ = sequence + 1;
      return {Arrival::kImplausible};
    }
    const Outcome outcome{Arrival::kAfterGap, next_, sequence - next_};
    remember({next_, sequence - 1});
    lost_ += outcome.skipped;
    next_ = sequence + 1;
    return outcome;
  }
  if (fill(sequence)) {
    --lost_;
    return {Arrival::kLate};
  }
  return {Arrival::kDuplicate};
}

SequenceTracker::Outcome SequenceTracker::finish(std::uint64_t count) {
  if (count <= next_ || count - next_ > kMaxJump) return {Arrival::kNext};
  const Outcome outcome{Arrival::kAfterGap, next_, count - next_};
  lost_ += outcome.skipped;
  next_ = count;
  return outcome;
}

bool SequenceTracker::fill(std::uint64_t sequence) {
  const auto hole = std::find_if(holes_.begin(), holes_.end(),
                                 [&](const Hole& h) { return h.first <= sequence && sequence <= h.last; });
  if (hole == holes_.end()) return false;
  const Hole above{sequence + 1, hole->last};
  if (sequence == hole->first) {
    hole->first = sequence + 1;
    if (hole->first > hole->last) holes_.erase(hole);
  } else {
    hole->last = sequence - 1;
    if (above.first <= above.last) holes_.insert(hole + 1, above);
  }
  return true;
}

void SequenceTracker::remember(Hole hole) {
  if (holes_.size() >= kMaxHoles) holes_.erase(holes_.begin());
  holes_.push_back(hole);
}

}  // namespace glasswatch
