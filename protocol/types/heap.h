// How the C library's heap treats the memory of frames.
#pragma once

#include <malloc.h>

namespace glasswatch {

/// Keeps the memory of frames that have ended for those that come: glibc would give blocks of this size back
/// to the system and ask for new ones, which the kernel has to clear again, page by page (mallopt(3)). Call
/// it first in main(), before there are threads. The process then stays as large as it has once been.
inline void keep_memory_of_frames() {
  constexpr int kMiB = 1 << 20;
  mallopt(M_MMAP_THRESHOLD, 64 * kMiB);  // larger frames come so slowly that it does not matter
  mallopt(M_TRIM_THRESHOLD, 256 * kMiB);
}

}  // namespace glasswatch
