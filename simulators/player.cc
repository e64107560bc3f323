#include "simulators/player.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <string>
#include <utility>

#include "protocol/client/utc_now.h"
#include "simulators/interrupt.h"

namespace glasswatch::simulation {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kLongestWait{200};  // heartbeats and signals are looked after this often
constexpr milliseconds kRetry{1};          // XPUB cannot be polled for room in its queues
constexpr milliseconds kShortestDisconnection{50};
constexpr std::chrono::seconds kPatience{2};  // after an interrupt; for subscribers to come back
constexpr std::chrono::seconds kWarnAfter{10};
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::min();

}  // namespace

Player::Player(Stream camera, Stream environment, const PlayerSettings& settings)
    : camera_(camera), environment_(environment), settings_(settings), own_playback_(settings.speed) {}

void Player::obey(MicroscopeControl& control, Execute execute) {
  control_ = &control;
  execute_ = std::move(execute);
}

void Player::follow(Playback& playback, Attendant& attendant) {
  playback_ = &playback;
  attendant_ = &attendant;
}

void Player::run() {
  const auto environment_due = environment_.feed == nullptr ? std::nullopt : environment_.feed->due_utc_ns();
  present_utc_ns_ = camera_.feed->due_utc_ns().value_or(environment_due.value_or(0));
  environment_reached_utc_ns_ = kNever;
  playback_->begin(present_utc_ns_, Clock::now());
  while (step()) {
  }
  for (const Stream* stream : {&camera_, &environment_}) {
    if (stream->publisher == nullptr || stream->publisher->connected()) continue;
    std::cerr << stream->publisher->endpoint() << ": disconnected by a fault until the end; "
              << stream->publisher->lost() << " messages were lost\n";
  }
}

void Player::change_feeds(Feed& camera, Feed* environment) {
  camera_.feed = &camera;
  environment_.feed = environment;
}

void Player::rest(std::chrono::milliseconds time) {
  for (const auto until = Clock::now() + time;
       Clock::now() < until && !interrupted() && !playback_->quitting();) {
    service();
    send_heartbeats();
    wait_until(until);
  }
}

void Player::service() {
  for (Stream* stream : {&camera_, &environment_}) {
    if (stream->publisher != nullptr) stream->publisher->service();
  }
  if (attendant_ != nullptr) attendant_->attend(progress_);
}

bool Player::step() {
  service();
  heed_interrupt();
  if (!pending_.empty()) {
    answer_commands();
    return send_pending();
  }
  auto event = next_event();
  if (!event) return false;
  const bool finished_exposure =
      event->kind == Event::Kind::kTake && event->stream == &camera_ && event->utc_ns <= present_utc_ns_;
  if (!finished_exposure) {  // one goes out before a command may end its series
    answer_commands();
    event = next_event();  // a command may have changed it
    if (!event) return true;
  }
  if (const auto time = deadline(*event); Clock::now() < time) {
    send_heartbeats();
    wait_until(time);
    return true;
  }
  perform(*event);
  return true;
}

// What a fault held back goes in its turn, a frame or sample that is due later after it. In stream time
// alone, so that the order is the same at every speed.
std::optional<Player::Event> Player::next_event() {
  const auto take = next_take();
  auto late = next_release();
  const auto reopening = next_reopening();
  if (reopening && (take || late) && (!late || reopening->utc_ns <= late->utc_ns)) late = reopening;
  if (!take || (late && late->utc_ns <= std::max(present_utc_ns_, take->utc_ns))) return late;
  return take;
}

std::optional<Player::Event> Player::next_take() {
  const auto camera_due = camera_.feed->due_utc_ns();
  if (!camera_due && settings_.environment_ends_with_camera && environment_.feed != nullptr) {
    environment_.feed->finish(stream::SeriesEnd::COMPLETED, "");
  }
  const auto environment_due = environment_.feed == nullptr ? std::nullopt : environment_.feed->due_utc_ns();
  switch (next_turn(camera_due, environment_due, environment_reached_utc_ns_)) {
    case Turn::kCamera:
      return Event{Event::Kind::kTake, &camera_, *camera_due};
    case Turn::kEnvironment:
      return Event{Event::Kind::kTake, &environment_, *environment_due};
    case Turn::kNone:
      break;
  }
  return std::nullopt;
}

std::optional<Player::Event> Player::next_release() {
  std::optional<Event> first;
  for (Stream* stream : {&camera_, &environment_}) {
    if (stream->faults != nullptr && !stream->feed->due_utc_ns()) stream->faults->settle(present_utc_ns_);
    const auto leaves = stream->faults == nullptr ? std::nullopt : stream->faults->leaves_utc_ns();
    if (leaves && (!first || *leaves < first->utc_ns)) first = {Event::Kind::kRelease, stream, *leaves};
  }
  return first;
}

// Once everything that was due before has been taken, and is lost.
std::optional<Player::Event> Player::next_reopening() {
  std::optional<Event> first;
  for (Stream* stream : {&camera_, &environment_}) {
    if (stream->publisher == nullptr || stream->publisher->connected()) continue;
    const std::int64_t until = stream->faults->disconnected_until_utc_ns();
    if (stream->feed->due_utc_ns().value_or(until) < until) continue;
    if (!first || until < first->utc_ns) first = {Event::Kind::kReopen, stream, until};
  }
  return first;
}

void Player::perform(const Event& event) {
  present_utc_ns_ = std::max(present_utc_ns_, event.utc_ns);
  playback_->reached(present_utc_ns_);
  switch (event.kind) {
    case Event::Kind::kTake:
      return take(*event.stream, event.utc_ns);
    case Event::Kind::kRelease:
      return release(*event.stream);
    case Event::Kind::kReopen:
      return reopen(*event.stream);
  }
}

Player::Clock::time_point Player::deadline(const Event& event) const {
  const auto time = interrupted_at_ ? Clock::time_point::min() : playback_->when(event.utc_ns);
  if (event.kind != Event::Kind::kReopen) return time;
  return std::max(time, event.stream->publisher->closed_at() + kShortestDisconnection);
}

void Player::take(Stream& stream, std::int64_t due_utc_ns) {
  Message message = stream.feed->take();
  if (message.header.has_environment()) {
    environment_reached_utc_ns_ = std::max(environment_reached_utc_ns_, due_utc_ns);
  }
  if (stream.faults == nullptr) return send_later(stream, std::move(message));
  const std::int64_t disconnected_until = stream.faults->disconnected_until_utc_ns();
  stream.faults->accept(std::move(message), due_utc_ns);
  if (stream.faults->disconnected_until_utc_ns() != disconnected_until) stream.publisher->disconnect();
  release(stream);
}

void Player::release(Stream& stream) {
  for (auto leaves = stream.faults->leaves_utc_ns(); leaves && *leaves <= present_utc_ns_;
       leaves = stream.faults->leaves_utc_ns()) {
    send_later(stream, stream.faults->release());
  }
}

void Player::reopen(Stream& stream) {
  Publisher& publisher = *stream.publisher;
  if (!publisher.reopen()) return wait_until(Clock::now() + kRetry);
  std::cerr << publisher.endpoint() << ": connected again after a fault; " << publisher.lost()
            << " messages were lost\n";
  if (std::isinf(playback_->speed())) await_subscribers(publisher);
}

void Player::await_subscribers(Publisher& publisher) {
  const auto until = Clock::now() + kPatience;
  while (publisher.subscribers() < publisher.subscribers_before() && Clock::now() < until && !interrupted()) {
    wait_until(Clock::now() + kRetry);
    publisher.service();
  }
}

void Player::send_later(Stream& stream, Message message) {
  message.header.set_sent_utc_ns(stamp_utc_ns(stream));
  pending_.push_back({&stream, std::move(message)});
}

std::int64_t Player::stamp_utc_ns(const Stream& stream) const {
  const std::int64_t step_ns = stream.faults == nullptr ? 0 : stream.faults->clock_step_ns();
  return stream.feed->stamp_utc_ns(settings_.live_clock ? utc_now_ns() : present_utc_ns_) + step_ns;
}

void Player::send_heartbeats() {
  for (const Stream* stream : {&camera_, &environment_}) {
    if (stream->publisher == nullptr) continue;
    if (stream->faults != nullptr && stream->faults->stalled(present_utc_ns_)) continue;
    stream->publisher->heartbeat_if_idle(stamp_utc_ns(*stream));
  }
}

bool Player::send_pending() {
  Pending& next = pending_.front();
  if (settings_.live_clock) next.message.header.set_sent_utc_ns(stamp_utc_ns(*next.stream));
  if (next.stream->publisher->try_send(next.message)) {
    if (next.message.header.has_frame()) playback_->played_frame();
    if (next.stream->publisher->connected()) note_sent(next.message.header);
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

void Player::note_sent(const stream::StreamMessage& header) {
  progress_.samples_sent += header.has_environment() ? 1 : 0;
  if (!header.has_frame()) return;
  ++progress_.frames_sent;
  progress_.frame = header;
}

void Player::heed_interrupt() {
  if (interrupted_at_ || !(interrupted() || playback_->quitting())) return;
  interrupted_at_ = Clock::now();
  const std::string note = interrupted() ? "interrupted" : "ended by the user";
  camera_.feed->finish(stream::SeriesEnd::STOPPED_BY_OPERATOR, note);
  if (environment_.feed != nullptr) {
    environment_.feed->finish(stream::SeriesEnd::STOPPED_BY_OPERATOR, note);
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
    if (stream->publisher != nullptr && stream->publisher->connected())
      items.push_back({stream->publisher->socket().handle(), 0, ZMQ_POLLIN, 0});
  }
  if (control_ != nullptr) items.push_back({control_->socket().handle(), 0, ZMQ_POLLIN, 0});
  if (attendant_ != nullptr) attendant_->add_items(items);
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
  // zmq_poll, not the C++ wrapper: a signal ends the wait and is no error.
  zmq_poll(items.data(), static_cast<int>(items.size()),
           std::clamp(left, milliseconds{0}, kLongestWait).count());
}

}  // namespace glasswatch::simulation
