// What one stream client has still to be sent: the overflow policy of the dashboard, without any socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "daemon/dashboard/server.h"

namespace glasswatch {

/// A message ready to send; the bytes are shared by all clients.
struct OutgoingMessage {
  std::shared_ptr<const std::string> bytes;
  bool binary = false;
};

/// Texts in order, at most `capacity` of them; of images only the latest. Texts and images take turns, so
/// that neither starves the other on a slow connection. Not safe for use by several threads.
class ClientQueue {
 public:
  explicit ClientQueue(std::size_t capacity) : capacity_(capacity) {}

  /// Queues a text. When full, the oldest droppable text (this one, if no other) is dropped and counted.
  /// False when the text must be kept and the queue holds nothing but such texts: the client is beyond help.
  bool push_text(std::shared_ptr<const std::string> text, OnOverflow on_overflow);

  /// Queues a text whatever the capacity; for the welcome, whose size the daemon decides.
  void push_welcome(std::shared_ptr<const std::string> text) {
    texts_.push_back({std::move(text), OnOverflow::kKeep});
  }

  /// Replaces the waiting image; the one replaced is counted.
  void push_image(std::shared_ptr<const std::string> image);

  /// Takes the next message, if any.
  std::optional<OutgoingMessage> take();

  std::size_t size() const { return texts_.size() + (image_ ? 1 : 0); }

  /// Texts and images dropped since construction.
  std::uint64_t dropped() const { return dropped_; }

 private:
  struct Text {
    std::shared_ptr<const std::string> bytes;
    OnOverflow on_overflow;
  };

  std::size_t capacity_;
  std::deque<Text> texts_;
  std::shared_ptr<const std::string> image_;
  bool image_turn_ = false;
  std::uint64_t dropped_ = 0;
};

}  // namespace glasswatch
