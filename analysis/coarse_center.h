// First guess at the centre of a ring pattern.
#pragma once

#include "analysis/masked_pattern.h"

namespace glasswatch::analysis {

struct CenterGuess {
  double row_px = 0;
  double col_px = 0;
};

/// The centre about which the radius alone explains most of the pattern: the largest share of the variance of
/// sqrt(intensity) that lies between rings one pixel wide, corrected for their number. Searched on block
/// means of at most 64 pixels a side, over the frame and a quarter of its size around, then on finer ones.
/// Good to about a pixel of the finest blocks (some 400 a side); a beam stop moves it by more. Requires a
/// pixel that counts.
CenterGuess coarse_center(const MaskedPattern& pattern);

/// The same from a guess a few hundredths of the frame off.
CenterGuess refined_center(const MaskedPattern& pattern, const CenterGuess& guess);

}  // namespace glasswatch::analysis
