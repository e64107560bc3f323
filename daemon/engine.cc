#include "daemon/engine.h"

#include <spdlog/spdlog.h>

#include <limits>
#include <utility>

#include "daemon/dynamics_messages.h"
#include "daemon/trigger_command.h"
#include "protocol/client/utc_now.h"
#include "protocol/configuration/text.h"
#include "protocol/wire/random_id.h"
#include "protocol/wire/wire.h"

namespace glasswatch {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr int kDisplayColumns = 512;
constexpr auto kIdle = std::chrono::milliseconds(200);  // how often a thread without work looks at requests

std::chrono::steady_clock::duration to_duration(double seconds) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(seconds));
}

}  // namespace

Engine::Engine(config::Configuration configuration, MaskImage mask, Doorbell& doorbell, Ingest& camera,
               Ingest* environment, MicroscopeLink* microscope, Outbox& outbox, SharedState& state, int lanes,
               LabelImage labels)
    : workers_(lanes),
      pipeline_(std::move(configuration), std::move(mask), &workers_, std::move(labels)),
      doorbell_(doorbell),
      camera_(camera),
      environment_(environment),
      microscope_(microscope),
      outbox_(outbox),
      state_(state),
      deliver_([this](const Frame& frame, const result::FrameResult& result) { deliver(frame, result); }),
      next_command_id_(wire::random_id())  // a microscope answers an id that it knows without acting
{}

Engine::~Engine() {
  request_stop();
  join();
}

void Engine::start() {
  publish_setup();
  thread_ = std::thread([this] { run(); });
}

void Engine::request_stop() {
  stopping_ = true;
  doorbell_.ring();
}

void Engine::join() {
  if (thread_.joinable()) thread_.join();
}

void Engine::run() {
  for (;;) {
    try {
      if (state_.take_reset_request()) reset();
      if (state_.take_calibration_request()) pipeline_.request_calibration();
      if (const auto symmetry = state_.take_symmetry_request()) pipeline_.request_symmetry(*symmetry);
      look_after_rebuild();
      look_after_null();
      if (ended_dynamics_ != nullptr &&
          fitting_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
        await_finished_dynamics();
      }
      if (step()) continue;
      publish_scan_map(false);
      refresh_dynamics();
      if (stopping_) {
        release_held();
        publish_scan_map(true);
        finish_dynamics();
        await_finished_dynamics();
        finished_ = true;
        return;
      }
      doorbell_.wait_until(Clock::now() + (pending_ ? std::chrono::milliseconds(20) : kIdle));
    } catch (const std::exception& error) {
      pending_.reset();
      fail(error.what());
    }
  }
}

bool Engine::step() {
  const bool heard = drain_environment();
  if (pending_) {
    if (!pipeline_.ready(*pending_) && may_wait_longer()) return heard;
    process_pending();
    return true;
  }
  if (!camera_.queue().try_pop(item_)) return heard;
  handle(item_);
  return true;
}

bool Engine::drain_environment() {
  bool heard = false;
  while (environment_ != nullptr && environment_->queue().try_pop(item_)) {
    heard = true;
    handle(item_);
  }
  if (heard) gave_up_waiting_ = false;
  return heard;
}

bool Engine::may_wait_longer() const {
  if (environment_ == nullptr || stopping_ || gave_up_waiting_) return false;
  const auto& configuration = pipeline_.configuration();
  const double silence_limit_s = configuration.environment().silence_s();
  const double waited_s = std::chrono::duration<double>(Clock::now() - pending_since_).count();
  if (recorded_) return waited_s < silence_limit_s;
  // A frame without temperature is worth more than a frame lost: do not wait while the queue fills up.
  if (camera_.queue().depth() * 4 >= camera_.queue().capacity() * 3) return false;
  return waited_s < configuration.temperature().wait_s() && environment_->silence_s() < silence_limit_s;
}

void Engine::handle(StreamItem& item) {
  if (auto* frame = std::get_if<Frame>(&item)) {
    if (state_.view().state == result::ERROR) {
      state_.count_skipped();
      *frame = Frame{};  // its buffer goes back to the pool
      return;
    }
    pending_ = std::move(*frame);
    pending_since_ = Clock::now();
    pipeline_.observe(*pending_);
  } else if (const auto* started = std::get_if<SeriesStarted>(&item)) {
    recorded_ = started->start.clock().kind() == stream::RECORDED_CLOCK;
    spdlog::info("series \"{}\" started: {} x {} pixels", started->start.name(),
                 started->start.camera().rows(), started->start.camera().columns());
    leave_series();
    state_.series_started(started->series_id, started->start.name());
    pipeline_.begin_series(*started);
    publish_setup();
    if (const std::string& reason = message_.setup().tiles_refused(); !reason.empty()) {
      spdlog::warn("no maps of tiles in this series: {}", reason);
    }
    if (const std::string& reason = message_.setup().ecm_refused(); !reason.empty()) {
      spdlog::warn("no dynamics in this series: {}", reason);
    } else if (message_.setup().ecm_memory_mib() > 0) {
      spdlog::info("dynamics of this series need {:.0f} MiB", message_.setup().ecm_memory_mib());
    }
    message_.Clear();
    message_.mutable_series()->set_series_id(started->series_id);
    *message_.mutable_series()->mutable_start() = started->start;
    publish(message_, wire::kSeriesTopic);
  } else if (const auto* ended = std::get_if<SeriesEnded>(&item)) {
    spdlog::info("series \"{}\" ended after {} frames: {}", ended->start.name(), ended->end.count(),
                 stream::SeriesEnd::Reason_Name(ended->end.reason()));
    release_held();
    publish_scan_map(true);
    finish_dynamics();
    state_.series_ended();
    message_.Clear();
    message_.mutable_series()->set_series_id(ended->series_id);
    *message_.mutable_series()->mutable_start() = ended->start;
    *message_.mutable_series()->mutable_end() = ended->end;
    publish(message_, wire::kSeriesTopic);
  } else if (const auto* gap = std::get_if<Gap>(&item)) {
    if (environment_ == nullptr || gap->series_id == state_.view().series_id) pipeline_.gap(*gap);
  } else if (const auto* environment = std::get_if<EnvironmentStarted>(&item)) {
    spdlog::info("environment \"{}\" started", environment->start.name());
    pipeline_.begin_environment(*environment);
  } else if (const auto* sample = std::get_if<EnvironmentSampled>(&item)) {
    pipeline_.add_environment(*sample);
  } else if (std::holds_alternative<EnvironmentEnded>(item)) {
    spdlog::info("environment ended");
    pipeline_.end_environment();
  }
}

void Engine::process_pending() {
  Frame frame = std::move(*pending_);
  pending_.reset();
  if (!pipeline_.ready(frame) && environment_ != nullptr && !gave_up_waiting_) {
    gave_up_waiting_ = true;
    spdlog::warn(
        "frame {} is analysed without temperature: the environment stream has not reached its exposure",
        frame.info.sequence);
  }
  processing_since_ = Clock::now();
  pipeline_.set_behind(!recorded_ && camera_.queue().depth() > 0);
  pipeline_.take(std::move(frame), deliver_);
}

// What is left of the last series must not keep the next from beginning.
void Engine::leave_series() {
  try {
    release_held();
    publish_scan_map(true);
    finish_rebuild();
    finish_dynamics();
  } catch (const std::exception& error) {
    fail(error.what());
  }
}

void Engine::release_held() {
  processing_since_ = Clock::now();
  pipeline_.release(deliver_);
  if (pipeline_.setup_revision() != setup_revision_) publish_setup();
}

void Engine::deliver(const Frame& frame, const result::FrameResult& result) {
  if (pipeline_.setup_revision() != setup_revision_) publish_setup();  // calibrated, or the lags became known
  frame_message_.mutable_frame()->CopyFrom(
      result);  // a message of its own: keeps its memory from frame to frame
  const auto now = Clock::now();
  frame_message_.mutable_frame()->set_processing_s(
      std::chrono::duration<double>(now - processing_since_).count());
  processing_since_ = now;
  publish(frame_message_, wire::kFrameTopic);
  state_.count_processed(result.temperature().validity() == result::VALID);
  const TemperatureStage& clocks = pipeline_.temperature();
  state_.set_clocks({clocks.camera_offset_s(), clocks.camera_sigma_s(), clocks.environment_offset_s(),
                     clocks.environment_sigma_s(), clocks.implausible_samples()});
  for (const TriggerFiring& firing : pipeline_.firings()) fire(firing, result);
  if (now >= next_display_) {
    next_display_ = now + to_duration(1 / pipeline_.configuration().dashboard().frame_rate_hz());
    publish_display(frame);
  }
  if (const result::MapUpdate* tiles = pipeline_.tile_map(); tiles != nullptr && now >= next_tiles_) {
    next_tiles_ = now + to_duration(pipeline_.configuration().symmetry().map_period_s());
    *map_message_.mutable_map() = *tiles;
    publish(map_message_, wire::kMapTopic);
  }
  publish_scan_map(false);
  refresh_dynamics();
}

// Fits take up to some tenths of a second: not before their period is over, and not while a live camera's
// frames pile up behind them.
void Engine::refresh_dynamics() {
  EcmStage* dynamics = pipeline_.dynamics();
  if (dynamics == nullptr || !dynamics->due() || Clock::now() < next_dynamics_) return;
  if (!recorded_ && camera_.queue().depth() * 4 > camera_.queue().capacity()) return;
  next_dynamics_ = Clock::now() + to_duration(pipeline_.configuration().ecm().map_period_s());
  publish_dynamics(dynamics->fit(FitKind::kRefresh, workers_));
}

void Engine::publish_dynamics(const result::Dynamics& dynamics) {
  // The end of a series does not replace what is known of the next.
  const auto newest = state_.dynamics();
  const bool overtaken = dynamics.final() && newest != nullptr && pipeline_.dynamics() != nullptr &&
                         newest->series_id() != dynamics.series_id() &&
                         newest->series_id() == pipeline_.dynamics()->series_id();
  if (!overtaken) state_.set_dynamics(std::make_shared<result::Dynamics>(dynamics));
  if (dynamics.final() && take_last_dynamics_) take_last_dynamics_(dynamics, recorded_);
  *dynamics_message_.mutable_dynamics() = dynamics;
  thin_for_stream(*dynamics_message_.mutable_dynamics());
  outbound_.topic = wire::kDynamicsTopic;
  dynamics_message_.SerializeToString(&outbound_.bytes);
  outbox_.push(outbound_, recorded_ || dynamics.final());  // the last of a series is not dropped
}

// The last fits of a series start from nothing and make the null: the next series does not wait for them.
void Engine::finish_dynamics() {
  if (pipeline_.dynamics() == nullptr || !pipeline_.dynamics()->has_series()) return;
  await_finished_dynamics();
  std::unique_ptr<EcmStage> ended = pipeline_.release_dynamics();
  fitting_ = std::async(std::launch::async, [stage = ended.get()] {
    analysis::Serial serial;
    stage->fit(FitKind::kFinal, serial);
  });
  ended_dynamics_ = std::move(ended);
}

void Engine::await_finished_dynamics() {
  if (ended_dynamics_ == nullptr) return;
  const std::unique_ptr<EcmStage> ended = std::move(ended_dynamics_);
  try {
    fitting_.get();
    publish_dynamics(ended->last());
  } catch (const std::exception& error) {  // of a series that is over: the next one goes on
    spdlog::error("the last fits of a series failed: {}", error.what());
  }
}

// The null is another analysis of as many frames: it is made on the side.
void Engine::look_after_null() {
  EcmStage* dynamics = pipeline_.dynamics();
  if (dynamics == nullptr) return;
  if (null_ == nullptr) {
    std::unique_ptr<NullMap> wanted = dynamics->null_map();
    if (wanted == nullptr) return;
    making_null_ = std::async(std::launch::async, [null = wanted.get()] {
      analysis::Serial serial;
      null->run(serial);
    });
    null_ = std::move(wanted);
  }
  if (making_null_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return;
  const std::unique_ptr<NullMap> done = std::move(null_);
  try {
    making_null_.get();
    dynamics->install(*done);
  } catch (const std::exception& error) {  // the maps go on without it
    spdlog::warn("no null for the maps of dynamics: {}", error.what());
  }
}

// A growing map goes out at its period, and at once when it is complete: nobody waits for the last position.
void Engine::publish_scan_map(bool at_once) {
  ScanMap* map = pipeline_.scan_map();
  if (map == nullptr || !map->changed()) return;
  const auto now = Clock::now();
  const bool just_completed = map->complete() && !map_complete_;
  if (!at_once && !just_completed && now < next_map_) return;
  next_map_ = now + to_duration(pipeline_.configuration().symmetry().map_period_s());
  map_complete_ = map->complete();
  map->take(*map_message_.mutable_map());
  if (!publish(map_message_, wire::kMapTopic)) map->put_back(map_message_.map());  // for the next update
}

// Estimating a calibration and building an operator take some tenths of a second, in which frames go on under
// the present one: it is done on the side, on a thread of its own.
void Engine::look_after_rebuild() {
  if (rebuild_ == nullptr) {
    rebuild_ = pipeline_.rebuild();
    if (rebuild_ == nullptr) return;
    rebuilding_ = std::async(std::launch::async, [work = rebuild_.get()] {
      analysis::Serial serial;
      work->run(serial);
    });
  }
  if (rebuilding_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) finish_rebuild();
}

void Engine::finish_rebuild() {
  if (rebuild_ == nullptr) return;
  const std::unique_ptr<SymmetryRebuild> done = std::move(rebuild_);
  try {
    rebuilding_.get();
  } catch (...) {
    pipeline_.abandon_rebuild();
    throw;
  }
  if (!done->failure().empty()) spdlog::warn("the calibration was not renewed: {}", done->failure());
  pipeline_.install(*done);
  publish_setup();
}

void Engine::fire(const TriggerFiring& firing, const result::FrameResult& frame) {
  const config::TriggerRule& rule = pipeline_.configuration().trigger(firing.rule);
  MicroscopeOrder order;
  order.decided_at = Clock::now();
  result::TriggerEvent& event = order.event;
  event.set_event_id(next_event_id_++);
  event.set_rule(rule.name());
  event.set_series_id(frame.series_id());
  event.set_first_sequence(firing.first_sequence);
  event.set_sequence(frame.sequence());
  event.set_time_utc_ns(frame.time_utc_ns());
  *event.mutable_temperature() = frame.temperature();
  event.set_value(firing.value);
  event.set_threshold(rule.threshold());
  const auto exposure_end_ns = frame.time_utc_ns() + static_cast<std::int64_t>(frame.exposure_s() * 1e9);
  event.set_exposure_to_receive_s(recorded_ ? kNan
                                            : static_cast<double>(frame.received_utc_ns() - exposure_end_ns) *
                                                      1e-9 +
                                                  pipeline_.temperature().camera_offset_s());
  event.set_receive_to_result_s(static_cast<double>(utc_now_ns() - frame.received_utc_ns()) * 1e-9);
  event.set_result_to_send_s(kNan);
  event.set_send_to_reply_s(kNan);

  control::MicroscopeCommand& command = order.command;
  command.set_schema_version(wire::kSchemaVersion);
  command.set_command_id(next_command_id_++);
  command.set_reason(
      text::concatenate("rule ", rule.name(), ": ", firing.value, " at frame ", frame.sequence()));
  set_action(rule, command);

  if (!state_.armed()) {
    event.set_outcome(result::TriggerEvent::DISARMED);
    event.set_detail("the operator has not armed the trigger");
  } else if (rule.dry_run()) {
    event.set_outcome(result::TriggerEvent::DRY_RUN);
    event.set_detail("the rule says dry_run");
  } else if (rule.action_case() == config::TriggerRule::ACTION_NOT_SET) {
    event.set_outcome(result::TriggerEvent::DRY_RUN);
    event.set_detail("the rule has no action");
  } else if (microscope_ != nullptr && microscope_->order(order)) {
    return;  // the link publishes the event with the answer
  } else {
    event.set_outcome(result::TriggerEvent::NOT_SENT);
    event.set_detail("another command is under way");
  }
  publish_event(event, outbox_, state_);
}

bool Engine::publish(const result::ResultMessage& message, std::string_view topic) {
  outbound_.topic = topic;
  message.SerializeToString(&outbound_.bytes);
  return outbox_.push(outbound_, recorded_);
}

void Engine::publish_setup() {
  message_.Clear();
  *message_.mutable_setup() = pipeline_.setup();
  setup_revision_ = pipeline_.setup_revision();
  publish(message_, wire::kSnapshotTopic);
}

void Engine::publish_display(const Frame& frame) {
  const auto image = analysis::reduce_for_display(frame.view(), kDisplayColumns, display_.payload);
  message_.Clear();
  result::DisplayFrame& display = *message_.mutable_display();
  display.set_series_id(frame.info.series_id);
  display.set_sequence(frame.info.sequence);
  display.set_rows(static_cast<std::uint32_t>(image.rows));
  display.set_columns(static_cast<std::uint32_t>(image.columns));
  display.set_reduction(static_cast<std::uint32_t>(image.reduction));
  display.set_black_counts(image.black_counts);
  display.set_white_counts(image.white_counts);
  display_.topic = wire::kDisplayTopic;
  message_.SerializeToString(&display_.bytes);
  outbox_.push_display(display_);
}

void Engine::reset() {
  release_held();
  finish_rebuild();
  pipeline_.reset();
  state_.reset_done();
  spdlog::info("running statistics were reset");
}

void Engine::fail(const std::string& error) {
  spdlog::error("analysis failed: {}; `glasswatch reset` tries again", error);
  state_.failed(error);
}

void publish_event(const result::TriggerEvent& event, Outbox& outbox, SharedState& state) {
  spdlog::info("trigger {} fired at frame {}, T = {:.2f} +- {:.2f} C, value {:.4g} (threshold {:.4g}): {} {}",
               event.rule(), event.sequence(), event.temperature().value_c(), event.temperature().sigma_c(),
               event.value(), event.threshold(), result::TriggerEvent::Outcome_Name(event.outcome()),
               event.detail());
  state.count_trigger_event();
  using result::TriggerEvent;
  if (event.outcome() == TriggerEvent::TIMED_OUT || event.outcome() == TriggerEvent::REFUSED) {
    state.count_command_failed();
  }
  result::ResultMessage message;
  *message.mutable_trigger() = event;
  Outbound outbound;
  outbound.topic = wire::kTriggerTopic;
  message.SerializeToString(&outbound.bytes);
  outbox.push(outbound, true);  // events are few and never dropped
}

}  // namespace glasswatch
