// Frames whose pixels stay in the ZeroMQ message that brought them.
#pragma once

#include <cstddef>
#include <memory>

#include <zmq.hpp>

#include "protocol/types/frame.h"

namespace glasswatch {

/// Makes frames of messages without copying pixels, and bounds how many there are. What a frame does not hold
/// any more, the heap has back. Thread-safe for frames that end; take() from one thread. May die before its
/// frames.
class MessageFrames {
 public:
  /// At most `frames` are alive at any time.
  explicit MessageFrames(std::size_t frames);
  ~MessageFrames();
  MessageFrames(const MessageFrames&) = delete;
  MessageFrames& operator=(const MessageFrames&) = delete;

  /// A frame with the message's bytes as pixels, aligned for every pixel type; `message` is empty then. No
  /// frame, and `message` as it was, when there are too many. Small messages are copied: libzmq gives them
  /// out as pieces of a buffer that it shares among several, at any address.
  Frame take(zmq::message_t& message);

  std::size_t available() const;

 private:
  struct Messages;
  std::shared_ptr<Messages> messages_;
};

}  // namespace glasswatch
