// The frames of the latest time slots, laid out for sums over pairs of frames.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "analysis/correlation_kernels.h"
#include "analysis/parallel.h"
#include "protocol/types/pixels.h"

namespace glasswatch::analysis::internal {

/// A ring of `cells` frames: the frame of a slot lies in cell slot mod cells until another takes the cell. Of
/// each frame the given pixels are kept, tile after tile, and of a tile all cells side by side, so that a
/// tile is correlated at all lags within a small part of the memory. Integers up to 16 bit keep their values,
/// all other types become float. Memory is reserved in the constructor and touched as frames come.
class PixelHistory {
 public:
  static constexpr std::int64_t kNoSlot = std::numeric_limits<std::int64_t>::min();

  PixelHistory(PixelType type, std::size_t pixels, std::int64_t cells);
  static std::size_t memory_bytes(PixelType type, std::size_t pixels, std::int64_t cells);

  std::size_t cell_of(std::int64_t slot) const;
  bool holds(std::int64_t slot) const { return held_slot_[cell_of(slot)] == slot; }
  /// The slot whose frame would go if that of `slot` came; kNoSlot if none.
  std::int64_t held_in_cell_of(std::int64_t slot) const { return held_slot_[cell_of(slot)]; }
  /// The frame of a slot that is held, in a sum.
  FrameTerm term(std::int64_t slot) const;

  /// False if one of the pixels (indices into the frame, as many as in the constructor) is not finite once
  /// it is kept. Flags: one per tile, written.
  static bool finite(const FrameView& frame, std::span<const std::uint32_t> pixels,
                     std::span<std::uint8_t> flags, Parallel& parallel);
  void store(std::int64_t slot, const FrameView& frame, double weight, std::span<const std::uint32_t> pixels,
             Parallel& parallel);
  void forget();

  /// Calls function(cells) with the (cells) PixelTile of one tile at their own type.
  template <typename Function>
  void visit_tile(std::size_t tile, Function&& function) const {
    std::visit([&](const auto& tiles) { function(tiles.get() + tile * held_slot_.size()); }, tiles_);
  }

  static std::size_t tiles_of(std::size_t pixels) { return (pixels + kTilePixels - 1) / kTilePixels; }

 private:
  template <typename Pixel>
  using Tiles = std::unique_ptr<PixelTile<Pixel>[]>;
  using AnyTiles = std::variant<Tiles<std::int16_t>, Tiles<std::uint16_t>, Tiles<float>>;

  static AnyTiles make_tiles(PixelType type, std::size_t count);

  AnyTiles tiles_;  // (tiles, cells)
  std::vector<std::int64_t> held_slot_;
  std::vector<double> weight_;
};

}  // namespace glasswatch::analysis::internal
