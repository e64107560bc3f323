#include "daemon/workers.h"

#include <algorithm>
#include <chrono>

#include "analysis/check.h"

namespace glasswatch {
namespace {

constexpr int kMostLanes = 8;
// So many that a lane that is held up is evened out, so few that they cost nothing.
constexpr int kPiecesPerLane = 4;
constexpr auto kSpin = std::chrono::microseconds(30);

// Does not yield: to a busy neighbour that would be for a whole time slice, a hundred times as long.
template <typename Condition>
void spin_until(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + kSpin;
  while (!condition() && std::chrono::steady_clock::now() < deadline) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
}

}  // namespace

int Workers::default_lanes() {
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, kMostLanes);
}

Workers::Workers(int lanes) : lanes_(lanes) {
  GLASSWATCH_CHECK(lanes >= 1, lanes);
  threads_.reserve(static_cast<std::size_t>(lanes - 1));
  try {
    for (int lane = 1; lane < lanes; ++lane) threads_.emplace_back([this, lane] { serve(lane); });
  } catch (...) {
    stop();
    throw;
  }
}

Workers::~Workers() {
  stop();
}

void Workers::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Workers::run(int count, analysis::PieceOfWork body) {
  if (count <= 0) return;
  if (lanes_ == 1 || count == 1) return body(0, 0, count);
  {
    const std::scoped_lock lock(mutex_);
    body_ = &body;
    count_ = count;
    piece_ = std::max(1, count / (lanes_ * kPiecesPerLane));
    next_ = 0;
    open_ = true;
    ++run_;
  }
  wake_.notify_all();
  work(0);
  {
    const std::scoped_lock lock(mutex_);
    open_ = false;
  }
  const auto all_left = [this] { return inside_ == 0; };
  spin_until(all_left);
  std::unique_lock lock(mutex_);
  left_.wait(lock, all_left);
}

void Workers::serve(int lane) {
  std::uint64_t last_run = 0;
  while (join_next_run(last_run)) {
    work(lane);
    leave_run();
    spin_until([&] { return run_ != last_run; });
  }
}

bool Workers::join_next_run(std::uint64_t& last_run) {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [&] { return stopping_ || (open_ && run_ != last_run); });
  if (stopping_) return false;
  last_run = run_;
  ++inside_;
  return true;
}

void Workers::leave_run() {
  const std::scoped_lock lock(mutex_);
  if (--inside_ == 0 && !open_) left_.notify_one();
}

void Workers::work(int lane) {
  while (true) {
    const std::int64_t begin = next_.fetch_add(piece_);
    if (begin >= count_) return;
    const std::int64_t end = std::min<std::int64_t>(begin + piece_, count_);
    (*body_)(lane, static_cast<int>(begin), static_cast<int>(end));
  }
}

}  // namespace glasswatch
