// The first bytes of a file whose format is to be found out.
#pragma once

#include <filesystem>
#include <string>

namespace glasswatch {

/// Up to 4096 bytes from the beginning of a file. Throws InputError when it is no file, cannot be opened, or
/// is empty; `remedy` ends the message about an empty one.
std::string read_head(const std::filesystem::path& path, const std::string& remedy);

}  // namespace glasswatch
