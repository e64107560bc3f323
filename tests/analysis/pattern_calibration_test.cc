// Calibration of patterns with planted centre, ellipse, ring, beam stop, dead pixels, tilt and noise.
#include "analysis/pattern_calibration.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <random>

#include "tests/analysis/calibrated_patterns.h"

namespace glasswatch::analysis {
namespace {

using test::calibrate;
using test::center_error_px;
using test::ellipse_error;
using test::RingPattern;
using test::small_pattern;
using Random = std::mt19937_64;
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// No noise: what is left are the cells and the smoothing of the profile, some thousandths of a pixel.
TEST(PatternCalibration, FindsWhatIsPlantedExactly) {
  Random random(1);
  RingPattern p = small_pattern();
  for (const double ratio : {1.0, 1.08}) {
    for (const double angle : {-70.0, 35.0}) {
      p.ellipse_ratio = ratio;
      p.ellipse_angle_deg = angle;
      const PatternCalibration c = calibrate(p, expected_pattern(p, random));
      ASSERT_EQ(c.status, CalibrationStatus::kValid) << c.reason;
      EXPECT_TRUE(c.reason.empty());
      EXPECT_LT(center_error_px(c, p), 0.01);
      EXPECT_LT(ellipse_error(c, p), 0.001) << ratio << " at " << angle;
      EXPECT_GE(c.ellipse_ratio, 1);
      // The background is not straight beneath the ring; half a pixel is a twentieth of the width.
      EXPECT_NEAR(c.ring_radius_px, p.ring_px, 0.5);
      EXPECT_NEAR(c.ring_width_px, p.ring_fwhm_px, 1);
      EXPECT_LT(c.inversion_shift_px, 0.05);
      EXPECT_LT(c.residual, 0.02);
      EXPECT_EQ(c.masked_pixels, 0);
      EXPECT_EQ(c.dead_pixels, 0);
      EXPECT_EQ(std::count(c.mask.begin(), c.mask.end(), 0), p.rows * p.columns);
    }
  }
}

// t cos(phi) is told from a shift (0.2 s^2/R = 0.09 px if it were not); a linear tilt cannot be, see the
// header.
TEST(PatternCalibration, ATiltIsNoShift) {
  Random random(2);
  RingPattern p = small_pattern();
  p.tilt = 0.2;
  PatternCalibration c = calibrate(p, expected_pattern(p, random));
  ASSERT_EQ(c.status, CalibrationStatus::kValid) << c.reason;
  EXPECT_LT(center_error_px(c, p), 0.01);
  EXPECT_LT(c.ellipse_ratio, 1.002);
  EXPECT_GT(c.residual, 0.1) << "it shows in the residual: 0.2 / sqrt(2)";

  p.tilt = 0;
  p.background = 0;
  std::vector<float> linear = expected_pattern(p, random);
  for (int row = 0; row < p.rows; ++row) {
    for (int column = 0; column < p.columns; ++column) {
      linear[static_cast<std::size_t>(row * p.columns + column)] *=
          static_cast<float>(1 + 0.2 * (column - p.center_col_px) / p.ring_px);
    }
  }
  c = calibrate(p, linear);
  ASSERT_EQ(c.status, CalibrationStatus::kValid) << c.reason;
  const double expected_px = 0.2 * std::pow(p.ring_fwhm_px / 2.3548, 2) / p.ring_px;
  EXPECT_NEAR(c.center_col_px - p.center_col_px, expected_px, 0.2 * expected_px);
  EXPECT_NEAR(c.center_row_px, p.center_row_px, 0.01);
}

// The stop's tip blocks the centre, its arm a tenth of the ring.
TEST(PatternCalibration, FindsTheBeamStop) {
  for (const double angle : {90.0, -37.0}) {
    Random random(3);
    RingPattern p = small_pattern();
    p.stop_half_width_px = 6;
    p.stop_angle_deg = angle;
    const PatternCalibration c = calibrate(p, counted_pattern(p, random));
    ASSERT_EQ(c.status, CalibrationStatus::kValid) << c.reason;
    EXPECT_LT(center_error_px(c, p), 0.1);
    int missed = 0, clear = 0, stop = 0, masked = 0;
    for (int row = 0; row < p.rows; ++row) {
      for (int column = 0; column < p.columns; ++column) {
        const double x = column - p.center_col_px, y = row - p.center_row_px, r = std::hypot(x, y);
        if (std::abs(r - p.ring_px) > p.ring_fwhm_px) continue;
        const double distance = test::distance_to_stop_px(p, x, y);
        const bool is_masked = c.mask[static_cast<std::size_t>(row * p.columns + column)] != 0;
        if (distance < p.stop_half_width_px) {
          ++stop;
          missed += is_masked ? 0 : 1;
        } else if (distance >
                   p.stop_half_width_px + 6) {  // sigma of the smoothing, and widened by it and 1 px
          ++clear;
          masked += is_masked ? 1 : 0;
        }
      }
    }
    EXPECT_GT(stop, 100);
    EXPECT_EQ(missed, 0);
    EXPECT_EQ(masked, 0) << "of " << clear;
    EXPECT_EQ(c.masked_pixels, std::count(c.mask.begin(), c.mask.end(), 1));
  }
}

// Its core has no light of its own and passes a little; the direct beam beside it is a hundred times the
// ring.
TEST(PatternCalibration, DirectBeam) {
  Random random(9);
  RingPattern p = small_pattern();
  p.direct_beam = 100;
  const PatternCalibration open = calibrate(p, counted_pattern(p, random));
  ASSERT_EQ(open.status, CalibrationStatus::kValid) << open.reason;
  EXPECT_LT(center_error_px(open, p), 0.05);
  EXPECT_NEAR(open.ring_radius_px, p.ring_px, 0.5);
  EXPECT_EQ(open.masked_pixels, 0);

  // The stop misses the beam: the beam shines past a bar that lies 20 px beside the centre.
  std::vector<float> sum = expected_pattern(p, random);
  int bar = 0;
  for (int row = 0; row < p.rows; ++row) {
    for (int column = 80; column < 90; ++column) {
      sum[static_cast<std::size_t>(row * p.columns + column)] = 0.5F;
      ++bar;
    }
  }
  const PatternCalibration aside = calibrate(p, test::counted(sum, random));
  ASSERT_EQ(aside.status, CalibrationStatus::kValid) << aside.reason;
  EXPECT_LT(center_error_px(aside, p), 0.08);
  EXPECT_GT(aside.masked_pixels, 0.6 * bar) << "where the pattern is lit beside it";
  EXPECT_LT(aside.masked_pixels, 2 * bar);
}

TEST(PatternCalibration, TheStopMattersAndCanBeGiven) {
  Random random(4);
  RingPattern p = small_pattern();
  p.stop_half_width_px = 8;
  const std::vector<float> sum = counted_pattern(p, random);
  CalibrationSettings no_mask;
  no_mask.estimate_mask = false;
  const PatternCalibration blind = calibrate(p, sum, no_mask);
  EXPECT_EQ(blind.masked_pixels + blind.dead_pixels, 0);

  std::vector<std::uint8_t> mask(sum.size(), 0);
  int given = 0;
  for (int row = 0; row < p.rows; ++row) {
    for (int column = 0; column < p.columns; ++column) {
      const bool in = test::distance_to_stop_px(p, column - p.center_col_px, row - p.center_row_px) < 10;
      mask[static_cast<std::size_t>(row * p.columns + column)] = in ? 255 : 0;
      given += in ? 1 : 0;
    }
  }
  const PatternCalibration told = calibrate(p, sum, no_mask, mask);
  ASSERT_EQ(told.status, CalibrationStatus::kValid) << told.reason;
  EXPECT_LT(center_error_px(told, p), 0.05);
  EXPECT_EQ(told.masked_pixels + told.dead_pixels, 0);
  EXPECT_EQ(std::count(told.mask.begin(), told.mask.end(), 1), given);
  const PatternCalibration found = calibrate(p, sum);
  ASSERT_EQ(found.status, CalibrationStatus::kValid) << found.reason;
  EXPECT_LT(center_error_px(found, p), 0.05);
  EXPECT_LT(found.ellipse_ratio, 1.005);
}

// 40 single pixels, a dead column, a hot row of which half is masked already, and a NaN.
TEST(PatternCalibration, FindsDeadPixelsAndLines) {
  Random random(5);
  const RingPattern p = small_pattern();
  std::vector<float> sum = counted_pattern(p, random);
  const auto at = [&](int row, int column) { return static_cast<std::size_t>(row * p.columns + column); };
  std::vector<std::uint8_t> planted(sum.size(), 0), mask(sum.size(), 0);
  int dead = 0;
  for (int i = 0; i < 40; ++i) {
    const int row = 3 + (i * 37) % 100, column = 2 + (i * 53) % 110;
    planted[at(row, column)] = 1;
    sum[at(row, column)] = i % 2 == 0 ? 0.0F : 3e4F;
  }
  for (int row = 0; row < p.rows; ++row) {
    planted[at(row, 30)] = 1;
    sum[at(row, 30)] *= 0.3F;
  }
  for (int column = 0; column < p.columns; ++column) {
    if (column < 50) {
      mask[at(85, column)] = 1;
    } else {
      planted[at(85, column)] = 1;
    }
    sum[at(85, column)] += 60;
  }
  planted[at(60, 101)] = 1;
  sum[at(60, 101)] = kNaN;
  for (std::size_t i = 0; i < sum.size(); ++i) dead += planted[i] != 0 && mask[i] == 0 ? 1 : 0;

  const PatternCalibration c = calibrate(p, sum, {}, mask);
  ASSERT_EQ(c.status, CalibrationStatus::kValid) << c.reason;
  EXPECT_LT(center_error_px(c, p), 0.05);
  int missed = 0, wrong = 0;
  for (std::size_t i = 0; i < sum.size(); ++i) {
    if (mask[i] != 0) {
      EXPECT_EQ(c.mask[i], 1);
    } else {
      missed += planted[i] != 0 && c.mask[i] == 0 ? 1 : 0;
      wrong += planted[i] == 0 && c.mask[i] != 0 ? 1 : 0;
    }
  }
  // A dead pixel where some ten electrons are expected is not told from chance.
  EXPECT_LE(missed, 8) << "of " << dead;
  EXPECT_LE(wrong, 6) << "where the lines cross, most neighbours are defects";
  EXPECT_EQ(c.dead_pixels, dead - missed + wrong);
  EXPECT_EQ(c.masked_pixels, 0);
}

TEST(PatternCalibration, WhatIsGivenStays) {
  Random random(6);
  RingPattern p = small_pattern();
  p.ellipse_ratio = 1.04;
  p.ellipse_angle_deg = 20;
  const std::vector<float> sum = counted_pattern(p, random);
  CalibrationSettings settings;
  settings.center_row_px = p.center_row_px;
  settings.center_col_px = p.center_col_px;
  PatternCalibration c = calibrate(p, sum, settings);
  ASSERT_EQ(c.status, CalibrationStatus::kValid) << c.reason;
  EXPECT_EQ(c.center_row_px, p.center_row_px);
  EXPECT_EQ(c.center_col_px, p.center_col_px);
  EXPECT_TRUE(std::isnan(c.center_sigma_px));
  EXPECT_LT(ellipse_error(c, p), 0.005);
  EXPECT_GT(c.ellipse_ratio_sigma, 0);

  settings = {};
  settings.ellipse_ratio = 1.04;
  settings.ellipse_angle_deg = 20.0 + 180;
  settings.r_min_px = 25;
  settings.r_max_px = 55;
  c = calibrate(p, sum, settings);
  ASSERT_EQ(c.status, CalibrationStatus::kValid) << c.reason;
  EXPECT_EQ(c.ellipse_ratio, 1.04);
  EXPECT_EQ(c.ellipse_angle_deg, 200);
  EXPECT_TRUE(std::isnan(c.ellipse_ratio_sigma));
  EXPECT_LT(center_error_px(c, p), 0.05);
  EXPECT_GT(c.center_sigma_px, 0);

  settings.r_min_px = 45;
  c = calibrate(p, sum, settings);
  EXPECT_EQ(c.status, CalibrationStatus::kNoSignal) << "no crest there, at " << c.ring_radius_px;
}

// As in a nanobeam scan of 1024 x 1024: the sum of 16 patterns of speckle, 0.6 electrons per pixel each,
// behind a stop of 50 px.
TEST(PatternCalibration, NanobeamSum) {
  Random random(8);
  RingPattern p;
  p.rows = p.columns = 1024;
  p.center_row_px = 514.3;
  p.center_col_px = 508.8;
  p.ellipse_ratio = 1.01;
  p.ellipse_angle_deg = 30;
  p.ring_px = 277;
  p.ring_fwhm_px = 25;
  p.background = 0.3;
  p.electrons = 10;
  p.stop_half_width_px = 25;
  p.speckles = 16 * 400;
  p.friedel = true;
  const PatternCalibration c = calibrate(p, counted_pattern(p, random));
  ASSERT_EQ(c.status, CalibrationStatus::kValid) << c.reason;
  std::cout << "1024 x 1024: centre off by " << center_error_px(c, p) << " px, sigma " << c.center_sigma_px
            << "; ellipse by " << ellipse_error(c, p) << "; ring " << c.ring_radius_px << ", width "
            << c.ring_width_px << "; masked " << c.masked_pixels << ", dead " << c.dead_pixels << '\n';
  EXPECT_LT(center_error_px(c, p), 0.1);
  EXPECT_LT(ellipse_error(c, p), 0.002);
  EXPECT_NEAR(c.ring_radius_px, p.ring_px, 1);
  EXPECT_NEAR(c.ring_width_px, p.ring_fwhm_px, 1.5);
  EXPECT_LT(c.inversion_shift_px, 0.3);
  EXPECT_LE(c.dead_pixels, 5);
  EXPECT_NEAR(c.masked_pixels, 50 * 510 + 0.5 * std::numbers::pi * 25 * 25, 6000)
      << "stop and its widened edge";
}

}  // namespace
}  // namespace glasswatch::analysis
