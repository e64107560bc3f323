// Writes frames as an uncompressed TIFF stack that ImageJ takes for one of its own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "detectors/partial_file.h"
#include "protocol/schema/streams.pb.h"
#include "protocol/types/frame.h"

namespace glasswatch {

/// Appears as `path` at close(), is PATH.partial until then, and is removed when never closed. All pixels lie
/// behind each other, then one directory per frame: a stack for ImageJ ("images=N", unit, finterval), pages
/// for every other program. Classic TIFF below 4 GiB, else BigTIFF, which ImageJ opens with Bio-Formats only.
/// Each page has its times: ImageDescription holds exposure_start_utc_ns, exposure_end_utc_ns and sequence as
/// lines "key=value", DateTime the start in whole seconds UTC. Keeps 24 bytes per frame in memory. One
/// thread.
class TiffWriter {
 public:
  static constexpr std::uint64_t kClassicLimitBytes = 0xFFFF'FFFF;

  /// `frame_count`: how many frames will be added, 0 = not known. Longer files than `classic_limit_bytes`
  /// become BigTIFF (the default is what the format holds). Throws std::runtime_error as PartialFile does.
  TiffWriter(const std::filesystem::path& path, const stream::SeriesStart& start, std::uint64_t frame_count,
             std::uint64_t classic_limit_bytes = kClassicLimitBytes);

  /// Throws std::runtime_error when the frame has not the shape and type of the series, or cannot be written.
  void add(const Frame& frame);
  /// Throws std::runtime_error when no frame, or another number than announced, was added, or the file system
  /// fails.
  void close();

 private:
  struct Page {
    std::uint64_t sequence;
    std::int64_t exposure_start_utc_ns;
    std::int64_t exposure_end_utc_ns;
  };
  std::string description(std::uint64_t page) const;
  std::vector<std::byte> directory(std::uint64_t page, std::uint64_t offset, bool big) const;

  std::filesystem::path path_;
  stream::SeriesStart start_;
  std::uint64_t announced_;
  std::uint64_t classic_limit_bytes_;
  PartialFile file_;
  std::vector<Page> pages_;
};

}  // namespace glasswatch
