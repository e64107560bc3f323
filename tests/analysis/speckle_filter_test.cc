// The speckle filter by its answer to single pixels, without random numbers.
#include "analysis/speckle_filter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace glasswatch::analysis {
namespace {

/// The filter's own autocorrelation, which is that of white noise after it: its answer to a single pixel,
/// correlated with itself round the field.
double autocorrelation(int rows, int columns, double size_px, int down, int right) {
  const SpeckleFilter filter(rows, columns, size_px);
  SpeckleFilter::Scratch scratch = filter.scratch();
  std::vector<float> answer(static_cast<std::size_t>(rows * columns), 0.0F);
  answer[static_cast<std::size_t>(rows / 3 * columns + columns - 1)] = 1;
  filter.apply(answer, scratch);
  double sum = 0;
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < columns; ++c) {
      const int there = (r + down) % rows * columns + (c + right) % columns;
      sum +=
          double{answer[static_cast<std::size_t>(r * columns + c)]} * answer[static_cast<std::size_t>(there)];
    }
  }
  return sum;
}

// Taps below 1e-5 of the largest are left out, and they are floats.
TEST(SpeckleFilter, WhiteNoiseGetsTheGaussian) {
  for (const double size : {1.0, 1.3, 2.0, 3.7}) {
    for (const auto& [down, right] : {std::pair(0, 0), {0, 1}, {1, 0}, {2, 1}, {0, 4}, {5, 5}}) {
      EXPECT_NEAR(autocorrelation(33, 26, size, down, right),
                  std::exp(-4 * std::log(2.0) * (down * down + right * right) / size / size), 5e-5)
          << size << " px at " << down << ", " << right;
    }
  }
}

TEST(SpeckleFilter, KeepsTheVarianceOnSmallFields) {
  for (const double size : {1.5, 4.0, 30.0}) {
    for (const auto& [rows, columns] : {std::pair(1, 1), {1, 9}, {5, 4}, {7, 2}, {6, 1}}) {
      EXPECT_NEAR(autocorrelation(rows, columns, size, 0, 0), 1, 1e-5)
          << size << " px, " << rows << " x " << columns;
    }
  }
}

TEST(SpeckleFilter, ZeroLeavesFramesAsTheyAre) {
  const SpeckleFilter filter(2, 3, 0);
  SpeckleFilter::Scratch scratch = filter.scratch();
  std::vector<float> frame{1, 2, 3, 4, 5, 6};
  filter.apply(frame, scratch);
  EXPECT_EQ(frame, (std::vector<float>{1, 2, 3, 4, 5, 6}));
}

TEST(PixelsPerSpeckle, IsTheSumOverDisplacements) {
  EXPECT_EQ(pixels_per_speckle(0.5), 1);
  // Of a well-sampled Gaussian the integral, pi w^2/(4 ln 2); at 3 px the sum differs by less than 1e-5.
  EXPECT_NEAR(pixels_per_speckle(3), std::numbers::pi * 9 / (4 * std::log(2.0)), 1e-4);
  EXPECT_NEAR(pixels_per_speckle(1.001), std::pow(1 + 2 * 0.0628, 2), 1e-3);
}

}  // namespace
}  // namespace glasswatch::analysis
