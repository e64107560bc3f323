// What the results of an offline run depend on, as text that two runs can compare.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "protocol/schema/configuration.pb.h"

namespace glasswatch {

/// One line for the program, the configuration, and every file: its place, size and time of change.
class RunPlan {
 public:
  RunPlan(const config::Configuration& configuration, std::uint64_t repeat);

  /// Nothing where `path` is empty.
  void add_file(const std::string& kind, const std::filesystem::path& path);

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace glasswatch
