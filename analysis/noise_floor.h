// What counting and read noise contribute to the angular power, by variance propagation.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "analysis/angular_correlation.h"
#include "analysis/mask_effect.h"
#include "analysis/parallel.h"
#include "analysis/polar.h"

namespace glasswatch::analysis {

/// The camera as its noise sees it: counts = g (h * electrons) + read noise, electrons Poisson, h a Gaussian
/// point spread from pixel to pixel, sampled at whole pixels out to 4 sigma and scaled to sum 1. Every
/// electron counts g.
struct DetectorNoise {
  double counts_per_electron = 1;  // g > 0: variance per count of the unblurred signal, counts
  double read_noise_counts = 0;    // s_r >= 0, one standard deviation per pixel, not blurred
  /// >= 0. A flat field's autocovariance falls as exp(-d^2 / (4 sigma^2)) with the distance d. The light of a
  /// scintillator of sigma s, gathered by square pixels from electrons anywhere in a pixel, has
  /// sigma^2 = s^2 + 1/12 px^2; s^2 + 1/6 where each electron's light is spread over its whole pixel first.
  double blur_sigma_px = 0;
};

/// Floors of C, power and coefficient, for all rows of one geometry.
///
/// In row k let V be the valid bins, N_v their number, N(D) the pairs (j, j+D) in V, m their mean <I>_k.
/// Noise of bins i and j of a pattern that is smooth on the scale of a bin has the covariance
///   c_ij = g <I>_k sum_x W_h(i,x) W_h(j,x) + s_r^2 sum_x W(i,x) W(j,x),
/// W the area weights of a bin (sum 1) and W_h = W * h: electrons are independent before the blur, not after
/// it. With nu(D) = sum over pairs of c_(j,j+D), s_j = sum_(i in V) c_ij, v = sum_D nu(D) / N_v^2 (the
/// variance of m) and u(D) = sum over pairs of (s_j + s_(j+D)) / (N_v N(D)), the covariance of m with the
/// pairs' sum, noise adds
///   kCentered:  F(D) = (nu(D) / N(D) -   u(D) +   v) / m^2     from (I - m)(I' - m), exact for the numerator
///   kLiteral:   F(D) = (nu(D) / N(D) - 2 u(D) + 3 v) / m^2     from I I' / m^2 to second order in the noise
/// to the expectation of C(D). Where nothing is masked u = 2 v and both are nu / (P m^2) - v / m^2: nu taken
/// off the pair sums and v off <I>^2. Floors of power and coefficient are those linear forms of F.
///
/// Left out. The noise of m^2 under the signal: -v/m^2 of it, one over the electrons of the row. Variation of
/// the intensity within the reach of h: it averages out over the circle. Shadows: bins beside a beam stop are
/// given the electrons of an open neighbourhood, about 0.1 % too much noise for two edges of 360 bins of 5
/// px. The detector is taken to go on beyond the frame's border. Bins that only one frame lacks are not known
/// here. A wrong gain scales the shot part: 10 % of g are 10 % of the floor.
///
/// Cost: construction two multiply-adds per pair of pixels of bins of one row within 8 sigma of each other,
/// rows shared between lanes; a frame 4 K N multiply-adds. Immutable after construction; const calls allocate
/// nothing and may run at the same time.
class NoiseFloor {
 public:
  /// Orders in 1 ... P/2, as in AngularCorrelation. Keeps no reference to its arguments.
  NoiseFloor(const PolarTransform& transform, const DetectorNoise& noise, std::vector<int> orders,
             MaskNormalization normalization, Parallel& parallel);

  /// Expectation of what noise adds to power(k,n) and coefficient(k,n) of a pattern whose rows have the means
  /// `radial_mean` (K; counts above the offset); (K, N) each. NaN where the mean is not finite and > 0 and
  /// where the row lacks pairs at a shift that is needed; the coefficient at n = 1, too.
  void floors(std::span<const double> radial_mean, std::span<double> power_floor,
              std::span<double> coefficient_floor) const;

  /// F(D) of row k with mean `mean`; P values, NaN as above.
  void correlation_floor(int k, double mean, std::span<double> correlation_floor) const;

  /// Effective number of independent rows for the noise of a mean over the rows `in_ring` (K) that have a
  /// floor, M^2 / sum_kk' rho^2(k-k'): the mean of |F|^2 over M complex Gaussian rows has that many times
  /// less variance than one. rho is the noise correlation of rows of equal floor, as straight bands of width
  /// dr that blur (2 sigma^2) and shared pixels (1/6 px^2) smear: within 3 % of the sums over pixels for rows
  /// of 1 px and more. Shot noise: read noise is less correlated. Between 1 and the number of rows; 0 when
  /// there is none.
  double independent_rows(std::span<const std::uint8_t> in_ring) const;

  /// Mean effect of the mask over those rows `in_ring` that have pairs at every shift; none without such
  /// rows. For ring_powers.
  MaskEffect ring_mask_effect(std::span<const std::uint8_t> in_ring) const;

 private:
  /// Of one kind of noise, per unit of 1/<I> (shot) or 1/<I>^2 (read).
  struct Terms {
    std::vector<double> correlation;         // (K, P)
    std::vector<double> power, coefficient;  // (K, N)
  };

  int radial_bins_;
  int azimuthal_bins_;
  std::vector<int> orders_;
  Terms shot_, read_;
  std::vector<MaskEffect> mask_effect_;          // K
  std::vector<double> squared_row_correlation_;  // at distances 0 ... K-1 rows
};

}  // namespace glasswatch::analysis
