#include "protocol/types/frame.h"

#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace glasswatch {
namespace internal {

constexpr std::size_t kAlignment = 64;

struct PoolState {
  PoolState(std::size_t buffers, std::size_t bytes) : limit(buffers), buffer_bytes(bytes) {
    free.reserve(limit);
  }
  PoolState(const PoolState&) = delete;
  PoolState& operator=(const PoolState&) = delete;
  ~PoolState() {
    for (std::byte* buffer : free) ::operator delete (buffer, std::align_val_t{kAlignment});
  }

  std::byte* take() {
    const std::scoped_lock lock(mutex);
    if (!free.empty()) {
      std::byte* buffer = free.back();
      free.pop_back();
      return buffer;
    }
    if (created == limit) return nullptr;
    ++created;
    return static_cast<std::byte*>(::operator new (buffer_bytes, std::align_val_t{kAlignment}));
  }

  void give_back(std::byte* buffer) {
    const std::scoped_lock lock(mutex);
    free.push_back(buffer);  // capacity was reserved: does not allocate
  }

  const std::size_t limit;
  const std::size_t buffer_bytes;
  std::mutex mutex;
  std::size_t created = 0;
  std::vector<std::byte*> free;
};

}  // namespace internal

Frame::Frame(Frame&& other) noexcept
    : info(other.info),
      data_(std::exchange(other.data_, nullptr)),
      capacity_(std::exchange(other.capacity_, 0)),
      pool_(std::move(other.pool_)) {}

Frame& Frame::operator=(Frame&& other) noexcept {
  if (this != &other) {
    if (data_ != nullptr) pool_->give_back(data_);
    info = other.info;
    data_ = std::exchange(other.data_, nullptr);
    capacity_ = std::exchange(other.capacity_, 0);
    pool_ = std::move(other.pool_);
  }
  return *this;
}

Frame::~Frame() {
  if (data_ != nullptr) pool_->give_back(data_);
}

FramePool::FramePool(std::size_t buffers, std::size_t buffer_bytes)
    : state_(std::make_shared<internal::PoolState>(buffers, buffer_bytes)) {}

FramePool::~FramePool() = default;

Frame FramePool::acquire() {
  Frame frame;
  frame.data_ = state_->take();
  if (frame.data_ != nullptr) {
    frame.capacity_ = state_->buffer_bytes;
    frame.pool_ = state_;
  }
  return frame;
}

std::size_t FramePool::buffer_bytes() const {
  return state_->buffer_bytes;
}

std::size_t FramePool::available() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->free.size() + (state_->limit - state_->created);
}

}  // namespace glasswatch
