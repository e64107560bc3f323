#include "simulators/program.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <limits>

#include "protocol/configuration/text.h"
#include "simulators/interrupt.h"

namespace glasswatch::simulation {
namespace {

constexpr std::chrono::milliseconds kMeanwhilePeriod{100};

}  // namespace

double parse_speed(const std::string& text, const std::string& option) {
  if (text == "max") return std::numeric_limits<double>::infinity();
  double speed = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, speed);
  if (result.ec != std::errc() || result.ptr != end || !(speed >= 1e-6 && speed <= 1e9)) {
    throw UsageError(option + " " + text +
                     ": is no speed; allowed: \"max\" or a number in [1e-6, 1e9], 1 = real time");
  }
  return speed;
}

void require_subscribers(std::span<Publisher* const> publishers, double wait_s,
                         const std::function<bool()>& meanwhile) {
  using Clock = Publisher::Clock;
  if (wait_s <= 0) return;
  const auto deadline =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(wait_s));
  while (Clock::now() < deadline) {
    if (wait_for_subscribers(publishers, std::min(deadline, Clock::now() + kMeanwhilePeriod))) return;
    if (interrupted() || (meanwhile && !meanwhile())) return;
  }
  std::string missing;
  for (Publisher* publisher : publishers) {
    if (publisher->subscribers() == 0) missing += (missing.empty() ? "" : " and ") + publisher->endpoint();
  }
  throw StreamError(
      text::concatenate("nobody subscribed to ", missing, " within ", text::shortest(wait_s),
                        " s; start glasswatchd with these endpoints, wait longer with --wait-subscriber, "
                        "or do not wait with --wait-subscriber 0"));
}

void let_go(std::span<Publisher* const> publishers) {
  using std::chrono::seconds;
  for (Publisher* publisher : publishers) publisher->set_linger(interrupted() ? seconds{2} : seconds{30});
  release_interrupts();
}

}  // namespace glasswatch::simulation
