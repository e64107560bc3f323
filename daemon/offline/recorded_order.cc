#include "daemon/offline/recorded_order.h"

namespace glasswatch {

using Booked = SequenceTracker::Arrival;

RecordedOrder::RecordedOrder(std::uint64_t series_id, std::uint64_t first_sequence) : series_id_(series_id) {
  tracker_.begin(first_sequence);
}

// A jump of more than a million is believed when the next number goes on from there. A recorded frame was
// believed when it came: the number before it, of a frame that nobody has, is its witness.
SequenceTracker::Outcome RecordedOrder::book(std::uint64_t sequence) {
  const SequenceTracker::Outcome outcome = tracker_.arrive(sequence);
  if (outcome.arrival != Booked::kImplausible) return outcome;
  tracker_.arrive(sequence - 1);
  return tracker_.arrive(sequence);
}

RecordedOrder::Arrival RecordedOrder::arrive(FrameInfo& frame, std::optional<Gap>& gap) {
  gap.reset();
  const SequenceTracker::Outcome outcome = book(frame.sequence);
  if (outcome.arrival == Booked::kDuplicate) return Arrival::kRepeated;
  if (outcome.arrival == Booked::kLate) frame.flags |= kFlagLate;
  if (outcome.arrival == Booked::kAfterGap) {
    gap = Gap{series_id_, outcome.first_skipped, outcome.skipped, Gap::Cause::kLost};
  }
  return Arrival::kUse;
}

std::optional<Gap> RecordedOrder::finish(const stream::SeriesEnd& end) {
  const SequenceTracker::Outcome tail = tracker_.finish(end.count());
  if (tail.skipped == 0) return std::nullopt;
  return Gap{series_id_, tail.first_skipped, tail.skipped, Gap::Cause::kLost};
}

}  // namespace glasswatch
