#include "daemon/state.h"

#include <utility>

namespace glasswatch {

std::optional<result::DaemonState> next_state(result::DaemonState state, StateEvent event,
                                              bool series_running) {
  if (state == result::ERROR) {
    if (event != StateEvent::kReset) return std::nullopt;
    return series_running ? result::ACQUIRING : result::IDLE;
  }
  switch (event) {
    case StateEvent::kSeriesStarted:
      return result::ACQUIRING;
    case StateEvent::kSeriesEnded:
      return result::IDLE;
    case StateEvent::kFailed:
      return result::ERROR;
    case StateEvent::kReset:
      break;
  }
  return std::nullopt;
}

void SharedState::apply(StateEvent event) {
  if (const auto next = next_state(view_.state, event, view_.series_id != 0)) {
    view_.state = *next;
    if (*next != result::ERROR) view_.error.clear();
  }
}

SharedState::View SharedState::view() const {
  const std::scoped_lock lock(mutex_);
  return view_;
}

void SharedState::series_started(std::uint64_t series_id, const std::string& name) {
  const std::scoped_lock lock(mutex_);
  view_.series_id = series_id;
  view_.series_name = name;
  apply(StateEvent::kSeriesStarted);
}

void SharedState::series_ended() {
  const std::scoped_lock lock(mutex_);
  view_.series_id = 0;
  apply(StateEvent::kSeriesEnded);
}

void SharedState::failed(const std::string& error) {
  const std::scoped_lock lock(mutex_);
  apply(StateEvent::kFailed);
  if (view_.error.empty()) view_.error = error;  // the first cause, not what it led to
}

void SharedState::set_armed(bool armed) {
  const std::scoped_lock lock(mutex_);
  view_.armed = armed;
}

bool SharedState::armed() const {
  const std::scoped_lock lock(mutex_);
  return view_.armed;
}

void SharedState::request_reset() {
  const std::scoped_lock lock(mutex_);
  reset_requested_ = true;
}

bool SharedState::take_reset_request() {
  const std::scoped_lock lock(mutex_);
  const bool requested = reset_requested_;
  reset_requested_ = false;
  return requested;
}

void SharedState::reset_done() {
  const std::scoped_lock lock(mutex_);
  apply(StateEvent::kReset);
}

void SharedState::request_calibration() {
  const std::scoped_lock lock(mutex_);
  calibration_requested_ = true;
}

bool SharedState::take_calibration_request() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(calibration_requested_, false);
}

void SharedState::request_symmetry(const config::Symmetry& symmetry) {
  const std::scoped_lock lock(mutex_);
  symmetry_requested_ = symmetry;
}

std::optional<config::Symmetry> SharedState::take_symmetry_request() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(symmetry_requested_, std::nullopt);
}

void SharedState::set_dynamics(std::shared_ptr<const result::Dynamics> dynamics) {
  const std::scoped_lock lock(mutex_);
  dynamics_ = std::move(dynamics);
}

std::shared_ptr<const result::Dynamics> SharedState::dynamics() const {
  const std::scoped_lock lock(mutex_);
  return dynamics_;
}

void SharedState::set_clocks(const Clocks& clocks) {
  const std::scoped_lock lock(mutex_);
  view_.clocks = clocks;
}

void SharedState::count_processed(bool temperature_valid) {
  const std::scoped_lock lock(mutex_);
  ++view_.processed;
  if (!temperature_valid) ++view_.temperature_invalid;
}

void SharedState::count_skipped() {
  const std::scoped_lock lock(mutex_);
  ++view_.skipped;
}

void SharedState::count_trigger_event() {
  const std::scoped_lock lock(mutex_);
  ++view_.trigger_events;
}

void SharedState::count_command_failed() {
  const std::scoped_lock lock(mutex_);
  ++view_.commands_failed;
}

void SharedState::count_publish_dropped() {
  const std::scoped_lock lock(mutex_);
  ++view_.publish_dropped;
}

void SharedState::count_display_dropped() {
  const std::scoped_lock lock(mutex_);
  ++view_.display_dropped;
}

}  // namespace glasswatch
