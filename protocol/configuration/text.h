// Small text tools for messages to people.
#pragma once

#include <sstream>
#include <string>

namespace glasswatch::text {

/// The arguments, streamed one after the other, as one string.
template <typename... Parts>
std::string concatenate(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

/// The shortest decimal that reads back as the same double: "0.1", "5000", "1e-05".
std::string shortest(double value);

}  // namespace glasswatch::text
