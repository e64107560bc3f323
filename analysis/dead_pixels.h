// Pixels of a camera that do not follow their neighbours, and how much the others scatter.
#pragma once

#include <cstdint>
#include <vector>

#include "analysis/masked_pattern.h"

namespace glasswatch::analysis {

/// Scatter of single pixels about a level: variance = floor + counts_per_quantum * level, counts^2. Counting
/// statistics of whatever makes up a count, and read noise.
struct PixelScatter {
  double counts_per_quantum = 0;
  double floor_counts2 = 0;

  double variance_counts2(double level_counts) const {
    return floor_counts2 + counts_per_quantum * (level_counts > 0 ? level_counts : 0);
  }
  /// Counts on a scale where they scatter by one at any level: the generalised Anscombe transform (Murtagh,
  /// Starck & Bijaoui, Astron. Astrophys. Suppl. Ser. 112 (1995) 179).
  double stabilised(double counts) const;
};

/// From the differences of pixels to the mean of their four neighbours: medians over tiles of 8 x 8 pixels,
/// the quantum over the brighter half, the floor over the dimmest quarter. electrons_per_count > 0 sets a
/// lower bound of one electron's shot noise.
PixelScatter estimate_scatter(const MaskedPattern& pattern, double electrons_per_count);

/// 1 = dead or hot. A single pixel is, if it lies beyond the fourth highest (lowest) of its eight neighbours
/// by six standard deviations and a quarter of the level: up to three defects may touch, and a speckle wider
/// than three pixels passes. A line of the camera is, if it differs on average by 15 % and eight standard
/// deviations from the lines two further on either side. Pixels that do not count are never reported.
std::vector<std::uint8_t> find_dead_pixels(const MaskedPattern& pattern, const PixelScatter& scatter);

}  // namespace glasswatch::analysis
