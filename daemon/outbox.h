// The way from the working threads to the service thread: a bounded queue of results and one slot for live
// images.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include "daemon/bounded_queue.h"
#include "daemon/outbound.h"
#include "daemon/state.h"
#include "daemon/wakeup.h"

namespace glasswatch {

/// Results wait in a queue of fixed capacity: when it is full, results of a live series are dropped and
/// counted (publish_dropped), results of a recorded series wait. Live images have one slot, the newest wins
/// (display_dropped). Pushing: any thread. Popping: the service thread, when `wakeup` becomes readable.
class Outbox {
 public:
  using Tap = std::function<void(const Outbound& message, bool may_wait)>;

  /// `tap` sees every result, whether it is dropped here or not.
  Outbox(std::size_t capacity, SharedState& state, Tap tap = {})
      : state_(state), tap_(std::move(tap)), queue_(capacity, doorbell_) {}

  /// Swaps `message` away; false when it was dropped. `may_wait`: the series is recorded.
  bool push(Outbound& message, bool may_wait) {
    if (tap_) tap_(message, may_wait);
    const bool kept = may_wait ? queue_.push(message) : queue_.try_push(message);
    if (!kept) state_.count_publish_dropped();
    wakeup_.notify();
    return kept;
  }

  void push_display(Outbound& image) {
    {
      const std::scoped_lock lock(mutex_);
      if (display_full_) state_.count_display_dropped();
      std::swap(display_, image);
      display_full_ = true;
    }
    wakeup_.notify();
  }

  /// Buffers rotate through the queue by swapping: a long one would stay in it for ever.
  bool try_pop(Outbound& message) {
    if (message.bytes.capacity() > kLongMessage) std::string().swap(message.bytes);
    return queue_.try_pop(message);
  }

  bool try_pop_display(Outbound& image) {
    const std::scoped_lock lock(mutex_);
    if (!display_full_) return false;
    std::swap(display_, image);
    display_full_ = false;
    return true;
  }

  /// From now on nothing is accepted and nobody waits.
  void close() { queue_.close(); }

  Wakeup& wakeup() { return wakeup_; }

 private:
  static constexpr std::size_t kLongMessage = 256 * 1024;

  SharedState& state_;
  const Tap tap_;
  Doorbell doorbell_;  // nobody waits on it: the service thread waits for the wakeup
  Wakeup wakeup_;
  BoundedQueue<Outbound> queue_;
  std::mutex mutex_;
  Outbound display_;
  bool display_full_ = false;
};

}  // namespace glasswatch
