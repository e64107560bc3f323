// Ring patterns with known electrons per pixel, and a camera that counts them: planted truth for noise
// estimates.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <numbers>
#include <random>
#include <span>
#include <vector>

#include "analysis/angular_correlation.h"
#include "analysis/noise_floor.h"
#include "analysis/polar.h"
#include "protocol/types/pixels.h"

namespace glasswatch::test {

using Random = std::mt19937_64;
using Pixels = std::vector<double>;  // size * size, row-major

inline double uniform(Random& random, double low, double high) {
  return std::uniform_real_distribution<double>(low, high)(random);
}

/// A ring of radius 40 px on 112 x 112 pixels, its rows 34 ... 46 px, behind a stop of 10 % of the circle or
/// none.
struct RingScene {
  static constexpr int kSize = 112;
  static constexpr double kCentrePx = 56, kRingPx = 40, kStopHalfWidth = 0.1 * std::numbers::pi;

  analysis::PolarGeometry geometry{.center_row_px = kCentrePx,
                                   .center_col_px = kCentrePx,
                                   .r_min_px = 34,
                                   .r_max_px = 46,
                                   .radial_bins = 12,
                                   .azimuthal_bins = 120};
  bool stop = true;

  struct Polar {
    double r_px, phi;
  };
  static Polar polar(std::size_t pixel) {
    const double row = static_cast<double>(pixel / kSize) - kCentrePx;
    const double column = static_cast<double>(pixel % kSize) - kCentrePx;
    return {std::hypot(row, column), std::atan2(row, column)};
  }
  /// Behind the stop, a wedge around phi = 0.3 widened by `margin_px` on both sides.
  bool hidden(std::size_t pixel, double margin_px) const {
    const auto [r_px, phi] = polar(pixel);
    return stop && std::abs(phi - 0.3) < kStopHalfWidth + margin_px / (r_px + 1);
  }
  /// The expected electrons of a relative intensity f(r_px, phi): none in the stop's shadow or far from the
  /// ring.
  template <typename Intensity>
  Pixels electrons(double dose, Intensity&& f) const {
    Pixels out(kSize * kSize, 0.0);
    for (std::size_t pixel = 0; pixel < out.size(); ++pixel) {
      const auto [r_px, phi] = polar(pixel);
      if (std::abs(r_px - kRingPx) < 11 && !hidden(pixel, 0)) out[pixel] = dose * f(r_px, phi);
    }
    return out;
  }
  /// The stop masked with a margin of 2 px, as one that is found in data is dilated.
  std::vector<std::uint8_t> mask() const {
    std::vector<std::uint8_t> out(kSize * kSize, 0);
    for (std::size_t pixel = 0; pixel < out.size(); ++pixel) out[pixel] = hidden(pixel, 2) ? 1 : 0;
    return out;
  }
};

/// counts = g (Gaussian * Poisson electrons) + normal read noise.
class NoisyCamera {
 public:
  explicit NoisyCamera(const analysis::DetectorNoise& noise) : noise_(noise) {}

  /// Expectation of the counts.
  Pixels expected(const Pixels& electrons) const {
    Pixels counts = blurred(electrons);
    for (double& value : counts) value *= noise_.counts_per_electron;
    return counts;
  }
  Pixels expose(const Pixels& electrons, Random& random) const {
    Pixels drawn(electrons.size(), 0.0);
    for (std::size_t pixel = 0; pixel < drawn.size(); ++pixel) {
      if (electrons[pixel] > 0) drawn[pixel] = std::poisson_distribution<int>(electrons[pixel])(random);
    }
    Pixels counts = expected(drawn);
    if (noise_.read_noise_counts > 0) {
      std::normal_distribution<double> read(0, noise_.read_noise_counts);
      for (double& value : counts) value += read(random);
    }
    return counts;
  }

 private:
  Pixels blurred(const Pixels& sharp) const {
    if (noise_.blur_sigma_px <= 0) return sharp;
    return along(along(sharp, 1), RingScene::kSize);
  }
  Pixels along(const Pixels& in, std::size_t stride) const {
    constexpr int kReach = 4;  // enough for sigma <= 1
    double sum = 0;
    std::vector<double> weight;
    for (int i = -kReach; i <= kReach; ++i) {
      weight.push_back(std::exp(-i * i / (2 * noise_.blur_sigma_px * noise_.blur_sigma_px)));
      sum += weight.back();
    }
    Pixels out(in.size(), 0.0);
    for (std::size_t i = kReach * stride; i + kReach * stride < in.size(); ++i) {
      double value = 0;
      for (std::size_t w = 0; w < weight.size(); ++w)
        value += weight[w] * in[i + w * stride - kReach * stride];
      out[i] = value / sum;
    }
    return out;
  }

  analysis::DetectorNoise noise_;
};

/// Power (K, N) and row means of a frame, by the polar transform and the angular correlation.
struct PowerOfFrame {
  analysis::PolarTransform transform;
  analysis::AngularCorrelation correlation;
  std::vector<double> mean, polar, power, coefficient;

  PowerOfFrame(const RingScene& scene, const std::vector<int>& orders)
      : transform(scene.geometry, RingScene::kSize, RingScene::kSize, scene.mask()),
        correlation(scene.geometry.azimuthal_bins, orders, analysis::MaskNormalization::kCentered),
        mean(static_cast<std::size_t>(scene.geometry.radial_bins)),
        polar(mean.size() * static_cast<std::size_t>(scene.geometry.azimuthal_bins)),
        power(mean.size() * orders.size()),
        coefficient(power.size()) {}

  void process(const Pixels& counts) {
    transform.apply({counts.data(), PixelType::kF8, RingScene::kSize, RingScene::kSize}, polar);
    const std::size_t bins = polar.size() / mean.size(), orders = power.size() / mean.size();
    for (std::size_t k = 0; k < mean.size(); ++k) {
      mean[k] = correlation
                    .process(std::span(polar).subspan(k * bins, bins), {},
                             std::span(power).subspan(k * orders, orders),
                             std::span(coefficient).subspan(k * orders, orders))
                    .mean;
    }
  }
};

}  // namespace glasswatch::test
