// The result file (HDF5): one writer for the offline analyser, for snapshots, and for the results in a
// recording.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "protocol/schema/results.pb.h"

namespace glasswatch {

/// Writes frame results to the layout of format "glasswatch-results" (daemon/README.md lists every dataset).
/// One thread. All throw std::runtime_error, one line for the user, when the file cannot be written.
class ResultsFile {
 public:
  /// A file of its own. It appears under its name only when finish() has succeeded; until then it is
  /// OUTPUT.partial, which the destructor removes.
  ResultsFile(const std::filesystem::path& path, const result::Setup& setup);

  /// All of it below the new group `group` ("/results") of the HDF5 file `file`, which nobody else writes;
  /// the attributes of the format stand on that group. The destructor removes the group unless finish() has
  /// succeeded.
  ResultsFile(const std::filesystem::path& file, const std::string& group, const result::Setup& setup);

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

  /// As finish(), of a run that ends before its time: OUTPUT.partial keeps its name and stays, with the
  /// attribute "incomplete" = reason. Files of their own only.
  void leave_partial(const result::Setup& setup, const std::string& reason);

 private:
  struct Layout;
  std::unique_ptr<Layout> layout_;
};

}  // namespace glasswatch
