// tau(T): activation energy where the data carry it.
#pragma once

#include <span>

namespace glasswatch::analysis {

/// One relaxation time and the temperature at which it was measured; sigmas are one standard deviation,
/// independent from point to point. (An error that all temperatures share, as of the holder's calibration,
/// moves E by twice its part of T and does not show in chi^2; it is not among these sigmas.)
struct TauAtTemperature {
  double temperature_c = 0, temperature_sigma_c = 0;
  double tau_s = 0, sigma_ln_tau = 0;
};

/// NaN where it cannot be computed.
struct ArrheniusFit {
  double activation_energy_ev = 0, activation_energy_sigma_ev = 0;
  double ln_tau0_s = 0;
  double chi_square = 0;
  double p_value = 0;      // of the straight line: that chance alone leaves a chi^2 as large
  int points = 0;          // used: finite, tau and its sigma above zero, above absolute zero
  bool justified = false;  // see fit_arrhenius
};

/// ln tau = ln tau0 + E/(k_B T), the law of Arrhenius (Z. Phys. Chem. 4 (1889) 226), by least squares
/// weighted with the effective variance sigma_ln_tau^2 + (E sigma_T/(k_B T^2))^2 (Orear, Am. J. Phys. 50
/// (1982) 912), iterated until E stays. The sigma of E follows from the weights, not from the scatter. chi^2
/// has `points` - 2 degrees of freedom; with two points it is 0 and p is NaN, with fewer, or a single
/// temperature, all is NaN.
///
/// `justified`: at least 4 points, spread over 1/T so widely that E is known to 30 %, and p > 0.01. A glass
/// near T_g follows such a line over a short range at best, with an apparent E and a tau0 without meaning;
/// where the curvature shows, p says so. No allocation; cost a few passes over the points.
ArrheniusFit fit_arrhenius(std::span<const TauAtTemperature> points);

}  // namespace glasswatch::analysis
