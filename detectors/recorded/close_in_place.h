// Closes a recording whose writer died, in the file itself.
#pragma once

#include <cstdint>
#include <filesystem>

#include "detectors/recorded/found_blocks.h"

namespace glasswatch::recorded {

/// What the file's own index holds: the first so many of each.
struct Indexed {
  std::uint64_t frames = 0;
  std::uint64_t pages = 0;
};

/// Whether close_in_place() can: all blocks from the first to the last are there, and the first record, too.
bool can_close_in_place(const FoundBlocks& blocks, const Indexed& indexed);

/// Copies blocks that the index lacks to the end of the file, adds them to the index, makes the tables for
/// people anew, adds the last record, and marks the file as closed. No block is written over: should this end
/// midway, they can be found again. Ignores locks. HDF5 1.10 may crash: run it in a child (hdf5_guard.h).
/// Throws H5::Exception, WriteError.
void close_in_place(const std::filesystem::path& path, const FoundBlocks& blocks, const Indexed& indexed);

}  // namespace glasswatch::recorded
