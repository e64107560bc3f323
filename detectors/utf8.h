// Text from files as the UTF-8 that protobuf demands.
#pragma once

#include <string>
#include <string_view>

namespace glasswatch {

/// `text` as UTF-8: kept when it is valid, else read as Latin-1, which every byte string is.
std::string valid_utf8(std::string_view text);

}  // namespace glasswatch
