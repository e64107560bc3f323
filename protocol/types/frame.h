// The frame: a move-only handle on immutable pixels in somebody's memory, with everything known about its
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

/// Whose memory the pixels of a frame are. Frames share in it, so that it outlives them all.
class PixelMemory {
 public:
  PixelMemory() = default;
  PixelMemory(const PixelMemory&) = delete;
  PixelMemory& operator=(const PixelMemory&) = delete;
  virtual ~PixelMemory() = default;

  /// A frame that was made with this `place` needs its pixels no longer. Any thread.
  virtual void give_back(std::size_t place) noexcept = 0;
};

/// A frame. Moving it moves the hold on its pixels; destroying it gives them back. Pixels are never changed
/// once the frame is handed on, so any number of readers may share one thread's frame by reference.
class Frame {
 public:
  Frame() = default;
  /// A frame in the memory of somebody else, who is told when it ends, by `place`.
  Frame(std::shared_ptr<PixelMemory> memory, std::size_t place, std::span<std::byte> pixels);
  Frame(Frame&&) noexcept;
  Frame& operator=(Frame&&) noexcept;
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;
  ~Frame();

  explicit operator bool() const { return memory_ != nullptr; }
  FrameView view() const { return {pixels_.data(), info.pixel_type, info.rows, info.columns}; }

  /// The memory, for the one writer that fills a fresh frame. 64-byte aligned in a frame of a FramePool.
  std::span<std::byte> writable_bytes() { return pixels_; }

  FrameInfo info;

 private:
  std::span<std::byte> pixels_;
  std::size_t place_ = 0;
  std::shared_ptr<PixelMemory> memory_;
};

/// A bounded pool of equal buffers, thread-safe. Buffers are allocated at the first use of each and reused
/// after; the pool may die before its frames.
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
  struct Buffers;
  std::shared_ptr<Buffers> buffers_;
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
