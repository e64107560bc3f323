#include "daemon/pipeline/symmetry_operator.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

namespace glasswatch {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr int kCenterMemoryPatterns = 64;
constexpr int kNeighbourRows = 4;  // whose mean stands for the expected signal of a row

std::span<double> resize(google::protobuf::RepeatedField<double>& field, std::size_t size) {
  field.Resize(static_cast<int>(size), kNan);
  return {field.mutable_data(), size};
}

std::span<double> mutable_span(google::protobuf::RepeatedField<double>& field) {
  return {field.mutable_data(), static_cast<std::size_t>(field.size())};
}

analysis::PolarGeometry polar_geometry(const SymmetryInputs& inputs) {
  analysis::PolarGeometry polar{};
  polar.center_row_px = inputs.calibration.center_row_px();
  polar.center_col_px = inputs.calibration.center_col_px();
  polar.ellipse_ratio = inputs.calibration.ellipse_ratio();
  polar.ellipse_angle_deg = inputs.calibration.ellipse_angle_deg();
  polar.r_min_px = inputs.settings.r_min_px();
  polar.r_max_px = inputs.settings.r_max_px();
  polar.radial_bins = static_cast<int>(inputs.settings.radial_bins());
  polar.azimuthal_bins = static_cast<int>(inputs.settings.azimuthal_bins());
  return polar;
}

// The rows of the ring: as configured in k, else as found by the calibration, else all.
std::vector<std::uint8_t> rows_of_ring(const SymmetryInputs& inputs,
                                       const analysis::PolarGeometry& geometry) {
  const config::Symmetry& settings = inputs.settings;
  const double ring_px = inputs.calibration.ring_radius_px();
  const double half_width_px = inputs.calibration.ring_width_px() / 2;
  std::vector<std::uint8_t> rows;
  for (const double radius_px : analysis::radial_bin_centres_px(geometry)) {
    const double k_inv_nm = radius_px * inputs.k_per_px_inv_nm;
    if (settings.has_ring_min_inv_nm()) {
      rows.push_back(k_inv_nm >= settings.ring_min_inv_nm() && k_inv_nm <= settings.ring_max_inv_nm());
    } else {
      rows.push_back(!std::isfinite(ring_px) || std::abs(radius_px - ring_px) <= half_width_px);
    }
  }
  return rows;
}

analysis::MaskNormalization normalization(const config::Symmetry& settings) {
  return settings.mask_normalization() == config::LITERAL ? analysis::MaskNormalization::kLiteral
                                                          : analysis::MaskNormalization::kCentered;
}

result::PowerState power_state(analysis::PowerState state) {
  switch (state) {
    case analysis::PowerState::kSignal:
      return result::SIGNAL;
    case analysis::PowerState::kConsistentWithNoise:
      return result::CONSISTENT_WITH_NOISE;
    case analysis::PowerState::kGainLimited:
      return result::GAIN_LIMITED;
    case analysis::PowerState::kNoFloor:
      return result::NO_FLOOR;
    case analysis::PowerState::kInvalid:
      break;
  }
  return result::NO_POWER;
}

}  // namespace

SymmetryOperator::SymmetryOperator(SymmetryInputs inputs, int lanes, analysis::Parallel& parallel)
    : inputs_(std::move(inputs)),
      orders_(inputs_.settings.orders().begin(), inputs_.settings.orders().end()),
      geometry_(polar_geometry(inputs_)),
      in_ring_(rows_of_ring(inputs_, geometry_)),
      polar_(geometry_, inputs_.rows, inputs_.columns, inputs_.mask, parallel,
             inputs_.settings.ring_only() ? std::span<const std::uint8_t>(in_ring_)
                                          : std::span<const std::uint8_t>()),
      correlation_(geometry_.azimuthal_bins, orders_, normalization(inputs_.settings), lanes),
      center_(geometry_, kCenterMemoryPatterns) {
  const auto k = static_cast<std::size_t>(geometry_.radial_bins);
  const auto p = static_cast<std::size_t>(geometry_.azimuthal_bins);
  const double counts_per_electron = inputs_.calibration.counts_per_electron();
  if (counts_per_electron > 0) {
    noise_ = std::make_unique<analysis::NoiseFloor>(
        polar_,
        analysis::DetectorNoise{counts_per_electron, inputs_.read_noise_counts, inputs_.blur_sigma_px},
        orders_, normalization(inputs_.settings), parallel);
    noise_rows_ = noise_->independent_rows(in_ring_);
    mask_effect_ = noise_->ring_mask_effect(in_ring_);
  }
  const double disc_px = inputs_.calibration.disc_radius_px();
  const auto ring_rows = static_cast<double>(std::count(in_ring_.begin(), in_ring_.end(), std::uint8_t{1}));
  if (disc_px > 0 && ring_rows > 0) {
    // Discs of one coherent probe interfere; an estimate of the disc is made from the speckle as if they did
    // not. The camera widens it by its blur.
    const double lengths =
        inputs_.disc_is_given ? analysis::kCoherentSpeckleLength : analysis::kStrewnDiscLength;
    const double length_px =
        std::hypot(lengths * disc_px, std::sqrt(2 * std::numbers::pi) * inputs_.blur_sigma_px);
    const double row_px = (geometry_.r_max_px - geometry_.r_min_px) / geometry_.radial_bins;
    speckle_rows_ = analysis::speckle_rows(ring_rows * row_px, length_px);
  }
  if (inputs_.settings.motif_scan() && disc_px > 0) {
    motif_ = std::make_unique<analysis::MotifScan>(
        geometry_, disc_px, orders_, in_ring_, counts_per_electron > 0 ? counts_per_electron : 1.0, lanes);
  }
  polar_image_.resize(k * p);
  coefficient_floor_.resize(k * orders_.size());
  correlation_floor_.resize(p);
  motif_k_px_.resize(orders_.size());
  status_.resize(k);
  ring_.resize(orders_.size());
}

void SymmetryOperator::polar_image(const FrameView& frame, std::span<double> polar,
                                   analysis::Parallel& parallel) const {
  polar_.apply(frame, polar, parallel);
  const double offset_counts = inputs_.calibration.offset_counts();
  if (offset_counts == 0) return;
  for (double& value : polar) value -= offset_counts;
}

void SymmetryOperator::begin_series(std::uint64_t series_id) {
  inputs_.calibration.set_series_id(series_id);
  center_.reset();
}

void SymmetryOperator::process(const FrameView& frame, result::Symmetry& result,
                               analysis::Parallel& parallel) {
  const auto k = static_cast<std::size_t>(geometry_.radial_bins);
  const auto p = static_cast<std::size_t>(geometry_.azimuthal_bins);
  const std::size_t n = orders_.size();
  const auto power = resize(*result.mutable_power(), k * n);
  const auto coefficient = resize(*result.mutable_coefficient(), k * n);
  const auto mean = resize(*result.mutable_radial_mean(), k);
  const auto variance = resize(*result.mutable_radial_variance(), k);
  const auto sigma = resize(*result.mutable_power_sigma(), k * n);
  const auto floor = resize(*result.mutable_noise_power(), k * n);
  const auto ring_coefficient = resize(*result.mutable_ring_coefficient(), n);
  const auto correlation =
      resize(*result.mutable_correlation(), inputs_.settings.keep_correlation() ? k * p : 0);

  polar_image(frame, polar_image_, parallel);
  correlation_.process(polar_image_, geometry_.radial_bins,
                       {correlation, power, coefficient, mean, variance, status_}, parallel);
  if (noise_ != nullptr) noise_->floors(mean, floor, coefficient_floor_);
  analysis::power_sigma(power, floor, static_cast<int>(n), kNeighbourRows, sigma);
  analysis::ring_powers(power, floor, in_ring_, noise_rows_, speckle_rows_, ring_, mask_effect_);

  const auto ring_power = resize(*result.mutable_ring_power(), n);
  const auto ring_sigma = resize(*result.mutable_ring_sigma(), n);
  const auto ring_floor = resize(*result.mutable_ring_floor(), n);
  const auto significance = resize(*result.mutable_ring_significance(), n);
  const bool subtract = inputs_.settings.subtract_noise();
  result.mutable_ring_state()->Resize(static_cast<int>(n), result::NO_POWER);
  for (std::size_t i = 0; i < n; ++i) {
    const bool as_measured = !subtract && std::isfinite(ring_[i].floor);
    ring_power[i] = ring_[i].power + (as_measured ? ring_[i].floor : 0.0);
    ring_sigma[i] = ring_[i].sigma;
    ring_floor[i] = ring_[i].floor;
    significance[i] = ring_[i].significance;
    result.set_ring_state(static_cast<int>(i), power_state(ring_[i].state));
  }
  const auto orders = static_cast<int>(n);
  result.set_ring_rows(
      static_cast<std::uint32_t>(analysis::ring_average(coefficient, in_ring_, orders, ring_coefficient)));
  if (subtract) {
    subtract_floor(result);
    analysis::ring_average(coefficient, in_ring_, orders, ring_coefficient);
  }
  if (motif_ != nullptr) scan_motifs(result, parallel);
  center_.add(polar_image_);
  result.set_center_row_shift_px(center_.row_shift_px());
  result.set_center_col_shift_px(center_.col_shift_px());
  result.set_center_shift_sigma_px(center_.sigma_px());
  judge(std::find(status_.begin(), status_.end(), analysis::RowStatus::kZeroMean) != status_.end(), result);
}

// What is published is the signal; without a floor it would be another quantity under the same name.
void SymmetryOperator::subtract_floor(result::Symmetry& result) {
  const auto power = mutable_span(*result.mutable_power());
  const auto coefficient = mutable_span(*result.mutable_coefficient());
  const auto correlation = mutable_span(*result.mutable_correlation());
  if (noise_ == nullptr) {
    for (const auto values : {power, coefficient, correlation, mutable_span(*result.mutable_ring_power())}) {
      std::fill(values.begin(), values.end(), kNan);
    }
    return;
  }
  for (std::size_t i = 0; i < power.size(); ++i) {
    power[i] -= result.noise_power(static_cast<int>(i));
    coefficient[i] -= coefficient_floor_[i];
  }
  const std::size_t p = correlation_floor_.size();
  for (std::size_t at = 0; at < correlation.size(); at += p) {
    const int row = static_cast<int>(at / p);
    noise_->correlation_floor(row, result.radial_mean(row), correlation_floor_);
    for (std::size_t j = 0; j < p; ++j) correlation[at + j] -= correlation_floor_[j];
  }
}

void SymmetryOperator::scan_motifs(result::Symmetry& result, analysis::Parallel& parallel) {
  const std::size_t n = orders_.size();
  const auto k_inv_nm = resize(*result.mutable_motif_k_inv_nm(), n);
  motif_->process(polar_image_,
                  {resize(*result.mutable_motif_coefficient(), n), resize(*result.mutable_motif_score(), n),
                   motif_k_px_, resize(*result.mutable_motif_phi_deg(), n)},
                  parallel);
  for (std::size_t i = 0; i < n; ++i) k_inv_nm[i] = motif_k_px_[i] * inputs_.k_per_px_inv_nm;
}

void SymmetryOperator::judge(bool zero_mean, result::Symmetry& result) const {
  if (result.ring_rows() > 0) {
    result.set_validity(result::VALID);
    if (result.ring_power_size() > 0 && std::isnan(result.ring_power(0))) {
      result.set_validity(result::NO_NOISE_FLOOR);
      result.mutable_reason()->assign(
          "subtract_noise needs the camera's gain: give detector.counts_per_electron, or subtract_noise: "
          "false");
    }
  } else if (std::count(in_ring_.begin(), in_ring_.end(), std::uint8_t{1}) == 0) {
    result.set_validity(result::NO_VALID_PIXELS);
    result.mutable_reason()->assign(
        "no row lies in the ring: compare symmetry.r_min_px and r_max_px with the ring");
  } else if (zero_mean) {
    result.set_validity(result::ZERO_MEAN);
    result.mutable_reason()->assign("the mean intensity on the ring is not above zero");
  } else {
    result.set_validity(result::NO_VALID_PIXELS);
    result.mutable_reason()->assign(
        "no row of the ring has pixel pairs at every shift: masked, outside the frame, or not finite");
  }
}

void SymmetryOperator::describe(result::Setup& setup) const {
  *setup.mutable_orders() = {orders_.begin(), orders_.end()};
  setup.set_azimuthal_bins(static_cast<std::uint32_t>(geometry_.azimuthal_bins));
  setup.set_center_row_px(geometry_.center_row_px);
  setup.set_center_col_px(geometry_.center_col_px);
  for (std::size_t row = 0; row < in_ring_.size(); ++row) {
    const double radius_px = polar_.radius_px()[row];
    setup.add_radius_px(radius_px);
    setup.add_k_inv_nm(radius_px * inputs_.k_per_px_inv_nm);
    setup.add_in_ring(in_ring_[row] != 0);
  }
  *setup.mutable_calibration() = inputs_.calibration;
}

}  // namespace glasswatch
