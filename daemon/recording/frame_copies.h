// Copies of frames that wait for the recorder, within a budget of memory.
#pragma once

#include <cstddef>
#include <memory>
#include <semaphore>

#include "protocol/types/frame.h"

namespace glasswatch {

/// A frame's own memory must go back to its source soon; the recorder's work on it may take longer. copy()
/// from one thread, release() from another.
class FrameCopies {
 public:
  /// At most `frames` copies of `frame_bytes` each at any time. Memory is taken at the first use of each.
  FrameCopies(std::size_t frames, std::size_t frame_bytes);

  /// An empty frame when all are in use; waits for one instead if it `may_wait`.
  Frame copy(const Frame& frame, bool may_wait);

  /// One copy is used no longer (and destroyed).
  void release() { free_.release(); }

  std::size_t capacity() const { return frames_; }

 private:
  const std::size_t frames_;
  FramePool pool_;
  std::counting_semaphore<> free_;
};

}  // namespace glasswatch
