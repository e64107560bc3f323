#include "simulators/interrupt.h"

#include <csignal>
#include <ctime>

namespace glasswatch::simulation {
namespace {

bool seen = false;

sigset_t ending_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

}  // namespace

// The signals stay blocked and are looked for: a handler could interrupt any ZeroMQ call, which then fails.
void catch_interrupts() {
  const sigset_t signals = ending_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

bool interrupted() {
  if (seen) return true;
  sigset_t pending;
  sigpending(&pending);
  seen = sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1;
  return seen;
}

void release_interrupts() {
  interrupted();
  const sigset_t signals = ending_signals();
  const timespec at_once{};
  while (sigtimedwait(&signals, nullptr, &at_once) > 0) {  // what was seen must not end the program now
  }
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

}  // namespace glasswatch::simulation
