// What the recorder does on its own thread; recorder.cc is what others call.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "daemon/recording/recorded_results.h"
#include "daemon/recording/recorder.h"
#include "detectors/recording.h"
#include "protocol/client/utc_now.h"
#include "protocol/configuration/text.h"

namespace glasswatch {
namespace {

constexpr std::size_t kRingRecords = 100'000;
constexpr std::size_t kMostEnded = 32;
constexpr auto kIdle = std::chrono::milliseconds(200);
constexpr auto kStatusPeriod = std::chrono::seconds(10);
constexpr auto kFramePatience = std::chrono::seconds(10);    // for the result of the last frame
constexpr auto kSeriesPatience = std::chrono::seconds(120);  // for the last fits of a series
constexpr double kMib = 1024.0 * 1024.0;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::chrono::steady_clock::duration to_duration(double seconds) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(seconds));
}

std::uint64_t series_of(const result::ResultMessage& message) {
  if (message.has_frame()) return message.frame().series_id();
  if (message.has_map()) return message.map().series_id();
  if (message.has_dynamics()) return message.dynamics().series_id();
  return message.has_series() ? message.series().series_id() : message.trigger().series_id();
}

}  // namespace

void Recorder::run() {
  Item item;
  for (;;) {
    try {
      if (queue_.try_pop(item)) {
        handle(item);
        item = std::monostate{};
        flush_if_due();
        continue;
      }
      flush_if_due();
      close_ended();
      if (stopping_) {
        end_session("the daemon ended", Awaits::kNothing);
        for (Ended& ended : ended_) ended.awaits = Awaits::kNothing;
        close_ended();
        while (!without_results_.empty()) write_results_of_one();
        update_status();
        return;
      }
      if (!without_results_.empty() && ended_.empty() && !series_running()) {
        write_results_of_one();
        continue;
      }
      update_status();
      doorbell_.wait_until(Clock::now() + kIdle);
    } catch (const std::exception& error) {
      fail(error.what());
    }
  }
}

void Recorder::handle(Item& item) {
  if (auto* copied = std::get_if<CopiedFrame>(&item)) {
    // The copy goes back whatever happens to it: a source may be waiting for it.
    struct Return {
      CopiedFrame& copied;
      std::atomic<std::uint64_t>& waiting;
      ~Return() {
        copied.frame = Frame{};
        copied.copies->release();
        --waiting;
      }
    } give_back{*copied, waiting_};
    take(copied->frame, *copied->copies);
  } else if (auto* started = std::get_if<SeriesStarted>(&item)) {
    begin_series(std::move(*started));
  } else if (const auto* ended = std::get_if<SeriesEnded>(&item)) {
    end_series(*ended);
  } else if (const auto* record = std::get_if<recording::Record>(&item)) {
    take(*record);
  } else if (const auto* bytes = std::get_if<std::string>(&item)) {
    take_encoded_result(*bytes);
  } else if (const auto* start = std::get_if<Start>(&item)) {
    wanted_by_client_ = true;
    failure_.clear();
    if (series_running() && !session_) begin_session("client " + start->client, false);
  } else if (const auto* stop = std::get_if<Stop>(&item)) {
    wanted_by_client_ = false;
    record_until_utc_ns_ = 0;
    end_session("stopped by client " + stop->client, Awaits::kLastFrame);
  }
}

void Recorder::begin_series(SeriesStarted series) {
  end_session("the next series began", Awaits::kLastFrame);
  series_ = std::move(series);
  series_over_ = false;
  failure_.clear();
  forget_ring();
  const std::int64_t start_utc_ns = series_->start.timing().start_utc_ns();
  const bool goes_on = settings_.mode() == config::Recording::ON_TRIGGER &&
                       start_utc_ns > triggered_utc_ns_ && start_utc_ns < record_until_utc_ns_;
  if (wanted_by_client_) return begin_session("asked for by a client", false);
  if (goes_on) return begin_session("within after_s of a trigger", false);
  if (settings_.mode() == config::Recording::ALWAYS) return begin_session("configured", false);
  // The operator learns now, not at the trigger, that there is no room.
  if (settings_.mode() == config::Recording::ON_TRIGGER) {
    if (const std::string refusal = plan(series_->start, true); !refusal.empty()) refuse(refusal);
  }
}

void Recorder::begin_session(const std::string& reason, bool triggered) {
  if (const std::string refusal = plan(series_->start, triggered); !refusal.empty()) return refuse(refusal);
  session_ = std::make_unique<RecordingSession>(settings_, configuration_text_, *series_, reason, triggered,
                                                prelude_);
  session_began_ = Clock::now();
  pixel_bytes_ = 0;
  overflown_ = 0;
  next_flush_ = Clock::now() + to_duration(settings_.flush_s());
  spdlog::info("recording to {}", session_->file().string());
}

// Around a trigger only so many frames are written, however long the series is.
std::string Recorder::plan(stream::SeriesStart start, bool triggered) {
  if (triggered) {
    const double period_s = start.timing().frame_period_s();
    const double span_s = settings_.before_s() + settings_.after_s() + configuration_.temperature().wait_s();
    start.set_expected_frames(period_s > 0 ? static_cast<std::uint64_t>(std::ceil(span_s / period_s)) : 0);
  }
  try {
    return plan_recording(start, {free_bytes(settings_.directory()), write_bytes_per_s_}, settings_).refusal;
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

void Recorder::take(const Frame& frame, const FrameCopies& copies) {
  if (!series_running() || frame.info.series_id != series_->series_id) return;
  const bool past = record_until_utc_ns_ != 0 && frame.info.exposure_start_utc_ns > record_until_utc_ns_;
  if (session_ && past && !wanted_by_client_) {
    record_until_utc_ns_ = 0;
    end_session("recording.after_s after the trigger have passed", Awaits::kLastFrame);
  }
  if (!session_ && !failure_.empty()) ++overflown_;
  if (!session_ && (settings_.mode() != config::Recording::ON_TRIGGER || !failure_.empty())) return;
  const FrameView view = frame.view();
  const std::span<const std::byte> bytes{static_cast<const std::byte*>(view.pixels), view.byte_count()};
  encoder_.compress(bytes, bytes_per_pixel(view.type), effort(copies), block_);
  if (session_) {
    session_->add_frame(frame.info, block_);
    pixel_bytes_ += view.byte_count();
  } else {
    ring_.add(frame.info, block_);
  }
}

// Less compression while frames wait: the processor is shared with the analysis, and the disk may have room.
recorded::Effort Recorder::effort(const FrameCopies& copies) const {
  if (settings_.compression() == config::STORED) return recorded::Effort::kStored;
  const std::uint64_t waiting = waiting_;
  if (waiting * 2 > copies.capacity()) return recorded::Effort::kStored;
  const bool busy = waiting * 8 > copies.capacity();
  return busy || settings_.compression() == config::FAST ? recorded::Effort::kFast
                                                         : recorded::Effort::kCompact;
}

void Recorder::take(const recording::Record& record) {
  prelude_.take(record);
  if (record.has_gap()) return take_gap(record);
  if (record.has_result() && record.result().has_dynamics()) return add_result(record);
  if (record.has_result() && record.result().has_status()) {
    if (Clock::now() < next_status_record_) return;
    next_status_record_ = Clock::now() + kStatusPeriod;
  }
  if (session_) session_->add(record);
  // Samples after the end of a series still belong to its last frames.
  on_ended([&](Ended& ended) { ended.session->add(record); });
}

void Recorder::take_gap(const recording::Record& record) {
  const recording::Gap& gap = record.gap();
  const auto add = [&](RecordingSession& session) {
    if (gap.series_id() != session.series_id()) return false;
    if (gap.cause() == recording::Gap::NOT_RECORDED) session.count_not_recorded(gap.count());
    session.add(record);
    return true;
  };
  if (session_ && add(*session_)) return;
  on_ended([&](Ended& ended) { add(*ended.session); });
  if (!session_ && series_running() && gap.series_id() == series_->series_id) keep_for_trigger(record);
}

// Results belong to the series that they name, which may be over.
void Recorder::take_encoded_result(const std::string& bytes) {
  recording::Record record;
  record.set_written_utc_ns(utc_now_ns());
  result::ResultMessage& message = *record.mutable_result();
  message.ParseFromString(bytes);
  if (message.has_dynamics() && message.dynamics().final()) return;  // comes whole, too
  if (message.has_setup()) {  // goes with the results that follow it, of whichever series they are
    setup_ = std::make_shared<recording::Record>(std::move(record));
    return;
  }
  if (message.has_trigger()) trigger(message.trigger());
  add_result(record);
}

void Recorder::add_result(const recording::Record& record) {
  const result::ResultMessage& message = record.result();
  const std::uint64_t series_id = series_of(message);
  if (session_ && session_->series_id() == series_id) return session_->add_result(record, setup_);
  on_ended([&](Ended& ended) {
    if (ended.session->series_id() != series_id) return;
    const bool beyond = ended.awaits != Awaits::kSeries && message.has_frame() &&
                        message.frame().sequence() > ended.session->last_sequence();
    if (!beyond) ended.session->add_result(record, setup_);
    if (complete(ended, message)) ended.awaits = Awaits::kNothing;
  });
  if (series_ && series_id == series_->series_id) {
    if (message.has_frame() && !session_) keep_for_trigger(record);
    if (message.has_series() && message.series().has_end()) forget_ring();  // nothing can fire any more
  }
}

// Whether this was the last result that the recording waits for.
bool Recorder::complete(const Ended& ended, const result::ResultMessage& message) const {
  const bool series_over = message.has_series() && message.series().has_end();
  if (ended.awaits == Awaits::kLastFrame) {
    return series_over ||
           (message.has_frame() && message.frame().sequence() >= ended.session->last_sequence());
  }
  const bool dynamics_follow =
      configuration_.has_ecm() && setup_ != nullptr && setup_->result().setup().ecm_refused().empty();
  return dynamics_follow ? message.has_dynamics() && message.dynamics().final() : series_over;
}

void Recorder::keep_for_trigger(const recording::Record& record) {
  if (settings_.mode() != config::Recording::ON_TRIGGER) return;
  const auto left_behind = [this](const recording::Record& old) {
    const FrameInfo& oldest = ring_.oldest().info;
    return old.has_gap() ? old.gap().first_sequence() + old.gap().count() < oldest.sequence
                         : old.result().frame().time_utc_ns() < oldest.exposure_start_utc_ns;
  };
  ring_records_.push_back(record);
  while (ring_records_.size() > kRingRecords ||
         (!ring_.empty() && !ring_records_.empty() && left_behind(ring_records_.front()))) {
    ring_records_.pop_front();
  }
}

void Recorder::trigger(const result::TriggerEvent& event) {
  if (settings_.mode() != config::Recording::ON_TRIGGER) return;
  triggered_utc_ns_ = event.time_utc_ns();
  record_until_utc_ns_ = triggered_utc_ns_ + static_cast<std::int64_t>(settings_.after_s() * 1e9);
  if (session_ || !series_ || event.series_id() != series_->series_id || !failure_.empty()) return;
  begin_session("trigger " + event.rule(), true);
  if (!session_) return;
  write_ring();
  if (series_over_) end_session(kSeriesEnded, Awaits::kSeries);
}

void Recorder::write_ring() {
  for (; !ring_.empty(); ring_.drop_oldest()) {
    session_->add_frame(ring_.oldest().info, ring_.oldest().compressed);
    pixel_bytes_ += frame_bytes(series_->start);
  }
  for (const recording::Record& record : ring_records_) {
    if (record.has_gap()) {
      take_gap(record);
    } else {
      session_->add_result(record, setup_);
    }
  }
  ring_records_.clear();
}

void Recorder::forget_ring() {
  ring_.clear();
  ring_records_.clear();
}

void Recorder::end_series(const SeriesEnded& series) {
  if (!series_ || series_->series_id != series.series_id) return;
  series_over_ = true;  // the ring stays: its last frames have not been analysed yet
  if (!session_) return;
  recording::Record record;
  record.set_written_utc_ns(utc_now_ns());
  *record.mutable_series_end() = series.end;
  session_->add(record);
  end_session(kSeriesEnded, Awaits::kSeries);
}

// The stream is over for the recording; its results may still come.
void Recorder::end_session(const std::string& reason, Awaits awaits) {
  if (!session_) return;
  if (ended_.size() >= kMostEnded) ended_.front().awaits = Awaits::kNothing;
  const auto patience = awaits == Awaits::kSeries ? kSeriesPatience : kFramePatience;
  ended_.push_back({std::move(session_), reason, awaits, Clock::now() + patience});
  close_ended();
}

// Trouble with one file is that file's alone: what is in it stays, and `glasswatch repair` closes it.
void Recorder::on_ended(const std::function<void(Ended&)>& work) {
  for (auto ended = ended_.begin(); ended != ended_.end();) {
    try {
      work(*ended);
      ++ended;
    } catch (const std::exception& error) {
      spdlog::error("a recording was not finished: {}", error.what());
      if (failure_.empty()) failure_ = error.what();
      ended = ended_.erase(ended);
    }
  }
}

void Recorder::close_ended() {
  on_ended([&](Ended& ended) {
    if (ended.awaits != Awaits::kNothing && Clock::now() < ended.deadline) return;
    ended.session->close(ended.reason);
    spdlog::info("recording closed: {} frames in {}", ended.session->frames(),
                 ended.session->file().string());
    const auto& files = ended.session->files();
    if (failure_.empty()) without_results_.insert(without_results_.end(), files.begin(), files.end());
    ended.closed = true;
  });
  std::erase_if(ended_, [](const Ended& ended) { return ended.closed; });
}

// While no series is running: it takes a while, and HDF5 serves one thread.
void Recorder::write_results_of_one() {
  const std::filesystem::path file = std::move(without_results_.front());
  without_results_.pop_front();
  try {
    add_results(file);
  } catch (const std::exception& error) {  // the journal has them all the same
    spdlog::error("no result file inside the recording: {}", error.what());
  }
}

void Recorder::flush_if_due() {
  if (Clock::now() < next_flush_) return;
  next_flush_ = Clock::now() + to_duration(settings_.flush_s());
  on_ended([](Ended& ended) { ended.session->flush(); });
  if (session_) {
    session_->flush();
    check_disk();
  }
  update_status();
}

// Files are closed in order as long as there is room for that.
void Recorder::check_disk() {
  const std::uint64_t free = free_bytes(settings_.directory());
  if (free >= std::uint64_t{settings_.reserve_mib()} << 20) return;
  refuse(text::concatenate("the disk is nearly full: ", free >> 20, " MiB are free, recording.reserve_mib = ",
                           settings_.reserve_mib(), "; free some space or choose another disk"));
  end_session("the disk was nearly full", Awaits::kNothing);
  for (Ended& ended : ended_) ended.awaits = Awaits::kNothing;
  close_ended();
}

// The next series, or the next request, tries again.
void Recorder::refuse(const std::string& reason) {
  spdlog::error("not recorded: {}; the analysis goes on", reason);
  failure_ = reason;
  wanted_by_client_ = false;
  update_status();
}

void Recorder::fail(const std::string& reason) {
  session_.reset();  // what is in the file stays; `glasswatch repair` closes it
  forget_ring();
  refuse(reason);
}

void Recorder::update_status() {
  result::Recording status;
  const RecordingSession* session = session_         ? session_.get()
                                    : ended_.empty() ? nullptr
                                                     : ended_.back().session.get();
  const bool waits = settings_.mode() != config::Recording::ON_REQUEST || wanted_by_client_;
  status.set_state(session_            ? result::Recording::RECORDING
                   : !failure_.empty() ? result::Recording::FAILED
                   : !ring_.empty()    ? result::Recording::RING
                   : waits             ? result::Recording::WAITING
                                       : result::Recording::OFF);
  status.set_error(failure_);
  status.set_ring_frames(ring_.frames());
  status.set_ring_s(ring_.span_s());
  status.set_ring_mib(static_cast<double>(ring_.bytes()) / kMib);
  std::error_code error;
  const auto space = std::filesystem::space(settings_.directory(), error);
  const double free = error ? kNan : static_cast<double>(space.available);
  status.set_disk_free_mib(free / kMib);
  status.set_disk_lasts_s(kNan);
  const std::scoped_lock lock(mutex_);
  if (session != nullptr) {
    const auto bytes = static_cast<double>(session->bytes());
    const double recorded_s = std::chrono::duration<double>(Clock::now() - session_began_).count();
    status.set_file(session->file().string());
    status.set_frames(session->frames());
    status.set_not_recorded(session->not_recorded());
    status.set_bytes(session->bytes());
    status.set_compression_ratio(bytes > 0 ? static_cast<double>(pixel_bytes_) / bytes : kNan);
    if (bytes > 0) {
      const double room = std::max(free - settings_.reserve_mib() * kMib, 0.0);
      status.set_disk_lasts_s(room / (bytes / recorded_s));
    }
  } else {  // of the last one
    status.set_file(status_.file());
    status.set_frames(status_.frames());
    status.set_not_recorded(status_.not_recorded());
    status.set_bytes(status_.bytes());
    status.set_compression_ratio(status_.compression_ratio());
  }
  status_ = std::move(status);
}

}  // namespace glasswatch
