// Pixel masks and region labels from .npy files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace glasswatch {

/// Pixels to leave out, row-major: 1 = ignore, 0 = use.
struct MaskImage {
  int rows = 0;
  int columns = 0;
  std::vector<std::uint8_t> ignore;
};

/// Reads a 2-D array of u1 or bool; any non-zero value means ignore. Throws InputError for everything else.
MaskImage read_mask(const std::filesystem::path& path);

/// Which region a pixel belongs to, row-major: 0 unassigned, 1 matrix, 2 channel.
struct LabelImage {
  int rows = 0;
  int columns = 0;
  std::vector<std::uint8_t> label;
};

/// Reads a 2-D array of u1 with values 0 to 2. Throws InputError for everything else.
LabelImage read_labels(const std::filesystem::path& path);

}  // namespace glasswatch
