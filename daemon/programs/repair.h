// `glasswatch repair`: makes recordings whole that were left behind by a crash.
#pragma once

#include <string>
#include <vector>

#include "protocol/types/user_error.h"

namespace glasswatch {

/// Checks each file, and repairs it if needed; a line for each. Errors go to standard error, and the other
/// files are still repaired. Returns the exit code: the highest of all.
ExitCode repair(const std::vector<std::string>& files, bool json);

}  // namespace glasswatch
