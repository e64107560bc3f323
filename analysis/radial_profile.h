// Mean intensity against radius, and the diffuse ring in it.
#pragma once

#include <optional>
#include <vector>

#include "analysis/masked_pattern.h"
#include "analysis/ring_shape.h"

namespace glasswatch::analysis {

/// Row i holds the pixels with i <= r < i + 1 px, r freed of the ellipse. A row of which less than a quarter
/// counts (of the whole circle, on the frame or not) has the mean NaN.
struct RadialProfile {
  std::vector<double> mean_counts;
  std::vector<double> mean_sigma_counts;  // of the mean, from the scatter of the row's pixels

  /// Linear between the rows' middles; NaN beyond them.
  double at(double radius_px) const;
};

RadialProfile radial_profile(const MaskedPattern& pattern, const RingShape& shape);

/// A ring, its annulus reaching over one and a half widths on either side.
struct Ring {
  double radius_px = 0;
  double width_px = 0;  // full width at half maximum above a straight line through the minima beside it
  double inner_px() const { return radius_px - 1.5 * width_px > 0 ? radius_px - 1.5 * width_px : 0; }
  double outer_px() const { return radius_px + 1.5 * width_px; }
};

/// The maximum with the largest product of prominence and radius^1.5 between
/// r_min_px and r_max_px (0: no limit); none if it stands out by less than 3 % of its height or six standard
/// deviations. Prominence: height above the higher of the two lowest points that part it from anything
/// higher.
std::optional<Ring> find_ring(const RadialProfile& profile, double r_min_px, double r_max_px);

}  // namespace glasswatch::analysis
