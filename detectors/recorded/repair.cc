#include "detectors/recorded/repair.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>

#include "detectors/hdf5_guard.h"
#include "detectors/input_error.h"
#include "detectors/recorded/block_file.h"
#include "detectors/recorded/close_in_place.h"
#include "detectors/recorded/found_blocks.h"
#include "detectors/recorded/rebuild.h"
#include "detectors/recorded/record_stream.h"
#include "detectors/recorded/recorded_layout.h"
#include "detectors/recorded/write_error.h"
#include "protocol/configuration/text.h"

namespace glasswatch::recorded {
namespace {

// What can be read through the file's own index.
struct Index {
  bool readable = false;  // all that it names
  bool closed = false;
  std::uint64_t frames = 0;
  std::uint64_t pages = 0;
};

// Reads every block. A file that is marked as being written and in use by another is being written.
Index read_index(const std::filesystem::path& path, bool in_use) {
  BlockFile file(path);
  if (file.growing() && in_use) return {};
  Index index{.readable = true, .frames = file.frames(), .pages = file.pages()};
  for (std::uint64_t i = 0; index.readable && i < index.frames; ++i)
    index.readable = file.frame(i).has_value();
  BlockDecoder decoder;
  RecordStream records;
  std::vector<std::byte> bytes(kJournalPageBytes);
  std::optional<recording::FileEnd> end;
  for (std::uint64_t i = 0; index.readable && i < index.pages; ++i) {
    const auto page = file.page(i);
    index.readable =
        page && decoder.decompress(page->bytes, 1, bytes) &&
        records.add(page->label.page(), bytes, [&](std::uint64_t, const recording::Record& record) {
          end.reset();
          if (record.has_end()) end = record.end();
        });
  }
  index.closed = !file.growing() && end.has_value();
  index.readable = index.readable && index.pages > 0 && (!end || end->frames() == index.frames);
  return index;
}

// The same in a child, since HDF5 may not survive a damaged file.
Index read_index_in_child(const std::filesystem::path& path, bool in_use) {
  Index index;
  try {
    std::istringstream(probe_in_child(path,
                                      [&] {
                                        const Index found = read_index(path, in_use);
                                        return text::concatenate(found.readable, " ", found.closed, " ",
                                                                 found.frames, " ", found.pages);
                                      })) >>
        index.readable >> index.closed >> index.frames >> index.pages;
  } catch (const InputError&) {
    return {};
  }
  return index;
}

std::filesystem::path with_ending(std::filesystem::path path, const char* ending) {
  return path += ending;
}

// Waits until a file, or the names in a directory, are on the disk.
void sync(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && (::fsync(descriptor) == 0 || errno == EINVAL);
  const int error = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (!synced) throw write_error(path, error);
}

// Throws WriteError when `bytes` and what HDF5 adds are more than the disk has left.
void check_room(const std::filesystem::path& path, std::uintmax_t bytes) {
  const std::uintmax_t needed = bytes + (std::uintmax_t{16} << 20);
  std::error_code unknown;
  const auto available = std::filesystem::space(path, unknown).available;
  if (unknown || available >= needed) return;
  throw WriteError(text::concatenate(path.string(), ": repairing it takes ", needed >> 20,
                                     " MiB of its disk, and ", available >> 20,
                                     " MiB are free; make room, or copy it to another disk"));
}

std::uintmax_t bytes_of(const std::vector<FoundBlock>& blocks, std::size_t first = 0) {
  std::uintmax_t bytes = 0;
  for (std::size_t i = first; i < blocks.size(); ++i) bytes += blocks[i].bytes.size();
  return bytes;
}

// The repaired file takes the place of the damaged one, which keeps a name of its own.
void exchange(const std::filesystem::path& path, const std::filesystem::path& repaired,
              const std::filesystem::path& damaged) {
  std::error_code error;
  std::filesystem::create_hard_link(path, damaged, error);
  if (error) std::filesystem::rename(path, damaged, error);  // a file system without links
  if (!error) std::filesystem::rename(repaired, path, error);
  if (error) throw write_error(path, error.value());
  sync(std::filesystem::absolute(path).parent_path());
}

std::uint64_t missing_frames(const FoundBlocks& blocks) {
  std::uint64_t frames = blocks.frames.empty() ? 0 : blocks.frames.back().index + 1;
  for_each_record(blocks, [&](std::uint64_t, const recording::Record& record) {
    if (record.has_end()) frames = std::max(frames, record.end().frames());
  });
  return frames - blocks.frames.size();
}

RepairReport rebuild_beside(const std::filesystem::path& path, const FoundBlocks& blocks,
                            RepairReport report) {
  const std::filesystem::path damaged = with_ending(path, ".damaged");
  const std::filesystem::path repaired = with_ending(path, ".repairing");
  if (std::filesystem::exists(damaged)) {
    throw input_error(damaged, "exists from an earlier repair; move it away");
  }
  check_room(path, bytes_of(blocks.frames) + bytes_of(blocks.pages));
  std::error_code ignored;
  std::filesystem::remove(repaired,
                          ignored);  // of a repair that did not end; the lock says that none is going on
  const Rebuilt rebuilt = rebuild(path, blocks, repaired);
  sync(repaired);
  exchange(path, repaired, damaged);
  report.outcome = RepairReport::Outcome::kRebuilt;
  report.frames = rebuilt.frames;
  report.detail = text::concatenate(
      path.string(), ": written anew with ", report.frames, " frames (", report.frames_missing, " missing, ",
      report.blocks_damaged, " blocks damaged)",
      rebuilt.beginning_lost ? "; calibration and other facts about the series were lost" : "",
      "; the damaged file is ", damaged.string());
  return report;
}

// False when the file must be written anew.
bool close_where_it_is(const std::filesystem::path& path, LockedFile& file, const FoundBlocks& blocks,
                       const Index& index) {
  const Indexed indexed{.frames = index.frames, .pages = index.pages};
  if (!index.readable || !can_close_in_place(blocks, indexed)) return false;
  constexpr std::uintmax_t kTableBytesPerBlock = 512;
  check_room(path, bytes_of(blocks.frames, indexed.frames) + bytes_of(blocks.pages, indexed.pages) +
                       kTableBytesPerBlock * blocks.frames.size());
  try {
    probe_in_child(path, [&] {
      try {
        close_in_place(path, blocks, indexed);
      } catch (const H5::Exception& error) {
        throw WriteError(error.getDetailMsg());
      }
      sync(path);
      return std::string();
    });
  } catch (const InputError&) {
    return false;
  }
  file.share();
  const Index closed = read_index_in_child(path, false);
  return closed.readable && closed.closed && closed.frames == blocks.frames.size();
}

}  // namespace

RepairReport repair(const std::filesystem::path& path) {
  LockedFile file(path);
  const bool in_use = !file.lock();
  file.share();
  const Index index = read_index_in_child(path, in_use);
  RepairReport report;
  if (index.readable && index.closed) {
    report.frames = index.frames;
    report.detail = text::concatenate(path.string(), ": sound, ", report.frames, " frames");
    return report;
  }
  if (!file.lock()) {
    throw input_error(path, "is in use by another program; stop the recording, or whoever reads it, first");
  }
  const FoundBlocks blocks = find_recording(file.bytes());
  if (blocks.frames.empty() && blocks.pages.empty()) {
    throw input_error(path, "holds no block of a recording: it is none, or nothing of it is left");
  }
  report.blocks_damaged = blocks.damaged;
  report.frames_missing = missing_frames(blocks);
  if (!close_where_it_is(path, file, blocks, index)) return rebuild_beside(path, blocks, std::move(report));
  report.outcome = RepairReport::Outcome::kClosed;
  report.frames = blocks.frames.size();
  report.detail = text::concatenate(path.string(), ": closed, ", report.frames, " frames");
  return report;
}

}  // namespace glasswatch::recorded
