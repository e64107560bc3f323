// A fuzz input as a short conversation: messages of parts, each part prefixed by its length.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "detectors/stream_decoder.h"

namespace glasswatch::fuzz {

/// One message: u8 number of parts, then per part a u16 length and the bytes. What is cut off at the end is
/// dropped.
inline std::string pack(const std::vector<std::string>& parts) {
  std::string out(1, static_cast<char>(parts.size()));
  for (const std::string& part : parts) {
    out += static_cast<char>(part.size() & 0xff);
    out += static_cast<char>(part.size() >> 8);
    out += part;
  }
  return out;
}

/// Feeds the conversation to a decoder of this kind; aborts when its books do not balance.
inline void converse(const char* kind, const std::uint8_t* data, std::size_t size) {
  FramePool pool(2, 4096);
  wire::SizeLimits limits;
  limits.max_frame_bytes = 4096;
  const auto decoder = make_stream_decoder(kind, limits, [&pool](std::span<const std::byte> pixels) {
    Frame frame = pixels.size() <= pool.buffer_bytes() ? pool.acquire() : Frame{};
    if (frame) std::memcpy(frame.writable_bytes().data(), pixels.data(), pixels.size());
    return frame;
  });
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  std::size_t at = 0;
  std::uint64_t messages = 0, delivered = 0;
  while (at < size) {
    std::vector<std::span<const std::byte>> parts;
    const std::size_t count = data[at++] % 5;
    for (std::size_t i = 0; i < count && at + 2 <= size; ++i) {
      const std::size_t length = std::min<std::size_t>(data[at] | (data[at + 1] << 8), size - at - 2);
      parts.emplace_back(bytes + at + 2, length);
      at += 2 + length;
    }
    std::vector<StreamItem> items;
    decoder->decode(parts, 1, items);
    ++messages;
    for (const StreamItem& item : items) {
      delivered +=
          std::holds_alternative<Frame>(item) || std::holds_alternative<EnvironmentSampled>(item) ? 1 : 0;
    }
  }
  const StreamCounters& counters = decoder->counters();
  if (counters.received != messages || counters.accepted != delivered) std::abort();
}

}  // namespace glasswatch::fuzz
