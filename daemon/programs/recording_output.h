// Writes recordings of ours from other recordings, for `glasswatch convert`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "detectors/environment_log.h"
#include "detectors/recorded/block.h"
#include "detectors/recorded/file_writer.h"
#include "detectors/recorded/recorded_file.h"

namespace glasswatch {

/// One file, in the place of PATH only when it is closed. Recordings of one series are copied with their
/// journals: samples, gaps, results, events. One thread. Throws recorded::WriteError.
class RecordingOutput {
 public:
  /// `start` as the file shall tell it; `source`: the recording that frames come from first, where it is one
  /// of ours.
  RecordingOutput(const std::filesystem::path& path, const stream::SeriesStart& start,
                  const RecordedFile* source, const std::string& reason);
  ~RecordingOutput();
  RecordingOutput(const RecordingOutput&) = delete;
  RecordingOutput& operator=(const RecordingOutput&) = delete;

  /// A holder's log beside the frames; journals then keep their samples, and what was computed with them, to
  /// themselves.
  void add_log(const EnvironmentLog& log);

  void add(const Frame& frame);

  /// Calls `add_frame(index)` for every frame of the recording, between the records of its journal.
  /// `same_series`: the file shall be the series of that journal.
  void copy(const std::filesystem::path& path, RecordedFile& recording, bool same_series,
            const std::function<void(std::uint64_t index)>& add_frame);

  /// `end`: how the series ended, where no journal told.
  void close(const std::optional<stream::SeriesEnd>& end);

 private:
  bool wanted(const recording::Record& record, bool same_series);

  std::filesystem::path path_;
  std::filesystem::path partial_path_;
  std::uint64_t series_id_;
  std::string reason_;
  std::unique_ptr<recorded::FileWriter> file_;
  recorded::BlockEncoder encoder_;
  std::vector<std::byte> block_;
  std::uint64_t frames_ = 0;
  bool log_given_ = false;
  std::unordered_set<std::string>
      samples_of_others_;  // of earlier inputs: parts begin with samples of the part before
};

}  // namespace glasswatch
