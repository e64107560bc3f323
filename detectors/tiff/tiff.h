// TIFF stacks: pages, or ImageJ's frames behind one page.
#pragma once

#include "detectors/recording.h"

namespace glasswatch {

bool matches_tiff(const std::filesystem::path& path, std::span<const std::byte> head);

/// Classic TIFF and BigTIFF with one grey value per pixel; one page is one frame, all of one size and type.
/// A file of ImageJ with one page and "images=N" has N frames behind each other. Opening reads the directory
/// of every page (10 us each); read() goes to a page directly.
std::unique_ptr<Recording> open_tiff(const std::filesystem::path& path, const RecordingSettings& settings);

}  // namespace glasswatch
