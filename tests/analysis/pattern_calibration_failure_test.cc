// Calibration of patterns that show little or nothing.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "analysis/pattern_calibration.h"
#include "tests/analysis/ring_patterns.h"

namespace glasswatch::analysis {
namespace {

using test::RingPattern;
using Random = std::mt19937_64;

constexpr int kSide = 96;
constexpr std::size_t kPixels = kSide * kSide;

PatternCalibration calibrate(const std::vector<float>& sum, const std::vector<std::uint8_t>& mask = {}) {
  return calibrate_pattern(sum, kSide, kSide, mask, 0, {});
}

void expect_nothing(const PatternCalibration& c, CalibrationStatus status) {
  EXPECT_EQ(c.status, status) << c.reason;
  EXPECT_FALSE(c.reason.empty());
  EXPECT_EQ(c.mask.size(), kPixels);
  for (const double value : {c.center_sigma_px, c.ellipse_ratio_sigma, c.ring_radius_px, c.ring_width_px,
                             c.residual, c.inversion_shift_px}) {
    EXPECT_TRUE(std::isnan(value));
  }
}

TEST(PatternCalibrationFailure, NothingAboveZero) {
  const float nan = std::numeric_limits<float>::quiet_NaN(),
              infinite = std::numeric_limits<float>::infinity();
  for (const float value : {0.0F, -3.0F, nan, infinite}) {
    expect_nothing(calibrate(std::vector<float>(kPixels, value)), CalibrationStatus::kNoSignal);
  }
  RingPattern p;
  p.rows = p.columns = kSide;
  p.center_row_px = p.center_col_px = 47;
  p.ring_px = 25;
  Random random(1);
  const std::vector<float> sum = expected_pattern(p, random);
  expect_nothing(calibrate(sum, std::vector<std::uint8_t>(kPixels, 1)), CalibrationStatus::kNoSignal);
  std::vector<float> one_hot(kPixels, 0.0F);
  one_hot[4000] = 1000;
  expect_nothing(calibrate(one_hot), CalibrationStatus::kNoSignal);
}

TEST(PatternCalibrationFailure, NothingButNoise) {
  for (const double electrons : {0.05, 1.0, 50.0}) {
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      Random random(seed);
      const std::vector<float> flat(kPixels, static_cast<float>(electrons));
      const PatternCalibration c = calibrate(test::counted(flat, random));
      EXPECT_NE(c.status, CalibrationStatus::kValid)
          << electrons << " e, seed " << seed << ": ring at " << c.ring_radius_px;
      EXPECT_FALSE(c.reason.empty());
    }
  }
  expect_nothing(calibrate(std::vector<float>(kPixels, 7.0F)), CalibrationStatus::kNoSignal);
}

TEST(PatternCalibrationFailure, NoRingInASmoothPattern) {
  Random random(2);
  std::vector<float> slope(kPixels), bump(kPixels);
  for (int row = 0; row < kSide; ++row) {
    for (int column = 0; column < kSide; ++column) {
      const auto at = static_cast<std::size_t>(row * kSide + column);
      slope[at] = static_cast<float>(10 + column);
      bump[at] =
          100 * std::exp(-static_cast<float>((row - 40) * (row - 40) + (column - 50) * (column - 50)) / 800);
    }
  }
  EXPECT_NE(calibrate(test::counted(slope, random)).status, CalibrationStatus::kValid);
  EXPECT_NE(calibrate(test::counted(bump, random)).status, CalibrationStatus::kValid);
}

// A ring about a point beyond the edge: an arc of 0.39 of the circle is enough, one of 0.17 is not.
TEST(PatternCalibrationFailure, RingPartlyOutside) {
  RingPattern p;
  p.rows = p.columns = kSide;
  p.center_row_px = 45.7;
  p.ring_fwhm_px = 9;
  p.background = 0.05;
  p.electrons = 200;
  Random random(3);
  p.center_col_px = -12;
  p.ring_px = 36;
  const PatternCalibration arc = calibrate(counted_pattern(p, random));
  ASSERT_EQ(arc.status, CalibrationStatus::kValid) << arc.reason;
  EXPECT_NEAR(arc.center_row_px, p.center_row_px, 0.1);
  EXPECT_NEAR(arc.center_col_px, p.center_col_px, 1) << "a shift towards the arc looks like a smaller ring";

  p.center_col_px = -20;
  p.ring_px = 24;
  const PatternCalibration little = calibrate(counted_pattern(p, random));
  expect_nothing(little, CalibrationStatus::kOutsideFrame);

  CalibrationSettings settings;
  settings.center_row_px = -500;
  settings.center_col_px = 4000;
  const PatternCalibration far = calibrate_pattern(counted_pattern(p, random), kSide, kSide, {}, 0, settings);
  expect_nothing(far, CalibrationStatus::kOutsideFrame);
  EXPECT_EQ(far.center_row_px, -500);
}

TEST(PatternCalibrationFailure, SmallestFrames) {
  for (const int rows : {1, 2, 3, 7}) {
    for (const int columns : {1, 5, 40}) {
      const std::vector<float> sum(static_cast<std::size_t>(rows * columns), 3.0F);
      EXPECT_NE(calibrate_pattern(sum, rows, columns, {}, 1, {}).status, CalibrationStatus::kValid);
    }
  }
}

TEST(PatternCalibrationDeathTest, ContractBroken) {
  const std::vector<float> sum(12, 1.0F);
  CalibrationSettings half;
  half.center_row_px = 1;
  EXPECT_DEATH(calibrate_pattern(sum, 3, 4, {}, 0, half), "contract broken");
  EXPECT_DEATH(calibrate_pattern(sum, 3, 5, {}, 0, {}), "contract broken");
  EXPECT_DEATH(calibrate_pattern(sum, 3, 4, std::vector<std::uint8_t>(5), 0, {}), "contract broken");
}

}  // namespace
}  // namespace glasswatch::analysis
