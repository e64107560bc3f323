#include "daemon/recording/frame_copies.h"

#include <cstring>

namespace glasswatch {

FrameCopies::FrameCopies(std::size_t frames, std::size_t frame_bytes)
    : frames_(frames), pool_(frames, frame_bytes), free_(static_cast<std::ptrdiff_t>(frames)) {}

Frame FrameCopies::copy(const Frame& frame, bool may_wait) {
  if (may_wait) {
    free_.acquire();
  } else if (!free_.try_acquire()) {
    return {};
  }
  Frame copy;
  try {
    copy = pool_.acquire();
  } catch (...) {  // no memory: as if all were in use, later
    free_.release();
    return {};
  }
  const FrameView view = frame.view();
  std::memcpy(copy.writable_bytes().data(), view.pixels, view.byte_count());
  copy.info = frame.info;
  return copy;
}

}  // namespace glasswatch
