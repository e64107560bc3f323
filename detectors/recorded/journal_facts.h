// What the journal of a recording says about its beginning.
#pragma once

#include <cstdint>

#include "detectors/recorded/recorded_file.h"

namespace glasswatch {

struct JournalFacts {
  /// Where the numbers of the recorded series begin: at its first frame, or before it when the recorder knew
  /// of frames missing there. A recording that was begun in the middle of a series misses nothing.
  std::uint64_t first_sequence = 0;
  bool samples = false;  // of the environment
};

/// Reads the journal once. Throws InputError.
JournalFacts journal_facts(RecordedFile& file);

}  // namespace glasswatch
