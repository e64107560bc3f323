// The multiple-tau sums by loops over all pairs of groups in double precision: the definition to the letter.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "analysis/multi_tau_correlator.h"
#include "tests/analysis/images.h"

namespace glasswatch::test::multi_tau {

/// Series of frames at ascending slots.
template <typename Pixel>
struct Frame {
  std::int64_t slot;
  double weight;
  Image<Pixel> image;
};
template <typename Pixel>
using Series = std::vector<Frame<Pixel>>;

inline double uniform(std::mt19937_64& random, double low, double high) {
  return std::uniform_real_distribution<double>(low, high)(random);
}

/// Slots of `frames` frames, each lost with probability `loss`, with a pause of `pause_slots` in the middle.
inline std::vector<std::int64_t> slots_with_gaps(unsigned seed, int frames, double loss,
                                                 std::int64_t pause_slots) {
  std::mt19937_64 random(seed);
  std::vector<std::int64_t> slots;
  for (std::int64_t slot = -5; static_cast<int>(slots.size()) < frames; ++slot) {
    if (static_cast<int>(slots.size()) == frames / 2) {
      slot += pause_slots;
      pause_slots = 0;
    }
    if (slots.empty() || uniform(random, 0, 1) >= loss) slots.push_back(slot);
  }
  return slots;
}

template <typename Pixel>
Series<Pixel> make_series(unsigned seed, const std::vector<std::int64_t>& slots, int rows, int columns,
                          double low, double high) {
  std::mt19937_64 random(seed);
  Series<Pixel> series;
  for (const std::int64_t slot : slots) {
    series.push_back(
        {slot, 1, Image<Pixel>(rows, columns, [&](int, int) { return uniform(random, low, high); })});
  }
  return series;
}

struct Sums {
  std::vector<double> lag_slots;
  std::vector<std::uint64_t> pairs;
  std::vector<double> product, past, future;  // (L, pixels)
  std::vector<double> total;
  std::uint64_t frames = 0;
  std::int64_t span_slots = 0;

  double g2(std::size_t lag, std::size_t pixel) const {
    const std::size_t at = lag * total.size() + pixel;
    return product[at] * static_cast<double>(pairs[lag]) / (past[at] * future[at]);
  }
  bool operator==(const Sums&) const = default;
};

inline Sums sums_of(const analysis::PixelSums& correlator) {
  const auto pixels = static_cast<int>(correlator.pixels().size());
  const std::size_t size = correlator.lag_slots().size() * correlator.pixels().size();
  Sums sums{{correlator.lag_slots().begin(), correlator.lag_slots().end()},
            {correlator.pairs().begin(), correlator.pairs().end()},
            std::vector<double>(size),
            std::vector<double>(size),
            std::vector<double>(size),
            std::vector<double>(correlator.pixels().size()),
            correlator.frames(),
            correlator.span_slots()};
  correlator.read(0, pixels, sums.product.data(), sums.past.data(), sums.future.data());
  correlator.read_total(0, pixels, sums.total.data());
  return sums;
}

/// Besides the sums what bounds their rounding: sums of |x| of all samples and of |x x'| of all pairs, with x
/// taken from the rounded mean of the first frame.
struct Definition : Sums {
  std::vector<double> samples, sample_sizes;  // per lag; (L, pixels)
  std::vector<double> product_sizes;          // (L, pixels)
};

struct Channel {
  int level;
  std::int64_t groups;
};

/// Lags until max_lag_slots is covered.
inline std::vector<Channel> channels(std::int64_t max_lag_slots, int first, int others) {
  std::vector<Channel> all;
  for (int c = 1; c <= first; ++c) all.push_back({0, c});
  for (int level = 1; all.back().groups << all.back().level < max_lag_slots; ++level) {
    for (int c = others + 1; c <= 2 * others; ++c) all.push_back({level, c});
  }
  return all;
}

using Samples = std::map<std::int64_t, std::vector<double>>;  // by group

/// Means of the frames of each group of 2^level slots that is over and half full.
inline Samples samples_of(const std::vector<std::pair<std::int64_t, std::vector<double>>>& frames,
                          int level) {
  std::map<std::int64_t, std::pair<std::vector<double>, int>> groups;
  const std::int64_t first = frames.front().first, end = frames.back().first + 1;
  const std::int64_t slots = std::int64_t{1} << level;
  for (const auto& [slot, values] : frames) {
    auto& [sum, count] = groups[(slot - first) / slots];
    sum.resize(values.size(), 0.0);
    for (std::size_t i = 0; i < values.size(); ++i) sum[i] += values[i];
    ++count;
  }
  Samples samples;
  for (auto& [index, group] : groups) {
    if (first + (index + 1) * slots > end || 2 * group.second < slots) continue;
    for (double& value : group.first) value /= group.second;
    samples[index] = group.first;
  }
  return samples;
}

template <typename Pixel>
Definition define(const Series<Pixel>& series, const std::vector<Channel>& axis,
                  const std::vector<std::uint8_t>& mask = {}) {
  std::vector<std::pair<std::int64_t, std::vector<double>>> frames;
  for (const Frame<Pixel>& frame : series) {
    std::vector<double> values;
    for (std::size_t p = 0; p < frame.image.pixels.size(); ++p) {
      if (mask.empty() || mask[p] == 0) {
        values.push_back(static_cast<double>(frame.image.pixels[p]) * frame.weight);
      }
    }
    frames.emplace_back(frame.slot, values);
  }
  const std::size_t pixels = frames.front().second.size();
  const std::size_t size = axis.size() * pixels;
  Definition all;
  all.frames = frames.size();
  all.span_slots = frames.back().first - frames.front().first + 1;
  all.product.resize(size);
  all.past = all.future = all.product_sizes = all.sample_sizes = all.product;
  all.total.resize(pixels);
  double mean = 0;
  for (const double value : frames.front().second) mean += value / static_cast<double>(pixels);
  mean = std::round(mean);
  for (const auto& [slot, values] : frames) {
    for (std::size_t i = 0; i < pixels; ++i) all.total[i] += values[i];
  }
  for (std::size_t l = 0; l < axis.size(); ++l) {
    const Samples samples = samples_of(frames, axis[l].level);
    all.lag_slots.push_back(static_cast<double>(axis[l].groups << axis[l].level));
    all.pairs.push_back(0);
    all.samples.push_back(static_cast<double>(samples.size()));
    for (const auto& [index, past] : samples) {
      for (std::size_t i = 0; i < pixels; ++i) {
        all.sample_sizes[l * pixels + i] += std::abs(past[i] - mean);
      }
      const auto future = samples.find(index + axis[l].groups);
      if (future == samples.end()) continue;
      ++all.pairs.back();
      for (std::size_t i = 0; i < pixels; ++i) {
        const std::size_t at = l * pixels + i;
        all.product[at] += past[i] * future->second[i];
        all.past[at] += past[i];
        all.future[at] += future->second[i];
        all.product_sizes[at] += std::abs((past[i] - mean) * (future->second[i] - mean));
      }
    }
  }
  return all;
}

template <typename Pixel>
void add_all(analysis::MultiTauCorrelator& correlator, const Series<Pixel>& series,
             analysis::Parallel& lanes) {
  for (const Frame<Pixel>& frame : series) {
    ASSERT_EQ(correlator.add(frame.slot, frame.image.view(), frame.weight, lanes),
              analysis::FrameOutcome::kUsed);
  }
  correlator.update(lanes);
}

inline constexpr int kRows = 10, kColumns = 15;  // two strips and a part of a third

template <typename Pixel>
analysis::MultiTauSettings settings(std::int64_t max_lag_slots, int block_frames = 16) {
  return {kRows, kColumns, pixel_type_of<Pixel>(), max_lag_slots, 16, 8, block_frames};
}

inline std::vector<std::uint8_t> make_mask() {
  std::vector<std::uint8_t> mask(kRows * kColumns, 0);
  for (std::size_t p = 3; p < 70; p += 7) mask[p] = 1;  // the last strip has no hole
  return mask;
}

template <typename Pixel>
Sums correlate(const analysis::MultiTauSettings& settings, const Series<Pixel>& series,
               const std::vector<std::uint8_t>& mask = {}) {
  analysis::MultiTauCorrelator correlator(settings, mask);
  analysis::Serial serial;
  add_all(correlator, series, serial);
  return sums_of(correlator);
}

}  // namespace glasswatch::test::multi_tau
