// Intensity correlation of the field: puts frames on the true time grid of their series.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analysis/field_correlator.h"
#include "detectors/numpy/mask.h"
#include "protocol/schema/configuration.pb.h"
#include "protocol/schema/results.pb.h"
#include "protocol/schema/streams.pb.h"
#include "protocol/types/frame.h"

namespace glasswatch {

/// Running g2 of the whole unmasked field, anew for each series. The grid's step is the series' frame period
/// (from the stream, else from acquisition.frame_period_s, else from the first two frames). A lost frame
/// leaves its slot empty and forms no pair; a late one takes its slot. Left out and counted: frames that
/// the camera reported as badly transferred, a second frame in a slot, non-finite pixels, and a frame whose
/// time jumps by more than the longest lag unless the next one confirms it (a pause does, a broken stamp does
/// not). Memory: (max lag / period) frames as float32; refused with a reason when over limits.memory_mib. One
/// thread.
class EcmStage {
 public:
  EcmStage(const config::Configuration& configuration, const MaskImage& mask);

  void begin_series(const stream::SeriesStart& start);
  void process(const Frame& frame, result::Ecm& result);
  void describe(result::Setup& setup) const;
  /// Counts the correlators built: a change means other lags.
  int revision() const { return revision_; }

 private:
  void build(double period_s);
  bool add(const Frame& frame);
  void keep_first(const Frame& frame);

  const config::Configuration& configuration_;
  const MaskImage& mask_;
  stream::SeriesStart start_;
  std::string refused_;  // why there is no correlator; empty when there is or may be
  double period_s_ = 0;  // 0 = not known yet
  std::optional<FrameInfo> first_;
  std::vector<std::byte> first_pixels_;  // while the period is not known
  std::int64_t newest_slot_ = 0;
  std::optional<std::int64_t> doubtful_slot_;  // far from all others; believed when the next frame is near it
  std::uint64_t refused_frames_ = 0;
  int revision_ = 0;
  std::vector<std::int64_t> lags_;
  std::optional<analysis::FieldCorrelator> correlator_;
};

}  // namespace glasswatch
