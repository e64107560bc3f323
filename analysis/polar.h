// Polar transform of diffraction patterns: area-weighted bin means as one sparse operator per geometry.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "analysis/parallel.h"
#include "analysis/polar_row.h"
#include "protocol/types/pixels.h"

namespace glasswatch::analysis {

/// A polar grid on a detector. Pixel centres lie at integer coordinates. A point (row, column) is first freed
/// of the ellipse: its offset from the centre is divided by sqrt(ellipse_ratio) along the major axis and
/// multiplied by it along the minor axis (area is kept). Then r = |offset| in px and phi = atan2(row offset,
/// column offset). Radial row i covers r_min + [i, i+1)(r_max - r_min)/K, column j covers -180 deg + [j, j+1)
/// 360/P deg.
struct PolarGeometry {
  double center_row_px = 0;
  double center_col_px = 0;
  double ellipse_ratio = 1;      // major / minor axis, > 0
  double ellipse_angle_deg = 0;  // of the major axis, from +column towards +row
  double r_min_px = 0;
  double r_max_px = 0;
  int radial_bins = 0;     // K
  int azimuthal_bins = 0;  // P
};

/// The K bin centres of the radial axis, px.
std::vector<double> radial_bin_centres_px(const PolarGeometry& geometry);

/// The geometric area of a bin in radial row `i`, px^2: (r_out^2 - r_in^2)/2 * 2 pi/P.
double polar_bin_area_px2(const PolarGeometry& geometry, int i);

/// Polar bins as area-weighted means of the unmasked pixels: I(bin) = sum_p a_p I_p / sum_p a_p, with a_p the
/// area that pixel p shares with the bin.
///
/// A pixel is taken into the (phi, r) plane as a polygon whose edges are bisected until they leave their
/// straight image by no more than kEdgeTolerancePx; it is clipped at every bin border, and the integral of r
/// dr dphi over the rest is closed-form. Neighbours share their edges, so the areas of the pixels in a bin
/// sum to the bin's area to rounding; single pixels are off by at most the tolerance times their edge length.
///
/// A bin is valid if pixels inside the frame and outside the mask cover at least half of its area; others are
/// NaN. Areas are kept as float (2^-24 of themselves) and the mean is over the kept ones, so a constant stays
/// a constant. Sums are in double and in a fixed order: the bits of a bin do not depend on lanes or
/// processor. Construction costs about 0.2 us per pixel of the annulus; apply() does not allocate. Immutable
/// after construction: any number of threads may call apply() at once.
class PolarTransform {
 public:
  static constexpr double kEdgeTolerancePx = 1e-3;

  /// mask: empty, or rows * columns bytes, non-zero = ignore. rows_wanted: empty = all, or K bytes, 0 = the
  /// bins of this radial row are invalid, cost nothing, and have covered area 0. Requires rows, columns, K, P
  /// >= 1, 0 <= r_min < r_max, ellipse_ratio > 0, all finite.
  PolarTransform(const PolarGeometry& geometry, int rows, int columns, std::span<const std::uint8_t> mask,
                 Parallel& parallel, std::span<const std::uint8_t> rows_wanted = {});
  /// The same for all rows, in the caller's thread.
  PolarTransform(const PolarGeometry& geometry, int rows, int columns, std::span<const std::uint8_t> mask,
                 Serial&& serial = {})
      : PolarTransform(geometry, rows, columns, mask, static_cast<Parallel&>(serial)) {}

  /// Writes the bin means, (K, P) row-major. The frame must have the rows and columns of the constructor.
  /// A non-finite pixel counts as masked in this frame: the mean is over the others, NaN if less than half of
  /// the bin's area remains.
  void apply(const FrameView& frame, std::span<double> polar, Parallel& parallel) const;
  void apply(const FrameView& frame, std::span<double> polar) const {
    Serial serial;
    apply(frame, polar, serial);
  }

  /// Replaces `out` by the pixels that a bin (i * P + j) is the mean of, ascending, with their areas as they
  /// are kept; none for an invalid bin.
  void shares(int bin, std::vector<PixelShare>& out) const;

  const PolarGeometry& geometry() const { return geometry_; }
  int rows() const { return rows_; }  // of the frame
  int columns() const { return columns_; }
  const std::vector<double>& radius_px() const { return radius_px_; }

  /// Unmasked area of each bin, (K, P) row-major, px^2, whether the bin is valid or not.
  const std::vector<double>& covered_area_px2() const { return covered_area_px2_; }

 private:
  void build_row(int i, std::span<const PixelShare> shares, std::span<const std::size_t> first);

  PolarGeometry geometry_;
  int rows_;
  int columns_;
  std::vector<double> radius_px_;
  std::vector<double> covered_area_px2_;
  std::vector<internal::PolarRow> radial_rows_;
};

/// The same means by supersampling: every pixel stands for subsamples x subsamples points, each of which
/// falls into one bin with weight 1/subsamples^2. For tests. A bin of perimeter L px and covered area A px^2
/// agrees with the exact mean within (sqrt(2) L h + 8 h^2 + kEdgeTolerancePx L)/A times the range of the
/// pixels it touches, h = 1/subsamples: only cells cut by the border can be counted wrongly, a straight line
/// of length l touches at most 2 + sqrt(2) l/h of them, and a bin has four sides.
void polar_transform_reference(const PolarGeometry& geometry, const FrameView& frame,
                               std::span<const std::uint8_t> mask, int subsamples, std::span<double> polar);

}  // namespace glasswatch::analysis
