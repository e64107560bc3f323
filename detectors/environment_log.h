// Recorded temperature logs of heating holders: one interface, one folder per vendor, one line each in
// registry.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/schema/streams.pb.h"

namespace glasswatch {

/// A whole log, in file order. Samples are kept as the holder wrote them: repeated rows, jitter, NaN and
/// values out of range are for the temperature stage to judge, not for the reader to repair.
struct EnvironmentLog {
  stream::EnvironmentStart start;  // source_mode REPLAY, RECORDED_CLOCK
  std::vector<stream::EnvironmentSample>
      samples;                       // times UTC ns; temperature absent where the field was empty
  std::vector<std::string> remarks;  // what a careful reader should know, one line each
};

struct EnvironmentLogSettings {
  double log_utc_offset_s = 0;  // holder logs give local time without a zone: local - UTC
};

struct EnvironmentLogFormat {
  std::string_view name;
  bool (*matches)(const std::filesystem::path& path,
                  std::string_view head);  // head: up to the first 4096 bytes
  EnvironmentLog (*read)(const std::filesystem::path& path, const EnvironmentLogSettings& settings);
};

/// All formats, in the order they are tried (registry.cc).
std::span<const EnvironmentLogFormat> environment_log_formats();

/// Reads a log of any known format, told apart by content. Throws InputError (recording.h) naming file and
/// line.
EnvironmentLog read_environment_log(const std::filesystem::path& path,
                                    const EnvironmentLogSettings& settings);

}  // namespace glasswatch
