// A file that appears under its name only when it is whole.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

namespace glasswatch {

/// Writes PATH.partial and renames it to PATH in finish(). A file of either name is replaced. Without
/// finish() the destructor removes PATH.partial. Every function throws std::runtime_error with file, reason
/// and remedy when the file system fails. One thread.
class PartialFile {
 public:
  explicit PartialFile(const std::filesystem::path& path);
  ~PartialFile();
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  void append(std::span<const std::byte> bytes);
  /// Writes over what append() wrote before.
  void overwrite(std::uint64_t offset, std::span<const std::byte> bytes);
  /// Bytes appended so far.
  std::uint64_t size() const { return size_; }

  /// Waits for the disk, closes and renames. Nothing may be written after.
  void finish();

 private:
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);

  std::filesystem::path path_;
  std::filesystem::path partial_path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

}  // namespace glasswatch
