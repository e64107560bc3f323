// How much each pixel moves a pooled KWW fit: errors that cover, without refits.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "analysis/kww.h"
#include "analysis/parallel.h"
#include "analysis/pixel_sums.h"
#include "analysis/pooled_sums.h"

namespace glasswatch::analysis {

/// psi of one pixel (or cell) i about a pooled fit is the derivative of the fit to its share of the pool:
///   fit without i = fit - psi_i/(n - 1) + O(1/n^2),  sum psi_i = 0,
/// the influence function of Hampel (J. Am. Stat. Assoc. 69 (1974) 383) or infinitesimal jackknife. The lags
/// of one pixel are correlated, pixels apart are not: psi carries the first into what the second can be
/// judged by. For the pooled means g, a, f of product, past and future, the i-th G_i, P_i, F_i, per lag k
///   g2 = g/(a f),   u_ik = g2_k (G_ik/g_k - P_ik/a_k - F_ik/f_k + 1),   psi_i = (J'J)^-1 J' u_i,
/// J the derivatives of the model to (A, ln tau, beta[, baseline]); with kPaper a and f are the mean m of all
/// frames, and P_i and F_i that of i. Curvature of the model times residuals of the fit is neglected.
struct Influence {
  double contrast = 0, ln_tau = 0, beta = 0;
};

/// psi of one unit as the linear form in the means that it is.
class UnitInfluence {
 public:
  /// Of the fit of `unit` of `pooled`, made with `model` and `normalization`.
  UnitInfluence(const PooledSums& pooled, int unit, const KwwFit& fit, const KwwModel& model,
                Normalization normalization);

  /// False: the fit is not usable, or too few lags define it; psi is NaN.
  bool known() const { return known_; }
  /// psi of a part of the unit from its means over pairs, (L) each, and over frames.
  Influence of(std::span<const double> product, std::span<const double> past, std::span<const double> future,
               double mean) const;

  struct Lag {
    double product = 0, past = 0, future = 0, constant = 0;  // u = product G + past P + future F + constant
    double contrast = 0, ln_tau = 0, beta = 0;               // psi += (contrast, ln_tau, beta) u
  };
  /// All zero for a lag without g2. With kPaper `past` stands for the mean of all frames, future is 0.
  std::span<const Lag> lags() const { return lags_; }

 private:
  void take_responses(std::span<const double> lag_slots, const KwwFit& fit, const KwwModel& model);

  bool known_ = false;
  bool paper_ = false;
  std::vector<Lag> lags_;
};

/// psi of every pixel about the fit of the unit that it belongs to. NaN for pixels without a unit or without
/// a flat field factor, and where the unit has no usable fit.
struct InfluenceMap {
  std::vector<float> contrast, ln_tau, beta;  // (pixels of the sums)
};
/// fits: one per unit of `pooled`, which was pooled from `sums` with these units and this flat field. One
/// pass over the sums, which memory limits; 56 bytes per unit and lag besides. The same bits whatever the
/// lanes.
InfluenceMap influence(const PixelSums& sums, std::span<const std::int32_t> unit_of_pixel,
                       const PooledSums& pooled, std::span<const KwwFit> fits, const KwwModel& model,
                       std::span<const float> flat_field, Parallel& parallel,
                       Normalization normalization = Normalization::kSymmetric);

}  // namespace glasswatch::analysis
