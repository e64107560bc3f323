// What the sequence numbers of one series say about loss, repetition and order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace glasswatch {

/// Follows the sequence numbers of one series. A number that is skipped counts as lost until it arrives after
/// all, when it counts as late instead; so `lost` is what is missing now. Not thread-safe. Memory is bounded:
/// only the newest 1024 holes are remembered, and what arrives for a forgotten hole counts as a duplicate.
class SequenceTracker {
 public:
  enum class Arrival : std::uint8_t {
    kNext,         // the number expected
    kAfterGap,     // later than expected: `skipped` numbers are missing before it
    kLate,         // fills a hole
    kDuplicate,    // seen before
    kImplausible,  // a jump of more than a million; believed only if the next message goes on from there
  };
  struct Outcome {
    Arrival arrival;
    std::uint64_t first_skipped = 0;
    std::uint64_t skipped = 0;
  };

  /// Starts a series whose next number is `next`; earlier numbers were sent before we listened and are not
  /// lost.
  void begin(std::uint64_t next);

  Outcome arrive(std::uint64_t sequence);

  /// The source says it sent numbers 0 .. count-1; what is missing at the end counts as lost. Returns that
  /// tail.
  Outcome finish(std::uint64_t count);

  std::uint64_t lost() const { return lost_; }  // of all series since construction

 private:
  struct Hole {
    std::uint64_t first;
    std::uint64_t last;
  };
  bool fill(std::uint64_t sequence);
  void remember(Hole hole);

  std::uint64_t next_ = 0;
  std::uint64_t implausible_next_ = 0;
  std::uint64_t lost_ = 0;
  std::vector<Hole> holes_;  // ascending, disjoint
};

}  // namespace glasswatch
