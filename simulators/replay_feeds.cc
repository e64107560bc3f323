#include "simulators/replay_feeds.h"

#include <algorithm>
#include <utility>

#include "protocol/wire/random_id.h"
#include "protocol/wire/wire.h"

namespace glasswatch::simulation {

ReplayCamera::ReplayCamera(std::vector<ReplayInput> inputs, const ReplayWindow& window)
    : inputs_(std::move(inputs)), window_(window) {}

void ReplayCamera::rewind() {
  playing_ = 0;
  cursor_.reset();
  frame_ = Frame();
  exhausted_ = false;
  series_id_ = 0;
  last_words_.reset();
  finished_ = false;
}

// Reads the next frame unless there is one. Skips inputs of which no frame is played; false when nothing
// is left.
bool ReplayCamera::advance() {
  while (!frame_ && playing_ < inputs_.size()) {
    if (!cursor_) cursor_.emplace(recording(), window_);
    if (!exhausted_) frame_ = cursor_->next();
    exhausted_ = !frame_;
    if (frame_ || series_id_ != 0) return true;
    ++playing_;
    cursor_.reset();
    exhausted_ = false;
  }
  return frame_ || playing_ < inputs_.size();
}

std::optional<std::int64_t> ReplayCamera::due_utc_ns() {
  if (last_words_) return latest_due_utc_ns_;
  if (finished_ || !advance()) return std::nullopt;
  if (series_id_ == 0) return frame_.info.exposure_start_utc_ns;
  return frame_ ? std::max(latest_due_utc_ns_, frame_.info.exposure_end_utc_ns) : latest_due_utc_ns_;
}

Message ReplayCamera::take() {
  if (last_words_) return *std::exchange(last_words_, std::nullopt);
  advance();
  if (series_id_ == 0) return take_start();
  if (frame_) return take_frame();
  return take_end(recorded_end());
}

void ReplayCamera::finish(stream::SeriesEnd::Reason reason, const std::string& note) {
  finished_ = true;
  if (series_id_ == 0) return;
  stream::SeriesEnd end;
  end.set_reason(reason);
  end.set_note(note);
  last_words_ = take_end(end);
}

// A frame that came late has a number below one that came before it, and would count as a repeated one if
// the start did not announce it. Nothing is below 0.
std::uint64_t ReplayCamera::first_sequence() {
  std::uint64_t lowest = frame_.info.sequence;
  const auto& first_sequence = inputs_[playing_].first_sequence;
  if (first_sequence && cursor_->at_begin()) lowest = std::min(lowest, *first_sequence);
  FrameCursor ahead = *cursor_;
  for (std::uint64_t place = 0; place < FrameCursor::kPlaces && lowest > 0; ++place) {
    const Frame frame = ahead.next();
    if (!frame) break;
    lowest = std::min(lowest, frame.info.sequence);
  }
  return lowest;
}

stream::SeriesEnd ReplayCamera::recorded_end() {
  auto end = cursor_->at_end() ? recording().end() : std::nullopt;
  if (end) return *end;
  stream::SeriesEnd completed;
  completed.set_reason(stream::SeriesEnd::COMPLETED);
  return completed;
}

Message ReplayCamera::message() const {
  Message message;
  message.header.set_schema_version(wire::kSchemaVersion);
  message.header.set_series_id(series_id_);
  return message;
}

Message ReplayCamera::take_start() {
  series_id_ = wire::random_id();
  next_sequence_ = first_sequence();
  latest_due_utc_ns_ = frame_.info.exposure_start_utc_ns;
  Message start = message();
  start.header.set_sequence(next_sequence_);
  *start.header.mutable_series_start() = recording().start();
  if (!window_.everything()) start.header.mutable_series_start()->set_expected_frames(0);
  start.header.mutable_series_start()->set_reason("replay");
  return start;
}

Message ReplayCamera::take_frame() {
  Message frame = message();
  frame_.info.series_id = series_id_;
  wire::encode_frame_info(frame_.info, frame.header);
  latest_due_utc_ns_ = std::max(latest_due_utc_ns_, frame_.info.exposure_end_utc_ns);
  next_sequence_ = std::max(next_sequence_, frame_.info.sequence + 1);
  frame.pixels = SharedPixels(std::move(frame_));
  frame_ = Frame();
  return frame;
}

Message ReplayCamera::take_end(const stream::SeriesEnd& end) {
  Message last = message();
  *last.header.mutable_series_end() = end;
  last.header.mutable_series_end()->set_count(std::max(end.count(), next_sequence_));
  last.header.set_sequence(last.header.series_end().count());
  series_id_ = 0;
  return last;
}

ReplayHolder::ReplayHolder(EnvironmentLog log) : log_(std::move(log)) {
  rewind();
}

void ReplayHolder::rewind() {
  series_id_ = wire::random_id();
  next_ = 0;
  stop_ = log_.samples.size();
  started_ = false;
  ended_ = log_.samples.empty();
  latest_utc_ns_ = log_.samples.empty() ? 0 : log_.samples.front().time_utc_ns();
  end_.set_reason(stream::SeriesEnd::COMPLETED);
  end_.clear_note();
}

std::optional<std::int64_t> ReplayHolder::due_utc_ns() {
  if (ended_) return std::nullopt;
  if (!started_ || next_ >= stop_) return latest_utc_ns_;
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
  if (next_ < stop_) {
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
  stop_ = next_;
  if (ended_ || end_.reason() != stream::SeriesEnd::COMPLETED) return;
  end_.set_reason(reason);
  end_.set_note(note);
}

}  // namespace glasswatch::simulation
