// Polar transform against closed forms.
#include "analysis/polar.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <random>

#include "tests/analysis/images.h"

namespace glasswatch::analysis {
namespace {

using test::Image;
constexpr double kPi = std::numbers::pi;

std::vector<double> transform(const PolarTransform& polar, const FrameView& frame) {
  const PolarGeometry& g = polar.geometry();
  std::vector<double> out(static_cast<std::size_t>(g.radial_bins * g.azimuthal_bins), -1.0);
  polar.apply(frame, out);
  return out;
}

/// Perimeter over area of a bin, 1/px.
double perimeter_per_area(const PolarGeometry& g, int i) {
  const double dr = (g.r_max_px - g.r_min_px) / g.radial_bins, dphi = 2 * kPi / g.azimuthal_bins;
  const double r_in = g.r_min_px + i * dr;
  return (2 * dr + (2 * r_in + dr) * dphi) / polar_bin_area_px2(g, i);
}

template <typename Pixel>
class PolarPixelTypes : public testing::Test {};
using AllPixels = testing::Types<std::uint8_t, std::uint16_t, std::uint32_t, std::int8_t, std::int16_t,
                                 std::int32_t, float, double>;
TYPED_TEST_SUITE(PolarPixelTypes, AllPixels);

TYPED_TEST(PolarPixelTypes, ConstantStaysConstant) {
  const PolarGeometry g{30.3, 28.7, 1.07, 25, 3, 27, 12, 37};
  const PolarTransform polar(g, 61, 59, {});
  const TypeParam value =
      std::is_signed_v<TypeParam> ? static_cast<TypeParam>(-113) : static_cast<TypeParam>(113);
  const Image<TypeParam> image(61, 59, [&](int, int) { return value; });
  for (const double mean : transform(polar, image.view())) {
    EXPECT_NEAR(mean, static_cast<double>(value), 113e-13);
  }
}

TEST(Polar, ExtremeIntegersAreNotClipped) {
  const PolarGeometry g{10, 10, 1, 0, 0, 9, 3, 5};
  const PolarTransform polar(g, 21, 21, {});
  const Image<std::uint32_t> high(21, 21, [](int, int) { return std::numeric_limits<std::uint32_t>::max(); });
  const Image<std::int32_t> low(21, 21, [](int, int) { return std::numeric_limits<std::int32_t>::min(); });
  for (const double mean : transform(polar, high.view())) EXPECT_NEAR(mean, 4294967295.0, 1e-3);
  for (const double mean : transform(polar, low.view())) EXPECT_NEAR(mean, -2147483648.0, 1e-3);
}

// Pixels tile the plane, so a bin inside the frame is covered exactly, wherever the centre lies in its pixel.
TEST(Polar, CoveredAreaIsTheBinArea) {
  const std::pair<double, double> centres[] = {{50, 50},
                                               {50.5, 50.5},
                                               {50.5, 49},
                                               {50.2, 49.6},
                                               {50, 50.5},
                                               {50.5 + 1e-15, 49},
                                               {50.5 - 1e-9, 49.5 + 1e-12},
                                               {49.7, 50.499999999999}};
  for (const auto& [row, column] : centres) {
    for (const auto& [ratio, angle] : {std::pair{1.0, 0.0}, {1.3, 20.0}, {1.05, -70.0}}) {
      for (const auto& [r_min, bins] : {std::pair{0.0, 1}, {0.0, 2}, {0.0, 3}, {0.0, 360}, {7.5, 37}}) {
        const PolarGeometry g{row, column, ratio, angle, r_min, 40, 23, bins};
        const PolarTransform polar(g, 101, 101, {});
        for (int bin = 0; bin < 23 * bins; ++bin) {
          const double area = polar_bin_area_px2(g, bin / bins);
          ASSERT_NEAR(polar.covered_area_px2()[static_cast<std::size_t>(bin)], area, 1e-10 + 1e-10 * area)
              << "centre " << row << ' ' << column << " ratio " << ratio << " bin " << bin << " of " << bins;
        }
      }
    }
  }
}

TEST(Polar, AreaOutsideTheFrameCountsAsMasked) {
  // Centre on the border between two pixels: exactly half of the disc is inside.
  const PolarGeometry g{-0.5, 20, 1, 0, 0, 15, 1, 1};
  const PolarTransform polar(g, 41, 41, {});
  EXPECT_NEAR(polar.covered_area_px2()[0], kPi * 15 * 15 / 2, 1e-9);
  const Image<std::uint16_t> image(41, 41, [](int, int) { return 7; });
  EXPECT_NEAR(transform(polar, image.view())[0], 7, 1e-12) << "at least half is enough";
  const PolarGeometry less{-0.6, 20, 1, 0, 0, 15, 1, 1};
  EXPECT_TRUE(std::isnan(transform(PolarTransform(less, 41, 41, {}), image.view())[0]));
}

TEST(Polar, MaskDecidesByHalfOfTheBin) {
  const PolarGeometry quarters{19.5, 19.5, 1, 0, 5, 15, 1, 4};
  const PolarGeometry halves{19.5, 19.5, 1, 0, 5, 15, 1, 2};
  const Image<std::uint8_t> left(40, 40, [](int, int column) { return column < 20 ? 255 : 0; });
  const Image<float> image(40, 40, [](int, int column) { return column < 20 ? 1e6 : 3; });
  const std::vector<double> q = transform(PolarTransform(quarters, 40, 40, left.pixels), image.view());
  EXPECT_TRUE(std::isnan(q[0])) << "-180 ... -90 deg is left of the centre";
  EXPECT_NEAR(q[1], 3, 1e-12);
  EXPECT_NEAR(q[2], 3, 1e-12);
  EXPECT_TRUE(std::isnan(q[3]));
  for (const double mean : transform(PolarTransform(halves, 40, 40, left.pixels), image.view())) {
    EXPECT_NEAR(mean, 3, 1e-12) << "exactly half is valid, and masked pixels do not leak in";
  }
}

// One pixel of value 1: the areas it gives to all bins sum to its own area, 1, within the edge tolerance.
TEST(Polar, EveryPixelIsSharedOutWhole) {
  const PolarGeometry g{15.3, 14.6, 1.1, 40, 0, 30, 29, 41};
  const PolarTransform polar(g, 31, 31, {});
  Image<double> image(31, 31, [](int, int) { return 0; });
  for (int row = 0; row < 31; ++row) {
    for (int column = 0; column < 31; ++column) {
      image.at(row, column) = 1;
      const std::vector<double> means = transform(polar, image.view());
      double sum = 0;
      for (std::size_t bin = 0; bin < means.size(); ++bin) {
        if (!std::isnan(means[bin])) sum += means[bin] * polar.covered_area_px2()[bin];
      }
      image.at(row, column) = 0;
      // Bins that leave the frame are invalid and give nothing back: judge pixels well inside.
      if (row >= 4 && row <= 26 && column >= 4 && column <= 26) {
        ASSERT_NEAR(sum, 1.0, 4.5 * PolarTransform::kEdgeTolerancePx) << row << ' ' << column;
      }
    }
  }
}

// A plane has the mean of its value at the sector's centroid. A pixel cut by the border brings its centre's
// value instead of its cut part's: off by at most (slope)(border length)/(4 area).
TEST(Polar, LinearRampFollowsTheAxes) {
  const PolarGeometry g{100.2, 90.7, 1, 0, 20, 80, 6, 24};
  const PolarTransform polar(g, 201, 201, {});
  for (const auto& [row_slope, column_slope] : {std::pair{1.0, 0.0}, {0.0, 1.0}, {0.7, -0.4}}) {
    const Image<double> image(201, 201, [&](int row, int column) {
      return row_slope * (row - g.center_row_px) + column_slope * (column - g.center_col_px);
    });
    const std::vector<double> means = transform(polar, image.view());
    for (int i = 0; i < 6; ++i) {
      for (int j = 0; j < 24; ++j) {
        const double r_in = 20 + 10 * i, r_out = r_in + 10, half = kPi / 24;
        const double phi = -kPi + (j + 0.5) * 2 * half;
        const double r = 2.0 / 3 * (std::pow(r_out, 3) - std::pow(r_in, 3)) / (r_out * r_out - r_in * r_in) *
                         std::sin(half) / half;
        const double expected = r * (row_slope * std::sin(phi) + column_slope * std::cos(phi));
        ASSERT_NEAR(means[static_cast<std::size_t>(i * 24 + j)], expected, perimeter_per_area(g, i) / 4)
            << i << ' ' << j;
      }
    }
  }
}

TEST(Polar, RadiusSquaredGivesTheRingMean) {
  const PolarGeometry g{60.4, 61.1, 1, 0, 10, 55, 9, 12};
  const PolarTransform polar(g, 121, 125, {});
  // The mean of r^2 over a whole pixel is that of its centre plus 1/6.
  const Image<double> image(121, 125, [&](int row, int column) {
    return std::pow(row - g.center_row_px, 2) + std::pow(column - g.center_col_px, 2) + 1.0 / 6;
  });
  const std::vector<double> means = transform(polar, image.view());
  for (int i = 0; i < 9; ++i) {
    const double r_in = 10 + 5 * i, r_out = r_in + 5;
    double ring = 0;
    for (int j = 0; j < 12; ++j) {
      const double mean = means[static_cast<std::size_t>(i * 12 + j)];
      EXPECT_NEAR(mean, (r_in * r_in + r_out * r_out) / 2, 2 * r_out * perimeter_per_area(g, i) / 4);
      ring += mean / 12;
    }
    EXPECT_NEAR(ring, (r_in * r_in + r_out * r_out) / 2, 0.002 * r_out * r_out) << "whole ring";
    EXPECT_DOUBLE_EQ(polar.radius_px()[static_cast<std::size_t>(i)], (r_in + r_out) / 2);
  }
}

// Rings stretched along an axis at +35 degrees (from +column towards +row), written out from the definition:
// once the ellipse is undone every ring is constant, while the wrong sign or axis leaves the full modulation.
TEST(Polar, EllipseIsUndone) {
  const double ratio = 1.2, angle = 35 * kPi / 180;
  const Image<double> image(181, 181, [&](int row, int column) {
    const double x = column - 88.3, y = row - 91.6;
    const double along_major = std::cos(angle) * x + std::sin(angle) * y;
    const double along_minor = -std::sin(angle) * x + std::cos(angle) * y;
    return std::hypot(along_major / std::sqrt(ratio), along_minor * std::sqrt(ratio));
  });
  const auto spread = [&](double ellipse_ratio, double angle_deg) {
    const PolarGeometry g{91.6, 88.3, ellipse_ratio, angle_deg, 20, 70, 10, 36};
    const std::vector<double> means = transform(PolarTransform(g, 181, 181, {}), image.view());
    double worst = 0;
    for (int i = 0; i < 10; ++i) {
      for (int j = 0; j < 36; ++j) {
        worst = std::max(worst, std::abs(means[static_cast<std::size_t>(i * 36 + j)] - (22.5 + 5 * i)));
      }
    }
    return worst;
  };
  EXPECT_LT(spread(1.2, 35), 0.2);
  EXPECT_GT(spread(1.2, -35), 3);
  EXPECT_GT(spread(1.2, 125), 3);
  EXPECT_GT(spread(1.0, 0), 3);
}

TEST(Polar, NonFinitePixelsAreLeftOut) {
  const PolarGeometry g{20, 20, 1, 0, 3, 18, 5, 16};
  const PolarTransform polar(g, 41, 41, {});
  Image<float> image(41, 41, [](int row, int column) { return 100 + row + 2 * column; });
  const std::vector<double> clean = transform(polar, image.view());
  Image<std::uint8_t> mask(41, 41, [](int, int) { return 0; });
  int row = 25, column = 30;
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity()}) {
    image.at(row, column) = bad;
    mask.at(row, column) = 1;
    row -= 7;
    column -= 3;
  }
  const std::vector<double> broken = transform(polar, image.view());
  const std::vector<double> masked = transform(PolarTransform(g, 41, 41, mask.pixels), image.view());
  int changed = 0;
  for (std::size_t bin = 0; bin < clean.size(); ++bin) {
    EXPECT_EQ(std::isnan(broken[bin]), std::isnan(masked[bin]));
    if (!std::isnan(masked[bin])) {
      EXPECT_NEAR(broken[bin], masked[bin], 1e-9) << "as if the pixels were masked";
    }
    if (broken[bin] != clean[bin]) ++changed;
  }
  EXPECT_GE(changed, 3);
  EXPECT_LE(changed, 12) << "only bins that touch a bad pixel change";

  const Image<double> all_bad(41, 41, [](int, int) { return std::numeric_limits<double>::quiet_NaN(); });
  for (const double mean : transform(polar, all_bad.view())) EXPECT_TRUE(std::isnan(mean));
}

}  // namespace
}  // namespace glasswatch::analysis
