#include "daemon/programs/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "protocol/client/program.h"

namespace glasswatch {
namespace {

constexpr auto kBarPeriod = std::chrono::milliseconds(200);
constexpr auto kLinePeriod = std::chrono::seconds(10);
constexpr std::size_t kMarks = 51;  // the speed is that of the last ten seconds of a bar

// "0:07", "12:30", "3:05:00".
std::string duration_text(double seconds) {
  const auto all = static_cast<long long>(std::min(std::ceil(seconds), 3.6e8));
  char text[32];
  if (all < 3600) {
    std::snprintf(text, sizeof(text), "%lld:%02lld", all / 60, all % 60);
  } else {
    std::snprintf(text, sizeof(text), "%lld:%02lld:%02lld", all / 3600, all / 60 % 60, all % 60);
  }
  return text;
}

std::size_t terminal_columns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

Progress::Progress(std::string program, std::uint64_t total, Elsewhere elsewhere)
    : program_(std::move(program)), total_(total), terminal_(isatty(STDERR_FILENO) == 1), period_(0) {
  if (terminal_) {
    period_ = kBarPeriod;
  } else if (elsewhere == Elsewhere::kLines) {
    period_ = kLinePeriod;
  }
  const auto now = Clock::now();
  next_ = now + period_;
  marks_.push_back({now, 0});
}

Progress::~Progress() {
  clear();
}

void Progress::skip(std::uint64_t frames) {
  done_ += frames;
  for (Mark& mark : marks_) mark.done += frames;
}

void Progress::add(std::uint64_t frames) {
  done_ += frames;
  if (period_ == Clock::duration::zero()) return;
  const auto now = Clock::now();
  if (now < next_) return;
  next_ = now + period_;
  show(now);
  marks_.push_back({now, done_});
  if (marks_.size() > kMarks) marks_.pop_front();
}

void Progress::say(const std::string& message) {
  clear();
  print_error(program_, message);
}

void Progress::phase(const std::string& work) {
  if (period_ == Clock::duration::zero()) return;
  if (!terminal_) return print_error(program_, work + " ...");
  std::fprintf(stderr, "\r\033[K%s ...", work.c_str());
  visible_ = true;
}

void Progress::clear() {
  if (!visible_) return;
  std::fputs("\r\033[K", stderr);  // to the beginning of the line, and erase it
  visible_ = false;
}

double Progress::frames_per_s(Clock::time_point now) const {
  const Mark& oldest = marks_.front();
  const double seconds = std::chrono::duration<double>(now - oldest.time).count();
  return seconds > 0 ? static_cast<double>(done_ - oldest.done) / seconds : 0;
}

std::string Progress::numbers(Clock::time_point now) const {
  const double speed = frames_per_s(now);
  const double share = total_ > 0 ? static_cast<double>(done_) / static_cast<double>(total_) : 1;
  const double left = static_cast<double>(total_ - std::min(done_, total_));
  char text[128];
  std::snprintf(text, sizeof(text), "%llu of %llu frames, %.0f %%, %.*f frames/s, %s left",
                static_cast<unsigned long long>(done_), static_cast<unsigned long long>(total_),
                std::floor(share * 100), speed < 10 ? 1 : 0, speed,
                speed > 0 ? duration_text(left / speed).c_str() : "?");
  return text;
}

void Progress::show(Clock::time_point now) {
  const std::string text = numbers(now);
  if (!terminal_) {
    print_error(program_, text);
    return;
  }
  constexpr std::size_t kWidestBar = 40;
  const std::size_t columns = terminal_columns();
  const std::size_t width = std::min(kWidestBar, columns > text.size() + 4 ? columns - text.size() - 4 : 0);
  const auto filled = total_ > 0
                          ? static_cast<std::size_t>(static_cast<double>(width) * static_cast<double>(done_) /
                                                     static_cast<double>(total_))
                          : width;
  std::string line = width > 0 ? "[" + std::string(std::min(filled, width), '#') +
                                     std::string(width - std::min(filled, width), ' ') + "] "
                               : "";
  line += text.substr(0, columns > 1 ? columns - 1 : 0);
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  visible_ = true;
}

}  // namespace glasswatch
