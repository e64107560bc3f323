// The stretched exponential (Kohlrausch-Williams-Watts) model of g2, and what a fit of it says.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace glasswatch::analysis {

/// g2(t) = baseline + A exp(-factor (t/tau)^beta).
struct KwwModel {
  int exponent_factor = 1;     // 1: as Voigt et al. 2023; 2: as most other codes. tau differs by 2^(1/beta)
  bool free_baseline = false;  // else it is 1
};

/// In this order, the first that holds.
enum class FitStatus : std::uint8_t {
  kConverged = 0,
  kNoData = 1,        // no lag with a finite g2: no pairs, masked, or a mean that is not above zero
  kTooShort = 2,      // fewer lags than parameters + 1, or a 1/e time of kLongestTau longest lags or more
  kNoContrast = 3,    // no decay (A > 0) stands out of the curve's own noise (kLeastDecay)
  kAtBound = 4,       // tau or beta ended at the edge of what is allowed
  kNotConverged = 5,  // the iteration limit
};

/// A 1/e time this many times the longest lag with a value is beyond the data: g2 has fallen there by a fifth
/// at most (beta = 0.63; a tenth for beta = 1), and contrast and time cannot be told apart.
inline constexpr double kLongestTau = 10;

/// The decay must lower the sum of squares S of the deviations (from 1, or from their mean where the baseline
/// is free) by more than its three parameters would of noise: F = ((S0 - S)/3) / (S/(lags - parameters)) >
/// kLeastDecay. Of curves of white noise 1 in 250 gets past it (40 lags), 1 in 80 of 10 lags.
inline constexpr double kLeastDecay = 4;

/// Values are NaN unless the status is kConverged, kAtBound or kNotConverged.
struct KwwFit {
  double contrast = std::numeric_limits<double>::quiet_NaN();   // A
  double tau_slots = std::numeric_limits<double>::quiet_NaN();  // in slots of the time grid, as the lags
  double beta = std::numeric_limits<double>::quiet_NaN();
  double baseline = std::numeric_limits<double>::quiet_NaN();
  double rms = std::numeric_limits<double>::quiet_NaN();  // root mean square of the residuals
  FitStatus status = FitStatus::kNoData;
  bool usable() const { return status == FitStatus::kConverged; }
};

/// Where tau and beta may be looked for. tau is the 1/e time here, tau/factor^(1/beta), so that a fit has the
/// same status in both conventions.
struct KwwBounds {
  double tau_min_slots = 0.1;
  double tau_max_slots = 1e7;
  double beta_min = 0.1;
  double beta_max = 3;
};

/// Mean relaxation time, the integral of the decay: (tau/beta) Gamma(1/beta) for factor 1, the same of
/// tau/2^(1/beta) for factor 2. It does not depend on the convention. NaN for a fit without values.
double mean_relaxation_slots(const KwwFit& fit, const KwwModel& model);
double kww_g2(double lag_slots, const KwwFit& fit, const KwwModel& model);

/// Least squares of one curve in double precision, unweighted: Levenberg-Marquardt (Marquardt, J. Soc.
/// Indust. Appl. Math. 11 (1963) 431) in (A, ln tau, beta[, baseline]) with gain-ratio damping (Nielsen,
/// report IMM-REP-1999-05, Technical University of Denmark, 1999) and bounds by projection, until a
/// Gauss-Newton step would lower the sum of squares by less than 1e-14 of itself. The plain reference of the
/// fast batch (kww_map.h), and the fit of field, region and cell curves. Lags are > 0 and ascending; those
/// with g2 that is not finite are left out. `start`: a fit in the same convention to begin from; without one,
/// or with one that has no values, the best of a grid of decays (internal::kStartBetas). Of several minima it
/// finds the one downhill from there. The model with factor 2 is the one with factor 1 and tau 2^(1/beta),
/// and is fitted as that. About 0.8 us per lag (0.4 with a start); allocates.
KwwFit fit_kww(std::span<const double> lag_slots, std::span<const double> g2, const KwwModel& model,
               const KwwBounds& bounds, const KwwFit* start = nullptr);

namespace internal {

/// The grid of decays that a search may start from: every beta with every tau.
inline constexpr std::array kStartBetas{0.35, 0.8, 2.0};
inline constexpr std::size_t kStartTaus = 12;
/// Geometric from the first lag to twice the last.
double start_tau_slots(std::size_t step, double first_lag_slots, double last_lag_slots);

}  // namespace internal
}  // namespace glasswatch::analysis
