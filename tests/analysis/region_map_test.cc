// Channels found where they are planted, and none in uniform noise, gradients and uneven columns.
#include "analysis/region_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>
#include <vector>

#include "tests/analysis/direct_sums.h"
#include "tests/analysis/kww_series.h"

namespace glasswatch::analysis {
namespace {

constexpr int kSide = 64;
constexpr std::size_t kPixels = std::size_t{kSide} * kSide;
constexpr int kFrames = 120;
constexpr double kSmoothingPx = 1.5, kBackgroundPx = 32;

/// Channels 5 px wide round square columns of 16 px: four columns and a little more.
bool in_channel(std::size_t p) {
  return (p / kSide + 16) % 21 < 5 || (p % kSide + 16) % 21 < 5;
}

std::vector<float> channel_brightness(double factor) {
  std::vector<float> brightness(kPixels);
  for (std::size_t p = 0; p < kPixels; ++p) brightness[p] = in_channel(p) ? static_cast<float>(factor) : 1;
  return brightness;
}

test::KwwSeries series(const std::vector<float>& brightness, std::uint64_t seed, double tau_slots = 10) {
  return test::kww_series({.rows = kSide,
                           .columns = kSide,
                           .frames = kFrames,
                           .tau_slots = tau_slots,
                           .brightness = brightness,
                           .speckle_size_px = 2,
                           .seed = seed});
}

RegionMap segment(const test::KwwSeries& series, const std::vector<std::uint8_t>& mask = {}) {
  const test::DirectSums sums(series.views(),
                              test::consecutive_slots(static_cast<std::size_t>(series.frames)),
                              {1, 10, 36, 80}, mask);
  return segment_channels(sums, kSmoothingPx, kBackgroundPx);
}

double jaccard_of_channels(const RegionMap& map) {
  int both = 0, either = 0;
  for (std::size_t p = 0; p < kPixels; ++p) {
    const bool planted = in_channel(p), found = map.label[p] == kChannel;
    both += planted && found ? 1 : 0;
    either += planted || found ? 1 : 0;
  }
  return static_cast<double>(both) / either;
}

void expect_none(const RegionMap& map) {
  EXPECT_FALSE(map.found);
  EXPECT_EQ(std::count(map.label.begin(), map.label.end(), kUnassigned),
            static_cast<std::ptrdiff_t>(map.label.size()));
  EXPECT_EQ(map.channel_fraction, 0);
}

TEST(RegionMap, FindsPlantedChannels) {
  const RegionMap map = segment(series(channel_brightness(1.3), 1));
  ASSERT_TRUE(map.found);
  // Walls half a pixel off on both sides of channels 5 px wide make 0.8; labels at random, 0.26.
  EXPECT_GT(jaccard_of_channels(map), 0.75);
  EXPECT_EQ(std::count(map.label.begin(), map.label.end(), kUnassigned), 0);
  const double planted = 1 - std::pow(1 - 15.0 / kSide, 2);  // three strips of 5 px in both directions
  EXPECT_NEAR(map.channel_fraction, planted, 0.06);
  // 0.3 of the matrix is 0.26 of the background; smoothing takes from both sides of a wall.
  EXPECT_GT(map.contrast, 0.15);
  EXPECT_LT(map.contrast, 0.26);
}

TEST(RegionMap, FindsThemOnUnevenIllumination) {
  std::vector<float> brightness = channel_brightness(1.3);
  for (std::size_t p = 0; p < kPixels; ++p) {
    brightness[p] *= 0.7F + 0.6F * static_cast<float>(p % kSide) / kSide;
  }
  const RegionMap map = segment(series(brightness, 2));
  ASSERT_TRUE(map.found);
  EXPECT_GT(jaccard_of_channels(map), 0.75);
}

TEST(RegionMap, UniformNoiseHasNone) {
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    for (const double tau_slots : {10.0, 40.0}) {  // T/tau = 12 and 3
      SCOPED_TRACE(testing::Message() << "seed " << seed << " tau " << tau_slots);
      const RegionMap map = segment(series({}, seed, tau_slots));
      expect_none(map);
      // Of a Gaussian cut at its mean; some hundred independent values scatter it by 0.02.
      EXPECT_NEAR(map.separability, 2 / std::numbers::pi, 0.06);
    }
  }
}

TEST(RegionMap, UnevenColumnsAreNoChannels) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  std::vector<float> column(16 * 16), brightness(kPixels);
  for (float& value : column) value = 1 + 0.15F * normal(random);
  for (std::size_t p = 0; p < kPixels; ++p) brightness[p] = column[p / kSide / 6 * 16 + p % kSide / 6];
  const RegionMap map = segment(series(brightness, 3));
  EXPECT_GT(map.contrast, kLeastContrastOverNoise * map.noise) << "they are no noise";
  expect_none(map);
}

/// White noise of relative standard deviation `noise` about a mean of 1000, over a static brightness.
test::KwwSeries white_series(double noise, const std::vector<float>& brightness = {}) {
  return test::kww_series({.rows = kSide,
                           .columns = kSide,
                           .frames = kFrames,
                           .tau_slots = 0.05,  // exp(-(1/0.05)^0.63) = 0.001
                           .contrast = noise * noise,
                           .brightness = brightness});
}

// The mean over L = 36 frames of white noise s, smoothed by a Gaussian of sigma q, scatters by
// s/sqrt(4 pi q^2 L), whatever the brightness that stays; there are 4096/(4 pi q^2) = 145 independent values,
// so the scatter is known to 6 %, and the border, where fewer pixels are averaged, adds to it.
TEST(RegionMap, NoiseIsThatOfAThirdOfTheSeries) {
  const double expected = 0.2 / std::sqrt(4 * std::numbers::pi * kSmoothingPx * kSmoothingPx * 36);
  EXPECT_NEAR(segment(white_series(0.2)).noise, expected, 0.15 * expected);
  std::vector<float> stripes(kPixels);
  for (std::size_t p = 0; p < kPixels; ++p) stripes[p] = p % kSide / 8 % 2 == 0 ? 1.1F : 0.9F;
  EXPECT_NEAR(segment(white_series(0.2, stripes)).noise, expected, 0.15 * expected);
}

// A separability like that of channels does not help a contrast that the noise could have made.
TEST(RegionMap, WhatDoesNotStayIsNoChannel) {
  test::KwwSeries drifting = white_series(0.01);
  for (int t = kFrames / 2; t < kFrames; ++t) {  // channels appear halfway
    for (std::size_t p = 0; p < kPixels; ++p) {
      if (in_channel(p)) drifting.counts[static_cast<std::size_t>(t) * kPixels + p] += 400;
    }
  }
  const RegionMap map = segment(drifting);
  EXPECT_GT(map.separability, kLeastSeparability);
  expect_none(map);
}

TEST(RegionMap, MaskedPixelsHaveNoPartAndNoLabel) {
  std::vector<float> brightness = channel_brightness(1.3);
  std::vector<std::uint8_t> mask(kPixels, 0);
  for (std::size_t p = 0; p < kPixels; ++p) {
    if (p / kSide / 8 == 4 && p % kSide / 8 == 4) {
      mask[p] = 1;
      brightness[p] = 20;
    }
  }
  const RegionMap map = segment(series(brightness, 4), mask);
  ASSERT_TRUE(map.found);
  for (std::size_t p = 0; p < kPixels; ++p) {
    EXPECT_EQ(map.label[p] == kUnassigned, mask[p] != 0) << p;
  }
  EXPECT_GT(jaccard_of_channels(map), 0.75);
}

TEST(RegionMap, SpecksAreNoChannelsAndNoHoles) {
  std::vector<float> brightness(kPixels);  // stripes of 12 px
  for (std::size_t p = 0; p < kPixels; ++p) brightness[p] = p % kSide / 12 % 2 == 0 ? 1 : 1.4F;
  const std::size_t speck = 30 * kSide + 29, hole = 30 * kSide + 17;  // 2 x 2 px in the middle of a stripe
  for (const std::size_t p : {speck, speck + 1, speck + kSide, speck + kSide + 1}) brightness[p] = 4;
  for (const std::size_t p : {hole, hole + 1, hole + kSide, hole + kSide + 1}) brightness[p] = 0;
  const RegionMap map = segment(white_series(0.01, brightness));
  ASSERT_TRUE(map.found);
  EXPECT_EQ(map.label[speck], kMatrix);
  EXPECT_EQ(map.label[hole], kChannel);
  EXPECT_EQ(map.label[speck + 10 * kSide], kMatrix);
  EXPECT_EQ(map.label[hole + 10 * kSide], kChannel);
}

TEST(RegionMap, SaysWhenItCannotSay) {
  const test::KwwSeries planted = series(channel_brightness(1.3), 1);
  const RegionMap no_lag =
      segment_channels(test::DirectSums(planted.views(), {1, 80}), kSmoothingPx, kBackgroundPx);
  expect_none(no_lag);
  EXPECT_TRUE(std::isnan(no_lag.noise)) << "neither lag has two parts of the series";
  EXPECT_GT(no_lag.separability, kLeastSeparability);

  const RegionMap no_pixels = segment(planted, std::vector<std::uint8_t>(kPixels, 1));
  expect_none(no_pixels);
  EXPECT_TRUE(std::isnan(no_pixels.separability));

  test::KwwSeries flat = planted;
  std::fill(flat.counts.begin(), flat.counts.end(), std::int16_t{0});
  const RegionMap dark = segment(flat);
  expect_none(dark);
  EXPECT_TRUE(std::isnan(dark.separability)) << "no background to divide by";
}

}  // namespace
}  // namespace glasswatch::analysis
