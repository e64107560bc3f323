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
/// leaves its slot empty and forms no pair; a late one takes its slot. Frames that the camera reported as
/// badly transferred are left out. Memory: (max lag / period) frames as float32; refused with a reason when
/// over limits.memory_mib. One thread.
class EcmStage {
 public:
  EcmStage(const config::Configuration& configuration, const MaskImage& mask);

  void begin_series(const stream::SeriesStart& start);
  void process(const Frame& frame, result::Ecm& result);
  void describe(result::Setup& setup) const;

 private:
  void build(double period_s);

  const config::Configuration& configuration_;
  const MaskImage& mask_;
  stream::SeriesStart start_;
  std::string refused_;  // why there is no correlator; empty when there is or may be
  double period_s_ = 0;  // 0 = not known yet
  std::optional<FrameInfo> first_;
  std::vector<std::int64_t> lags_;
  std::optional<analysis::FieldCorrelator> correlator_;
};

}  // namespace glasswatch
