#include "analysis/kww_map.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "analysis/check.h"
#include "analysis/kww_batch.h"
#include "analysis/widest_loop.h"

namespace glasswatch::analysis {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr std::size_t kReadPixels = 64;  // of the sums, so that all their lags stay in the first-level cache

/// The value if it is above zero, else NaN; in bits, so that several are done at a time.
[[gnu::always_inline]] inline double positive(double value) {
  const std::uint64_t is = -static_cast<std::uint64_t>(value > 0);
  const auto nan = std::bit_cast<std::uint64_t>(std::numeric_limits<double>::quiet_NaN());
  return std::bit_cast<double>((std::bit_cast<std::uint64_t>(value) & is) | (nan & ~is));
}

GLASSWATCH_LOOP void divide_symmetric(const double* __restrict product, const double* __restrict past,
                                      const double* __restrict future, double pairs, std::size_t count,
                                      float* __restrict y) {
  for (std::size_t i = 0; i < count; ++i) {
    y[i] = static_cast<float>(product[i] * pairs / (positive(past[i]) * positive(future[i])) - 1);
  }
}

GLASSWATCH_LOOP void divide_by_mean(const double* __restrict product, const double* __restrict total,
                                    double frames, double pairs, std::size_t count, float* __restrict y) {
  for (std::size_t i = 0; i < count; ++i) {
    const double mean = positive(total[i]) / frames;
    y[i] = static_cast<float>(product[i] / pairs / (mean * mean) - 1);
  }
}

void take(const KwwMap& map, std::size_t begin, std::size_t count, internal::BatchFits& fits) {
  const auto at = static_cast<std::ptrdiff_t>(begin);
  std::copy_n(map.tau_slots.begin() + at, count, fits.tau_slots.begin());
  std::copy_n(map.beta.begin() + at, count, fits.beta.begin());
  std::copy_n(map.contrast.begin() + at, count, fits.contrast.begin());
  std::copy_n(map.baseline.begin() + at, count, fits.baseline.begin());
  std::copy_n(map.status.begin() + at, count, fits.status.begin());
}

void give(const internal::BatchFits& fits, std::size_t begin, std::size_t count, KwwMap& map) {
  const auto at = static_cast<std::ptrdiff_t>(begin);
  std::copy_n(fits.tau_slots.begin(), count, map.tau_slots.begin() + at);
  std::copy_n(fits.beta.begin(), count, map.beta.begin() + at);
  std::copy_n(fits.contrast.begin(), count, map.contrast.begin() + at);
  std::copy_n(fits.baseline.begin(), count, map.baseline.begin() + at);
  std::copy_n(fits.status.begin(), count, map.status.begin() + at);
}

}  // namespace

void KwwMap::resize(std::size_t count) {
  tau_slots.resize(count, kNaN);
  beta.resize(count, kNaN);
  contrast.resize(count, kNaN);
  baseline.resize(count, kNaN);
  status.resize(count, FitStatus::kNoData);
}

struct PixelFits::Lane {
  Lane(const KwwModel& model, const KwwBounds& bounds, std::size_t lags)
      : batch(model, bounds, lags),
        product(lags * kReadPixels),
        past(product.size()),
        future(product.size()),
        total(kReadPixels) {}

  internal::KwwBatch batch;
  std::vector<double> product, past, future;  // (lags of the sums, kReadPixels)
  std::vector<double> total;
};

PixelFits::PixelFits(const KwwModel& model, const KwwBounds& bounds, int lags, int lanes)
    : max_lags_(static_cast<std::size_t>(lags)) {
  GLASSWATCH_CHECK(lags >= 1 && lanes >= 1, lags, lanes);
  lag_slots_.reserve(max_lags_);
  lag_of_.reserve(max_lags_);
  for (int lane = 0; lane < lanes; ++lane) lanes_.push_back(std::make_unique<Lane>(model, bounds, max_lags_));
}

PixelFits::~PixelFits() = default;

void PixelFits::fit(const PixelSums& sums, Normalization normalization, KwwMap& map, Parallel& parallel) {
  const std::span<const double> lag_slots = sums.lag_slots();
  const std::span<const std::uint64_t> pairs = sums.pairs();
  GLASSWATCH_CHECK(lag_slots.size() <= max_lags_, lag_slots.size(), max_lags_);
  lag_slots_.clear();
  lag_of_.clear();
  for (std::size_t k = 0; k < lag_slots.size(); ++k) {
    if (pairs[k] == 0) continue;
    lag_slots_.push_back(lag_slots[k]);
    lag_of_.push_back(k);
  }
  const auto frames = static_cast<double>(sums.frames());
  fit_batches(sums.pixels().size(), map, parallel, [&](Lane& lane, std::size_t first, std::size_t size) {
    for (std::size_t done = 0; done < size; done += kReadPixels) {
      const std::size_t count = std::min(kReadPixels, size - done);
      const int begin = static_cast<int>(first + done), end = begin + static_cast<int>(count);
      sums.read(begin, end, lane.product.data(), lane.past.data(), lane.future.data());
      if (normalization == Normalization::kPaper) sums.read_total(begin, end, lane.total.data());
      for (std::size_t k = 0; k < lag_of_.size(); ++k) {
        const std::size_t row = lag_of_[k] * count;
        const auto pairs_here = static_cast<double>(pairs[lag_of_[k]]);
        const double* product = lane.product.data() + row;
        float* y = lane.batch.y(k) + done;
        if (normalization == Normalization::kPaper) {
          internal::widest<divide_by_mean>(product, lane.total.data(), frames, pairs_here, count, y);
        } else {
          internal::widest<divide_symmetric>(product, lane.past.data() + row, lane.future.data() + row,
                                             pairs_here, count, y);
        }
      }
    }
  });
}

void PixelFits::fit_curves(std::span<const double> lag_slots, std::span<const float> g2, KwwMap& map,
                           Parallel& parallel) {
  GLASSWATCH_CHECK(!lag_slots.empty() && lag_slots.size() <= max_lags_, lag_slots.size(), max_lags_);
  GLASSWATCH_CHECK(g2.size() % lag_slots.size() == 0, g2.size(), lag_slots.size());
  lag_slots_.assign(lag_slots.begin(), lag_slots.end());
  const std::size_t curves = g2.size() / lag_slots.size();
  fit_batches(curves, map, parallel, [&](Lane& lane, std::size_t first, std::size_t count) {
    for (std::size_t k = 0; k < lag_slots_.size(); ++k) {
      const float* row = g2.data() + k * curves + first;
      std::transform(row, row + count, lane.batch.y(k), [](float value) { return value - 1; });
    }
  });
}

/// load(lane, first, count) puts g2 - 1 of those curves into the batch of the lane.
template <typename Load>
void PixelFits::fit_batches(std::size_t count, KwwMap& map, Parallel& parallel, Load load) {
  GLASSWATCH_CHECK(static_cast<std::size_t>(parallel.lanes()) <= lanes_.size(), parallel.lanes(),
                   lanes_.size());
  map.resize(count);
  for (const auto& lane : lanes_) lane->batch.set_lags(lag_slots_);
  auto fit_some = [&](int lane_number, int begin, int end) {
    Lane& lane = *lanes_[static_cast<std::size_t>(lane_number)];
    for (int number = begin; number < end; ++number) {
      const std::size_t first = static_cast<std::size_t>(number) * internal::kBatchCurves;
      const std::size_t size = std::min(internal::kBatchCurves, count - first);
      load(lane, first, size);
      take(map, first, size, lane.batch.fits());
      lane.batch.fit(size, internal::widest_loops());
      give(lane.batch.fits(), first, size, map);
    }
  };
  parallel.run(static_cast<int>((count + internal::kBatchCurves - 1) / internal::kBatchCurves), fit_some);
}

}  // namespace glasswatch::analysis
