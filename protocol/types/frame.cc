#include "protocol/types/frame.h"

#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace glasswatch {
namespace {

constexpr std::align_val_t kAlignment{64};

}  // namespace

Frame::Frame(std::shared_ptr<PixelMemory> memory, std::size_t place, std::span<std::byte> pixels)
    : pixels_(pixels), place_(place), memory_(std::move(memory)) {}

Frame::Frame(Frame&& other) noexcept
    : info(other.info),
      pixels_(std::exchange(other.pixels_, {})),
      place_(other.place_),
      memory_(std::move(other.memory_)) {}

Frame& Frame::operator=(Frame&& other) noexcept {
  if (this != &other) {
    if (memory_ != nullptr) memory_->give_back(place_);
    info = other.info;
    pixels_ = std::exchange(other.pixels_, {});
    place_ = other.place_;
    memory_ = std::move(other.memory_);
  }
  return *this;
}

Frame::~Frame() {
  if (memory_ != nullptr) memory_->give_back(place_);
}

struct FramePool::Buffers final : PixelMemory {
  Buffers(std::size_t buffers, std::size_t bytes) : limit(buffers), buffer_bytes(bytes) {
    memory.reserve(limit);
    free.reserve(limit);
  }
  ~Buffers() override {
    for (std::byte* buffer : memory) ::operator delete(buffer, kAlignment);
  }

  void give_back(std::size_t place) noexcept override {
    const std::scoped_lock lock(mutex);
    free.push_back(place);  // capacity was reserved: does not allocate
  }

  const std::size_t limit;
  const std::size_t buffer_bytes;
  std::mutex mutex;
  std::vector<std::byte*> memory;  // made so far
  std::vector<std::size_t> free;   // places in it
};

FramePool::FramePool(std::size_t buffers, std::size_t buffer_bytes)
    : buffers_(std::make_shared<Buffers>(buffers, buffer_bytes)) {}

FramePool::~FramePool() = default;

Frame FramePool::acquire() {
  Buffers& all = *buffers_;
  const std::scoped_lock lock(all.mutex);
  if (all.free.empty()) {
    if (all.memory.size() == all.limit) return {};
    all.memory.push_back(static_cast<std::byte*>(::operator new(all.buffer_bytes, kAlignment)));
    all.free.push_back(all.memory.size() - 1);
  }
  const std::size_t place = all.free.back();
  all.free.pop_back();
  return {buffers_, place, {all.memory[place], all.buffer_bytes}};
}

std::size_t FramePool::buffer_bytes() const {
  return buffers_->buffer_bytes;
}

std::size_t FramePool::available() const {
  const std::scoped_lock lock(buffers_->mutex);
  return buffers_->free.size() + (buffers_->limit - buffers_->memory.size());
}

}  // namespace glasswatch
