#include "analysis/clock_offset.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "analysis/check.h"

namespace glasswatch::analysis {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr auto kStepNs = static_cast<std::int64_t>(ClockOffset::kStepS * 1e9);
constexpr auto kStepSpanNs = static_cast<std::int64_t>(ClockOffset::kStepSpanS * 1e9);
constexpr auto kWindowSeconds = static_cast<std::int64_t>(ClockOffset::kWindowS);
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

}  // namespace

ClockOffset::ClockOffset(double floor_sigma_s) : floor_sigma_s_(floor_sigma_s) {
  GLASSWATCH_CHECK(floor_sigma_s > 0 && std::isfinite(floor_sigma_s), floor_sigma_s);
  seconds_.reserve(static_cast<std::size_t>(kWindowSeconds) + 1);
}

std::int64_t ClockOffset::best_ns() const {
  return std::max_element(seconds_.begin(), seconds_.end(),
                          [](const Second& a, const Second& b) { return a.best_ns < b.best_ns; })
      ->best_ns;
}

void ClockOffset::start_again() {
  seconds_.clear();
  low_run_ = {};
  messages_ = 0;
}

void ClockOffset::reset() {
  start_again();
  steps_ = 0;
}

void ClockOffset::insert(std::int64_t difference_ns, std::int64_t received_ns) {
  const std::int64_t second = received_ns / kSecondNs;
  if (seconds_.empty() || second > seconds_.back().index) {
    seconds_.push_back({second, difference_ns});
  } else {
    // Also where the receiver's clock went back a little: it belongs to the newest second.
    seconds_.back().best_ns = std::max(seconds_.back().best_ns, difference_ns);
  }
  while (seconds_.back().index - seconds_.front().index >= kWindowSeconds) {
    seconds_.erase(seconds_.begin());
  }
  messages_ = std::min(messages_ + 1, kMinimumMessages);
}

void ClockOffset::add(std::int64_t sent_ns, std::int64_t received_ns) {
  if (sent_ns <= 0 || received_ns <= 0) return;
  const std::int64_t difference_ns = sent_ns - received_ns;
  if (!seconds_.empty()) {
    const std::int64_t above_best_ns = difference_ns - best_ns();
    if (above_best_ns > kStepNs) {
      start_again();
      ++steps_;
    } else if (above_best_ns >= -kStepNs) {
      low_run_ = {};
    } else {
      if (low_run_.messages == 0) low_run_ = {0, received_ns, difference_ns};
      ++low_run_.messages;
      low_run_.best_ns = std::max(low_run_.best_ns, difference_ns);
      if (low_run_.messages >= kStepMessages && received_ns - low_run_.first_received_ns >= kStepSpanNs) {
        const LowRun run = low_run_;
        start_again();
        ++steps_;
        for (int i = 1; i < run.messages && !known(); ++i) insert(run.best_ns, received_ns);
      }
    }
  }
  insert(difference_ns, received_ns);
}

double ClockOffset::offset_s() const {
  return known() ? static_cast<double>(best_ns()) * 1e-9 : kNaN;
}

double ClockOffset::sigma_s() const {
  if (!known()) return kNaN;
  std::array<std::int64_t, static_cast<std::size_t>(kWindowSeconds)> best{};
  const auto end = std::transform(seconds_.begin(), seconds_.end(), best.begin(),
                                  [](const Second& second) { return second.best_ns; });
  const auto middle = best.begin() + (end - best.begin()) / 2;
  std::nth_element(best.begin(), middle, end);
  return std::hypot(floor_sigma_s_, static_cast<double>(best_ns() - *middle) * 1e-9);
}

}  // namespace glasswatch::analysis
