#include "daemon/dashboard/client_queue.h"

#include <algorithm>
#include <utility>

namespace glasswatch {

bool ClientQueue::push_text(std::shared_ptr<const std::string> text, OnOverflow on_overflow) {
  if (texts_.size() >= capacity_) {
    const auto oldest = std::find_if(texts_.begin(), texts_.end(), [](const Text& queued) {
      return queued.on_overflow == OnOverflow::kDropOldest;
    });
    if (oldest == texts_.end()) {
      if (on_overflow == OnOverflow::kKeep) return false;
      ++dropped_;
      return true;
    }
    texts_.erase(oldest);
    ++dropped_;
  }
  texts_.push_back({std::move(text), on_overflow});
  return true;
}

void ClientQueue::push_image(std::shared_ptr<const std::string> image) {
  if (image_) ++dropped_;
  image_ = std::move(image);
}

std::optional<OutgoingMessage> ClientQueue::take() {
  if (image_ && (image_turn_ || texts_.empty())) {
    image_turn_ = false;
    return OutgoingMessage{std::exchange(image_, nullptr), true};
  }
  if (texts_.empty()) return std::nullopt;
  OutgoingMessage message{std::move(texts_.front().bytes), false};
  texts_.pop_front();
  image_turn_ = true;
  return message;
}

}  // namespace glasswatch
