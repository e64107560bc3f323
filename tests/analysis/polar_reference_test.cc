// The sparse operator against supersampling, over random geometries, masks and pixel types.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <random>

#include "analysis/polar.h"
#include "tests/analysis/images.h"

namespace glasswatch::analysis {
namespace {

using test::Image;
using Random = std::mt19937_64;

constexpr int kSubsamples = 24;

double uniform(Random& random, double low, double high) {
  return std::uniform_real_distribution<double>(low, high)(random);
}
int pick(Random& random, std::initializer_list<int> values) {
  return values.begin()[std::uniform_int_distribution<std::size_t>(0, values.size() - 1)(random)];
}

struct Agreement {
  int compared = 0, valid = 0;
  double squared_pull = 0;  // of deviations in units of the expected sampling error
};

/// Bins are compared within the bound of the reference's docstring, and in the mean square with the sampling
/// error that independent cells of variance h^4/8 along a border of length L would give: sigma sqrt(4/pi L
/// h^3/8)/A.
template <typename Pixel>
void compare(const PolarGeometry& g, const Image<Pixel>& image, std::span<const std::uint8_t> mask,
             double range, Agreement& agreement) {
  const auto bins = static_cast<std::size_t>(g.radial_bins * g.azimuthal_bins);
  std::vector<double> fast(bins), reference(bins);
  const PolarTransform polar(g, image.rows, image.columns, mask);
  polar.apply(image.view(), fast);
  polar_transform_reference(g, image.view(), mask, kSubsamples, reference);

  const double h = 1.0 / kSubsamples;
  const double dr = (g.r_max_px - g.r_min_px) / g.radial_bins;
  const double stretch = std::sqrt(g.ellipse_ratio);
  for (std::size_t bin = 0; bin < bins; ++bin) {
    const int i = static_cast<int>(bin) / g.azimuthal_bins;
    const double length =
        stretch * (2 * dr + (2 * g.r_min_px + (2 * i + 1) * dr) * 2 * std::numbers::pi / g.azimuthal_bins);
    const double area = polar_bin_area_px2(g, i);
    const double uncertain =
        std::numbers::sqrt2 * length * h + 8 * h * h + PolarTransform::kEdgeTolerancePx * length;
    if (std::isnan(fast[bin]) != std::isnan(reference[bin])) {
      // Only a bin whose covered area is near one half may be judged differently. Non-finite pixels make the
      // covered area of the frame unknown here; there, the reference and the operator must still mostly
      // agree.
      if (!std::is_floating_point_v<Pixel>) {
        ASSERT_NEAR(polar.covered_area_px2()[bin], area / 2, uncertain) << "bin " << bin;
      }
      continue;
    }
    ++agreement.compared;
    if (std::isnan(fast[bin])) continue;
    const double covered = area / 2;  // at least
    ASSERT_LE(std::abs(fast[bin] - reference[bin]), uncertain / covered * range + 1e-9 * range)
        << "bin " << bin;
    if (uncertain < area / 2) {
      ++agreement.valid;
      const double sigma =
          range / std::sqrt(12) * std::sqrt(4 / std::numbers::pi * length * h * h * h / 8) / area;
      agreement.squared_pull += std::pow((fast[bin] - reference[bin]) / sigma, 2);
    }
  }
}

template <typename Pixel>
class PolarReference : public testing::Test {};
using AllPixels = testing::Types<std::uint8_t, std::uint16_t, std::uint32_t, std::int8_t, std::int16_t,
                                 std::int32_t, float, double>;
TYPED_TEST_SUITE(PolarReference, AllPixels);

TYPED_TEST(PolarReference, RandomGeometriesAgree) {
  Random random(20230512);
  Agreement agreement;
  int bins = 0;
  for (int trial = 0; trial < 16; ++trial) {
    const int rows = pick(random, {1, 2, 7, 16, 31, 37, 53}), columns = pick(random, {1, 3, 8, 29, 32, 47});
    PolarGeometry g;
    // The centre may lie beyond the frame, at a pixel's centre, on its border, or anywhere.
    g.center_row_px = trial % 4 == 0   ? rows / 2
                      : trial % 4 == 1 ? rows / 2 - 0.5
                                       : uniform(random, -5, rows + 5);
    g.center_col_px = trial % 4 == 0   ? columns / 2
                      : trial % 4 == 1 ? columns / 2
                                       : uniform(random, -5, columns + 5);
    g.ellipse_ratio = trial % 3 == 0 ? 1 : uniform(random, 1, 1.3);
    g.ellipse_angle_deg = uniform(random, -180, 180);
    g.r_min_px = trial % 2 == 0 ? 0 : uniform(random, 0, 8);
    g.r_max_px = g.r_min_px + uniform(random, 3, 30);
    g.radial_bins = pick(random, {1, 2, 5, 11});
    g.azimuthal_bins = pick(random, {1, 2, 3, 13, 31, 60});
    std::vector<std::uint8_t> mask;
    if (trial % 3 == 1) {
      for (int p = 0; p < rows * columns; ++p) mask.push_back(uniform(random, 0, 1) < 0.2 ? 1 : 0);
    }
    const double low = std::is_signed_v<TypeParam> ? -100 : 0, high = 120;
    Image<TypeParam> image(rows, columns, [&](int, int) { return std::floor(uniform(random, low, high)); });
    if constexpr (std::is_floating_point_v<TypeParam>) {
      for (TypeParam& pixel : image.pixels) {
        if (uniform(random, 0, 1) < 0.03) pixel = std::numeric_limits<TypeParam>::quiet_NaN();
      }
    }
    SCOPED_TRACE(testing::Message() << "trial " << trial << ": " << rows << " x " << columns << " centre "
                                    << g.center_row_px << ' ' << g.center_col_px << " ratio "
                                    << g.ellipse_ratio << " r " << g.r_min_px << " ... " << g.r_max_px
                                    << " bins " << g.radial_bins << " x " << g.azimuthal_bins);
    compare(g, image, mask, high - low, agreement);
    if (this->HasFatalFailure()) return;
    bins += g.radial_bins * g.azimuthal_bins;
  }
  EXPECT_GT(agreement.compared, 0.97 * bins);
  ASSERT_GT(agreement.valid, 300);
  EXPECT_LT(std::sqrt(agreement.squared_pull / agreement.valid), 1.5) << "in units of the sampling error";
}

}  // namespace
}  // namespace glasswatch::analysis
