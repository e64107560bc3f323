#include "simulators/playback.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "protocol/configuration/text.h"
#include "protocol/types/user_error.h"

namespace glasswatch::simulation {
namespace {

constexpr double kLongestWaitS = 1e9;  // fits Clock's nanoseconds

constexpr std::uint64_t kMostSteps = 1'000'000'000;

// "" where there is none left.
std::string_view take_word(std::string_view& text) {
  constexpr std::string_view kBlanks = " \t\r";
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  const std::string_view word = text.substr(0, text.find_first_of(kBlanks));
  text.remove_prefix(word.size());
  return word;
}

std::uint64_t parse_steps(std::string_view text) {
  if (text.empty()) return 1;
  std::uint64_t steps = 0;
  const char* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, steps);
  if (result.ec == std::errc() && result.ptr == end && steps >= 1 && steps <= kMostSteps) return steps;
  throw UsageError(text::concatenate("step ", text, ": is no number of frames; allowed: 1 to ", kMostSteps));
}

}  // namespace

double parse_playback_speed(std::string_view text, std::string_view name) {
  if (text == "max") return std::numeric_limits<double>::infinity();
  double speed = 0;
  const char* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, speed);
  if (result.ec == std::errc() && result.ptr == end && speed >= kSlowestSpeed && speed <= kFastestSpeed) {
    return speed;
  }
  throw UsageError(text::concatenate(name, " ", text, ": is no speed; allowed: \"max\" or a number in [",
                                     kSlowestSpeed, ", ", kFastestSpeed, "], 1 = real time"));
}

void Playback::begin(std::int64_t utc_ns, Clock::time_point now) {
  begun_ = now;
  origin_utc_ns_ = reached_utc_ns_ = utc_ns;
}

Playback::Clock::time_point Playback::when(std::int64_t due_utc_ns) const {
  if (paused_) return steps_ > 0 ? Clock::time_point::min() : Clock::time_point::max();
  if (std::isinf(speed_)) return Clock::time_point::min();
  const double wait_s = static_cast<double>(due_utc_ns - origin_utc_ns_) * 1e-9 / speed_;
  const std::chrono::duration<double> offset(std::clamp(wait_s, -kLongestWaitS, kLongestWaitS));
  return begun_ + std::chrono::duration_cast<Clock::duration>(offset);
}

std::int64_t Playback::position_utc_ns(Clock::time_point now) const {
  if (paused_ || std::isinf(speed_)) return std::max(origin_utc_ns_, reached_utc_ns_);
  const std::chrono::duration<double> played = now - begun_;
  return origin_utc_ns_ + std::llround(played.count() * speed_ * 1e9);
}

void Playback::anchor(Clock::time_point now) {
  origin_utc_ns_ = position_utc_ns(now);
  begun_ = now;
}

void Playback::pause(Clock::time_point now) {
  anchor(now);
  paused_ = true;
  steps_ = 0;
}

void Playback::play(Clock::time_point now) {
  anchor(now);
  paused_ = false;
  steps_ = 0;
}

void Playback::step(std::uint64_t frames, Clock::time_point now) {
  if (!paused_) pause(now);
  steps_ += frames;
}

void Playback::set_speed(double speed, Clock::time_point now) {
  anchor(now);
  speed_ = speed;
}

void obey_command(std::string_view command, Playback& playback, Playback::Clock::time_point now) {
  std::string_view rest = command;
  const std::string_view verb = take_word(rest);
  const std::string_view value = take_word(rest);
  const bool alone = value.empty();
  const bool complete = take_word(rest).empty();
  if (complete && alone && verb == "pause") return playback.pause(now);
  if (complete && alone && verb == "play") return playback.play(now);
  if (complete && alone && verb == "quit") return playback.quit();
  if (complete && alone && verb == "status") return;
  if (complete && verb == "step") return playback.step(parse_steps(value), now);
  if (complete && verb == "speed") return playback.set_speed(parse_playback_speed(value, "speed"), now);
  throw UsageError(
      text::concatenate('"', command,
                        "\": is no command; allowed: pause, play, step [N], speed X|max, status, "
                        "quit"));
}

}  // namespace glasswatch::simulation
