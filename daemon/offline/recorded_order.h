// What the sequence numbers of a recorded series say: the same gaps and late frames that a live decoder
// finds.
#pragma once

#include <cstdint>
#include <optional>

#include "detectors/sequence_tracker.h"
#include "protocol/schema/streams.pb.h"
#include "protocol/types/frame.h"

namespace glasswatch {

/// Follows one series in the order of its frames. One thread.
class RecordedOrder {
 public:
  /// Numbers before `first_sequence` are not missed.
  RecordedOrder(std::uint64_t series_id, std::uint64_t first_sequence);

  enum class Arrival : std::uint8_t { kUse, kRepeated };  // a repeated frame must not be used

  /// Books the frame and marks it when it is late. `gap` is what is missing before it.
  Arrival arrive(FrameInfo& frame, std::optional<Gap>& gap);

  /// What is missing behind the last frame.
  std::optional<Gap> finish(const stream::SeriesEnd& end);

 private:
  SequenceTracker::Outcome book(std::uint64_t sequence);

  std::uint64_t series_id_;
  SequenceTracker tracker_;
};

}  // namespace glasswatch
