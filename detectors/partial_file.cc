#include "detectors/partial_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>

namespace glasswatch {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const char* what, int error) {
  const char* remedy = error == ENOSPC || error == EDQUOT ? "free space or write to another disk"
                                                          : "check that the folder exists and may be written";
  throw std::runtime_error(path.string() + ": " + what + ": " + std::generic_category().message(error) +
                           "; " + remedy);
}

}  // namespace

PartialFile::PartialFile(const std::filesystem::path& path)
    : path_(path), partial_path_(path.string() + ".partial") {
  descriptor_ = ::open(partial_path_.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail(partial_path_, "cannot be created", errno);
}

PartialFile::~PartialFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(partial_path_.c_str());
}

void PartialFile::append(std::span<const std::byte> bytes) {
  write_at(size_, bytes);
  size_ += bytes.size();
}

void PartialFile::overwrite(std::uint64_t offset, std::span<const std::byte> bytes) {
  write_at(offset, bytes);
}

void PartialFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail(partial_path_, "cannot be written", written < 0 ? errno : EIO);
    offset += static_cast<std::uint64_t>(written);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void PartialFile::finish() {
  if (::fsync(descriptor_) != 0) fail(partial_path_, "cannot be written", errno);
  if (::rename(partial_path_.c_str(), path_.c_str()) != 0) fail(path_, "cannot be put in place", errno);
  const int descriptor = descriptor_;
  descriptor_ = -1;  // the file stays, whatever happens
  if (::close(descriptor) != 0) fail(path_, "cannot be closed", errno);
}

}  // namespace glasswatch
