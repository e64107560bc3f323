// The centre about which a pattern is its own inverse.
#pragma once

#include <optional>

#include "analysis/coarse_center.h"
#include "analysis/masked_pattern.h"
#include "analysis/radial_profile.h"
#include "analysis/ring_shape.h"

namespace glasswatch::analysis {

/// Maximum of the normalised correlation of the pattern with itself turned by 180 deg, over pixels of the
/// ring's annulus that count together with their images (masked as by Padfield, IEEE Trans. Image Process. 21
/// (2012) 2706, by direct sums around the expected centre). Independent of any model of the ring, blind to a
/// tilt of the intensity to first order. None where fewer than an eighth of the annulus has an image or the
/// maximum is not inside the search.
std::optional<CenterGuess> inversion_center(const MaskedPattern& pattern, const RingShape& shape,
                                            const Ring& ring);

}  // namespace glasswatch::analysis
