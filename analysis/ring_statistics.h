// What the ring's n-fold power means: noise-subtracted value, uncertainty, significance.
#pragma once

#include <cstdint>
#include <span>

#include "analysis/mask_effect.h"

namespace glasswatch::analysis {

enum class PowerState : std::uint8_t {
  kSignal = 1,
  kConsistentWithNoise = 2,  // noise alone reaches this power with probability above kNoiseProbability
  kGainLimited = 3,          // signal, but the floor is above half of it: 10 % of gain are over 5 % of power
  kNoFloor = 4,              // the camera's gain is unknown: nothing can be said
  kInvalid = 5,              // no valid row
};

constexpr double kNoiseProbability = 0.01;

struct RingPower {
  double power;         // mean over the valid rows, floor subtracted (as measured when there is no floor)
  double sigma;         // one standard deviation over patterns of one ensemble: speckle and noise
  double floor;         // mean over the same rows; NaN = unknown
  double significance;  // probability that noise, and leakage behind a mask, give this; NaN = unknown
  PowerState state;
};

/// One standard deviation of the power of single rows. F is a sum of many amplitudes, so |F|^2 is exponential
/// and its standard deviation is its expectation, S + N: S the signal's, N the floor (Goodman, Speckle
/// Phenomena in Optics, Roberts 2007, section 3.2); sqrt(MaskEffect::noise_variance) more behind a mask, left
/// out. S of one row is known to 100 % only, so it is taken from the mean of power - floor over the rows
/// within `neighbours` of it, and not below 0. power: measured, floor not subtracted. (K, N) each. NaN where
/// power is NaN; a floor of NaN counts as part of the signal: the sum is the same.
void power_sigma(std::span<const double> power, std::span<const double> floor, int orders, int neighbours,
                 std::span<double> sigma);

/// Rows that the mean over a ring of `ring_width_px` w averages independently, where |F|^2 at a radial
/// distance d is correlated by exp(-pi d^2/l^2), l the integral of the correlation over d:
///   w^2 / (w l erf(sqrt(pi) w/l) - l^2/pi (1 - exp(-pi w^2/l^2))),   about w/l for wide rings.
double speckle_rows(double ring_width_px, double length_px);

/// That length in units of the radius of the diffraction discs, by integrating over the circle's tangent and
/// squaring the autocorrelation of the intensity: the overlap of two discs where discs of even brightness are
/// strewn, its square where overlapping discs interfere (coherent speckle; Goodman, Speckle Phenomena in
/// Optics, Roberts 2007, section 4.4). A camera's blur adds: length^2 + 2 pi blur_sigma_px^2.
constexpr double kStrewnDiscLength = 1.323;
constexpr double kCoherentSpeckleLength = 0.895;

/// Ring means per order. power: measured; floor: what noise adds to it, all NaN where unknown; (K, N) each, N
/// the size of out. Rows with a NaN in power are left out.
///
/// noise_rows: NoiseFloor::independent_rows. speckle_rows: the same for the speckle, see above; NaN =
/// unknown, which is taken as 1, the widest sigma. Both are kept between 1 and the rows at hand, and become
/// M_n and M_s when divided by the mask's variance.
///
/// With signal S and floor N the amplitudes of rows k and k' have the covariance S rho_s + N rho_n, |F|^2
/// that of its square, and the ring mean the variance
///   sigma^2 = S^2/M_s + 2 S N/M_x + N^2/M_n,   M_x = sqrt((M_s^2 + M_n^2)/2)
/// (M_x for rho_s and rho_n Gaussian in k - k'). S is the measured power, not below 0: sigma is too wide
/// where there is no signal, and covers 0.75 to 0.8 there.
///
/// Significance: the mean of noise over N is Gamma(M_n) of mean 1, exact for M_n independent rows of equal
/// floor. Behind a mask orders leak into each other, without bias; a leak of standard deviation
/// leak S_max/sqrt(M_s), S_max the strongest order in out, is added to the noise, and the law is the shifted
/// gamma (Pearson's type III) of the sum's mean, variance and third moment. So odd orders of a
/// Friedel-symmetric pattern do not pass for signal because of a beam stop; `out` should hold even orders,
/// too. No allocation. Cost K N.
void ring_powers(std::span<const double> power, std::span<const double> floor,
                 std::span<const std::uint8_t> in_ring, double noise_rows, double speckle_rows,
                 std::span<RingPower> out, const MaskEffect& mask = {});

/// Survival function of the mean of `shape` independent exponential variates of mean 1 at x: Q(shape, shape
/// x), the regularised upper incomplete gamma function, shape > 0 (need not be an integer); 1 for x <= 0.
/// Relative error below 1e-10.
double gamma_mean_survival(double shape, double x);

}  // namespace glasswatch::analysis
