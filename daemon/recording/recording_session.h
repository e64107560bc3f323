// One series on its way to disk: files that follow each other, and what is told about them.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "detectors/recorded/file_writer.h"
#include "detectors/stream_decoder.h"
#include "protocol/schema/configuration.pb.h"
#include "protocol/schema/recording.pb.h"

namespace glasswatch {

/// What every file of a recording begins with, so that its first frames have temperatures: the environment
/// stream so far. One thread.
class Prelude {
 public:
  /// Remembers what it needs of a record that goes into the journal, or would.
  void take(const recording::Record& record);
  void write_to(recorded::FileWriter& file) const;

 private:
  std::optional<recording::Record> environment_;
  std::deque<recording::Record> samples_;
};

/// Writes one series into the directory of `settings`, a new file whenever one has grown beyond max_file_gib.
/// One thread, that of HDF5.
class RecordingSession {
 public:
  /// Throws WriteError. `prelude` outlives the session.
  RecordingSession(const config::Recording& settings, std::string configuration_text,
                   const SeriesStarted& series, std::string reason, bool triggered, const Prelude& prelude);

  void add_frame(const FrameInfo& info, std::vector<std::byte>& compressed);
  void add(const recording::Record& record);
  /// A result, and before it the setup that it was made with, where that is not yet in the file. May be null.
  void add_result(const recording::Record& record, const std::shared_ptr<const recording::Record>& setup);
  void flush();

  /// Closes the last file. All of these throw WriteError, and then the session is over.
  void close(const std::string& reason);

  void count_not_recorded(std::uint64_t frames) { not_recorded_ += frames; }

  std::uint64_t series_id() const { return series_.series_id; }
  const stream::SeriesStart& start() const { return series_.start; }
  const std::filesystem::path& file() const { return files_.back(); }
  const std::vector<std::filesystem::path>& files() const { return files_; }  // all parts
  std::uint64_t last_sequence() const { return last_sequence_; }              // of its frames, the highest
  std::uint64_t frames() const { return frames_before_ + (file_ ? file_->frames() : 0); }
  std::uint64_t not_recorded() const { return not_recorded_; }
  std::uint64_t bytes() const { return bytes_before_ + (file_ ? file_->bytes() : 0); }

 private:
  void open();
  void close_file(const std::string& reason, bool rolled_over);

  const config::Recording settings_;
  const std::string configuration_text_;
  const SeriesStarted series_;
  const std::string reason_;
  const bool triggered_;
  const Prelude& prelude_;
  const std::uint64_t recording_id_;
  const std::string name_;  // NAME-UTC
  std::uint32_t part_ = 0;
  std::vector<std::filesystem::path> files_;
  std::uint64_t last_sequence_ = 0;
  std::unique_ptr<recorded::FileWriter> file_;
  std::shared_ptr<const recording::Record> setup_;  // in the file
  std::uint64_t frames_before_ = 0;                 // in earlier parts
  std::uint64_t bytes_before_ = 0;
  std::uint64_t not_recorded_ = 0;
};

}  // namespace glasswatch
