// Angular correlation per frame: knows the configuration, leaves the numerics to analysis.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "analysis/angular_correlation.h"
#include "analysis/polar.h"
#include "detectors/numpy/mask.h"
#include "protocol/schema/configuration.pb.h"
#include "protocol/schema/results.pb.h"
#include "protocol/schema/streams.pb.h"
#include "protocol/types/pixels.h"

namespace glasswatch {

/// Fills result.Symmetry of each frame. The polar operator is built when a series brings a new frame geometry
/// (seconds for 4096^2), and kept while it stays. No allocation per frame after the first. One thread.
class SymmetryStage {
 public:
  SymmetryStage(const config::Configuration& configuration, const MaskImage& mask);

  void begin_series(const stream::SeriesStart& start);
  void process(const FrameView& frame, result::Symmetry& result);
  void describe(result::Setup& setup) const;

 private:
  const config::Configuration& configuration_;
  const MaskImage& mask_;
  int rows_ = 0;  // of the geometry that polar_ was built for
  int columns_ = 0;
  std::string incompatible_;  // why frames of this series cannot be analysed; empty when they can
  std::unique_ptr<analysis::PolarTransform> polar_;
  analysis::AngularCorrelation correlation_;
  std::vector<double> polar_image_;
  std::vector<std::uint8_t> in_ring_;
};

}  // namespace glasswatch
