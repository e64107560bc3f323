// Speckle shape from planted series; the number of independent speckles against double sums and planted psi.
#include "analysis/speckle_count.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>

#include "analysis/displacement_sums.h"
#include "tests/analysis/direct_sums.h"
#include "tests/analysis/kww_series.h"

namespace glasswatch::analysis {
namespace {

using test::KwwSeries;
using test::KwwSeriesSettings;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

/// Autocorrelation of the planted speckle: of the sampled Gaussian that kww_series smooths with, in one
/// dimension.
double planted_shape(double size_px, int displacement) {
  if (size_px <= 1) return displacement == 0 ? 1 : 0;
  const double sigma_px = size_px / (4 * std::sqrt(std::numbers::ln2));
  const auto weight = [&](int i) { return std::exp(-i * i / (2 * sigma_px * sigma_px)); };
  double product = 0, square = 0;
  for (int i = -40; i <= 40; ++i) {
    product += weight(i) * weight(i + displacement);
    square += weight(i) * weight(i);
  }
  return product / square;
}

std::vector<double> planted_shape_map(double size_px, int reach) {
  std::vector<double> shape;
  for (int dr = -reach; dr <= reach; ++dr) {
    for (int dc = -reach; dc <= reach; ++dc) {
      shape.push_back(planted_shape(size_px, dr) * planted_shape(size_px, dc));
    }
  }
  return shape;
}

/// m(dr, dc) of a map over |dr|, |dc| <= reach.
double at(const std::vector<double>& map, int reach, int dr, int dc) {
  return map[static_cast<std::size_t>((dr + reach) * (2 * reach + 1) + dc + reach)];
}

TEST(DisplacementSums, AreTheDirectSums) {
  std::mt19937 random(3);
  for (const auto& [rows, columns, reach] : {std::array{7, 5, 2}, {4, 9, 6}, {1, 1, 0}, {13, 8, 1}}) {
    std::vector<double> a(static_cast<std::size_t>(rows * columns)), b(a.size());
    for (double& value : a) value = std::normal_distribution<double>()(random);
    for (double& value : b) value = std::normal_distribution<double>()(random);
    DisplacementSums fast(rows, columns, reach);
    std::vector<double> cross(static_cast<std::size_t>(fast.displacements()), 5), own(cross);
    fast.add(a, b, 2, cross);
    fast.add(a, a, -1, own);
    for (int dr = -reach; dr <= reach; ++dr) {
      for (int dc = -reach; dc <= reach; ++dc) {
        double ab = 0, aa = 0;
        for (int r = std::max(0, -dr); r < std::min(rows, rows - dr); ++r) {
          for (int c = std::max(0, -dc); c < std::min(columns, columns - dc); ++c) {
            const auto first = static_cast<std::size_t>(r * columns + c);
            const auto second = static_cast<std::size_t>((r + dr) * columns + c + dc);
            ab += a[first] * b[second];
            aa += a[first] * a[second];
          }
        }
        EXPECT_NEAR(at(cross, reach, dr, dc), 5 + 2 * ab, 1e-12);
        EXPECT_NEAR(at(own, reach, dr, dc), 5 - aa, 1e-12);
      }
    }
  }
}

SpeckleShape shape_of(const KwwSeries& series, const std::vector<std::uint8_t>& mask = {}) {
  SpeckleShape shape(series.rows, series.columns, mask);
  for (int t = 0; t + 1 < series.frames; t += 2) EXPECT_TRUE(shape.add(series.frame(t), series.frame(t + 1)));
  return shape;
}

KwwSeriesSettings speckles(double size_px) {
  KwwSeriesSettings settings;
  settings.rows = 60;
  settings.columns = 72;
  settings.frames = 120;
  settings.tau_slots = 4;
  settings.beta = 1;
  settings.speckle_size_px = size_px;
  return settings;
}

// 60 pairs of frames 2 slots apart at tau = 4 are as good as 60 (1 - q)/(1 + q) = 28 independent ones (q =
// exp(-1), squared correlation from pair to pair); 60 x 72 pixels hold 4320/(size^2 1.13/2) speckles of m^2,
// 305 at 5 px. Far from d = 0 m is then good to 1/sqrt(28 305) = 0.011 of what fluctuations one slot apart
// have in common, exp(-1/4): 0.014, or 0.003 size; near d = 0 to less, since m(0) = 1. Limit: five to six of
// these.
void expect_shape(const SpeckleShape& shape, double size_px, double tolerance) {
  const int reach = shape.reach();
  EXPECT_GE(reach, std::ceil(2 * size_px));
  const auto m = shape.autocorrelation();
  ASSERT_EQ(m.size(), static_cast<std::size_t>((2 * reach + 1) * (2 * reach + 1)));
  EXPECT_EQ(at(m, reach, 0, 0), 1);
  for (int dr = -reach; dr <= reach; ++dr) {
    for (int dc = -reach; dc <= reach; ++dc) {
      const double truth = planted_shape(size_px, dr) * planted_shape(size_px, dc);
      EXPECT_NEAR(at(m, reach, dr, dc), truth, tolerance * (1.1 - truth)) << dr << ", " << dc;
      EXPECT_EQ(at(m, reach, dr, dc), at(m, reach, -dr, -dc));
    }
  }
  EXPECT_EQ(at(m, reach, reach, reach), 0) << "no speckle so far away";
}

TEST(SpeckleShape, FindsThePlantedShape) {
  expect_shape(shape_of(kww_series(speckles(1))), 1, 0.018);
  EXPECT_NEAR(shape_of(kww_series(speckles(1))).size_px(), 1, 0.03);
  for (const double size : {3.0, 5.0}) {
    const SpeckleShape shape = shape_of(kww_series(speckles(size)));
    expect_shape(shape, size, 0.018 * size);
    EXPECT_NEAR(shape.size_px(), size, 0.04 * size) << "linear interpolation alone makes 2 %";
  }
}

// Without care noise would double m(0) at these 10 electrons per pixel, and brightness would add a map that
// never falls to zero.
TEST(SpeckleShape, SeesNeitherShotNoiseNorBrightnessNorMaskedPixels) {
  KwwSeriesSettings settings = speckles(3);
  settings.electrons_per_px = 10;
  std::vector<std::uint8_t> mask(60 * 72, 0);
  for (std::size_t i = 0; i < mask.size(); ++i) {
    const std::size_t row = i / 72, column = i % 72;
    settings.brightness.push_back(column / 12 % 2 == 0 ? 0.6F : 1.4F);
    mask[i] = row > 20 && row < 30 && column > 10 ? 1 : 0;
    if (mask[i] != 0) settings.brightness.back() = 20;
  }
  const SpeckleShape shape = shape_of(kww_series(settings), mask);
  expect_shape(shape, 3, 0.1);  // noise of 1/10 beside A = 0.1, and 14 % fewer pixels: twice the above
  EXPECT_NEAR(shape.size_px(), 3, 0.2);
}

TEST(SpeckleShape, TellsRowsFromColumns) {
  const KwwSeries series = kww_series(speckles(5));
  SpeckleShape shape(30, 72, {});  // every second row
  std::vector<std::int16_t> earlier(30 * 72), later(30 * 72);
  for (int t = 0; t + 1 < series.frames; t += 2) {
    for (std::size_t i = 0; i < earlier.size(); ++i) {
      const std::size_t from = static_cast<std::size_t>(t) * series.pixels() + i / 72 * 144 + i % 72;
      earlier[i] = series.counts[from];
      later[i] = series.counts[from + series.pixels()];
    }
    ASSERT_TRUE(shape.add({earlier.data(), PixelType::kI2, 30, 72}, {later.data(), PixelType::kI2, 30, 72}));
  }
  EXPECT_NEAR(shape.size_px(), 5 / std::numbers::sqrt2, 0.25);
  const int reach = shape.reach();
  const auto m = shape.autocorrelation();
  EXPECT_NEAR(at(m, reach, 1, 0), planted_shape(5, 2), 0.06);
  EXPECT_NEAR(at(m, reach, 0, 1), planted_shape(5, 1), 0.03);
  EXPECT_EQ(at(m, reach, 6, 0), 0) << "twice 2.5 px, and no more";
}

TEST(SpeckleShape, IsUnknownWithoutSpeckle) {
  KwwSeriesSettings settings = speckles(3);
  settings.frames = 40;
  for (const auto& [contrast, size] : {std::pair{0.0, 3.0}, {0.1, 60.0}}) {  // noise alone; one huge speckle
    settings.contrast = contrast;
    settings.speckle_size_px = size;
    settings.electrons_per_px = 20;
    const SpeckleShape shape = shape_of(kww_series(settings));
    EXPECT_TRUE(std::isnan(shape.size_px()));
    for (const double m : shape.autocorrelation()) EXPECT_TRUE(std::isnan(m));
  }
  const std::vector<float> still{1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7};
  const FrameView frame{still.data(), PixelType::kF4, 4, 4};
  SpeckleShape shape(4, 4, {});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(shape.add(frame, frame));
  EXPECT_TRUE(std::isnan(shape.size_px())) << "what stands still is no speckle";
}

TEST(SpeckleShape, RefusesFaultyFramesAndForgets) {
  const KwwSeries series = kww_series(speckles(3));
  SpeckleShape shape(60, 72, {});
  EXPECT_TRUE(shape.add(series.frame(0), series.frame(1)));
  EXPECT_TRUE(std::isnan(shape.size_px())) << "one pair has no time mean";
  for (int t = 4; t + 1 < series.frames; t += 4) shape.add(series.frame(t), series.frame(t + 1));
  const double size = shape.size_px();
  EXPECT_NEAR(size, 3, 0.3);
  std::vector<float> faulty(60 * 72, 3);
  faulty[7] = kNaN;
  const FrameView nan{faulty.data(), PixelType::kF4, 60, 72};
  const std::vector<std::uint16_t> dark(60 * 72, 0);
  const FrameView zero{dark.data(), PixelType::kU2, 60, 72};
  const int pairs = shape.pairs();
  EXPECT_FALSE(shape.add(nan, series.frame(1)));
  EXPECT_FALSE(shape.add(series.frame(1), nan));
  EXPECT_FALSE(shape.add(series.frame(1), zero));
  EXPECT_EQ(shape.pairs(), pairs);
  EXPECT_EQ(shape.size_px(), size);
  shape.reset();
  EXPECT_EQ(shape.pairs(), 0);
  EXPECT_TRUE(std::isnan(shape.size_px()));
  std::vector<std::uint8_t> mask(60 * 72, 0);
  mask[7] = 1;
  EXPECT_TRUE(SpeckleShape(60, 72, mask).add(nan, nan));
}

TEST(SpeckleShape, LooksAtTheCentreOfLargeFrames) {
  constexpr int kRows = 514, kColumns = 520;
  std::vector<float> earlier(kRows * kColumns, kNaN), later(earlier);
  std::mt19937 random(5);
  SpeckleShape shape(kRows, kColumns, {});
  for (int pair = 0; pair < 2; ++pair) {
    for (int row = 1; row < 513; ++row) {
      for (int column = 4; column < 516; ++column) {
        const auto i = static_cast<std::size_t>(row * kColumns + column);
        earlier[i] = later[i] = static_cast<float>(100 + random() % 10);
      }
    }
    EXPECT_TRUE(shape.add({earlier.data(), PixelType::kF4, kRows, kColumns},
                          {later.data(), PixelType::kF4, kRows, kColumns}));
  }
  EXPECT_NEAR(shape.size_px(), 1, 0.02);  // white: m(1) = 0 +- 1/512
}

/// Sums whose only use is to say where pixels are.
class Field {
 public:
  Field(int rows, int columns, const std::vector<std::uint8_t>& mask = {})
      : zeros_(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns), 0),
        sums_({{zeros_.data(), PixelType::kU1, rows, columns}}, {0}, {1}, mask) {}
  const PixelSums& sums() const { return sums_; }

 private:
  std::vector<std::uint8_t> zeros_;
  test::DirectSums sums_;
};

std::vector<float> white_noise(std::size_t pixels, std::mt19937_64& random) {
  std::vector<float> noise(pixels);
  for (float& value : noise) value = std::normal_distribution<float>()(random);
  return noise;
}

/// sqrt(a) g + sqrt(b/2) (h^2 - 1) + sqrt(white) e with g, h of the speckle's shape m and e white, all of
/// variance one: covariance a m + b m^2 + white [d = 0].
std::vector<float> planted_psi(int rows, int columns, double size_px, double a, double b, double white,
                               std::mt19937_64& random) {
  const auto pixels = static_cast<std::size_t>(rows * columns);
  std::vector<float> g = white_noise(pixels, random), h = white_noise(pixels, random);
  const std::vector<float> e = white_noise(pixels, random);
  for (auto* frame : {&g, &h}) {
    if (size_px > 1) test::correlate_in_space(rows, columns, size_px, frame->data());
  }
  std::vector<float> psi(pixels);
  for (std::size_t i = 0; i < pixels; ++i) {
    psi[i] = static_cast<float>(std::sqrt(a) * g[i] + std::sqrt(b / 2) * (h[i] * h[i] - 1) +
                                std::sqrt(white) * e[i]);
  }
  return psi;
}

TEST(CountSpeckles, FitsPlantedCovarianceAndDropsThePedestal) {
  constexpr int kSide = 128, kReach = 10;
  constexpr int kRuns = 6;
  const std::vector<double> shape = planted_shape_map(3, kReach);
  const Field field(kSide, kSide);
  const std::vector<std::int32_t> whole(kSide * kSide, 0);
  double sum_m = 0, sum_m2 = 0;
  for (const double m : shape) {
    sum_m += m;
    sum_m2 += m * m;
  }
  struct Case {
    double a, b, white;
  };
  std::mt19937_64 random(17);
  for (const Case& planted : {Case{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 2, 1}}) {
    double variance = 0, pixels_per_speckle = 0, white = 0;
    for (int run = 0; run < kRuns; ++run) {
      auto psi = planted_psi(kSide, kSide, 3, planted.a, planted.b, planted.white, random);
      for (std::size_t i = 0; i < psi.size(); ++i) {  // two halves
        psi[i] += (run % 2 == 0 ? i / kSide : i % kSide) < kSide / 2 ? 0.7F : -0.7F;
      }
      const SpeckleCount count = count_speckles(field.sums(), psi, shape, kReach, whole, 1);
      variance += count.variance() / kRuns;
      pixels_per_speckle += count.pixels_per_speckle / kRuns;
      white += count.white / kRuns;
      EXPECT_DOUBLE_EQ(at(count.correlation, kReach, 0, 0), 1);
      EXPECT_NEAR(count.per_unit[0], kSide * kSide / count.pixels_per_speckle, 0.05 * count.per_unit[0])
          << "but for the edge";
    }
    const double total = planted.a + planted.b + planted.white;
    const double expected = (planted.a * sum_m + planted.b * sum_m2 + planted.white) / total;
    // 128^2/10.2 x 6 = 9600 areas of m: the variance is good to sqrt(2/9600) = 1.5 %, for chi-square psi (b)
    // 3.6 %; the width, by the far part of m, to about twice that.
    EXPECT_NEAR(variance, total, 0.08 * total) << planted.a << planted.b << planted.white;
    EXPECT_NEAR(pixels_per_speckle, expected, 0.12 * expected) << planted.a << planted.b << planted.white;
    EXPECT_NEAR(white, planted.white, 0.12 * total);
  }
}

// That is what N is for.
TEST(CountSpeckles, VarianceOfAMeanIsThatOfNIndependentValues) {
  constexpr int kSide = 32, kReach = 8;
  const std::vector<double> shape = planted_shape_map(2.5, kReach);
  std::vector<std::uint8_t> mask(kSide * kSide, 0);
  for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = i % 5 == 0 ? 1 : 0;
  const Field field(kSide, kSide, mask);
  const auto pixels = field.sums().pixels();
  std::vector<std::int32_t> cell;  // 8 x 8 px
  for (const std::uint32_t pixel : pixels)
    cell.push_back(static_cast<int>(pixel / kSide / 8 * 4 + pixel % kSide / 8));
  std::mt19937_64 random(23);
  constexpr int kRuns = 150;
  double seen = 0, stated = 0;
  for (int run = 0; run < kRuns; ++run) {
    const auto image = planted_psi(kSide, kSide, 2.5, 0.5, 1, 0.5, random);
    std::vector<float> psi;
    for (const std::uint32_t pixel : pixels) psi.push_back(image[pixel]);
    const SpeckleCount count = count_speckles(field.sums(), psi, shape, kReach, cell, 16);
    for (std::int32_t unit = 0; unit < 16; ++unit) {
      double mean = 0, n = 0;
      for (std::size_t i = 0; i < psi.size(); ++i) {
        if (cell[i] != unit) continue;
        mean += psi[i];
        ++n;
      }
      seen += mean / n * (mean / n);
      stated += count.variance() / count.per_unit[static_cast<std::size_t>(unit)];
    }
  }
  // 150 fields of 16 cells, each of some 16 speckles (4.4 px each of 51): sqrt(2.5/2400) = 3.2 %, as much for
  // the fitted covariance, which comes from the same pixels. Three of these.
  EXPECT_NEAR(stated / seen, 1, 0.1);
}

double direct_speckles(const std::vector<std::uint32_t>& pixels, int columns, const SpeckleCount& count) {
  double sum = 0;
  for (const std::uint32_t x : pixels) {
    for (const std::uint32_t y : pixels) {
      const int dr = static_cast<int>(y) / columns - static_cast<int>(x) / columns;
      const int dc = static_cast<int>(y) % columns - static_cast<int>(x) % columns;
      if (std::max(std::abs(dr), std::abs(dc)) <= count.reach)
        sum += at(count.correlation, count.reach, dr, dc);
    }
  }
  return static_cast<double>(pixels.size()) * static_cast<double>(pixels.size()) / sum;
}

// Rectangles, small units with holes and large ones each go their own way.
TEST(CountSpeckles, UnitsOfAnyFormAreTheDoubleSum) {
  constexpr int kRows = 90, kColumns = 100, kReach = 7;
  std::vector<std::uint8_t> mask(kRows * kColumns, 0);
  for (std::size_t i = 0; i < 500; i += 3) mask[i] = 1;
  const Field field(kRows, kColumns, mask);
  std::vector<std::int32_t> unit_of_pixel;
  std::vector<std::vector<std::uint32_t>> members(6);
  for (const std::uint32_t pixel : field.sums().pixels()) {
    const std::uint32_t row = pixel / kColumns, column = pixel % kColumns;
    const int unit = row < 5                                      ? 0  // with holes
                     : row < 11 && column < 8                     ? 1  // 6 x 8 px
                     : row == 40 && column == 50                  ? 2  // one pixel
                     : row >= 80 && column >= 30                  ? 3  // 10 x 70 px
                     : (row + column) % 37 == 0                   ? 4  // scattered
                     : row > 12 && (row < 70 || column % 20 < 12) ? 5  // most of the field
                                                                  : -1;
    unit_of_pixel.push_back(unit);
    if (unit >= 0) members[static_cast<std::size_t>(unit)].push_back(pixel);
  }
  ASSERT_GT(members[5].size(), 4096U);
  std::mt19937_64 random(4);
  const auto image = planted_psi(kRows, kColumns, 3, 0, 1, 1, random);
  std::vector<float> psi;
  for (const std::uint32_t pixel : field.sums().pixels()) psi.push_back(image[pixel]);
  // A seventh unit without pixels.
  const SpeckleCount count =
      count_speckles(field.sums(), psi, planted_shape_map(3, kReach), kReach, unit_of_pixel, 7);
  ASSERT_EQ(count.per_unit.size(), 7U);
  for (std::size_t unit = 0; unit < 6; ++unit) {
    const double truth = direct_speckles(members[unit], kColumns, count);
    EXPECT_NEAR(count.per_unit[unit], truth, 1e-9 * truth) << unit;
  }
  EXPECT_DOUBLE_EQ(count.per_unit[2], 1);
  EXPECT_TRUE(std::isnan(count.per_unit[6]));
}

TEST(CountSpeckles, IsUnknownWithoutShapeOrPsi) {
  const Field field(12, 12);
  const std::vector<std::int32_t> whole(144, 0);
  std::mt19937_64 random(1);
  const auto all_unknown = [](const SpeckleCount& count) {
    return std::isnan(count.variance()) && std::isnan(count.pixels_per_speckle) &&
           std::isnan(count.per_unit[0]) && std::isnan(count.correlation[0]);
  };
  const std::vector<double> unknown(9, static_cast<double>(kNaN));
  EXPECT_TRUE(all_unknown(count_speckles(field.sums(), white_noise(144, random), unknown, 1, whole, 1)));
  const auto shape = planted_shape_map(1, 1);
  EXPECT_TRUE(all_unknown(count_speckles(field.sums(), std::vector<float>(144, kNaN), shape, 1, whole, 1)));
  EXPECT_TRUE(all_unknown(count_speckles(field.sums(), std::vector<float>(144, 0), shape, 1, whole, 1)));
  auto psi = white_noise(144, random);
  psi[20] = kNaN;
  const SpeckleCount count = count_speckles(field.sums(), psi, shape, 1, whole, 1);
  EXPECT_NEAR(count.variance(), 1, 0.5) << "one pixel without psi is left out";
  EXPECT_NEAR(count.per_unit[0], 144, 1e-9);
}

}  // namespace
}  // namespace glasswatch::analysis
