#include "analysis/frame_statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

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

}  // namespace
}  // namespace glasswatch::analysis
