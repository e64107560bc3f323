#include "detectors/recorded/found_blocks.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

#include "detectors/input_error.h"
#include "detectors/recorded/block.h"
#include "detectors/recorded/record_stream.h"
#include "detectors/recorded/recorded_layout.h"

namespace glasswatch::recorded {
namespace {

// Orders by index and keeps one block of each; copies of a block are equal.
void put_in_order(std::vector<FoundBlock>& blocks) {
  std::stable_sort(blocks.begin(), blocks.end(),
                   [](const FoundBlock& a, const FoundBlock& b) { return a.index < b.index; });
  const auto copies = std::unique(blocks.begin(), blocks.end(), [](const FoundBlock& a, const FoundBlock& b) {
    return a.index == b.index;
  });
  blocks.erase(copies, blocks.end());
}

}  // namespace

LockedFile::LockedFile(const std::filesystem::path& path) {
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    if (descriptor_ >= 0) ::close(descriptor_);
    throw input_error(path, "cannot be opened; check that the file exists and may be read");
  }
  void* const mapped =
      ::mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_SHARED, descriptor_, 0);
  if (mapped == MAP_FAILED) {
    ::close(descriptor_);
    throw input_error(path, status.st_size == 0 ? "is empty; nothing of it can be repaired"
                                                : "cannot be mapped into memory; free some");
  }
  bytes_ = {static_cast<const std::byte*>(mapped), static_cast<std::size_t>(status.st_size)};
}

LockedFile::~LockedFile() {
  ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  ::close(descriptor_);
}

bool LockedFile::lock() {
  // A file system without locks (ENOLCK, ENOTSUP, ...) is none to wait for.
  return ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

void LockedFile::share() {
  [[maybe_unused]] const int shared = ::flock(descriptor_, LOCK_SH | LOCK_NB);
}

FoundBlocks find_recording(std::span<const std::byte> bytes) {
  std::map<std::uint64_t, FoundBlocks> recordings;
  const std::uint64_t damaged = find_blocks(
      bytes, [&](std::size_t, std::span<const std::byte> block, const recording::BlockLabel& label) {
        FoundBlocks& recording = recordings[label.file_id()];
        if (label.has_frame()) recording.frames.push_back({block, label.frame().index()});
        if (label.has_page()) recording.pages.push_back({block, label.page().index()});
      });
  FoundBlocks most;
  for (auto& [file_id, recording] : recordings) {
    if (recording.frames.size() + recording.pages.size() <= most.frames.size() + most.pages.size()) continue;
    most = std::move(recording);
    most.file_id = file_id;
  }
  put_in_order(most.frames);
  put_in_order(most.pages);
  most.damaged = damaged;
  return most;
}

recording::BlockLabel label_of(const FoundBlock& block) {
  return BlockDecoder().label(block.bytes).value_or(recording::BlockLabel());
}

std::span<const std::byte> stream_of(const FoundBlock& block) {
  std::uint64_t stream_bytes = 0;  // the first field of the footer
  std::memcpy(&stream_bytes, block.bytes.data() + block.bytes.size() - kFooterBytes, sizeof stream_bytes);
  return block.bytes.first(stream_bytes);
}

void for_each_record(const FoundBlocks& blocks,
                     const std::function<void(std::uint64_t number, const recording::Record& record)>& take) {
  BlockDecoder decoder;
  RecordStream records;
  std::vector<std::byte> bytes(kJournalPageBytes);
  for (const FoundBlock& page : blocks.pages) {
    // What is no page or no record in spite of its checksum was made by no version that is known: passed
    // over.
    if (decoder.decompress(page.bytes, 1, bytes)) records.add(label_of(page).page(), bytes, take);
  }
}

void for_each_in_order(
    const FoundBlocks& blocks,
    const std::function<void(const FoundBlock& block, const recording::Frame& frame)>& take_frame,
    const std::function<void(const recording::Record& record)>& take_record) {
  auto next = blocks.frames.begin();
  const auto take_frames_before = [&](std::uint64_t number) {
    for (; next != blocks.frames.end(); ++next) {
      const recording::BlockLabel label = label_of(*next);
      if (label.frame().records_before() > number) return;
      take_frame(*next, label.frame());
    }
  };
  for_each_record(blocks, [&](std::uint64_t number, const recording::Record& record) {
    take_frames_before(number);
    take_record(record);
  });
  take_frames_before(std::uint64_t(-1));
}

}  // namespace glasswatch::recorded
