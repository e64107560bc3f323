// KWW fits of many curves side by side, in float: the kernel of PixelFits.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "analysis/kww.h"
#include "analysis/kww_lanes.h"
#include "analysis/kww_survey.h"

namespace glasswatch::analysis::internal {

/// Fits of a batch: where to start from (usable ones), and what came out.
struct BatchFits {
  BatchRow contrast, tau_slots, beta, baseline;
  std::array<FitStatus, kBatchCurves> status;
};

/// Least squares as fit_kww, of up to kBatchCurves curves at once, with lanes = curves and sums in the order
/// of the lags, so that a result does not depend on the neighbours. The linear parameters are projected out
/// (variable projection: Golub & Pereyra, SIAM J. Numer. Anal. 10 (1973) 413), which leaves a 2 x 2 system in
/// (ln tau, beta), damped by the gain ratio; where Newton's matrix curves upwards it takes the place of
/// Gauss's, because the noise of neighbouring lags is alike and residuals are then not small against the
/// second derivatives. Two exponentials per lag and no logarithm: z = (t/tau)^beta = 2^(beta (log2 t - log2
/// tau)), e = exp(-z). The search ends when an undamped step would lower the squares by less than 1e-5 of
/// themselves; that step is still made, and leaves far less. Lanes that are done make room for those that are
/// not. Memory is made by the constructor. One thread per object.
class KwwBatch {
 public:
  KwwBatch(const KwwModel& model, const KwwBounds& bounds, std::size_t max_lags);

  void set_lags(std::span<const double> lag_slots);
  /// g2 - 1 of all curves at a lag, to be filled in before each fit(); NaN or infinite = no value.
  float* y(std::size_t lag) { return y_.data() + lag * kStride; }
  /// Where to start from, to be filled in before each fit(): a fit without status kConverged starts from the
  /// data.
  BatchFits& fits() { return fits_; }
  /// Fits the first `count` curves.
  void fit(std::size_t count, LoopWidth width);

 private:
  static constexpr std::size_t kStride =
      kBatchCurves + 16;  // no power of two: rows share no lines of the cache

  CurveRows curves(std::size_t count);
  std::size_t begin(std::size_t count, LoopWidth width);
  void start(std::size_t lane);
  FitStatus first_look(std::size_t lane) const;
  void finish(std::size_t lane, bool converged);
  void leave_without_values(std::size_t curve, FitStatus status);
  void move_lane(std::size_t from, std::size_t to);

  bool free_baseline_;
  float parameters_, log2_factor_;
  BatchBounds bounds_;
  std::vector<float> log2_lag_;
  std::vector<float> y_;
  StartGrid grid_;
  std::array<std::uint16_t, kBatchCurves> curve_{};  // in each lane
  CurveSurvey survey_{};
  CurveStarts starts_{};
  BatchState state_{};
  BatchSums sums_{};
  BatchFits fits_{};
};

}  // namespace glasswatch::analysis::internal
