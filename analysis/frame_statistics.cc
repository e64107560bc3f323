#include "analysis/frame_statistics.h"

#include <cmath>
#include <limits>

namespace glasswatch::analysis {

FrameStatistics frame_statistics(const FrameView& frame, double saturation_point_counts) {
  return visit_pixels(frame, [&](const auto* pixels) {
    const std::size_t count = frame.pixel_count();
    FrameStatistics statistics{std::numeric_limits<double>::quiet_NaN(), 0, 0};
    double sum = 0;
    for (std::size_t p = 0; p < count; ++p) {
      const double value = static_cast<double>(pixels[p]);
      if (!std::isfinite(value)) {
        ++statistics.non_finite_pixels;
        continue;
      }
      sum += value;
      if (value >= saturation_point_counts) ++statistics.saturated_pixels;
    }
    const std::uint64_t finite = count - statistics.non_finite_pixels;
    if (finite > 0) statistics.mean_counts = sum / static_cast<double>(finite);
    return statistics;
  });
}

}  // namespace glasswatch::analysis
