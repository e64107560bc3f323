// Everything that turns one pattern of a given geometry into its symmetry: built once, used for every frame.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "analysis/angular_correlation_rows.h"
#include "analysis/center_tracker.h"
#include "analysis/mask_effect.h"
#include "analysis/motif_scan.h"
#include "analysis/noise_floor.h"
#include "analysis/parallel.h"
#include "analysis/polar.h"
#include "analysis/ring_statistics.h"
#include "protocol/schema/configuration.pb.h"
#include "protocol/schema/results.pb.h"
#include "protocol/types/pixels.h"

namespace glasswatch {

/// What an operator is made of: values only, so that it may be built on any thread.
struct SymmetryInputs {
  config::Symmetry settings;
  int rows = 0;  // of the frame
  int columns = 0;
  std::vector<std::uint8_t> mask;   // rows * columns, non-zero = ignore; or empty
  result::Calibration calibration;  // in force; NaN = unknown
  bool disc_is_given = false;       // calibration.disc_radius_px is the configuration's, not an estimate
  double k_per_px_inv_nm = 0;       // NaN = unknown
  double read_noise_counts = 0;
  double blur_sigma_px = 0;
};

/// The polar operator with all that follows it: correlation, noise floor, ring statistics, motif scan,
/// centre. Building takes some tenths of a second at 1024 x 1024; process() allocates nothing after the first
/// frame. One thread calls it; `parallel` shares its work.
class SymmetryOperator {
 public:
  SymmetryOperator(SymmetryInputs inputs, int lanes, analysis::Parallel& parallel);

  void process(const FrameView& frame, result::Symmetry& result, analysis::Parallel& parallel);

  /// Polar image only, above the camera's offset: (K, P). For estimates that come before the statistics.
  void polar_image(const FrameView& frame, std::span<double> polar, analysis::Parallel& parallel) const;

  /// The same geometry serves another series: the centre's drift starts anew.
  void begin_series(std::uint64_t series_id);

  void describe(result::Setup& setup) const;
  const SymmetryInputs& inputs() const { return inputs_; }
  const analysis::PolarGeometry& geometry() const { return geometry_; }
  std::span<const std::uint8_t> in_ring() const { return in_ring_; }

 private:
  void subtract_floor(result::Symmetry& result);
  void scan_motifs(result::Symmetry& result, analysis::Parallel& parallel);
  void judge(bool zero_mean, result::Symmetry& result) const;

  SymmetryInputs inputs_;
  std::vector<int> orders_;
  analysis::PolarGeometry geometry_;
  std::vector<std::uint8_t> in_ring_;
  analysis::PolarTransform polar_;
  analysis::AngularCorrelationRows correlation_;
  std::unique_ptr<analysis::NoiseFloor> noise_;  // null: the camera's gain is unknown
  std::unique_ptr<analysis::MotifScan> motif_;   // null: not asked for, or the disc is unknown
  analysis::CenterTracker center_;
  double noise_rows_ = 0;
  double speckle_rows_ = std::numeric_limits<double>::quiet_NaN();  // the disc is unknown
  analysis::MaskEffect mask_effect_;
  std::vector<double> polar_image_;
  std::vector<double> coefficient_floor_;
  std::vector<double> correlation_floor_;
  std::vector<double> motif_k_px_;
  std::vector<analysis::RowStatus> status_;
  std::vector<analysis::RingPower> ring_;
};

}  // namespace glasswatch
