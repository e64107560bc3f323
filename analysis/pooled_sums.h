// Raw sums of cells, regions or the field: pooled first, normalised last.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "analysis/lags.h"
#include "analysis/parallel.h"
#include "analysis/pixel_sums.h"

namespace glasswatch::analysis {

constexpr std::int32_t kNoUnit = -1;

/// Means over the pixels of a unit (a cell, a region, the field) and over pairs:
///   product = <I(t) I(t+lag)>,  past = <I(t)>,  future = <I(t+lag)>.
struct PooledSums {
  int units = 0;
  std::vector<double> lag_slots;              // (L)
  std::vector<std::uint64_t> pairs;           // (L)
  std::vector<double> product, past, future;  // (units, L), counts^2 and counts; NaN without pairs or pixels
  std::vector<double> mean;                   // (units) over all frames, counts
  std::vector<std::uint32_t> pixels;          // (units) behind each
  std::uint64_t frames = 0;
  double span_slots = 0;  // T

  /// g2 of a unit, (L): product / (past future), or product / mean^2 for kPaper. NaN without pairs or where a
  /// mean is not above zero.
  void g2(int unit, Normalization normalization, std::span<double> out) const;
};

/// Square cells of pool_px x pool_px pixels, row-major; incomplete ones at the far edges are left out, so
/// there are (rows / pool_px) x (columns / pool_px).
struct CellGrid {
  int rows = 0;
  int columns = 0;
  std::vector<std::int32_t> unit_of_pixel;  // one per pixel of the sums; kNoUnit = in none

  std::size_t cell(int row, int column) const {
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(columns) +
           static_cast<std::size_t>(column);
  }
};
CellGrid cell_grid(const PixelSums& sums, int pool_px);
/// The units of a label image (rows * columns): unit = label - 1; label 0 and labels above `labels` are none.
std::vector<std::int32_t> units_from_labels(const PixelSums& sums, std::span<const std::uint8_t> label,
                                            int labels);

/// Pools. unit_of_pixel: one entry per pixel of `sums`, below `units`. flat_field: empty, or one factor per
/// pixel of `sums`, by which its counts are divided first (product by its square); pixels whose factor is not
/// a number above zero are left out. One pass over the sums, which memory limits; sums are formed in a fixed
/// order, so the bits do not depend on the lanes.
PooledSums pool(const PixelSums& sums, std::span<const std::int32_t> unit_of_pixel, int units,
                std::span<const float> flat_field, Parallel& parallel);

/// Units together in groups; kNoUnit = in none. What several groupings have in common is pooled from the
/// pixels once.
PooledSums pool_units(const PooledSums& units, std::span<const std::int32_t> group_of_unit, int groups);
/// All units together as one.
PooledSums pool_units(const PooledSums& units);

/// The pairs of `now` that `then`, an earlier state of the same sums, did not have: those whose later frame
/// came in between. Both must have been pooled over the same units, with the same flat field.
PooledSums subtract(const PooledSums& now, const PooledSums& then);

/// Time mean of every pixel of `sums`, smoothed by a Gaussian of sigma_px with the mask left out, relative to
/// its mean over the field: the flat field for pooled estimates. Sigma should be 2-3 speckle sizes: a pixel's
/// own time mean follows its slowest fluctuations and would take them out of g2, which shortens tau. NaN
/// where the mask leaves less than a tenth of the weight, and everywhere before the first frame.
std::vector<float> smooth_flat_field(const PixelSums& sums, double sigma_px);

}  // namespace glasswatch::analysis
