// What is left of a recording, whatever its state: the blocks in the bytes of the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <vector>

#include "protocol/schema/recording.pb.h"

namespace glasswatch::recorded {

/// A file in memory, as it is on the disk, with a lock (flock) against those who write it. One thread.
class LockedFile {
 public:
  /// Takes no lock. Throws InputError when the file cannot be opened.
  explicit LockedFile(const std::filesystem::path& path);
  ~LockedFile();
  LockedFile(const LockedFile&) = delete;
  LockedFile& operator=(const LockedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }

  /// Keeps all others out, HDF5 in this program too, which takes a lock of its own whenever it opens a file.
  /// False when the file is in use.
  bool lock();

  /// Lets others read the file.
  void share();

 private:
  int descriptor_ = -1;
  std::span<const std::byte> bytes_;
};

/// A sound block. Its place among the others is in the label: `index` of the frame or page.
struct FoundBlock {
  std::span<const std::byte> bytes;
  std::uint64_t index = 0;
};

/// The blocks of the recording that most blocks of a file belong to, each once, in the order of index.
struct FoundBlocks {
  std::uint64_t file_id = 0;
  std::vector<FoundBlock> frames;
  std::vector<FoundBlock> pages;
  std::uint64_t damaged = 0;  // footers without a sound block before them
};

/// Memory: 24 bytes a block. Cost: reading the file, once or twice.
FoundBlocks find_recording(std::span<const std::byte> bytes);

recording::BlockLabel label_of(const FoundBlock& block);

/// The compressed bytes, without label and footer.
std::span<const std::byte> stream_of(const FoundBlock& block);

/// All records in the pages, in order, with their numbers in the file; what a missing page cut is left out.
void for_each_record(const FoundBlocks& blocks,
                     const std::function<void(std::uint64_t number, const recording::Record& record)>& take);

/// The same with the frames in their places among the records. Cost: the CRC of every block.
void for_each_in_order(
    const FoundBlocks& blocks,
    const std::function<void(const FoundBlock& block, const recording::Frame& frame)>& take_frame,
    const std::function<void(const recording::Record& record)>& take_record);

}  // namespace glasswatch::recorded
