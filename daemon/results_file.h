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

  /// Scale of drift, where the series has it. Call before the frames of a series. Dynamics are those of the
  /// last.
  void begin_series(std::uint64_t series_id, const stream::SeriesStart& start);

  void add(const result::FrameResult& frame);

  /// A whole map. Of scans the last is written; of tiles all, one after the other.
  void add_map(const result::MapUpdate& map);

  /// Dynamics of the series; the last that is given is written.
  void add_dynamics(const result::Dynamics& dynamics);

  /// Writes what concerns the whole run: axes of `setup` (complete by now), dynamics, scan maps.
  void finish(const result::Setup& setup);

 private:
  struct Layout;
  static void add_map_to(Layout& layout, const result::MapUpdate& map);
  std::unique_ptr<Layout> layout_;
};

}  // namespace glasswatch
