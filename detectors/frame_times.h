// Exposure times of recorded frames: from device stamps, or assumed from the settings and marked so.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "detectors/recording.h"

namespace glasswatch {

/// Nanoseconds, rounded to nearest. `seconds` must be finite and below 9e9 in magnitude.
std::int64_t to_ns(double seconds);

/// Checks the times a user may set: finite, 0 < period, 0 <= exposure, both at most 1e6 s; a start within the
/// years 1678 to 2262. Throws InputError naming the field.
void check_settings(const std::filesystem::path& path, const RecordingSettings& settings);

/// Sets start, end and sigma of the exposure from a device stamp that marks `reference` (unspecified: the
/// end).
void set_exposure(FrameInfo& info, std::int64_t stamp_utc_ns, double exposure_s,
                  stream::StampReference reference, std::int64_t sigma_ns);

/// The times of frames that carry none: frame i starts at start + i period. A period of 0 means that nothing
/// is known and every frame starts at `start_utc_ns`; an exposure of 0 likewise.
struct AssumedTimes {
  std::int64_t start_utc_ns = 0;
  double period_s = 0;
  double exposure_s = 0;

  /// Fills times and sets kFlagTimeAssumed.
  void fill(std::uint64_t index, FrameInfo& info) const;
  /// Fills `timing` and marks it as assumed.
  void describe(stream::Timing& timing) const;
};

/// What the file itself says about times, where it does.
struct FileTimes {
  std::optional<std::int64_t> start_utc_ns;
  std::optional<double> period_s;
  std::optional<double> exposure_s;
};

/// Throws InputError when `frames` frames at these times would not fit into 64-bit nanoseconds.
void check_time_range(const std::filesystem::path& path, const AssumedTimes& times, std::uint64_t frames);

/// The user's settings first, then the file's, then the defaults of RecordingSettings. Throws InputError as
/// check_settings and check_time_range do.
AssumedTimes assume_times(const std::filesystem::path& path, const RecordingSettings& settings,
                          const FileTimes& file, std::uint64_t frames);

}  // namespace glasswatch
