// Recordings played otherwise than they were taken.
#pragma once

#include <cstdint>
#include <memory>

#include "detectors/recording.h"

namespace glasswatch::simulation {

/// The same recording as a scan: frame i is at row i / columns, column i % columns. Frames beyond the last
/// position are left out, positions beyond the last frame stay empty. rows, columns >= 1.
std::unique_ptr<Recording> scan_recording(std::unique_ptr<Recording> recording, std::uint32_t rows,
                                          std::uint32_t columns);

}  // namespace glasswatch::simulation
