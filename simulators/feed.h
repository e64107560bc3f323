// A feed: one stream of messages in the order in which it must leave. The rule that joins two feeds is here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "simulators/message.h"

namespace glasswatch::simulation {

/// Where messages of one stream come from: a virtual instrument or a recording. Not thread-safe.
class Feed {
 public:
  virtual ~Feed() = default;

  /// When the next message is due, on the clock that paces both feeds (the camera's), UTC ns: a frame at the
  /// end of its exposure, a sample at its time, a start at the first exposure or sample. nullopt: nothing is
  /// to come.
  virtual std::optional<std::int64_t> due_utc_ns() = 0;

  /// What the stream's own clock, which stamps its messages, shows at that time.
  virtual std::int64_t stamp_utc_ns(std::int64_t due_utc_ns) const { return due_utc_ns; }

  /// The next message, complete but for sent_utc_ns. Only after due_utc_ns() gave a time.
  virtual Message take() = 0;

  /// Nothing more but the end of the series that is running, if one is.
  virtual void finish(stream::SeriesEnd::Reason reason, const std::string& note) = 0;
};

enum class Turn { kCamera, kEnvironment, kNone };

/// Whose message goes next. A frame goes once a sample at or after the end of its exposure has gone
/// (`environment_reached_utc_ns`: when the latest sample taken was due), so that whoever receives both in
/// order always holds the samples that bracket the frame.
Turn next_turn(std::optional<std::int64_t> camera_due, std::optional<std::int64_t> environment_due,
               std::int64_t environment_reached_utc_ns);

}  // namespace glasswatch::simulation
