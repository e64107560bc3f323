#include "daemon/recording/recorder.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "detectors/recording.h"
#include "protocol/client/utc_now.h"
#include "protocol/configuration/configuration.h"
#include "protocol/configuration/text.h"
#include "protocol/types/user_error.h"
#include "protocol/wire/wire.h"

namespace glasswatch {
namespace {

constexpr std::size_t kItems = 8192;  // of everything; frames have a budget of their own
constexpr std::size_t kProbeBytes = std::size_t{64} << 20;
constexpr char kNoRoom[] = "the recorder does not keep up with what it has; try again";
constexpr double kMib = 1024.0 * 1024.0;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

recording::Record record_now() {
  recording::Record record;
  record.set_written_utc_ns(utc_now_ns());
  return record;
}

recording::Gap::Cause cause(Gap::Cause cause) {
  switch (cause) {
    case Gap::Cause::kRejected:
      return recording::Gap::REJECTED;
    case Gap::Cause::kDroppedByOverflow:
      return recording::Gap::DROPPED_BY_OVERFLOW;
    case Gap::Cause::kLost:
      break;
  }
  return recording::Gap::LOST;
}

}  // namespace

Recorder::Recorder(const config::Configuration& configuration)
    : configuration_(configuration),
      settings_(configuration.recording()),
      configuration_text_(effective_text(configuration)),
      queue_(kItems, doorbell_),
      // A trigger is about a frame that has waited for its temperature.
      ring_(settings_.before_s() + configuration.temperature().wait_s(),
            std::size_t{settings_.ring_mib()} << 20) {
  takes_frames_ = settings_.mode() != config::Recording::ON_REQUEST;
  status_.set_compression_ratio(kNan);
  update_status();
}

Recorder::~Recorder() {
  stop();
}

void Recorder::start() {
  try {
    write_bytes_per_s_ = measure_write_speed(settings_.directory(), kProbeBytes);
  } catch (const std::runtime_error& error) {
    throw UsageError(error.what());
  }
  spdlog::info("recordings go to {}, which takes {:.0f} MiB/s", settings_.directory(),
               write_bytes_per_s_ / kMib);
  thread_ = std::thread([this] { run(); });
}

void Recorder::stop() {
  stopping_ = true;
  doorbell_.ring();
  if (thread_.joinable()) thread_.join();
}

// ---- on the threads of sources and results ----

void Recorder::take_camera(const StreamItem& item, bool may_wait) {
  if (const auto* frame = std::get_if<Frame>(&item)) {
    take_frame(*frame, may_wait);
  } else if (const auto* started = std::get_if<SeriesStarted>(&item)) {
    source_waits_ = may_wait;
    begin_copies(started->start);
    set_running(started->start);
    push_in_order(*started, may_wait);
  } else if (const auto* ended = std::get_if<SeriesEnded>(&item)) {
    set_running(std::nullopt);
    count_refused(may_wait);
    push_in_order(*ended, may_wait);
  } else if (const auto* gap = std::get_if<Gap>(&item)) {
    recording::Record record = record_now();
    record.mutable_gap()->set_series_id(gap->series_id);
    record.mutable_gap()->set_first_sequence(gap->first_sequence);
    record.mutable_gap()->set_count(gap->count);
    record.mutable_gap()->set_cause(cause(gap->cause));
    push(std::move(record), may_wait);
  }
}

void Recorder::begin_copies(const stream::SeriesStart& start) {
  const std::size_t bytes = frame_bytes(start);
  const std::size_t budget = std::size_t{settings_.queue_mib()} << 20;
  copies_ = std::make_shared<FrameCopies>(std::clamp<std::size_t>(budget / bytes, 2, kItems / 2), bytes);
}

void Recorder::set_running(std::optional<stream::SeriesStart> start) {
  const std::scoped_lock lock(mutex_);
  running_ = std::move(start);
}

void Recorder::take_frame(const Frame& frame, bool may_wait) {
  if (!takes_frames_ || copies_ == nullptr) return;
  if (Frame copy = push_held(may_wait) ? copies_->copy(frame, may_wait) : Frame()) {
    count_refused(may_wait);
    ++waiting_;
    if (push(CopiedFrame{std::move(copy), copies_}, may_wait)) return;
    --waiting_;
    copies_->release();
  }
  if (refused_.count() == 0) {
    refused_.set_series_id(frame.info.series_id);
    refused_.set_first_sequence(frame.info.sequence);
  }
  refused_.set_count(refused_.count() + 1);
  ++overflown_;
}

// Starts and ends are kept until there is room: without them the frames between belong to nothing.
void Recorder::push_in_order(Item item, bool may_wait) {
  held_.push_back(std::move(item));
  push_held(may_wait);
}

bool Recorder::push_held(bool may_wait) {
  while (!held_.empty()) {
    if (!(may_wait ? queue_.push(held_.front()) : queue_.try_push(held_.front()))) return false;
    held_.pop_front();
  }
  return true;
}

// One gap for all frames that found no room since the last one that did.
void Recorder::count_refused(bool may_wait) {
  if (refused_.count() == 0) return;
  recording::Record record = record_now();
  refused_.set_cause(recording::Gap::NOT_RECORDED);
  *record.mutable_gap() = refused_;
  if (push(std::move(record), may_wait)) refused_.Clear();
}

void Recorder::take_environment(const StreamItem& item, bool may_wait) {
  recording::Record record = record_now();
  if (const auto* begun = std::get_if<EnvironmentStarted>(&item)) {
    record.mutable_environment_begin()->set_series_id(begun->series_id);
    *record.mutable_environment_begin()->mutable_start() = begun->start;
  } else if (const auto* sampled = std::get_if<EnvironmentSampled>(&item)) {
    *record.mutable_sample()->mutable_sample() = sampled->sample;
    record.mutable_sample()->set_sent_utc_ns(sampled->sent_utc_ns);
    record.mutable_sample()->set_received_utc_ns(sampled->received_utc_ns);
  } else if (const auto* ended = std::get_if<EnvironmentEnded>(&item)) {
    *record.mutable_environment_end() = ended->end;
  } else {
    return;  // gaps of samples show in their times
  }
  push(std::move(record), may_wait);
}

// Waiting is for recorded sources: a hung disk must not hold up the analysis of a live one.
void Recorder::take_result(const Outbound& result, bool may_wait) {
  if (result.topic != wire::kDisplayTopic) push(result.bytes, may_wait && source_waits_);
}

void Recorder::take_last_dynamics(const result::Dynamics& dynamics, bool may_wait) {
  recording::Record record = record_now();
  *record.mutable_result()->mutable_dynamics() = dynamics;
  push(std::move(record), may_wait);
}

void Recorder::take_status(const result::Status& status) {
  recording::Record record = record_now();
  *record.mutable_result()->mutable_status() = status;
  push(std::move(record), false);
}

void Recorder::note(std::string text) {
  recording::Record record = record_now();
  record.mutable_note()->set_text(std::move(text));
  push(std::move(record), false);
}

bool Recorder::push(Item item, bool may_wait) {
  return may_wait ? queue_.push(item) : queue_.try_push(item);
}

std::string Recorder::request_start(const std::string& client) {
  {
    const std::scoped_lock lock(mutex_);
    if (running_) {  // the free space is that of the last look: this thread does not wait for a disk
      const double free = std::max(0.0, status_.disk_free_mib()) * kMib;  // 0 where it is not known
      const Disk disk{static_cast<std::uint64_t>(free), write_bytes_per_s_};
      if (std::string refusal = plan_recording(*running_, disk, settings_).refusal; !refusal.empty()) {
        return refusal;
      }
    }
  }
  takes_frames_ = true;
  return push(Start{client}, false) ? "" : kNoRoom;
}

std::string Recorder::request_stop(const std::string& client) {
  return push(Stop{client}, false) ? "" : kNoRoom;
}

result::Recording Recorder::status() const {
  const std::scoped_lock lock(mutex_);
  result::Recording status = status_;
  status.set_queued(waiting_);
  status.set_not_recorded(std::max<std::uint64_t>(status.not_recorded(), overflown_));
  return status;
}

}  // namespace glasswatch
