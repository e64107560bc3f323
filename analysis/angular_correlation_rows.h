// Angular correlation of all rows of a polar pattern, shared between lanes.
#pragma once

#include <span>
#include <vector>

#include "analysis/angular_correlation.h"
#include "analysis/parallel.h"

namespace glasswatch::analysis {

/// AngularCorrelation for every row of a pattern, with the same results. What belongs to a row's mask is kept
/// from pattern to pattern, so a beam stop costs nothing extra while it stays where it is.
class AngularCorrelationRows {
 public:
  struct Outputs {
    std::span<double> correlation;      // (K, P), or empty if not wanted
    std::span<double> power;            // (K, N), N orders
    std::span<double> coefficient;      // (K, N)
    std::span<double> radial_mean;      // K: RowStatistics
    std::span<double> radial_variance;  // K
    std::span<RowStatus> status;        // K
  };

  /// As AngularCorrelation; lanes: the most that process() may be given.
  AngularCorrelationRows(int azimuthal_bins, const std::vector<int>& orders, MaskNormalization normalization,
                         int lanes);

  /// polar: (rows, P), NaN = invalid bin. Everything in `out` is written, NaN where the status says so.
  /// Allocates only when `rows` is larger than ever before. Requires parallel.lanes() <= lanes.
  void process(std::span<const double> polar, int rows, const Outputs& out, Parallel& parallel);

  const std::vector<int>& orders() const { return lanes_.front().orders(); }

 private:
  int bins_;
  std::vector<AngularCorrelation> lanes_;
  std::vector<PairCounts> pairs_;  // one per row
};

}  // namespace glasswatch::analysis
