// What many curves of g2 are like before they are fitted, and where a fit of them starts.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "analysis/widest_loop.h"

namespace glasswatch::analysis::internal {

/// loop(arguments...) in the width asked for; see widest().
template <auto loop, typename... Arguments>
auto run_loop(LoopWidth width, Arguments... arguments) {
  return width == LoopWidth::kAvx2 ? call_avx2<loop>(arguments...) : loop(arguments...);
}

/// Conditions as bits, all or none: gcc takes several lanes at a time only where no comparison of floats
/// decides which arithmetic is done.
using Mask = std::uint32_t;
[[gnu::always_inline]] inline Mask mask_of(bool condition) {
  return -static_cast<Mask>(condition);
}
[[gnu::always_inline]] inline float select(Mask condition, float yes, float no) {
  return std::bit_cast<float>((std::bit_cast<Mask>(yes) & condition) |
                              (std::bit_cast<Mask>(no) & ~condition));
}
[[gnu::always_inline]] inline float larger(float a, float b) {
  return select(mask_of(a > b), a, b);
}
[[gnu::always_inline]] inline float smaller(float a, float b) {
  return select(mask_of(a < b), a, b);
}

/// One value per curve, of as many curves as fit into the second-level cache with all that is theirs.
inline constexpr std::size_t kBatchCurves = 512;
using BatchRow = std::array<float, kBatchCurves + 16>;  // no power of two: rows do not share lines of a cache

/// Curves that are taken together: loops over curves run up to a whole number of these, also over stale
/// values.
inline constexpr std::size_t kBlockCurves = 16;

/// g2 - 1 of curves side by side, (lags, stride).
struct CurveRows {
  float* y;
  std::size_t stride, lags, count;
};

struct CurveSurvey {
  BatchRow lags;          // with a value
  BatchRow log2_longest;  // of them
  BatchRow mean;          // of the values if the baseline is free, else 0
  BatchRow undecayed;     // sum of squares about that mean
  bool gaps;              // some value is missing
};

/// Looks at all curves; values that are not finite become NaN. log2_lag: (lags).
void survey_curves(const CurveRows& curves, std::span<const float> log2_lag, bool free_baseline,
                   LoopWidth width, CurveSurvey& survey);

/// Where a search starts, for factor 1. The contrast is 0 where no decay fits better than none.
struct CurveStarts {
  BatchRow contrast, log2_tau, beta, baseline;
};

/// The grid of decays of fit_kww for many curves: its exponentials are computed once for all of them.
class StartGrid {
 public:
  explicit StartGrid(std::size_t max_lags);
  void set_lags(std::span<const double> lag_slots);
  /// The best decay of the grid for every curve, after its survey.
  void choose(const CurveRows& curves, const CurveSurvey& survey, bool free_baseline, LoopWidth width,
              CurveStarts& starts) const;

  struct Decay {
    float log2_tau, beta, sum, squares;  // sums over the lags
  };

 private:
  std::vector<Decay> decays_;
  std::vector<float> values_;  // (decays, lags)
};

}  // namespace glasswatch::analysis::internal
