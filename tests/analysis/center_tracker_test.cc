// Planted shifts of the centre, tilts and masks; what an average over patterns must give.
#include "analysis/center_tracker.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <iostream>
#include <limits>
#include <numbers>
#include <random>

#include "tests/support/allocation_counter.h"

namespace glasswatch::analysis {
namespace {

constexpr double kPi = std::numbers::pi;
constexpr double kRing = 40, kSigma = 5;
using Random = std::mt19937_64;

PolarGeometry geometry() {
  PolarGeometry g;
  g.r_min_px = 24;
  g.r_max_px = 56;
  g.radial_bins = 32;
  g.azimuthal_bins = 48;
  return g;
}

/// What a pattern shows: a Gaussian ring on a constant, its centre off, its intensity tilted.
struct View {
  double row_px = 0, col_px = 0;
  double tilt = 0;
  double electrons = 0;  // per px on the crest; 0: no noise
};

/// The polar image by evaluating the shifted ring at bin centres; counted over the area of the bin.
std::vector<double> polar_image(const PolarGeometry& g, const View& view, Random& random) {
  std::vector<double> polar;
  const double angle = g.ellipse_angle_deg * kPi / 180, root = std::sqrt(g.ellipse_ratio);
  for (int k = 0; k < g.radial_bins; ++k) {
    const double r = g.r_min_px + (k + 0.5) * (g.r_max_px - g.r_min_px) / g.radial_bins;
    for (int j = 0; j < g.azimuthal_bins; ++j) {
      const double phi = -kPi + (j + 0.5) * 2 * kPi / g.azimuthal_bins;
      // To the camera, off by the shift, and freed of the ellipse again.
      const double along = root * r * std::cos(phi - angle), across = r * std::sin(phi - angle) / root;
      const double x = along * std::cos(angle) - across * std::sin(angle) - view.col_px;
      const double y = along * std::sin(angle) + across * std::cos(angle) - view.row_px;
      const double u = (x * std::cos(angle) + y * std::sin(angle)) / root;
      const double v = (y * std::cos(angle) - x * std::sin(angle)) * root;
      const double ring = std::exp(-0.5 * std::pow((std::hypot(u, v) - kRing) / kSigma, 2));
      const double expected = (0.1 + ring) * (1 + view.tilt * std::cos(phi));
      if (view.electrons > 0) {
        const double electrons = view.electrons * polar_bin_area_px2(g, k);
        polar.push_back(std::poisson_distribution<int>(electrons * expected)(random) / electrons);
      } else {
        polar.push_back(expected);
      }
    }
  }
  return polar;
}

// To first order in shift/width; the second order has even n only. 0.05 px in a width of 5: 1e-4 of the
// shift, and the slope by five points, with 5 rows to the standard deviation, is good to some 0.1 %. With a
// tilt t the mean of a row has a part -f' dx t/2 of the second order, which the fit gives to the tilt: t^2/2
// of the shift.
TEST(CenterTracker, ShiftIsFoundWithoutNoise) {
  Random random(1);
  PolarGeometry g = geometry();
  for (const double ratio : {1.0, 1.1}) {
    g.ellipse_ratio = ratio;
    g.ellipse_angle_deg = 25;
    for (const double tilt : {0.0, 0.2}) {
      CenterTracker tracker(g, 10);
      const View still{0, 0, tilt};
      tracker.add(polar_image(g, still, random));
      EXPECT_NEAR(tracker.row_shift_px(), 0, 1e-10);
      EXPECT_NEAR(tracker.col_shift_px(), 0, 1e-10);
      EXPECT_TRUE(std::isnan(tracker.sigma_px()));

      CenterTracker moved(g, 10);
      for (int i = 0; i < 3; ++i) moved.add(polar_image(g, {0.05, -0.03, tilt}, random));
      const double tolerance_px = 2e-4 + tilt * tilt / 2 * 0.05;
      EXPECT_NEAR(moved.row_shift_px(), 0.05, tolerance_px) << "ratio " << ratio << " tilt " << tilt;
      EXPECT_NEAR(moved.col_shift_px(), -0.03, tolerance_px);
      EXPECT_NEAR(moved.sigma_px(), 0, 1e-6) << "equal patterns do not scatter";
    }
  }
}

// A third of the circle invalid, changing from pattern to pattern, and a row without a bin. Where a part is
// missing the product of tilt and shift, of second order, is not all of even n any more.
TEST(CenterTracker, InvalidBinsDoNotBias) {
  Random random(2);
  const PolarGeometry g = geometry();
  for (const double tilt : {0.0, 0.1}) {
    CenterTracker tracker(g, 20);
    for (int i = 0; i < 20; ++i) {
      std::vector<double> polar = polar_image(g, {-0.04, 0.05, tilt}, random);
      for (std::size_t bin = 0; bin < polar.size(); ++bin) {
        const auto sector = (static_cast<int>(bin) + 3 * i) % g.azimuthal_bins;
        if (sector < g.azimuthal_bins / 3 || static_cast<int>(bin) / g.azimuthal_bins == 7) {
          polar[bin] = std::numeric_limits<double>::quiet_NaN();
        }
      }
      tracker.add(polar);
      ASSERT_NEAR(tracker.row_shift_px(), -0.04, 1e-3 + tilt * 0.05) << i;
      ASSERT_NEAR(tracker.col_shift_px(), 0.05, 1e-3 + tilt * 0.05) << i;
    }
  }
}

struct Tracked {
  double row_error_px, col_error_px, sigma_px;
};

/// After `count` patterns, against the same weighted average of the planted shifts.
Tracked track(const std::function<double(int)>& row_px, const std::function<double(int)>& col_px, int count,
              double electrons, std::uint64_t seed) {
  constexpr int kMemory = 40;
  Random random(seed);
  const PolarGeometry g = geometry();
  CenterTracker tracker(g, kMemory);
  double row = 0, col = 0;
  for (int i = 0; i < count; ++i) {
    tracker.add(polar_image(g, {row_px(i), col_px(i), 0.1, electrons}, random));
    const double gain = 1.0 / std::min(i + 1, kMemory);
    row += gain * (row_px(i) - row);
    col += gain * (col_px(i) - col);
  }
  return {tracker.row_shift_px() - row, tracker.col_shift_px() - col, tracker.sigma_px()};
}

// A step of 0.5 px is wholly seen after four memories (2 % of it is left), a ramp with its lag. The stated
// sigma is tested by the mean square of error / sigma, 1 +- 0.45 for 2 x 5 draws; the scatter of the ramp
// itself adds to sigma.
TEST(CenterTracker, StepAndRampWithinSigma) {
  for (const double electrons : {1.0, 10.0}) {
    double step = 0, ramp = 0, largest = 0;
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      const Tracked s =
          track([](int i) { return i < 20 ? 0.0 : 0.5; }, [](int) { return 0.0; }, 180, electrons, seed);
      const Tracked r = track([](int i) { return 0.5 * i / 120; }, [](int i) { return -0.3 * i / 120; }, 120,
                              electrons, seed + 50);
      step += (std::pow(s.row_error_px, 2) + std::pow(s.col_error_px, 2)) / (10 * s.sigma_px * s.sigma_px);
      ramp += (std::pow(r.row_error_px, 2) + std::pow(r.col_error_px, 2)) / (10 * r.sigma_px * r.sigma_px);
      largest = std::max({largest, std::abs(s.row_error_px), std::abs(r.row_error_px)});
    }
    std::cout << electrons << " e/px: mean square error in sigmas, step " << step << ", ramp " << ramp
              << "; largest error " << largest << " px\n";
    EXPECT_LT(step, 2.4);
    EXPECT_GT(step, 0.2);
    EXPECT_LT(ramp, 2.4);
    EXPECT_GT(ramp, 0.05);
    EXPECT_LT(largest, 0.12 / std::sqrt(electrons));
  }
}

TEST(CenterTracker, NothingToFollow) {
  const PolarGeometry g = geometry();
  const std::size_t bins = 32 * 48;
  CenterTracker tracker(g, 5);
  EXPECT_TRUE(std::isnan(tracker.row_shift_px()) && std::isnan(tracker.col_shift_px()));
  for (const double value : {std::numeric_limits<double>::quiet_NaN(), 0.0, 7.0}) {
    tracker.add(std::vector<double>(bins, value));
    EXPECT_TRUE(std::isnan(tracker.row_shift_px()) && std::isnan(tracker.sigma_px())) << value;
  }
  Random random(3);
  const std::vector<double> ring = polar_image(g, {}, random);
  tracker.reset();
  tracker.add(ring);
  tracker.add(std::vector<double>(bins, std::numeric_limits<double>::quiet_NaN()));
  EXPECT_NEAR(tracker.row_shift_px(), 0, 1e-10) << "an empty pattern changes nothing";
  tracker.add(ring);
  EXPECT_NEAR(tracker.sigma_px(), 0, 1e-10);
  tracker.reset();
  EXPECT_TRUE(std::isnan(tracker.row_shift_px()) && std::isnan(tracker.sigma_px()));
}

TEST(CenterTracker, AddDoesNotAllocate) {
  if (!test::counts_allocations()) GTEST_SKIP() << "the sanitizer's own allocator is in place";
  Random random(4);
  const PolarGeometry g = geometry();
  CenterTracker tracker(g, 5);
  std::vector<double> polar = polar_image(g, {0.1, 0, 0, 5}, random);
  const long before = test::allocations();
  for (std::size_t i = 0; i < 20; ++i) {
    polar[i * 70] = std::numeric_limits<double>::quiet_NaN();
    tracker.add(polar);
  }
  tracker.reset();
  tracker.add(polar);
  EXPECT_EQ(test::allocations() - before, 0);
  EXPECT_FALSE(std::isnan(tracker.row_shift_px()));
}

TEST(CenterTrackerDeathTest, ContractBroken) {
  EXPECT_DEATH(CenterTracker(geometry(), 1), "contract broken");
  CenterTracker tracker(geometry(), 2);
  EXPECT_DEATH(tracker.add(std::vector<double>(7)), "contract broken");
}

}  // namespace
}  // namespace glasswatch::analysis
