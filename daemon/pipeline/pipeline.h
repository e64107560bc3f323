// The pipeline: one frame in, one result out. The live daemon and the offline analyser run this same class;
// it knows no socket, thread or clock.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/parallel.h"
#include "daemon/pipeline/ecm_stage.h"
#include "daemon/pipeline/scan_map.h"
#include "daemon/pipeline/symmetry_stage.h"
#include "daemon/pipeline/temperature_stage.h"
#include "daemon/pipeline/tiles_stage.h"
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
///
/// While a series has no calibration, its frames are held back; they are analysed, in order, when it has one.
/// Kernels share their work through `parallel`; results do not depend on its lanes.
class Pipeline {
 public:
  /// Called for every frame that has been analysed, in order; firings() and the maps are those of this frame.
  using Deliver = std::function<void(const Frame&, const result::FrameResult&)>;

  /// `configuration` must be valid (load_configuration). `mask` as calibration.mask_path says, or empty;
  /// `labels` as ecm.label_path. `parallel` outlives the pipeline; absent: one lane.
  Pipeline(config::Configuration configuration, MaskImage mask, analysis::Parallel* parallel = nullptr,
           LabelImage labels = {});
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

  /// Analyses the frame, or holds it back until the series is calibrated; then all that are held.
  void take(Frame frame, const Deliver& deliver);
  /// Analyses what is held back with what there is: at the end of a series, or before it is given up.
  void release(const Deliver& deliver);

  /// Analyses a frame at once, whatever the state of the calibration. The result is valid until the next
  /// call.
  const result::FrameResult& process(const Frame& frame);

  /// What fired at the last processed frame.
  const std::vector<TriggerFiring>& firings() const { return firings_; }

  /// Axes, calibration and configuration; complete once a series has begun and is calibrated.
  result::Setup setup() const;
  /// Changes when setup() has something new to say.
  int setup_revision() const;

  /// The growing map of a scan; null where there is no symmetry section.
  ScanMap* scan_map() { return configuration_.has_symmetry() ? &scan_map_ : nullptr; }
  /// The tiles' map of the last processed frame; null when it was not its turn.
  const result::MapUpdate* tile_map() const { return fresh_tiles_ ? &tiles_->map() : nullptr; }

  /// The dynamics of the series; null where there is no ecm section.
  EcmStage* dynamics() { return ecm_.get(); }
  /// Hands the dynamics of a series that has ended to somebody who fits them on another thread, before this
  /// pipeline ends; the next series begins with a fresh one. Null where dynamics() is.
  std::unique_ptr<EcmStage> release_dynamics();
  /// Frames are waiting: what does not have to be done for each may wait too. Live sources only.
  void set_behind(bool behind);

  /// A new calibration from the next patterns, or other rows and orders. The work is in rebuild(), which may
  /// run on any thread, and takes effect with install().
  void request_calibration();
  void request_symmetry(const config::Symmetry& settings);
  std::unique_ptr<SymmetryRebuild> rebuild();
  void install(SymmetryRebuild& done);
  void abandon_rebuild();  // after an exception of its work

  const config::Configuration& configuration() const { return configuration_; }
  const TemperatureStage& temperature() const { return temperature_; }

  /// Forgets running statistics; configuration and clocks stay.
  void reset();

 private:
  void describe(const Frame& frame);

  void note_rows();
  void adopt_settings();
  void write_configuration();

  config::Configuration configuration_;  // rows and orders change on request, all else stays
  const MaskImage mask_;
  const LabelImage labels_;
  analysis::Serial serial_;
  analysis::Parallel& parallel_;
  std::string configuration_text_;
  std::uint64_t configuration_digest_ = 0;
  std::optional<SeriesStarted> series_;
  bool gap_before_ = false;

  TemperatureStage temperature_;
  std::optional<SymmetryStage> symmetry_;
  std::optional<TilesStage> tiles_;
  std::unique_ptr<EcmStage> ecm_;
  ScanMap scan_map_;
  std::vector<Frame> held_;
  int noted_revision_ = 0;
  bool fresh_tiles_ = false;
  TriggerRules rules_;

  result::FrameResult result_;
  std::vector<TriggerFiring> firings_;
};

}  // namespace glasswatch
