// Where the rings of a pattern lie: a centre and the ellipse that the camera makes of circles.
#pragma once

#include <cmath>
#include <numbers>

namespace glasswatch::analysis {

/// The offset p of a pixel (x along columns, y along rows) from the centre is freed of the ellipse by
///   u = exp(-E) p,   E = [[stretch_cos, stretch_sin], [stretch_sin, -stretch_cos]],
/// which keeps areas. With e = hypot(stretch_cos, stretch_sin) the ratio of the axes is exp(2 e), as in
/// PolarGeometry. Unlike ratio and angle the two numbers are smooth where the ellipse becomes a circle, so a
/// fit can cross it.
struct RingShape {
  double center_row_px = 0;
  double center_col_px = 0;
  double stretch_cos = 0;
  double stretch_sin = 0;

  void set_ellipse(double ratio, double angle_deg) {
    const double angle = 2 * angle_deg * std::numbers::pi / 180;
    stretch_cos = std::log(ratio) / 2 * std::cos(angle);
    stretch_sin = std::log(ratio) / 2 * std::sin(angle);
  }
  double stretch() const { return std::hypot(stretch_cos, stretch_sin); }
  double ellipse_ratio() const { return std::exp(2 * stretch()); }
  double ellipse_angle_deg() const {
    return std::atan2(stretch_sin, stretch_cos) / 2 * 180 / std::numbers::pi;
  }
};

/// Pixel to freed coordinates and back, offsets in px.
class RingCoordinates {
 public:
  struct Offset {
    double x, y;  // along columns, along rows
    double radius_px() const { return std::sqrt(x * x + y * y); }
  };

  explicit RingCoordinates(const RingShape& shape) : shape_(shape) {
    const double e = shape.stretch();
    even_ = std::cosh(e);
    odd_ = e > 0 ? std::sinh(e) / e : 1;
  }

  Offset freed(double row_px, double col_px) const {
    return map({col_px - shape_.center_col_px, row_px - shape_.center_row_px}, -odd_);
  }
  /// Offset on the camera of a freed offset.
  Offset on_camera(Offset freed) const { return map(freed, odd_); }

 private:
  Offset map(Offset p, double odd) const {
    return {even_ * p.x + odd * (shape_.stretch_cos * p.x + shape_.stretch_sin * p.y),
            even_ * p.y + odd * (shape_.stretch_sin * p.x - shape_.stretch_cos * p.y)};
  }

  RingShape shape_;
  double even_;
  double odd_;
};

}  // namespace glasswatch::analysis
