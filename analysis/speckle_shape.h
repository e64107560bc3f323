// Shape and size of speckles: the spatial autocorrelation of intensity fluctuations, without shot noise.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "analysis/displacement_sums.h"
#include "protocol/types/pixels.h"

namespace glasswatch::analysis {

/// m(d) = c(d)/c(0) with c(d) the covariance of the intensity at x in one frame and at x + d in a frame a few
/// slots later: the counting noise of two frames is independent, so none of it is in c, not even in c(0). Of
/// every frame I/<I> is taken (<I>: its mean over the unmasked pixels), so that the dose drops out.
///
/// What stands still (channels, thickness, gain) is no speckle. The time mean of every pixel is therefore
/// subtracted on both sides, earlier and later frames each their own, in the running form of Welford
/// (Technometrics 4 (1962) 419): with E, L the frames of pair n and E', L' the means of those before,
///   c += (n - 1)/n <(E - E')(x) (L - L')(x + d)>_x,
/// which cancels a static pattern exactly and keeps two means instead of the series. If all fluctuations have
/// one spatial shape, it costs c a factor but does not change m. Pairs may follow each other at any distance;
/// those closer than a relaxation time add little.
///
/// Only the central 512 x 512 pixels of larger frames are looked at. c is averaged over pairs of unmasked
/// pixels and over d and -d. Its mean over the displacements farthest away is subtracted, because dividing by
/// the field's mean lowers c by (speckle area)/(field area) everywhere. Beyond twice the full width at half
/// maximum (an ellipse along rows and columns) m is set to zero: a Gaussian has fallen to 2^-16 there, and an
/// Airy pattern has 9 % of its sum outside.
///
/// Memory: about 16 MB at 512 x 512. Cost: three Fourier transforms of the field per pair, about 5 ms. One
/// thread per object; add() does not allocate.
class SpeckleShape {
 public:
  /// mask: empty, or rows * columns bytes, non-zero = ignore.
  SpeckleShape(int rows, int columns, std::span<const std::uint8_t> mask);

  /// Takes a pair of frames, 1 to a few slots apart. False, and nothing changed, if a mean is not above zero
  /// or an unmasked pixel is not finite.
  bool add(const FrameView& earlier, const FrameView& later);
  int pairs() const { return pairs_; }

  /// m over displacements |dr|, |dc| <= reach(), (2 reach + 1)^2 row-major; zero displacement = 1. All NaN as
  /// long as the size is unknown.
  std::vector<double> autocorrelation() const;
  /// 2.5 full widths, but 3 px at least and 24 px, or a third of the field, at most.
  int reach() const;
  /// Full width at half maximum, geometric mean of rows and columns, at least 1 px. NaN before the second
  /// pair, while c(0) is within five standard deviations of noise, and for speckles wider than two thirds of
  /// the largest reach and 2 px (18 px in large fields).
  double size_px() const;
  void reset();

 private:
  /// c over the largest reach, the pedestal taken off and c(0) = 1, and what can be read from it.
  struct Measured {
    std::vector<double> m;
    double row_width_px, column_width_px;  // NaN = unknown
  };

  bool load(const FrameView& frame, std::vector<double>& relative) const;
  Measured measure() const;
  int reach_of(const Measured& measured) const;

  int frame_rows_, frame_columns_;
  int rows_, columns_;               // of the central part
  std::vector<std::uint8_t> valid_;  // of the central part, 1 = unmasked
  DisplacementSums sums_;
  std::vector<double> pixel_pairs_;                // per displacement
  std::vector<double> covariance_;                 // per displacement, summed over pairs of frames and pixels
  std::vector<double> earlier_, later_;            // the pair at hand
  std::vector<double> earlier_mean_, later_mean_;  // of the pairs so far
  int pairs_ = 0;
};

}  // namespace glasswatch::analysis
