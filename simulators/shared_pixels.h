// Pixels that a message, its copies and the transport share instead of copying.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "protocol/types/frame.h"

namespace glasswatch::simulation {

/// Immutable bytes with any number of owners. Copying is cheap and thread-safe.
class SharedPixels {
 public:
  SharedPixels() = default;
  SharedPixels(std::vector<std::byte> bytes) {  // NOLINT(google-explicit-constructor): the common case
    const auto owned = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
    bytes_ = *owned;
    owner_ = owned;
  }
  /// The pixels of a frame, which lives as long as they are needed.
  explicit SharedPixels(Frame frame) {
    const auto owned = std::make_shared<const Frame>(std::move(frame));
    const FrameView view = owned->view();
    bytes_ = {static_cast<const std::byte*>(view.pixels), view.byte_count()};
    owner_ = owned;
  }

  const std::byte* data() const { return bytes_.data(); }
  std::size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }

  /// A copy that is cut off, or goes on with zeros.
  SharedPixels resized(std::size_t size) const {
    std::vector<std::byte> bytes(size);
    std::copy_n(data(), std::min(size, bytes_.size()), bytes.begin());
    return bytes;
  }

  friend bool operator==(const SharedPixels& a, const SharedPixels& b) {
    return std::ranges::equal(a.bytes_, b.bytes_);
  }

 private:
  std::shared_ptr<const void> owner_;
  std::span<const std::byte> bytes_;
};

}  // namespace glasswatch::simulation
