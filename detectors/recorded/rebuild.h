// Writes a recording anew from the blocks that are left of it.
#pragma once

#include <filesystem>

#include "detectors/recorded/found_blocks.h"

namespace glasswatch::recorded {

/// What became of the journal and the frames.
struct Rebuilt {
  std::uint64_t frames = 0;
  bool beginning_lost = false;
};

/// Puts the recording of `blocks` into `target`, which must not exist: frames and records in their order,
/// frames not decompressed. Without the first record, what frames say of themselves must do. On the disk when
/// it returns. Throws InputError when there are neither frames nor a first record, WriteError; `target` is
/// removed then.
Rebuilt rebuild(const std::filesystem::path& path, const FoundBlocks& blocks,
                const std::filesystem::path& target);

}  // namespace glasswatch::recorded
