#include "simulators/replay_feeds.h"

#include <algorithm>
#include <utility>

#include "protocol/wire/wire.h"

namespace glasswatch::simulation {

ReplayCamera::ReplayCamera(std::vector<std::unique_ptr<Recording>> recordings, const ReplayWindow& window)
    : recordings_(std::make_move_iterator(recordings.begin()), std::make_move_iterator(recordings.end())),
      window_(window) {
  load_next_frame();
}

// Leaves frame_ empty when the front recording has no further frame inside the window.
void ReplayCamera::load_next_frame() {
  frame_ = Frame();
  while (!recordings_.empty() && next_index_ < recordings_.front()->frame_count()) {
    // Memory of its own: the transport keeps it until every subscriber has taken the frame.
    Frame frame = FramePool(1, frame_bytes(recordings_.front()->start())).acquire();
    recordings_.front()->read(next_index_++, frame);
    const std::int64_t begin = frame.info.exposure_start_utc_ns;
    if (!first_utc_ns_) first_utc_ns_ = begin;
    const double offset_s = static_cast<double>(begin - *first_utc_ns_) * 1e-9;
    if (offset_s < window_.start_s || offset_s >= window_.stop_s) continue;
    frame_ = std::move(frame);
    return;
  }
}

// Skips recordings of which no frame is played; false when nothing is left.
bool ReplayCamera::advance() {
  while (!frame_ && series_id_ == 0 && !recordings_.empty()) {
    recordings_.pop_front();
    next_index_ = 0;
    load_next_frame();
  }
  return !recordings_.empty();
}

std::optional<std::int64_t> ReplayCamera::due_utc_ns() {
  if (last_words_) return last_due_utc_ns_;
  if (finished_ || !advance()) return std::nullopt;
  if (series_id_ == 0) return frame_.info.exposure_start_utc_ns;
  return frame_ ? frame_.info.exposure_end_utc_ns : last_due_utc_ns_;
}

Message ReplayCamera::take() {
  if (last_words_) return *std::exchange(last_words_, std::nullopt);
  if (series_id_ == 0) return take_start();
  if (frame_) return take_frame();
  return take_end(stream::SeriesEnd::COMPLETED, "");
}

void ReplayCamera::finish(stream::SeriesEnd::Reason reason, const std::string& note) {
  finished_ = true;
  if (series_id_ != 0) last_words_ = take_end(reason, note);
}

Message ReplayCamera::take_start() {
  series_id_ = wire::random_id();
  first_sequence_ = frame_.info.sequence;
  played_ = 0;
  last_due_utc_ns_ = frame_.info.exposure_start_utc_ns;
  Message message;
  message.header.set_schema_version(wire::kSchemaVersion);
  message.header.set_series_id(series_id_);
  auto& start = *message.header.mutable_series_start();
  start = recordings_.front()->start();
  if (!window_.everything()) start.set_expected_frames(0);
  start.set_reason("replay");
  return message;
}

Message ReplayCamera::take_frame() {
  Message message;
  FrameInfo info = frame_.info;
  info.series_id = series_id_;
  info.sequence -= first_sequence_;
  wire::encode_frame_info(info, message.header);
  message.pixels = SharedPixels(std::move(frame_));
  last_due_utc_ns_ = info.exposure_end_utc_ns;
  played_ = info.sequence + 1;
  load_next_frame();
  return message;
}

Message ReplayCamera::take_end(stream::SeriesEnd::Reason reason, const std::string& note) {
  Message message;
  message.header.set_schema_version(wire::kSchemaVersion);
  message.header.set_series_id(series_id_);
  message.header.set_sequence(played_);
  message.header.mutable_series_end()->set_reason(reason);
  message.header.mutable_series_end()->set_count(played_);
  message.header.mutable_series_end()->set_note(note);
  series_id_ = 0;
  return message;
}

ReplayHolder::ReplayHolder(EnvironmentLog log)
    : log_(std::move(log)), latest_utc_ns_(log_.samples.empty() ? 0 : log_.samples.front().time_utc_ns()) {
  end_.set_reason(stream::SeriesEnd::COMPLETED);
}

std::optional<std::int64_t> ReplayHolder::due_utc_ns() {
  if (ended_) return std::nullopt;
  if (!started_ || next_ >= log_.samples.size()) return latest_utc_ns_;
  return std::max(latest_utc_ns_, log_.samples[next_].time_utc_ns());
}

Message ReplayHolder::take() {
  Message message;
  message.header.set_schema_version(wire::kSchemaVersion);
  message.header.set_series_id(series_id_);
  if (!started_) {
    *message.header.mutable_environment_start() = log_.start;
    started_ = true;
    return message;
  }
  message.header.set_sequence(next_);
  if (next_ < log_.samples.size()) {
    *message.header.mutable_environment() = log_.samples[next_++];
    latest_utc_ns_ = std::max(latest_utc_ns_, message.header.environment().time_utc_ns());
    return message;
  }
  end_.set_count(next_);
  *message.header.mutable_series_end() = end_;
  ended_ = true;
  return message;
}

void ReplayHolder::finish(stream::SeriesEnd::Reason reason, const std::string& note) {
  if (!started_) ended_ = true;
  log_.samples.resize(next_);
  if (ended_ || end_.reason() != stream::SeriesEnd::COMPLETED) return;
  end_.set_reason(reason);
  end_.set_note(note);
}

}  // namespace glasswatch::simulation
