// What leaves the pipeline thread for the publisher.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/schema/results.pb.h"

namespace glasswatch {

/// One message on its way out: encoded once, by the thread that made it. Moved through a queue by swapping,
/// so that the strings keep their memory.
struct Outbound {
  std::string_view topic;             // of protocol/wire/wire.h
  std::string bytes;                  // ResultMessage without envelope numbers
  std::vector<std::uint8_t> payload;  // display pixels
};

}  // namespace glasswatch
