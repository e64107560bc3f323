// Diffraction patterns with planted rings, speckle, beam stops and noise, for tests.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <random>
#include <vector>

namespace glasswatch::test {

/// What is planted. Electrons are meant before the camera, per pixel on the crest of the mean ring.
struct RingPattern {
  int rows = 256, columns = 256;
  double center_row_px = 127.5, center_col_px = 127.5;
  double ellipse_ratio = 1, ellipse_angle_deg = 0;
  double ring_px = 70, ring_fwhm_px = 14;
  double electrons = 100;
  double background = 0.15;  // of the crest, at the ring; falls as 1/(1 + (r/r0)^2) with r0 = ring_px / 4
  double direct_beam = 0;    // of the crest, at the centre; a Gaussian of 2 px
  double tilt = 0;           // intensity times 1 + tilt cos(phi)
  double stop_half_width_px = 0;  // round-tipped needle from the centre
  double stop_angle_deg = 90;     // from +column towards +row
  int speckles = 0;  // discs on the ring, even brightness, their sum as bright as the smooth part
  double disc_radius_px = 8;
  bool friedel = false;  // a speckle has an equal one opposite
};

/// From the middle line of the needle, at an offset from the centre.
inline double distance_to_stop_px(const RingPattern& p, double x, double y) {
  const double angle = p.stop_angle_deg * std::numbers::pi / 180;
  const double length = std::max(0.0, x * std::cos(angle) + y * std::sin(angle));
  return std::hypot(x - length * std::cos(angle), y - length * std::sin(angle));
}

/// One pattern's expectation, electrons.
inline std::vector<float> expected_pattern(const RingPattern& p, std::mt19937_64& random) {
  constexpr double kPi = std::numbers::pi;
  const double sigma = p.ring_fwhm_px / 2.3548;
  const double angle = p.ellipse_angle_deg * kPi / 180, root = std::sqrt(p.ellipse_ratio);
  const double ca = std::cos(angle), sa = std::sin(angle);
  std::vector<float> image(static_cast<std::size_t>(p.rows * p.columns));
  const double smooth = p.speckles > 0 ? 0.5 : 1.0;

  // Discs strewn so that their mean is the other half of the ring: positions on the ring with its Gaussian
  // profile.
  std::vector<float> discs(image.size(), 0);
  const double area = 2 * kPi * p.ring_px * sigma * std::sqrt(2 * kPi);
  for (int s = 0; s < p.speckles; ++s) {
    const double phi = std::uniform_real_distribution<double>(-kPi, kPi)(random);
    const double r = std::normal_distribution<double>(p.ring_px, sigma)(random);
    const double brightness = 0.5 * area / (p.speckles * kPi * p.disc_radius_px * p.disc_radius_px);
    for (int side = 0; side < (p.friedel ? 2 : 1); ++side) {
      const double u = r * std::cos(phi + side * kPi), v = r * std::sin(phi + side * kPi);
      const double along = (ca * u + sa * v) * root, across = (ca * v - sa * u) / root;
      const double x = p.center_col_px + ca * along - sa * across,
                   y = p.center_row_px + sa * along + ca * across;
      const int reach = static_cast<int>(p.disc_radius_px) + 1;
      for (int i = static_cast<int>(y) - reach; i <= static_cast<int>(y) + reach + 1; ++i) {
        for (int j = static_cast<int>(x) - reach; j <= static_cast<int>(x) + reach + 1; ++j) {
          if (i < 0 || j < 0 || i >= p.rows || j >= p.columns) continue;
          if (std::hypot(i - y, j - x) > p.disc_radius_px) continue;
          discs[static_cast<std::size_t>(i * p.columns + j)] +=
              static_cast<float>(brightness / (p.friedel ? 2 : 1));
        }
      }
    }
  }

  for (int row = 0; row < p.rows; ++row) {
    for (int column = 0; column < p.columns; ++column) {
      const std::size_t at = static_cast<std::size_t>(row * p.columns + column);
      const double x = column - p.center_col_px, y = row - p.center_row_px;
      const double along = (ca * x + sa * y) / root, across = (ca * y - sa * x) * root;
      const double r = std::hypot(along, across), r0 = p.ring_px / 4;
      double value =
          smooth * std::exp(-0.5 * std::pow((r - p.ring_px) / sigma, 2)) + static_cast<double>(discs[at]);
      value += p.background * (1 + std::pow(p.ring_px / r0, 2)) / (1 + std::pow(r / r0, 2));
      value += p.direct_beam * std::exp(-r * r / 8);
      value *= 1 + p.tilt * (r > 0 ? along / r : 0);
      if (p.stop_half_width_px > 0) {
        value *= std::clamp(distance_to_stop_px(p, x, y) - p.stop_half_width_px + 0.5, 0.0, 1.0);
      }
      image[at] = static_cast<float>(p.electrons * std::max(value, 0.0));
    }
  }
  return image;
}

/// The same counted.
inline std::vector<float> counted(const std::vector<float>& expected, std::mt19937_64& random) {
  std::vector<float> image;
  image.reserve(expected.size());
  for (const float e : expected) {
    image.push_back(e > 0 ? static_cast<float>(std::poisson_distribution<int>(static_cast<double>(e))(random))
                          : 0.0F);
  }
  return image;
}

inline std::vector<float> counted_pattern(const RingPattern& p, std::mt19937_64& random) {
  return counted(expected_pattern(p, random), random);
}

}  // namespace glasswatch::test
