#include "analysis/polar_clipping.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace glasswatch::analysis::internal {
namespace {

constexpr double kPi = std::numbers::pi;

/// std::hypot guards against overflow, which offsets in pixels cannot reach, at several times the cost.
double length(Offset p) {
  return std::sqrt(p.x * p.x + p.y * p.y);
}

/// The angle is taken within half a turn of the reference, which itself is in [-pi, pi].
PolarPoint to_polar(Offset p, double phi_reference_rad) {
  double phi = std::atan2(p.y, p.x);
  if (phi - phi_reference_rad > kPi) phi -= 2 * kPi;
  if (phi - phi_reference_rad < -kPi) phi += 2 * kPi;
  return {phi, length(p)};
}

struct Range {
  double low, high;
};

Range range_of(const std::vector<PolarPoint>& polygon, double PolarPoint::*coordinate) {
  Range range{polygon[0].*coordinate, polygon[0].*coordinate};
  for (const PolarPoint& p : polygon) {
    range.low = std::min(range.low, p.*coordinate);
    range.high = std::max(range.high, p.*coordinate);
  }
  return range;
}

/// Sutherland-Hodgman against one border line: keeps the side where `coordinate` is below (side = +1) or
/// above (-1) `border`. Pieces of a non-convex polygon stay joined along the border, which the line integral
/// does not see.
void keep_side(const std::vector<PolarPoint>& in, double PolarPoint::*coordinate, double border, double side,
               std::vector<PolarPoint>& out) {
  out.clear();
  for (std::size_t i = 0; i < in.size(); ++i) {
    const PolarPoint& a = in[i];
    const PolarPoint& b = in[i + 1 == in.size() ? 0 : i + 1];
    const double to_a = side * (border - a.*coordinate);
    const double to_b = side * (border - b.*coordinate);
    if (to_a >= 0) out.push_back(a);
    if ((to_a > 0 && to_b < 0) || (to_a < 0 && to_b > 0)) {
      const double t = to_a / (to_a - to_b);
      PolarPoint cut{a.phi_rad + t * (b.phi_rad - a.phi_rad), a.r_px + t * (b.r_px - a.r_px)};
      cut.*coordinate = border;
      out.push_back(cut);
    }
  }
}

/// Cuts off what lies below `border` into `below` and leaves the rest in `polygon`. `range` is that of a
/// polygon which holds this one: most pixels lie within one bin, and need no cut.
void split(std::vector<PolarPoint>& polygon, double PolarPoint::*coordinate, double border, Range range,
           std::vector<PolarPoint>& below, std::vector<PolarPoint>& scratch) {
  if (range.high <= border) {
    below.swap(polygon);
    polygon.clear();
    return;
  }
  keep_side(polygon, coordinate, border, +1, below);
  keep_side(polygon, coordinate, border, -1, scratch);
  polygon.swap(scratch);
}

/// Integral of r dr dphi over a polygon by Green's theorem: |closed integral of r^2/2 dphi|, each straight
/// edge giving (phi_b - phi_a)(r_a^2 + r_a r_b + r_b^2)/6.
double area_px2(const std::vector<PolarPoint>& polygon) {
  double sum = 0;
  for (std::size_t i = 0; i < polygon.size(); ++i) {
    const PolarPoint& a = polygon[i];
    const PolarPoint& b = polygon[i + 1 == polygon.size() ? 0 : i + 1];
    sum += (b.phi_rad - a.phi_rad) * (a.r_px * a.r_px + a.r_px * b.r_px + b.r_px * b.r_px);
  }
  return std::abs(sum) / 6;
}

/// An edge of length L along a line at distance >= R from the centre leaves its straight image in (phi, r) by
/// at most L^2/8 times the second derivatives: |r''| <= 1/R, |r phi''| = |2 r' phi'| <= 1/R, both at once by
/// sqrt(2) L^2/(8 R), and by (R + L)/R more where r of the middle stands for the smallest r. With q = sqrt(2)
/// L^2/(8 tolerance) that is below the tolerance for R >= q + L.
double straight_beyond_px(double length_px) {
  return std::numbers::sqrt2 * length_px * length_px / (8 * PolarTransform::kEdgeTolerancePx) + length_px;
}

}  // namespace

EllipseRemoval::EllipseRemoval(const PolarGeometry& geometry) {
  const double angle = geometry.ellipse_angle_deg * kPi / 180;
  const double c = std::cos(angle), s = std::sin(angle);
  const double minor = std::sqrt(geometry.ellipse_ratio), major = 1 / minor;
  stretch_ = std::max(minor, major);
  xx_ = c * c * major + s * s * minor;
  xy_ = c * s * (major - minor);
  yy_ = s * s * major + c * c * minor;
}

PixelClipper::PixelClipper(const PolarGeometry& geometry, std::span<const std::uint8_t> rows_wanted)
    : geometry_(geometry),
      rows_wanted_(rows_wanted),
      remove_ellipse_(geometry),
      dr_px_((geometry.r_max_px - geometry.r_min_px) / geometry.radial_bins),
      dphi_rad_(2 * kPi / geometry.azimuthal_bins),
      straight_beyond_px_(straight_beyond_px(remove_ellipse_.stretch())) {}

bool PixelClipper::any_wanted(double r_low_px, double r_high_px) const {
  const double low = (r_low_px - geometry_.r_min_px) / dr_px_,
               high = (r_high_px - geometry_.r_min_px) / dr_px_;
  if (high < 0 || low > geometry_.radial_bins) return false;
  const int i_last = static_cast<int>(std::min(high, geometry_.radial_bins - 1.0));
  for (int i = static_cast<int>(std::max(low, 0.0)); i <= i_last; ++i) {
    if (is_wanted(i)) return true;
  }
  return false;
}

void PixelClipper::clip(int row, int column, std::uint32_t pixel, std::vector<CommonArea>& out) {
  const Offset low{column - 0.5 - geometry_.center_col_px, row - 0.5 - geometry_.center_row_px};
  const Offset high{low.x + 1, low.y + 1};
  const Offset middle = remove_ellipse_({low.x + 0.5, low.y + 0.5});
  const double reach = std::numbers::sqrt2 / 2 * remove_ellipse_.stretch();
  const double r = length(middle);
  if (!any_wanted(r - reach, r + reach)) return;

  // Pixels are cut at the axes through the centre. The centre then is only ever a corner, every piece is seen
  // under less than 180 degrees, and neighbours share the same pieces of edge.
  const std::array<double, 3> xs{low.x, low.x < 0 && high.x > 0 ? 0 : high.x, high.x};
  const std::array<double, 3> ys{low.y, low.y < 0 && high.y > 0 ? 0 : high.y, high.y};
  for (int i = 0; i < 2; ++i) {
    for (int j = 0; j < 2; ++j) {
      if (ys[i] == ys[i + 1] || xs[j] == xs[j + 1]) continue;
      outline({xs[j], ys[i]}, {xs[j + 1], ys[i + 1]});
      share_polygon(pixel, out);
    }
  }
}

void PixelClipper::outline(Offset low, Offset high) {
  const std::array<Offset, 4> corners{remove_ellipse_(low), remove_ellipse_({high.x, low.y}),
                                      remove_ellipse_(high), remove_ellipse_({low.x, high.y})};
  const Offset middle = remove_ellipse_({(low.x + high.x) / 2, (low.y + high.y) / 2});
  polygon_.clear();
  if (length(middle) - remove_ellipse_.stretch() > straight_beyond_px_) {
    outline_far(corners, middle);
  } else {
    outline_near(corners, middle);
  }
}

/// All edges are straight enough, and the angles from the middle so small (below straight_beyond_px_^-1,
/// about 0.006) that four terms of the arc tangent's series are exact to rounding.
void PixelClipper::outline_far(const std::array<Offset, 4>& corners, Offset middle) {
  const double reference = std::atan2(middle.y, middle.x);
  for (const Offset& p : corners) {
    const double t = (middle.x * p.y - middle.y * p.x) / (middle.x * p.x + middle.y * p.y);
    const double t2 = t * t;
    polygon_.push_back({reference + t * (1 - t2 * (1.0 / 3 - t2 * (1.0 / 5 - t2 / 7))), length(p)});
  }
}

void PixelClipper::outline_near(const std::array<Offset, 4>& corners, Offset middle) {
  const double reference = std::atan2(middle.y, middle.x);
  std::array<PolarPoint, 4> polar;
  for (std::size_t i = 0; i < 4; ++i) polar[i] = to_polar(corners[i], reference);
  const auto is_centre = [](Offset p) { return p.x == 0 && p.y == 0; };
  for (std::size_t i = 0; i < 4; ++i) {
    const std::size_t next = (i + 1) % 4, previous = (i + 3) % 4;
    if (is_centre(corners[i])) {
      // r = 0 is a whole line in the (phi, r) plane; the edges to and from the centre are vertical in it.
      polygon_.push_back({polar[previous].phi_rad, 0});
      polygon_.push_back({polar[next].phi_rad, 0});
    } else if (is_centre(corners[next])) {
      polygon_.push_back(polar[i]);
    } else {
      append_edge(corners[i], corners[next], polar[i], polar[next], reference, 0);
    }
  }
}

void PixelClipper::append_edge(Offset from, Offset to, PolarPoint a, PolarPoint b, double phi_reference_rad,
                               int depth) {
  constexpr int kMaxDepth = 24;
  const Offset half{(from.x + to.x) / 2, (from.y + to.y) / 2};
  const PolarPoint m = to_polar(half, phi_reference_rad);
  const double off_r = m.r_px - (a.r_px + b.r_px) / 2;
  const double off_phi = m.r_px * (m.phi_rad - (a.phi_rad + b.phi_rad) / 2);
  if (depth < kMaxDepth && length({off_r, off_phi}) > PolarTransform::kEdgeTolerancePx) {
    append_edge(from, half, a, m, phi_reference_rad, depth + 1);
    append_edge(half, to, m, b, phi_reference_rad, depth + 1);
  } else {
    polygon_.push_back(a);
  }
}

void PixelClipper::share_polygon(std::uint32_t pixel, std::vector<CommonArea>& out) {
  const Range r = range_of(polygon_, &PolarPoint::r_px);
  const double above_min = (r.low - geometry_.r_min_px) / dr_px_;
  const double top = (r.high - geometry_.r_min_px) / dr_px_;
  if (top <= 0 || above_min >= geometry_.radial_bins) return;
  const int i_first = std::max(0, static_cast<int>(std::floor(above_min)));
  const int i_last = std::min(geometry_.radial_bins - 1, static_cast<int>(std::floor(top)));

  const double r_in = geometry_.r_min_px + i_first * dr_px_;
  if (r.low < r_in) {
    keep_side(polygon_, &PolarPoint::r_px, r_in, -1, scratch_);
    polygon_.swap(scratch_);
  }
  for (int i = i_first; i <= i_last && !polygon_.empty(); ++i) {
    split(polygon_, &PolarPoint::r_px, geometry_.r_min_px + (i + 1) * dr_px_, r, ring_, scratch_);
    if (!ring_.empty() && is_wanted(i)) share_ring(i, pixel, out);
  }
}

void PixelClipper::share_ring(int i, std::uint32_t pixel, std::vector<CommonArea>& out) {
  const Range phi = range_of(ring_, &PolarPoint::phi_rad);
  const int j_first = static_cast<int>(std::floor((phi.low + kPi) / dphi_rad_));
  const int j_last = static_cast<int>(std::floor((phi.high + kPi) / dphi_rad_));
  for (int j = j_first; j <= j_last && !ring_.empty(); ++j) {
    split(ring_, &PolarPoint::phi_rad, -kPi + (j + 1) * dphi_rad_, phi, piece_, scratch_);
    const double area = area_px2(piece_);
    const int bins = geometry_.azimuthal_bins;
    const int column = ((j % bins) + bins) % bins;
    if (area > 0) out.push_back({static_cast<std::uint32_t>(i * bins + column), pixel, area});
  }
}

}  // namespace glasswatch::analysis::internal
