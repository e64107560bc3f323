// The sparse operator: its shares are what it sums, and its bits depend on neither lanes nor processor.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>

#include "analysis/polar.h"
#include "tests/analysis/images.h"
#include "tests/analysis/scattered_lanes.h"

namespace glasswatch::analysis {
namespace {

using internal::LoopWidth;
using internal::PolarRow;
using test::Image;
using test::ScatteredLanes;
using Random = std::mt19937;

constexpr PolarGeometry kGeometry{17.3, 20.6, 1.08, 30, 2, 19, 9, 31};
constexpr int kRows = 37, kColumns = 41, kBins = 9 * 31;

/// Numbers of all sizes; what an unsigned type cannot hold wraps around.
template <typename Pixel>
Image<Pixel> noise(int rows, int columns, unsigned seed) {
  Random random(seed);
  return Image<Pixel>(rows, columns, [&](int, int) {
    const auto number = random();
    return std::is_floating_point_v<Pixel> ? static_cast<Pixel>(std::ldexp(number, -20) - 1000)
                                           : static_cast<Pixel>(number);
  });
}

std::vector<std::uint8_t> speckled_mask(int rows, int columns) {
  Random random(5);
  std::vector<std::uint8_t> mask;
  for (int p = 0; p < rows * columns; ++p) mask.push_back(random() % 5 == 0 ? 1 : 0);
  return mask;
}

template <typename Pixel>
std::vector<double> means(const PolarTransform& polar, const Image<Pixel>& image, Parallel& parallel) {
  std::vector<double> out(polar.covered_area_px2().size(), -1);
  polar.apply(image.view(), out, parallel);
  return out;
}

std::vector<std::uint64_t> bits(const std::vector<double>& values) {
  std::vector<std::uint64_t> bits;
  for (const double value : values)
    bits.push_back(std::isnan(value) ? ~0ull : std::bit_cast<std::uint64_t>(value));
  return bits;
}

template <typename Pixel>
class PolarOperator : public testing::Test {};
using AllPixels = testing::Types<std::uint8_t, std::uint16_t, std::uint32_t, std::int8_t, std::int16_t,
                                 std::int32_t, float, double>;
TYPED_TEST_SUITE(PolarOperator, AllPixels);

// One plain sum per bin over what shares() lists; the two differ by rounding: 2^-53 per term, at most 64
// terms.
TYPED_TEST(PolarOperator, IsTheWeightedMeanOfItsShares) {
  Serial serial;
  for (const std::vector<std::uint8_t>& mask :
       {std::vector<std::uint8_t>{}, speckled_mask(kRows, kColumns)}) {
    const PolarTransform polar(kGeometry, kRows, kColumns, mask);
    Image<TypeParam> image = noise<TypeParam>(kRows, kColumns, 1);
    if constexpr (std::is_floating_point_v<TypeParam>) {
      for (int p = 0; p < kRows * kColumns; p += 29) image.pixels[static_cast<std::size_t>(p)] = NAN;
    }
    const std::vector<double> fast = means(polar, image, serial);
    std::vector<PixelShare> shares;
    int valid = 0;
    for (int bin = 0; bin < kBins; ++bin) {
      polar.shares(bin, shares);
      double sum = 0, area = 0, largest = 0;
      for (const PixelShare& share : shares) {
        const double value = static_cast<double>(image.pixels[share.pixel]);
        if (!std::isfinite(value)) continue;
        sum += share.area_px2 * value;
        area += share.area_px2;
        largest = std::max(largest, std::abs(value));
      }
      const double at_least = polar_bin_area_px2(kGeometry, bin / kGeometry.azimuthal_bins) / 2;
      ASSERT_EQ(std::isnan(fast[static_cast<std::size_t>(bin)]), area < at_least * (1 - 1e-7)) << bin;
      if (area < at_least * (1 - 1e-7)) continue;
      ASSERT_NEAR(fast[static_cast<std::size_t>(bin)], sum / area, 64 * 2.3e-16 * largest) << bin;
      ++valid;
    }
    EXPECT_GT(valid, kBins / 2);
  }
}

TYPED_TEST(PolarOperator, LanesDoNotChangeABit) {
  const std::vector<std::uint8_t> mask = speckled_mask(kRows, kColumns);
  const Image<TypeParam> image = noise<TypeParam>(kRows, kColumns, 2);
  Serial serial;
  const PolarTransform polar(kGeometry, kRows, kColumns, mask);
  const std::vector<std::uint64_t> expected = bits(means(polar, image, serial));
  for (const int lanes : {1, 2, 3, 7}) {
    ScatteredLanes scattered(lanes);
    const PolarTransform same(kGeometry, kRows, kColumns, mask, scattered);
    EXPECT_EQ(same.covered_area_px2(), polar.covered_area_px2());
    EXPECT_EQ(bits(means(same, image, scattered)), expected);
  }
}

// Against the row rebuilt from its shares, with each version of the loops. 1 x 3 pixels are fewer than a run.
TYPED_TEST(PolarOperator, LoopWidthDoesNotChangeABit) {
  if (internal::widest_loops() == LoopWidth::kPlain) GTEST_SKIP() << "this processor has one version only";
  for (unsigned seed = 0; seed < 20; ++seed) {
    Image<TypeParam> image = noise<TypeParam>(kRows, kColumns, seed);
    if constexpr (std::is_floating_point_v<TypeParam>) {
      if (seed % 2 == 1) image.at(20, 21) = std::numeric_limits<TypeParam>::infinity();
    }
    const PolarTransform polar(kGeometry, kRows, kColumns, {});
    std::vector<PixelShare> shares, bin_shares;
    std::vector<std::size_t> first{0};
    for (int bin = 0; bin < kBins; ++bin) {
      polar.shares(bin, bin_shares);
      shares.insert(shares.end(), bin_shares.begin(), bin_shares.end());
      first.push_back(shares.size());
    }
    const PolarRow row(shares, first, 1e-3, image.pixels.size());
    std::vector<double> plain(kBins, -1), wide(kBins, -1);
    row.means(image.pixels.data(), plain, LoopWidth::kPlain);
    row.means(image.pixels.data(), wide, LoopWidth::kAvx2);
    ASSERT_EQ(bits(plain), bits(wide));
  }
}

// The copy ends with the frame, so that the address sanitizer sees a read beyond it.
TYPED_TEST(PolarOperator, SmallFramesAndTheLastPixel) {
  Serial serial;
  for (const auto& [rows, columns] :
       {std::pair{1, 1}, {1, 2}, {1, 3}, {3, 1}, {2, 2}, {1, 5}, {7, 3}, {5, 8}}) {
    const PolarGeometry g{rows - 1.0, columns - 1.0, 1, 0, 0, 0.5, 1, 1};  // the disc inside the last pixel
    const PolarTransform polar(g, rows, columns, {});
    Image<TypeParam> image(rows, columns, [](int, int) { return 3; });
    image.at(rows - 1, columns - 1) = 97;
    const std::vector<double> mean = means(polar, image, serial);
    ASSERT_EQ(mean[0], 97) << rows << " x " << columns;
    std::vector<PixelShare> shares;
    polar.shares(0, shares);
    ASSERT_EQ(shares.size(), 1u);
    EXPECT_EQ(shares[0].pixel, image.pixels.size() - 1);
    EXPECT_NEAR(shares[0].area_px2, 0.25 * std::numbers::pi, 4 * PolarTransform::kEdgeTolerancePx);
  }
}

TEST(PolarOperatorRows, UnwantedRowsAreInvalidAndTheOthersUnchanged) {
  std::vector<std::uint8_t> wanted(9, 0);
  wanted[3] = wanted[4] = wanted[8] = 1;
  ScatteredLanes lanes(2);
  const PolarTransform all(kGeometry, kRows, kColumns, {}),
      some(kGeometry, kRows, kColumns, {}, lanes, wanted);
  const Image<std::int16_t> image = noise<std::int16_t>(kRows, kColumns, 3);
  const std::vector<double> everything = means(all, image, lanes), ring = means(some, image, lanes);
  std::vector<PixelShare> shares;
  for (std::size_t bin = 0; bin < kBins; ++bin) {
    some.shares(static_cast<int>(bin), shares);
    if (wanted[bin / 31] != 0) {
      EXPECT_EQ(bits({ring[bin]}), bits({everything[bin]})) << bin;
      EXPECT_EQ(some.covered_area_px2()[bin], all.covered_area_px2()[bin]);
      EXPECT_EQ(shares.empty(), std::isnan(ring[bin]));
    } else {
      EXPECT_TRUE(std::isnan(ring[bin]) && shares.empty());
      EXPECT_EQ(some.covered_area_px2()[bin], 0);
    }
  }
}

// Far from the centre edges are not bisected and angles come from a series; the covered areas still close.
TEST(PolarOperatorRows, AreasCloseFarFromTheCentre) {
  for (const auto& [row, column] : {std::pair{-300.0, 20.3}, {30.5, 420.0}, {430.7, -380.2}}) {
    const double r = std::hypot(row - 20, column - 20);
    const PolarGeometry g{row, column, 1.05, 40, r - 12, r + 12, 11, 1440};
    const PolarTransform polar(g, 41, 41, {});
    int inside = 0;
    for (int bin = 0; bin < 11 * 1440; ++bin) {
      // Bins that are wholly inside: within 12 px of the middle of the frame, less the ellipse's 2.5 % and a
      // bin.
      const double turn = -std::numbers::pi + (bin % 1440 + 0.5) * 2 * std::numbers::pi / 1440;
      const double radius = polar.radius_px()[static_cast<std::size_t>(bin / 1440)];
      const double angle = 40 * std::numbers::pi / 180, major = std::sqrt(1.05);
      const double u = radius * std::cos(turn - angle) * major, v = radius * std::sin(turn - angle) / major;
      const double x = column + u * std::cos(angle) - v * std::sin(angle);
      const double y = row + u * std::sin(angle) + v * std::cos(angle);
      if (std::abs(x - 20) > 17 || std::abs(y - 20) > 17) continue;
      const double area = polar_bin_area_px2(g, bin / 1440);
      ASSERT_NEAR(polar.covered_area_px2()[static_cast<std::size_t>(bin)], area, 1e-10 + 1e-10 * area) << bin;
      ++inside;
    }
    EXPECT_GT(inside, 50);
  }
}

}  // namespace
}  // namespace glasswatch::analysis
