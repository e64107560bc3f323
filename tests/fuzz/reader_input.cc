#include "tests/fuzz/reader_input.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace glasswatch::fuzz {
namespace {

constexpr std::uint64_t kMostFrames = 16;

[[noreturn]] void fail(std::string_view what) {
  std::fprintf(stderr, "fuzz: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

void check_message(std::string_view message) {
  if (message.empty() || message.find('\n') != std::string_view::npos) fail("an error is not one line");
}

}  // namespace

MemoryFile::MemoryFile(const std::uint8_t* data, std::size_t size)
    : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
  if (descriptor_ < 0) fail("no memory file");
  while (size > 0) {
    const ssize_t written = ::write(descriptor_, data, size);
    if (written <= 0) fail("memory file cannot be written");
    data += written;
    size -= static_cast<std::size_t>(written);
  }
}

MemoryFile::~MemoryFile() {
  ::close(descriptor_);
}

std::filesystem::path MemoryFile::path() const {
  return "/proc/self/fd/" + std::to_string(descriptor_);
}

void read_as_recording(const std::uint8_t* data, std::size_t size, OpenRecording open) {
  const MemoryFile file(data, size);
  try {
    const auto recording = open(file.path(), {});
    // Deflate shrinks at most a thousandfold, so a larger frame was believed without looking at the file.
    const std::size_t bytes = frame_bytes(recording->start());
    if (bytes > 1100 * size + 1024) fail("a frame is larger than the file can hold");
    FramePool pool(1, bytes);
    Frame frame = pool.acquire();
    const std::uint64_t frames = std::min(recording->frame_count(), kMostFrames);
    for (std::uint64_t i = 0; i < frames; ++i) recording->read(i, frame);
  } catch (const InputError& error) {
    check_message(error.what());
  }
}

void read_as_log(const std::uint8_t* data, std::size_t size, ReadLog read) {
  const MemoryFile file(data, size);
  try {
    const EnvironmentLog log = read(file.path(), {});
    if (log.samples.empty()) fail("a log without samples was accepted");
    for (const auto& sample : log.samples) {
      // Parsing refuses text that is not UTF-8.
      if (!stream::EnvironmentSample().ParseFromString(sample.SerializeAsString()))
        fail("a sample cannot be sent");
    }
  } catch (const InputError& error) {
    check_message(error.what());
  }
}

}  // namespace glasswatch::fuzz
