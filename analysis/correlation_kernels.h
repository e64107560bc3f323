// Sums over pairs of frames for the pixels of a tile, in double and in a fixed order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace glasswatch::analysis::internal {

/// Pixels that are worked on together: the 16 rows of a block stay in the first cache for all lags.
constexpr std::size_t kTilePixels = 1024;

template <typename Pixel>
struct alignas(64) PixelTile {
  std::array<Pixel, kTilePixels> pixels;
};
using SumTile = PixelTile<double>;

/// A frame in a sum; `cell` is its place among the tiles. The weight carries the sign of what is taken out
/// again.
struct FrameTerm {
  std::uint32_t cell;
  double weight;
};

struct PairTerm {
  FrameTerm past, future;
};

/// For every pixel, with v = weight * pixel, and one pair after the other:
///   product += v_past v_future,  past += v_past.
/// The sums are those of a plain loop over the pairs, to the bit: nothing is re-associated or contracted, so
/// it does not matter how a list of pairs is split over several calls.
template <typename Pixel>
void add_pairs(const PixelTile<Pixel>* cells, std::span<const PairTerm> pairs, SumTile& product,
               SumTile& past);

/// For every pixel, one frame after the other: sum += v.
template <typename Pixel>
void add_frames(const PixelTile<Pixel>* cells, std::span<const FrameTerm> frames, SumTile& sum);

}  // namespace glasswatch::analysis::internal
