// The metadata log that Impulse writes beside its data logs: the only place where the date stands.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace glasswatch {

struct ImpulseMetadata {
  std::filesystem::path path;
  std::optional<std::int64_t> local_day_ns;    // start of the local day of "Experiment date"
  std::optional<std::int64_t> local_clock_ns;  // "Experiment time" since that midnight
  std::string sample;
  std::string description;
  bool month_first = false;  // the date can only be read as mm-dd-yyyy
};

/// Finds the metadata log of a data log: in the same folder, named "<start>_Metadata.log" in any case, where
/// <start> is the data log's name cut at one of its underscores, longest first; else the only "*metadata.log"
/// of the folder.
std::optional<std::filesystem::path> find_impulse_metadata(const std::filesystem::path& data_log);

/// Reads "Experiment date" (dd-mm-yyyy), "Experiment time", "Sample" and "Description". A date or time that
/// cannot be read is left out. Throws InputError only when the file cannot be opened.
ImpulseMetadata read_impulse_metadata(const std::filesystem::path& path);

}  // namespace glasswatch
