#include "analysis/kww_lanes.h"

#include <limits>
#include <numbers>

namespace glasswatch::analysis::internal {
namespace {

constexpr float kLeastDecrease = 1e-5f;     // of the sum of squares
constexpr float kRoundedDecrease = 1e-12f;  // of the sum of squares without a decay: rounding of g2
constexpr float kLeastRelief = 0.1f;        // of the damping, by one good step
constexpr float kLeastCurved = 0.1f;        // Newton's matrix is used if it has this much of Gauss's
/// Sum of e^2. With less the contrast would be a million times the data.
constexpr float kLeastDecays = 1e-12f;
constexpr float kLog2E = std::numbers::log2e_v<float>;
constexpr float kLn2 = std::numbers::ln2_v<float>;

/// Beyond these exponents of two z and e are nothing beside 1, or e nothing beside the noise; and their
/// squares stay normal numbers.
constexpr float kLeastExponent = -60;
constexpr float kMostOfZ = 12;

/// x, but at least kLeastExponent and at most kMostOfZ. Floats have the order of their bits taken as an
/// integer, with sign among the positive ones and without among the negative ones.
[[gnu::always_inline]] inline float within_exponents(float x) {
  constexpr auto kMost = std::bit_cast<std::int32_t>(kMostOfZ);
  constexpr auto kLeast = std::bit_cast<std::uint32_t>(kLeastExponent);
  const auto any = std::bit_cast<std::int32_t>(x);
  const auto below = static_cast<std::uint32_t>(any < kMost ? any : kMost);
  return std::bit_cast<float>(below < kLeast ? below : kLeast);
}

/// Sums at the point tried. A block's partial sums are kept at hand over all lags.
template <bool gaps, bool free_baseline>
GLASSWATCH_LOOP void sum_lags(const float* __restrict y, std::size_t stride, const float* __restrict log2_lag,
                              std::size_t lags, const BatchState* __restrict state,
                              BatchSums* __restrict sums, std::size_t count) {
  for (std::size_t block = 0; block < count; block += kBlockCurves) {
    float ee[kBlockCurves]{}, ue[kBlockCurves]{}, we[kBlockCurves]{}, uu[kBlockCurves]{}, uw[kBlockCurves]{},
        ww[kBlockCurves]{};
    float er[kBlockCurves]{}, ur[kBlockCurves]{}, wr[kBlockCurves]{}, rr[kBlockCurves]{}, v0[kBlockCurves]{},
        v1[kBlockCurves]{}, v2[kBlockCurves]{};
    float e1[kBlockCurves]{}, u1[kBlockCurves]{}, w1[kBlockCurves]{}, r1[kBlockCurves]{};
    for (std::size_t k = 0; k < lags; ++k) {
      const float* row = y + k * stride + block;
      for (std::size_t l = 0; l < kBlockCurves; ++l) {
        const std::size_t i = block + l;
        const float log2_ratio = log2_lag[k] - state->next_log2_tau[i];
        const float log2_z = state->next_beta[i] * log2_ratio;
        const float z = exp2_of(within_exponents(log2_z));
        float e = exp2_of(within_exponents(z * -kLog2E));
        if constexpr (gaps) e = select(mask_of(row[l] == row[l]), e, 0);
        const float u = e * z;
        const float w = u * log2_ratio;
        float r = row[l] - state->next_contrast[i] * e;
        if constexpr (free_baseline) r -= state->next_baseline[i];
        if constexpr (gaps) r = select(mask_of(row[l] == row[l]), r, 0);
        ee[l] += e * e;
        ue[l] += u * e;
        we[l] += w * e;
        uu[l] += u * u;
        uw[l] += u * w;
        ww[l] += w * w;
        er[l] += e * r;
        rr[l] += r * r;
        const float ru = r * u;
        ur[l] += ru;
        wr[l] += ru * log2_ratio;
        const float v = ru * (z - 1);
        const float vl = v * log2_ratio;
        v0[l] += v;
        v1[l] += vl;
        v2[l] += vl * log2_ratio;
        if constexpr (free_baseline) {
          e1[l] += e;
          u1[l] += u;
          w1[l] += w;
          r1[l] += r;
        }
      }
    }
    for (std::size_t l = 0; l < kBlockCurves; ++l) {
      const std::size_t i = block + l;
      sums->ee[i] = ee[l];
      sums->ue[i] = ue[l];
      sums->we[i] = we[l];
      sums->uu[i] = uu[l];
      sums->uw[i] = uw[l];
      sums->ww[i] = ww[l];
      sums->er[i] = er[l];
      sums->ur[i] = ur[l];
      sums->wr[i] = wr[l];
      sums->rr[i] = rr[l];
      sums->v[i] = v0[l];
      sums->vl[i] = v1[l];
      sums->vll[i] = v2[l];
      if constexpr (free_baseline) {
        sums->e[i] = e1[l];
        sums->u[i] = u1[l];
        sums->w[i] = w1[l];
        sums->r[i] = r1[l];
      }
    }
  }
}

/// Projects the baseline out: every sum of products becomes that of the deviations from the means.
GLASSWATCH_LOOP void take_means_off(const BatchState* __restrict state, BatchSums* __restrict sums,
                                    std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const float e = sums->e[i] / state->lags[i];
    const float u = sums->u[i] / state->lags[i];
    const float w = sums->w[i] / state->lags[i];
    const float r = sums->r[i] / state->lags[i];
    sums->ee[i] -= e * sums->e[i];
    sums->ue[i] -= u * sums->e[i];
    sums->we[i] -= w * sums->e[i];
    sums->uu[i] -= u * sums->u[i];
    sums->uw[i] -= u * sums->w[i];
    sums->ww[i] -= w * sums->w[i];
    sums->er[i] -= r * sums->e[i];
    sums->ur[i] -= r * sums->u[i];
    sums->wr[i] -= r * sums->w[i];
    sums->rr[i] -= r * sums->r[i];
  }
}

/// Moves to the point tried, with the best contrast and baseline there, if that lowers the squares; adapts
/// the damping either way.
template <bool free_baseline>
GLASSWATCH_LOOP void take_or_refuse(BatchState* __restrict s, const BatchSums* __restrict sums,
                                    std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const float inverse = 1 / larger(sums->ee[i], std::numeric_limits<float>::min());
    const float change = sums->er[i] * inverse;
    const float contrast = s->next_contrast[i] + change;
    const float squares = sums->rr[i] - change * sums->er[i];
    const Mask taken =
        mask_of(squares < s->squares[i]) & mask_of(contrast > 0) & mask_of(sums->ee[i] > kLeastDecays);

    const float gain = (s->squares[i] - squares) / s->predicted[i];
    const float m = 2 * smaller(gain, 1) - 1;
    s->damping[i] *= select(taken, larger(1 - m * m * m, kLeastRelief), s->growth[i]);
    s->growth[i] = select(taken, 2, s->growth[i] * 2);

    // de/d(ln tau) = beta u and de/d(beta) = -w. Gauss's and Newton's matrices, the latter with the second
    // derivatives beta^2 u (z - 1), u - beta w (z - 1) and w l (z - 1) of e.
    const float beta = s->next_beta[i], w = kLn2, per_contrast = 1 / contrast;
    const float ur = (sums->ur[i] - change * sums->ue[i]) * per_contrast;
    const float wr = (sums->wr[i] - change * sums->we[i]) * per_contrast * w;
    const float v = sums->v[i] * per_contrast, vl = sums->vl[i] * per_contrast * w;
    const float vll = sums->vll[i] * per_contrast * w * w;
    const float scale_tau = beta * beta * sums->uu[i], scale_beta = w * w * sums->ww[i];
    const float both = -beta * w * sums->uw[i];
    const float gauss_a = beta * sums->ue[i], gauss_b = -w * sums->we[i];
    const float newton_a = gauss_a - beta * ur, newton_b = gauss_b + wr;
    const float gauss_aa = scale_tau - gauss_a * gauss_a * inverse;
    const float gauss_ab = both - gauss_a * gauss_b * inverse;
    const float gauss_bb = scale_beta - gauss_b * gauss_b * inverse;
    const float newton_aa = scale_tau - beta * beta * v - newton_a * newton_a * inverse;
    const float newton_ab = both - ur + beta * vl - newton_a * newton_b * inverse;
    const float newton_bb = scale_beta - vll - newton_b * newton_b * inverse;
    const float gauss_det = gauss_aa * gauss_bb - gauss_ab * gauss_ab;
    const float newton_det = newton_aa * newton_bb - newton_ab * newton_ab;
    const Mask newton = mask_of(newton_aa > kLeastCurved * gauss_aa) &
                        mask_of(newton_bb > kLeastCurved * gauss_bb) &
                        mask_of(newton_det > kLeastCurved * gauss_det);

    s->contrast[i] = select(taken, contrast, s->contrast[i]);
    s->log2_tau[i] = select(taken, s->next_log2_tau[i], s->log2_tau[i]);
    s->beta[i] = select(taken, beta, s->beta[i]);
    s->squares[i] = select(taken, squares, s->squares[i]);
    s->slope_tau[i] = select(taken, beta * ur, s->slope_tau[i]);
    s->slope_beta[i] = select(taken, -wr, s->slope_beta[i]);
    s->curve_tau[i] = select(taken, select(newton, newton_aa, gauss_aa), s->curve_tau[i]);
    s->curve_both[i] = select(taken, select(newton, newton_ab, gauss_ab), s->curve_both[i]);
    s->curve_beta[i] = select(taken, select(newton, newton_bb, gauss_bb), s->curve_beta[i]);
    s->fall_tau[i] = select(taken, select(newton, newton_a, gauss_a) * inverse, s->fall_tau[i]);
    s->fall_beta[i] = select(taken, select(newton, newton_b, gauss_b) * inverse, s->fall_beta[i]);
    s->scale_tau[i] = select(taken, scale_tau, s->scale_tau[i]);
    s->scale_beta[i] = select(taken, scale_beta, s->scale_beta[i]);
    if constexpr (free_baseline) {
      const float e = sums->e[i] / s->lags[i], u = sums->u[i] / s->lags[i], wl = w * sums->w[i] / s->lags[i];
      const float baseline = s->next_baseline[i] + sums->r[i] / s->lags[i] - change * e;
      s->baseline[i] = select(taken, baseline, s->baseline[i]);
      s->rise_tau[i] = select(taken, s->fall_tau[i] * e - beta * u, s->rise_tau[i]);
      s->rise_beta[i] = select(taken, s->fall_beta[i] * e + wl, s->rise_beta[i]);
    }
  }
}

/// The next point: damped, or the undamped last one when that promises next to nothing. A parameter at its
/// bound that wants to go beyond is held.
GLASSWATCH_LOOP void choose_next(BatchState* __restrict s, const BatchBounds* bounds, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const float beta = s->beta[i], log2_tau = s->log2_tau[i];
    const float unit = s->contrast[i] * s->contrast[i];
    const float a = s->slope_tau[i], b = s->slope_beta[i];
    const Mask hold_tau = (mask_of(log2_tau <= bounds->log2_tau_min) & mask_of(a < 0)) |
                          (mask_of(log2_tau >= s->log2_tau_max[i]) & mask_of(a > 0));
    const Mask hold_beta = (mask_of(beta <= bounds->beta_min) & mask_of(b < 0)) |
                           (mask_of(beta >= bounds->beta_max) & mask_of(b > 0));
    const float g1 = select(hold_tau, 0, a), g2 = select(hold_beta, 0, b);
    const float h11 = s->curve_tau[i], h22 = s->curve_beta[i];
    const float h12 = select(hold_tau | hold_beta, 0, s->curve_both[i]);

    // Determinants are kept from being nothing but rounding.
    const float floor = 1e-6f * s->scale_tau[i] * s->scale_beta[i] + std::numeric_limits<float>::min();
    const float possible =
        (g1 * (g1 * h22 - 2 * g2 * h12) + g2 * g2 * h11) / larger(h11 * h22 - h12 * h12, floor);
    const Mask last =
        mask_of(possible * unit <= kLeastDecrease * s->squares[i] + kRoundedDecrease * s->undecayed[i]);
    const float damping = select(last, 0, s->damping[i]);

    const float d11 = h11 + damping * s->scale_tau[i], d22 = h22 + damping * s->scale_beta[i];
    const float inverse = 1 / larger(d11 * d22 - h12 * h12, floor);
    const float wanted_tau = log2_tau + (g1 * d22 - g2 * h12) * inverse * kLog2E;
    const float wanted_beta = beta + (g2 * d11 - g1 * h12) * inverse;
    const float next_log2_tau = smaller(larger(wanted_tau, bounds->log2_tau_min), s->log2_tau_max[i]);
    const float next_beta = smaller(larger(wanted_beta, bounds->beta_min), bounds->beta_max);

    const float d1 = (next_log2_tau - log2_tau) * kLn2, d2 = next_beta - beta;
    s->next_contrast[i] = s->contrast[i] * (1 - s->fall_tau[i] * d1 - s->fall_beta[i] * d2);
    s->next_log2_tau[i] = next_log2_tau;
    s->next_beta[i] = next_beta;
    s->next_baseline[i] = s->baseline[i] + s->contrast[i] * (s->rise_tau[i] * d1 + s->rise_beta[i] * d2);
    s->predicted[i] = unit * (d1 * (2 * g1 - h11 * d1 - 2 * h12 * d2) + d2 * (2 * g2 - h22 * d2));
    s->last[i] = select(last, 1, 0);
  }
}

template <bool gaps, bool free_baseline>
void step_lanes(const CurveRows& curves, std::span<const float> log2_lag, const BatchBounds& bounds,
                LoopWidth width, BatchState& state, BatchSums& sums) {
  const std::size_t lanes = (curves.count + kBlockCurves - 1) / kBlockCurves * kBlockCurves;
  run_loop<sum_lags<gaps, free_baseline>>(width, curves.y, curves.stride, log2_lag.data(), log2_lag.size(),
                                          &state, &sums, lanes);
  if constexpr (free_baseline) run_loop<take_means_off>(width, &state, &sums, lanes);
  run_loop<take_or_refuse<free_baseline>>(width, &state, &sums, lanes);
  run_loop<choose_next>(width, &state, &bounds, lanes);
}

}  // namespace

void step_lanes(const CurveRows& curves, std::span<const float> log2_lag, bool gaps, bool free_baseline,
                const BatchBounds& bounds, LoopWidth width, BatchState& state, BatchSums& sums) {
  const auto step = gaps ? (free_baseline ? step_lanes<true, true> : step_lanes<true, false>)
                         : (free_baseline ? step_lanes<false, true> : step_lanes<false, false>);
  step(curves, log2_lag, bounds, width, state, sums);
}

}  // namespace glasswatch::analysis::internal
