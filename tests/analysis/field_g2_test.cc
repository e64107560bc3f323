// g2 of the field against its definition: sums over all pixels and pairs first, one division last.
#include "analysis/field_g2.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "analysis/difference_noise.h"
#include "tests/analysis/direct_sums.h"
#include "tests/analysis/scattered_lanes.h"
#include "tests/support/allocation_counter.h"

namespace glasswatch::analysis {
namespace {

constexpr int kRows = 23, kColumns = 31;  // more than one chunk, the last one short

struct Frames {
  std::vector<std::vector<std::uint16_t>> counts;
  std::vector<FrameView> views;
};

Frames random_frames(int count) {
  std::mt19937 random(3);
  Frames frames;
  for (int t = 0; t < count; ++t) {
    std::vector<std::uint16_t> pixels(kRows * kColumns);
    for (auto& pixel : pixels) pixel = static_cast<std::uint16_t>(50 + random() % 400);
    frames.counts.push_back(std::move(pixels));
  }
  for (const auto& pixels : frames.counts)
    frames.views.push_back({pixels.data(), PixelType::kU2, kRows, kColumns});
  return frames;
}

TEST(FieldG2, IsPooledFirstAndNormalisedLast) {
  const Frames frames = random_frames(9);
  const std::vector<std::int64_t> slots{0, 1, 2, 3, 5, 6, 9, 10, 11}, lags{1, 2, 5, 40};
  std::vector<std::uint8_t> mask(kRows * kColumns, 0);
  for (std::size_t p = 0; p < mask.size(); p += 11) mask[p] = 1;
  const test::DirectSums sums(frames.views, slots, lags, mask);
  Serial serial;
  for (const auto normalization : {Normalization::kSymmetric, Normalization::kPaper}) {
    FieldG2 field(sums.pixels().size(), lags.size(), 1);
    std::vector<double> g2(lags.size());
    field.compute(sums, normalization, g2, serial);
    double total = 0, samples = 0;
    for (const auto& counts : frames.counts) {
      for (std::size_t p = 0; p < mask.size(); ++p) {
        if (mask[p] == 0) total += counts[p], ++samples;
      }
    }
    for (std::size_t l = 0; l < lags.size(); ++l) {
      double product = 0, past = 0, future = 0, n = 0;
      for (std::size_t a = 0; a < slots.size(); ++a) {
        for (std::size_t b = 0; b < slots.size(); ++b) {
          if (slots[b] - slots[a] != lags[l]) continue;
          for (std::size_t p = 0; p < mask.size(); ++p) {
            if (mask[p] != 0) continue;
            product += 1.0 * frames.counts[a][p] * frames.counts[b][p];
            past += frames.counts[a][p];
            future += frames.counts[b][p];
            ++n;
          }
        }
      }
      if (n == 0) {
        EXPECT_TRUE(std::isnan(g2[l]));
        continue;
      }
      const double mean = total / samples;
      const double divisor = normalization == Normalization::kPaper ? mean * mean : past / n * (future / n);
      EXPECT_NEAR(g2[l], product / n / divisor, 1e-13) << lags[l];
    }
  }
}

TEST(FieldG2, DoesNotDependOnLanesAndDoesNotAllocate) {
  const Frames frames = random_frames(5);
  const test::DirectSums sums(frames.views, {1, 2, 3});
  Serial serial;
  FieldG2 one(sums.pixels().size(), 3, 1);
  std::vector<double> expected(3);
  one.compute(sums, Normalization::kSymmetric, expected, serial);
  for (const int lanes : {2, 5}) {
    test::ScatteredLanes scattered(lanes);
    FieldG2 field(sums.pixels().size(), 3, lanes);
    std::vector<double> g2(3);
    field.compute(sums, Normalization::kSymmetric, g2, scattered);
    EXPECT_EQ(g2, expected);
  }
  if (!test::counts_allocations()) return;
  const long before = test::allocations();
  one.compute(sums, Normalization::kSymmetric, expected, serial);
  EXPECT_EQ(test::allocations(), before);
}

TEST(DifferenceNoise, IsTheVarianceOfWhiteNoiseWhateverStandsStill) {
  std::mt19937 random(9);
  std::normal_distribution<double> normal;
  constexpr int kSize = 300;  // 90,000 pixels: more than are looked at
  DifferenceNoise noise(kSize, kSize, {});
  EXPECT_TRUE(std::isnan(noise.variance_counts2()));
  std::vector<float> earlier(kSize * kSize), later = earlier;
  for (int pair = 0; pair < 4; ++pair) {
    for (std::size_t p = 0; p < earlier.size(); ++p) {
      const double still = 100 + 50 * std::sin(static_cast<double>(p));
      earlier[p] = static_cast<float>(still + 3 * normal(random));
      later[p] = static_cast<float>(still + 3 * normal(random));
    }
    noise.add({earlier.data(), PixelType::kF4, kSize, kSize}, {later.data(), PixelType::kF4, kSize, kSize});
  }
  // 4 x 45,000 differences: a relative standard deviation of sqrt(2/180,000).
  EXPECT_NEAR(noise.variance_counts2(), 9, 5 * 9 * std::sqrt(2 / 180'000.0));
  later[0] = std::nanf("");
  const double before = noise.variance_counts2();
  noise.add({earlier.data(), PixelType::kF4, kSize, kSize}, {later.data(), PixelType::kF4, kSize, kSize});
  EXPECT_EQ(noise.variance_counts2(), before);
}

TEST(DifferenceNoise, LooksAtUnmaskedPixelsOnly) {
  std::vector<std::uint8_t> mask{0, 1, 0, 1};
  DifferenceNoise noise(2, 2, mask);
  const std::vector<std::uint16_t> earlier{10, 0, 10, 0}, later{12, 500, 6, 900};
  noise.add({earlier.data(), PixelType::kU2, 2, 2}, {later.data(), PixelType::kU2, 2, 2});
  EXPECT_DOUBLE_EQ(noise.variance_counts2(), (4 + 16) / 2.0 / 2);
}

}  // namespace
}  // namespace glasswatch::analysis
