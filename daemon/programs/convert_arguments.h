// The command line of `glasswatch convert`. Needs CLI11; for one program only.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "daemon/programs/convert.h"
#include "protocol/configuration/configuration.h"

namespace glasswatch {

/// Declares the arguments when it is made; it outlives the parsing.
class ConvertArguments {
 public:
  explicit ConvertArguments(CLI::App& sub);
  ConvertArguments(const ConvertArguments&) = delete;
  ConvertArguments& operator=(const ConvertArguments&) = delete;

  /// What was given. Throws UsageError.
  ConvertOptions options() const;

 private:
  ConvertOptions options_;
  std::vector<std::string> files_;  // inputs, then the output
  std::string start_utc_;
};

inline ConvertArguments::ConvertArguments(CLI::App& sub) {
  sub.add_option("FILES", files_,
                 "inputs of any known format, then the output: .hspy (recording), .mrc, .mrcs, .tif or .tiff")
      ->required();
  sub.add_option("--environment", options_.environment, "temperature log to put into the recording")
      ->type_name("LOG");
  sub.add_option("--log-utc-offset-s", options_.log_utc_offset_s, "the log's local time minus UTC")
      ->check(CLI::Range(-50'400.0, 50'400.0));
  sub.add_option("--frame-period-s", options_.settings.frame_period_s, "for inputs without times")
      ->check(CLI::Range(1e-6, 86400.0));
  sub.add_option("--exposure-s", options_.settings.exposure_s, "for inputs without times")
      ->check(CLI::Range(0.0, 86400.0));
  sub.add_option(
      "--start-utc", start_utc_,
      "start of the first exposure, \"2023-05-12T09:00:00Z\"; \"log\" = the first sample of the log");
  sub.add_flag("--force", options_.force, "replace the output where it exists");
  sub.add_flag("--progress", options_.progress, "a line every 10 s where standard error is no terminal");
}

inline ConvertOptions ConvertArguments::options() const {
  if (files_.size() < 2) throw UsageError("convert: one file was given; needed are inputs, then the output");
  ConvertOptions options = options_;
  options.inputs.assign(files_.begin(), files_.end() - 1);
  options.output = files_.back();
  options.start_from_log = start_utc_ == "log";
  if (!start_utc_.empty() && !options.start_from_log) {
    options.settings.start_utc_ns = parse_utc(start_utc_);
    if (!options.settings.start_utc_ns) {
      throw UsageError("--start-utc " + start_utc_ +
                       ": is no time; allowed: \"2023-05-12T09:00:00Z\" or \"log\"");
    }
  }
  return options;
}

}  // namespace glasswatch
