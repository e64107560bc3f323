// Writes one file of a recording: an HDF5 file that HyperSpy opens, that others may read while it grows, and
// whose blocks can be found again when its index is lost.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "detectors/recorded/write_error.h"
#include "protocol/schema/recording.pb.h"
#include "protocol/types/frame.h"

namespace glasswatch::recorded {

/// One file. Everything that readers find in it is listed in detectors/recorded/README.md. Written in HDF5's
/// single-writer-multiple-reader mode from creation until close(). One thread; the HDF5 library must not be
/// in use by another. A limit on the size of files (ulimit -f) is an error like any other where SIGXFSZ is
/// ignored.
///
/// After a WriteError only the destructor may be called, and nothing is written any more. The destructor of a
/// file that was not closed leaves it as a crash would: repair() makes it whole.
class FileWriter {
 public:
  /// Creates `path`, which must not exist, and writes `begin` as the first record (with written_utc_ns 0).
  /// begin.start gives shape, pixel type, calibration and nominal times. `sync`: flush() waits for the disk.
  /// Cost: 10 ms, 50 kB; the tables take another 320 kB with their first rows. Throws WriteError, and leaves
  /// no file then.
  FileWriter(const std::filesystem::path& path, const recording::FileBegin& begin, bool sync);
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  /// Appends a frame: `compressed` as BlockEncoder::compress made it of the pixels (it is sealed here, and
  /// may be reused after). It is in the file at once, and in its index with the next flush(). Throws
  /// WriteError.
  void add_frame(const FrameInfo& info, std::vector<std::byte>& compressed);

  /// Appends a record to the journal, in memory until flush() or until a page of 64 KiB is full. A frame
  /// result also fills the row of its frame in the table (temperature, drift, mean, flags), which may come
  /// before or after it; a sample adds a row to the table of the environment. written_utc_ns is the caller's.
  /// Throws WriteError.
  void add(const recording::Record& record);

  /// All that was added is in the file and can be read by others; with `sync` also on the disk. Others see a
  /// frame only when its row of the table and what the journal says until then are there, too. Cost: 1 ms and
  /// 320 kB, and the time of the disk. Throws WriteError, also when the file was deleted meanwhile.
  void flush();

  /// Adds the last record (with the written_utc_ns of the one before), leaves the mode of a growing file,
  /// adds the attributes that were not known before. Throws WriteError.
  void close(const recording::FileEnd& end);

  std::uint64_t frames() const;
  std::uint64_t bytes() const;  // of the blocks in the file so far, without HDF5's own
  const std::filesystem::path& path() const;

 private:
  struct Layout;
  std::unique_ptr<Layout> layout_;
};

}  // namespace glasswatch::recorded
