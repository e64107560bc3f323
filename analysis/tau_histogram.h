// The distribution of fitted relaxation times, and what a uniform sample would have shown.
#pragma once

#include <span>
#include <vector>

#include "analysis/kww_map.h"

namespace glasswatch::analysis {

/// ln tau is normal. Maximum likelihood: the mean and the standard deviation (divisor n) of ln tau; with N
/// independent values the standard errors are sigma/sqrt(N) and sigma/sqrt(2 N) (Kendall & Stuart, *The
/// Advanced Theory of Statistics*, vol. 2). NaN where nothing is usable; errors NaN where N < 1.
struct LogNormal {
  double median_slots = 0;  // exp(mean of ln tau)
  double sigma_ln = 0;
  double median_sigma = 0, sigma_ln_sigma = 0;  // standard errors
};

/// The usable fits are those that converged; every fraction says of what it is one. below + sum of fraction +
/// above + unusable = 1.
struct TauHistogram {
  std::vector<double> edge_slots;  // bins + 1; a bin holds its lower edge
  std::vector<double> fraction;    // of all fits per bin
  double below = 0, above = 0;     // of all fits, outside the edges
  double unusable = 0;             // of all fits
  LogNormal log_normal;            // of usable fits
  double threshold_slots = 0;
  double fraction_above_threshold = 0;  // of usable fits, tau > threshold; NaN without one
  double fraction_above_sigma = 0;      // its standard error for N independent values
};

/// edge_slots: ascending, at least two. independent: how many independent values there are among all entries
/// of the map, usable or not (the number of speckles); N is those of the usable, in proportion. The error of
/// a fraction is that of Agresti & Coull, Am. Stat. 52 (1998) 119, which stays above zero for none and all. A
/// map without entries gives NaN. Cost: one pass.
TauHistogram tau_histogram(const KwwMap& map, std::span<const double> edge_slots, double threshold_slots,
                           double independent);

/// bins + 1 edges in equal ratios, the first and the last exactly as given. 0 < low < high, bins >= 1.
std::vector<double> log_spaced_edges(double low, double high, int bins);

}  // namespace glasswatch::analysis
