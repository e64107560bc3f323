#include "daemon/recording/recording_session.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "protocol/client/utc_now.h"
#include "protocol/configuration/configuration.h"
#include "protocol/configuration/text.h"
#include "protocol/wire/random_id.h"

namespace glasswatch {
namespace {

// An hour at the ten samples a second that a holder sends; the temperature of the first frame needs the last
// few.
constexpr std::size_t kSamples = 36'000;
constexpr double kGib = 1024.0 * 1024.0 * 1024.0;

// "glasswatch-20230512T090000.123Z": no character that a shell or a file system minds.
std::string file_stem(const std::string& name) {
  std::string utc = format_utc(utc_now_ns());
  std::erase(utc, '-');
  std::erase(utc, ':');
  return name + "-" + utc.substr(0, utc.find('.') + 4) + "Z";
}

}  // namespace

void Prelude::take(const recording::Record& record) {
  if (record.has_environment_begin()) {
    environment_ = record;
    samples_.clear();
  } else if (record.has_sample()) {
    if (samples_.size() == kSamples) samples_.pop_front();
    samples_.push_back(record);
  }
}

void Prelude::write_to(recorded::FileWriter& file) const {
  if (environment_) file.add(*environment_);
  for (const recording::Record& sample : samples_) file.add(sample);
}

RecordingSession::RecordingSession(const config::Recording& settings, std::string configuration_text,
                                   const SeriesStarted& series, std::string reason, bool triggered,
                                   const Prelude& prelude)
    : settings_(settings),
      configuration_text_(std::move(configuration_text)),
      series_(series),
      reason_(std::move(reason)),
      triggered_(triggered),
      prelude_(prelude),
      recording_id_(wire::random_id()),
      name_(file_stem(settings.name())) {
  open();
}

void RecordingSession::open() {
  recording::FileBegin begin;
  begin.set_file_id(wire::random_id());
  begin.set_series_id(series_.series_id);
  *begin.mutable_start() = series_.start;
  begin.set_part(++part_);
  begin.set_recording_id(recording_id_);
  begin.set_first_frame(frames_before_);
  begin.set_program_version(GLASSWATCH_VERSION);
  begin.set_configuration_text(configuration_text_);
  begin.set_triggered(triggered_);
  begin.set_reason(reason_);
  char part[16];
  std::snprintf(part, sizeof part, "-%03u", part_);
  files_.push_back(std::filesystem::path(settings_.directory()) / (name_ + part + ".hspy"));
  file_ = std::make_unique<recorded::FileWriter>(file(), begin, settings_.sync());
  prelude_.write_to(*file_);
  if (setup_) file_->add(*setup_);
}

void RecordingSession::add_frame(const FrameInfo& info, std::vector<std::byte>& compressed) {
  const double grown = static_cast<double>(file_->bytes() + compressed.size());
  if (file_->frames() > 0 && grown > settings_.max_file_gib() * kGib) {
    close_file("the file has reached recording.max_file_gib", true);
    open();
  }
  file_->add_frame(info, compressed);
  last_sequence_ = std::max(last_sequence_, info.sequence);
}

void RecordingSession::add(const recording::Record& record) {
  file_->add(record);
}

void RecordingSession::add_result(const recording::Record& record,
                                  const std::shared_ptr<const recording::Record>& setup) {
  if (setup != nullptr && setup != setup_) {
    setup_ = setup;
    file_->add(*setup_);
  }
  file_->add(record);
}

void RecordingSession::flush() {
  file_->flush();
  // A file that was removed under us takes everything and keeps nothing.
  std::error_code error;
  if (!std::filesystem::exists(file(), error)) {
    throw recorded::WriteError(text::concatenate(
        file().string(), ": is no longer there; somebody has removed it or its disk. Recording ends"));
  }
}

void RecordingSession::close(const std::string& reason) {
  close_file(reason, false);
}

void RecordingSession::close_file(const std::string& reason, bool rolled_over) {
  recording::FileEnd end;
  end.set_frames(file_->frames());
  end.set_frames_not_recorded(not_recorded_);
  end.set_rolled_over(rolled_over);
  end.set_reason(reason);
  file_->close(end);
  frames_before_ += file_->frames();
  bytes_before_ += file_->bytes();
  file_.reset();
}

}  // namespace glasswatch
