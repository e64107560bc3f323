#include "simulators/imaging/ring_pattern.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace glasswatch::simulation {

RingPattern::RingPattern(const scenario::Pattern& pattern, const scenario::Frames& frames)
    : pattern_(pattern) {
  const double dose = frames.dose_e_per_px() / (1 + pattern.background());
  const double phi0 = pattern.angle_deg() * std::numbers::pi / 180;
  mean_.reserve(std::size_t{frames.rows()} * frames.columns());
  modulated_.reserve(mean_.capacity());
  for (std::uint32_t row = 0; row < frames.rows(); ++row) {
    for (std::uint32_t column = 0; column < frames.columns(); ++column) {
      const double y = row - pattern.center_row_px();
      const double x = column - pattern.center_col_px();
      const double r = std::hypot(x, y);
      const double off = (r - pattern.ring_radius_px()) / pattern.ring_width_px();
      const double mean = dose * (std::exp(-off * off / 2) +
                                  pattern.background() * std::exp(1 - r / pattern.ring_radius_px()));
      mean_.push_back(static_cast<float>(mean));
      modulated_.push_back(
          static_cast<float>(mean * std::cos(pattern.planted_order() * (std::atan2(y, x) - phi0))));
    }
  }
}

double RingPattern::amplitude(const scenario::Pattern& pattern, double temperature_c) {
  const double progress = (temperature_c - pattern.onset_c()) / (pattern.full_c() - pattern.onset_c());
  return pattern.amplitude() * std::clamp(progress, 0.0, 1.0);
}

void RingPattern::describe(stream::SeriesStart& start) const {
  auto& optics = *start.mutable_optics();
  optics.set_mode(stream::DIFFRACTION);
  optics.set_high_tension_kv(300);
  optics.set_pixel_size(pattern_.k_per_px_inv_nm());
  optics.set_pixel_unit("1/nm");
}

void RingPattern::expected_electrons(const Exposure& exposure, std::span<float> electrons) {
  const auto scale = static_cast<float>(exposure.dose_scale);
  const auto modulation =
      static_cast<float>(amplitude(pattern_, exposure.temperature_c) * exposure.dose_scale);
  for (std::size_t i = 0; i < electrons.size(); ++i) {
    electrons[i] = scale * mean_[i] + modulation * modulated_[i];
  }
}

}  // namespace glasswatch::simulation
