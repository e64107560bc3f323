// One message on its way out, before it becomes bytes on a socket.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include "protocol/schema/streams.pb.h"
#include "simulators/shared_pixels.h"

namespace glasswatch::simulation {

/// A stream message and its pixels. `pixels` empty means that no third part is sent.
struct Message {
  stream::StreamMessage header;
  SharedPixels pixels;
  std::string raw_header;  // not empty: sent instead of `header`; only fault injection sets it
};

/// Seconds to whole nanoseconds, rounded.
inline std::int64_t to_ns(double seconds) {
  return static_cast<std::int64_t>(std::llround(seconds * 1e9));
}

}  // namespace glasswatch::simulation
