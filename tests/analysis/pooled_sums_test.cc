// Pooling against plain loops over the frames themselves; normalisation, cells, halves, flat field.
#include "analysis/pooled_sums.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <random>

#include "tests/analysis/direct_sums.h"
#include "tests/analysis/scattered_lanes.h"

namespace glasswatch::analysis {
namespace {

using Slots = std::vector<std::int64_t>;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Frames of random counts at given slots.
struct Movie {
  int rows, columns;
  Slots slots;
  std::vector<std::vector<std::uint16_t>> counts;

  Movie(int rows_in, int columns_in, Slots slots_in)
      : rows(rows_in), columns(columns_in), slots(std::move(slots_in)) {
    std::mt19937 random(5);
    for (std::size_t t = 0; t < slots.size(); ++t) {
      counts.emplace_back();
      for (int i = 0; i < rows * columns; ++i) {
        counts.back().push_back(static_cast<std::uint16_t>(100 + random() % 900));
      }
    }
  }
  std::vector<FrameView> views() const {
    std::vector<FrameView> result;
    for (const auto& frame : counts) result.push_back({frame.data(), PixelType::kU2, rows, columns});
    return result;
  }
};

/// The definition, for one unit: `member` says which pixels, by index in the frame, `factor` what their
/// counts are divided by. Only pairs whose later frame is at `from` or later.
struct DirectMeans {
  std::vector<double> product, past, future;
  double mean = 0;

  template <typename Member, typename Factor>
  DirectMeans(const Movie& movie, const Slots& lags, Member member, Factor factor, std::int64_t from = 0) {
    const auto counts = [&](std::size_t t, int i) {
      return movie.counts[t][static_cast<std::size_t>(i)] / factor(i);
    };
    double terms = 0, total = 0;
    for (std::size_t t = 0; t < movie.slots.size(); ++t) {
      for (int i = 0; i < movie.rows * movie.columns; ++i) {
        if (!member(i) || movie.slots[t] < from) continue;
        total += counts(t, i);
        ++terms;
      }
    }
    mean = total / terms;
    for (const std::int64_t lag : lags) {
      double g = 0, p = 0, f = 0, n = 0;
      for (std::size_t s = 0; s < movie.slots.size(); ++s) {
        for (std::size_t t = 0; t < movie.slots.size(); ++t) {
          if (movie.slots[t] - movie.slots[s] != lag || movie.slots[t] < from) continue;
          for (int i = 0; i < movie.rows * movie.columns; ++i) {
            if (!member(i)) continue;
            g += counts(s, i) * counts(t, i);
            p += counts(s, i);
            f += counts(t, i);
            ++n;
          }
        }
      }
      product.push_back(g / n);
      past.push_back(p / n);
      future.push_back(f / n);
    }
  }
};

// Sums of a few hundred terms: 1e-12 is far above rounding, far below any mistake.
void expect_unit(const PooledSums& pooled, int unit, const DirectMeans& direct) {
  const std::size_t lags = pooled.lag_slots.size();
  const auto u = static_cast<std::size_t>(unit);
  EXPECT_NEAR(pooled.mean[u] / direct.mean, 1, 1e-12);
  for (std::size_t k = 0; k < lags; ++k) {
    EXPECT_NEAR(pooled.product[u * lags + k] / direct.product[k], 1, 1e-12) << unit << ' ' << k;
    EXPECT_NEAR(pooled.past[u * lags + k] / direct.past[k], 1, 1e-12) << unit << ' ' << k;
    EXPECT_NEAR(pooled.future[u * lags + k] / direct.future[k], 1, 1e-12) << unit << ' ' << k;
  }
}

void expect_same_bits(const std::vector<double>& left, const std::vector<double>& right) {
  ASSERT_EQ(left.size(), right.size());
  for (std::size_t i = 0; i < left.size(); ++i) ASSERT_EQ(left[i], right[i]) << i;
}

TEST(PooledSums, AreTheMeansOfTheUnitsPixels) {
  const Movie movie(11, 17, {0, 1, 2, 4, 5, 9, 10});
  const Slots lags{1, 2, 3, 8};
  std::vector<std::uint8_t> mask(11 * 17, 0), label(11 * 17, 0);
  std::mt19937 random(8);
  for (std::size_t i = 0; i < mask.size(); ++i) {
    mask[i] = random() % 5 == 0 ? 1 : 0;
    label[i] = static_cast<std::uint8_t>(random() % 5);  // 4 is above the three labels asked for
  }
  const test::DirectSums sums(movie.views(), movie.slots, lags, mask);
  std::vector<float> flat;
  for (const std::uint32_t i : sums.pixels()) flat.push_back(0.5F + static_cast<float>(i % 7) / 8);
  Serial serial;
  for (const bool flattened : {false, true}) {
    const PooledSums pooled =
        pool(sums, units_from_labels(sums, label, 3), 3,
             flattened ? std::span<const float>(flat) : std::span<const float>(), serial);
    EXPECT_EQ(pooled.units, 3);
    EXPECT_EQ(pooled.pairs, (std::vector<std::uint64_t>{4, 2, 2, 2}));
    EXPECT_EQ(pooled.frames, 7u);
    EXPECT_EQ(pooled.span_slots, 11);
    for (int unit = 0; unit < 3; ++unit) {
      const auto member = [&](int i) {
        return mask[static_cast<std::size_t>(i)] == 0 && label[static_cast<std::size_t>(i)] == unit + 1;
      };
      std::uint32_t members = 0;
      for (int i = 0; i < 11 * 17; ++i) members += member(i) ? 1 : 0;
      EXPECT_EQ(pooled.pixels[static_cast<std::size_t>(unit)], members);
      expect_unit(pooled, unit, DirectMeans(movie, lags, member, [&](int i) {
                    return flattened ? 0.5 + static_cast<double>(i % 7) / 8 : 1;
                  }));
    }
  }
}

// 21,000 pixels are three chunks and many batches; units that change along rows, and one field.
TEST(PooledSums, DoNotDependOnLanes) {
  const Movie movie(100, 210, {0, 1, 2});
  const test::DirectSums sums(movie.views(), Slots{1, 2});
  std::vector<float> flat(sums.pixels().size());
  for (std::size_t i = 0; i < flat.size(); ++i) flat[i] = 1 + static_cast<float>(i % 13) / 10;
  Serial serial;
  const CellGrid grid = cell_grid(sums, 9);
  const std::vector<std::int32_t> all(sums.pixels().size(), 0);
  for (const auto& [units, count] :
       {std::pair(&grid.unit_of_pixel, grid.rows * grid.columns), std::pair(&all, 1)}) {
    const PooledSums truth = pool(sums, *units, count, flat, serial);
    for (const int lanes : {2, 5}) {
      test::ScatteredLanes scattered(lanes);
      const PooledSums pooled = pool(sums, *units, count, flat, scattered);
      EXPECT_EQ(pooled.pixels, truth.pixels);
      expect_same_bits(pooled.product, truth.product);
      expect_same_bits(pooled.past, truth.past);
      expect_same_bits(pooled.future, truth.future);
      expect_same_bits(pooled.mean, truth.mean);
    }
  }
  const DirectMeans field(
      movie, {1, 2}, [](int) { return true; },
      [](int i) { return static_cast<double>(1 + static_cast<float>(i % 13) / 10); });
  expect_unit(pool(sums, all, 1, flat, serial), 0, field);
}

TEST(PooledSums, WithoutPixelsOrPairsAreNaN) {
  const Movie movie(4, 4, {0, 1, 2});
  const test::DirectSums sums(movie.views(), Slots{1, 7});
  Serial serial;
  std::vector<std::int32_t> unit(16, kNoUnit);
  std::fill(unit.begin(), unit.begin() + 6, 1);
  const PooledSums pooled = pool(sums, unit, 2, {}, serial);
  EXPECT_EQ(pooled.pixels, (std::vector<std::uint32_t>{0, 6}));
  std::vector<double> g2(2);
  for (const auto normalization : {Normalization::kSymmetric, Normalization::kPaper}) {
    pooled.g2(0, normalization, g2);
    EXPECT_TRUE(std::isnan(g2[0]) && std::isnan(g2[1]));
    pooled.g2(1, normalization, g2);
    EXPECT_TRUE(std::isfinite(g2[0]) && std::isnan(g2[1])) << "no pair is 7 slots apart";
  }
}

TEST(PooledSums, PixelsWithoutAFactorAreLeftOut) {
  const Movie movie(3, 4, {0, 1, 2});
  const test::DirectSums sums(movie.views(), Slots{1});
  std::vector<float> flat(12, 1);
  flat[2] = 0;
  flat[5] = static_cast<float>(kNaN);
  flat[7] = -1;
  flat[8] = std::numeric_limits<float>::infinity();
  Serial serial;
  const PooledSums pooled = pool(sums, std::vector<std::int32_t>(12, 0), 1, flat, serial);
  EXPECT_EQ(pooled.pixels[0], 8u);
  const auto member = [](int i) { return i != 2 && i != 5 && i != 7 && i != 8; };
  expect_unit(pooled, 0, DirectMeans(movie, {1}, member, [](int) { return 1.0; }));
}

TEST(PooledSums, G2IsNormalisedAsAsked) {
  PooledSums pooled;
  pooled.units = 2;
  pooled.lag_slots = {1, 2};
  pooled.pairs = {5, 4};
  pooled.product = {12, 10, 3, 3};
  pooled.past = {3, 2.5, -1, 1};
  pooled.future = {2, 2, 1, 0};
  pooled.mean = {2.5, 0};
  std::vector<double> g2(2);
  pooled.g2(0, Normalization::kSymmetric, g2);
  EXPECT_DOUBLE_EQ(g2[0], 2);
  EXPECT_DOUBLE_EQ(g2[1], 2);
  pooled.g2(0, Normalization::kPaper, g2);
  EXPECT_DOUBLE_EQ(g2[0], 12 / 6.25);
  EXPECT_DOUBLE_EQ(g2[1], 10 / 6.25);
  pooled.g2(1, Normalization::kSymmetric, g2);
  EXPECT_TRUE(std::isnan(g2[0]) && std::isnan(g2[1])) << "means that are not above zero";
  pooled.g2(1, Normalization::kPaper, g2);
  EXPECT_TRUE(std::isnan(g2[0]) && std::isnan(g2[1]));
}

TEST(PooledSums, CellsLeaveIncompleteOnesOut) {
  const Movie movie(5, 7, {0, 1});
  std::vector<std::uint8_t> mask(35, 0);
  mask[1] = 1;
  const test::DirectSums sums(movie.views(), movie.slots, {1}, mask);
  const CellGrid grid = cell_grid(sums, 2);
  EXPECT_EQ(grid.rows, 2);
  EXPECT_EQ(grid.columns, 3);
  const std::vector<std::int32_t> expected{0,  1,  1,  2,  2,  -1,      // pixel 1 is masked
                                           0,  0,  1,  1,  2,  2,  -1,  //
                                           3,  3,  4,  4,  5,  5,  -1,  //
                                           3,  3,  4,  4,  5,  5,  -1,  //
                                           -1, -1, -1, -1, -1, -1, -1};
  EXPECT_EQ(grid.unit_of_pixel, expected);
}

TEST(PooledSums, CellsTogetherAreTheField) {
  const Movie movie(6, 8, {0, 1, 3});
  std::vector<std::uint8_t> mask(48, 0);
  for (const std::size_t i : {0, 1, 8, 9, 20}) mask[i] = 1;  // cell 0 has no pixel, another three
  const test::DirectSums sums(movie.views(), movie.slots, {1, 2}, mask);
  const CellGrid grid = cell_grid(sums, 2);
  Serial serial;
  const PooledSums field = pool_units(pool(sums, grid.unit_of_pixel, 12, {}, serial));
  EXPECT_EQ(field.units, 1);
  EXPECT_EQ(field.pixels[0], 43u);
  EXPECT_EQ(field.pairs, (std::vector<std::uint64_t>{1, 1}));
  EXPECT_EQ(field.frames, 3u);
  const auto member = [&](int i) { return mask[static_cast<std::size_t>(i)] == 0; };
  expect_unit(field, 0, DirectMeans(movie, {1, 2}, member, [](int) { return 1.0; }));
}

// The upper two rows of cells are group 0 but for one cell, the lower row is group 2, and nothing is group 1.
TEST(PooledSums, CellsInGroupsAreThoseUnits) {
  const Movie movie(6, 8, {0, 1, 3});
  std::vector<std::uint8_t> mask(48, 0);
  for (const std::size_t i : {0, 1, 8, 9, 20}) mask[i] = 1;
  const test::DirectSums sums(movie.views(), movie.slots, {1, 2}, mask);
  const CellGrid grid = cell_grid(sums, 2);
  Serial serial;
  const std::vector<std::int32_t> group{0, 0, 0, 0, 0, kNoUnit, 0, 0, 2, 2, 2, 2};
  const PooledSums groups = pool_units(pool(sums, grid.unit_of_pixel, 12, {}, serial), group, 3);
  EXPECT_EQ(groups.units, 3);
  EXPECT_EQ(groups.pixels, (std::vector<std::uint32_t>{23, 0, 16}));
  EXPECT_TRUE(std::isnan(groups.product[2]) && std::isnan(groups.mean[1]));
  for (const int wanted : {0, 2}) {
    const auto member = [&](int i) {
      const auto cell = static_cast<std::size_t>(i / 8 / 2 * 4 + i % 8 / 2);
      return mask[static_cast<std::size_t>(i)] == 0 && group[cell] == wanted;
    };
    expect_unit(groups, wanted, DirectMeans(movie, {1, 2}, member, [](int) { return 1.0; }));
  }
}

// The second half: every pair whose later frame came after the first half; lag 6 had none before.
TEST(PooledSums, SubtractLeavesThePairsSinceThen) {
  const Movie movie(4, 6, {0, 1, 2, 4, 5, 6, 8});
  const Slots lags{1, 2, 6};
  std::vector<FrameView> views = movie.views();
  const test::DirectSums now(views, movie.slots, lags);
  views.resize(4);
  const test::DirectSums then(views, {0, 1, 2, 4}, lags);
  const CellGrid grid = cell_grid(now, 2);
  Serial serial;
  const PooledSums since =
      subtract(pool(now, grid.unit_of_pixel, 6, {}, serial), pool(then, grid.unit_of_pixel, 6, {}, serial));
  EXPECT_EQ(since.pairs, (std::vector<std::uint64_t>{2, 2, 2}));
  EXPECT_EQ(since.frames, 3u);
  EXPECT_EQ(since.span_slots, 4);
  for (int unit = 0; unit < 6; ++unit) {
    const auto member = [&](int i) { return i / 6 / 2 * 3 + i % 6 / 2 == unit; };
    expect_unit(since, unit,
                DirectMeans(
                    movie, lags, member, [](int) { return 1.0; }, 5));
  }
  const PooledSums none = subtract(since, since);
  EXPECT_EQ(none.pairs, (std::vector<std::uint64_t>{0, 0, 0}));
  EXPECT_TRUE(std::isnan(none.product[0]) && std::isnan(none.mean[0]));
}

// A wave of length 40 px is damped by exp(-2 pi^2 sigma^2/length^2), away from the edges.
TEST(SmoothFlatField, IsTheSmoothedMeanBrightness) {
  const int rows = 40, columns = 160;
  const double sigma = 4, length = 40;
  std::vector<float> frame;
  for (int i = 0; i < rows * columns; ++i) {
    frame.push_back(
        static_cast<float>(50 * (1 + 0.4 * std::cos(2 * std::numbers::pi * (i % columns) / length))));
  }
  const std::vector<FrameView> views(3, FrameView{frame.data(), PixelType::kF4, rows, columns});
  const std::vector<float> flat = smooth_flat_field(test::DirectSums(views, Slots{1}), sigma);
  const double damping = std::exp(-2 * std::numbers::pi * std::numbers::pi * sigma * sigma / length / length);
  ASSERT_EQ(flat.size(), frame.size());
  for (int column = 20; column < columns - 20; ++column) {
    // The kernel ends at a few sigma, and the mean feels the edges: 1 %.
    EXPECT_NEAR(flat[static_cast<std::size_t>(20 * columns + column)],
                1 + 0.4 * damping * std::cos(2 * std::numbers::pi * column / length), 0.01);
  }
}

TEST(SmoothFlatField, LeavesTheMaskOut) {
  const int rows = 30, columns = 30;
  std::vector<std::uint16_t> frame(900, 80);
  std::vector<std::uint8_t> mask(900, 0);
  for (int row = 0; row < rows; ++row) {
    for (int column = 10; column < 17; ++column) {
      mask[static_cast<std::size_t>(row * columns + column)] = 1;
      frame[static_cast<std::size_t>(row * columns + column)] = 3;
    }
  }
  const std::vector<FrameView> views(2, FrameView{frame.data(), PixelType::kU2, rows, columns});
  const test::DirectSums sums(views, {0, 1}, {1}, mask);
  for (const float factor : smooth_flat_field(sums, 2)) EXPECT_NEAR(factor, 1, 1e-5);
}

}  // namespace
}  // namespace glasswatch::analysis
