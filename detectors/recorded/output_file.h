// The bytes of a file that the HDF5 library writes.
#pragma once

#include <H5Cpp.h>

#include <filesystem>
#include <memory>

namespace glasswatch::recorded {

struct OutputState;

/// A driver under HDF5 (its virtual file layer) that never tells the library of a failure: it keeps the first
/// one for check() and throws away all that is written after it. The library cannot close a file on a full
/// disk: objects stay open, and it tries again, in vain and aloud, when the program ends. This way the file
/// keeps the state it had at the failure, and everything is closed in order. One thread.
class OutputFile {
 public:
  /// Creates `path`, which must not exist, and holds flock(LOCK_SH) on it from then on. Throws WriteError.
  explicit OutputFile(const std::filesystem::path& path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  /// Opens the file in the library, as new or again after it was closed, for writing in its newest format.
  /// All of the library's objects in it must be gone before this one. Throws H5::Exception.
  H5::H5File create();
  H5::H5File open_again();

  /// Throws WriteError when something could not be written since the beginning, or the file was deleted.
  void check() const;

  /// Waits for the disk. Throws WriteError.
  void sync();

  /// From now on nothing is written.
  void abandon() noexcept;

  const std::filesystem::path& path() const;

 private:
  std::unique_ptr<OutputState> state_;
};

}  // namespace glasswatch::recorded
