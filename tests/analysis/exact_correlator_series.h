// Random series of frames, and their correlation sums pair by pair, for tests of correlators.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "analysis/exact_correlator.h"
#include "tests/analysis/images.h"

namespace glasswatch::test::correlator_series {

using Lags = std::vector<std::int64_t>;

inline constexpr int kRows = 45, kColumns = 50;  // two tiles and a part of a third

inline double uniform(std::mt19937_64& random, double low, double high) {
  return std::uniform_real_distribution<double>(low, high)(random);
}

template <typename Pixel>
struct Frame {
  std::int64_t slot;
  double weight;
  Image<Pixel> image;
};
template <typename Pixel>
using Series = std::vector<Frame<Pixel>>;

/// Frames at ascending slots with gaps, pixels between low and high.
template <typename Pixel>
Series<Pixel> make_series(unsigned seed, int frames, double low, double high, int rows = kRows,
                          int columns = kColumns) {
  std::mt19937_64 random(seed);
  Series<Pixel> series;
  std::int64_t slot = -7;
  for (int i = 0; i < frames; ++i) {
    slot += random() % 4 == 0 ? 1 + static_cast<std::int64_t>(random() % 5) : 1;
    series.push_back(
        {slot, 1, Image<Pixel>(rows, columns, [&](int, int) { return uniform(random, low, high); })});
  }
  return series;
}

/// Nobody comes later than `late_slots` behind the newest.
template <typename Pixel>
void disorder(Series<Pixel>& series, unsigned seed, double late_slots) {
  std::mt19937_64 random(seed);
  std::vector<std::pair<double, Frame<Pixel>>> keyed;
  for (Frame<Pixel>& frame : series) {
    const double key = static_cast<double>(frame.slot) + uniform(random, 0, late_slots);
    keyed.emplace_back(key, std::move(frame));
  }
  std::sort(keyed.begin(), keyed.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  series.clear();
  for (auto& [key, frame] : keyed) series.push_back(std::move(frame));
}

inline std::vector<std::uint8_t> make_mask() {
  std::vector<std::uint8_t> mask(kRows * kColumns, 0);
  for (std::size_t p = 300; p < 1400; p += 7) mask[p] = 1;  // the last tile has no hole
  return mask;
}

struct Sums {
  std::vector<double> product, past, future;  // (L, pixels)
  std::vector<double> total;
  std::vector<std::uint64_t> pairs;
  std::uint64_t frames = 0;
  std::int64_t span_slots = 0;
};

inline Sums sums_of(const analysis::PixelSums& correlator) {
  const auto pixels = static_cast<int>(correlator.pixels().size());
  const std::size_t size = correlator.lag_slots().size() * correlator.pixels().size();
  Sums sums{std::vector<double>(size),
            std::vector<double>(size),
            std::vector<double>(size),
            std::vector<double>(correlator.pixels().size()),
            {},
            correlator.frames(),
            correlator.span_slots()};
  correlator.read(0, pixels, sums.product.data(), sums.past.data(), sums.future.data());
  correlator.read_total(0, pixels, sums.total.data());
  sums.pairs.assign(correlator.pairs().begin(), correlator.pairs().end());
  return sums;
}

/// The definition, pair by pair in the order of the series; window 0: all frames.
template <typename Pixel>
Sums sum_directly(const Series<Pixel>& series, const Lags& lags, const std::vector<std::uint8_t>& mask,
                  std::int64_t window_slots = 0) {
  std::vector<std::size_t> field;
  for (std::size_t p = 0; p < series.front().image.pixels.size(); ++p) {
    if (mask.empty() || mask[p] == 0) field.push_back(p);
  }
  std::int64_t newest = series.front().slot, oldest = std::numeric_limits<std::int64_t>::max();
  for (const auto& frame : series) newest = std::max(newest, frame.slot);
  const auto counts = [&](const Frame<Pixel>& frame) {
    return window_slots == 0 || frame.slot > newest - window_slots;
  };
  const std::size_t size = lags.size() * field.size();
  Sums sums{std::vector<double>(size),
            std::vector<double>(size),
            std::vector<double>(size),
            std::vector<double>(field.size()),
            std::vector<std::uint64_t>(lags.size()),
            0,
            0};
  for (const auto& later : series) {
    if (!counts(later)) continue;
    ++sums.frames;
    oldest = std::min(oldest, later.slot);
    for (std::size_t i = 0; i < field.size(); ++i) {
      sums.total[i] += later.weight * static_cast<double>(later.image.pixels[field[i]]);
    }
    for (const auto& earlier : series) {
      const auto lag = std::find(lags.begin(), lags.end(), later.slot - earlier.slot);
      if (lag == lags.end()) continue;
      const auto l = static_cast<std::size_t>(lag - lags.begin());
      ++sums.pairs[l];
      for (std::size_t i = 0; i < field.size(); ++i) {
        const double a = earlier.weight * static_cast<double>(earlier.image.pixels[field[i]]);
        const double b = later.weight * static_cast<double>(later.image.pixels[field[i]]);
        sums.product[l * field.size() + i] += a * b;
        sums.past[l * field.size() + i] += a;
        sums.future[l * field.size() + i] += b;
      }
    }
  }
  sums.span_slots = newest - oldest + 1;
  return sums;
}

inline void expect_equal(const Sums& sums, const Sums& expected) {
  EXPECT_EQ(sums.pairs, expected.pairs);
  EXPECT_EQ(sums.frames, expected.frames);
  EXPECT_EQ(sums.span_slots, expected.span_slots);
  EXPECT_TRUE(sums.product == expected.product);
  EXPECT_TRUE(sums.past == expected.past);
  EXPECT_TRUE(sums.future == expected.future);
  EXPECT_TRUE(sums.total == expected.total);
}

inline double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

template <typename Pixel>
analysis::ExactCorrelatorSettings settings(Lags lags, int block_frames = 16, std::int64_t window_slots = 0,
                                           std::int64_t max_late_slots = 6) {
  return {kRows,        kColumns,    pixel_type_of<Pixel>(), std::move(lags), max_late_slots,
          window_slots, block_frames};
}

template <typename Pixel>
void add_all(analysis::ExactCorrelator& correlator, const Series<Pixel>& series, analysis::Parallel& lanes) {
  for (const Frame<Pixel>& frame : series) {
    ASSERT_EQ(correlator.add(frame.slot, frame.image.view(), frame.weight, lanes),
              analysis::FrameOutcome::kUsed);
  }
  correlator.update(lanes);
}

template <typename Pixel>
Sums correlate(const analysis::ExactCorrelatorSettings& settings, const Series<Pixel>& series,
               const std::vector<std::uint8_t>& mask, analysis::Parallel& lanes) {
  analysis::ExactCorrelator correlator(settings, mask);
  add_all(correlator, series, lanes);
  return sums_of(correlator);
}

template <typename Pixel>
Sums correlate(const analysis::ExactCorrelatorSettings& settings, const Series<Pixel>& series,
               const std::vector<std::uint8_t>& mask = {}) {
  analysis::Serial serial;
  return correlate(settings, series, mask, serial);
}

}  // namespace glasswatch::test::correlator_series
