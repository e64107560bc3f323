// DENSsolutions Impulse temperature logs (CSV).
#pragma once

#include "detectors/environment_log.h"

namespace glasswatch {

bool matches_impulse(const std::filesystem::path& path, std::string_view head);

/// Reads the whole log; what is read and what is not is in detectors/README.md.
EnvironmentLog read_impulse(const std::filesystem::path& path, const EnvironmentLogSettings& settings);

}  // namespace glasswatch
