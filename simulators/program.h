// What both programs share around their work: options read alike, errors told alike.
#pragma once

#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <zmq.hpp>

#include "simulators/publisher.h"

namespace glasswatch::simulation {

enum ExitCode { kSuccess = 0, kUsage = 2, kInput = 3, kRunning = 4 };

/// A command line that parses but makes no sense. One line; exit code 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Runs `body` and turns what it throws into lines on stderr and an exit code: UsageError and
/// ConfigurationError 2, InputError 3, anything else 4.
int run_program(const std::string& name, const std::function<void()>& body);

/// "max" or a number above 0; throws UsageError naming `option`.
double parse_speed(const std::string& text, const std::string& option);

/// Waits up to `wait_s` until every publisher has a subscriber; throws StreamError naming those without. 0:
/// no wait.
void require_subscribers(std::span<Publisher* const> publishers, double wait_s);

/// Before the publishers are closed: subscribers may take what is queued for another 30 s, 2 s after an
/// interrupt; a further signal ends the program at once. Returns at once when nobody is connected.
void let_go(std::span<Publisher* const> publishers);

}  // namespace glasswatch::simulation
