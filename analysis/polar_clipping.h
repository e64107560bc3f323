// A pixel as a polygon in the (phi, r) plane, and its areas in the bins of a polar grid.
#pragma once

#include <functional>
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

/// Shares pixels between bins. Keeps its polygon buffers between pixels, so one object serves one thread.
class PixelClipper {
 public:
  explicit PixelClipper(const PolarGeometry& geometry);

  /// Calls share(bin, area_px2) for every bin (i * P + j) that the pixel centred at (row, column) overlaps,
  /// in a fixed order; a bin may come twice. Nothing outside [r_min, r_max] is reported.
  void clip(int row, int column, const std::function<void(int bin, double area_px2)>& share);

 private:
  using Polygon = std::vector<PolarPoint>;

  void outline(Offset low, Offset high);
  void append_edge(Offset from, Offset to, double phi_reference_rad, int depth);
  void share_polygon(const std::function<void(int, double)>& share);

  PolarGeometry geometry_;
  EllipseRemoval remove_ellipse_;
  double dr_px_;
  double dphi_rad_;
  Polygon polygon_, rest_, ring_, ring_rest_, piece_, scratch_;
};

}  // namespace glasswatch::analysis::internal
