// Intensity correlation, live: frames into raw sums on the true time grid; sums into fits when they are asked
// for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/difference_noise.h"
#include "analysis/field_g2.h"
#include "analysis/fluctuation_skewness.h"
#include "analysis/parallel.h"
#include "analysis/speckle_count.h"
#include "analysis/two_time.h"
#include "daemon/pipeline/dynamics_fits.h"
#include "daemon/pipeline/halfway_sums.h"
#include "daemon/pipeline/running_sums.h"
#include "daemon/pipeline/time_grid.h"
#include "detectors/numpy/mask.h"
#include "protocol/schema/configuration.pb.h"
#include "protocol/schema/results.pb.h"
#include "protocol/schema/streams.pb.h"
#include "protocol/types/frame.h"

namespace glasswatch {

/// All that is known of the dynamics of one series. Left out and counted: frames that the camera reported as
/// badly transferred, a second frame in a slot, frames too late for the correlator, non-finite pixels, and a
/// frame whose time jumps far unless the next one confirms it. What the sums will need is known before they
/// are made, and refused with a reason when it is over limits.memory_mib.
///
/// Frames only add to the sums. fit() is the expensive part, and may run on any thread while nothing else
/// uses the object.
class EcmStage {
 public:
  /// `mask` and `labels` outlive it; labels as ecm.label_path says, or empty.
  EcmStage(const config::Configuration& configuration, const MaskImage& mask, const LabelImage& labels);

  void begin_series(std::uint64_t series_id, const stream::SeriesStart& start);
  /// Frames are waiting behind this one: g2 may be renewed later, in blocks.
  void set_behind(bool behind) { behind_ = behind; }
  /// `result` has the frame's temperature and mean counts, and gets its ecm part.
  void process(const Frame& frame, result::FrameResult& result, analysis::Parallel& parallel);

  /// Whether frames have come since the last fit().
  bool due() const { return sums_ != nullptr && frames_used_ > fitted_frames_; }
  /// Whether a series has begun: there is something to say at its end.
  bool has_series() const { return series_id_ != 0; }
  std::uint64_t series_id() const { return series_id_; }
  /// Fits, maps, uncertainties and tests of the frames so far.
  const result::Dynamics& fit(FitKind kind, analysis::Parallel& parallel);

  /// What the last fit() gave.
  const result::Dynamics& last() const { return dynamics_; }

  /// The null of the present fits, for another thread; nothing while there is none to be made.
  std::unique_ptr<NullMap> null_map() { return fits_.null_map(); }
  void install(const NullMap& done) { fits_.install(done); }

  void describe(result::Setup& setup) const;
  const std::string& refused() const { return refused_; }
  /// Counts the correlators built: a change means other lags.
  int revision() const { return revision_; }

 private:
  struct KeptFrame {
    FrameView view(const FrameView& like) const;
    void keep(std::int64_t its_slot, const FrameView& frame);
    void reset() { slot.reset(); }

    std::vector<std::byte> pixels;
    std::optional<std::int64_t> slot;
  };
  struct Interval {
    double low_c = 0, high_c = 0, sum_c = 0, opened_c = 0;
    std::uint64_t frames = 0;
  };

  void build();
  bool take(const Frame& frame, const result::FrameResult& result, analysis::Parallel& parallel);
  bool add(std::int64_t slot, const FrameView& frame, double mean_counts, analysis::Parallel& parallel);
  void keep_first(const Frame& frame, double mean_counts);
  void compare_with_last(std::int64_t slot, const FrameView& frame);
  void close_interval_if_over(const result::Temperature& temperature, analysis::Parallel& parallel);
  void follow_temperature(const result::Temperature& temperature);
  void renew_g2(analysis::Parallel& parallel);
  void write(result::Ecm& result) const;
  DynamicsEvidence evidence();

  const config::Configuration& configuration_;
  const config::Ecm& settings_;
  const MaskImage& mask_;
  const LabelImage& labels_;
  std::uint64_t series_id_ = 0;
  stream::SeriesStart start_;
  std::string refused_;  // why there are no sums; empty when there are or may be
  double memory_bytes_ = 0;
  double offset_counts_ = 0;
  bool behind_ = false;

  TimeGrid grid_;
  std::unique_ptr<RunningSums> sums_;
  std::optional<analysis::FieldG2> field_g2_;
  int lanes_ = 0;  // that field_g2_ is made for
  std::optional<analysis::SpeckleShape> shape_;
  std::optional<analysis::DifferenceNoise> noise_;
  std::optional<analysis::FluctuationSkewness> skewness_;
  std::optional<analysis::TwoTime> two_time_;
  HalfwaySums halfway_;
  DynamicsFits fits_;

  std::vector<std::byte> first_pixels_;  // while the period is not known
  std::optional<FrameInfo> first_;
  double first_mean_counts_ = 0;

  KeptFrame last_, before_last_;
  double reference_mean_counts_ = 0;  // of the first frame: dose 1

  std::vector<std::int64_t> slots_;  // of the frames in the sums
  Interval interval_;
  FrameInfo newest_;
  std::uint64_t frames_used_ = 0;  // of the series
  std::uint64_t frames_refused_ = 0;
  std::uint64_t fitted_frames_ = 0;
  std::uint64_t g2_frames_ = 0;
  int revision_ = 0;
  std::vector<double> g2_;
  result::Dynamics dynamics_;
};

}  // namespace glasswatch
