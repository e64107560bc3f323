// The bounded queue between two threads, and the doorbell that wakes a thread which reads several of them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

namespace glasswatch {

/// Wakes one waiting thread. A ring before the wait is not lost.
class Doorbell {
 public:
  void ring() {
    {
      const std::scoped_lock lock(mutex_);
      rung_ = true;
    }
    condition_.notify_one();
  }

  /// Returns at a ring since the last wait, or at the deadline.
  void wait_until(std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    condition_.wait_until(lock, deadline, [this] { return rung_; });
    rung_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool rung_ = false;
};

/// First in, first out, of fixed capacity, any number of threads. What happens when it is full is the choice
/// of the pushing side: try_push() refuses (the caller counts the drop), push() waits (recorded sources,
/// which can wait). Items are swapped in and out of slots, so that their memory is reused: no allocation by
/// the queue after construction. A mutex instead of a lock-free ring: at some thousand items a second the
/// difference cannot be seen.
template <typename T>
class BoundedQueue {
 public:
  BoundedQueue(std::size_t capacity, Doorbell& consumer) : slots_(capacity), consumer_(consumer) {}

  /// Swaps the item in; false and untouched when full or closed.
  bool try_push(T& item) {
    {
      const std::scoped_lock lock(mutex_);
      if (closed_ || count_ == slots_.size()) return false;
      put(item);
    }
    consumer_.ring();
    return true;
  }

  /// Waits for room. False, item untouched, once closed.
  bool push(T& item) {
    {
      std::unique_lock lock(mutex_);
      room_.wait(lock, [this] { return closed_ || count_ < slots_.size(); });
      if (closed_) return false;
      put(item);
    }
    consumer_.ring();
    return true;
  }

  /// Swaps the oldest item out; false when empty. What is left in `item` before the call is kept for reuse.
  bool try_pop(T& item) {
    {
      const std::scoped_lock lock(mutex_);
      if (count_ == 0) return false;
      std::swap(item, slots_[first_]);
      first_ = (first_ + 1) % slots_.size();
      --count_;
    }
    room_.notify_one();
    return true;
  }

  /// No more pushes; waiting ones return. Items inside can still be popped.
  void close() {
    {
      const std::scoped_lock lock(mutex_);
      closed_ = true;
    }
    room_.notify_all();
    consumer_.ring();
  }

  std::size_t depth() const {
    const std::scoped_lock lock(mutex_);
    return count_;
  }
  std::size_t capacity() const { return slots_.size(); }

 private:
  void put(T& item) {
    std::swap(item, slots_[(first_ + count_) % slots_.size()]);
    ++count_;
  }

  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::vector<T> slots_;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  bool closed_ = false;
  Doorbell& consumer_;
};

}  // namespace glasswatch
