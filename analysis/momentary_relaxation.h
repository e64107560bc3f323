// Relaxation times at moments of a series, from cuts through its two-time correlation.
#pragma once

#include <limits>
#include <vector>

#include "analysis/kww.h"
#include "analysis/two_time.h"

namespace glasswatch::analysis {

/// Which pairs of frames t1 < t2 tell of a moment. kMeanTime: those with (t1 + t2)/2 in its window
/// (perpendicular to the diagonal); kFixedStart: those with t1 in its window.
enum class TwoTimeCut { kMeanTime, kFixedStart };

struct Momentary {
  double center_slot =
      std::numeric_limits<double>::quiet_NaN();  // middle of the window; NaN below two frames
  KwwFit fit;
};

/// Cuts the series into `windows` (>= 1) equal windows and fits
///   C(t2 - t1) = baseline + A exp(-factor ((t2 - t1)/tau)^beta)
/// to the mean of C over the pairs of each. Delays, whole strides, are grouped to at most 12 per decade, each
/// group at its mean delay. With kMeanTime windows at the ends hold short delays only; with kFixedStart the
/// later ones. Pairs that straddle a change see both its sides, so it looks as wide as about tau.
///
/// The baseline is not 1: static brightness adds its pedestal CV^2 to every delay. It is fitted once, freely,
/// to the mean over all pairs of the unit, where delays are longest, and then held in every window, where it
/// could not be told from a long tau. So model.free_baseline is not asked, and where that fit is not usable,
/// or has more than 0.15 A left at the longest delay (T/tau below 3 for beta = 0.63), no window has one: each
/// takes its status, kTooShort in the latter case. tau below the stride of the kept frames cannot be seen.
///
/// Errors: N independent speckles leave ln tau of a window of length W uncertain by about
/// 3.5 (W/tau)^-0.37 N^-1/2 (by simulation, beta = 0.63); neighbouring windows share speckles, and all share
/// the baseline. Cost N^2/2 additions for N frames, and windows + 1 fits.
std::vector<Momentary> momentary_relaxation(const TwoTime& two_time, int unit, TwoTimeCut cut, int windows,
                                            const KwwModel& model, const KwwBounds& bounds);

}  // namespace glasswatch::analysis
