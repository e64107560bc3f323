#include "analysis/frame_statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <type_traits>

#include "tests/analysis/images.h"

namespace glasswatch::analysis {
namespace {

using test::Image;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(FrameStatistics, CountsAtAndAboveTheSaturationPoint) {
  const Image<std::int16_t> image(3, 5, [](int row, int column) { return 10 * row + column - 5; });
  const FrameStatistics s = frame_statistics(image.view(), 15);
  EXPECT_DOUBLE_EQ(s.mean_counts, 10 + 2 - 5);
  EXPECT_EQ(s.saturated_pixels, 5u);  // 15 ... 19
  EXPECT_EQ(s.non_finite_pixels, 0u);
  EXPECT_EQ(frame_statistics(image.view(), kInfinity).saturated_pixels, 0u) << "unknown saturation point";
}

TEST(FrameStatistics, LeavesNonFinitePixelsOut) {
  Image<float> image(4, 4, [](int, int) { return 2; });
  image.at(0, 0) = std::numeric_limits<float>::quiet_NaN();
  image.at(1, 1) = std::numeric_limits<float>::infinity();
  image.at(2, 2) = 16;
  const FrameStatistics s = frame_statistics(image.view(), 10);
  EXPECT_DOUBLE_EQ(s.mean_counts, (13 * 2 + 16) / 14.0);
  EXPECT_EQ(s.saturated_pixels, 1u) << "an infinite pixel is broken, not saturated";
  EXPECT_EQ(s.non_finite_pixels, 2u);

  const Image<double> broken(2, 2, [](int, int) { return std::numeric_limits<double>::quiet_NaN(); });
  EXPECT_TRUE(std::isnan(frame_statistics(broken.view(), 10).mean_counts));
}

TEST(FrameStatistics, LargeCountsDoNotOverflow) {
  const Image<std::uint32_t> image(300, 300, [](int, int) { return 4294967295u; });
  EXPECT_DOUBLE_EQ(frame_statistics(image.view(), 4294967295.0).mean_counts, 4294967295.0);
  EXPECT_EQ(frame_statistics(image.view(), 4294967295.0).saturated_pixels, 90000u);
}

template <typename Pixel>
class FrameStatisticsPixels : public testing::Test {};
using AllPixels = testing::Types<std::uint8_t, std::uint16_t, std::uint32_t, std::int8_t, std::int16_t,
                                 std::int32_t, float, double>;
TYPED_TEST_SUITE(FrameStatisticsPixels, AllPixels);

/// Every value an 8 or 16-bit type has; non-finite pixels in one block of the frame.
template <typename Pixel>
Image<Pixel> noise(int rows, int columns, bool with_gaps) {
  std::mt19937 random(6);
  Image<Pixel> image(rows, columns, [&](int, int) {
    const auto number = random();
    return std::is_floating_point_v<Pixel> ? static_cast<Pixel>(std::ldexp(number, -20) - 1000)
                                           : static_cast<Pixel>(number);
  });
  if constexpr (std::is_floating_point_v<Pixel>) {
    for (std::size_t p = 5000; with_gaps && p < 6000; p += 7) {
      image.pixels[p] =
          p % 2 == 0 ? std::numeric_limits<Pixel>::quiet_NaN() : std::numeric_limits<Pixel>::infinity();
    }
  }
  return image;
}

// Fewer than 2^14 multiples of 2^-20, all below 2^12, or integers below 2^32: their sums are exact in double
// in any order, so the direct sum is the truth. The frame is no multiple of a block.
TYPED_TEST(FrameStatisticsPixels, AgreesWithADirectPassToTheBit) {
  for (const bool with_gaps : {false, true}) {
    const Image<TypeParam> image = noise<TypeParam>(131, 97, with_gaps);
    const double low = static_cast<double>(std::numeric_limits<TypeParam>::lowest());
    const double high = static_cast<double>(std::numeric_limits<TypeParam>::max());
    for (const double saturation :
         {-kInfinity, low, -1.0, 0.0, 99.5, 100.0, 1e3, high, std::nextafter(high, kInfinity), kInfinity,
          std::numeric_limits<double>::quiet_NaN()}) {
      double sum = 0;
      std::uint64_t finite = 0, saturated = 0;
      for (const TypeParam pixel : image.pixels) {
        const double value = static_cast<double>(pixel);
        if (!std::isfinite(value)) continue;
        sum += value;
        ++finite;
        saturated += value >= saturation ? 1u : 0u;
      }
      for (const auto width : {internal::LoopWidth::kPlain, internal::widest_loops()}) {
        const FrameStatistics s = internal::frame_statistics(image.view(), saturation, width);
        EXPECT_EQ(s.mean_counts, sum / static_cast<double>(finite));
        EXPECT_EQ(s.saturated_pixels, saturated) << saturation;
        EXPECT_EQ(s.non_finite_pixels, image.pixels.size() - finite);
      }
    }
  }
}

TYPED_TEST(FrameStatisticsPixels, ThresholdsBetweenTwoPixelValues) {
  const Image<TypeParam> image(3, 3, [](int row, int column) { return 50 + 3 * row + column; });
  EXPECT_EQ(frame_statistics(image.view(), 53).saturated_pixels, 6u);
  EXPECT_EQ(frame_statistics(image.view(), 53.0000001).saturated_pixels, 5u);
  EXPECT_EQ(frame_statistics(image.view(), 52.9999999).saturated_pixels, 6u);
}

// Rounding differs between ways to sum; both versions of the loops use the same one.
TEST(FrameStatistics, LoopWidthDoesNotChangeABit) {
  std::mt19937 random(9);
  Image<double> image(131, 97,
                      [&](int, int) { return std::ldexp(random(), -static_cast<int>(random() % 60)); });
  const double plain = internal::frame_statistics(image.view(), 1, internal::LoopWidth::kPlain).mean_counts;
  EXPECT_EQ(internal::frame_statistics(image.view(), 1, internal::widest_loops()).mean_counts, plain);
}

}  // namespace
}  // namespace glasswatch::analysis
