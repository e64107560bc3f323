// A small planted pattern, its calibration and how far that is off, for tests.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include "analysis/pattern_calibration.h"
#include "tests/analysis/ring_patterns.h"

namespace glasswatch::test {

using analysis::CalibrationSettings;
using analysis::PatternCalibration;

inline RingPattern small_pattern() {
  RingPattern p;
  p.rows = 120;
  p.columns = 128;
  p.center_row_px = 61.3;
  p.center_col_px = 62.8;
  p.ring_px = 38;
  p.ring_fwhm_px = 10;
  p.disc_radius_px = 3;
  return p;
}

inline PatternCalibration calibrate(const RingPattern& p, std::vector<float> sum,
                                    const CalibrationSettings& settings = {},
                                    const std::vector<std::uint8_t>& mask = {}) {
  return calibrate_pattern(sum, p.rows, p.columns, mask, 0, settings);
}

inline double center_error_px(const PatternCalibration& c, const RingPattern& p) {
  return std::hypot(c.center_row_px - p.center_row_px, c.center_col_px - p.center_col_px);
}

/// Distance of two ellipses: of the vectors 2 ln(axes) / 2 at twice the angle, so that it does not matter how
/// near they are to a circle. For ratios near 1 it is the difference of the ratios.
inline double ellipse_error(const PatternCalibration& c, const RingPattern& p) {
  const double a = std::log(c.ellipse_ratio), b = std::log(p.ellipse_ratio);
  const double angle = (c.ellipse_angle_deg - p.ellipse_angle_deg) * std::numbers::pi / 90;
  return std::sqrt(a * a + b * b - 2 * a * b * std::cos(angle));
}

}  // namespace glasswatch::test
