// Encoding and decoding of the messages on the wire. Knows bytes, not sockets.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "protocol/schema/streams.pb.h"
#include "protocol/types/frame.h"

namespace glasswatch::wire {

inline constexpr std::uint32_t kSchemaVersion = 1;

// Topics: part 0 of every message. A subscriber filters on them.
inline constexpr std::string_view kCameraTopic = "camera";
inline constexpr std::string_view kEnvironmentTopic = "environment";
inline constexpr std::string_view kFrameTopic = "frame";
inline constexpr std::string_view kTriggerTopic = "trigger";
inline constexpr std::string_view kStatusTopic = "status";
inline constexpr std::string_view kSeriesTopic = "series";
inline constexpr std::string_view kDisplayTopic = "display";
inline constexpr std::string_view kSnapshotTopic = "snapshot";  // a ResultMessage with `setup`
inline constexpr std::string_view kMapTopic = "map";
inline constexpr std::string_view kDynamicsTopic = "dynamics";

/// Largest header a decoder looks at; a SeriesStart with all its texts stays far below.
inline constexpr std::size_t kMaxHeaderBytes = 64 * 1024;

/// What a receiver accepts at most, checked before any memory is taken.
struct SizeLimits {
  std::uint32_t max_rows = 8192;
  std::uint32_t max_columns = 8192;
  std::size_t max_frame_bytes = std::size_t{128} << 20;
};

/// Why a message was refused. The names are those of SourceCounters.rejected.
enum class Rejection : std::uint8_t {
  kNone,
  kParts,      // wrong number of message parts, or a topic that does not belong here
  kMalformed,  // header is no StreamMessage, or too long
  kSchema,     // newer schema version, or none
  kHeader,     // a field is missing, out of range, or contradicts the series start
  kSize,       // pixel part is not rows x columns x bytes per pixel
  kLimit,      // larger than SizeLimits allow
  kNoSeries,   // frame or sample of a series whose start was never seen
};
inline constexpr std::size_t kRejections = 8;

std::string_view rejection_name(Rejection rejection);

/// Parses and validates one header by itself: schema version, series id, finite and ordered times, sizes
/// within the limits, known pixel type. `message` is reused between calls. `detail` says field, value and
/// allowed range.
Rejection decode_header(std::span<const std::byte> bytes, const SizeLimits& limits,
                        stream::StreamMessage& message, std::string& detail);

/// Checks a frame header and its pixel part against the start of its series.
Rejection check_frame(const stream::FrameHeader& header, std::size_t pixel_bytes,
                      const stream::SeriesStart& start, std::string& detail);

/// Frame header <-> FrameInfo (series_id, sequence and sent time live in the envelope).
void encode_frame_info(const FrameInfo& info, stream::StreamMessage& message);
FrameInfo decode_frame_info(const stream::StreamMessage& message);

inline PixelType pixel_type(stream::PixelType type) {
  return static_cast<PixelType>(type);
}
inline stream::PixelType pixel_type(PixelType type) {
  return static_cast<stream::PixelType>(type);
}

}  // namespace glasswatch::wire
