// The shadow of a beam stop or of an aperture in a ring pattern.
#pragma once

#include <cstdint>
#include <vector>

#include "analysis/dead_pixels.h"
#include "analysis/masked_pattern.h"
#include "analysis/ring_shape.h"

namespace glasswatch::analysis {

/// 1 = in the shadow. On the pattern smoothed just enough to see a level of 60 % beside its noise, a pixel is
/// dark if it is below 0.6 of what 40 % of its radius exceed (of the lowest such level within slack_px, the
/// uncertainty of the centre). Connected dark pixels are a shadow if a large piece of them is below half of
/// that. At radii where next to nothing is lit a shadow extends over all pixels connected to it that are no
/// brighter than it is itself. It is widened by what the smoothing blurred.
///
/// A shadow that covers whole circles and touches no other (a round stop around the direct beam, a centred
/// aperture) darkens all azimuths alike and is not seen; the ring lies between these.
std::vector<std::uint8_t> find_beam_shadow(const MaskedPattern& pattern, const RingShape& shape,
                                           double slack_px, const PixelScatter& scatter);

}  // namespace glasswatch::analysis
