// The result file (HDF5): one writer for the offline analyser and for snapshots.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "protocol/schema/results.pb.h"

namespace glasswatch {

/// Writes frame results to the layout of format "glasswatch-results" (daemon/README.md lists every dataset).
/// The file appears under its name only when finish() has succeeded; until then it is OUTPUT.partial. One
/// thread.
class ResultsFile {
 public:
  /// Throws std::runtime_error when the file cannot be created.
  ResultsFile(const std::filesystem::path& path, const result::Setup& setup);
  ~ResultsFile();
  ResultsFile(const ResultsFile&) = delete;
  ResultsFile& operator=(const ResultsFile&) = delete;

  /// Scale of drift and shape of the scan, where the series has them. Call before the frames of a series. The
  /// scan map is that of the last scan, the field g2 that of the last series.
  void begin_series(std::uint64_t series_id, const stream::SeriesStart& start);

  void add(const result::FrameResult& frame);

  /// Writes what concerns the whole run: axes of `setup` (complete by now), field g2 of the last frame, scan
  /// maps.
  void finish(const result::Setup& setup);

 private:
  struct Layout;
  std::unique_ptr<Layout> layout_;
};

}  // namespace glasswatch
