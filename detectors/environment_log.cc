#include "detectors/environment_log.h"

#include <cmath>

#include "detectors/file_head.h"
#include "detectors/input_error.h"

namespace glasswatch {
namespace {

constexpr double kLargestUtcOffsetS = 86400;

}  // namespace

EnvironmentLog read_environment_log(const std::filesystem::path& path,
                                    const EnvironmentLogSettings& settings) {
  if (!(std::abs(settings.log_utc_offset_s) <= kLargestUtcOffsetS)) {
    throw input_error(path, "setting log_utc_offset_s is ", settings.log_utc_offset_s, "; allowed: -",
                      kLargestUtcOffsetS, " to ", kLargestUtcOffsetS);
  }
  const std::string head = read_head(path, "export the log again");
  std::string known;
  for (const EnvironmentLogFormat& format : environment_log_formats()) {
    if (format.matches(path, head)) return format.read(path, settings);
    known += (known.empty() ? "" : ", ") + std::string(format.name);
  }
  throw input_error(path, "line 1 is the header of no known temperature log; known: ", known);
}

}  // namespace glasswatch
