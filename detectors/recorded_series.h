// What every recorded-file reader does alike: limits on sizes, the common part of SeriesStart, a fresh frame.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "detectors/recording.h"

namespace glasswatch {

/// Largest rows or columns of a frame that a reader accepts.
inline constexpr std::uint64_t kMaxFrameEdge = 65536;
/// Largest number of frames of one file.
inline constexpr std::uint64_t kMaxFrames = std::uint64_t{1} << 32;

/// A file's claim about its own shape, before anything is allocated. Scan sizes are 0 where there is no scan.
struct SeriesShape {
  std::uint64_t frames = 0;
  std::uint64_t rows = 0;
  std::uint64_t columns = 0;
  std::uint64_t scan_rows = 0;
  std::uint64_t scan_columns = 0;
};

/// Checks 1 <= rows, columns <= kMaxFrameEdge and 1 <= frames <= kMaxFrames, and returns the bytes that the
/// pixels must fill in the file, at `pixel_bytes` (1 to 8) per pixel. Throws InputError. The product cannot
/// overflow.
std::uint64_t checked_byte_count(const std::filesystem::path& path, const SeriesShape& shape,
                                 std::uint64_t pixel_bytes);

/// Replay mode, recorded clock, name, source file, shape and pixel type.
stream::SeriesStart recorded_start(const std::filesystem::path& path, const SeriesShape& shape,
                                   PixelType type);

/// Adds a sentence to identity.note.
void add_note(stream::SeriesStart& start, const std::string& sentence);

/// Resets frame.info for frame `index` of `start`: sequence, sizes, pixel type, scan position.
/// Throws InputError for an index beyond the series; aborts when the frame's buffer is too small.
void begin_frame(const stream::SeriesStart& start, std::uint64_t index, Frame& frame);

}  // namespace glasswatch
