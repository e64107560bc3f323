// How many independent speckles there are among the pixels of a cell, a region or the field.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "analysis/pixel_sums.h"
#include "analysis/speckle_shape.h"

namespace glasswatch::analysis {

/// What a pixel adds to the error of a pooled fit, psi (kww_influence.h), is alike within a speckle. Its
/// covariance at displacement d = (dr, dc) is modelled as
///   c(d) = f(d) + pedestal(d),  f = a m + b m^2 + white [d = 0],  a, b, white >= 0,
///   pedestal = p + q |dr| + r |dc|,
/// m the autocorrelation of the intensity (speckle_shape.h). b: psi is made of products of intensities, whose
/// fluctuations are nearly Gaussian, so that its covariance is made of m^2 (Isserlis, Biometrika 12 (1918)
/// 134); a: fluctuation times static intensity; white: counting noise. The pedestal is structure larger than
/// speckle, whose covariance falls about linearly at first: it is heterogeneity, no noise, and dropped. The
/// variance of the mean of psi over n pixels is then sum_ij f(x_i - x_j)/n^2, as that of
///   N = n^2 f(0) / sum_ij f(x_i - x_j)
/// independent pixels would be: N is the number of independent speckles.
struct SpeckleCount {
  double a = 0, b = 0, white = 0;  // in the square of psi's unit; NaN where unknown
  double pixels_per_speckle = 1;   // sum over displacements of f(d)/f(0)
  /// Independent speckles among the pixels of each unit; NaN where unknown or without a pixel.
  std::vector<double> per_unit;
  /// f(d)/f(0) over |dr|, |dc| <= reach, (2 reach + 1)^2 row-major.
  std::vector<double> correlation;
  int reach = 0;

  /// f(0), the variance of psi within a uniform sample.
  double variance() const { return a + b + white; }
};

/// psi: one entry per pixel of `sums`, about the fit of the whole field (NaN = none); shape, reach: from
/// SpeckleShape (NaN = unknown, and so is all the result then, as it is when psi is not alike within any
/// speckle); unit_of_pixel: as pool(), entries below `units`. The covariance over all pairs of pixels is
/// fitted by least squares, exactly, for every choice of weights that are zero. Cost: a few Fourier
/// transforms of the field; (2 reach + 1)^2 multiply-adds per rectangular unit, for others that times their
/// pixels, or a transform if they are large. Structure as small as the speckle itself cannot be told from it;
/// noise that the camera spreads over neighbouring pixels is partly taken for speckle.
SpeckleCount count_speckles(const PixelSums& sums, std::span<const float> psi, std::span<const double> shape,
                            int reach, std::span<const std::int32_t> unit_of_pixel, int units);

}  // namespace glasswatch::analysis
