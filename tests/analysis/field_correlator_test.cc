// Field g2 against closed forms, known processes and direct sums; gaps, late frames, merging.
#include "analysis/field_correlator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "tests/analysis/images.h"

namespace glasswatch::analysis {
namespace {

using test::Image;
using Random = std::mt19937_64;
using Lags = std::vector<std::int64_t>;

struct G2 {
  std::vector<double> value;
  std::vector<std::uint64_t> pairs;
};

G2 g2_of(const FieldCorrelator& correlator) {
  G2 result{std::vector<double>(correlator.lags_slots().size()),
            std::vector<std::uint64_t>(correlator.lags_slots().size())};
  correlator.g2(result.value, result.pairs);
  return result;
}

double uniform(Random& random, double low, double high) {
  return std::uniform_real_distribution<double>(low, high)(random);
}

template <typename Pixel>
Image<Pixel> random_image(Random& random, int rows, int columns, double low, double high) {
  return Image<Pixel>(rows, columns, [&](int, int) { return uniform(random, low, high); });
}

TEST(LogSpacedLags, AreAscendingAndStartWithOne) {
  EXPECT_EQ(log_spaced_lags(12, 1), (Lags{1}));
  EXPECT_EQ(log_spaced_lags(4, 20), (Lags{1, 2, 3, 6, 10, 18}));
  EXPECT_EQ(log_spaced_lags(1, 1000), (Lags{1, 10, 100, 1000}));
  const Lags lags = log_spaced_lags(12, 1000);
  EXPECT_EQ(lags.front(), 1);
  EXPECT_EQ(lags.back(), 1000);
  EXPECT_TRUE(std::adjacent_find(lags.begin(), lags.end(), std::greater_equal<>{}) == lags.end());
  EXPECT_EQ(lags[3], 4);
}

TEST(FieldCorrelator, ConstantInTimeGivesTheSpatialContrast) {
  // A frozen pattern of values 1 and 3: <I^2>/<I>^2 = 5/4 at every lag, for both normalizations.
  const Image<std::uint8_t> image(4, 6, [](int row, int column) { return (row + column) % 2 == 0 ? 1 : 3; });
  for (const auto normalization : {Normalization::kSymmetric, Normalization::kPaper}) {
    FieldCorrelator correlator(4, 6, {}, {1, 3, 9}, normalization);
    for (int t = 0; t < 10; ++t) ASSERT_TRUE(correlator.add(t, image.view()));
    const G2 g2 = g2_of(correlator);
    EXPECT_EQ(g2.pairs, (std::vector<std::uint64_t>{9, 7, 1}));
    for (const double value : g2.value) EXPECT_DOUBLE_EQ(value, 1.25);
  }
}

TEST(FieldCorrelator, AlternatingSequence) {
  // a b a b ... a, an odd number of frames: even lags (2 (a^2 + b^2)/(a + b)^2 up to the odd pair), odd lags
  // exact.
  const double a = 10, b = 4;
  FieldCorrelator correlator(3, 3, {}, {1, 2, 3, 4}, Normalization::kSymmetric);
  constexpr int kFrames = 101;
  for (int t = 0; t < kFrames; ++t) {
    correlator.add(t, Image<std::uint16_t>(3, 3, [&](int, int) { return t % 2 == 0 ? a : b; }).view());
  }
  const G2 g2 = g2_of(correlator);
  EXPECT_DOUBLE_EQ(g2.value[0], 4 * a * b / ((a + b) * (a + b)));
  EXPECT_DOUBLE_EQ(g2.value[2], 4 * a * b / ((a + b) * (a + b)));
  // Lag 2: 99 pairs, 50 of them aa and 49 bb.
  const double mean = (50 * a + 49 * b) / 99;
  EXPECT_DOUBLE_EQ(g2.value[1], (50 * a * a + 49 * b * b) / 99 / (mean * mean));
}

TEST(FieldCorrelator, TelegraphProcess) {
  // I = 1 + c s, s = +-1 flipping with probability p per slot: g2 - 1 = c^2 rho^lag, rho = 1 - 2p.
  // Bartlett: an estimate from N pixels x T slots has sd <= c^2 sqrt((1 + rho^2)/(1 - rho^2)/(N T)).
  const double c = 0.5, p = 0.05, rho = 1 - 2 * p;
  constexpr int kRows = 40, kColumns = 50, kSlots = 400;
  Random random(99);
  const Lags lags{1, 2, 5, 10, 20, 40};
  FieldCorrelator symmetric(kRows, kColumns, {}, lags, Normalization::kSymmetric);
  FieldCorrelator paper(kRows, kColumns, {}, lags, Normalization::kPaper);
  Image<float> image(kRows, kColumns, [&](int, int) { return uniform(random, 0, 1) < 0.5 ? 1 + c : 1 - c; });
  int gaps = 0;
  for (int t = 0; t < kSlots; ++t) {
    for (float& pixel : image.pixels) {
      if (uniform(random, 0, 1) < p) pixel = 2 - pixel;
    }
    if (t % 10 == 3 || (t > 100 && t < 140)) {  // time goes on in a gap
      ++gaps;
      continue;
    }
    symmetric.add(t, image.view());
    paper.add(t, image.view());
  }
  const double sd =
      c * c * std::sqrt((1 + rho * rho) / (1 - rho * rho) / (kRows * kColumns * (kSlots - gaps)));
  const G2 s = g2_of(symmetric), q = g2_of(paper);
  for (std::size_t l = 0; l < lags.size(); ++l) {
    EXPECT_NEAR(s.value[l] - 1, c * c * std::pow(rho, lags[l]), 4 * sd) << "lag " << lags[l];
    EXPECT_NEAR(q.value[l] - 1, c * c * std::pow(rho, lags[l]), 8 * sd) << "lag " << lags[l];
  }
  EXPECT_EQ(symmetric.frames_missing(), static_cast<std::uint64_t>(gaps));
  EXPECT_EQ(symmetric.frames_used(), static_cast<std::uint64_t>(kSlots - gaps));
}

template <typename Pixel>
class FieldCorrelatorPixels : public testing::Test {};
using AllPixels = testing::Types<std::uint8_t, std::uint16_t, std::uint32_t, std::int8_t, std::int16_t,
                                 std::int32_t, float, double>;
TYPED_TEST_SUITE(FieldCorrelatorPixels, AllPixels);

TYPED_TEST(FieldCorrelatorPixels, AgreesWithDirectSumsOverGapsAndMasks) {
  Random random(5);
  const int sizes[][2] = {{1, 1}, {1, 7}, {3, 3}, {4, 4}, {5, 13}};
  for (const auto& [rows, columns] : sizes) {
    for (const auto normalization : {Normalization::kSymmetric, Normalization::kPaper}) {
      std::vector<std::uint8_t> mask(static_cast<std::size_t>(rows * columns), 0);
      if (rows > 1) mask[1] = mask[4] = 1;
      const Lags lags{1, 2, 3, 7, 12, 40};
      FieldCorrelator correlator(rows, columns, mask, lags, normalization);
      std::vector<SlotImage> frames;
      std::int64_t slot = -20;
      for (int f = 0; f < 40; ++f) {
        slot += f % 9 == 8 ? 6 : f % 4 == 3 ? 2 : 1;
        const double low = std::is_signed_v<TypeParam> ? -20 : 0;
        const auto image = random_image<TypeParam>(random, rows, columns, low, 100);
        SlotImage reference{slot, {}};
        for (std::size_t p = 0; p < image.pixels.size(); ++p) {
          if (mask[p] == 0)
            reference.pixels.push_back(static_cast<double>(static_cast<float>(image.pixels[p])));
        }
        ASSERT_TRUE(correlator.add(slot, image.view()));
        frames.push_back(std::move(reference));
      }
      G2 expected{std::vector<double>(lags.size()), std::vector<std::uint64_t>(lags.size())};
      field_g2_reference(frames, lags, normalization, expected.value, expected.pairs);
      const G2 g2 = g2_of(correlator);
      EXPECT_EQ(g2.pairs, expected.pairs);
      for (std::size_t l = 0; l < lags.size(); ++l) {
        EXPECT_NEAR(g2.value[l], expected.value[l], 1e-12 * std::abs(expected.value[l]))
            << rows << 'x' << columns;
      }
    }
  }
}

TEST(FieldCorrelator, LateFramesGiveTheSameSums) {
  Random random(17);
  std::vector<std::pair<std::int64_t, Image<std::uint16_t>>> frames;
  for (std::int64_t slot = 0; slot < 200; ++slot) {
    if (slot % 13 != 5) frames.emplace_back(slot, random_image<std::uint16_t>(random, 6, 7, 0, 5000));
  }
  const Lags lags{1, 2, 5, 11, 30};
  constexpr std::int64_t kLate = 8;
  FieldCorrelator in_order(6, 7, {}, lags, Normalization::kSymmetric, kLate);
  for (const auto& [slot, image] : frames) ASSERT_TRUE(in_order.add(slot, image.view()));
  const G2 expected = g2_of(in_order);

  for (int trial = 0; trial < 5; ++trial) {
    // Shuffled within windows of kLate/2 slots: nothing is later than allowed.
    auto shuffled = frames;
    for (auto begin = shuffled.begin(); begin != shuffled.end();) {
      const auto end = std::find_if(begin, shuffled.end(),
                                    [&](const auto& f) { return f.first - begin->first >= kLate / 2; });
      std::shuffle(begin, end, random);
      begin = end;
    }
    FieldCorrelator correlator(6, 7, {}, lags, Normalization::kSymmetric, kLate);
    for (const auto& [slot, image] : shuffled) ASSERT_TRUE(correlator.add(slot, image.view()));
    const G2 g2 = g2_of(correlator);
    EXPECT_EQ(g2.pairs, expected.pairs);
    EXPECT_EQ(g2.value, expected.value) << "integer counts: equal to the last bit";
    EXPECT_EQ(correlator.frames_missing(), in_order.frames_missing());
  }
}

TEST(FieldCorrelator, RefusesWhatItCannotUse) {
  const Image<float> image(2, 2, [](int row, int column) { return 1 + row + column; });
  Image<float> broken = image;
  broken.at(1, 1) = std::numeric_limits<float>::quiet_NaN();
  const std::vector<std::uint8_t> mask{0, 0, 0, 1};
  FieldCorrelator correlator(2, 2, {}, {1, 2}, Normalization::kSymmetric, 3);
  EXPECT_TRUE(correlator.add(10, image.view()));
  EXPECT_FALSE(correlator.add(10, image.view())) << "slot seen";
  EXPECT_FALSE(correlator.add(11, broken.view()));
  EXPECT_TRUE(correlator.add(12, image.view()));
  EXPECT_FALSE(correlator.add(8, image.view())) << "4 older than the newest";
  EXPECT_TRUE(correlator.add(9, image.view())) << "3 older";
  EXPECT_EQ(correlator.refused_repeated(), 1u);
  EXPECT_EQ(correlator.refused_non_finite(), 1u);
  EXPECT_EQ(correlator.refused_late(), 1u);
  EXPECT_EQ(correlator.frames_used(), 3u);
  EXPECT_EQ(correlator.frames_missing(), 1u) << "slot 11";
  EXPECT_EQ(g2_of(correlator).pairs, (std::vector<std::uint64_t>{1, 1}));

  FieldCorrelator masked(2, 2, mask, {1}, Normalization::kSymmetric);
  EXPECT_TRUE(masked.add(0, broken.view())) << "the broken pixel is outside the field";
  const Image<double> huge(2, 2, [](int, int) { return 1e300; });
  EXPECT_FALSE(masked.add(1, huge.view())) << "not finite as a float";
}

TEST(FieldCorrelator, NoPairOrNoPositiveMeanIsNaN) {
  FieldCorrelator correlator(2, 2, {}, {1, 5}, Normalization::kSymmetric);
  EXPECT_TRUE(std::isnan(g2_of(correlator).value[0]));
  EXPECT_EQ(correlator.frames_missing(), 0u);
  const Image<std::int16_t> dark(2, 2, [](int row, int) { return row == 0 ? -1 : 1; });
  for (int t = 0; t < 3; ++t) correlator.add(t, dark.view());
  const G2 g2 = g2_of(correlator);
  EXPECT_EQ(g2.pairs, (std::vector<std::uint64_t>{2, 0}));
  EXPECT_TRUE(std::isnan(g2.value[0]) && std::isnan(g2.value[1]));
}

TEST(FieldCorrelator, MergesExactly) {
  Random random(23);
  const Lags lags{1, 3, 4};
  std::vector<SlotImage> both;
  FieldCorrelator first(3, 5, {}, lags, Normalization::kPaper), second(3, 5, {}, lags, Normalization::kPaper);
  for (int t = 0; t < 20; ++t) {
    const auto image = random_image<std::uint16_t>(random, 3, 5, 0, 1000);
    FieldCorrelator& target = t < 12 ? first : second;
    if (t == 5) continue;
    target.add(t, image.view());
    // Far apart on one axis, so that the direct sums form no pair across the two series.
    both.push_back({t < 12 ? t : t + 1000, {image.pixels.begin(), image.pixels.end()}});
  }
  ASSERT_TRUE(first.merge(second));
  G2 expected{std::vector<double>(3), std::vector<std::uint64_t>(3)};
  field_g2_reference(both, lags, Normalization::kPaper, expected.value, expected.pairs);
  const G2 g2 = g2_of(first);
  EXPECT_EQ(g2.pairs, expected.pairs);
  for (std::size_t l = 0; l < 3; ++l) EXPECT_NEAR(g2.value[l], expected.value[l], 1e-14);
  EXPECT_EQ(first.frames_used(), 19u);
  EXPECT_EQ(first.frames_missing(), 1u);

  EXPECT_FALSE(first.merge(FieldCorrelator(3, 5, {}, {1, 3}, Normalization::kPaper)));
  EXPECT_FALSE(first.merge(FieldCorrelator(5, 3, {}, lags, Normalization::kPaper)));
  EXPECT_FALSE(first.merge(FieldCorrelator(3, 5, {}, lags, Normalization::kSymmetric)));
  std::vector<std::uint8_t> mask(15, 0);
  mask[3] = 1;
  EXPECT_FALSE(first.merge(FieldCorrelator(3, 5, mask, lags, Normalization::kPaper)));
  EXPECT_EQ(g2_of(first).value, g2.value) << "a refused merge changes nothing";

  first.reset();
  EXPECT_EQ(first.frames_used(), 0u);
  EXPECT_EQ(g2_of(first).pairs, (std::vector<std::uint64_t>{0, 0, 0}));
  const Image<std::uint16_t> image(3, 5, [](int, int) { return 2; });
  EXPECT_TRUE(first.add(5, image.view()));
  EXPECT_TRUE(first.add(6, image.view()));
  EXPECT_DOUBLE_EQ(g2_of(first).value[0], 1);
}

TEST(FieldCorrelator, MemoryIsOneFloatPerPixelAndSlot) {
  EXPECT_EQ(FieldCorrelator::memory_bytes(966, 839, 1000, 0), std::size_t{966} * 839 * 1001 * 4);
  EXPECT_EQ(FieldCorrelator::memory_bytes(10, 10, 100),
            std::size_t{100} * (101 + FieldCorrelator::kDefaultLateSlots) * 4);
}

}  // namespace
}  // namespace glasswatch::analysis
