// Threads for the kernels: the daemon's implementation of analysis::Parallel.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "analysis/parallel.h"

namespace glasswatch {

/// Owns lanes - 1 threads; the thread that calls run() is lane 0 and works along. The range is cut into a few
/// pieces per lane, and whoever is free takes the next one: run() waits for pieces under way, and never for a
/// thread that the system has not let near a core yet. Threads without work look for more during a few tens
/// of microseconds, in which the next kernel of the same frame comes, then sleep: an idle Workers uses no
/// processor time.
///
/// run() allocates nothing; waking sleeping threads costs some microseconds. One thread at a time may call
/// it, and bodies may not.
class Workers final : public analysis::Parallel {
 public:
  /// One lane per hardware thread, 1 to 8: beyond, the kernels wait for memory.
  static int default_lanes();

  /// lanes >= 1. With one lane there are no threads. Throws std::system_error if a thread cannot be made.
  explicit Workers(int lanes = default_lanes());
  ~Workers() override;

  int lanes() const override { return lanes_; }
  void run(int count, analysis::PieceOfWork body) override;

 private:
  void serve(int lane);
  bool join_next_run(std::uint64_t& last_run);
  void leave_run();
  void work(int lane);
  void stop();

  const int lanes_;

  std::mutex mutex_;
  std::condition_variable wake_;  // a run has begun, or the end has come
  std::condition_variable left_;  // the last thread has left a run that is over
  bool open_ = false;             // threads may still join the run
  bool stopping_ = false;

  // Written under the mutex before a run is opened, constant while anybody is inside it.
  const analysis::PieceOfWork* body_ = nullptr;
  int count_ = 0;
  int piece_ = 0;

  std::atomic<std::uint64_t> run_ = 0;  // the number of the newest run
  std::atomic<std::int64_t> next_ = 0;  // first element that nobody has taken
  std::atomic<int> inside_ = 0;         // threads in the run, besides the caller

  std::vector<std::thread> threads_;
};

}  // namespace glasswatch
