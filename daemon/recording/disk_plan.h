// Whether a disk can take a recording, and for how long: judged before it begins.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "protocol/schema/configuration.pb.h"
#include "protocol/schema/streams.pb.h"

namespace glasswatch {

/// What is known of a disk. A speed of 0 has not been measured.
struct Disk {
  std::uint64_t free_bytes = 0;  // for us, as statvfs says
  double write_bytes_per_s = 0;
};

/// What a series will need. Its pixels are counted uncompressed: noise may compress by nothing.
struct RecordingPlan {
  double bytes_per_s = 0;  // 0: the source gives no frame period
  double lasts_s = 0;      // until the reserve is reached; infinite at no known rate
  std::string refusal;     // why it must not begin, and what to do; else empty
};

/// Refuses what the disk cannot write as fast as it comes, what does not fit beside the reserve (all expected
/// frames, or min_duration_s of a series of unknown length). Pure.
RecordingPlan plan_recording(const stream::SeriesStart& start, const Disk& disk,
                             const config::Recording& settings);

/// Free space of the file system that holds `directory`. Throws std::runtime_error naming the directory when
/// there is none or it is no directory.
std::uint64_t free_bytes(const std::filesystem::path& directory);

/// Writes, syncs and removes a file of `bytes` in `directory`, and says how fast that went. Throws
/// std::runtime_error with the reason and a remedy: not there, not writable, full. Takes a fraction of a
/// second.
double measure_write_speed(const std::filesystem::path& directory, std::size_t bytes);

}  // namespace glasswatch
