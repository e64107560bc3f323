// HyperSpy .hspy: one image, a stack, or a scan of images in HDF5.
#pragma once

#include "detectors/recording.h"

namespace glasswatch {

bool matches_hyperspy(const std::filesystem::path& path, std::span<const std::byte> head);

/// Images, stacks and scans with their calibrated axes; times from the settings. The file is first walked in
/// a child process (hdf5_guard.h), which costs about one reading of its compressed chunks.
std::unique_ptr<Recording> open_hyperspy(const std::filesystem::path& path,
                                         const RecordingSettings& settings);

}  // namespace glasswatch
