// How streams are played, and what people change about it while they are: pace, pauses, steps, the end.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace glasswatch::simulation {

inline constexpr double kSlowestSpeed = 0.1;
inline constexpr double kFastestSpeed = 1000;

/// A speed for people: "max" (infinity) or a number in [kSlowestSpeed, kFastestSpeed]. Throws UsageError that
/// begins with `name`.
double parse_playback_speed(std::string_view text, std::string_view name);

/// Tells when what is due at a time of the streams comes on the wall clock. Knows no clock itself: `now` is
/// passed in. Changes of speed and pauses never make the streams jump: they go on from where they were. One
/// thread.
class Playback {
 public:
  using Clock = std::chrono::steady_clock;

  /// speed: stream seconds per second; infinity = as fast as subscribers take it.
  explicit Playback(double speed, bool paused = false) : speed_(speed), paused_(paused) {}

  /// The streams begin, or begin anew, at this time of theirs. What is due before comes at once.
  void begin(std::int64_t utc_ns, Clock::time_point now);

  /// min() = at once; max() = not before something is changed.
  Clock::time_point when(std::int64_t due_utc_ns) const;

  /// The latest event that has happened, so that a pace can go on from there.
  void reached(std::int64_t utc_ns) { reached_utc_ns_ = utc_ns; }

  /// A frame has been played: one step less.
  void played_frame() { steps_ -= steps_ > 0 ? 1 : 0; }

  void pause(Clock::time_point now);
  void play(Clock::time_point now);
  /// So many frames more, at once, and what belongs before them; then a pause.
  void step(std::uint64_t frames, Clock::time_point now);
  void set_speed(double speed, Clock::time_point now);
  void quit() { quitting_ = true; }

  double speed() const { return speed_; }
  bool paused() const { return paused_ && steps_ == 0; }
  bool stepping() const { return paused_ && steps_ > 0; }
  bool quitting() const { return quitting_; }

 private:
  std::int64_t position_utc_ns(Clock::time_point now) const;
  void anchor(Clock::time_point now);

  double speed_;
  bool paused_;
  std::uint64_t steps_ = 0;  // frames that are still to be played in a pause
  bool quitting_ = false;
  Clock::time_point begun_;         // when the streams were at origin_utc_ns_
  std::int64_t origin_utc_ns_ = 0;  // in a pause: where they stand, but for steps
  std::int64_t reached_utc_ns_ = 0;
};

/// Carries out one command: "pause", "play", "step [N]", "speed X|max", "status" (does nothing), "quit".
/// Words are separated by blanks. Throws UsageError, and nothing was done.
void obey_command(std::string_view command, Playback& playback, Playback::Clock::time_point now);

}  // namespace glasswatch::simulation
