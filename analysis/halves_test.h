// Does tau change between the halves of a series, and what change could be seen?
#pragma once

#include <span>

#include "analysis/kww.h"
#include "analysis/pooled_sums.h"

namespace glasswatch::analysis {

/// NaN without two usable fits.
struct HalvesTest {
  KwwFit first, second;
  double relative_difference = 0;    // tau_second/tau_first - 1
  double sigma_ln_ratio = 0;         // one standard deviation of ln(tau_second/tau_first)
  double resolvable_difference = 0;  // 2 sigma
  double p_value = 1;                // two-sided, of tau being the same
};

/// Fits the pooled g2 of both halves and judges their difference by that of the cells. For cell c with the
/// share w_c of all pixels and psi of ln tau about the field's fits (kww_influence.h), d_c = w_c (psi_second
/// - psi_first), C cells:
///   sigma^2 = C/(C - 1) [sum_c d_c^2 + 2 max(0, sum d_c d_c')],
/// the last over pairs of cells that share an edge or a corner, for speckles that lie in several: covariances
/// of speckle are not negative, and an estimate that is would only narrow sigma. Pairing takes care of what
/// the halves have in common (pairs of frames across the middle, lasting differences between places). A bias
/// that both share, like that of a short series, cannot be seen.
///
/// first_cells, second_cells: the cells of `grid` in both halves (subtract() gives the second), pooled with
/// one flat field for both. cell_flat_field: empty, or one factor per cell that is divided out before pooling
/// where the cells were pooled without; bright and dark places would add a pedestal to g2. Cells that lack
/// pixels or a factor are left out. Needs some 20 cells that are not narrower than two thirds of a speckle.
HalvesTest halves_test(const CellGrid& grid, const PooledSums& first_cells, const PooledSums& second_cells,
                       std::span<const double> cell_flat_field, Normalization normalization,
                       const KwwModel& model, const KwwBounds& bounds);

}  // namespace glasswatch::analysis
