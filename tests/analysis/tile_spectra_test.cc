// Power spectra of tiles against the definition in double precision and closed forms.
#include "analysis/tile_spectra.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>

#include "analysis/angular_correlation.h"
#include "analysis/polar.h"
#include "tests/analysis/images.h"
#include "tests/analysis/tile_maps.h"

namespace glasswatch::analysis {
namespace {

constexpr double kPi = std::numbers::pi;
using Random = std::mt19937_64;

/// The statistics of a whole spectrum by their definitions.
struct Expected {
  double mean, peak;
  std::vector<double> power;
};

Expected expected_of(const TileGeometry& g, std::vector<double>& spectrum, const std::vector<int>& orders) {
  const int size = g.tile_px;
  const double r_min = g.k_min_inv_nm * size * g.pixel_nm, r_max = g.k_max_inv_nm * size * g.pixel_nm;
  std::vector<double> ring;
  for (int row = 0; row < size; ++row) {
    for (int column = 0; column < size; ++column) {
      const double r = std::hypot(row - size / 2, column - size / 2);
      if (r >= r_min && r < r_max) ring.push_back(spectrum[static_cast<std::size_t>(row * size + column)]);
    }
  }
  std::sort(ring.begin(), ring.end());
  double sum = 0;
  for (const double s : ring) sum += s;
  // Every value stands twice, so the two in the middle are those of the half plane.
  const double median = (ring[ring.size() / 2] + ring[ring.size() / 2 - 1]) / 2;
  Expected expected{sum / static_cast<double>(ring.size()), ring.back() / (median / std::log(2)), {}};

  const auto rows = static_cast<std::size_t>(g.radial_bins),
             bins = static_cast<std::size_t>(g.azimuthal_bins);
  std::vector<double> polar(rows * bins), power(rows * orders.size()), coefficient(orders.size());
  PolarTransform({size / 2.0, size / 2.0, 1, 0, r_min, r_max, g.radial_bins, g.azimuthal_bins}, size, size,
                 {})
      .apply({spectrum.data(), PixelType::kF8, size, size}, polar);
  AngularCorrelation correlation(g.azimuthal_bins, orders, MaskNormalization::kCentered);
  for (std::size_t k = 0; k < rows; ++k) {
    correlation.process(std::span(polar).subspan(k * bins, bins), {},
                        std::span(power).subspan(k * orders.size(), orders.size()), coefficient);
  }
  expected.power.resize(orders.size());
  ring_average(power, std::vector<std::uint8_t>(rows, 1), static_cast<int>(orders.size()), expected.power);
  return expected;
}

template <typename Pixel>
class TileSpectraOfType : public testing::Test {};
using PixelTypes = testing::Types<std::uint8_t, std::uint16_t, std::uint32_t, std::int8_t, std::int16_t,
                                  std::int32_t, float, double>;
TYPED_TEST_SUITE(TileSpectraOfType, PixelTypes);

// Odd image sizes, a step that divides neither tile nor image, an offset, both windows.
TYPED_TEST(TileSpectraOfType, AgreesWithTheDefinition) {
  Random random(4);
  std::uniform_real_distribution<double> noise(10, 120);
  const test::Image<TypeParam> image(
      35, 47, [&](int row, int column) { return noise(random) + (row + column) / 20.0; });
  const std::vector<int> orders{2, 3, 4, 6, 12};
  const double offset = -7.5;
  for (const Window window : {Window::kHann, Window::kRectangle}) {
    // Under the Hann window the innermost pixels see whether the mean is subtracted.
    TileGeometry geometry = test::tiles_of(35, 47, 16, 9, window == Window::kHann ? 0.9 : 2.3, 6.9);
    geometry.window = window;
    geometry.radial_bins = window == Window::kHann ? 3 : 1;
    geometry.azimuthal_bins =
        window == Window::kHann ? 36 : 25;  // with an odd number odd orders are not nothing
    const test::TileMaps result = test::tile_maps_of(geometry, orders, image.view(), offset);
    ASSERT_EQ(result.rows, 3u);
    ASSERT_EQ(result.columns, 4u);
    for (std::size_t i = 0; i < result.rows; ++i) {
      for (std::size_t j = 0; j < result.columns; ++j) {
        std::vector<double> spectrum(256);
        tile_spectrum_reference(geometry, image.view(), offset, static_cast<int>(i) * 9,
                                static_cast<int>(j) * 9, spectrum);
        const Expected expected = expected_of(geometry, spectrum, orders);
        // Single precision: 6e-8 per operation, about 10 in line through transform and sums; powers are sums
        // of terms of either sign, at most 1 together.
        const std::size_t tile = result.tile(i, j);
        EXPECT_NEAR(result.ring_mean[tile] / expected.mean, 1, 2e-6);
        EXPECT_NEAR(result.peak[tile] / expected.peak, 1, 1e-5);
        for (std::size_t n = 0; n < orders.size(); ++n) {
          EXPECT_NEAR(result.power[tile * orders.size() + n], expected.power[n],
                      1e-6 + 1e-5 * expected.power[n])
              << orders[n];
        }
      }
    }
  }
}

// Parseval: the sum of S over the whole plane is tile^2 sum x^2 / sum window^2.
TEST(TileSpectrumReference, KeepsTheEnergy) {
  Random random(5);
  std::uniform_real_distribution<double> noise(1, 3);
  const test::Image<double> image(20, 23, [&](int, int) { return noise(random); });
  for (const Window window : {Window::kHann, Window::kRectangle}) {
    TileGeometry geometry = test::tiles_of(20, 23, 16, 1, 2, 7);
    geometry.window = window;
    std::vector<double> spectrum(256);
    tile_spectrum_reference(geometry, image.view(), 0.25, 3, 6, spectrum);
    double mean = 0, squares = 0, energy = 0, total = 0;
    for (int at = 0; at < 256; ++at)
      mean += image.pixels[static_cast<std::size_t>((3 + at / 16) * 23 + 6 + at % 16)] / 256;
    for (int at = 0; at < 256; ++at) {
      const auto hann = [](int j) { return 0.5 - 0.5 * std::cos(2 * kPi * (j + 0.5) / 16); };
      const double w = window == Window::kHann ? hann(at / 16) * hann(at % 16) : 1;
      const double pixel = image.pixels[static_cast<std::size_t>((3 + at / 16) * 23 + 6 + at % 16)];
      squares += std::pow(w * (pixel - mean) / (mean - 0.25), 2);
      energy += w * w;
    }
    for (const double s : spectrum) total += s;
    EXPECT_NEAR(total / (256 * squares / energy), 1, 1e-12);
    for (int ky = -7; ky <= 7; ++ky) {
      for (int kx = -7; kx <= 7; ++kx) {
        EXPECT_NEAR(spectrum[static_cast<std::size_t>((8 + ky) * 16 + 8 + kx)],
                    spectrum[static_cast<std::size_t>((8 - ky) * 16 + 8 - kx)], 1e-12)
            << "S(-k) = S(k)";
      }
    }
  }
}

// S of white noise is its relative variance, whatever the window.
TEST(TileSpectra, WhiteNoiseHasItsVariance) {
  const test::Image<float> image = test::white_noise(320, 320, 0.1, 6);
  for (const Window window : {Window::kHann, Window::kRectangle}) {
    TileGeometry geometry = test::tiles_of(320, 320, 32, 32, 4, 15);
    geometry.window = window;
    const test::TileMaps result = test::tile_maps_of(geometry, {2}, image.view(), 200);
    // 100 tiles of about 330 independent pixels; the Hann window leaves 1 / (35/18)^2 of them independent
    // (sum w^4 / (sum w^2)^2 per axis). Exponential: sd of the mean 0.55 % and 1.07 %; four of these.
    EXPECT_NEAR(test::average(result.ring_mean) / 0.01, 1, window == Window::kHann ? 0.043 : 0.022);
    // The tile's mean fluctuates by 0.1/32; that is nothing here.
  }
}

// Without a window the pixels of S are independent and exponential, so the largest of M is the harmonic
// number H_M on average, and |F_n|^2/F_0^2 is the sum of the squared weights.
TEST(TileSpectra, WhiteNoiseHasTheLevelsOfExponentialPixels) {
  const test::Image<float> image = test::white_noise(640, 640, 0.05, 7);
  TileGeometry geometry = test::tiles_of(640, 640, 16, 16, 3, 7);
  geometry.window = Window::kRectangle;
  const std::vector<int> orders{2, 4, 6};
  const test::TileMaps result = test::tile_maps_of(geometry, orders, image.view(), 200);

  int pixels = 0;  // of the half plane
  for (int row = -8; row < 8; ++row) {
    for (int column = 0; column < 8; ++column) {
      const double r = std::hypot(row, column);
      if ((column > 0 || row > 0) && r >= 3 && r < 7) ++pixels;
    }
  }
  double harmonic = 0;
  for (int m = 1; m <= pixels; ++m) harmonic += 1.0 / m;
  // The sample median spreads by 1/sqrt(M) around ln 2 and lies 1/(2 M) above it, so 1/median is 1 + (2.08 -
  // .72)/M too high; the largest spreads by pi/sqrt(6), of 1600 tiles: 0.7 %. Three of these.
  EXPECT_NEAR(test::average(result.peak) / (harmonic * (1 + 1.36 / pixels)), 1, 0.021);

  // The weight of each pixel and its opposite, by the polar transform of single pixels.
  const PolarTransform polar({8, 8, 1, 0, 3, 7, 1, geometry.azimuthal_bins}, 16, 16, {});
  const auto bins = static_cast<std::size_t>(geometry.azimuthal_bins);
  for (std::size_t i = 0; i < orders.size(); ++i) {
    double squares = 0, f0 = 0;
    for (int row = -7; row <= 7; ++row) {
      for (int column = row > 0 ? 0 : 1; column <= 7; ++column) {
        std::vector<double> unit(256, 0.0), row_of_bins(bins);
        unit[static_cast<std::size_t>((8 + row) * 16 + 8 + column)] = 1;
        unit[static_cast<std::size_t>((8 - row) * 16 + 8 - column)] = 1;
        polar.apply({unit.data(), PixelType::kF8, 16, 16}, row_of_bins);
        double re = 0, im = 0;
        for (std::size_t j = 0; j < bins; ++j) {
          const double phase = 2 * kPi * orders[i] * static_cast<double>(j) / static_cast<double>(bins);
          re += row_of_bins[j] * std::cos(phase);
          im += row_of_bins[j] * std::sin(phase);
          f0 += row_of_bins[j];
        }
        squares += re * re + im * im;
      }
    }
    // A ratio of sums of M exponentials: E|F_n|^2/F_0^2 = (sum of squares)/(f_0^2 (1 + 1/M_eff)), as F_0^2 is
    // on average f_0^2 + var F_0, with M_eff = M within 10 %. |F_n|^2 is about exponential, 1600 tiles: 2.5
    // %. Four of these.
    const double level = squares / (f0 * f0) / (1 + 1.0 / pixels);
    EXPECT_NEAR(test::average(result.power, i, orders.size()) / level, 1, 0.1) << orders[i];
  }
}

/// A fringe of integer frequency is one pixel pair of S under the rectangle window.
test::Image<double> fringes(int size, double amplitude, const std::vector<std::pair<int, int>>& frequencies) {
  return {size, size, [&](int row, int column) {
            double value = 50;
            for (const auto& [ky, kx] : frequencies) {
              value += 50 * amplitude * std::cos(2 * kPi * (ky * row + kx * column) / size + 0.3);
            }
            return value;
          }};
}

double sinc(double x) {
  return x == 0 ? 1 : std::sin(kPi * x) / (kPi * x);
}

TEST(TileSpectra, OneFringeHasEqualEvenOrdersAndTwoCrossedOnesOnlyFours) {
  const std::vector<int> orders{2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  TileGeometry geometry = test::tiles_of(64, 64, 64, 32, 10, 16);
  geometry.window = Window::kRectangle;
  const test::TileMaps one = test::tile_maps_of(geometry, orders, fringes(64, 0.1, {{0, 13}}).view());
  const test::TileMaps two =
      test::tile_maps_of(geometry, orders, fringes(64, 0.1, {{5, 12}, {-12, 5}}).view());
  for (std::size_t i = 0; i < orders.size(); ++i) {
    const int n = orders[i];
    // One pixel, spread over its width of 1/13 rad and bins of 1/180 turn. Its outline is a square, not a
    // sector: 1 %.
    const double of_pixel = std::pow(sinc(n / (2 * kPi * 13)) * sinc(n / 180.0), 2);
    EXPECT_NEAR(one.power[i], n % 2 == 0 ? of_pixel : 0, n % 2 == 0 ? 0.01 : 0) << n;
    EXPECT_NEAR(two.power[i], n % 4 == 0 ? of_pixel : 0, n % 4 == 0 ? 0.03 : 1e-6) << n;
  }
  // S of the pixel: (amplitude tile^2 / 2)^2 / tile^2, the only one of the half ring. The median is rounding:
  // no peak height can be promised.
  int pixels = 0;
  for (int row = -16; row <= 16; ++row) {
    for (int column = 0; column <= 16; ++column) {
      const double r = std::hypot(row, column);
      if ((column > 0 || row > 0) && r >= 10 && r < 16) ++pixels;
    }
  }
  EXPECT_NEAR(one.ring_mean[0] * static_cast<float>(pixels) / (0.1 * 0.1 * 64 * 64 / 4), 1, 1e-5);
}

// In noise, under the Hann window, at a frequency between pixels: where k and tile are right, and only there.
TEST(TileSpectra, FringesInNoiseArePeaksInTheirRingAndTile) {
  Random random(8);
  std::normal_distribution<double> normal;
  const double k_row = 8.3, k_column = -9.6;  // |k| = 12.69
  const test::Image<float> image(160, 192, [&](int row, int column) {
    const double wave = std::cos(2 * kPi * (k_row * row + k_column * column) / 64);
    const bool crystal = row >= 64 && row < 128 && column >= 96 && column < 160;
    return 1000 * (1 + 0.1 * normal(random) + (crystal ? 0.1 * wave : 0));
  });
  const std::vector<int> orders{2, 4, 6, 8};
  for (const auto& [low, high] : {std::pair{8.0, 11.0}, {11.2, 14.2}, {14.4, 17.4}}) {
    const TileGeometry geometry = test::tiles_of(160, 192, 64, 32, low, high);
    const test::TileMaps result = test::tile_maps_of(geometry, orders, image.view());
    const std::size_t crystal = result.tile(2, 3);
    const auto strongest = std::max_element(result.peak.begin(), result.peak.end()) - result.peak.begin();
    if (low == 11.2) {
      EXPECT_EQ(strongest, static_cast<std::ptrdiff_t>(crystal));
      // S of a fringe of amplitude a at its own frequency is a^2/4 (sum w)^4/(sum w^2)^2 = a^2/4 tile^2
      // (2/3)^2 = 4.55, of the noise .01. Between pixels the Hann window loses up to 1.42 dB per axis
      // (Harris, Proc. IEEE 66 (1978) 51, table 1), and the spot's skirt raises the median.
      EXPECT_GT(result.peak[crystal], 455 * std::pow(10, -0.284) * 0.7);
      EXPECT_LT(result.peak[crystal], 455 * 1.1);
      const double first = result.power[crystal * 4];
      for (std::size_t n = 0; n < 4; ++n) {
        // Most of the ring's S is the spot; of a spread of .7 px at r = 12.7, order n loses (.055 n)^2: 18 %
        // at 8.
        EXPECT_GT(result.power[crystal * 4 + n], 0.5) << orders[n];
        EXPECT_NEAR(result.power[crystal * 4 + n] / first, 1, 0.3) << orders[n];
        EXPECT_LT(result.power[n], 0.1) << "a tile of noise";
      }
    } else {
      EXPECT_LT(result.peak[crystal], 30) << "another ring";
    }
  }
}

}  // namespace
}  // namespace glasswatch::analysis
