#include "detectors/stream_decoder.h"

#include "protocol/configuration/text.h"

namespace glasswatch {

void StreamDecoder::decode(MessageParts parts, std::int64_t received_utc_ns, std::vector<StreamItem>& items) {
  ++counters_.received;
  wire::Rejection rejection = wire::Rejection::kNone;
  const auto is_topic = [&](std::span<const std::byte> part) {
    return std::string_view(reinterpret_cast<const char*>(part.data()), part.size()) == topic();
  };
  if (parts.size() < 2 || parts.size() > 3 || !is_topic(parts[0])) {
    detail_ = text::concatenate("message of ", parts.size(), " parts (expected topic \"", topic(),
                                "\", header", " and, for frames, pixels)");
    rejection = wire::Rejection::kParts;
  } else {
    rejection = wire::decode_header(parts[1], limits_, message_, detail_);
    const bool heartbeat = message_.body_case() == stream::StreamMessage::kHeartbeat;
    if (rejection == wire::Rejection::kHeader || rejection == wire::Rejection::kLimit)
      refused(message_, items);
    if (rejection == wire::Rejection::kNone && !heartbeat) {
      rejection = handle(message_, parts.subspan(2), received_utc_ns, items);
    }
  }
  if (rejection != wire::Rejection::kNone) ++counters_.rejected.at(static_cast<std::size_t>(rejection));
  counters_.lost = tracker_.lost();
}

bool StreamDecoder::in_sequence(std::uint64_t series_id, std::uint64_t sequence,
                                std::vector<StreamItem>& items, bool& late, wire::Rejection& rejection) {
  const SequenceTracker::Outcome outcome = tracker_.arrive(sequence);
  late = outcome.arrival == SequenceTracker::Arrival::kLate;
  switch (outcome.arrival) {
    case SequenceTracker::Arrival::kNext:
      return true;
    case SequenceTracker::Arrival::kAfterGap:
      items.emplace_back(Gap{series_id, outcome.first_skipped, outcome.skipped, Gap::Cause::kLost});
      return true;
    case SequenceTracker::Arrival::kLate:
      ++counters_.late;
      return true;
    case SequenceTracker::Arrival::kDuplicate:
      ++counters_.duplicate;
      return false;
    case SequenceTracker::Arrival::kImplausible:
      break;
  }
  detail_ = text::concatenate("sequence ", sequence, " is more than a million ahead");
  rejection = wire::Rejection::kHeader;
  return false;
}

void StreamDecoder::finish_sequence(std::uint64_t series_id, std::uint64_t count,
                                    std::vector<StreamItem>& items) {
  const SequenceTracker::Outcome tail = tracker_.finish(count);
  if (tail.skipped > 0)
    items.emplace_back(Gap{series_id, tail.first_skipped, tail.skipped, Gap::Cause::kLost});
}

}  // namespace glasswatch
