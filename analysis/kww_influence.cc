#include "analysis/kww_influence.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <opencv2/core.hpp>

#include "analysis/check.h"
#include "analysis/widest_loop.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int kBatchPixels = 128;  // whose sums are read together and stay in the cache
constexpr int kBlock = 8;          // pixels that go through the lags together

using Lag = UnitInfluence::Lag;

/// Derivatives of the model to (A, ln tau, beta, baseline), those to ln tau and beta over A: of order one
/// whatever the contrast. A fixed baseline has none.
cv::Vec4d derivatives(double lag_slots, const KwwFit& fit, const KwwModel& model) {
  const double ln_ratio = std::log(lag_slots / fit.tau_slots);
  const double z = model.exponent_factor * std::exp(fit.beta * ln_ratio);
  const double e = std::exp(-z);
  const double slope = e > 0 ? e * z : 0;  // z may be infinite
  return {e, slope * fit.beta, -slope * ln_ratio, model.free_baseline ? 1.0 : 0.0};
}

/// Sums of a batch of pixels, (L, width) each.
struct Batch {
  const double *product, *past, *future;
  int width;
  const double *weight, *squared_weight;  // 1/f and 1/f^2, NaN where the flat field does not count
};

/// psi of `count` pixels of one unit from `at` on.
GLASSWATCH_LOOP void block_influence(const Lag* lags, int size, const Batch& batch, int at, int count,
                                     float* contrast, float* ln_tau, float* beta) {
  double sums[3][kBlock] = {};
  for (int k = 0; k < size; ++k) {
    const Lag& lag = lags[k];
    const std::ptrdiff_t from = static_cast<std::ptrdiff_t>(k) * batch.width + at;
    for (int i = 0; i < count; ++i) {
      const double u =
          lag.constant + lag.product * batch.product[from + i] * batch.squared_weight[at + i] +
          (lag.past * batch.past[from + i] + lag.future * batch.future[from + i]) * batch.weight[at + i];
      sums[0][i] += lag.contrast * u;
      sums[1][i] += lag.ln_tau * u;
      sums[2][i] += lag.beta * u;
    }
  }
  for (int i = 0; i < count; ++i) {
    contrast[i] = static_cast<float>(sums[0][i]);
    ln_tau[i] = static_cast<float>(sums[1][i]);
    beta[i] = static_cast<float>(sums[2][i]);
  }
}

GLASSWATCH_LOOP void run_influence(const Lag* lags, int size, Batch batch, int at, int count, float* contrast,
                                   float* ln_tau, float* beta) {
  int done = 0;
  for (; done + kBlock <= count; done += kBlock) {
    block_influence(lags, size, batch, at + done, kBlock, contrast + done, ln_tau + done, beta + done);
  }
  block_influence(lags, size, batch, at + done, count - done, contrast + done, ln_tau + done, beta + done);
}

/// The linear forms of all units, in sums instead of means.
class UnitForms {
 public:
  UnitForms(const PooledSums& pooled, std::span<const KwwFit> fits, const KwwModel& model,
            Normalization normalization, Parallel& parallel)
      : size_(pooled.lag_slots.size()), known_(fits.size()), lags_(fits.size() * size_) {
    auto work = [&](int, int begin, int end) {
      for (int unit = begin; unit < end; ++unit) {
        const auto u = static_cast<std::size_t>(unit);
        const UnitInfluence form(pooled, unit, fits[u], model, normalization);
        known_[u] = form.known() ? 1 : 0;
        for (std::size_t k = 0; k < size_; ++k)
          lags_[u * size_ + k] = of_sums(form.lags()[k], pooled.pairs[k]);
      }
    };
    parallel.run(static_cast<int>(fits.size()), work);
  }

  bool known(std::int32_t unit) const { return known_[static_cast<std::size_t>(unit)] != 0; }
  const Lag* lags(std::int32_t unit) const { return lags_.data() + static_cast<std::size_t>(unit) * size_; }

 private:
  static Lag of_sums(Lag lag, std::uint64_t pairs) {
    const double share = pairs > 0 ? 1 / static_cast<double>(pairs) : 0;
    lag.product *= share;
    lag.past *= share;
    lag.future *= share;
    return lag;
  }

  std::size_t size_;
  std::vector<std::uint8_t> known_;
  std::vector<Lag> lags_;  // (units, L)
};

/// One lane's pass over its pixels.
class PixelPass {
 public:
  PixelPass(const PixelSums& sums, std::span<const std::int32_t> unit_of_pixel,
            std::span<const float> flat_field, const UnitForms& forms, Normalization normalization,
            InfluenceMap& map)
      : sums_(sums),
        unit_of_pixel_(unit_of_pixel),
        flat_field_(flat_field),
        forms_(forms),
        paper_(normalization == Normalization::kPaper),
        lags_(static_cast<int>(sums.lag_slots().size())),
        map_(map),
        read_(static_cast<std::size_t>(3 * lags_) * kBatchPixels) {}

  void batch(int begin, int end) {
    const int width = end - begin;
    const std::size_t array = static_cast<std::size_t>(lags_) * static_cast<std::size_t>(width);
    double* const past = read_.data() + array;
    sums_.read(begin, end, read_.data(), past, past + array);
    if (paper_) put_frame_means(begin, end, past);
    take_weights(begin, end);
    const Batch batch{read_.data(), past, past + array, width, weight_.data(), squared_weight_.data()};
    for (int first = begin; first < end;) {
      const std::int32_t unit = unit_of_pixel_[first];
      int last = first + 1;
      while (last < end && unit_of_pixel_[last] == unit) ++last;
      if (unit != kNoUnit && forms_.known(unit)) {
        internal::widest<run_influence>(forms_.lags(unit), lags_, batch, first - begin, last - first,
                                        map_.contrast.data() + first, map_.ln_tau.data() + first,
                                        map_.beta.data() + first);
      }
      first = last;
    }
  }

 private:
  /// What `past` would be had every pair had the mean of all frames.
  void put_frame_means(int begin, int end, double* past) {
    sums_.read_total(begin, end, total_.data());
    const int width = end - begin;
    for (int k = 0; k < lags_; ++k) {
      const double share = static_cast<double>(sums_.pairs()[k]) / static_cast<double>(sums_.frames());
      for (int i = 0; i < width; ++i) past[static_cast<std::ptrdiff_t>(k) * width + i] = total_[i] * share;
    }
  }

  void take_weights(int begin, int end) {
    for (int i = begin; i < end; ++i) {
      const double factor = flat_field_.empty() ? 1 : static_cast<double>(flat_field_[i]);
      weight_[i - begin] = factor > 0 && std::isfinite(factor) ? 1 / factor : kNaN;
      squared_weight_[i - begin] = weight_[i - begin] * weight_[i - begin];
    }
  }

  const PixelSums& sums_;
  std::span<const std::int32_t> unit_of_pixel_;
  std::span<const float> flat_field_;
  const UnitForms& forms_;
  bool paper_;
  int lags_;
  InfluenceMap& map_;
  std::vector<double> read_;  // of the batch at hand: product, past, future (L, pixels)
  std::array<double, kBatchPixels> total_{}, weight_{}, squared_weight_{};
};

}  // namespace

UnitInfluence::UnitInfluence(const PooledSums& pooled, int unit, const KwwFit& fit, const KwwModel& model,
                             Normalization normalization)
    : paper_(normalization == Normalization::kPaper), lags_(pooled.lag_slots.size()) {
  if (!fit.usable()) return;
  std::vector<double> g2(lags_.size());
  pooled.g2(unit, normalization, g2);
  const auto u = static_cast<std::size_t>(unit);
  for (std::size_t k = 0; k < lags_.size(); ++k) {
    if (!std::isfinite(g2[k])) continue;
    const std::size_t at = u * lags_.size() + k;
    lags_[k].product = g2[k] / pooled.product[at];
    lags_[k].past = paper_ ? -2 * g2[k] / pooled.mean[u] : -g2[k] / pooled.past[at];
    lags_[k].future = paper_ ? 0 : -g2[k] / pooled.future[at];
    lags_[k].constant = g2[k];
  }
  take_responses(pooled.lag_slots, fit, model);
}

void UnitInfluence::take_responses(std::span<const double> lag_slots, const KwwFit& fit,
                                   const KwwModel& model) {
  std::vector<cv::Vec4d> slopes(lags_.size());  // zero where there is no g2
  cv::Matx44d normal = cv::Matx44d::zeros();
  if (!model.free_baseline) normal(3, 3) = 1;
  for (std::size_t k = 0; k < lags_.size(); ++k) {
    if (lags_[k].constant == 0) continue;
    slopes[k] = derivatives(lag_slots[k], fit, model);
    normal += slopes[k] * slopes[k].t();
  }
  const cv::Matx44d inverse = normal.inv(cv::DECOMP_CHOLESKY, &known_);
  known_ = known_ && fit.contrast > 0;
  if (!known_) return;
  for (std::size_t k = 0; k < lags_.size(); ++k) {
    const cv::Vec4d response = inverse * slopes[k];
    lags_[k].contrast = response[0];
    lags_[k].ln_tau = response[1] / fit.contrast;
    lags_[k].beta = response[2] / fit.contrast;
  }
}

Influence UnitInfluence::of(std::span<const double> product, std::span<const double> past,
                            std::span<const double> future, double mean) const {
  GLASSWATCH_CHECK(product.size() == lags_.size() && past.size() == lags_.size(), product.size(), past.size(),
                   lags_.size());
  GLASSWATCH_CHECK(future.size() == lags_.size(), future.size(), lags_.size());
  if (!known_) return {kNaN, kNaN, kNaN};
  Influence psi;
  for (std::size_t k = 0; k < lags_.size(); ++k) {
    const Lag& lag = lags_[k];
    if (lag.constant == 0) continue;
    const double u = lag.constant + lag.product * product[k] + lag.past * (paper_ ? mean : past[k]) +
                     lag.future * future[k];
    psi.contrast += lag.contrast * u;
    psi.ln_tau += lag.ln_tau * u;
    psi.beta += lag.beta * u;
  }
  return psi;
}

InfluenceMap influence(const PixelSums& sums, std::span<const std::int32_t> unit_of_pixel,
                       const PooledSums& pooled, std::span<const KwwFit> fits, const KwwModel& model,
                       std::span<const float> flat_field, Parallel& parallel, Normalization normalization) {
  const std::size_t pixels = sums.pixels().size();
  GLASSWATCH_CHECK(unit_of_pixel.size() == pixels, unit_of_pixel.size(), pixels);
  GLASSWATCH_CHECK(flat_field.empty() || flat_field.size() == pixels, flat_field.size(), pixels);
  GLASSWATCH_CHECK(fits.size() == static_cast<std::size_t>(pooled.units), fits.size(), pooled.units);
  GLASSWATCH_CHECK(pooled.lag_slots.size() == sums.lag_slots().size(), pooled.lag_slots.size(),
                   sums.lag_slots().size());
  GLASSWATCH_CHECK(std::all_of(unit_of_pixel.begin(), unit_of_pixel.end(),
                               [&](std::int32_t unit) { return unit >= kNoUnit && unit < pooled.units; }),
                   pooled.units);
  InfluenceMap map;
  map.contrast.assign(pixels, static_cast<float>(kNaN));
  map.beta = map.ln_tau = map.contrast;
  const UnitForms forms(pooled, fits, model, normalization, parallel);
  std::vector<PixelPass> lanes(static_cast<std::size_t>(parallel.lanes()),
                               PixelPass(sums, unit_of_pixel, flat_field, forms, normalization, map));
  const int count = static_cast<int>(pixels);
  auto work = [&](int lane, int begin, int end) {
    for (int batch = begin; batch < end; ++batch) {
      lanes[static_cast<std::size_t>(lane)].batch(batch * kBatchPixels,
                                                  std::min(count, (batch + 1) * kBatchPixels));
    }
  };
  parallel.run((count + kBatchPixels - 1) / kBatchPixels, work);
  return map;
}

}  // namespace glasswatch::analysis
