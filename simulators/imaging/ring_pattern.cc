#include "simulators/ring_pattern.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace glasswatch::simulation {

RingPattern::RingPattern(const scenario::Pattern& pattern, const scenario::Frames& frames)
    : full_amplitude_(pattern.amplitude()),
      onset_c_(pattern.onset_c()),
      full_c_(pattern.full_c()),
      counts_per_electron_(frames.counts_per_electron()) {
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
      mean_.push_back(mean);
      modulated_.push_back(mean * std::cos(pattern.planted_order() * (std::atan2(y, x) - phi0)));
    }
  }
}

double RingPattern::amplitude(double temperature_c) const {
  return full_amplitude_ * std::clamp((temperature_c - onset_c_) / (full_c_ - onset_c_), 0.0, 1.0);
}

void RingPattern::expected_electrons(double amplitude, double dose_scale, std::span<double> electrons) const {
  for (std::size_t i = 0; i < electrons.size(); ++i) {
    electrons[i] = dose_scale * (mean_[i] + amplitude * modulated_[i]);
  }
}

void RingPattern::draw(double amplitude, double dose_scale, Random& random,
                       std::span<std::int16_t> counts) const {
  constexpr double kLargest = std::numeric_limits<std::int16_t>::max();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double expected = dose_scale * (mean_[i] + amplitude * modulated_[i]);
    const double signal = std::round(static_cast<double>(random.poisson(expected)) * counts_per_electron_);
    counts[i] = static_cast<std::int16_t>(std::min(signal, kLargest));
  }
}

}  // namespace glasswatch::simulation
