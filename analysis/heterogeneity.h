// Does the relaxation time differ from place to place, or is what a map shows the noise of a finite series?
#pragma once

#include <span>

#include "analysis/pooled_sums.h"
#include "analysis/speckle_count.h"

namespace glasswatch::analysis {

/// A test on the influence psi of the pixels on ln tau about the fit of the whole field (a score test), not
/// on fitted ln tau, whose distribution is skew and whose errors depend on it. In a uniform sample the means
/// psi_c of C cells have expectation zero and covariance v_c = variance()/N_c (speckle_count.h), and a little
/// between cells that share speckles: R, worked out for square cells from the same f. With z_c = (psi_c -
/// mean)/sqrt(v_c), mean weighted by 1/v_c,
///   Q = sum z_c^2,   S = sum z_c^2/C + sum over pairs of 4-neighbours z_c z_c'/pairs.
/// Q sees any differences between cells, S those that neighbours have in common. Both are z'Mz with
/// expectation tr(MR) and variance 2 tr(MRMR), less what the mean takes; each is compared with the scaled
/// chi-square of these two moments (Satterthwaite, Biometrics Bulletin 2 (1946) 110), which is chi-square
/// with C - 1 degrees of freedom for Q if cells are independent.
struct Heterogeneity {
  double p_value = 1;             // of Q in a uniform sample; NaN = cannot be said, as all the rest then
  double chi_square = 0;          // Q
  int cells = 0;                  // C
  double p_value_neighbours = 1;  // of S; NaN without neighbours
  /// Intrinsic variance of ln tau between cells, in first order: the variance of psi_c less what a uniform
  /// sample would show. Unbiased, so it may be negative; and its standard deviation, for Gaussian psi_c.
  double spread_variance = 0;
  double spread_variance_sigma = 0;
  double spread_ln_tau = 0;  // its square root, 0 if negative
};

/// global_psi_ln_tau: one entry per pixel, as grid.unit_of_pixel; cells: of the same grid and psi. Cells with
/// less than half of their pixels, or without N, are left out; four cells at least are needed. Speckles that
/// reach beyond the next cell are taken into account; cells behind a mask correlate as complete ones do. The
/// p-values hold for cells of about four speckles and more; cells as wide as the structure looked for see it
/// best.
Heterogeneity test_heterogeneity(const CellGrid& grid, std::span<const float> global_psi_ln_tau,
                                 const SpeckleCount& cells);

}  // namespace glasswatch::analysis
