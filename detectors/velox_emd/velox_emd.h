// Thermo Fisher Velox .emd: camera series in HDF5, with the true time of every frame.
#pragma once

#include "detectors/recording.h"

namespace glasswatch {

bool matches_velox_emd(const std::filesystem::path& path, std::span<const std::byte> head);

/// Reads pixels and every frame's own metadata; layout and fields in detectors/README.md. The file is first
/// walked in a child process (hdf5_guard.h), which costs about one reading of its compressed chunks.
std::unique_ptr<Recording> open_velox_emd(const std::filesystem::path& path,
                                          const RecordingSettings& settings);

}  // namespace glasswatch
