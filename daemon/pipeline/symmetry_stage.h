// Angular correlation per frame: knows configuration and calibration, leaves the numerics to analysis.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analysis/parallel.h"
#include "daemon/pipeline/symmetry_operator.h"
#include "detectors/numpy/mask.h"
#include "protocol/schema/configuration.pb.h"
#include "protocol/schema/results.pb.h"
#include "protocol/schema/streams.pb.h"
#include "protocol/types/frame.h"

namespace glasswatch {

/// The sum of patterns from which a calibration is estimated, counts above the camera's offset. A pixel that
/// is not finite in one of them is not finite in the sum. No allocation in add().
class PatternSum {
 public:
  void begin(int rows, int columns, double offset_counts);
  void add(const FrameView& frame);
  std::uint32_t frames() const { return frames_; }
  std::span<const float> sum() const { return sum_; }

 private:
  std::vector<float> sum_;
  double offset_counts_ = 0;
  std::uint32_t frames_ = 0;
};

/// A new operator in the making: by another calibration, other rows or other orders. run() touches nothing
/// else, so that it may take its time on another thread while frames go on under the present operator.
class SymmetryRebuild {
 public:
  void run(analysis::Parallel& parallel);
  /// Why the calibration could not be estimated; empty when it could, or stays as it is.
  const std::string& failure() const { return failure_; }

 private:
  friend class SymmetryStage;
  SymmetryInputs inputs_;
  std::optional<PatternSum> patterns_;  // absent: the calibration stays
  config::Calibration given_;
  std::vector<std::uint8_t> given_mask_;
  int lanes_ = 1;
  bool renewal_ = false;  // there is a calibration to keep when the new one fails
  std::string failure_;
  std::unique_ptr<SymmetryOperator> built_;  // null when the first estimate failed
};

/// Fills result.Symmetry of each frame. What the configuration does not give of the calibration is estimated
/// from the first patterns of each series (estimate { frames wait_s }); the caller holds them back while
/// wants_patterns(). No allocation per frame after the first. One thread; `parallel` shares the work of a
/// frame.
class SymmetryStage {
 public:
  SymmetryStage(const config::Configuration& configuration, const MaskImage& mask,
                analysis::Parallel& parallel);

  void begin_series(std::uint64_t series_id, const stream::SeriesStart& start);

  /// True from the start of a series until it is calibrated.
  bool wants_patterns() const { return pending_; }
  /// Whether these held patterns are enough.
  bool enough(std::span<const Frame> held) const;
  /// Calibrates with them; afterwards wants_patterns() is false, also when it failed.
  void calibrate(std::span<const Frame> held);

  void process(const FrameView& frame, result::Symmetry& result);

  /// Sums the next patterns up for a new calibration; rebuild() has it when there are enough.
  void request_calibration();
  /// Other rows or orders from the next frames on, as soon as the rebuild is done.
  void request(const config::Symmetry& settings) { wanted_ = settings; }
  /// What is to be built now, if anything. At most one at a time: install() it before the next.
  std::unique_ptr<SymmetryRebuild> rebuild();
  void install(SymmetryRebuild& done);
  void abandon_rebuild() { rebuilding_ = false; }
  /// This series cannot be analysed, and does not wait for patterns.
  bool failed() const { return !incompatible_.empty() && !pending_; }

  void describe(result::Setup& setup) const;
  const config::Symmetry& settings() const { return settings_; }
  /// Counts operators and states of calibration: a change means that describe() has something new to say.
  int revision() const { return revision_; }

 private:
  SymmetryInputs inputs_for(const stream::SeriesStart& start) const;
  void build(SymmetryInputs inputs);
  void fail(std::string reason);

  const config::Configuration& configuration_;
  const MaskImage& mask_;
  analysis::Parallel& parallel_;
  config::Symmetry settings_;     // in force
  SymmetryInputs series_inputs_;  // of the present series, before estimation
  std::string incompatible_;      // why frames of this series cannot be analysed; empty when they can
  result::Validity incompatible_validity_ = result::INCOMPATIBLE_FRAME;
  bool pending_ = false;
  bool rebuilding_ = false;
  std::optional<PatternSum> patterns_;  // while a new calibration is being gathered
  std::optional<config::Symmetry> wanted_;
  std::unique_ptr<SymmetryOperator> operator_;
  int revision_ = 0;
};

}  // namespace glasswatch
