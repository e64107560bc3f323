// The null beside every tau map: what the same analysis makes of a uniform sample with the data's statistics.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "analysis/kww.h"
#include "analysis/kww_map.h"
#include "analysis/kww_surrogate.h"
#include "analysis/lags.h"
#include "analysis/multi_tau_correlator.h"
#include "analysis/parallel.h"
#include "analysis/pixel_sums.h"
#include "analysis/tau_histogram.h"

namespace glasswatch::analysis {

/// All as for the data: the estimator is part of what a map shows.
struct NullSettings {
  /// rows, columns: at most. The model is that of the fits. A skewness that is not known (NaN) is taken as 2,
  /// one outside 0 ... 2 as the nearer end, a negative noise variance as 0.
  SurrogateSettings surrogate;
  std::vector<std::int64_t> lags_slots;       // of the exact correlator
  std::optional<MultiTauSettings> multi_tau;  // set: in place of it; geometry and pixel type are ignored
  Normalization normalization = Normalization::kSymmetric;
  KwwBounds bounds;
  int pool_px = 8;
  std::vector<double> edge_slots;  // of the histograms
  std::size_t memory_limit_bytes = std::size_t{256} << 20;
};

enum class NullStatus {
  kDone,
  kNoFit,    // no usable fit of the data's field, a mean that is not above zero, or noise or speckle unknown
  kTooLong,  // not even the smallest field would fit into the memory
};

/// Fractions come with their standard errors for `independent` speckles. Other than kDone: maps are empty,
/// numbers NaN.
struct NullResult {
  NullStatus status = NullStatus::kNoFit;
  int rows = 0, columns = 0;  // of the surrogate
  double independent = 0;     // speckles in it
  double skewness = 0;        // that it has
  double clipped_share = 0;   // KwwSurrogate::clipped_share
  double span_over_tau = 0;   // T/tau
  KwwMap pixels;              // (rows, columns)
  int cell_rows = 0, cell_columns = 0;
  KwwMap cells;                  // (cell_rows, cell_columns) of pooled raw sums
  KwwFit field;                  // of pooled raw sums
  KwwFit mean_curve;             // of the mean of the pixels' own, normalised g2
  TauHistogram pixel_histogram;  // threshold: tau of `field`
  TauHistogram cell_histogram;   // the same
  /// Of usable pixels, tau above that of `mean_curve`.
  double fraction_above_mean_curve = 0, fraction_above_mean_curve_sigma = 0;
  /// Median of ln(tau/true tau) over usable pixels and cells: the bias of a finite series.
  double pixel_bias_ln_tau = 0, cell_bias_ln_tau = 0;
};

/// Surrogate -> correlator -> fits of pixels, cells and field -> histograms. A field that would exceed
/// memory_limit_bytes (surrogate and correlator together) is halved along its longer side, down to 16 px a
/// side: 256 MiB hold 64 x 64 px for up to 8,000 frames and 16 x 16 px for up to 120,000.
/// Same settings, same bits, whatever the lanes. Touches nothing else, so it may run beside the live
/// analysis. Time: about that of the live analysis of so many pixels; 64 x 64 px, 2170 frames, 40 lags: 1.5 s
/// on one core.
NullResult null_map(const NullSettings& settings, Parallel& parallel);

/// Mean over pixels of each pixel's own g2, normalised before it is averaged, (L): what is meant where maps
/// are compared with "the mean curve". Biased in a finite series (its tau is too short), unlike pooled sums.
/// Pixels whose mean is not above zero are left out; NaN without any pixel or pair.
std::vector<double> mean_pixel_g2(const PixelSums& sums, Normalization normalization, Parallel& parallel);

}  // namespace glasswatch::analysis
