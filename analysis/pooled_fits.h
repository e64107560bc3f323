// KWW fits of pooled cells or regions with uncertainties that cover.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "analysis/kww.h"
#include "analysis/kww_influence.h"
#include "analysis/parallel.h"
#include "analysis/pooled_sums.h"
#include "analysis/speckle_count.h"

namespace glasswatch::analysis {

/// One standard deviation; NaN = unknown.
struct KwwSigma {
  double contrast = 0, ln_tau = 0, beta = 0;
};

/// Fits of all units of `pooled`. `start`: a fit that all begin from (the field's, say), or null.
std::vector<KwwFit> fit_units(const PooledSums& pooled, Normalization normalization, const KwwModel& model,
                              const KwwBounds& bounds, Parallel& parallel, const KwwFit* start = nullptr);

/// Uncertainty of the fit of every cell of a grid, from psi of its pixels about each cell's own fit. A pooled
/// fit is the mean of psi to first order, so with N independent speckles its variance is that of one speckle
/// over N. The variance of one speckle is estimated from the cell and its neighbours, up to 3 x 3 cells c
/// with n_c pixels and N_c speckles,
///   s^2 = sum_c N_c (sum psi^2/n_c) / sum_c (N_c - 1)     (sum psi = 0 takes one degree of freedom of each),
///   sigma = (1 + 4/N) sqrt(s^2/N),
/// the factor standing for what the curvature of the fit adds at small N. Found by Monte Carlo with fully
/// developed speckle; where fluctuations are Gaussian sigma is up to a tenth too wide at N = 64.
/// NaN for cells without a usable fit or with N <= 1. speckles.per_unit: one entry per cell.
std::vector<KwwSigma> cell_sigmas(const CellGrid& grid, const InfluenceMap& psi,
                                  const SpeckleCount& speckles);
/// The same of regions or the field, from their own pixels only. speckles.per_unit: one entry per unit.
std::vector<KwwSigma> region_sigmas(std::span<const std::int32_t> unit_of_pixel, int units,
                                    const InfluenceMap& psi, const SpeckleCount& speckles);

/// Do two regions differ? ln(tau_first/tau_second), its sigma, and the two-sided p of no difference. Regions
/// are taken as independent: speckles on their common border are few. NaN without two usable fits and sigmas.
struct RegionDifference {
  double ln_ratio = 0, sigma = 0, p_value = 1;
};
RegionDifference compare_regions(const KwwFit& first, const KwwSigma& first_sigma, const KwwFit& second,
                                 const KwwSigma& second_sigma);

}  // namespace glasswatch::analysis
