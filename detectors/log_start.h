// What both holder logs do alike around their samples.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "detectors/environment_log.h"

namespace glasswatch {

inline constexpr std::string_view kLastLineDropped =
    "The last line has no line end and was not read: the log may still have been written.";

/// Replay mode, the holder's recorded clock, source file.
stream::EnvironmentStart recorded_log_start(const std::filesystem::path& path, std::string_view name);

/// start + time x factor. Throws InputError naming file, line and field when the time is absent, not finite,
/// or beyond 1e8 s (three years) of the start.
std::int64_t log_time_ns(const std::filesystem::path& path, std::size_t line, std::string_view field,
                         std::int64_t start_ns, std::optional<double> time, double factor_s);

/// Sets the start time (first sample) and the nominal period (median of the steps forward; 0 without any).
void finish_log(EnvironmentLog& log);

}  // namespace glasswatch
