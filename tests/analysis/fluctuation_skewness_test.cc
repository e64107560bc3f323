// The skewness of fluctuations under noise, against laws whose skewness is known.
#include "analysis/fluctuation_skewness.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <complex>
#include <limits>
#include <random>

namespace glasswatch::analysis {
namespace {

constexpr int kSide = 200;
constexpr std::size_t kPixels = std::size_t{kSide} * kSide;
using Triple = std::array<std::vector<float>, 3>;

FrameView view(const std::vector<float>& frame) {
  return {frame.data(), PixelType::kF4, kSide, kSide};
}

/// I = 80 brightness (1 + sqrt(0.1) x) + noise, x the sum of `modes` speckle patterns (0: normal) of unit
/// variance, whose fields keep `memory` from frame to frame.
Triple planted(int modes, double memory, double noise_counts, double brightness_slope, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  const double fresh = std::sqrt(1 - memory * memory);
  Triple frames;
  for (std::size_t p = 0; p < kPixels; ++p) {
    std::array<double, 3> x{};
    for (int m = 0; m < std::max(modes, 1); ++m) {
      std::complex<double> field(normal(random), normal(random));
      for (double& value : x) {
        value += modes == 0 ? field.real() : (std::norm(field) / 2 - 1) / std::sqrt(modes);
        field = memory * field + fresh * std::complex<double>(normal(random), normal(random));
      }
    }
    const double brightness = 1 + brightness_slope * (static_cast<double>(p % kSide) / (kSide - 1) - 0.5);
    for (std::size_t f = 0; f < 3; ++f) {
      frames[f].push_back(
          static_cast<float>(80 * brightness * (1 + std::sqrt(0.1) * x[f]) + noise_counts * normal(random)));
    }
  }
  return frames;
}

double skewness(const Triple& frames, std::span<const float> flat = {}) {
  FluctuationSkewness estimator(kSide, kSide, {});
  EXPECT_TRUE(estimator.add(view(frames[0]), view(frames[1]), view(frames[2]), flat));
  return estimator.skewness();
}

// 40,000 independent pixels, noise as strong as the fluctuations (25 = 80 sqrt(0.1)). Errors stated in the
// header, sqrt(6/N) = 0.012 to 8/sqrt(N) = 0.04, doubled for noise and lost memory; asserted at 4.
TEST(FluctuationSkewness, IsThatOfTheLawWhateverTheNoiseAndTheMemory) {
  for (const double memory : {0.99, 0.8}) {
    EXPECT_NEAR(skewness(planted(0, memory, 25, 0, 1)), 0, 8 * 0.012);
    EXPECT_NEAR(skewness(planted(1, memory, 25, 0, 2)), 2, 8 * 0.04);
    EXPECT_NEAR(skewness(planted(4, memory, 25, 0, 3)), 1, 8 * 0.02);
  }
  EXPECT_NEAR(skewness(planted(1, 0.99, 0, 0, 4)), 2, 4 * 0.04);
}

// Brightness from 0.5 to 1.5 across the field has a variance of 0.083, nearly that of the fluctuations.
TEST(FluctuationSkewness, FlatFieldTakesBrightnessOut) {
  const Triple frames = planted(1, 0.95, 10, 1, 5);
  std::vector<float> flat;
  for (std::size_t p = 0; p < kPixels; ++p) {
    flat.push_back(0.5F + static_cast<float>(p % kSide) / static_cast<float>(kSide - 1));
  }
  EXPECT_NEAR(skewness(frames, flat), 2, 4 * 0.04);
  EXPECT_LT(skewness(frames), 1.6);
}

TEST(FluctuationSkewness, TriplesAddUpAndMaskedPixelsDoNotCount) {
  Triple frames = planted(2, 0.9, 5, 0, 6);
  std::vector<std::uint8_t> mask(kPixels, 0);
  for (std::size_t p = 0; p < kPixels; p += 7) {
    mask[p] = 1;
    frames[1][p] = std::numeric_limits<float>::infinity();
  }
  FluctuationSkewness estimator(kSide, kSide, mask);
  EXPECT_TRUE(std::isnan(estimator.skewness()));
  ASSERT_TRUE(estimator.add(view(frames[0]), view(frames[1]), view(frames[2])));
  EXPECT_NEAR(estimator.skewness(), std::sqrt(2.0), 4 * 0.04);
  const double once = estimator.skewness();
  ASSERT_TRUE(estimator.add(view(frames[0]), view(frames[1]), view(frames[2])));
  EXPECT_NEAR(estimator.skewness(), once, 1e-12);
  EXPECT_EQ(estimator.triples(), 2);
  estimator.reset();
  EXPECT_TRUE(std::isnan(estimator.skewness()));
  EXPECT_EQ(estimator.triples(), 0);
}

TEST(FluctuationSkewness, RefusesFramesThatSayNothing) {
  Triple frames = planted(1, 0.9, 0, 0, 7);
  const std::vector<float> dark(kPixels, 0.0F);
  FluctuationSkewness estimator(kSide, kSide, {});
  EXPECT_FALSE(estimator.add(view(frames[0]), view(dark), view(frames[2])));
  frames[2][11] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(estimator.add(view(frames[0]), view(frames[1]), view(frames[2])));
  EXPECT_EQ(estimator.triples(), 0);
}

// Frames that share nothing.
TEST(FluctuationSkewness, NothingButNoiseIsNaN) {
  for (unsigned seed = 9; seed < 15; ++seed) {
    const Triple one = planted(0, 0, 0, 0, seed);
    const Triple other = planted(1, 0, 0, 0, seed + 10);
    EXPECT_TRUE(std::isnan(skewness(one)));
    EXPECT_TRUE(std::isnan(skewness(other)));
  }
}

}  // namespace
}  // namespace glasswatch::analysis
