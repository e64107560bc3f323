// One way to word an InputError: "path: what; allowed; remedy", from any parts that can be streamed.
#pragma once

#include <filesystem>
#include <sstream>

#include "detectors/recording.h"

namespace glasswatch {

/// The error for `path` whose message is the path followed by the streamed parts, on one line.
template <typename... Parts>
InputError input_error(const std::filesystem::path& path, const Parts&... parts) {
  std::ostringstream message;
  message << path.string() << ": ";
  (message << ... << parts);
  return InputError(message.str());
}

}  // namespace glasswatch
