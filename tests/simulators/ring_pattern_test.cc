#include "simulators/ring_pattern.h"

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

// Eq. (1)'s power at n by direct azimuthal integration: the ring read at 1440 angles by bilinear
// interpolation, then |sum I e^(-i n phi)|^2 / (sum I)^2. Interpolation errs by at most E'' / 8 = 1 / (8 w^2)
// of E: 0.2 % at w = 8 px.
double ring_power(const std::vector<double>& image, const scenario::Pattern& p, double radius_px, int order) {
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
    const RingPattern ring(pattern, frames());
    std::vector<double> image(ring.pixel_count());
    ring.expected_electrons(0.4, 1, image);
    for (const double radius_px : {58.0, 70.0, 81.5}) {
      EXPECT_NEAR(ring_power(image, pattern, radius_px, order), 0.04, 0.04 * 0.01)
          << order << " at " << radius_px;
      EXPECT_LT(ring_power(image, pattern, radius_px, order + 1), 1e-6);
    }
    ring.expected_electrons(0, 1, image);
    EXPECT_LT(ring_power(image, pattern, 70, order), 1e-6);
  }
}

TEST(RingPattern, DoseIsMetOnTheCrestAndTheAngleIsThatOfTheLobe) {
  scenario::Pattern pattern;
  pattern.set_center_row_px(128);
  pattern.set_center_col_px(128);
  pattern.set_angle_deg(90);  // towards +row
  pattern.set_planted_order(1);
  const RingPattern ring(pattern, frames());
  std::vector<double> image(ring.pixel_count());
  ring.expected_electrons(0.5, 1, image);
  EXPECT_NEAR(image[(128 + 70) * 256 + 128], 20 * 1.5, 1e-9);
  EXPECT_NEAR(image[(128 - 70) * 256 + 128], 20 * 0.5, 1e-9);
  EXPECT_NEAR(image[128 * 256 + 128 + 70], 20, 1e-9);
  ring.expected_electrons(0.5, 0.25, image);
  EXPECT_NEAR(image[128 * 256 + 128 + 70], 5, 1e-9);
}

TEST(RingPattern, AmplitudeRisesLinearlyBetweenOnsetAndFull) {
  scenario::Pattern pattern;
  const RingPattern ring(pattern, frames());
  EXPECT_DOUBLE_EQ(ring.amplitude(349), 0);
  EXPECT_DOUBLE_EQ(ring.amplitude(375), 0.2);
  EXPECT_DOUBLE_EQ(ring.amplitude(400), 0.4);
  EXPECT_DOUBLE_EQ(ring.amplitude(900), 0.4);
}

// The drawn electrons N_i have mean and variance E_i, so sum w_i N_i scatters by sqrt(sum w_i^2 E_i).
TEST(RingPattern, PhotonsSumToWhatIsExpected) {
  scenario::Pattern pattern;
  const RingPattern ring(pattern, frames());
  std::vector<double> expected(ring.pixel_count());
  std::vector<std::int16_t> counts(ring.pixel_count());
  ring.expected_electrons(0.3, 0.7, expected);
  Random random(9, 1, 4);
  ring.draw(0.3, 0.7, random, counts);
  double sum = 0, sum_expected = 0, wave = 0, wave_expected = 0, wave_variance = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double y = static_cast<double>(i / 256) - 127.5;
    const double x = static_cast<double>(i % 256) - 127.5;
    const double weight = std::cos(4 * (std::atan2(y, x) - 10 * std::numbers::pi / 180));
    sum += counts[i];
    sum_expected += expected[i];
    wave += weight * counts[i];
    wave_expected += weight * expected[i];
    wave_variance += weight * weight * expected[i];
  }
  EXPECT_NEAR(sum, sum_expected, 5 * std::sqrt(sum_expected));
  EXPECT_NEAR(wave, wave_expected, 5 * std::sqrt(wave_variance));
  EXPECT_GT(wave_expected, 20 * std::sqrt(wave_variance)) << "the planted wave must stand out of the noise";
}

TEST(RingPattern, CountsAreElectronsTimesGainAndClampToInt16) {
  scenario::Pattern pattern;
  scenario::Frames bright = frames();
  bright.set_counts_per_electron(7);
  std::vector<std::int16_t> counts(256 * 256);
  Random random(9, 1, 4);
  RingPattern(pattern, bright).draw(0, 1, random, counts);
  for (const auto value : counts) ASSERT_EQ(value % 7, 0);
  bright.set_dose_e_per_px(1e6);
  Random other(9, 1, 4);
  RingPattern(pattern, bright).draw(0, 1, other, counts);
  EXPECT_EQ(counts[128 * 256 + 128 + 70], 32767);
}

}  // namespace
}  // namespace glasswatch::simulation
