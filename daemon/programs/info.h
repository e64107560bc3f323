// `glasswatch info`: what a file is, from its metadata.
#pragma once

#include <string>
#include <vector>

#include "protocol/types/user_error.h"

namespace glasswatch {

/// Prints what is known about each recording or temperature log. A file that cannot be read is an error line
/// on standard error, and the others are still told. Returns the exit code.
ExitCode info(const std::vector<std::string>& files, bool json);

}  // namespace glasswatch
