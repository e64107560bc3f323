#include "analysis/pooled_sums.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "analysis/check.h"
#include "analysis/masked_pattern.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int kBatchPixels = 128;   // whose sums are read together and stay in the cache
constexpr int kChunkPixels = 8192;  // summed by one lane, whatever the number of lanes

/// Sums over the pixels of one chunk, for the units that it meets.
struct ChunkSums {
  std::vector<std::int32_t> unit;
  std::vector<std::uint32_t> pixels;
  std::vector<double> sums;  // (units met, 3 L + 1): product, past, future, total
};

/// sum of values[i] weights[i], in eight partial sums, so that no addition waits for the last.
double weighted_sum(const double* values, const double* weights, int count) {
  constexpr int kPartial = 8;
  std::array<double, kPartial> partial{};
  int i = 0;
  for (; i + kPartial <= count; i += kPartial) {
    for (int l = 0; l < kPartial; ++l) partial[l] += values[i + l] * weights[i + l];
  }
  for (; i < count; ++i) partial[i % kPartial] += values[i] * weights[i];
  return ((partial[0] + partial[4]) + (partial[2] + partial[6])) +
         ((partial[1] + partial[5]) + (partial[3] + partial[7]));
}

/// Pools chunks one after the other; each lane has its own.
class ChunkPooling {
 public:
  ChunkPooling(const PixelSums& sums, std::span<const std::int32_t> unit_of_pixel, int units,
               std::span<const float> flat_field)
      : sums_(sums),
        unit_of_pixel_(unit_of_pixel),
        flat_field_(flat_field),
        lags_(static_cast<int>(sums.lag_slots().size())),
        place_(static_cast<std::size_t>(units), kNoUnit),
        read_(static_cast<std::size_t>(3 * lags_ + 1) * kBatchPixels) {}

  void pool(int begin, int end, ChunkSums& chunk) {
    for (int batch = begin; batch < end; batch += kBatchPixels) {
      add_batch(batch, std::min(end, batch + kBatchPixels), chunk);
    }
    for (const std::int32_t unit : chunk.unit) place_[static_cast<std::size_t>(unit)] = kNoUnit;
  }

 private:
  void add_batch(int begin, int end, ChunkSums& chunk) {
    const std::size_t array = static_cast<std::size_t>(lags_) * static_cast<std::size_t>(end - begin);
    sums_.read(begin, end, read_.data(), read_.data() + array, read_.data() + 2 * array);
    sums_.read_total(begin, end, read_.data() + 3 * array);
    take_weights(begin, end);
    for (int first = begin; first < end;) {
      const std::int32_t unit = unit_of_pixel_[first];
      int last = first + 1;
      while (last < end && unit_of_pixel_[last] == unit) ++last;
      if (unit != kNoUnit) add_run(begin, end, first, last, place_of(unit, chunk), chunk);
      first = last;
    }
  }

  /// 1/f and 1/f^2 of the batch, 0 where f does not count.
  void take_weights(int begin, int end) {
    for (int i = begin; i < end; ++i) {
      const double factor = flat_field_.empty() ? 1 : static_cast<double>(flat_field_[i]);
      const double weight = factor > 0 && std::isfinite(factor) ? 1 / factor : 0;
      weight_[i - begin] = weight;
      squared_weight_[i - begin] = weight * weight;
    }
  }

  std::size_t place_of(std::int32_t unit, ChunkSums& chunk) {
    std::int32_t& place = place_[static_cast<std::size_t>(unit)];
    if (place == kNoUnit) {
      place = static_cast<std::int32_t>(chunk.unit.size());
      chunk.unit.push_back(unit);
      chunk.pixels.push_back(0);
      chunk.sums.resize(chunk.sums.size() + static_cast<std::size_t>(3 * lags_ + 1));
    }
    return static_cast<std::size_t>(place);
  }

  /// Adds pixels [first, last), which are in one unit, of the batch [begin, end).
  void add_run(int begin, int end, int first, int last, std::size_t place, ChunkSums& chunk) {
    const int at = first - begin, width = end - begin, count = last - first;
    const int arrays = 3 * lags_ + 1;
    double* sums = chunk.sums.data() + place * static_cast<std::size_t>(arrays);
    for (int j = 0; j < arrays; ++j) {
      const double* weights = j < lags_ ? squared_weight_.data() : weight_.data();
      sums[j] +=
          weighted_sum(read_.data() + static_cast<std::ptrdiff_t>(j) * width + at, weights + at, count);
    }
    chunk.pixels[place] += static_cast<std::uint32_t>(
        std::count_if(weight_.data() + at, weight_.data() + at + count, [](double w) { return w > 0; }));
  }

  const PixelSums& sums_;
  std::span<const std::int32_t> unit_of_pixel_;
  std::span<const float> flat_field_;
  int lags_;
  std::vector<std::int32_t> place_;  // of a unit in the chunk at hand
  std::vector<double> read_;  // of the batch at hand: product, past, future (L, pixels), total (pixels)
  std::array<double, kBatchPixels> weight_{}, squared_weight_{};
};

PooledSums empty_like(const PooledSums& other, int units) {
  PooledSums result;
  result.units = units;
  result.lag_slots = other.lag_slots;
  result.pairs = other.pairs;
  result.frames = other.frames;
  result.span_slots = other.span_slots;
  result.product.assign(static_cast<std::size_t>(units) * result.lag_slots.size(), 0);
  result.past = result.future = result.product;
  result.mean.assign(static_cast<std::size_t>(units), 0);
  result.pixels.assign(static_cast<std::size_t>(units), 0);
  return result;
}

void add_chunk(const ChunkSums& chunk, PooledSums& pooled) {
  const std::size_t lags = pooled.lag_slots.size();
  for (std::size_t i = 0; i < chunk.unit.size(); ++i) {
    const auto unit = static_cast<std::size_t>(chunk.unit[i]);
    const double* sums = chunk.sums.data() + i * (3 * lags + 1);
    for (std::size_t k = 0; k < lags; ++k) {
      pooled.product[unit * lags + k] += sums[k];
      pooled.past[unit * lags + k] += sums[lags + k];
      pooled.future[unit * lags + k] += sums[2 * lags + k];
    }
    pooled.mean[unit] += sums[3 * lags];
    pooled.pixels[unit] += chunk.pixels[i];
  }
}

/// 0/0 is the NaN that says so.
void divide_by_counts(PooledSums& pooled) {
  const std::size_t lags = pooled.lag_slots.size();
  for (std::size_t unit = 0; unit < pooled.pixels.size(); ++unit) {
    const double pixels = pooled.pixels[unit];
    pooled.mean[unit] /= pixels * static_cast<double>(pooled.frames);
    for (std::size_t k = 0; k < lags; ++k) {
      const double terms = pixels * static_cast<double>(pooled.pairs[k]);
      pooled.product[unit * lags + k] /= terms;
      pooled.past[unit * lags + k] /= terms;
      pooled.future[unit * lags + k] /= terms;
    }
  }
}

}  // namespace

void PooledSums::g2(int unit, Normalization normalization, std::span<double> out) const {
  const std::size_t lags = lag_slots.size();
  GLASSWATCH_CHECK(unit >= 0 && unit < units && out.size() == lags, unit, units, out.size(), lags);
  const auto u = static_cast<std::size_t>(unit);
  for (std::size_t k = 0; k < lags; ++k) {
    const bool paper = normalization == Normalization::kPaper;
    const double earlier = paper ? mean[u] : past[u * lags + k];
    const double later = paper ? mean[u] : future[u * lags + k];
    out[k] = earlier > 0 && later > 0 ? product[u * lags + k] / (earlier * later) : kNaN;
  }
}

CellGrid cell_grid(const PixelSums& sums, int pool_px) {
  GLASSWATCH_CHECK(pool_px >= 1, pool_px);
  CellGrid grid{sums.rows() / pool_px, sums.columns() / pool_px, {}};
  grid.unit_of_pixel.reserve(sums.pixels().size());
  for (const std::uint32_t index : sums.pixels()) {
    const int row = static_cast<int>(index) / sums.columns() / pool_px;
    const int column = static_cast<int>(index) % sums.columns() / pool_px;
    const bool inside = row < grid.rows && column < grid.columns;
    grid.unit_of_pixel.push_back(inside ? row * grid.columns + column : kNoUnit);
  }
  return grid;
}

std::vector<std::int32_t> units_from_labels(const PixelSums& sums, std::span<const std::uint8_t> label,
                                            int labels) {
  const auto size = static_cast<std::size_t>(sums.rows()) * static_cast<std::size_t>(sums.columns());
  GLASSWATCH_CHECK(label.size() == size && labels >= 0, label.size(), size, labels);
  std::vector<std::int32_t> unit;
  unit.reserve(sums.pixels().size());
  for (const std::uint32_t index : sums.pixels()) {
    unit.push_back(label[index] <= labels ? label[index] - 1 : kNoUnit);  // label 0 becomes kNoUnit
  }
  return unit;
}

PooledSums pool(const PixelSums& sums, std::span<const std::int32_t> unit_of_pixel, int units,
                std::span<const float> flat_field, Parallel& parallel) {
  const int pixels = static_cast<int>(sums.pixels().size());
  GLASSWATCH_CHECK(units >= 0 && unit_of_pixel.size() == sums.pixels().size(), units, unit_of_pixel.size(),
                   pixels);
  GLASSWATCH_CHECK(flat_field.empty() || flat_field.size() == unit_of_pixel.size(), flat_field.size(),
                   pixels);
  GLASSWATCH_CHECK(std::all_of(unit_of_pixel.begin(), unit_of_pixel.end(),
                               [&](std::int32_t unit) { return unit >= kNoUnit && unit < units; }),
                   units);
  std::vector<ChunkSums> chunks(static_cast<std::size_t>((pixels + kChunkPixels - 1) / kChunkPixels));
  std::vector<ChunkPooling> lanes(static_cast<std::size_t>(parallel.lanes()),
                                  ChunkPooling(sums, unit_of_pixel, units, flat_field));
  auto work = [&](int lane, int begin, int end) {
    for (int chunk = begin; chunk < end; ++chunk) {
      lanes[static_cast<std::size_t>(lane)].pool(chunk * kChunkPixels,
                                                 std::min(pixels, (chunk + 1) * kChunkPixels),
                                                 chunks[static_cast<std::size_t>(chunk)]);
    }
  };
  parallel.run(static_cast<int>(chunks.size()), work);

  PooledSums axes;
  axes.lag_slots.assign(sums.lag_slots().begin(), sums.lag_slots().end());
  axes.pairs.assign(sums.pairs().begin(), sums.pairs().end());
  axes.frames = sums.frames();
  axes.span_slots = static_cast<double>(sums.span_slots());
  PooledSums pooled = empty_like(axes, units);
  for (const ChunkSums& chunk : chunks) add_chunk(chunk, pooled);
  divide_by_counts(pooled);
  return pooled;
}

PooledSums pool_units(const PooledSums& units, std::span<const std::int32_t> group_of_unit, int groups) {
  GLASSWATCH_CHECK(group_of_unit.size() == units.pixels.size(), group_of_unit.size(), units.pixels.size());
  PooledSums pooled = empty_like(units, groups);
  const std::size_t lags = units.lag_slots.size();
  for (std::size_t unit = 0; unit < units.pixels.size(); ++unit) {
    if (units.pixels[unit] == 0 || group_of_unit[unit] == kNoUnit) continue;
    const auto group = static_cast<std::size_t>(group_of_unit[unit]);
    GLASSWATCH_CHECK(group < static_cast<std::size_t>(groups), group, groups);
    const double pixels = units.pixels[unit];
    pooled.pixels[group] += units.pixels[unit];
    pooled.mean[group] += pixels * units.mean[unit];
    for (std::size_t k = 0; k < lags; ++k) {
      pooled.product[group * lags + k] += pixels * units.product[unit * lags + k];
      pooled.past[group * lags + k] += pixels * units.past[unit * lags + k];
      pooled.future[group * lags + k] += pixels * units.future[unit * lags + k];
    }
  }
  for (std::size_t group = 0; group < pooled.pixels.size(); ++group) {
    const double pixels = pooled.pixels[group];  // of none the means are NaN
    pooled.mean[group] /= pixels;
    for (std::vector<double>* means : {&pooled.product, &pooled.past, &pooled.future}) {
      for (std::size_t k = 0; k < lags; ++k) (*means)[group * lags + k] /= pixels;
    }
  }
  return pooled;
}

PooledSums pool_units(const PooledSums& units) {
  return pool_units(units, std::vector<std::int32_t>(units.pixels.size(), 0), 1);
}

PooledSums subtract(const PooledSums& now, const PooledSums& then) {
  GLASSWATCH_CHECK(now.units == then.units && now.pixels == then.pixels, now.units, then.units);
  GLASSWATCH_CHECK(now.lag_slots == then.lag_slots, now.lag_slots.size(), then.lag_slots.size());
  GLASSWATCH_CHECK(now.frames >= then.frames, now.frames, then.frames);
  PooledSums result = now;
  // A mean over nothing is NaN, but its sum is zero.
  const auto subtract_means = [](double& mean, std::uint64_t count, double then_mean,
                                 std::uint64_t then_count) {
    const double sum = mean * static_cast<double>(count) -
                       (then_count > 0 ? then_mean * static_cast<double>(then_count) : 0);
    mean = count > then_count ? sum / static_cast<double>(count - then_count) : kNaN;
  };
  const std::size_t lags = now.lag_slots.size();
  for (std::size_t i = 0; i < now.product.size(); ++i) {
    const std::uint64_t count = now.pairs[i % lags], then_count = then.pairs[i % lags];
    GLASSWATCH_CHECK(count >= then_count, count, then_count);
    subtract_means(result.product[i], count, then.product[i], then_count);
    subtract_means(result.past[i], count, then.past[i], then_count);
    subtract_means(result.future[i], count, then.future[i], then_count);
  }
  for (std::size_t unit = 0; unit < now.mean.size(); ++unit) {
    subtract_means(result.mean[unit], now.frames, then.mean[unit], then.frames);
  }
  for (std::size_t k = 0; k < lags; ++k) result.pairs[k] -= then.pairs[k];
  result.frames -= then.frames;
  result.span_slots -= then.span_slots;
  return result;
}

std::vector<float> smooth_flat_field(const PixelSums& sums, double sigma_px) {
  GLASSWATCH_CHECK(sigma_px > 0, sigma_px);
  const auto pixels = sums.pixels();
  std::vector<double> total(pixels.size());
  sums.read_total(0, static_cast<int>(pixels.size()), total.data());
  std::vector<float> image(static_cast<std::size_t>(sums.rows()) * static_cast<std::size_t>(sums.columns()),
                           std::numeric_limits<float>::quiet_NaN());
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    image[pixels[i]] = static_cast<float>(total[i] / static_cast<double>(sums.frames()));
  }
  const std::vector<float> smooth =
      gaussian_means(masked_pattern(image, sums.rows(), sums.columns(), {}), sigma_px);
  std::vector<float> flat;
  double sum = 0;
  int known = 0;
  for (const std::uint32_t index : pixels) {
    flat.push_back(smooth[index]);
    if (!std::isfinite(smooth[index])) continue;
    sum += static_cast<double>(smooth[index]);
    ++known;
  }
  for (float& factor : flat) factor = static_cast<float>(static_cast<double>(factor) * known / sum);
  return flat;
}

}  // namespace glasswatch::analysis
