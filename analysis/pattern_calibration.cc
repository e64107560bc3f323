#include "analysis/pattern_calibration.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "analysis/beam_shadow.h"
#include "analysis/check.h"
#include "analysis/coarse_center.h"
#include "analysis/dead_pixels.h"
#include "analysis/inversion_center.h"
#include "analysis/masked_pattern.h"
#include "analysis/radial_profile.h"
#include "analysis/ring_fit.h"
#include "analysis/ring_shape.h"

namespace glasswatch::analysis {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr double kCoarseSlack = 0.04;  // uncertainty of the first centre, of the frame
constexpr double kFineSlackPx = 2;
constexpr int kRounds = 3;  // of shadow, ring and fit, each with the better centre of the one before
constexpr double kLeastRingOnFrame = 0.25;
constexpr int kResidualSidePx = 5;

class Calibration {
 public:
  Calibration(std::span<const float> sum, int rows, int columns, std::span<const std::uint8_t> given_mask,
              double electrons_per_count, const CalibrationSettings& settings);
  PatternCalibration run();

 private:
  bool center_given() const { return settings_.center_row_px.has_value(); }
  bool ellipse_given() const { return settings_.ellipse_ratio.has_value(); }
  FreeParts free_parts() const { return {!center_given(), !ellipse_given()}; }
  PatternCalibration failed(CalibrationStatus status, std::string reason);
  PatternCalibration failed_without_ring();
  void find_dead();
  void find_shadow(double slack_px);
  void guess_center();
  bool find_ring_here();
  double share_on_frame() const;
  double residual() const;
  void write_mask();
  void write_shape();

  CalibrationSettings settings_;
  MaskedPattern given_;   // what the given mask and non-finite pixels leave
  MaskedPattern living_;  // and dead pixels
  MaskedPattern lit_;     // and shadows
  PixelScatter scatter_;
  std::vector<std::uint8_t> dead_, shadow_;
  RingShape shape_;
  Ring ring_;
  PatternCalibration result_;
};

Calibration::Calibration(std::span<const float> sum, int rows, int columns,
                         std::span<const std::uint8_t> given_mask, double electrons_per_count,
                         const CalibrationSettings& settings)
    : settings_(settings), given_(masked_pattern(sum, rows, columns, given_mask)) {
  result_.center_sigma_px = result_.ellipse_ratio_sigma = kUnknown;
  result_.ring_radius_px = result_.ring_width_px = result_.residual = result_.inversion_shift_px = kUnknown;
  result_.center_row_px = settings.center_row_px.value_or((rows - 1) / 2.0);
  result_.center_col_px = settings.center_col_px.value_or((columns - 1) / 2.0);
  result_.ellipse_ratio = settings.ellipse_ratio.value_or(1);
  result_.ellipse_angle_deg = settings.ellipse_angle_deg.value_or(0);
  result_.mask.assign(sum.size(), 0);
  dead_.assign(sum.size(), 0);
  shadow_.assign(sum.size(), 0);
  for (std::size_t p = 0; p < sum.size(); ++p) {
    const bool hidden = !given_mask.empty() && given_mask[p] != 0;
    result_.mask[p] = hidden ? 1 : 0;
    if (!hidden && !std::isfinite(sum[p])) dead_[p] = 1;
  }
  scatter_ = estimate_scatter(given_, electrons_per_count);
  shape_.center_row_px = result_.center_row_px;
  shape_.center_col_px = result_.center_col_px;
  shape_.set_ellipse(result_.ellipse_ratio, result_.ellipse_angle_deg);
}

void Calibration::find_dead() {
  living_ = given_;
  if (!settings_.estimate_mask) return;
  const std::vector<std::uint8_t> found = find_dead_pixels(given_, scatter_);
  for (std::size_t p = 0; p < dead_.size(); ++p) dead_[p] |= found[p];
  living_.mask(found);
}

void Calibration::find_shadow(double slack_px) {
  lit_ = living_;
  if (!settings_.estimate_mask) return;
  shadow_ = find_beam_shadow(living_, shape_, slack_px, scatter_);
  lit_.mask(shadow_);
}

void Calibration::guess_center() {
  const double coarse_slack_px = kCoarseSlack * std::min(given_.rows, given_.columns);
  if (center_given()) {
    find_shadow(kFineSlackPx);
    return;
  }
  const auto take = [this](const CenterGuess& guess) {
    shape_.center_row_px = guess.row_px;
    shape_.center_col_px = guess.col_px;
  };
  take(coarse_center(living_));
  find_shadow(coarse_slack_px);
  if (std::find(lit_.valid.begin(), lit_.valid.end(), 1) == lit_.valid.end()) lit_ = living_;
  take(refined_center(lit_, {shape_.center_row_px, shape_.center_col_px}));
}

bool Calibration::find_ring_here() {
  const std::optional<Ring> ring =
      find_ring(radial_profile(lit_, shape_), settings_.r_min_px, settings_.r_max_px);
  if (ring) ring_ = *ring;
  return ring.has_value();
}

double Calibration::share_on_frame() const {
  constexpr int kSteps = 720;
  const RingCoordinates coordinates(shape_);
  int inside = 0;
  for (int i = 0; i < kSteps; ++i) {
    const double phi = 2 * std::numbers::pi * i / kSteps;
    const auto p = coordinates.on_camera({ring_.radius_px * std::cos(phi), ring_.radius_px * std::sin(phi)});
    const double row = shape_.center_row_px + p.y, column = shape_.center_col_px + p.x;
    if (row >= -0.5 && row <= given_.rows - 0.5 && column >= -0.5 && column <= given_.columns - 0.5) ++inside;
  }
  return static_cast<double>(inside) / kSteps;
}

double Calibration::residual() const {
  const RadialProfile profile = radial_profile(lit_, shape_);
  const RingCoordinates coordinates(shape_);
  MaskedPattern relative = lit_;
  std::vector<std::size_t> on_ring;
  for (int row = 0; row < lit_.rows; ++row) {
    for (int column = 0; column < lit_.columns; ++column) {
      const std::size_t p = lit_.at(row, column);
      if (lit_.valid[p] == 0) continue;
      const double r = coordinates.freed(row, column).radius_px(), f = profile.at(r);
      relative.valid[p] = f > 0 ? 1 : 0;
      relative.counts[p] = f > 0 ? static_cast<float>(static_cast<double>(lit_.counts[p]) / f - 1) : 0.0F;
      if (f > 0 && std::abs(r - ring_.radius_px) <= ring_.width_px / 2) on_ring.push_back(p);
    }
  }
  const std::vector<float> means = box_means(relative, kResidualSidePx);
  double squares = 0;
  for (const std::size_t p : on_ring) squares += std::pow(static_cast<double>(means[p]), 2);
  return on_ring.empty() ? kUnknown : std::sqrt(squares / static_cast<double>(on_ring.size()));
}

void Calibration::write_mask() {
  for (std::size_t p = 0; p < dead_.size(); ++p) {
    if (result_.mask[p] != 0) continue;
    if (shadow_[p] != 0) {
      ++result_.masked_pixels;
    } else if (dead_[p] != 0) {
      ++result_.dead_pixels;
    } else {
      continue;
    }
    result_.mask[p] = 1;
  }
}

void Calibration::write_shape() {
  if (!center_given()) {
    result_.center_row_px = shape_.center_row_px;
    result_.center_col_px = shape_.center_col_px;
  }
  if (!ellipse_given()) {
    result_.ellipse_ratio = shape_.ellipse_ratio();
    result_.ellipse_angle_deg = shape_.ellipse_angle_deg();
  }
}

PatternCalibration Calibration::failed(CalibrationStatus status, std::string reason) {
  write_mask();
  result_.status = status;
  result_.reason = std::move(reason);
  return std::move(result_);
}

/// Radii of which less than a quarter is on the frame have no profile.
PatternCalibration Calibration::failed_without_ring() {
  const bool on_frame = shape_.center_row_px > -0.5 && shape_.center_row_px < given_.rows - 0.5 &&
                        shape_.center_col_px > -0.5 && shape_.center_col_px < given_.columns - 0.5;
  if (on_frame) {
    return failed(CalibrationStatus::kNoSignal, "no diffuse ring stands out of the radial profile");
  }
  return failed(CalibrationStatus::kOutsideFrame,
                "the best centre is outside the frame, and no ring about it shows a quarter of itself there");
}

PatternCalibration Calibration::run() {
  if (std::none_of(given_.counts.begin(), given_.counts.end(), [](float c) { return c > 0; })) {
    return failed(CalibrationStatus::kNoSignal, "no pixel above zero");
  }
  find_dead();
  if (std::none_of(living_.counts.begin(), living_.counts.end(), [](float c) { return c > 0; })) {
    return failed(CalibrationStatus::kNoSignal, "no pixel above zero besides hot ones");
  }
  guess_center();
  RingFit fit;
  for (int round = 0; round < kRounds; ++round) {
    find_shadow(kFineSlackPx);
    if (!find_ring_here()) return failed_without_ring();
    fit = fit_ring(lit_, scatter_, shape_, ring_, free_parts());
    shape_ = fit.shape;
    if (!(share_on_frame() >= kLeastRingOnFrame)) {
      return failed(CalibrationStatus::kOutsideFrame, "less than a quarter of the ring is on the frame");
    }
  }
  if (!fit.converged) return failed(CalibrationStatus::kNotConverged, "centre and ellipse did not settle");

  write_mask();
  write_shape();
  result_.status = CalibrationStatus::kValid;
  const RingSigmas sigmas = ring_sigmas(lit_, scatter_, shape_, ring_, free_parts());
  if (!center_given()) result_.center_sigma_px = sigmas.center_px;
  if (!ellipse_given()) result_.ellipse_ratio_sigma = 2 * result_.ellipse_ratio * sigmas.stretch;
  if (find_ring_here()) {
    result_.ring_radius_px = ring_.radius_px;
    result_.ring_width_px = ring_.width_px;
  }
  result_.residual = residual();
  if (const auto inverse = inversion_center(lit_, shape_, ring_)) {
    result_.inversion_shift_px =
        std::hypot(inverse->row_px - shape_.center_row_px, inverse->col_px - shape_.center_col_px);
  }
  return std::move(result_);
}

}  // namespace

PatternCalibration calibrate_pattern(std::span<const float> sum, int rows, int columns,
                                     std::span<const std::uint8_t> given_mask, double electrons_per_count,
                                     const CalibrationSettings& settings) {
  GLASSWATCH_CHECK(rows >= 1 && columns >= 1, rows, columns);
  GLASSWATCH_CHECK(sum.size() == static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns),
                   sum.size(), rows, columns);
  GLASSWATCH_CHECK(given_mask.empty() || given_mask.size() == sum.size(), given_mask.size(), sum.size());
  GLASSWATCH_CHECK(settings.center_row_px.has_value() == settings.center_col_px.has_value());
  GLASSWATCH_CHECK(settings.ellipse_ratio.has_value() == settings.ellipse_angle_deg.has_value());
  GLASSWATCH_CHECK(settings.ellipse_ratio.value_or(1) > 0, settings.ellipse_ratio.value_or(1));
  return Calibration(sum, rows, columns, given_mask, electrons_per_count, settings).run();
}

}  // namespace glasswatch::analysis
