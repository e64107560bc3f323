#include "simulators/interrupt.h"

#include <array>
#include <csignal>

namespace glasswatch::simulation {
namespace {

volatile std::sig_atomic_t signalled = 0;
constexpr std::array kSignals = {SIGINT, SIGTERM};

void set_handlers(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;  // no SA_RESTART: a wait returns early
  for (const int signal : kSignals) sigaction(signal, &action, nullptr);
}

}  // namespace

void catch_interrupts() {
  set_handlers([](int) { signalled = 1; });
}

void release_interrupts() {
  set_handlers(SIG_DFL);
}

bool interrupted() {
  return signalled != 0;
}

}  // namespace glasswatch::simulation
