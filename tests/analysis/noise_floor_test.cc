// The noise floor against explicit covariance matrices.
#include "analysis/noise_floor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <limits>
#include <numbers>
#include <numeric>

#include "tests/analysis/noisy_pattern.h"

namespace glasswatch::analysis {
namespace {

using test::RingScene;

constexpr double kPi = std::numbers::pi;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// A geometry small enough for matrices over all pixels: 2 rows of 24 bins on 40 x 42 pixels, some of them
/// masked.
struct SmallCase {
  static constexpr int kRows = 40, kColumns = 42;
  PolarGeometry geometry{.center_row_px = 19.3,
                         .center_col_px = 20.8,
                         .ellipse_ratio = 1.05,
                         .ellipse_angle_deg = 20,
                         .r_min_px = 7,
                         .r_max_px = 11,
                         .radial_bins = 2,
                         .azimuthal_bins = 24};
  std::vector<std::uint8_t> mask = std::vector<std::uint8_t>(kRows * kColumns, 0);

  explicit SmallCase(bool masked) {
    for (int row = 0; masked && row < kRows; ++row) {
      for (int column = 0; column < kColumns; ++column) {
        const bool stop = std::abs(row - 21) < 3 && column > 20;
        const bool dead = row == 11 && column == 18;
        mask[static_cast<std::size_t>(row * kColumns + column)] = stop || dead ? 1 : 0;
      }
    }
  }
  PolarTransform transform() const { return {geometry, kRows, kColumns, mask}; }

  /// W of all bins, (bins, pixels), from the transform's answer to single bright pixels; NaN for invalid
  /// bins.
  std::vector<std::vector<double>> weights() const {
    const PolarTransform polar = transform();
    std::vector<std::vector<double>> out(48, std::vector<double>(mask.size()));
    std::vector<double> frame(mask.size(), 0.0), bins(48);
    for (std::size_t pixel = 0; pixel < frame.size(); ++pixel) {
      frame[pixel] = 1;
      polar.apply({frame.data(), PixelType::kF8, kRows, kColumns}, bins);
      frame[pixel] = 0;
      for (std::size_t bin = 0; bin < bins.size(); ++bin) out[bin][pixel] = bins[bin];
    }
    return out;
  }
};

/// W_h, by a sum over all pixel pairs; the ring is far enough from the border.
std::vector<double> blurred(const std::vector<double>& weights, double sigma_px) {
  if (sigma_px <= 0) return weights;
  const int reach = static_cast<int>(std::ceil(4 * sigma_px));
  double sum = 0;
  for (int i = -reach; i <= reach; ++i) sum += std::exp(-i * i / (2 * sigma_px * sigma_px));
  std::vector<double> out(weights.size(), 0.0);
  for (int row = reach; row < SmallCase::kRows - reach; ++row) {
    for (int column = reach; column < SmallCase::kColumns - reach; ++column) {
      const double weight = weights[static_cast<std::size_t>(row * SmallCase::kColumns + column)];
      if (weight == 0) continue;
      for (int dr = -reach; dr <= reach; ++dr) {
        for (int dc = -reach; dc <= reach; ++dc) {
          out[static_cast<std::size_t>((row + dr) * SmallCase::kColumns + column + dc)] +=
              weight * std::exp(-(dr * dr + dc * dc) / (2 * sigma_px * sigma_px)) / (sum * sum);
        }
      }
    }
  }
  return out;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

using Matrix = std::vector<std::vector<double>>;

/// g mean W_h W_h^T + s_r^2 W W^T of one row.
Matrix covariance_of_row(const std::vector<std::vector<double>>& weights, int k, double mean,
                         const DetectorNoise& noise) {
  Matrix covariance(24, std::vector<double>(24));
  std::vector<std::vector<double>> sharp(weights.begin() + 24 * k, weights.begin() + 24 * (k + 1)), soft;
  for (const auto& bin : sharp) soft.push_back(blurred(bin, noise.blur_sigma_px));
  for (std::size_t i = 0; i < 24; ++i) {
    for (std::size_t j = 0; j < 24; ++j) {
      covariance[i][j] = noise.counts_per_electron * mean * dot(soft[i], soft[j]) +
                         noise.read_noise_counts * noise.read_noise_counts * dot(sharp[i], sharp[j]);
    }
  }
  return covariance;
}

struct Values {
  std::vector<double> correlation = std::vector<double>(24), power = std::vector<double>(4),
                      coefficient = std::vector<double>(4);
};
const std::vector<int> kSmallOrders{1, 2, 5, 10};

Values correlate(const std::vector<double>& row, MaskNormalization normalization) {
  Values values;
  angular_correlation_reference(row, kSmallOrders, normalization, values.correlation, values.power,
                                values.coefficient);
  return values;
}

/// Expectation of f(flat row + noise) - f(flat row) to second order, 1/2 sum_ij d2f/(dI_i dI_j) cov_ij, with
/// the second derivatives of the definition itself by central differences.
Values expected_gain(const Matrix& covariance, double mean, MaskNormalization normalization) {
  const double h = 1e-3 * mean;
  std::vector<double> row(24, mean);
  for (std::size_t j = 0; j < 24; ++j) {
    if (std::isnan(covariance[j][j])) row[j] = kNaN;
  }
  Values gain;
  const auto add = [&](std::size_t i, double step_i, std::size_t j, double step_j, double factor) {
    std::vector<double> moved = row;
    moved[i] += step_i;
    moved[j] += step_j;
    const Values at = correlate(moved, normalization);
    for (std::size_t d = 0; d < 24; ++d) gain.correlation[d] += factor * at.correlation[d];
    for (std::size_t n = 0; n < 4; ++n) gain.power[n] += factor * at.power[n];
    for (std::size_t n = 0; n < 4; ++n) gain.coefficient[n] += factor * at.coefficient[n];
  };
  for (std::size_t i = 0; i < 24; ++i) {
    for (std::size_t j = 0; j < 24; ++j) {
      if (std::isnan(covariance[i][j])) continue;
      const double factor = covariance[i][j] / (8 * h * h);
      add(i, h, j, h, factor);
      add(i, h, j, -h, -factor);
      add(i, -h, j, h, -factor);
      add(i, -h, j, -h, factor);
    }
  }
  return gain;
}

TEST(NoiseFloor, IsTheSecondOrderExpectationOfTheExplicitCovariance) {
  for (const bool masked : {false, true}) {
    const SmallCase small(masked);
    const auto weights = small.weights();
    const PolarTransform transform = small.transform();
    for (const DetectorNoise noise : {DetectorNoise{3, 0, 0}, {3, 0, 0.7}, {3, 5, 1.3}, {1e-6, 5, 0.7}}) {
      for (const auto normalization : {MaskNormalization::kCentered, MaskNormalization::kLiteral}) {
        SCOPED_TRACE(testing::Message()
                     << "masked " << masked << " blur " << noise.blur_sigma_px << " read noise "
                     << noise.read_noise_counts << " normalization " << static_cast<int>(normalization));
        Serial serial;
        const NoiseFloor floor(transform, noise, kSmallOrders, normalization, serial);
        const std::vector<double> means{40, 90};
        std::vector<double> power(8), coefficient(8), correlation(24);
        floor.floors(means, power, coefficient);
        for (int k = 0; k < 2; ++k) {
          const double mean = means[static_cast<std::size_t>(k)];
          const Values truth = expected_gain(covariance_of_row(weights, k, mean, noise), mean, normalization);
          floor.correlation_floor(k, mean, correlation);
          // The differences of a smooth function: relative error (h/mean)^2 = 1e-6 times the fourth
          // derivatives' combinatorial factor below 30, rounding 1e-16 / (1e-3)^2 per term times 24^2 terms
          // of mixed sign.
          const double tolerance = 1e-4 * truth.correlation[0];
          for (std::size_t d = 0; d < 24; ++d)
            ASSERT_NEAR(correlation[d], truth.correlation[d], tolerance) << d;
          for (std::size_t n = 0; n < 4; ++n) {
            const std::size_t at = static_cast<std::size_t>(k) * 4 + n;
            EXPECT_NEAR(power[at], truth.power[n], 1e-3 * truth.power[n]) << n;
            if (kSmallOrders[n] == 1) {
              EXPECT_TRUE(std::isnan(coefficient[at])) << "n = 1 has no shift";
            } else {
              EXPECT_NEAR(coefficient[at], truth.coefficient[n], tolerance) << n;
            }
          }
        }
      }
    }
  }
}

// A ring of M equal, uncorrelated pixels' worth of electrons: |F_n|^2/F_0^2 of N_e independent electrons is
// 1/N_e.
TEST(NoiseFloor, IsOneOverTheElectronsOfTheRowWhereBinsAreLarge) {
  RingScene scene;
  scene.stop = false;
  scene.geometry.radial_bins = 1;
  const PolarTransform transform(scene.geometry, RingScene::kSize, RingScene::kSize, {});
  Serial serial;
  const NoiseFloor floor(transform, {.counts_per_electron = 7}, {2}, MaskNormalization::kCentered, serial);
  std::vector<double> power(1), coefficient(1);
  floor.floors(std::vector<double>{21.0}, power, coefficient);
  const double electrons = 3 * kPi * (46 * 46 - 34 * 34);
  // Pixels cut by the two borders count with the square of their share: a third is lost of about one in each
  // 12 px.
  EXPECT_NEAR(power[0] * electrons, 1, 0.06);
  EXPECT_LT(power[0] * electrons, 1);
}

TEST(NoiseFloor, SaysNothingWhereThereIsNothing) {
  const SmallCase small(false);
  Serial serial;
  const std::vector<std::uint8_t> wanted{0, 1};
  const PolarTransform transform(small.geometry, SmallCase::kRows, SmallCase::kColumns, {}, serial, wanted);
  const NoiseFloor floor(transform, {.blur_sigma_px = 0.5}, {1, 2}, MaskNormalization::kCentered, serial);
  std::vector<double> power(4), coefficient(4), correlation(24);
  floor.floors(std::vector<double>{5, 5}, power, coefficient);
  EXPECT_TRUE(std::isnan(power[0]) && std::isnan(power[1]) && std::isnan(coefficient[1])) << "no bins";
  EXPECT_TRUE(power[2] > 0 && power[3] > 0 && std::isfinite(coefficient[3]));
  floor.correlation_floor(0, 5, correlation);
  for (const double value : correlation) EXPECT_TRUE(std::isnan(value));
  for (const double mean : {0.0, -2.0, kNaN, std::numeric_limits<double>::infinity()}) {
    floor.floors(std::vector<double>{mean, mean}, power, coefficient);
    EXPECT_TRUE(std::isnan(power[3]) && std::isnan(coefficient[3])) << mean;
    floor.correlation_floor(1, mean, correlation);
    EXPECT_TRUE(std::isnan(correlation[0])) << mean;
  }
  EXPECT_DOUBLE_EQ(floor.independent_rows(std::vector<std::uint8_t>{1, 1}), 1)
      << "one of the two rows has a floor";
  EXPECT_NEAR(floor.ring_mask_effect(std::vector<std::uint8_t>{1, 1}).noise_variance, 1, 1e-12);
  EXPECT_EQ(floor.independent_rows(std::vector<std::uint8_t>{1, 0}), 0);

  // A stop that leaves less than half of the circle leaves shifts without pairs: no power, but C where there
  // are.
  std::vector<std::uint8_t> half(SmallCase::kRows * SmallCase::kColumns, 0);
  for (std::size_t pixel = 0; pixel < half.size(); ++pixel)
    half[pixel] = pixel % SmallCase::kColumns > 18 ? 1 : 0;
  const PolarTransform open_half(small.geometry, SmallCase::kRows, SmallCase::kColumns, half);
  const NoiseFloor of_half(open_half, {}, {1, 2}, MaskNormalization::kCentered, serial);
  of_half.floors(std::vector<double>{5, 5}, power, coefficient);
  EXPECT_TRUE(std::isnan(power[0]) && std::isnan(coefficient[1]));
  EXPECT_EQ(of_half.ring_mask_effect(std::vector<std::uint8_t>{1, 1}).noise_variance, 1)
      << "no row has a power";
  of_half.correlation_floor(0, 5, correlation);
  EXPECT_TRUE(std::isfinite(correlation[0]) && std::isfinite(correlation[3]) && std::isnan(correlation[12]));
}

/// Several lanes, one after the other and from the last piece to the first.
class BackwardLanes final : public Parallel {
 public:
  int lanes() const override { return 3; }
  void run(int count, PieceOfWork body) override {
    for (int end = count, lane = 0; end > 0; end -= 5, lane = (lane + 1) % 3)
      body(lane, std::max(end - 5, 0), end);
  }
};

TEST(NoiseFloor, MaskEffectIsTheMeanOverRows) {
  const RingScene scene;
  const PolarTransform transform(scene.geometry, RingScene::kSize, RingScene::kSize, scene.mask());
  Serial serial;
  const NoiseFloor floor(transform, {}, {2}, MaskNormalization::kCentered, serial);
  std::vector<std::uint8_t> in_ring(12, 0);
  in_ring[2] = in_ring[7] = 1;
  double expected = 0;
  std::vector<PixelShare> shares;
  for (const int k : {2, 7}) {
    std::vector<std::uint8_t> valid;
    for (int j = 0; j < 120; ++j) {
      transform.shares(k * 120 + j, shares);
      valid.push_back(shares.empty() ? 0 : 1);
    }
    expected += mask_effect(valid).leak / 2;
  }
  EXPECT_GT(expected, 0.05);
  EXPECT_DOUBLE_EQ(floor.ring_mask_effect(in_ring).leak, expected);
}

TEST(NoiseFloor, DoesNotDependOnLanes) {
  const RingScene scene;
  const PolarTransform transform(scene.geometry, RingScene::kSize, RingScene::kSize, scene.mask());
  Serial serial;
  BackwardLanes lanes;
  const DetectorNoise noise{2, 1, 0.7};
  const NoiseFloor one(transform, noise, {2, 4}, MaskNormalization::kCentered, serial);
  const NoiseFloor other(transform, noise, {2, 4}, MaskNormalization::kCentered, lanes);
  const std::vector<double> means(12, 3.0);
  std::vector<double> power(24), coefficient(24), other_power(24), other_coefficient(24);
  one.floors(means, power, coefficient);
  other.floors(means, other_power, other_coefficient);
  EXPECT_EQ(power, other_power);
  EXPECT_EQ(coefficient, other_coefficient);
}

// The rows' noise correlation at n = 0 from sums over all pixels.
TEST(NoiseFloor, IndependentRowsMatchTheOverlapsOfWholeRows) {
  for (const double dr_px : {1.0, 1.5, 3.0}) {
    for (const double blur_px : {0.0, 0.7, 1.3}) {
      SmallCase small(false);
      small.geometry.ellipse_ratio = 1;
      small.geometry.r_min_px = 5;
      small.geometry.r_max_px = 5 + 6 * dr_px > 17 ? 17 : 5 + 6 * dr_px;
      small.geometry.radial_bins = static_cast<int>(std::round((small.geometry.r_max_px - 5) / dr_px));
      small.geometry.azimuthal_bins = 8;
      const PolarTransform transform = small.transform();
      const auto rows = static_cast<std::size_t>(small.geometry.radial_bins);
      Matrix whole_rows(rows, std::vector<double>(small.mask.size(), 0.0));
      std::vector<PixelShare> shares;
      for (int bin = 0; bin < small.geometry.radial_bins * 8; ++bin) {
        transform.shares(bin, shares);
        for (const PixelShare& share : shares)
          whole_rows[static_cast<std::size_t>(bin / 8)][share.pixel] += share.area_px2;
      }
      for (auto& row : whole_rows) row = blurred(row, blur_px);
      double correlated = 0;
      for (const auto& a : whole_rows) {
        for (const auto& b : whole_rows) correlated += std::pow(dot(a, b), 2) / (dot(a, a) * dot(b, b));
      }
      Serial serial;
      const NoiseFloor floor(transform, {.blur_sigma_px = blur_px}, {2}, MaskNormalization::kCentered,
                             serial);
      const double rows_squared = static_cast<double>(rows * rows);
      const double found = floor.independent_rows(std::vector<std::uint8_t>(rows, 1));
      std::cout << "dr " << dr_px << " px, blur " << blur_px << " px: " << found << " independent rows of "
                << rows << ", by sums " << rows_squared / correlated << '\n';
      EXPECT_NEAR(found * correlated / rows_squared, 1, 0.03);
    }
  }
}

}  // namespace
}  // namespace glasswatch::analysis
