// Least-squares centre and ellipse of a diffuse ring.
#pragma once

#include "analysis/dead_pixels.h"
#include "analysis/masked_pattern.h"
#include "analysis/radial_profile.h"
#include "analysis/ring_shape.h"

namespace glasswatch::analysis {

struct FreeParts {
  bool center = true;
  bool ellipse = true;
};

struct RingFit {
  bool converged = false;
  RingShape shape;
};

/// Gauss-Newton on the pixels of the ring's annulus: with the shape that is sought off by (dx, dy) and (ec,
/// es),
///   I - f(r) = -f'(r) [dx cos phi + dy sin phi + r (ec cos 2phi + es sin 2phi)]
///              + f(r) [t1 cos phi + t2 sin phi + t3 cos 2phi + t4 sin 2phi],
/// the second line for an intensity that varies around the ring (tilted illumination, texture), which is
/// neither a shift nor an ellipse. f(r) is free in each radial row (1 px), f' its smoothed slope. Pixels are
/// averaged in cells of a row and 1/72 of the circle, weighted by the variance of their row and, so that
/// single bright spots have no say, by Tukey's biweight (Beaton & Tukey, Technometrics 16 (1974) 147). What
/// is not free stays.
RingFit fit_ring(const MaskedPattern& pattern, const PixelScatter& scatter, const RingShape& start,
                 const Ring& ring, const FreeParts& free);

struct RingSigmas {
  double center_px = 0;  // per axis
  double stretch = 0;    // of stretch_cos and stretch_sin each
};

/// Standard deviations of the fit that ended at `shape`: a jackknife over pairs of opposite sectors of 10 deg
/// (Efron & Stein, Ann. Stat. 9 (1981) 586), each fitted anew. Speckle is correlated within a sector, and
/// with Friedel's law also between opposite ones.
RingSigmas ring_sigmas(const MaskedPattern& pattern, const PixelScatter& scatter, const RingShape& shape,
                       const Ring& ring, const FreeParts& free);

}  // namespace glasswatch::analysis
