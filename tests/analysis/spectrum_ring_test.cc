// The ring of a spectrum against closed forms.
#include "analysis/spectrum_ring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace glasswatch::analysis {
namespace {

constexpr double kPi = std::numbers::pi;

double sinc(double x) {
  return x == 0 ? 1 : std::sin(kPi * x) / (kPi * x);
}

// cos(n phi) on unit pixels: the loss that spectrum_ring.h states.
TEST(SpectrumRing, TransfersACosineAsStated) {
  const std::vector<int> orders{2, 4, 6, 8, 10, 12};
  for (const auto& [bins, tolerance] : {std::pair{72, 0.05}, {180, 0.005}}) {
    for (const double r_min : {9.0, 11.5, 15.0}) {
      const double r = r_min + 0.5;
      const SpectrumRing ring(64, r_min, r_min + 1, 1, bins, orders);
      std::vector<float> s, scratch(1 + 2 * orders.size()), power(orders.size());
      for (std::size_t i = 0; i < orders.size(); ++i) {
        double mean_power = 0;
        for (int phase = 0; phase < 8; ++phase) {
          s.clear();
          for (const auto& [row, column] : ring.pixels()) {
            s.push_back(static_cast<float>(
                1 + 0.5 * std::cos(orders[i] * std::atan2(row, column) - phase * kPi / 4)));
          }
          ring.angular_power(s, scratch, power);
          mean_power += power[i] / 8;
        }
        const double transfer =
            std::pow(sinc(orders[i] / (2 * kPi * r)) * sinc(orders[i] / static_cast<double>(bins)), 2);
        EXPECT_NEAR(mean_power * 16, transfer, tolerance) << "P " << bins << " r " << r << " n " << orders[i];
      }
    }
  }
}

TEST(SpectrumRing, SmoothsAlongTheCircleOnly) {
  const SpectrumRing ring(64, 8, 20, 1, 72, {2});
  std::vector<double> s, scratch(ring.smoothing_scratch()), smoothed(ring.pixels().size());
  for (const auto& [row, column] : ring.pixels()) {
    const double circle = std::clamp(std::floor(std::hypot(row, column)), 8.0, 19.0);
    s.push_back(circle * (1 + 0.5 * std::cos(2 * std::atan2(row, column) - 1)));
  }
  ring.smooth(s, scratch, smoothed);
  for (std::size_t p = 0; p < smoothed.size(); ++p) {
    const auto [row, column] = ring.pixels()[p];
    const double circle = std::clamp(std::floor(std::hypot(row, column)), 8.0, 19.0);
    // A Gaussian of 15 deg leaves exp(-(2 * 15 deg)^2/2) of cos 2 phi. Cells of 3 deg displace it by up
    // to 1.5 deg, .023 of 1; few and unevenly placed pixels on the small circles do as much again.
    const double expected =
        1 + 0.5 * std::exp(-0.5 * std::pow(kPi / 6, 2)) * std::cos(2 * std::atan2(row, column) - 1);
    EXPECT_NEAR(smoothed[p] / circle, expected, 0.05);
  }
}

TEST(SpectrumRing, PeakIsOverTheMedianAndIgnoresTheCutPixels) {
  const SpectrumRing ring(16, 3, 6, 1, 36, {2});
  std::vector<float> s(ring.pixels().size(), 2.0f), scratch(ring.inside());
  s[5] = 30;
  s[6] = 20;
  s.back() = 1000;
  ASSERT_LT(ring.inside(), s.size());
  EXPECT_NEAR(ring.peak(s, scratch), 15 * std::log(2), 1e-5);
  EXPECT_NEAR(ring.mean(s), 2 + 46.0 / static_cast<double>(ring.inside()), 1e-12);
  std::fill(s.begin(), s.end(), 0.0f);
  EXPECT_TRUE(std::isnan(ring.peak(s, scratch)));
}

}  // namespace
}  // namespace glasswatch::analysis
