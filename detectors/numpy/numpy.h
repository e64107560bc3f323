// NumPy .npy: one image (2-D), a stack (3-D) or a scan of images (4-D).
#pragma once

#include "detectors/recording.h"

namespace glasswatch {

bool matches_numpy(const std::filesystem::path& path, std::span<const std::byte> head);

/// Little-endian C-order arrays; 64-bit integers where every value of the frame fits 32 bits, checked at each
/// read.
std::unique_ptr<Recording> open_numpy(const std::filesystem::path& path, const RecordingSettings& settings);

}  // namespace glasswatch
