// Feeds the pipeline with recorded environment streams, no further than each frame needs: just as a live
// stream would have by then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "daemon/pipeline/pipeline.h"
#include "detectors/environment_log.h"

namespace glasswatch {

/// A log, and the first series that it belongs to: it holds until the next one begins.
struct SeriesEnvironment {
  std::size_t first_series = 0;
  EnvironmentLog log;
};

/// What stands behind a frame's temperature depends on its own series only, whatever was analysed before: a
/// series that begins earlier than the last one ended has its log begin anew. One thread.
class LogFeed {
 public:
  /// `environments` in ascending order of first_series. Both outlive the feed.
  LogFeed(Pipeline& pipeline, const std::vector<SeriesEnvironment>& environments)
      : pipeline_(pipeline), environments_(environments) {}

  void begin_series(std::size_t series);

  /// Gives samples until the frame's temperature is settled, or there are no more.
  void advance(const Frame& frame);

 private:
  void begin_log();

  Pipeline& pipeline_;
  const std::vector<SeriesEnvironment>& environments_;
  const EnvironmentLog* log_ = nullptr;
  std::size_t next_ = 0;            // sample
  std::int64_t newest_utc_ns_ = 0;  // latest end of an exposure since the log began
  bool first_frame_ = false;
};

}  // namespace glasswatch
