#include "daemon/engine.h"

#include <spdlog/spdlog.h>

#include <limits>
#include <utility>

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
               Ingest* environment, MicroscopeLink* microscope, Outbox& outbox, SharedState& state)
    : pipeline_(std::move(configuration), std::move(mask)),
      doorbell_(doorbell),
      camera_(camera),
      environment_(environment),
      microscope_(microscope),
      outbox_(outbox),
      state_(state),
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
      if (step()) continue;
      if (stopping_) {
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
    state_.series_started(started->series_id, started->start.name());
    pipeline_.begin_series(*started);
    publish_setup();
    message_.Clear();
    message_.mutable_series()->set_series_id(started->series_id);
    *message_.mutable_series()->mutable_start() = started->start;
    publish(message_, wire::kSeriesTopic);
  } else if (const auto* ended = std::get_if<SeriesEnded>(&item)) {
    spdlog::info("series \"{}\" ended after {} frames: {}", ended->start.name(), ended->end.count(),
                 stream::SeriesEnd::Reason_Name(ended->end.reason()));
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
  const Frame frame = std::move(*pending_);
  pending_.reset();
  if (!pipeline_.ready(frame) && environment_ != nullptr && !gave_up_waiting_) {
    gave_up_waiting_ = true;
    spdlog::warn(
        "frame {} is analysed without temperature: the environment stream has not reached its exposure",
        frame.info.sequence);
  }
  const auto begin = Clock::now();
  const result::FrameResult& result = pipeline_.process(frame);
  if (result.ecm().g2_size() != setup_lags_)
    publish_setup();  // the frame period became known: so did the lags
  frame_message_.mutable_frame()->CopyFrom(
      result);  // a message of its own: keeps its memory from frame to frame
  frame_message_.mutable_frame()->set_processing_s(
      std::chrono::duration<double>(Clock::now() - begin).count());
  publish(frame_message_, wire::kFrameTopic);
  state_.count_processed(result.temperature().validity() == result::VALID);
  const TemperatureStage& clocks = pipeline_.temperature();
  state_.set_clocks({clocks.camera_offset_s(), clocks.camera_sigma_s(), clocks.environment_offset_s(),
                     clocks.environment_sigma_s(), clocks.implausible_samples()});
  for (const TriggerFiring& firing : pipeline_.firings()) fire(firing, result);
  if (begin >= next_display_) {
    next_display_ = begin + to_duration(1 / pipeline_.configuration().dashboard().frame_rate_hz());
    publish_display(frame);
  }
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

void Engine::publish(const result::ResultMessage& message, std::string_view topic) {
  outbound_.topic = topic;
  message.SerializeToString(&outbound_.bytes);
  outbox_.push(outbound_, recorded_);
}

void Engine::publish_setup() {
  message_.Clear();
  *message_.mutable_setup() = pipeline_.setup();
  setup_lags_ = message_.setup().lag_s_size();
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
