// One message on its way out, before it becomes bytes on a socket.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/schema/streams.pb.h"

namespace glasswatch::simulation {

/// A stream message and its pixels. `pixels` empty means that no third part is sent.
struct Message {
  stream::StreamMessage header;
  std::vector<std::byte> pixels;
  std::string raw_header;  // not empty: sent instead of `header`; only fault injection sets it
};

/// Seconds to whole nanoseconds, rounded.
inline std::int64_t to_ns(double seconds) {
  return static_cast<std::int64_t>(std::llround(seconds * 1e9));
}

}  // namespace glasswatch::simulation
