// The stated uncertainty of the centre against planted centres.
#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <numbers>
#include <random>

#include "tests/analysis/calibrated_patterns.h"

namespace glasswatch::analysis {
namespace {

using test::calibrate;
using test::RingPattern;
using test::small_pattern;
using Random = std::mt19937_64;

struct Coverage {
  int within = 0, valid = 0;
  double squares = 0, stated = 0;
};

/// Planted centres within the stated sigma, per axis, over seeds.
Coverage cover(RingPattern p, int seeds) {
  Coverage coverage;
  for (int seed = 0; seed < seeds; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    p.center_row_px = 60 + std::uniform_real_distribution<double>(-3, 3)(random);
    p.center_col_px = 64 + std::uniform_real_distribution<double>(-3, 3)(random);
    const PatternCalibration c = calibrate(p, counted_pattern(p, random));
    if (c.status != CalibrationStatus::kValid) continue;
    ++coverage.valid;
    coverage.stated += c.center_sigma_px * c.center_sigma_px;
    for (const double error : {c.center_row_px - p.center_row_px, c.center_col_px - p.center_col_px}) {
      coverage.within += std::abs(error) < c.center_sigma_px ? 1 : 0;
      coverage.squares += error * error / 2;
    }
  }
  return coverage;
}

// 32 draws of a share of 0.68 scatter by 0.08. At 1 e per pixel the counts of a cell are few and skewed. The
// rms of a Gaussian ring's centre cannot be below sqrt(s / (sqrt(2 pi) pi R N)), N electrons per pixel on the
// crest (Cramer and Rao, from the sum of f'^2 cos^2(phi) / f): 0.12 px here at 1 e, a little more with the
// background.
TEST(PatternCalibration, StatedSigmaCoversPlantedCentres) {
  RingPattern p = small_pattern();
  p.ellipse_ratio = 1.02;
  for (const double electrons : {1.0, 10.0}) {
    p.electrons = electrons;
    const double bound =
        std::sqrt(p.ring_fwhm_px / 2.3548 / (2.5066 * std::numbers::pi * p.ring_px * electrons));
    const Coverage c = cover(p, 16);
    const double share = c.within / (2.0 * c.valid), rms = std::sqrt(c.squares / c.valid);
    std::cout << electrons << " e/px: within sigma " << share << ", rms " << rms << " px, stated "
              << std::sqrt(c.stated / c.valid) << " px, bound " << bound << " px\n";
    EXPECT_GE(c.valid, 15);
    EXPECT_GE(share, 0.5);
    EXPECT_LE(share, 0.85);
    EXPECT_GT(rms, 0.8 * bound);
    EXPECT_LT(rms, 2 * bound);
  }
}

// Friedel pairs of speckle: the pairing of opposite sectors sees that they move the centre little.
TEST(PatternCalibration, StatedSigmaKnowsFriedelPairs) {
  RingPattern p = small_pattern();
  p.electrons = 20;
  p.speckles = 80;
  p.friedel = true;
  const Coverage pairs = cover(p, 12);
  p.friedel = false;
  const Coverage single = cover(p, 12);
  const double share = pairs.within / (2.0 * pairs.valid);
  std::cout << "Friedel pairs: within sigma " << share << ", rms " << std::sqrt(pairs.squares / pairs.valid)
            << " px, stated " << std::sqrt(pairs.stated / pairs.valid)
            << " px; unpaired: " << single.within / (2.0 * single.valid) << ", "
            << std::sqrt(single.squares / single.valid) << " px, " << std::sqrt(single.stated / single.valid)
            << " px\n";
  EXPECT_GE(pairs.valid, 11);
  EXPECT_GE(share, 0.45);
  EXPECT_LE(share, 0.85);
  EXPECT_LT(pairs.squares, single.squares / 2);
  EXPECT_LT(pairs.stated, single.stated);
}

}  // namespace
}  // namespace glasswatch::analysis
