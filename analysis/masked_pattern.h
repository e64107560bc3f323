// A diffraction pattern and which of its pixels count.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace glasswatch::analysis {

/// counts are 0 where a pixel does not count, so that sums need no branch.
struct MaskedPattern {
  int rows = 0;
  int columns = 0;
  std::vector<float> counts;
  std::vector<std::uint8_t> valid;  // 1 or 0

  std::size_t at(int row, int column) const {
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(columns) +
           static_cast<std::size_t>(column);
  }
  /// Takes out the pixels where `ignore` is non-zero.
  void mask(std::span<const std::uint8_t> ignore);
};

/// Non-finite pixels do not count, nor those where the mask (empty or one byte per pixel) is non-zero.
MaskedPattern masked_pattern(std::span<const float> counts, int rows, int columns,
                             std::span<const std::uint8_t> mask);

/// Means over blocks of `block` x `block` pixels; a block counts if half of its pixels do. Rows and columns
/// that fill no block are left out.
MaskedPattern binned(const MaskedPattern& pattern, int block);

/// Weighted means of the pixels that count, with Gaussian weights; NaN where less than a tenth of the weight
/// is left.
std::vector<float> gaussian_means(const MaskedPattern& pattern, double sigma_px);

/// The same over a square of `side_px` pixels, side_px odd.
std::vector<float> box_means(const MaskedPattern& pattern, int side_px);

}  // namespace glasswatch::analysis
