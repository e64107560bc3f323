#include "daemon/message_frames.h"

#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

namespace glasswatch {
namespace {

// libzmq 4.3 reads into buffers of 8 KiB; what does not fit has memory of its own.
constexpr std::size_t kSmallBytes = 16 * 1024;

bool keeps_its_memory(const zmq::message_t& message) {
  const auto address = reinterpret_cast<std::uintptr_t>(message.data());
  return message.size() > kSmallBytes && address % alignof(double) == 0;
}

}  // namespace

struct MessageFrames::Messages final : PixelMemory {
  explicit Messages(std::size_t count) : held(count) {
    free.reserve(count);
    for (std::size_t place = count; place > 0; --place) free.push_back(place - 1);
  }

  void give_back(std::size_t place) noexcept override {
    zmq::message_t done = std::move(held[place]);  // freed after the lock
    const std::scoped_lock lock(mutex);
    free.push_back(place);
  }

  std::vector<zmq::message_t> held;
  std::mutex mutex;
  std::vector<std::size_t> free;  // places in `held`
};

MessageFrames::MessageFrames(std::size_t frames) : messages_(std::make_shared<Messages>(frames)) {}

MessageFrames::~MessageFrames() = default;

Frame MessageFrames::take(zmq::message_t& message) {
  std::size_t place = 0;
  {
    const std::scoped_lock lock(messages_->mutex);
    if (messages_->free.empty()) return {};
    place = messages_->free.back();
    messages_->free.pop_back();
  }
  zmq::message_t& held = messages_->held[place];
  if (keeps_its_memory(message)) {
    held = std::move(message);
  } else {
    held.rebuild(message.data(), message.size());
    message.rebuild();
  }
  return {messages_, place, {static_cast<std::byte*>(held.data()), held.size()}};
}

std::size_t MessageFrames::available() const {
  const std::scoped_lock lock(messages_->mutex);
  return messages_->free.size();
}

}  // namespace glasswatch
