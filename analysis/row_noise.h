// The noise covariance of the bins of one polar row, reduced to what the noise floor needs.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "analysis/angular_correlation.h"
#include "analysis/polar.h"

namespace glasswatch::analysis::internal {

/// The Gaussian point spread along one axis, sampled at whole pixels out to 4 sigma and scaled to sum 1,
/// convolved with itself; at distances 0, 1, 2, ... The noise of two pixels is correlated by the product of
/// both axes.
std::vector<double> spread_autocorrelation(double sigma_px);

/// Scratch memory of one lane; one object serves one thread.
class RowNoise {
 public:
  explicit RowNoise(int azimuthal_bins);

  /// Takes row k. To be called before the others.
  void read_weights(const PolarTransform& transform, int k);

  /// P bins, 1 = valid.
  const std::vector<std::uint8_t>& valid() const { return valid_; }

  /// F(D) m^2, see NoiseFloor, for noise of variance `variance` per pixel and a point spread of that
  /// autocorrelation
  /// ({1} = none). P values, NaN where there is no pair. Cost: two multiply-adds per pair of pixels of bins
  /// within its reach, and P^2.
  void propagate(const std::vector<double>& autocorrelation, double variance, MaskNormalization normalization,
                 std::span<double> floor);

 private:
  struct PixelWeight {
    int row, column;
    double weight;
  };
  /// Weights of one bin, sum 1, and the box around them; no pixels = an invalid bin.
  struct BinWeights {
    std::vector<PixelWeight> pixels;
    int top, bottom, left, right;
  };

  static double overlap(const BinWeights& a, const BinWeights& b, const std::vector<double>& autocorrelation);
  void sum_covariances(const std::vector<double>& autocorrelation);

  std::vector<BinWeights> bins_;
  std::vector<std::uint8_t> valid_;
  int valid_bins_ = 0;
  std::vector<double> pair_sum_;             // nu(D)
  std::vector<double> covariance_with_sum_;  // s_j
  std::vector<PixelShare> shares_;
};

}  // namespace glasswatch::analysis::internal
