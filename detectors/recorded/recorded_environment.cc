// The holder's stream inside a recording, as a log.
#include <limits>
#include <set>

#include "detectors/input_error.h"
#include "detectors/log_start.h"
#include "detectors/recorded/block_file.h"
#include "detectors/recorded/recorded_file.h"
#include "detectors/utf8.h"

namespace glasswatch {
namespace {

struct Series {
  std::set<std::uint64_t> ids;
  bool live_clock = false;  // of one of them
  std::optional<stream::EnvironmentStart> start;
};

void describe(const std::filesystem::path& path, const Series& series, EnvironmentLog& log) {
  log.start = series.start.value_or(recorded_log_start(path, "recording"));
  log.start.set_source_mode(stream::REPLAY);
  log.start.mutable_clock()->set_kind(stream::RECORDED_CLOCK);
  log.start.mutable_identity()->set_source(valid_utf8(path.filename().string()));
  if (series.live_clock) {
    log.remarks.emplace_back(
        "The holder's clock was a live one: the times of the samples are as the holder gave them.");
  }
  if (series.ids.size() > 1) {
    log.remarks.push_back(std::to_string(series.ids.size()) +
                          " environment series were recorded: the samples of all follow each other here.");
  }
  if (!series.start) log.remarks.emplace_back("The start of the environment series is not in the file.");
}

}  // namespace

bool matches_recorded_environment(const std::filesystem::path& path, std::string_view head) {
  return recorded::is_recording(path, std::as_bytes(std::span(head)));
}

EnvironmentLog read_recorded_environment(const std::filesystem::path& path, const EnvironmentLogSettings&) {
  RecordedFile file(path);
  const std::uint64_t records_before_frames =
      file.frame_count() > 0 ? file.records_before(0) : std::numeric_limits<std::uint64_t>::max();
  EnvironmentLog log;
  Series series;
  std::uint64_t number = 0;
  file.for_each_record([&](const recording::Record& record) {
    if (record.has_sample()) log.samples.push_back(record.sample().sample());
    if (record.has_environment_begin()) {
      const stream::EnvironmentStart& start = record.environment_begin().start();
      series.ids.insert(record.environment_begin().series_id());  // a start may be repeated
      series.live_clock = series.live_clock || start.clock().kind() == stream::LIVE_CLOCK;
      if (!series.start || number < records_before_frames) series.start = start;
    }
    ++number;
  });
  if (log.samples.empty()) {
    throw input_error(path, "no environment samples were recorded; give the holder's own log");
  }
  describe(path, series, log);
  return log;
}

}  // namespace glasswatch
