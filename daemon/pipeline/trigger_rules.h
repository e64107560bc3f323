// When a rule fires. Decides on published values only; sending commands is the daemon's work.
#pragma once

#include <cstdint>
#include <vector>

#include "protocol/schema/configuration.pb.h"
#include "protocol/schema/results.pb.h"

namespace glasswatch {

struct TriggerFiring {
  int rule = 0;                      // index in Configuration.trigger
  std::uint64_t first_sequence = 0;  // first frame of the run that confirmed it
  double value = 0;
};

/// Evaluates every rule on each frame result, in the order of the stream. The semantics are written at
/// config.TriggerRule. Late frames take no part. Time is the frames' own, so replay fires at the same frames.
/// One thread; no allocation unless a rule fires.
class TriggerRules {
 public:
  explicit TriggerRules(const config::Configuration& configuration);

  /// Appends what fires at this frame.
  void evaluate(const result::FrameResult& frame, std::vector<TriggerFiring>& firings);

  /// Confirmation starts anew (a gap, a new series).
  void interrupt();
  void reset();

 private:
  struct Run {
    std::uint32_t frames = 0;
    std::uint64_t first_sequence = 0;
    bool latched = false;  // fired, and not back beyond the hysteresis since
    bool fired = false;
    std::int64_t fired_utc_ns = 0;
  };
  double quantity(const config::TriggerRule& rule, const result::FrameResult& frame) const;

  const config::Configuration& configuration_;
  std::vector<Run> runs_;
};

}  // namespace glasswatch
