// Makes a recording whole that was left behind by a crash, a power cut, a full disk or a copy that was cut
// short.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace glasswatch::recorded {

struct RepairReport {
  enum class Outcome : std::uint8_t {
    kSound,    // nothing to do; the file was not touched
    kClosed,   // was left open, all of it readable: closed in place
    kRebuilt,  // written anew from its blocks; the damaged file is kept as FILE.damaged
  };
  Outcome outcome = Outcome::kSound;
  std::uint64_t frames = 0;          // in the file now
  std::uint64_t blocks_damaged = 0;  // footers whose block does not match its checksum
  std::uint64_t frames_missing = 0;  // in the order of those found, and up to the count it was closed with
  std::string detail;                // one line for the user
};

/// Checks every block of the file and repairs it if needed. Never writes into a file that it could not read
/// to the end, and never removes the damaged one: at every moment `path` is either the damaged or the
/// repaired file. A frame or record is either as it was written or left out. Without its first record a
/// recording keeps its frames, but not what was known of the series. Refuses a file that needs a repair while
/// another process writes or reads it (advisory lock).
///
/// Cost: reading the file once when it is sound, else three times; rebuilding writes as much again, and needs
/// as much room. Makes a child process (hdf5_guard.h). Throws InputError when it is no recording or nothing
/// of it is left, WriteError when there is no room.
RepairReport repair(const std::filesystem::path& path);

}  // namespace glasswatch::recorded
