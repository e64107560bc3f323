#include "simulators/imaging/ring_pattern.h"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

namespace glasswatch::simulation {
namespace {

scenario::Frames frames() {
  scenario::Frames frames;
  frames.set_dose_e_per_px(20);
  return frames;
}

Exposure at(double temperature_c, double dose_scale = 1) {
  return {.temperature_c = temperature_c, .dose_scale = dose_scale};
}

// Eq. (1)'s power at n by direct azimuthal integration: the ring read at 1440 angles by bilinear
// interpolation, then |sum I e^(-i n phi)|^2 / (sum I)^2. Interpolation errs by at most E'' / 8 = 1 / (8 w^2)
// of E: 0.2 % at w = 8 px.
double ring_power(const std::vector<float>& image, const scenario::Pattern& p, double radius_px, int order) {
  constexpr int kAngles = 1440;
  constexpr int kColumns = 256;
  std::complex<double> wave = 0;
  double sum = 0;
  for (int j = 0; j < kAngles; ++j) {
    const double phi = 2 * std::numbers::pi * j / kAngles;
    const double row = p.center_row_px() + radius_px * std::sin(phi);
    const double column = p.center_col_px() + radius_px * std::cos(phi);
    const int r = static_cast<int>(row);
    const int c = static_cast<int>(column);
    const double u = row - r;
    const double v = column - c;
    const auto at = [&](int y, int x) { return image[static_cast<std::size_t>(y * kColumns + x)]; };
    const double value = (1 - u) * ((1 - v) * at(r, c) + v * at(r, c + 1)) +
                         u * ((1 - v) * at(r + 1, c) + v * at(r + 1, c + 1));
    wave += value * std::polar(1.0, -order * phi);
    sum += value;
  }
  return std::norm(wave) / (sum * sum);
}

TEST(RingPattern, PlantsTheClosedFormPowerAtEveryRadius) {
  for (const int order : {2, 4, 7}) {
    scenario::Pattern pattern;
    pattern.set_planted_order(static_cast<std::uint32_t>(order));
    pattern.set_center_row_px(121.3);
    pattern.set_center_col_px(130.8);
    RingPattern ring(pattern, frames());
    std::vector<float> image(256 * 256);
    ring.expected_electrons(at(400), image);
    for (const double radius_px : {58.0, 70.0, 81.5}) {
      EXPECT_NEAR(ring_power(image, pattern, radius_px, order), 0.04, 0.04 * 0.01)
          << order << " at " << radius_px;
      EXPECT_LT(ring_power(image, pattern, radius_px, order + 1), 1e-6);
    }
    ring.expected_electrons(at(300), image);
    EXPECT_LT(ring_power(image, pattern, 70, order), 1e-6);
  }
}

TEST(RingPattern, DoseIsMetOnTheCrestAndTheAngleIsThatOfTheLobe) {
  scenario::Pattern pattern;
  pattern.set_center_row_px(128);
  pattern.set_center_col_px(128);
  pattern.set_angle_deg(90);  // towards +row
  pattern.set_planted_order(1);
  pattern.set_amplitude(0.5);
  RingPattern ring(pattern, frames());
  std::vector<float> image(256 * 256);
  ring.expected_electrons(at(400), image);
  EXPECT_NEAR(image[(128 + 70) * 256 + 128], 20 * 1.5, 1e-5);
  EXPECT_NEAR(image[(128 - 70) * 256 + 128], 20 * 0.5, 1e-5);
  EXPECT_NEAR(image[128 * 256 + 128 + 70], 20, 1e-5);
  ring.expected_electrons(at(400, 0.25), image);
  EXPECT_NEAR(image[128 * 256 + 128 + 70], 5, 1e-5);
}

TEST(RingPattern, AmplitudeRisesLinearlyBetweenOnsetAndFull) {
  scenario::Pattern pattern;
  EXPECT_DOUBLE_EQ(RingPattern::amplitude(pattern, 349), 0);
  EXPECT_DOUBLE_EQ(RingPattern::amplitude(pattern, 375), 0.2);
  EXPECT_DOUBLE_EQ(RingPattern::amplitude(pattern, 400), 0.4);
  EXPECT_DOUBLE_EQ(RingPattern::amplitude(pattern, 900), 0.4);
}

}  // namespace
}  // namespace glasswatch::simulation
