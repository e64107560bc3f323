// Reduction of a frame to a small 8-bit picture for the eye. Nothing is measured on it.
#pragma once

#include <cstdint>
#include <vector>

#include "protocol/types/pixels.h"

namespace glasswatch::analysis {

struct DisplayImage {
  int rows, columns;    // of the reduced picture
  int reduction;        // pixels per side of the block that became one pixel
  double black_counts;  // shown as 0 and 255; NaN when no pixel is finite
  double white_counts;
};

/// Averages blocks of reduction x reduction pixels (the last row and column of blocks may be cut), with the
/// smallest integer reduction that brings the columns to max_columns (>= 1) at most, and maps the 0.5 %
/// ... 99.5 % range of the block means linearly to 0 ... 255. A block without a finite pixel is black; a
/// picture without contrast is mid-grey (128). `pixels` receives rows * columns bytes. For display rates:
/// allocates two scratch frames of 32-bit floats. Thread-safe.
DisplayImage reduce_for_display(const FrameView& frame, int max_columns, std::vector<std::uint8_t>& pixels);

}  // namespace glasswatch::analysis
