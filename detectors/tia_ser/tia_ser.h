// FEI TIA .ser: series of images with a time tag in whole seconds each.
#pragma once

#include "detectors/recording.h"

namespace glasswatch {

bool matches_tia_ser(const std::filesystem::path& path, std::span<const std::byte> head);

/// Versions 0x0210 and 0x0220, 2-D elements. Row 0 of a frame is the top row; the file stores the bottom row
/// first.
std::unique_ptr<Recording> open_tia_ser(const std::filesystem::path& path, const RecordingSettings& settings);

}  // namespace glasswatch
