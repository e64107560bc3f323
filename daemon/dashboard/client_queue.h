// What one stream client has still to be sent: the overflow policy of the dashboard, without any socket.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "daemon/dashboard/server.h"

namespace glasswatch {

/// Messages in order, at most `capacity` of them; beside them only the latest live image, tile map and
/// dynamics. The ordered ones and the latest take turns, so that neither starves the other on a slow
/// connection. Not safe for use by several threads.
class ClientQueue {
 public:
  explicit ClientQueue(std::size_t capacity) : capacity_(capacity) {}

  /// Queues a message. When full, the oldest droppable one (this one, if no other) is dropped and counted.
  /// False when the message must be kept and the queue holds nothing but such messages: the client is beyond
  /// help.
  bool push(const OutgoingMessage& message, OnOverflow on_overflow);

  /// Queues a message whatever the capacity; for the welcome, whose size the daemon decides.
  void push_welcome(const WelcomeMessage& welcome);

  /// Takes the next message, if any.
  std::optional<OutgoingMessage> take();

  std::size_t size() const;

  /// Messages dropped since construction.
  std::uint64_t dropped() const { return dropped_; }

 private:
  using Latest = std::optional<OutgoingMessage>;
  struct Queued {
    OutgoingMessage message;
    OnOverflow on_overflow;
  };

  Latest* latest_of(OnOverflow on_overflow);  // null where messages queue
  bool make_room();

  std::size_t capacity_;
  std::deque<Queued> queued_;
  std::array<Latest, 3> latest_;  // image, tile map, dynamics
  std::size_t next_latest_ = 0;
  bool turn_of_latest_ = false;
  std::uint64_t dropped_ = 0;
};

}  // namespace glasswatch
