#include "daemon/dashboard/client_queue.h"

#include <algorithm>
#include <utility>

namespace glasswatch {

ClientQueue::Latest* ClientQueue::latest_of(OnOverflow on_overflow) {
  switch (on_overflow) {
    case OnOverflow::kLatestImage:
      return &latest_[0];
    case OnOverflow::kLatestTiles:
      return &latest_[1];
    case OnOverflow::kLatestDynamics:
      return &latest_[2];
    case OnOverflow::kDropOldest:
    case OnOverflow::kKeep:
      break;
  }
  return nullptr;
}

// False when nothing that is queued may be dropped.
bool ClientQueue::make_room() {
  const auto oldest = std::find_if(queued_.begin(), queued_.end(), [](const Queued& queued) {
    return queued.on_overflow == OnOverflow::kDropOldest;
  });
  if (oldest == queued_.end()) return false;
  queued_.erase(oldest);
  ++dropped_;
  return true;
}

bool ClientQueue::push(const OutgoingMessage& message, OnOverflow on_overflow) {
  if (Latest* latest = latest_of(on_overflow); latest != nullptr) {
    if (*latest) ++dropped_;
    *latest = message;
    return true;
  }
  if (queued_.size() >= capacity_ && !make_room()) {
    if (on_overflow == OnOverflow::kKeep) return false;
    ++dropped_;
    return true;
  }
  queued_.push_back({message, on_overflow});
  return true;
}

void ClientQueue::push_welcome(const WelcomeMessage& welcome) {
  if (Latest* latest = latest_of(welcome.on_overflow); latest != nullptr) {
    *latest = welcome.message;
  } else {
    queued_.push_back({welcome.message, OnOverflow::kKeep});
  }
}

std::optional<OutgoingMessage> ClientQueue::take() {
  if (turn_of_latest_ || queued_.empty()) {
    for (std::size_t i = 0; i < latest_.size(); ++i) {
      Latest& latest = latest_[next_latest_];
      next_latest_ = (next_latest_ + 1) % latest_.size();
      if (!latest) continue;
      turn_of_latest_ = false;
      return std::exchange(latest, std::nullopt);
    }
  }
  if (queued_.empty()) return std::nullopt;
  OutgoingMessage message = std::move(queued_.front().message);
  queued_.pop_front();
  turn_of_latest_ = true;
  return message;
}

std::size_t ClientQueue::size() const {
  const auto waiting =
      std::count_if(latest_.begin(), latest_.end(), [](const Latest& latest) { return latest.has_value(); });
  return queued_.size() + static_cast<std::size_t>(waiting);
}

}  // namespace glasswatch
