#include "daemon/pipeline/symmetry_stage.h"

#include <limits>
#include <span>

#include "protocol/configuration/text.h"

namespace glasswatch {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::span<double> resize(google::protobuf::RepeatedField<double>& field, int size) {
  field.Resize(size, kNan);
  return {field.mutable_data(), static_cast<std::size_t>(size)};
}

double radius_px(const config::Symmetry& symmetry, int row) {
  return symmetry.r_min_px() + (row + 0.5) * (symmetry.r_max_px() - symmetry.r_min_px()) /
                                   static_cast<double>(symmetry.radial_bins());
}

analysis::PolarGeometry geometry(const config::Configuration& configuration) {
  const auto& calibration = configuration.calibration();
  const auto& symmetry = configuration.symmetry();
  analysis::PolarGeometry polar{};
  polar.center_row_px = calibration.center_row_px();
  polar.center_col_px = calibration.center_col_px();
  polar.ellipse_ratio = calibration.ellipse_ratio();
  polar.ellipse_angle_deg = calibration.ellipse_angle_deg();
  polar.r_min_px = symmetry.r_min_px();
  polar.r_max_px = symmetry.r_max_px();
  polar.radial_bins = static_cast<int>(symmetry.radial_bins());
  polar.azimuthal_bins = static_cast<int>(symmetry.azimuthal_bins());
  return polar;
}

analysis::AngularCorrelation make_correlation(const config::Symmetry& symmetry) {
  const auto normalization = symmetry.mask_normalization() == config::LITERAL
                                 ? analysis::MaskNormalization::kLiteral
                                 : analysis::MaskNormalization::kCentered;
  return {static_cast<int>(symmetry.azimuthal_bins()),
          {symmetry.orders().begin(), symmetry.orders().end()},
          normalization};
}

}  // namespace

SymmetryStage::SymmetryStage(const config::Configuration& configuration, const MaskImage& mask)
    : configuration_(configuration),
      mask_(mask),
      correlation_(make_correlation(configuration.symmetry())),
      in_ring_(configuration.symmetry().radial_bins()) {
  const auto& symmetry = configuration_.symmetry();
  for (std::size_t row = 0; row < in_ring_.size(); ++row) {
    const double k_inv_nm =
        radius_px(symmetry, static_cast<int>(row)) * configuration_.calibration().k_per_px_inv_nm();
    in_ring_[row] = !symmetry.has_ring_min_inv_nm() ||
                    (k_inv_nm >= symmetry.ring_min_inv_nm() && k_inv_nm <= symmetry.ring_max_inv_nm());
  }
  polar_image_.resize(std::size_t{symmetry.radial_bins()} * symmetry.azimuthal_bins());
}

void SymmetryStage::begin_series(const stream::SeriesStart& start) {
  const int rows = static_cast<int>(start.camera().rows());
  const int columns = static_cast<int>(start.camera().columns());
  incompatible_ = "the analysis of this series could not be set up";  // until it is
  if (!mask_.ignore.empty() && (mask_.rows != rows || mask_.columns != columns)) {
    incompatible_ = text::concatenate("calibration.mask_path is ", mask_.rows, " x ", mask_.columns,
                                      ", frames are ", rows, " x ", columns);
    return;
  }
  if (polar_ == nullptr || rows != rows_ || columns != columns_) {
    polar_.reset();  // its memory first
    polar_ =
        std::make_unique<analysis::PolarTransform>(geometry(configuration_), rows, columns, mask_.ignore);
    rows_ = rows;
    columns_ = columns;
  }
  incompatible_.clear();
}

void SymmetryStage::process(const FrameView& frame, result::Symmetry& result) {
  const auto& settings = configuration_.symmetry();
  const int k = static_cast<int>(settings.radial_bins());
  const int n = settings.orders_size();
  const int p = static_cast<int>(settings.azimuthal_bins());
  const auto power = resize(*result.mutable_power(), k * n);
  const auto coefficient = resize(*result.mutable_coefficient(), k * n);
  const auto mean = resize(*result.mutable_radial_mean(), k);
  const auto variance = resize(*result.mutable_radial_variance(), k);
  const auto ring_power = resize(*result.mutable_ring_power(), n);
  const auto ring_coefficient = resize(*result.mutable_ring_coefficient(), n);
  const auto correlation = resize(*result.mutable_correlation(), settings.keep_correlation() ? k * p : 0);
  if (!incompatible_.empty()) {
    result.set_validity(result::INCOMPATIBLE_FRAME);
    result.set_reason(incompatible_);
    return;
  }

  polar_->apply(frame, polar_image_);
  bool zero_mean = false;
  for (int row = 0; row < k; ++row) {
    const auto at = [row](auto span, int width) {
      return span.empty()
                 ? span
                 : span.subspan(static_cast<std::size_t>(row) * width, static_cast<std::size_t>(width));
    };
    const auto statistics = correlation_.process(at(std::span<const double>(polar_image_), p),
                                                 at(correlation, p), at(power, n), at(coefficient, n));
    mean[row] = statistics.mean;
    variance[row] = statistics.variance;
    zero_mean = zero_mean || statistics.status == analysis::RowStatus::kZeroMean;
  }
  const int rows_used = analysis::ring_average(power, in_ring_, n, ring_power);
  analysis::ring_average(coefficient, in_ring_, n, ring_coefficient);
  result.set_ring_rows(static_cast<std::uint32_t>(rows_used));
  if (rows_used > 0) {
    result.set_validity(result::VALID);
  } else if (zero_mean) {
    result.set_validity(result::ZERO_MEAN);
    result.set_reason("the mean intensity on the ring is not above zero");
  } else {
    result.set_validity(result::NO_VALID_PIXELS);
    result.set_reason(
        "no row of the ring has pixel pairs at every shift: masked, outside the frame, or not finite");
  }
}

void SymmetryStage::describe(result::Setup& setup) const {
  const auto& symmetry = configuration_.symmetry();
  const auto& calibration = configuration_.calibration();
  *setup.mutable_orders() = {symmetry.orders().begin(), symmetry.orders().end()};
  setup.set_azimuthal_bins(symmetry.azimuthal_bins());
  setup.set_center_row_px(calibration.center_row_px());
  setup.set_center_col_px(calibration.center_col_px());
  for (std::size_t row = 0; row < in_ring_.size(); ++row) {
    const double radius = radius_px(symmetry, static_cast<int>(row));
    setup.add_radius_px(radius);
    setup.add_k_inv_nm(calibration.has_k_per_px_inv_nm() ? radius * calibration.k_per_px_inv_nm() : kNan);
    setup.add_in_ring(in_ring_[row] != 0);
  }
}

}  // namespace glasswatch
