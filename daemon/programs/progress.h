// How far a long run is, on standard error.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>

namespace glasswatch {

/// A bar on a terminal, renewed five times a second; elsewhere a line every ten seconds where lines are
/// wanted, else nothing. add() costs one look at the clock. One thread.
class Progress {
 public:
  enum class Elsewhere : std::uint8_t { kNothing, kLines };  // where there is no terminal

  /// `total` frames are to be done.
  Progress(std::string program, std::uint64_t total, Elsewhere elsewhere);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Frames of an earlier run: done, but of no meaning for the speed.
  void skip(std::uint64_t frames);

  void add(std::uint64_t frames = 1);

  /// A line for the user, not mixed with the bar.
  void say(const std::string& message);

  /// Work that takes time without frames: shown in the place of the bar, or as a line.
  void phase(const std::string& work);

  /// Takes the bar away.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  struct Mark {
    Clock::time_point time;
    std::uint64_t done;
  };

  void show(Clock::time_point now);
  double frames_per_s(Clock::time_point now) const;
  std::string numbers(Clock::time_point now) const;

  std::string program_;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
  bool terminal_;
  Clock::duration period_;  // zero: never
  Clock::time_point next_;
  std::deque<Mark> marks_;  // of the last seconds, oldest first
  bool visible_ = false;
};

}  // namespace glasswatch
