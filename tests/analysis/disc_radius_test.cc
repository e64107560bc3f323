// Discs strewn at random: their radius from the speckle, against what was strewn.
#include "analysis/disc_radius.h"

#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <limits>
#include <numbers>
#include <random>

#include "tests/analysis/ring_patterns.h"

namespace glasswatch::analysis {
namespace {

constexpr double kPi = std::numbers::pi;
using Random = std::mt19937_64;

constexpr int kPatterns = 8;

PolarGeometry geometry() {
  PolarGeometry g;
  g.center_row_px = 79.3;
  g.center_col_px = 80.4;
  g.r_min_px = 35;
  g.r_max_px = 75;
  g.radial_bins = 40;
  g.azimuthal_bins = 120;
  return g;
}

/// What a camera of which each pixel gives a quarter to either neighbour, in both directions, makes of a
/// pattern.
std::vector<float> blurred(const std::vector<float>& image, int side) {
  std::vector<float> result(image);
  for (const int step : {1, side}) {
    const std::vector<float> from(result);
    for (int i = step; i + step < static_cast<int>(image.size()); ++i) {
      const auto at = [&](int j) { return from[static_cast<std::size_t>(j)]; };
      result[static_cast<std::size_t>(i)] = at(i) / 2 + (at(i - step) + at(i + step)) / 4;
    }
  }
  return result;
}

/// Polar images of counted patterns with discs on a broad ring.
std::vector<double> strewn(double disc_px, double electrons, std::uint64_t seed,
                           const PolarGeometry& g = geometry(), bool blur = false) {
  test::RingPattern p;
  p.rows = p.columns = 160;
  p.center_row_px = g.center_row_px;
  p.center_col_px = g.center_col_px;
  p.ring_px = 55;
  p.ring_fwhm_px = 30;
  p.background = 0.1;
  p.electrons = electrons;
  p.speckles = 150;
  p.disc_radius_px = disc_px;
  const PolarTransform transform(g, p.rows, p.columns, {});
  const auto size = static_cast<std::size_t>(g.radial_bins * g.azimuthal_bins);
  std::vector<double> polar(kPatterns * size);
  Random random(seed);
  for (std::size_t i = 0; i < kPatterns; ++i) {
    const std::vector<float> counts = counted_pattern(p, random);
    const std::vector<float> image = blur ? blurred(counts, p.columns) : counts;
    transform.apply({image.data(), PixelType::kF4, p.rows, p.columns},
                    std::span(polar).subspan(i * size, size));
  }
  return polar;
}

// Some 8 x 100 discs of which each overlaps several: the estimate scatters by a few per cent.
TEST(DiscRadius, OfCountedPatterns) {
  const std::vector<std::uint8_t> ring(40, 1);
  for (const double disc_px : {3.0, 4.5, 6.0}) {
    for (const double electrons : {2.0, 20.0}) {
      const double found =
          estimate_disc_radius_px(strewn(disc_px, electrons, 5), kPatterns, geometry(), ring);
      std::cout << "discs of " << disc_px << " px at " << electrons << " e/px: " << found << " px\n";
      EXPECT_NEAR(found, disc_px, 0.15 * disc_px) << electrons;
    }
  }
}

// Blur spreads the noise of few counts over neighbouring rows, which would look like small discs; bins much
// wider than the discs average their overlap.
TEST(DiscRadius, BlurAndWideBinsAreAccountedFor) {
  const std::vector<std::uint8_t> ring(40, 1);
  const double few =
      estimate_disc_radius_px(strewn(4.5, 0.3, 9, geometry(), true), kPatterns, geometry(), ring);
  PolarGeometry coarse = geometry();
  coarse.azimuthal_bins = 30;  // arcs of 11.5 px
  const double wide = estimate_disc_radius_px(strewn(4.5, 20, 9, coarse), kPatterns, coarse, ring);
  std::cout << "discs of 4.5 px: few counts blurred " << few << " px, wide bins " << wide << " px\n";
  EXPECT_NEAR(few, 4.5, 0.15 * 4.5);
  EXPECT_NEAR(wide, 4.5, 0.15 * 4.5);
}

// White noise averaged over discs in the (r, arc) plane: the covariance is the overlap itself, whatever the
// ring's shape is, and without a word from the camera.
TEST(DiscRadius, OfFilteredNoise) {
  PolarGeometry g = geometry();
  g.r_min_px = 200;
  g.r_max_px = 280;
  g.radial_bins = 80;
  g.azimuthal_bins = 1508;  // arcs of 1 px at the middle radius
  for (const double disc_px : {5.0, 8.0}) {
    Random random(6);
    const int reach = static_cast<int>(disc_px);
    const auto columns = static_cast<std::size_t>(g.azimuthal_bins);
    std::vector<double> noise((80 + 2 * 8) * columns), polar;
    for (double& value : noise) value = std::uniform_real_distribution<double>(-1, 1)(random);
    for (std::size_t k = 0; k < 80; ++k) {
      for (std::size_t j = 0; j < columns; ++j) {
        double sum = 0;
        for (int u = -reach; u <= reach; ++u) {
          for (int v = -reach; v <= reach; ++v) {
            if (u * u + v * v > disc_px * disc_px) continue;
            const auto row = static_cast<std::size_t>(static_cast<int>(k) + 8 + u);
            const auto column =
                (j + columns + static_cast<std::size_t>(v + reach) - static_cast<std::size_t>(reach));
            sum += noise[row * columns + column % columns];
          }
        }
        polar.push_back(100 + sum);
      }
    }
    const double found = estimate_disc_radius_px(polar, 1, g, std::vector<std::uint8_t>(80, 1));
    // Half a pixel of the pixelated disc's radius, and bins that are averaged by the model but not here.
    EXPECT_NEAR(found, disc_px, 0.5);
  }
}

TEST(DiscRadius, InvalidBinsAndRowsOutsideTheRing) {
  std::vector<double> polar = strewn(4.5, 20, 7);
  std::vector<std::uint8_t> ring(40, 1);
  for (std::size_t k = 0; k < 5; ++k) ring[k] = 0;
  for (std::size_t i = 0; i < polar.size(); ++i) {
    if (i % 120 < 15) polar[i] = std::numeric_limits<double>::quiet_NaN();
    if (i % 4800 / 120 < 5) polar[i] = static_cast<double>(i % 7);
  }
  EXPECT_NEAR(estimate_disc_radius_px(polar, kPatterns, geometry(), ring), 4.5, 0.15 * 4.5);
}

TEST(DiscRadius, NotShown) {
  const PolarGeometry g = geometry();
  const std::vector<std::uint8_t> ring(40, 1);
  Random random(8);
  std::vector<double> noise(4800), ripple(4800);
  for (double& value : noise) value = std::poisson_distribution<int>(5)(random);
  for (std::size_t i = 0; i < ripple.size(); ++i) {
    ripple[i] =
        10 + std::cos(2 * kPi * static_cast<double>(i % 120) / 30);  // alike in all rows: never falls off
  }
  EXPECT_TRUE(std::isnan(estimate_disc_radius_px(noise, 1, g, ring)));
  EXPECT_TRUE(std::isnan(estimate_disc_radius_px(ripple, 1, g, ring)));
  EXPECT_TRUE(std::isnan(estimate_disc_radius_px(std::vector<double>(4800, 3), 1, g, ring)));
  EXPECT_TRUE(std::isnan(estimate_disc_radius_px(
      std::vector<double>(4800, std::numeric_limits<double>::quiet_NaN()), 1, g, ring)));
  EXPECT_TRUE(std::isnan(estimate_disc_radius_px({}, 0, g, ring)));
  EXPECT_TRUE(std::isnan(
      estimate_disc_radius_px(strewn(4.5, 20, 7), kPatterns, g, std::vector<std::uint8_t>(40, 0))));
}

TEST(DiscRadiusDeathTest, ContractBroken) {
  const std::vector<double> polar(4800, 1.0);
  EXPECT_DEATH(estimate_disc_radius_px(polar, 2, geometry(), std::vector<std::uint8_t>(40)),
               "contract broken");
  EXPECT_DEATH(estimate_disc_radius_px(polar, 1, geometry(), std::vector<std::uint8_t>(39)),
               "contract broken");
}

}  // namespace
}  // namespace glasswatch::analysis
