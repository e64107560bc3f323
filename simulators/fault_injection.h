// Faults put on purpose between a feed and its publisher, to prove what receivers do about them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "protocol/schema/scenario.pb.h"
#include "simulators/message.h"

namespace glasswatch::simulation {

/// The faults of one stream, and the messages that leave late because of them.
///
/// When: each `sequence` once, at the first frame or sample with that number (as the instrument counts); each
/// `at_s` once, at the first one due so many seconds after the start; with probability `rate` at each one.
/// Randomness is addressed by the count of frames or samples, so it does not depend on speed. A message hit
/// by several faults gets the first listed; the others are used up.
///
/// What:
/// - LOSE: not sent.
/// - DUPLICATE: sent twice.
/// - SWAP_WITH_NEXT: sent after its successor (or before the end of the series, if there is none).
/// - OVERSIZE: a frame has one row of pixels more than its header says, a sample has pixels.
/// - WRONG_HEADER: a frame's header says one row more than the series start, a sample's a future schema.
/// - GARBAGE: header bytes that are no message.
/// - TRUNCATE: the second half is missing, of a frame's pixels, of a sample's header.
/// - NAN_TEMPERATURE: of a sample.
/// - FROZEN_TEMPERATURE: for duration_s samples repeat the temperature of the sample before.
/// - CLOCK_STEP: this and all later stamps of the stream are step_s later.
/// - RESTART_SEQUENCE: this is number 0, and the next ones count from there to the end of the series.
/// - DELAY: leaves duration_s late, after its successors, but before the end of its series.
/// - STALL: nothing leaves for duration_s, then everything at once.
/// - DISCONNECT: nobody is connected for duration_s; this is the first message that is lost.
///
/// Starts and ends of series are no targets; what lasts (a stall, a clock, a count) changes them with the
/// rest.
///
/// Times are stream times (when messages are due), so that without pacing the order is the same. At most 256
/// MiB are held back: beyond that everything leaves, with a line on stderr.
class FaultInjector {
 public:
  FaultInjector(const scenario::Scenario& scenario, scenario::Fault::Stream stream,
                std::int64_t start_utc_ns);

  /// Takes in the next message of the stream. What comes of it leaves by release().
  void accept(Message message, std::int64_t due_utc_ns);

  /// The stream has nothing more to come, without an end of series: what waited for a successor leaves.
  void settle(std::int64_t now_utc_ns);

  /// When the next message leaves: at once where that is not above the present. nullopt: none is held.
  std::optional<std::int64_t> leaves_utc_ns() const;

  /// The next message that leaves; only after leaves_utc_ns() gave a time.
  Message release();

  /// A stalled stream sends nothing, not even heartbeats.
  bool stalled(std::int64_t now_utc_ns) const { return now_utc_ns < stalled_until_utc_ns_; }

  /// The stream is to be disconnected until then; in the past: it is not.
  std::int64_t disconnected_until_utc_ns() const { return disconnected_until_utc_ns_; }

  /// To be added to every stamp from now on; those inside accepted messages have it.
  std::int64_t clock_step_ns() const { return clock_step_ns_; }

 private:
  struct Plan {
    scenario::Fault fault;
    std::uint64_t index = 0;  // in the scenario's list
    std::set<std::uint64_t> sequences;
    std::vector<std::int64_t> times_utc_ns;
  };

  const scenario::Fault* fault_of(const Message& message, std::int64_t due_utc_ns);
  bool hits(Plan& plan, const Message& message, std::int64_t due_utc_ns) const;
  void begin(const scenario::Fault& fault, const Message& message, std::int64_t due_utc_ns);
  void apply_lasting(Message& message, std::int64_t due_utc_ns);
  void leave(Message message, std::int64_t when_utc_ns);
  void leave_by(std::int64_t when_utc_ns);

  std::uint64_t seed_;
  std::vector<Plan> plans_;
  std::uint64_t count_ = 0;  // of frames or samples accepted

  std::optional<Message> swapped_;
  std::multimap<std::int64_t, Message> leaving_;  // by time; equal times in order of arrival
  std::size_t held_bytes_ = 0;

  std::int64_t stalled_until_utc_ns_;
  std::int64_t disconnected_until_utc_ns_;
  std::int64_t clock_step_ns_ = 0;
  std::uint64_t series_id_ = 0;
  std::uint64_t restarted_at_ = 0;  // number that became 0
  std::int64_t frozen_until_utc_ns_;
  double frozen_c_ = 0;
  std::optional<double> previous_c_;
};

}  // namespace glasswatch::simulation
