// The surrogate's correlation, variance, speckle and noise against their closed forms, by direct sums over
// its frames; and that its random numbers are addressed.
#include "analysis/kww_surrogate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <numeric>

#include "tests/analysis/scattered_lanes.h"

namespace glasswatch::analysis {
namespace {

std::vector<std::int64_t> consecutive(int count, std::int64_t first = 0) {
  std::vector<std::int64_t> slots(static_cast<std::size_t>(count));
  std::iota(slots.begin(), slots.end(), first);
  return slots;
}

SurrogateSettings settings_of(int rows, int columns, int frames) {
  SurrogateSettings settings;
  settings.rows = rows;
  settings.columns = columns;
  settings.fit.contrast = 0.1;
  settings.fit.tau_slots = 12;
  settings.fit.beta = 0.63;
  settings.mean_counts = 50;
  settings.skewness = 0;
  settings.slots = consecutive(frames, -7);
  return settings;
}

KwwSurrogate generated(const SurrogateSettings& settings) {
  KwwSurrogate surrogate(settings);
  Serial serial;
  surrogate.generate(serial);
  return surrogate;
}

struct Estimate {
  double mean;
  double sigma;  // standard error
};

/// Mean of independent values.
Estimate estimate(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const double v : values) squares += (v - mean) * (v - mean);
  return {mean, std::sqrt(squares / (n - 1) / n)};
}

/// Correlation of I/mean - 1 at a lag, about the planted mean, over A; one value per pixel, so that without
/// speckle the values are independent.
Estimate correlation(const KwwSurrogate& surrogate, const SurrogateSettings& s, std::size_t lag) {
  std::vector<double> sums(surrogate.frame(0).size(), 0.0);
  for (std::size_t i = 0; i + lag < surrogate.frames(); ++i) {
    for (std::size_t p = 0; p < sums.size(); ++p) {
      sums[p] +=
          (surrogate.frame(i)[p] / s.mean_counts - 1) * (surrogate.frame(i + lag)[p] / s.mean_counts - 1);
    }
  }
  for (double& sum : sums) sum /= static_cast<double>(surrogate.frames() - lag) * s.fit.contrast;
  return estimate(sums);
}

// With the planted mean the estimate is unbiased; with 1024 independent pixels its error is that of the
// spread over pixels. 4.5 sigma: one false alarm in 1e4 runs of this test, and the seed is fixed.
TEST(KwwSurrogate, CorrelationIsTheClosedFormAtEveryLag) {
  struct Law {
    double beta;
    int factor;
    double skewness;
  };
  for (const auto& [beta, factor, skewness] :
       {Law{0.63, 1, 0}, Law{0.63, 2, 2}, Law{1, 1, 2}, Law{1.6, 1, 0}, Law{0.63, 1, 0.7}}) {
    SurrogateSettings settings = settings_of(32, 32, 300);
    settings.fit.beta = beta;
    settings.model.exponent_factor = factor;
    settings.skewness = skewness;
    const KwwSurrogate surrogate = generated(settings);
    EXPECT_LT(surrogate.clipped_share(), 1e-6);
    for (const std::size_t lag : {0, 1, 2, 5, 10, 20, 50, 150}) {
      const Estimate c = correlation(surrogate, settings, lag);
      const double truth = std::exp(-factor * std::pow(static_cast<double>(lag) / 12, beta));
      EXPECT_NEAR(c.mean, truth, 4.5 * c.sigma) << "beta " << beta << ", lag " << lag;
      EXPECT_LT(c.sigma, 0.025);  // so that a wrong law would be seen
    }
  }
}

// The first and the last frame do not meet the other way round the circle.
TEST(KwwSurrogate, EndsOfTheSeriesAreAsFarApartAsTheyAre) {
  SurrogateSettings settings = settings_of(64, 64, 64);
  settings.fit.tau_slots = 40;
  settings.fit.beta = 1;
  const KwwSurrogate surrogate = generated(settings);
  for (const std::size_t lag : {1, 32, 63}) {
    const Estimate c = correlation(surrogate, settings, lag);
    EXPECT_NEAR(c.mean, std::exp(-static_cast<double>(lag) / 40), 4.5 * c.sigma);
    EXPECT_LT(c.sigma, 0.025);
  }
}

struct Moments {
  double mean = 0, square = 0, cube = 0, fourth = 0;
};

/// Of x in one frame of 65,536 independent pixels.
Moments moments(double skewness) {
  SurrogateSettings settings = settings_of(256, 256, 2);
  settings.skewness = skewness;
  const KwwSurrogate surrogate = generated(settings);
  Moments m;
  for (const float counts : surrogate.frame(0)) {
    const double x = (counts / settings.mean_counts - 1) / std::sqrt(0.1);
    m.mean += x / 65536;
    m.square += x * x / 65536;
    m.cube += x * x * x / 65536;
    m.fourth += x * x * x * x / 65536;
  }
  return m;
}

// Standard errors: sqrt((<x^2k> - <x^k>^2)/n), sqrt(n) = 256; normal moments 1, 3, 15, 105.
TEST(KwwSurrogate, WithoutSkewnessFluctuationsAreNormal) {
  const Moments m = moments(0);
  EXPECT_NEAR(m.mean, 0, 4.5 / 256);
  EXPECT_NEAR(m.square, 1, 4.5 * std::sqrt(2.0) / 256);
  EXPECT_NEAR(m.cube, 0, 4.5 * std::sqrt(15.0) / 256);
  EXPECT_NEAR(m.fourth, 3, 4.5 * std::sqrt(96.0) / 256);
}

// |E|^2 is exponential: central moments are subfactorials, 1, 2, 9, 44, 265, ..., 14833 (the eighth).
TEST(KwwSurrogate, SkewnessTwoIsFullyDevelopedSpeckle) {
  const Moments m = moments(2);
  EXPECT_NEAR(m.mean, 0, 4.5 / 256);
  EXPECT_NEAR(m.square, 1, 4.5 * std::sqrt(8.0) / 256);
  EXPECT_NEAR(m.cube, 2, 4.5 * std::sqrt(261.0) / 256);
  EXPECT_NEAR(m.fourth, 9, 4.5 * std::sqrt(14752.0) / 256);
  const SurrogateSettings settings = settings_of(64, 64, 30);
  SurrogateSettings speckle = settings;
  speckle.skewness = 2;
  speckle.speckle_size_px = 2;
  const KwwSurrogate surrogate = generated(speckle);
  for (std::size_t i = 0; i < 30; ++i) {  // nothing is darker than the background
    EXPECT_GE(std::ranges::min(surrogate.frame(i)), 50 * (1 - std::sqrt(0.1)) * (1 - 1e-5));
  }
}

// Errors with the sixth moment of the exponential as an upper bound.
TEST(KwwSurrogate, SkewnessIsAsAskedFor) {
  for (const double skewness : {0.3, 1.0, 1.7}) {
    const Moments m = moments(skewness);
    EXPECT_NEAR(m.square, 1, 4.5 * std::sqrt(8.0) / 256);
    EXPECT_NEAR(m.cube, skewness, 4.5 * std::sqrt(261.0) / 256);
  }
}

double spatial_correlation(const KwwSurrogate& surrogate, const SurrogateSettings& s, int down, int right) {
  double sum = 0;
  for (std::size_t i = 0; i < surrogate.frames(); ++i) {
    for (int r = 0; r < s.rows; ++r) {
      for (int c = 0; c < s.columns; ++c) {
        const auto there =
            static_cast<std::size_t>(((r + down) % s.rows) * s.columns + (c + right) % s.columns);
        const auto here = static_cast<std::size_t>(r * s.columns + c);
        sum +=
            (surrogate.frame(i)[here] / s.mean_counts - 1) * (surrogate.frame(i)[there] / s.mean_counts - 1);
      }
    }
  }
  return sum / (s.fit.contrast * static_cast<double>(surrogate.frames()) * s.rows * s.columns);
}

// exp(-4 ln 2 d^2/w^2) at whole pixels, so half at d = w/2. Frames are 4 tau apart with beta = 1; each has
// 4096/(pi w^2/(8 ln 2)) independent squares: with 48 frames the error is below
// sqrt(2 * 0.57 * 9/(4096 * 48)) = 0.0073 for w = 3; for speckle, whose fourth cumulant
// is 6, twice that at most. Asserted at 4.5 of these.
TEST(KwwSurrogate, SpeckleHasTheWidthAndKeepsTheVariance) {
  for (const auto& [width, skewness] : {std::pair(1.0, 0.0),
                                        {1.5, 0.0},
                                        {2.0, 0.0},
                                        {3.0, 0.0},
                                        {1.0, 2.0},
                                        {1.3, 2.0},
                                        {2.5, 2.0},
                                        {2.0, 0.5}}) {
    SurrogateSettings settings = settings_of(64, 64, 48);
    settings.skewness = skewness;
    settings.fit.tau_slots = 0.25;
    settings.fit.beta = 1;
    settings.speckle_size_px = width;
    const KwwSurrogate surrogate = generated(settings);
    for (const auto& [down, right] :
         {std::pair(0, 0), {0, 1}, {1, 0}, {1, 1}, {2, 0}, {0, 3}, {5, 0}, {7, 9}}) {
      const double square = down * down + right * right;
      const double truth =
          width <= 1 ? (square > 0 ? 0 : 1) : std::exp(-4 * std::log(2.0) * square / width / width);
      EXPECT_NEAR(spatial_correlation(surrogate, settings, down, right), truth,
                  4.5 * (skewness > 0 ? 0.014 : 0.0073))
          << width << " px, at " << down << ", " << right;
    }
  }
}

// Odd and unequal sides, and speckle that goes once round the field: variance 1 as ever.
TEST(KwwSurrogate, VarianceIsKeptOnSmallFields) {
  for (const auto& [rows, columns] : {std::pair(1, 9), std::pair(5, 4), std::pair(7, 2)}) {
    for (const double width : {2.0, 6.0}) {
      SurrogateSettings settings = settings_of(rows, columns, 4000);
      settings.fit.tau_slots = 0.2;
      settings.fit.beta = 1;
      settings.speckle_size_px = width;
      // Independent frames; if a frame were one number, the error would be sqrt(2/4000) = 0.022.
      EXPECT_NEAR(spatial_correlation(generated(settings), settings, 0, 0), 1, 4.5 * 0.022);
    }
  }
}

// Speckle and time do not know of each other: each pixel's correlation is what it was.
TEST(KwwSurrogate, SpeckleLeavesTheCorrelationInTimeAlone) {
  SurrogateSettings settings = settings_of(64, 64, 200);
  settings.speckle_size_px = 2.5;
  const KwwSurrogate surrogate = generated(settings);
  for (const std::size_t lag : {0, 5, 20}) {
    const Estimate c = correlation(surrogate, settings, lag);
    // Pixels are not independent: fewer by sum of m^2 = pi w^2/(8 ln 2) = 3.5 in the products of Gaussians.
    EXPECT_NEAR(c.mean, std::exp(-std::pow(static_cast<double>(lag) / 12, 0.63)),
                4.5 * c.sigma * std::sqrt(3.5));
  }
}

// Without noise and with the same seed the same x: the difference of the two series is the noise itself.
TEST(KwwSurrogate, NoiseIsWhiteWithTheVarianceOfCountingPlusTheRest) {
  SurrogateSettings settings = settings_of(40, 40, 200);
  const KwwSurrogate clean = generated(settings);
  settings.counts_per_electron = 3;
  settings.noise_variance_counts2 = 20;
  const KwwSurrogate noisy = generated(settings);
  const std::size_t pixels = 1600;
  double bright = 0, bright_expected = 0, dark = 0, dark_expected = 0, next_frame = 0, next_pixel = 0;
  double brights = 0, darks = 0, previous = 0;
  for (std::size_t i = 0; i < 200; ++i) {
    for (std::size_t p = 0; p < pixels; ++p) {
      const double counts = clean.frame(i)[p];
      const double noise = noisy.frame(i)[p] - counts;
      const bool is_bright = counts > settings.mean_counts;
      (is_bright ? bright : dark) += noise * noise;
      (is_bright ? bright_expected : dark_expected) += 3 * std::max(counts, 0.0) + 20;
      (is_bright ? brights : darks) += 1;
      next_pixel += noise * previous;
      previous = noise;
      if (i > 0) next_frame += noise * (noisy.frame(i - 1)[p] - clean.frame(i - 1)[p]);
    }
  }
  // Relative error of a variance from 160,000 values sqrt(2/n) = 0.0035 (a little more, for they are of
  // unequal variance); bright and dark differ by a third.
  EXPECT_NEAR(bright / bright_expected, 1, 4.5 * 0.004);
  EXPECT_NEAR(dark / dark_expected, 1, 4.5 * 0.004);
  EXPECT_GT(bright / brights, 1.2 * dark / darks);
  const double variance = (bright + dark) / 320000;
  EXPECT_NEAR(next_frame / 318400 / variance, 0, 4.5 / std::sqrt(318400.0));
  EXPECT_NEAR(next_pixel / 320000 / variance, 0, 4.5 / std::sqrt(320000.0));
}

TEST(KwwSurrogate, NegativeIntensitiesAreKeptAndHaveNoCountingNoise) {
  SurrogateSettings settings = settings_of(32, 32, 20);
  settings.fit.contrast = 1;
  const KwwSurrogate clean = generated(settings);
  settings.counts_per_electron = 2;
  const KwwSurrogate noisy = generated(settings);
  int negative = 0;
  for (std::size_t i = 0; i < 20; ++i) {
    for (std::size_t p = 0; p < 1024; ++p) {
      if (clean.frame(i)[p] >= 0) continue;
      ++negative;
      ASSERT_EQ(noisy.frame(i)[p], clean.frame(i)[p]);
    }
  }
  EXPECT_NEAR(negative / 20480.0, 0.159, 0.02);  // x < -1
}

// Only the frames that the data have, and those are what they would have been among all.
TEST(KwwSurrogate, GapsLeaveTheOtherFramesAsTheyWere) {
  SurrogateSettings settings = settings_of(17, 19, 90);
  settings.counts_per_electron = 1;
  settings.speckle_size_px = 2;
  settings.skewness = 1;
  const KwwSurrogate all = generated(settings);
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < 90; ++i) {
    if (i == 0 || i == 89 || (i % 7 != 3 && (i < 40 || i > 60))) kept.push_back(i);
  }
  settings.slots.clear();
  for (const std::size_t i : kept) settings.slots.push_back(static_cast<std::int64_t>(i) - 7);
  const KwwSurrogate some = generated(settings);
  ASSERT_EQ(some.frames(), kept.size());
  for (std::size_t i = 0; i < kept.size(); ++i) {
    ASSERT_TRUE(std::ranges::equal(some.frame(i), all.frame(kept[i]))) << i;
  }
}

TEST(KwwSurrogate, SameSeedSameBitsWhateverTheLanes) {
  SurrogateSettings settings = settings_of(33, 21, 50);
  settings.counts_per_electron = 1;
  settings.speckle_size_px = 2.2;
  settings.skewness = 1;
  const KwwSurrogate reference = generated(settings);
  for (const int lanes : {1, 2, 5}) {
    KwwSurrogate surrogate(settings);
    test::ScatteredLanes scattered(lanes);
    for (int repeat = 0; repeat < 2; ++repeat) {
      surrogate.generate(scattered);
      for (std::size_t i = 0; i < reference.frames(); ++i) {
        ASSERT_TRUE(std::ranges::equal(surrogate.frame(i), reference.frame(i)))
            << lanes << " lanes, frame " << i;
      }
    }
  }
  settings.seed = 2;
  EXPECT_FALSE(std::ranges::equal(generated(settings).frame(0), reference.frame(0)));
}

// exp(-t^3) is no correlation: its spectrum goes below zero. What is cut off is stated, and the correlation
// is off by no more.
TEST(KwwSurrogate, SaysWhatItCutsOff) {
  SurrogateSettings settings = settings_of(32, 32, 200);
  settings.fit.beta = 3;
  const KwwSurrogate surrogate = generated(settings);
  EXPECT_GT(surrogate.clipped_share(), 0.001);
  EXPECT_LT(surrogate.clipped_share(), 0.1);
  for (const std::size_t lag : {0, 6, 12, 40}) {
    const Estimate c = correlation(surrogate, settings, lag);
    const double truth = std::exp(-std::pow(static_cast<double>(lag) / 12, 3));
    EXPECT_NEAR(c.mean, truth, 2 * surrogate.clipped_share() + 4.5 * c.sigma);
  }
  settings.fit.beta = 0.4;
  EXPECT_LT(KwwSurrogate(settings).clipped_share(), 1e-9);
}

TEST(KwwSurrogate, OneFrameIsEnough) {
  SurrogateSettings settings = settings_of(32, 32, 1);
  EXPECT_NEAR(spatial_correlation(generated(settings), settings, 0, 0), 1, 4.5 * std::sqrt(2.0 / 1024));
}

// Twice 4 bytes for each of 1000 x 64 x 64 values and a few per cent of scratch.
TEST(KwwSurrogate, StatesItsMemory) {
  const SurrogateSettings settings = settings_of(64, 64, 1000);
  const double frames = 8.0 * 1000 * 64 * 64;
  EXPECT_GT(static_cast<double>(KwwSurrogate::memory_bytes(settings, 1)), frames);
  EXPECT_LT(static_cast<double>(KwwSurrogate::memory_bytes(settings, 2)), 1.03 * frames);
}

using KwwSurrogateDeathTest = ::testing::Test;
TEST(KwwSurrogateDeathTest, RefusesWhatCannotBe) {
  const auto broken = [](auto change) {
    SurrogateSettings settings = settings_of(4, 4, 4);
    change(settings);
    return settings;
  };
  EXPECT_DEATH(KwwSurrogate(broken([](auto& s) { s.slots.clear(); })), "contract broken");
  EXPECT_DEATH(KwwSurrogate(broken([](auto& s) { s.slots = {3, 3}; })), "contract broken");
  EXPECT_DEATH(KwwSurrogate(broken([](auto& s) { s.fit.tau_slots = 0; })), "contract broken");
  EXPECT_DEATH(KwwSurrogate(broken([](auto& s) { s.skewness = 2.1; })), "contract broken");
  EXPECT_DEATH(KwwSurrogate(broken([](auto& s) { s.mean_counts = NAN; })), "contract broken");
  EXPECT_DEATH(KwwSurrogate(settings_of(4, 4, 4)).frame(4), "contract broken");
}

}  // namespace
}  // namespace glasswatch::analysis
