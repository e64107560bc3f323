// Lines of standard input, without ever waiting for one.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace glasswatch::simulation {

/// To be called before any file is opened: where standard input is closed, gives its number to /dev/null, so
/// that no other file gets it.
void reserve_standard_input();

/// Reads what has been typed or sent so far. Ends by itself, once and for all, where the input ends, fails,
/// or is no text. In the background of a terminal it reads nothing and is not stopped for it.
class StandardInput {
 public:
  static constexpr std::size_t kLongestLine = 256;

  StandardInput();

  /// Calls `take` for every complete line, without its end.
  void read(const std::function<void(std::string_view line)>& take);

  /// Whether it is worth while to wake up when there is something to read.
  bool listening() const;

 private:
  bool open_ = true;
  std::string begun_;  // a line without an end yet
};

}  // namespace glasswatch::simulation
