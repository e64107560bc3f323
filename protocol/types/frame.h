// The frame: a move-only handle on an immutable, pooled pixel buffer, with everything known about its
// exposure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "protocol/types/pixels.h"

namespace glasswatch {

/// Facts about one frame that later readers must not overlook; a frame carries the union of its flags.
enum FrameFlag : std::uint32_t {
  kFlagGapBefore = 1u << 0,           // frames are missing directly before this one
  kFlagLate = 1u << 1,                // arrived after a frame with a higher sequence number
  kFlagTransferNotOk = 1u << 2,       // the camera reported a faulty transfer
  kFlagSaturated = 1u << 3,           // at least one pixel at or above the saturation point
  kFlagNonFinite = 1u << 4,           // at least one NaN or infinite pixel
  kFlagTimeAssumed = 1u << 5,         // exposure times come from the configuration, not from the instrument
  kFlagTemperatureInvalid = 1u << 6,  // no valid temperature; the reason is in the frame's result
};

/// What is known about one exposure. Times are on the clock of the source unless the name says otherwise.
struct FrameInfo {
  std::uint64_t series_id = 0;
  std::uint64_t sequence = 0;         // counted by the source from 0 within the series
  std::int64_t device_frame_id = -1;  // the camera's own counter; -1 = not given
  std::int64_t exposure_start_utc_ns = 0;
  std::int64_t exposure_end_utc_ns = 0;
  std::int64_t exposure_sigma_ns = 0;  // one standard deviation of the two times above
  std::int64_t sent_utc_ns = 0;        // source clock, when handed to the transport; 0 = recorded file
  std::int64_t received_utc_ns = 0;    // daemon clock; 0 = read from a file
  std::uint32_t flags = 0;             // FrameFlag
  std::int32_t scan_row = -1;          // -1 = not part of a scan
  std::int32_t scan_column = -1;
  std::int32_t rows = 0;
  std::int32_t columns = 0;
  PixelType pixel_type = PixelType::kU2;

  double exposure_s() const {
    return static_cast<double>(exposure_end_utc_ns - exposure_start_utc_ns) * 1e-9;
  }
};

namespace internal {
struct PoolState;
}

/// A frame. Moving it moves the buffer; destroying it returns the buffer to its pool. Pixels are never
/// changed once the frame is handed on, so any number of readers may share one thread's frame by reference.
class Frame {
 public:
  Frame() = default;
  Frame(Frame&&) noexcept;
  Frame& operator=(Frame&&) noexcept;
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;
  ~Frame();

  explicit operator bool() const { return data_ != nullptr; }
  FrameView view() const { return {data_, info.pixel_type, info.rows, info.columns}; }

  /// The buffer, for the one writer that fills a fresh frame. 64-byte aligned.
  std::span<std::byte> writable_bytes() { return {data_, capacity_}; }

  FrameInfo info;

 private:
  friend class FramePool;
  std::byte* data_ = nullptr;
  std::size_t capacity_ = 0;
  std::shared_ptr<internal::PoolState> pool_;
};

/// A bounded pool of equal buffers, thread-safe. It is what bounds the daemon's pixel memory: when it is
/// empty there is no frame to fill, which is an overflow and counted as such. Buffers are allocated at the
/// first use of each and reused after; the pool may die before its frames.
class FramePool {
 public:
  /// At most `buffers` frames of at most `buffer_bytes` each are alive at any time.
  FramePool(std::size_t buffers, std::size_t buffer_bytes);
  ~FramePool();
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;

  /// A frame with unspecified pixels, or an empty one (false) when every buffer is in use.
  Frame acquire();

  std::size_t buffer_bytes() const;
  std::size_t available() const;

 private:
  std::shared_ptr<internal::PoolState> state_;
};

/// A run of frames or samples that never arrived, or arrived and was not kept. It travels like data.
struct Gap {
  enum class Cause : std::uint8_t { kLost, kRejected, kDroppedByOverflow };
  std::uint64_t series_id = 0;
  std::uint64_t first_sequence = 0;
  std::uint64_t count = 0;
  Cause cause = Cause::kLost;
};

}  // namespace glasswatch
