// One pass over a frame: mean, saturation, non-finite pixels.
#pragma once

#include <cstdint>

#include "analysis/wide_loops.h"
#include "protocol/types/pixels.h"

namespace glasswatch::analysis {

struct FrameStatistics {
  double mean_counts;               // over the finite pixels; NaN when there is none
  std::uint64_t saturated_pixels;   // finite and at or above the saturation point
  std::uint64_t non_finite_pixels;  // NaN or infinite; 0 for integer types
};

/// saturation_point_counts: +infinity = unknown, nothing counts as saturated. Integer pixels are summed as
/// integers, exactly; floating ones in double, in eight partial sums whatever the processor. Bound by reading
/// the memory. No allocation; thread-safe.
FrameStatistics frame_statistics(const FrameView& frame, double saturation_point_counts);

namespace internal {
FrameStatistics frame_statistics(const FrameView& frame, double saturation_point_counts, LoopWidth width);
}

}  // namespace glasswatch::analysis
