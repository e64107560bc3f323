// MRC stacks (CCP-EM MRC2014, IMOD, SerialEM, FEI).
#pragma once

#include "detectors/recording.h"

namespace glasswatch {

bool matches_mrc(const std::filesystem::path& path, std::span<const std::byte> head);

/// Modes 0, 1, 2 and 6, either byte order; one section is one frame. The format has no times. Row 0 of a
/// frame is the top row: the file stores the bottom row first, unless it is FEI's (identity.note says which).
std::unique_ptr<Recording> open_mrc(const std::filesystem::path& path, const RecordingSettings& settings);

}  // namespace glasswatch
