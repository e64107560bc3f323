#include "protocol/configuration/text.h"

#include <array>
#include <charconv>

namespace glasswatch::text {

std::string shortest(double value) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), end};
}

}  // namespace glasswatch::text
