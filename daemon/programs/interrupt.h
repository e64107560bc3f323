// SIGINT and SIGTERM as a question that a program asks.
#pragma once

#include <csignal>

namespace glasswatch {

inline volatile std::sig_atomic_t g_interrupted = 0;

/// From now on the first SIGINT or SIGTERM only makes interrupted() true; a second one ends the program at
/// once.
inline void catch_interrupts() {
  const auto note = [](int number) {
    g_interrupted = 1;
    std::signal(number, SIG_DFL);
  };
  std::signal(SIGINT, note);
  std::signal(SIGTERM, note);
}

inline bool interrupted() {
  return g_interrupted != 0;
}

}  // namespace glasswatch
