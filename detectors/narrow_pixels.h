// 64-bit integer pixels as 32-bit ones, where every value fits.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "protocol/types/frame.h"

namespace glasswatch {

/// How pixels lie in the file, where that differs from the frame's pixel type.
enum class StoredPixel : std::uint8_t { kSame, kI8, kU8 };

constexpr std::size_t stored_pixel_bytes(StoredPixel stored, PixelType pixel_type) {
  return stored == StoredPixel::kSame ? bytes_per_pixel(pixel_type) : sizeof(std::uint64_t);
}

/// Copies `wide` (the bits of kI8 or kU8 values) into the frame as i4. Throws InputError naming frame, row,
/// column and value of the first pixel that does not fit.
void narrow_pixels(const std::filesystem::path& path, std::uint64_t index, StoredPixel stored,
                   std::span<const std::uint64_t> wide, Frame& frame);

}  // namespace glasswatch
