// One pass over a frame: mean, saturation, non-finite pixels.
#pragma once

#include <cstdint>

#include "protocol/types/pixels.h"

namespace glasswatch::analysis {

struct FrameStatistics {
  double mean_counts;               // over the finite pixels; NaN when there is none
  std::uint64_t saturated_pixels;   // finite and at or above the saturation point
  std::uint64_t non_finite_pixels;  // NaN or infinite; 0 for integer types
};

/// saturation_point_counts: +infinity = unknown, nothing counts as saturated. Sums in double, row by row:
/// exact for integer pixels up to 2^53 counts in total. No allocation; thread-safe.
FrameStatistics frame_statistics(const FrameView& frame, double saturation_point_counts);

}  // namespace glasswatch::analysis
