// Radius of the convergence disc of a nanobeam pattern, from the extent of its speckles.
#pragma once

#include <cstdint>
#include <span>

#include "analysis/polar.h"

namespace glasswatch::analysis {

/// Radius of the convergence disc, px, from how the intensities of neighbouring radial rows go together. The
/// autocovariance of I/<I>_k - 1 (<I>_k the mean of a pattern's row k), averaged over phi, rows and patterns,
/// is for discs of even brightness and radius rho, strewn at random, the overlap of two of them:
///   A(d) = (2/pi) (acos u - u sqrt(1 - u^2)), u = d/(2 rho), zero from d = 2 rho; one half at d = 0.81 rho.
/// A, averaged over the extent of the bins, is fitted to the lags from 2.5 px on (below that camera blur and
/// pixels shared between bins correlate the noise) to where the covariance has fallen to a tenth.
///
/// `polar`: patterns one after the other, (K, P) each, NaN = invalid; in_ring: K, non-zero = row taken;
/// blur_sigma_px: of the camera, 0 = sharp: lags below 4 of it are left out too. NaN when the data do not
/// show a disc: the first lag does not stand out of its scatter by four standard errors, the covariance does
/// not fall within the rows taken, there are fewer than three lags, or what is found is longer along phi than
/// along the radius, as the ring of a pattern off centre or a smooth n-fold modulation is. Rows over several
/// rho should be taken. A ring that is itself narrower than the discs cuts them. About 8 % of scatter from 8
/// patterns. Fully coherent speckle (a disc-shaped aperture with random phases) has A^2, and is taken for
/// discs about 0.72 times as wide; its correlation length, 0.895 rho, is within 7 % of 1.323 times what is
/// returned, which is the length of discs strewn at random. Allocates.
double estimate_disc_radius_px(std::span<const double> polar, int patterns, const PolarGeometry& geometry,
                               std::span<const std::uint8_t> in_ring, double blur_sigma_px = 0);

}  // namespace glasswatch::analysis
