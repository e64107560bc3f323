#include "simulators/standard_input.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace glasswatch::simulation {

void reserve_standard_input() {
  if (fcntl(STDIN_FILENO, F_GETFD) != -1 || errno != EBADF) return;
  // The lowest free number is given to it, which is this one.
  static_cast<void>(::open("/dev/null", O_RDONLY));  // NOLINT(cppcoreguidelines-pro-type-vararg)
}

// A program in the background that reads from its terminal is stopped, unless it ignores the signal.
StandardInput::StandardInput() {
  std::signal(SIGTTIN, SIG_IGN);
}

bool StandardInput::listening() const {
  return open_ && (isatty(STDIN_FILENO) == 0 || tcgetpgrp(STDIN_FILENO) == getpgrp());
}

void StandardInput::read(const std::function<void(std::string_view line)>& take) {
  if (!listening()) return;
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  if (poll(&input, 1, 0) <= 0) return;
  std::array<char, 4096> bytes{};
  const ssize_t count = ::read(STDIN_FILENO, bytes.data(), bytes.size());
  if (count < 0 && (errno == EINTR || errno == EAGAIN || errno == EIO)) return;
  open_ = count > 0;
  if (!open_) return;
  begun_.append(bytes.data(), static_cast<std::size_t>(count));
  std::size_t begin = 0;
  for (std::size_t end = begun_.find('\n'); end != std::string::npos; end = begun_.find('\n', begin)) {
    take(std::string_view(begun_).substr(begin, end - begin));
    begin = end + 1;
  }
  begun_.erase(0, begin);
  open_ = begun_.size() <= kLongestLine;
}

}  // namespace glasswatch::simulation
