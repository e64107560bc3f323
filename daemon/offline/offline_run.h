// The daemon's pipeline over recorded series, as fast as it goes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/offline/log_feed.h"
#include "daemon/offline/result_sink.h"
#include "daemon/pipeline/pipeline.h"
#include "daemon/pipeline/trigger_rules.h"
#include "daemon/workers.h"
#include "detectors/recording.h"

namespace glasswatch {

/// A series to be analysed.
struct OfflineSeries {
  std::string name;  // for messages
  std::unique_ptr<Recording> recording;
  std::uint64_t series_id = 0;       // of its results
  std::uint64_t first_sequence = 0;  // frames before it are not missing
};

/// Analyses series after series, in the frames' recorded order. Gaps, late frames and temperatures are those
/// that the daemon would find in the same stream, so that both give the same numbers to the bit. One thread,
/// beside the workers that share the work of a frame.
class OfflineRun {
 public:
  struct Totals {
    std::uint64_t frames = 0;
    std::uint64_t without_temperature = 0;
    std::uint64_t fired = 0;  // trigger events
  };
  struct Watch {
    std::function<void(const std::string& message)> warn;
    std::function<void()> frame_done;                    // for every frame that was read
    std::function<bool()> stop;                          // asked before every frame
    std::function<void(const std::string& work)> phase;  // what is begun that takes time
  };

  /// `configuration` must be valid. `environments` as LogFeed takes them.
  OfflineRun(const config::Configuration& configuration, MaskImage mask, LabelImage labels, int lanes,
             std::vector<SeriesEnvironment> environments, Watch watch);
  OfflineRun(const OfflineRun&) = delete;
  OfflineRun& operator=(const OfflineRun&) = delete;

  /// False when it was stopped before the end; the sink then has all frames so far, but no maps and no
  /// dynamics. Throws InputError when a frame cannot be read.
  bool analyse(std::size_t index, OfflineSeries& series, ResultSink& sink);

  /// Counts a result that an earlier run found. Series go in their order, recalled or analysed.
  void recall(std::size_t index, const result::FrameResult& frame) { count(index, frame); }

  result::Setup setup() const { return pipeline_.setup(); }
  const Totals& totals() const { return totals_; }

 private:
  void warn_of_setup(const std::string& name);
  bool take_frames(std::size_t index, OfflineSeries& series, ResultSink& sink);
  void hand_over_maps(ResultSink& sink);
  void count(std::size_t index, const result::FrameResult& frame);

  Workers workers_;
  Pipeline pipeline_;
  std::vector<SeriesEnvironment> environments_;
  LogFeed feed_;
  Watch watch_;
  Totals totals_;
  // Counts what fires from the results alone, so that results of an earlier run count as the pipeline's own
  // would.
  TriggerRules rules_;
  std::size_t counted_series_ = 0;
  std::vector<TriggerFiring> firings_;
};

}  // namespace glasswatch
