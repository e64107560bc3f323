#include "analysis/kww_survey.h"

#include <cmath>
#include <limits>
#include "analysis/kww.h"

namespace glasswatch::analysis::internal {
namespace {

constexpr float kLargest = std::numeric_limits<float>::max();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

/// Returns whether values are missing.
GLASSWATCH_LOOP bool count_lags(const CurveRows* curves, const float* log2_lags,
                                CurveSurvey* __restrict survey) {
  unsigned missing = 0;
  for (std::size_t i = 0; i < curves->count; ++i) {
    survey->lags[i] = 0;
    survey->log2_longest[i] = -kLargest;
  }
  for (std::size_t k = 0; k < curves->lags; ++k) {
    float* __restrict y = curves->y + k * curves->stride;
    const float log2_lag = log2_lags[k];
    for (std::size_t i = 0; i < curves->count; ++i) {
      const Mask valid = mask_of(std::abs(y[i]) <= kLargest);
      missing |= ~valid;
      y[i] = select(valid, y[i], kNaN);
      survey->lags[i] += select(valid, 1, 0);
      survey->log2_longest[i] = select(valid, log2_lag, survey->log2_longest[i]);
    }
  }
  return missing != 0;
}

GLASSWATCH_LOOP void sum_squares(const CurveRows* curves, bool about_mean, CurveSurvey* __restrict survey) {
  for (std::size_t i = 0; i < curves->count; ++i) survey->mean[i] = survey->undecayed[i] = 0;
  if (about_mean) {
    for (std::size_t k = 0; k < curves->lags; ++k) {
      const float* __restrict y = curves->y + k * curves->stride;
      for (std::size_t i = 0; i < curves->count; ++i)
        survey->mean[i] += select(mask_of(y[i] == y[i]), y[i], 0);
    }
    for (std::size_t i = 0; i < curves->count; ++i) survey->mean[i] /= survey->lags[i];
  }
  for (std::size_t k = 0; k < curves->lags; ++k) {
    const float* __restrict y = curves->y + k * curves->stride;
    for (std::size_t i = 0; i < curves->count; ++i) {
      const float deviation = select(mask_of(y[i] == y[i]), y[i] - survey->mean[i], 0);
      survey->undecayed[i] += deviation * deviation;
    }
  }
}

/// Projects every curve on one decay after the other: with e = decay less its mean, the squares fall by
/// (sum e y)^2 / sum e^2.
template <bool gaps>
GLASSWATCH_LOOP void choose_starts(const CurveRows* curves, const StartGrid::Decay* decays, std::size_t count,
                                   const float* values, bool free_baseline,
                                   const CurveSurvey* __restrict survey, CurveStarts* __restrict starts) {
  BatchRow best, per_lag;
  for (std::size_t i = 0; i < curves->count; ++i) per_lag[i] = free_baseline ? 1 / survey->lags[i] : 0;
  for (std::size_t i = 0; i < curves->count; ++i) {
    best[i] = starts->contrast[i] = starts->log2_tau[i] = starts->beta[i] = starts->baseline[i] = 0;
  }
  for (std::size_t block = 0; block < curves->count; block += kBlockCurves) {
    for (std::size_t d = 0; d < count; ++d) {
      const float* decay = values + d * curves->lags;
      float ey[kBlockCurves]{}, e[kBlockCurves]{}, ee[kBlockCurves]{};
      for (std::size_t k = 0; k < curves->lags; ++k) {
        const float* y = curves->y + k * curves->stride + block;
        for (std::size_t l = 0; l < kBlockCurves; ++l) {
          if constexpr (gaps) {
            const Mask valid = mask_of(y[l] == y[l]);
            const float value = select(valid, decay[k], 0);
            ey[l] += select(valid, y[l] * decay[k], 0);
            e[l] += value;
            ee[l] += value * value;
          } else {
            ey[l] += y[l] * decay[k];
          }
        }
      }
      for (std::size_t l = 0; l < kBlockCurves; ++l) {
        const std::size_t i = block + l;
        const float sum = gaps ? e[l] : decays[d].sum;
        const float squares = gaps ? ee[l] : decays[d].squares;
        const float mean = sum * per_lag[i];
        const float along = ey[l] - sum * survey->mean[i];
        const float contrast = along / larger(squares - sum * mean, std::numeric_limits<float>::min());
        const float decrease = contrast * larger(along, 0);
        const Mask better = mask_of(decrease > best[i]);
        best[i] = select(better, decrease, best[i]);
        starts->contrast[i] = select(better, contrast, starts->contrast[i]);
        starts->log2_tau[i] = select(better, decays[d].log2_tau, starts->log2_tau[i]);
        starts->beta[i] = select(better, decays[d].beta, starts->beta[i]);
        starts->baseline[i] = select(better, survey->mean[i] - contrast * mean, starts->baseline[i]);
      }
    }
  }
}

}  // namespace

void survey_curves(const CurveRows& curves, std::span<const float> log2_lag, bool free_baseline,
                   LoopWidth width, CurveSurvey& survey) {
  survey.gaps = run_loop<count_lags>(width, &curves, log2_lag.data(), &survey);
  run_loop<sum_squares>(width, &curves, free_baseline, &survey);
}

StartGrid::StartGrid(std::size_t max_lags) : values_(kStartTaus * kStartBetas.size() * max_lags) {
  decays_.reserve(kStartTaus * kStartBetas.size());
}

void StartGrid::set_lags(std::span<const double> lag_slots) {
  decays_.clear();
  if (lag_slots.empty()) return;
  float* value = values_.data();
  for (std::size_t step = 0; step < kStartTaus; ++step) {
    const double tau = start_tau_slots(step, lag_slots.front(), lag_slots.back());
    for (const double beta : kStartBetas) {
      double sum = 0, squares = 0;
      for (const double lag : lag_slots) {
        const double e = std::exp(-std::pow(lag / tau, beta));
        sum += e;
        squares += e * e;
        *value++ = static_cast<float>(e);
      }
      decays_.push_back({static_cast<float>(std::log2(tau)), static_cast<float>(beta),
                         static_cast<float>(sum), static_cast<float>(squares)});
    }
  }
}

void StartGrid::choose(const CurveRows& curves, const CurveSurvey& survey, bool free_baseline,
                       LoopWidth width, CurveStarts& starts) const {
  if (survey.gaps) {
    run_loop<choose_starts<true>>(width, &curves, decays_.data(), decays_.size(), values_.data(),
                                  free_baseline, &survey, &starts);
  } else {
    run_loop<choose_starts<false>>(width, &curves, decays_.data(), decays_.size(), values_.data(),
                                   free_baseline, &survey, &starts);
  }
}

}  // namespace glasswatch::analysis::internal
