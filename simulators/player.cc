#include "simulators/player.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <utility>

#include "protocol/client/utc_now.h"
#include "simulators/interrupt.h"

namespace glasswatch::simulation {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kLongestWait{200};     // heartbeats and signals are looked after this often
constexpr milliseconds kRetry{1};             // XPUB cannot be polled for room in its queues
constexpr std::chrono::seconds kPatience{2};  // after an interrupt
constexpr std::chrono::seconds kWarnAfter{10};
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::min();

}  // namespace

Player::Player(Stream camera, Stream environment, const PlayerSettings& settings)
    : camera_(camera),
      environment_(environment),
      settings_(settings),
      present_utc_ns_(kNever),
      environment_reached_utc_ns_(kNever) {}

void Player::obey(MicroscopeControl& control, Execute execute) {
  control_ = &control;
  execute_ = std::move(execute);
}

void Player::run() {
  begun_ = Clock::now();
  origin_utc_ns_ = camera_.feed->due_utc_ns().value_or(0);
  present_utc_ns_ = origin_utc_ns_;
  while (step()) {
  }
}

bool Player::step() {
  for (Stream* stream : {&camera_, &environment_}) {
    if (stream->publisher != nullptr) stream->publisher->service();
  }
  heed_interrupt();
  if (!pending_.empty()) {
    answer_commands();
    return send_pending();
  }
  const auto camera_due = camera_.feed->due_utc_ns();
  if (!camera_due && settings_.environment_ends_with_camera && environment_.feed != nullptr) {
    environment_.feed->finish(stream::SeriesEnd::COMPLETED, "");
  }
  const auto environment_due = environment_.feed == nullptr ? std::nullopt : environment_.feed->due_utc_ns();
  const Turn turn = next_turn(camera_due, environment_due, environment_reached_utc_ns_);
  if (turn == Turn::kNone) return false;
  // A finished exposure goes out before a command may end its series.
  if (turn != Turn::kCamera || *camera_due > present_utc_ns_) answer_commands();
  Stream& stream = turn == Turn::kCamera ? camera_ : environment_;
  const auto due = stream.feed->due_utc_ns();  // a command may have changed it
  if (!due) return true;
  const auto deadline = interrupted_at_ ? Clock::time_point::min() : when(*due);
  if (Clock::now() < deadline) {
    for (Stream* idle : {&camera_, &environment_}) {
      if (idle->publisher == nullptr) continue;
      idle->publisher->heartbeat_if_idle(settings_.live_clock ? utc_now_ns() : present_utc_ns_);
    }
    wait_until(deadline);
    return true;
  }
  take(stream, *due);
  return true;
}

Player::Clock::time_point Player::when(std::int64_t due_utc_ns) const {
  if (std::isinf(settings_.speed)) return Clock::time_point::min();
  const std::chrono::duration<double> offset(static_cast<double>(due_utc_ns - origin_utc_ns_) * 1e-9 /
                                             settings_.speed);
  return begun_ + std::chrono::duration_cast<Clock::duration>(offset);
}

void Player::take(Stream& stream, std::int64_t due_utc_ns) {
  Message message = stream.feed->take();
  present_utc_ns_ = std::max(present_utc_ns_, due_utc_ns);
  if (message.header.has_environment()) {
    environment_reached_utc_ns_ =
        std::max(environment_reached_utc_ns_, message.header.environment().time_utc_ns());
  }
  message.header.set_sent_utc_ns(present_utc_ns_);
  if (stream.faults == nullptr) {
    pending_.push_back({&stream, std::move(message)});
    return;
  }
  for (Message& out : stream.faults->apply(std::move(message))) pending_.push_back({&stream, std::move(out)});
}

bool Player::send_pending() {
  Pending& next = pending_.front();
  if (settings_.live_clock) next.message.header.set_sent_utc_ns(utc_now_ns());
  if (next.stream->publisher->try_send(next.message)) {
    frames_sent_ += next.message.header.has_frame() ? 1 : 0;
    samples_sent_ += next.message.header.has_environment() ? 1 : 0;
    pending_.pop_front();
    stuck_since_.reset();
    return true;
  }
  const auto now = Clock::now();
  if (interrupted_at_ && now - *interrupted_at_ > kPatience) return false;
  if (!stuck_since_) stuck_since_ = now;
  if (now - *stuck_since_ > kWarnAfter) {
    std::cerr
        << next.stream->publisher->endpoint()
        << ": a subscriber has taken nothing for 10 s; the stream waits for it (end that program to go on)\n";
    stuck_since_ = now;
  }
  wait_until(now + kRetry);
  return true;
}

void Player::heed_interrupt() {
  if (interrupted_at_ || !interrupted()) return;
  interrupted_at_ = Clock::now();
  camera_.feed->finish(stream::SeriesEnd::STOPPED_BY_OPERATOR, "interrupted");
  if (environment_.feed != nullptr) {
    environment_.feed->finish(stream::SeriesEnd::STOPPED_BY_OPERATOR, "interrupted");
  }
}

void Player::answer_commands() {
  if (control_ == nullptr || interrupted_at_) return;
  control_->service(
      [this](const control::MicroscopeCommand& command) { return execute_(command, present_utc_ns_); });
}

void Player::wait_until(Clock::time_point deadline) {
  std::vector<zmq::pollitem_t> items;
  for (Stream* stream : {&camera_, &environment_}) {
    if (stream->publisher != nullptr)
      items.push_back({stream->publisher->socket().handle(), 0, ZMQ_POLLIN, 0});
  }
  if (control_ != nullptr) items.push_back({control_->socket().handle(), 0, ZMQ_POLLIN, 0});
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
  // zmq_poll, not the C++ wrapper: a signal ends the wait and is no error.
  zmq_poll(items.data(), static_cast<int>(items.size()),
           std::clamp(left, milliseconds{0}, kLongestWait).count());
}

}  // namespace glasswatch::simulation
