#include "daemon/workers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/support/allocation_counter.h"

namespace glasswatch {
namespace {

// What a run did: how often each element was computed, and whether a lane was ever used twice at once.
class Ledger {
 public:
  Ledger(int count, int lanes)
      : times_(static_cast<std::size_t>(count)), busy_(static_cast<std::size_t>(lanes)) {}

  void operator()(int lane, int begin, int end) {
    ASSERT_GE(lane, 0);
    ASSERT_LT(static_cast<std::size_t>(lane), busy_.size());
    ASSERT_LT(begin, end);
    auto& busy = busy_[static_cast<std::size_t>(lane)];
    if (busy.exchange(true)) ++clashes_;
    for (int i = begin; i < end; ++i) ++times_.at(static_cast<std::size_t>(i));
    busy = false;
  }

  void expect_each_once() const {
    for (std::size_t i = 0; i < times_.size(); ++i) ASSERT_EQ(times_[i], 1) << "element " << i;
    EXPECT_EQ(clashes_, 0);
  }

 private:
  std::vector<std::atomic<int>> times_;
  std::vector<std::atomic<bool>> busy_;
  std::atomic<int> clashes_ = 0;
};

TEST(Workers, ComputeEachElementOnceInDistinctLanes) {
  for (const int lanes : {1, 2, 3, 8}) {
    Workers workers(lanes);
    ASSERT_EQ(workers.lanes(), lanes);
    for (const int count : {1, 2, 3, 7, 8, 31, 32, 33, 90, 1000}) {
      Ledger ledger(count, lanes);
      workers.run(count, ledger);
      ledger.expect_each_once();
    }
  }
}

TEST(Workers, DoNothingForNothing) {
  Workers workers(2);
  int calls = 0;
  auto body = [&](int, int, int) { ++calls; };
  workers.run(0, body);
  workers.run(-1, body);
  EXPECT_EQ(calls, 0);
}

// Waits in its first pieces until as many are under way as there are lanes: only that many threads can end
// it.
class Rendezvous {
 public:
  explicit Rendezvous(int lanes) : lanes_(lanes) {}

  void operator()(int lane, int /*begin*/, int /*end*/) {
    std::unique_lock lock(mutex_);
    if (++arrived_ > lanes_) return;
    met_.push_back(lane);
    all_.notify_all();
    all_.wait_for(lock, std::chrono::seconds(60), [this] { return arrived_ >= lanes_; });
    if (lane == 0) return;
    lock.unlock();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the caller has no work left by then
    ++finished_;
  }

  const std::vector<int>& met() const { return met_; }
  int finished() const { return finished_; }

 private:
  const int lanes_;
  std::mutex mutex_;
  std::condition_variable all_;
  int arrived_ = 0;
  std::vector<int> met_;
  std::atomic<int> finished_ = 0;
};

TEST(Workers, RunPiecesAtTheSameTimeAndWaitForAll) {
  Workers workers(3);
  Rendezvous rendezvous(3);
  workers.run(24, rendezvous);
  EXPECT_THAT(rendezvous.met(), testing::UnorderedElementsAre(0, 1, 2));
  EXPECT_EQ(rendezvous.finished(), 2);
}

// What a body wrote must be visible to the caller and to every lane of the next run; the thread sanitizer
// watches this one. Runs follow each other at once, or after a pause in which the threads fall asleep.
TEST(Workers, HandResultsFromRunToRun) {
  constexpr int kCount = 64;
  constexpr int kRuns = 2000;
  Workers workers(4);
  std::vector<int> values(kCount, 0);
  for (int run = 0; run < kRuns; ++run) {
    const std::vector<int> before = values;
    auto rotate = [&](int, int begin, int end) {
      for (int i = begin; i < end; ++i) values[static_cast<std::size_t>(i)] = before[(i + 1) % kCount] + 1;
    };
    workers.run(kCount, rotate);
    if (run % 200 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  for (const int value : values) ASSERT_EQ(value, kRuns);
}

TEST(Workers, AreMadeAndEndedAtAnyMoment) {
  for (int i = 0; i < 50; ++i) {
    Workers workers(3);
    if (i % 2 == 0) continue;  // never used
    Ledger ledger(10, 3);
    workers.run(10, ledger);
    ledger.expect_each_once();
  }
}

TEST(Workers, AllocateNothingPerRun) {
  Workers workers(2);
  std::atomic<int> sum = 0;
  auto body = [&](int, int begin, int end) { sum += end - begin; };
  workers.run(100, body);
  if (!test::counts_allocations()) GTEST_SKIP() << "a sanitizer's operator new is in place";
  const long before = test::allocations();
  for (int run = 0; run < 100; ++run) workers.run(100, body);
  EXPECT_EQ(test::allocations(), before);
  EXPECT_EQ(sum, 101 * 100);
}

TEST(Workers, TakeOneLanePerCoreAndAtMostEight) {
  EXPECT_GE(Workers::default_lanes(), 1);
  EXPECT_LE(Workers::default_lanes(), 8);
}

TEST(WorkersDeathTest, RefuseToHaveNoLane) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(Workers(0), "lanes >= 1");
}

}  // namespace
}  // namespace glasswatch
