// The result file inside a recording.
#pragma once

#include <filesystem>

namespace glasswatch {

/// Writes what the journal holds of results into the group /results of a closed recording, in the layout of
/// format "glasswatch-results": frame results of the last settings, the last whole maps, the last dynamics.
/// Nothing where the journal has no frame result. Throws UserError or std::runtime_error. Not while another
/// thread uses HDF5.
void add_results(const std::filesystem::path& recording);

}  // namespace glasswatch
