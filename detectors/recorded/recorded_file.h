// Reads one file of a recording: closed, growing, or left behind by a crash.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "detectors/environment_log.h"
#include "detectors/recording.h"
#include "protocol/schema/recording.pb.h"

namespace glasswatch {

/// One file of a recording. start() is that of the series as its source sent it, but for source_mode REPLAY,
/// a recorded clock, recorded_series_id and identity.source (the name of the file): expected_frames may be
/// more than frame_count(), or 0, and estimators plan by it, so that they do as in the original run; frames
/// carry their own series_id, sequence numbers, times, flags and receive times. Frames are checked (CRC of
/// every block) and decompressed here, not by HDF5. Of a growing file it shows what was there when it was
/// opened. Needs a repair when it was left behind by a crash and cannot be opened (the error says so). One
/// thread.
class RecordedFile final : public Recording {
 public:
  /// Whose file it is: one from anywhere is opened first in a child (hdf5_guard.h), which looks up every
  /// block and reads none, 0.3 us a block; one that this process has written just now is not.
  enum class Origin : std::uint8_t { kAnywhere, kThisProcess };

  /// Throws InputError.
  explicit RecordedFile(const std::filesystem::path& path, Origin origin = Origin::kAnywhere);
  ~RecordedFile() override;

  const stream::SeriesStart& start() const override;
  std::uint64_t frame_count() const override;
  void read(std::uint64_t index, Frame& frame) override;
  std::optional<stream::SeriesEnd> end() const override;

  const recording::FileBegin& begin() const;
  /// How it was closed; nothing when it was not.
  const std::optional<recording::FileEnd>& file_end() const;

  /// FrameInfo without pixels. Costs reading the block, not decompressing it. Throws InputError.
  FrameInfo info(std::uint64_t index);

  /// How many records of the journal were written before frame `index`: its place among them. Throws
  /// InputError.
  std::uint64_t records_before(std::uint64_t index);

  /// All records of the journal, in order. Throws InputError at a page that is damaged.
  void for_each_record(const std::function<void(const recording::Record&)>& take);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Whether the file is a recording, whole or not: the name of the format stands in its first MiB, and HDF5
/// either confirms it or cannot open the file.
bool matches_recorded(const std::filesystem::path& path, std::span<const std::byte> head);
std::unique_ptr<Recording> open_recorded(const std::filesystem::path& path,
                                         const RecordingSettings& settings);

/// The environment stream of a recording: all samples of all its environment series, in the order of arrival.
/// Sample times of live clocks are as the holder gave them; a remark says so. The start is that of the series
/// that was known when the first frame came.
bool matches_recorded_environment(const std::filesystem::path& path, std::string_view head);
EnvironmentLog read_recorded_environment(const std::filesystem::path& path,
                                         const EnvironmentLogSettings& settings);

/// Parts of one recording that follow each other in `recordings` become one; all others stay as they are.
/// Throws InputError when a part is missing between two of the same recording.
std::vector<std::unique_ptr<Recording>> join_parts(std::vector<std::unique_ptr<Recording>> recordings);

}  // namespace glasswatch
