#include "analysis/polar_clipping.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace glasswatch::analysis::internal {
namespace {

constexpr double kPi = std::numbers::pi;

PolarPoint to_polar(Offset p, double phi_reference_rad) {
  const double phi = std::atan2(p.y, p.x);
  return {phi_reference_rad + std::remainder(phi - phi_reference_rad, 2 * kPi), std::hypot(p.x, p.y)};
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

PixelClipper::PixelClipper(const PolarGeometry& geometry)
    : geometry_(geometry),
      remove_ellipse_(geometry),
      dr_px_((geometry.r_max_px - geometry.r_min_px) / geometry.radial_bins),
      dphi_rad_(2 * kPi / geometry.azimuthal_bins) {}

void PixelClipper::clip(int row, int column, const std::function<void(int, double)>& share) {
  const Offset low{column - 0.5 - geometry_.center_col_px, row - 0.5 - geometry_.center_row_px};
  const Offset high{low.x + 1, low.y + 1};
  const Offset middle = remove_ellipse_({low.x + 0.5, low.y + 0.5});
  const double reach = std::numbers::sqrt2 / 2 * remove_ellipse_.stretch();
  const double r = std::hypot(middle.x, middle.y);
  if (r + reach < geometry_.r_min_px || r - reach > geometry_.r_max_px) return;

  // Pixels are cut at the axes through the centre. The centre then is only ever a corner, every piece is seen
  // under less than 180 degrees, and neighbours share the same pieces of edge.
  const std::array<double, 3> xs{low.x, low.x < 0 && high.x > 0 ? 0 : high.x, high.x};
  const std::array<double, 3> ys{low.y, low.y < 0 && high.y > 0 ? 0 : high.y, high.y};
  for (int i = 0; i < 2; ++i) {
    for (int j = 0; j < 2; ++j) {
      if (ys[i] == ys[i + 1] || xs[j] == xs[j + 1]) continue;
      outline({xs[j], ys[i]}, {xs[j + 1], ys[i + 1]});
      share_polygon(share);
    }
  }
}

void PixelClipper::outline(Offset low, Offset high) {
  const std::array<Offset, 4> corners{remove_ellipse_(low), remove_ellipse_({high.x, low.y}),
                                      remove_ellipse_(high), remove_ellipse_({low.x, high.y})};
  const Offset middle = remove_ellipse_({(low.x + high.x) / 2, (low.y + high.y) / 2});
  const double reference = std::atan2(middle.y, middle.x);
  const auto is_centre = [](Offset p) { return p.x == 0 && p.y == 0; };
  polygon_.clear();
  for (std::size_t i = 0; i < 4; ++i) {
    const Offset a = corners[i], b = corners[(i + 1) % 4];
    if (is_centre(a)) {
      // r = 0 is a whole line in the (phi, r) plane; the edges to and from the centre are vertical in it.
      polygon_.push_back({to_polar(corners[(i + 3) % 4], reference).phi_rad, 0});
      polygon_.push_back({to_polar(b, reference).phi_rad, 0});
    } else if (is_centre(b)) {
      polygon_.push_back(to_polar(a, reference));
    } else {
      append_edge(a, b, reference, 0);
    }
  }
}

void PixelClipper::append_edge(Offset from, Offset to, double phi_reference_rad, int depth) {
  constexpr int kMaxDepth = 24;
  const PolarPoint a = to_polar(from, phi_reference_rad), b = to_polar(to, phi_reference_rad);
  const Offset half{(from.x + to.x) / 2, (from.y + to.y) / 2};
  const PolarPoint m = to_polar(half, phi_reference_rad);
  const double off_r = m.r_px - (a.r_px + b.r_px) / 2;
  const double off_phi = m.r_px * (m.phi_rad - (a.phi_rad + b.phi_rad) / 2);
  if (depth < kMaxDepth && std::hypot(off_r, off_phi) > PolarTransform::kEdgeTolerancePx) {
    append_edge(from, half, phi_reference_rad, depth + 1);
    append_edge(half, to, phi_reference_rad, depth + 1);
  } else {
    polygon_.push_back(a);
  }
}

void PixelClipper::share_polygon(const std::function<void(int, double)>& share) {
  const Range r = range_of(polygon_, &PolarPoint::r_px);
  const double above_min = (r.low - geometry_.r_min_px) / dr_px_;
  const double top = (r.high - geometry_.r_min_px) / dr_px_;
  if (top <= 0 || above_min >= geometry_.radial_bins) return;
  const int i_first = std::max(0, static_cast<int>(std::floor(above_min)));
  const int i_last = std::min(geometry_.radial_bins - 1, static_cast<int>(std::floor(top)));

  keep_side(polygon_, &PolarPoint::r_px, geometry_.r_min_px + i_first * dr_px_, -1, rest_);
  for (int i = i_first; i <= i_last && !rest_.empty(); ++i) {
    const double r_out = geometry_.r_min_px + (i + 1) * dr_px_;
    keep_side(rest_, &PolarPoint::r_px, r_out, +1, ring_);
    keep_side(rest_, &PolarPoint::r_px, r_out, -1, scratch_);
    rest_.swap(scratch_);
    if (ring_.empty()) continue;

    const Range phi = range_of(ring_, &PolarPoint::phi_rad);
    const int j_first = static_cast<int>(std::floor((phi.low + kPi) / dphi_rad_));
    const int j_last = static_cast<int>(std::floor((phi.high + kPi) / dphi_rad_));
    ring_rest_ = ring_;
    for (int j = j_first; j <= j_last && !ring_rest_.empty(); ++j) {
      const double phi_out = -kPi + (j + 1) * dphi_rad_;
      keep_side(ring_rest_, &PolarPoint::phi_rad, phi_out, +1, piece_);
      keep_side(ring_rest_, &PolarPoint::phi_rad, phi_out, -1, scratch_);
      ring_rest_.swap(scratch_);
      const double area = area_px2(piece_);
      const int column =
          ((j % geometry_.azimuthal_bins) + geometry_.azimuthal_bins) % geometry_.azimuthal_bins;
      if (area > 0) share(i * geometry_.azimuthal_bins + column, area);
    }
  }
}

}  // namespace glasswatch::analysis::internal
