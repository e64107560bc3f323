// Calibration of a diffraction pattern from the data: centre, ellipse, ring, beam stop, dead pixels.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace glasswatch::analysis {

/// What is known already; everything absent is estimated.
struct CalibrationSettings {
  std::optional<double> center_row_px;  // both or none
  std::optional<double> center_col_px;
  std::optional<double> ellipse_ratio;  // both or none; > 0
  std::optional<double> ellipse_angle_deg;
  bool estimate_mask = true;  // beam stop, aperture edge and dead pixels, besides the given mask
  double r_min_px = 0;        // where the ring's crest lies; r_max_px = 0: found from the data
  double r_max_px = 0;
};

enum class CalibrationStatus {
  kValid,
  kNoSignal,      // the sum has no pixel above zero, or no ring stands out
  kOutsideFrame,  // less than a quarter of a ring about the best centre is on the frame
  kNotConverged,
};

/// Residuals and cross-check say how far to trust it. Sigmas are one standard deviation, a jackknife over
/// opposite pieces of the ring; they hold 50 to 80 % of planted centres where noise or Friedel pairs
/// dominate, 40 to 60 % where a few strong unpaired speckles do. What could not be estimated is NaN, except
/// that centre and ellipse are then as given, or the middle of the frame and a circle.
struct PatternCalibration {
  CalibrationStatus status = CalibrationStatus::kNoSignal;
  std::string reason;  // for people; empty when valid
  double center_row_px = 0;
  double center_col_px = 0;
  double center_sigma_px = 0;      // per axis; NaN where the centre was given
  double ellipse_ratio = 1;        // major / minor, >= 1 unless given; noise alone makes it a little more
  double ellipse_angle_deg = 0;    // of the major axis, from +column towards +row, within 90 deg of +column
  double ellipse_ratio_sigma = 0;  // NaN where the ellipse was given
  double ring_radius_px = 0;       // of the highest diffuse ring above its background, ellipse undone
  double ring_width_px = 0;        // full width at half maximum above the background beneath it
  /// rms over the ring's width of I / f(r) - 1, averaged over 5 x 5 px; texture and tilt included.
  double residual = 0;
  double inversion_shift_px = 0;  // from the centre to that of inversion; NaN if there is none
  int masked_pixels = 0;          // beam stop and aperture edge, without the given mask
  int dead_pixels = 0;            // dead, hot and non-finite single pixels and lines, outside both
  /// rows * columns, 1 = ignore: given mask, beam stop and dead pixels together.
  std::vector<std::uint8_t> mask;
};

/// Estimates the calibration from the sum (or mean) of the first patterns of a series, offset subtracted:
/// dead pixels (dead_pixels.h); the centre about which radius alone explains most (coarse_center.h); the
/// shadow of the beam stop (beam_shadow.h); the ring in the radial profile (radial_profile.h); centre and
/// ellipse by robust least squares on the ring (ring_fit.h); the last three steps again from there, three
/// times in all; the cross-check (inversion_center.h).
///
/// `sum`: rows * columns; non-finite pixels count as masked. given_mask: empty or rows * columns.
/// electrons_per_count > 0 sets a lower bound to the noise of the sum, which is else taken from neighbouring
/// pixels; 0 = unknown.
///
/// An intensity that varies around the ring as 1 + t cos(phi) moves nothing. One that varies linearly across
/// the pattern, 1 + t x / R on a ring of radius R and standard deviation s, is a shift by t s^2 / R to first
/// order, which no fit can tell. Even texture (speckle, planted symmetry) fakes an ellipse: one pattern with
/// few strong speckles gives the ratio to 0.01 ... 0.02 only, a sum of several tens to 0.001.
///
/// Equal inputs give equal bits. Allocates. Cost: 0.6 s at 1024 x 1024.
PatternCalibration calibrate_pattern(std::span<const float> sum, int rows, int columns,
                                     std::span<const std::uint8_t> given_mask, double electrons_per_count,
                                     const CalibrationSettings& settings);

}  // namespace glasswatch::analysis
