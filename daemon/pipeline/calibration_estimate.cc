#include "daemon/pipeline/calibration_estimate.h"

#include <limits>
#include <utility>

#include "analysis/pattern_calibration.h"
#include "protocol/configuration/text.h"

namespace glasswatch {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

analysis::CalibrationSettings settings_for(const config::Calibration& given) {
  analysis::CalibrationSettings settings;
  if (given.has_center_row_px()) {
    settings.center_row_px = given.center_row_px();
    settings.center_col_px = given.center_col_px();
  }
  if (given.has_ellipse_ratio() || !given.estimate().ellipse()) {
    settings.ellipse_ratio = given.ellipse_ratio();
    settings.ellipse_angle_deg = given.ellipse_angle_deg();
  }
  settings.estimate_mask = given.estimate().mask();
  if (given.estimate().has_r_max_px()) {
    settings.r_min_px = given.estimate().r_min_px();
    settings.r_max_px = given.estimate().r_max_px();
  }
  return settings;
}

bool inside(const analysis::PatternCalibration& found, const config::Symmetry& settings) {
  return found.ring_radius_px > settings.r_min_px() && found.ring_radius_px < settings.r_max_px();
}

}  // namespace

result::Calibration given_calibration(const config::Calibration& given) {
  result::Calibration calibration;
  calibration.set_origin(given.has_estimate() ? result::Calibration::PENDING : result::Calibration::GIVEN);
  calibration.set_center_row_px(given.has_center_row_px() ? given.center_row_px() : kNan);
  calibration.set_center_col_px(given.has_center_col_px() ? given.center_col_px() : kNan);
  calibration.set_ellipse_ratio(given.ellipse_ratio());
  calibration.set_ellipse_angle_deg(given.ellipse_angle_deg());
  calibration.set_center_sigma_px(kNan);
  calibration.set_ellipse_ratio_sigma(kNan);
  calibration.set_ring_radius_px(kNan);
  calibration.set_ring_width_px(kNan);
  calibration.set_residual(kNan);
  calibration.set_inversion_shift_px(kNan);
  calibration.set_disc_radius_px(given.has_disc_radius_px() ? given.disc_radius_px() : kNan);
  return calibration;
}

CalibrationEstimate estimate_calibration(const result::Calibration& known, const config::Calibration& given,
                                         const config::Symmetry& settings, std::span<const float> sum,
                                         int rows, int columns, std::uint32_t frames,
                                         std::span<const std::uint8_t> given_mask) {
  const double electrons_per_count = known.counts_per_electron() > 0 ? 1 / known.counts_per_electron() : 0.0;
  analysis::CalibrationSettings wanted = settings_for(given);
  analysis::PatternCalibration found =
      analysis::calibrate_pattern(sum, rows, columns, given_mask, electrons_per_count, wanted);
  // A ring elsewhere than where the user looks, such as the skirt of the central beam: look there.
  if (wanted.r_max_px == 0 &&
      (found.status != analysis::CalibrationStatus::kValid || !inside(found, settings))) {
    wanted.r_min_px = settings.r_min_px();
    wanted.r_max_px = settings.r_max_px();
    found = analysis::calibrate_pattern(sum, rows, columns, given_mask, electrons_per_count, wanted);
  }

  CalibrationEstimate estimate{known, std::move(found.mask)};
  result::Calibration& calibration = estimate.calibration;
  calibration.set_frames(frames);
  if (found.status != analysis::CalibrationStatus::kValid) {
    calibration.set_origin(result::Calibration::FAILED);
    calibration.set_reason(text::concatenate("the geometry could not be estimated from ", frames,
                                             " patterns: ", found.reason,
                                             "; give center_row_px and center_col_px"));
    return estimate;
  }
  calibration.set_origin(result::Calibration::ESTIMATED);
  calibration.set_reason("");
  calibration.set_center_row_px(found.center_row_px);
  calibration.set_center_col_px(found.center_col_px);
  if (!wanted.center_row_px) calibration.set_center_sigma_px(found.center_sigma_px);
  calibration.set_ellipse_ratio(found.ellipse_ratio);
  calibration.set_ellipse_angle_deg(found.ellipse_angle_deg);
  if (!wanted.ellipse_ratio) calibration.set_ellipse_ratio_sigma(found.ellipse_ratio_sigma);
  calibration.set_ring_radius_px(found.ring_radius_px);
  calibration.set_ring_width_px(found.ring_width_px);
  calibration.set_residual(found.residual);
  calibration.set_inversion_shift_px(found.inversion_shift_px);
  calibration.set_masked_pixels(static_cast<std::uint32_t>(found.masked_pixels));
  calibration.set_dead_pixels(static_cast<std::uint32_t>(found.dead_pixels));
  return estimate;
}

}  // namespace glasswatch
