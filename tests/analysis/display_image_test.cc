#include "analysis/display_image.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/analysis/images.h"

namespace glasswatch::analysis {
namespace {

using test::Image;

TEST(DisplayImage, ReducesByTheSmallestInteger) {
  const Image<std::uint16_t> image(10, 13, [](int row, int column) { return 100 * (row / 3) + column / 3; });
  std::vector<std::uint8_t> pixels;
  const DisplayImage display = reduce_for_display(image.view(), 5, pixels);
  EXPECT_EQ(display.reduction, 3);
  EXPECT_EQ(display.rows, 4);
  EXPECT_EQ(display.columns, 5);
  ASSERT_EQ(pixels.size(), 20u);
  // Blocks are constant: means 0 ... 304. With 20 blocks the 0.5 % and 99.5 % points are the extremes.
  EXPECT_EQ(display.black_counts, 0);
  EXPECT_FLOAT_EQ(static_cast<float>(display.white_counts), 304);
  EXPECT_EQ(pixels[0], 0);
  EXPECT_EQ(pixels[19], 255);
  EXPECT_EQ(pixels[7], std::lround(255 * 102.0 / 304));
  EXPECT_EQ(reduce_for_display(image.view(), 13, pixels).reduction, 1);
  EXPECT_EQ(reduce_for_display(image.view(), 1000, pixels).reduction, 1);
}

TEST(DisplayImage, AveragesBlocks) {
  const Image<std::int32_t> image(
      2, 4, [](int row, int column) { return row == 0 ? 4 * column : -4 * column + 8; });
  std::vector<std::uint8_t> pixels;
  const DisplayImage display = reduce_for_display(image.view(), 2, pixels);
  EXPECT_EQ(display.rows, 1);
  EXPECT_EQ(pixels.size(), 2u);
  EXPECT_FLOAT_EQ(static_cast<float>(display.black_counts), 4);
  EXPECT_EQ(pixels[0], 128) << "both blocks average to 4: no contrast";
}

TEST(DisplayImage, ContrastIgnoresAFewHotPixels) {
  Image<float> image(100, 100, [](int, int column) { return column; });
  for (int i = 0; i < 40; ++i) image.at(i, 7) = 1e9f;
  std::vector<std::uint8_t> pixels;
  const DisplayImage display = reduce_for_display(image.view(), 100, pixels);
  EXPECT_EQ(display.black_counts, 0);
  EXPECT_EQ(display.white_counts, 99);
  EXPECT_EQ(pixels[7], 255);
  EXPECT_EQ(pixels[50], std::lround(255 * 50.0 / 99));
}

TEST(DisplayImage, BlocksCutByTheEdgeAndByMissingPixelsAreMeansOfWhatIsThere) {
  Image<float> image(3, 3, [](int row, int column) { return 10 * row + column; });
  image.at(0, 0) = std::numeric_limits<float>::infinity();
  std::vector<std::uint8_t> pixels;
  // Blocks of 2 x 2: {1, 10, 11}, {2, 12}, {20, 21}, {22}: means 22/3, 7, 20.5, 22.
  const DisplayImage display = reduce_for_display(image.view(), 2, pixels);
  ASSERT_EQ(pixels.size(), 4u);
  EXPECT_FLOAT_EQ(static_cast<float>(display.black_counts), 7);
  EXPECT_FLOAT_EQ(static_cast<float>(display.white_counts), 22);
  EXPECT_EQ(pixels[0], std::lround(255 * (22.0 / 3 - 7) / 15));
  EXPECT_EQ(pixels[2], std::lround(255 * 13.5 / 15));
}

TEST(DisplayImage, EveryPixelTypeLooksTheSame) {
  const auto pattern = [](int row, int column) { return (row * 7 + column * 3) % 100; };
  std::vector<std::uint8_t> expected, pixels;
  reduce_for_display(Image<double>(20, 20, pattern).view(), 10, expected);
  const auto check = [&](const auto& image) {
    reduce_for_display(image.view(), 10, pixels);
    EXPECT_EQ(pixels, expected);
  };
  check(Image<std::uint8_t>(20, 20, pattern));
  check(Image<std::int8_t>(20, 20, pattern));
  check(Image<std::uint16_t>(20, 20, pattern));
  check(Image<std::int16_t>(20, 20, pattern));
  check(Image<std::uint32_t>(20, 20, pattern));
  check(Image<std::int32_t>(20, 20, pattern));
  check(Image<float>(20, 20, pattern));
}

TEST(DisplayImage, NonFiniteIsBlackAndConstantIsGrey) {
  Image<double> image(4, 4, [](int, int) { return 3; });
  image.at(0, 0) = std::numeric_limits<double>::quiet_NaN();
  std::vector<std::uint8_t> pixels;
  DisplayImage display = reduce_for_display(image.view(), 4, pixels);
  EXPECT_EQ(pixels[0], 0);
  EXPECT_EQ(pixels[1], 128);
  EXPECT_EQ(display.black_counts, 3);

  for (double& pixel : image.pixels) pixel = std::numeric_limits<double>::infinity();
  display = reduce_for_display(image.view(), 4, pixels);
  EXPECT_TRUE(std::isnan(display.black_counts) && std::isnan(display.white_counts));
  for (const std::uint8_t pixel : pixels) EXPECT_EQ(pixel, 0);
}

}  // namespace
}  // namespace glasswatch::analysis
