// The pipeline: one frame in, one result out. The live daemon and the offline analyser run this same class;
// it knows no socket, thread or clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/pipeline/ecm_stage.h"
#include "daemon/pipeline/symmetry_stage.h"
#include "daemon/pipeline/temperature_stage.h"
#include "daemon/pipeline/trigger_rules.h"
#include "detectors/numpy/mask.h"
#include "detectors/stream_decoder.h"
#include "protocol/schema/configuration.pb.h"
#include "protocol/schema/results.pb.h"

namespace glasswatch {

/// Runs every configured stage over the items of a camera and an environment stream. One thread. The result
/// of a frame depends only on the items given before it, in their order within each stream, once ready() says
/// yes: so live, replayed and offline runs over the same items agree to the bit. No allocation per frame
/// after the first frames of a series (frames that fire a rule aside).
class Pipeline {
 public:
  /// `configuration` must be valid (load_configuration). `mask` as calibration.mask_path says, or empty.
  Pipeline(config::Configuration configuration, MaskImage mask);
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  void begin_series(const SeriesStarted& item);
  void begin_environment(const EnvironmentStarted& item) { temperature_.begin_environment(item.start); }
  void add_environment(const EnvironmentSampled& item) { temperature_.add(item); }
  void end_environment() { temperature_.end_environment(); }
  void gap(const Gap& gap);

  /// Learns from the stamps of a frame that has arrived but not been processed.
  void observe(const Frame& frame) { temperature_.observe(frame.info); }
  /// Whether the frame's temperature is settled, so that it may be processed now.
  bool ready(const Frame& frame) const { return temperature_.settled(frame.info); }

  /// Analyses a frame. The result is valid until the next call.
  const result::FrameResult& process(const Frame& frame);

  /// What fired at the last processed frame.
  const std::vector<TriggerFiring>& firings() const { return firings_; }

  /// Axes and configuration; complete once a series has begun.
  result::Setup setup() const;
  const config::Configuration& configuration() const { return configuration_; }
  const TemperatureStage& temperature() const { return temperature_; }

  /// Forgets running statistics; configuration and clocks stay.
  void reset();

 private:
  void describe(const Frame& frame);

  const config::Configuration configuration_;
  const MaskImage mask_;
  const std::string configuration_text_;
  const std::uint64_t configuration_digest_;
  std::optional<SeriesStarted> series_;
  bool gap_before_ = false;

  TemperatureStage temperature_;
  std::optional<SymmetryStage> symmetry_;
  std::optional<EcmStage> ecm_;
  TriggerRules rules_;

  result::FrameResult result_;
  std::vector<TriggerFiring> firings_;
};

}  // namespace glasswatch
