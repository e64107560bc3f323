#include "simulators/imaging/diffraction_camera.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace glasswatch::simulation {
namespace {

constexpr double kBackgroundWidthInvNm = 1;

double radians(double degrees) {
  return degrees * std::numbers::pi / 180;
}

}  // namespace

DiffractionCamera::DiffractionCamera(const Settings& settings) : settings_(settings) {
  const double major = 1 / std::sqrt(settings.ellipse_ratio);
  const double minor = std::sqrt(settings.ellipse_ratio);
  const double c = std::cos(radians(settings.ellipse_angle_deg));
  const double s = std::sin(radians(settings.ellipse_angle_deg));
  xx_ = major * c * c + minor * s * s;
  xy_ = (major - minor) * c * s;
  yy_ = major * s * s + minor * c * c;
  transmission_.reserve(settings.rows * settings.columns);
  static_.reserve(settings.rows * settings.columns);
  for (std::size_t row = 0; row < settings.rows; ++row) {
    for (std::size_t column = 0; column < settings.columns; ++column) {
      const Planar k = wave_vector(static_cast<double>(row), static_cast<double>(column));
      const float transmission = transmission_at(static_cast<double>(row), static_cast<double>(column));
      transmission_.push_back(transmission);
      static_.push_back(transmission * unscattered_at(std::hypot(k.x, k.y)));
    }
  }
}

Planar DiffractionCamera::rounded(const Planar& v) const {
  return {xx_ * v.x + xy_ * v.y, xy_ * v.x + yy_ * v.y};
}

// The determinant of M is 1.
Planar DiffractionCamera::stretched(const Planar& v) const {
  return {yy_ * v.x - xy_ * v.y, xx_ * v.y - xy_ * v.x};
}

Planar DiffractionCamera::wave_vector(double row_px, double column_px) const {
  const double kappa = settings_.k_per_px_inv_nm;
  return rounded(
      {kappa * (column_px - settings_.center_column_px), kappa * (row_px - settings_.center_row_px)});
}

double DiffractionCamera::largest_k_inv_nm() const {
  double largest = 0;
  for (const double row : {0.0, static_cast<double>(settings_.rows - 1)}) {
    for (const double column : {0.0, static_cast<double>(settings_.columns - 1)}) {
      const Planar k = wave_vector(row, column);
      largest = std::max(largest, std::hypot(k.x, k.y));
    }
  }
  return largest;
}

void DiffractionCamera::complete(std::size_t first_px, double dose_scale, std::span<float> electrons) const {
  const auto scale = static_cast<float>(dose_scale);
  const float* transmission = transmission_.data() + first_px;
  const float* fixed = static_.data() + first_px;
  for (std::size_t i = 0; i < electrons.size(); ++i) {
    electrons[i] = scale * (transmission[i] * electrons[i] + fixed[i]);
  }
}

float DiffractionCamera::transmission_at(double row_px, double column_px) const {
  if (settings_.beam_stop_px <= 0) return 1;
  const double y = row_px - settings_.center_row_px;
  const double x = column_px - settings_.center_column_px;
  const double angle = radians(settings_.beam_stop_angle_deg);
  const double along = x * std::cos(angle) + y * std::sin(angle);
  const double across = y * std::cos(angle) - x * std::sin(angle);
  const double to_ray_px = std::hypot(std::min(along, 0.0), across);
  return static_cast<float>(std::clamp(to_ray_px - settings_.beam_stop_px, 0.0, 1.0));
}

float DiffractionCamera::unscattered_at(double k_inv_nm) const {
  constexpr double kWidth2 = kBackgroundWidthInvNm * kBackgroundWidthInvNm;
  const double k2 = k_inv_nm * k_inv_nm;
  const double background =
      ring_electrons() * settings_.background * (kWidth2 + kRingInvNm * kRingInvNm) / (kWidth2 + k2);
  const double width = settings_.central_width_inv_nm;
  const double direct =
      width > 0 ? settings_.dose_e_per_px * settings_.central_beam * std::exp(-k2 / (2 * width * width)) : 0;
  return static_cast<float>(background + direct);
}

}  // namespace glasswatch::simulation
