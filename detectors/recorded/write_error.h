// What goes wrong when recordings are written.
#pragma once

#include <filesystem>
#include <stdexcept>

namespace glasswatch::recorded {

/// The file system failed: full, vanished, not writable. The message is one line: file, what happened,
/// remedy.
class WriteError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// `error_number` (errno) of an attempt to write `path`, for the user.
WriteError write_error(const std::filesystem::path& path, int error_number);

}  // namespace glasswatch::recorded
