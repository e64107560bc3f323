// A ring of an image's power spectrum: its mean, its strongest peak, its n-fold power.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace glasswatch::analysis {

class PolarTransform;

/// The ring r_min <= |k| < r_max around zero frequency in the spectrum S of a real square image of size_px^2
/// pixels; radii in spectrum pixels, 1/(size_px pixel_nm). S(-k) = S(k), so half of the plane says all:
/// `pixels()` lists its pixels that the ring touches, first the `inside()` ones whose centres lie in the
/// ring, then those it only cuts. Values of S are handed over in that order.
///
/// Immutable after construction: any number of threads may ask at once. No call allocates. Construction costs
/// some us per pixel of the ring.
class SpectrumRing {
 public:
  struct Pixel {
    int row, column;  // ky, kx: row in [-size/2, size/2], column in [0, size/2]
  };

  /// size even; 0 < r_min < r_max <= size/2, with a pixel centre in the ring; bins as in PolarGeometry; every
  /// order in 1 ... azimuthal_bins/2.
  SpectrumRing(int size_px, double r_min_px, double r_max_px, int radial_bins, int azimuthal_bins,
               const std::vector<int>& orders);

  const std::vector<Pixel>& pixels() const { return pixels_; }
  std::size_t inside() const { return inside_; }
  std::size_t orders() const { return orders_; }

  /// Mean of S over the inside.
  double mean(std::span<const float> s) const;

  /// Largest S of the inside over median S/ln 2, which is the mean where S is exponential, as in noise and
  /// speckle (Goodman, Speckle Phenomena in Optics, 2007, section 3.2), and which a few strong pixels do not
  /// raise. Among M independent exponential pixels it exceeds u with probability 1 - (1 - e^-u)^M. NaN if the
  /// median is not above zero. scratch: inside() values.
  float peak(std::span<const float> s, std::span<float> scratch) const;

  /// Per order |F_n|^2/F_0^2, F the discrete Fourier transform of a polar row of S (analysis/polar.h),
  /// averaged over the rows whose F_0 is above zero; NaN if none is. It is Re C^(n)/P of
  /// analysis/angular_correlation.h. Polar operator and transform are one matrix over the half plane. Odd
  /// orders are zero when azimuthal_bins is even, by the symmetry of S. scratch: 1 + 2 orders() values.
  ///
  /// Speckle alone gives about 1/(independent pixels of a row), averaged over rows, not lowered by them: one
  /// row finds a lattice spot among the ring's speckle better than many (floor .020 against .036 with four,
  /// in 64 px Hann tiles and a ring of 12 to 16 px).
  ///
  /// S is taken as constant over each pixel and averaged over each bin, so cos(n phi) keeps the share
  /// [sinc(n/(2 pi r)) sinc(n/P)]^2 of its power, sinc(x) = sin(pi x)/(pi x), r in spectrum pixels: at r =
  /// 12, P = 180 .997, .989, .976, .957, .934, .906 for n = 2, 4 ... 12; within .005 from r = 9 on. Bins
  /// about as wide as pixels beat with them: with P = 72 up to .05 less. More bins cost nothing but
  /// construction.
  void angular_power(std::span<const float> s, std::span<float> scratch, std::span<float> power) const;

  /// Smooths a spectrum along the circle with a Gaussian of kSmoothingDeg, in circles one pixel wide. s,
  /// smoothed: one per pixel. scratch: smoothing_scratch() values.
  void smooth(std::span<const double> s, std::span<double> scratch, std::span<double> smoothed) const;
  std::size_t smoothing_scratch() const { return cell_count_.size(); }
  static constexpr double kSmoothingDeg = 15;

 private:
  std::vector<std::uint32_t> list_pixels(const PolarTransform& polar, int size_px);
  void compose_operator(const PolarTransform& polar, std::span<const std::uint32_t> half_of,
                        const std::vector<int>& orders);
  void sort_into_cells(double r_min_px, double r_max_px);

  std::vector<Pixel> pixels_;
  std::size_t inside_ = 0;
  std::size_t orders_;

  // Per polar row the entries first_[row] ... first_[row + 1]: a pixel, and what it gives to F_0, Re F_n, Im
  // F_n.
  std::vector<std::size_t> first_;
  std::vector<std::uint32_t> pixel_;
  std::vector<float> factor_;  // (entries, 1 + 2 orders)

  std::vector<std::uint32_t> cell_;  // circle and azimuth of each pixel
  std::vector<double> cell_count_;   // pixels in each cell
  std::vector<double> kernel_;       // over the distance in azimuth
};

}  // namespace glasswatch::analysis
