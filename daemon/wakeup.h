// Wakes an event loop from another thread without allocating: a Linux eventfd.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace glasswatch {

class Wakeup {
 public:
  Wakeup() : descriptor_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  }
  ~Wakeup() { ::close(descriptor_); }
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  /// Makes the descriptor readable. Any thread.
  void notify() {
    const std::uint64_t one = 1;
    // It can only fail when the counter is full, and then the descriptor is readable already.
    [[maybe_unused]] const auto written = ::write(descriptor_, &one, sizeof(one));
  }

  /// Makes it unreadable again. Do this before looking for work, so that no notification is lost.
  void acknowledge() {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto taken = ::read(descriptor_, &count, sizeof(count));
  }

  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

}  // namespace glasswatch
