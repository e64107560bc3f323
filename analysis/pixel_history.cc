#include "analysis/pixel_history.h"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>

namespace glasswatch::analysis::internal {
namespace {

/// What a pixel is held as.
template <typename Pixel>
using Held = std::conditional_t<(sizeof(Pixel) > 2), float,
                                std::conditional_t<std::is_signed_v<Pixel>, std::int16_t, std::uint16_t>>;
template <typename Pointer>
using HeldAs = Held<std::remove_cvref_t<decltype(*std::declval<Pointer>())>>;

std::span<const std::uint32_t> pixels_of_tile(std::span<const std::uint32_t> pixels, int tile) {
  const std::size_t begin = static_cast<std::size_t>(tile) * kTilePixels;
  return pixels.subspan(begin, std::min(kTilePixels, pixels.size() - begin));
}

template <typename Pixel>
bool tile_is_finite(const Pixel* frame, std::span<const std::uint32_t> pixels) {
  return std::all_of(pixels.begin(), pixels.end(),
                     [&](std::uint32_t p) { return std::isfinite(static_cast<float>(frame[p])); });
}

template <typename Pixel>
void store_tile(const Pixel* frame, std::span<const std::uint32_t> pixels, PixelTile<Held<Pixel>>& tile) {
  const auto keep = [](Pixel value) {
    return static_cast<Held<Pixel>>(value);  // NOLINT(bugprone-signed-char-misuse): a number, no character
  };
  const auto rest =
      pixels.back() - pixels.front() == pixels.size() - 1  // no pixel between is masked
          ? std::transform(frame + pixels.front(), frame + pixels.back() + 1, tile.pixels.begin(), keep)
          : std::transform(pixels.begin(), pixels.end(), tile.pixels.begin(),
                           [&](std::uint32_t p) { return keep(frame[p]); });
  std::fill(rest, tile.pixels.end(), Held<Pixel>{});
}

}  // namespace

PixelHistory::PixelHistory(PixelType type, std::size_t pixels, std::int64_t cells)
    : tiles_(make_tiles(type, tiles_of(pixels) * static_cast<std::size_t>(cells))),
      held_slot_(static_cast<std::size_t>(cells), kNoSlot),
      weight_(static_cast<std::size_t>(cells), 0.0) {}

PixelHistory::AnyTiles PixelHistory::make_tiles(PixelType type, std::size_t count) {
  return visit_pixels({nullptr, type, 0, 0}, [&](const auto* typed) -> AnyTiles {
    return std::make_unique_for_overwrite<PixelTile<HeldAs<decltype(typed)>>[]>(count);
  });
}

std::size_t PixelHistory::memory_bytes(PixelType type, std::size_t pixels, std::int64_t cells) {
  const std::size_t tile_bytes = visit_pixels(
      {nullptr, type, 0, 0}, [](const auto* typed) { return sizeof(PixelTile<HeldAs<decltype(typed)>>); });
  return static_cast<std::size_t>(cells) *
         (tiles_of(pixels) * tile_bytes + sizeof(std::int64_t) + sizeof(double));
}

std::size_t PixelHistory::cell_of(std::int64_t slot) const {
  const auto cells = static_cast<std::int64_t>(held_slot_.size());
  return static_cast<std::size_t>(((slot % cells) + cells) % cells);
}

FrameTerm PixelHistory::term(std::int64_t slot) const {
  const std::size_t cell = cell_of(slot);
  return {static_cast<std::uint32_t>(cell), weight_[cell]};
}

bool PixelHistory::finite(const FrameView& frame, std::span<const std::uint32_t> pixels,
                          std::span<std::uint8_t> flags, Parallel& parallel) {
  return visit_pixels(frame, [&](const auto* values) {
    if constexpr (std::is_floating_point_v<std::remove_cvref_t<decltype(*values)>>) {
      auto examine = [&](int, int begin, int end) {
        for (int tile = begin; tile < end; ++tile) {
          flags[static_cast<std::size_t>(tile)] =
              tile_is_finite(values, pixels_of_tile(pixels, tile)) ? 1 : 0;
        }
      };
      parallel.run(static_cast<int>(flags.size()), examine);
      return std::find(flags.begin(), flags.end(), 0) == flags.end();
    } else {
      return true;
    }
  });
}

void PixelHistory::store(std::int64_t slot, const FrameView& frame, double weight,
                         std::span<const std::uint32_t> pixels, Parallel& parallel) {
  const std::size_t cell = cell_of(slot);
  held_slot_[cell] = slot;
  weight_[cell] = weight;
  visit_pixels(frame, [&](const auto* values) {
    const auto& tiles = std::get<Tiles<HeldAs<decltype(values)>>>(tiles_);
    auto store_tiles = [&](int, int begin, int end) {
      for (int tile = begin; tile < end; ++tile) {
        store_tile(values, pixels_of_tile(pixels, tile),
                   tiles[static_cast<std::size_t>(tile) * held_slot_.size() + cell]);
      }
    };
    parallel.run(static_cast<int>(tiles_of(pixels.size())), store_tiles);
  });
}

void PixelHistory::forget() {
  std::fill(held_slot_.begin(), held_slot_.end(), kNoSlot);
}

}  // namespace glasswatch::analysis::internal
