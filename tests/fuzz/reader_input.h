// Fuzz inputs as files for the readers, without touching a disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>

#include "detectors/environment_log.h"
#include "detectors/recording.h"

namespace glasswatch::fuzz {

/// An anonymous file in memory holding `data`, reachable by a path while the object lives.
class MemoryFile {
 public:
  MemoryFile(const std::uint8_t* data, std::size_t size);
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::filesystem::path path() const;

 private:
  int descriptor_ = -1;
};

using OpenRecording = std::unique_ptr<Recording> (*)(const std::filesystem::path&, const RecordingSettings&);
using ReadLog = EnvironmentLog (*)(const std::filesystem::path&, const EnvironmentLogSettings&);

/// Opens the input and reads its first frames; InputError is the only exception allowed. Aborts when a reader
/// declares a frame larger than the whole of a fuzz input can mean.
void read_as_recording(const std::uint8_t* data, std::size_t size, OpenRecording open);
void read_as_log(const std::uint8_t* data, std::size_t size, ReadLog read);

}  // namespace glasswatch::fuzz
