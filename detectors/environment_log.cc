#include "detectors/environment_log.h"

#include <array>
#include <cmath>
#include <fstream>

#include "detectors/input_error.h"

namespace glasswatch {
namespace {

constexpr std::size_t kHeadBytes = 4096;
constexpr double kLargestUtcOffsetS = 86400;

}  // namespace

EnvironmentLog read_environment_log(const std::filesystem::path& path,
                                    const EnvironmentLogSettings& settings) {
  if (!(std::abs(settings.log_utc_offset_s) <= kLargestUtcOffsetS)) {
    throw input_error(path, "setting log_utc_offset_s is ", settings.log_utc_offset_s, "; allowed: -",
                      kLargestUtcOffsetS, " to ", kLargestUtcOffsetS);
  }
  std::error_code error;
  if (std::filesystem::exists(path, error) && !std::filesystem::is_regular_file(path, error)) {
    throw input_error(path, "is a folder or device; give a file");
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) throw input_error(path, "cannot be opened; check that the file exists and may be read");
  std::array<char, kHeadBytes> head;
  file.read(head.data(), head.size());
  const auto length = static_cast<std::size_t>(file.gcount());
  if (length == 0) throw input_error(path, "is empty; export the log again");
  std::string known;
  for (const EnvironmentLogFormat& format : environment_log_formats()) {
    if (format.matches(path, std::string_view(head.data(), length))) return format.read(path, settings);
    known += (known.empty() ? "" : ", ") + std::string(format.name);
  }
  throw input_error(path, "line 1 is the header of no known temperature log; known: ", known);
}

}  // namespace glasswatch
