#include "daemon/programs/recording_output.h"

#include <limits>
#include <system_error>
#include <utility>

#include "protocol/client/utc_now.h"
#include "protocol/wire/random_id.h"

namespace glasswatch {
namespace {

constexpr std::uint64_t kFramesPerFlush = 64;

recording::FileBegin file_begin(const stream::SeriesStart& start, const RecordedFile* source,
                                const std::string& reason) {
  recording::FileBegin begin;
  if (source != nullptr) begin = source->begin();
  begin.set_file_id(wire::random_id());
  begin.set_recording_id(wire::random_id());
  if (source == nullptr) begin.set_series_id(wire::random_id());
  *begin.mutable_start() = start;
  begin.set_part(1);
  begin.set_program_version(GLASSWATCH_VERSION);
  begin.set_reason(reason);
  return begin;
}

}  // namespace

RecordingOutput::RecordingOutput(const std::filesystem::path& path, const stream::SeriesStart& start,
                                 const RecordedFile* source, const std::string& reason)
    : path_(path), partial_path_(path.string() + ".partial"), reason_(reason) {
  std::error_code ignored;  // of an earlier run; if it cannot be removed, it cannot be created either
  std::filesystem::remove(partial_path_, ignored);
  const recording::FileBegin begin = file_begin(start, source, reason);
  series_id_ = begin.series_id();
  file_ = std::make_unique<recorded::FileWriter>(partial_path_, begin, false);
}

RecordingOutput::~RecordingOutput() {
  if (file_ == nullptr) return;
  file_.reset();
  std::error_code ignored;  // the reason why it was not closed is told elsewhere
  std::filesystem::remove(partial_path_, ignored);
}

void RecordingOutput::add_log(const EnvironmentLog& log) {
  log_given_ = true;
  recording::Record record;
  record.set_written_utc_ns(utc_now_ns());
  record.mutable_environment_begin()->set_series_id(wire::random_id());
  *record.mutable_environment_begin()->mutable_start() = log.start;
  file_->add(record);
  for (const stream::EnvironmentSample& sample : log.samples) {
    *record.mutable_sample()->mutable_sample() = sample;
    file_->add(record);
  }
}

void RecordingOutput::add(const Frame& frame) {
  const FrameView view = frame.view();
  FrameInfo info = frame.info;
  info.series_id = series_id_;
  encoder_.compress({static_cast<const std::byte*>(view.pixels), view.byte_count()},
                    bytes_per_pixel(view.type), recorded::Effort::kCompact, block_);
  file_->add_frame(info, block_);
  if (++frames_ % kFramesPerFlush == 0) file_->flush();
}

bool RecordingOutput::wanted(const recording::Record& record, bool same_series) {
  switch (record.content_case()) {
    case recording::Record::kEnvironmentBegin:
    case recording::Record::kEnvironmentEnd:
      return !log_given_;
    case recording::Record::kSample:
      return !log_given_ && !samples_of_others_.contains(record.sample().SerializeAsString());
    case recording::Record::kResult:
      return same_series && !log_given_;
    case recording::Record::kGap:
    case recording::Record::kSeriesEnd:
      return same_series;
    case recording::Record::kNote:
      return true;
    default:  // begin and end of the other file
      return false;
  }
}

void RecordingOutput::copy(const std::filesystem::path& path, RecordedFile& recording, bool same_series,
                           const std::function<void(std::uint64_t index)>& add_frame) {
  RecordedFile journal(path);  // of its own: frames are read between its records
  constexpr auto kNever = std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t frames = recording.frame_count();
  std::uint64_t next = 0, number = 0;
  std::vector<std::string> samples;
  std::uint64_t place = frames > 0 ? recording.records_before(0) : kNever;
  journal.for_each_record([&](const recording::Record& record) {
    for (; place <= number; place = next < frames ? recording.records_before(next) : kNever)
      add_frame(next++);
    ++number;
    if (!wanted(record, same_series)) return;
    file_->add(record);
    if (record.has_sample()) samples.push_back(record.sample().SerializeAsString());
  });
  while (next < frames) add_frame(next++);
  for (std::string& sample : samples) samples_of_others_.insert(std::move(sample));
}

void RecordingOutput::close(const std::optional<stream::SeriesEnd>& end) {
  if (end) {
    recording::Record record;
    record.set_written_utc_ns(utc_now_ns());
    *record.mutable_series_end() = *end;
    file_->add(record);
  }
  recording::FileEnd last;
  last.set_frames(frames_);
  last.set_reason(reason_);
  file_->close(last);
  file_.reset();
  std::filesystem::rename(partial_path_, path_);
}

}  // namespace glasswatch
