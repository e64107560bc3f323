#include "detectors/utf8.h"

#include <cstdint>

namespace glasswatch {
namespace {

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i++]);
    if (lead < 0x80) continue;
    std::size_t more = 0;
    std::uint32_t code = 0;
    if (lead >= 0xC2 && lead < 0xE0) more = 1, code = lead & 0x1Fu;
    if (lead >= 0xE0 && lead < 0xF0) more = 2, code = lead & 0x0Fu;
    if (lead >= 0xF0 && lead < 0xF5) more = 3, code = lead & 0x07u;
    if (more == 0 || more > text.size() - i) return false;
    for (std::size_t end = i + more; i < end; ++i) {
      const auto next = static_cast<unsigned char>(text[i]);
      if ((next & 0xC0u) != 0x80u) return false;
      code = code << 6 | (next & 0x3Fu);
    }
    const bool too_long = (more == 2 && code < 0x800) || (more == 3 && code < 0x10000);
    if (too_long || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return false;
  }
  return true;
}

}  // namespace

std::string valid_utf8(std::string_view text) {
  if (is_utf8(text)) return std::string(text);
  std::string converted;
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x80) {
      converted += character;
    } else {
      converted += static_cast<char>(0xC0u | byte >> 6);
      converted += static_cast<char>(0x80u | (byte & 0x3Fu));
    }
  }
  return converted;
}

}  // namespace glasswatch
