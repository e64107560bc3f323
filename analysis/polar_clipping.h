// A pixel as a polygon in the (phi, r) plane, and its areas in the bins of a polar grid.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "analysis/polar.h"

namespace glasswatch::analysis::internal {

struct Offset {
  double x, y;  // along +column and +row from the centre, px
};

/// Takes an offset on the detector to the plane where rings are circles (see PolarGeometry).
class EllipseRemoval {
 public:
  explicit EllipseRemoval(const PolarGeometry& geometry);
  Offset operator()(Offset detector) const {
    return {xx_ * detector.x + xy_ * detector.y, xy_ * detector.x + yy_ * detector.y};
  }
  /// The largest factor by which a length grows.
  double stretch() const { return stretch_; }

 private:
  double xx_, xy_, yy_, stretch_;
};

struct PolarPoint {
  double phi_rad, r_px;
};

/// The area that a pixel and a bin have in common.
struct CommonArea {
  std::uint32_t bin;    // i * P + j
  std::uint32_t pixel;  // as given to clip()
  double area_px2;
};

/// Shares pixels between bins. Keeps its polygon buffers between pixels, so one object serves one thread.
class PixelClipper {
 public:
  /// rows_wanted: K values, non-zero = wanted, or empty = all; it must outlive the clipper.
  PixelClipper(const PolarGeometry& geometry, std::span<const std::uint8_t> rows_wanted);

  /// Appends one entry for every bin of a wanted row that the pixel centred at (row, column) overlaps, in a
  /// fixed order; a bin may come twice. Nothing outside [r_min, r_max] is reported.
  void clip(int row, int column, std::uint32_t pixel, std::vector<CommonArea>& out);

 private:
  using Polygon = std::vector<PolarPoint>;

  bool is_wanted(int i) const {
    return rows_wanted_.empty() || rows_wanted_[static_cast<std::size_t>(i)] != 0;
  }
  bool any_wanted(double r_low_px, double r_high_px) const;
  void outline(Offset low, Offset high);
  void outline_near(const std::array<Offset, 4>& corners, Offset middle);
  void outline_far(const std::array<Offset, 4>& corners, Offset middle);
  void append_edge(Offset from, Offset to, PolarPoint a, PolarPoint b, double phi_reference_rad, int depth);
  void share_polygon(std::uint32_t pixel, std::vector<CommonArea>& out);
  void share_ring(int i, std::uint32_t pixel, std::vector<CommonArea>& out);

  PolarGeometry geometry_;
  std::span<const std::uint8_t> rows_wanted_;
  EllipseRemoval remove_ellipse_;
  double dr_px_;
  double dphi_rad_;
  double straight_beyond_px_;  // edges farther from the centre than this need no bisection
  Polygon polygon_, ring_, piece_, scratch_;
};

}  // namespace glasswatch::analysis::internal
