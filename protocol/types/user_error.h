// Errors that are the user's to mend.
#pragma once

#include <stdexcept>
#include <string>

namespace glasswatch {

/// Exit codes of every program.
enum ExitCode : int {
  kSuccess = 0,
  kBadUsage = 2,  // arguments or configuration
  kBadInput = 3,  // a file that is unreadable or invalid
  kFailed = 4,    // failed while running
};

/// An error whose message is for the user: per line what is wrong, where, what is allowed, what to do about
/// it.
class UserError : public std::runtime_error {
 public:
  UserError(ExitCode exit_code, const std::string& message)
      : std::runtime_error(message), exit_code_(exit_code) {}
  ExitCode exit_code() const { return exit_code_; }

 private:
  ExitCode exit_code_;
};

/// Arguments that parse but make no sense together.
class UsageError : public UserError {
 public:
  explicit UsageError(const std::string& message) : UserError(kBadUsage, message) {}
};

}  // namespace glasswatch
