// What an offline run has finished, so that an interrupted or killed one need not do it again.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "protocol/schema/results.pb.h"

namespace glasswatch {

/// A file of results as they were found, series by series. It only grows; a series counts when its end is in
/// it and on the disk. Layout: "glasswatch-resume 1\n", then records: length (4 bytes, little-endian, of the
/// payload), CRC-32 of kind and payload (4 bytes), kind (1 byte), payload. The first record is the plan of
/// the run: text, a line for everything that its results depend on. One thread. Throws std::runtime_error
/// when the disk fails.
class ResumeLog {
 public:
  enum class Start : std::uint8_t { kAnew, kContinue };

  /// kContinue goes on behind the last series that was finished, and begins anew when there is no log. Throws
  /// UsageError, naming the first line that differs, when the log is of another plan, and when it is no such
  /// log.
  ResumeLog(const std::filesystem::path& path, const std::string& plan, Start start);
  ~ResumeLog();
  ResumeLog(const ResumeLog&) = delete;
  ResumeLog& operator=(const ResumeLog&) = delete;

  std::size_t finished_series() const { return finished_series_; }

  /// Everything that was kept of the finished series, in order: a frame or a map, each with its series, from
  /// 0. Before the first add().
  void recall(const std::function<void(std::size_t series, const result::ResultMessage& result)>& take);

  void add(const result::FrameResult& frame);
  void add_map(const result::MapUpdate& map);
  void end_series();  // waits for the disk

  /// Removes the file: the run is complete.
  void remove();

 private:
  enum Kind : std::uint8_t { kPlan = 1, kResult = 2, kSeriesEnd = 3 };

  void begin(const std::string& plan);
  void check_plan(const std::string& plan);
  void find_finished();
  bool read_record(Kind& kind, std::string& payload);
  void write_record(Kind kind, const std::string& payload);
  void write_result();
  [[noreturn]] void fail(const char* what) const;

  std::filesystem::path path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  std::uint64_t first_result_byte_ = 0;
  std::uint64_t end_byte_ = 0;  // of the last finished series
  std::size_t finished_series_ = 0;
  result::ResultMessage message_;
  std::string payload_;
};

}  // namespace glasswatch
