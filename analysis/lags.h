// Which lags g2 is computed at, and what it is divided by.
#pragma once

#include <cstdint>
#include <vector>

namespace glasswatch::analysis {

/// Lags 1, 2, 3, ... up to max_lag_slots, at most `lags_per_decade` per decade once that leaves gaps between
/// integers: the distinct values of round(10^(i/lags_per_decade)). Both arguments >= 1.
std::vector<std::int64_t> log_spaced_lags(int lags_per_decade, std::int64_t max_lag_slots);

/// With G, past and future the means of I(t) I(t+lag), I(t) and I(t+lag) over the same pairs of frames.
enum class Normalization {
  kSymmetric,  // G / (past future)
  kPaper,      // G / <I>^2, <I> the mean over all frames
};

}  // namespace glasswatch::analysis
