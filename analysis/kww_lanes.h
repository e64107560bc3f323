// One step of many KWW fits side by side: the loops that do the work of KwwBatch.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "analysis/kww_survey.h"

namespace glasswatch::analysis::internal {

/// 2^x for -126 <= x <= 127, to 2e-7 of itself and without a branch: 2^n from its bits, n = x rounded, times
/// a polynomial of x - n in [-1/2, 1/2], the one of degree 5 through 2^0 = 1 with the least largest relative
/// error, 9.2e-8 (found by Lawson's iteration); the rest is rounding.
[[gnu::always_inline]] inline float exp2_of(float x) {
  constexpr float kRounding = 0x1.8p23f;  // x + this is a whole number apart, and has n in its lowest bits
  const float shifted = x + kRounding;
  const float rest = x - (shifted - kRounding);
  float power = 1.326472722e-3f;
  power = power * rest + 9.671512657e-3f;
  power = power * rest + 5.550733743e-2f;
  power = power * rest + 2.402224209e-1f;
  power = power * rest + 6.931469776e-1f;
  power = power * rest + 1.0f;
  const std::uint32_t exponent = (std::bit_cast<std::uint32_t>(shifted) << 23) + (127u << 23);
  return power * std::bit_cast<float>(exponent);
}

/// What is kept of every curve that is still being fitted.
struct BatchState {
  // Of the curve: lags with a value, the upper bound of log2 tau, the sum of squares without a decay.
  BatchRow lags, log2_tau_max, undecayed;
  // Where the fit stands. Squares are the largest float until the start has been evaluated.
  BatchRow contrast, log2_tau, beta, baseline, squares;
  // Half the squares there as a parabola in (ln tau, beta), contrast and baseline following, over contrast^2:
  // slopes downhill, curvatures, and the scales of the damping. By how much of the contrast contrast and
  // baseline follow: the one falls, the other rises.
  BatchRow slope_tau, slope_beta, curve_tau, curve_both, curve_beta, scale_tau, scale_beta;
  BatchRow fall_tau, fall_beta, rise_tau, rise_beta;
  BatchRow damping, growth;
  // The next point to try, by how much it should lower the squares, and whether it is the last one (1 or 0).
  BatchRow next_contrast, next_log2_tau, next_beta, next_baseline, predicted, last;
};

/// Sums over the lags at the point tried: r = residual, u = e z, w = u l, v = r u (z - 1), l = log2(t/tau).
struct BatchSums {
  BatchRow ee, ue, we, uu, uw, ww, er, ur, wr, rr, v, vl, vll, e, u, w, r;
};

/// Bounds that are the same for all curves, for factor 1.
struct BatchBounds {
  float log2_tau_min, log2_tau_max, beta_min, beta_max;
};

/// Evaluates the next point of every lane, moves there where it is better, and chooses the one after.
/// `curves.count` is that of the lanes.
void step_lanes(const CurveRows& curves, std::span<const float> log2_lag, bool gaps, bool free_baseline,
                const BatchBounds& bounds, LoopWidth width, BatchState& state, BatchSums& sums);

}  // namespace glasswatch::analysis::internal
