#include "daemon/programs/info.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string_view>

#include "daemon/programs/facts.h"
#include "daemon/programs/series_facts.h"
#include "detectors/file_head.h"
#include "detectors/hdf5_guard.h"
#include "detectors/input_error.h"
#include "protocol/client/program.h"

namespace glasswatch {
namespace {

constexpr std::chrono::seconds kTimeLimit{60};

bool add_as_recording(const std::string& path, const std::string& head, Facts& facts) {
  for (const RecordingFormat& format : recording_formats()) {
    if (!format.matches(path, std::as_bytes(std::span(head)))) continue;
    facts.add_text("format", "format", std::string(format.name));
    const std::unique_ptr<Recording> recording = format.open(path, {});
    add_series(recording->start(), recording->frame_count(), facts);
    if (auto* recorded = dynamic_cast<RecordedFile*>(recording.get())) {
      add_recording(path, *recorded, facts);
    } else {
      add_frame_times(*recording, facts);
    }
    return true;
  }
  return false;
}

bool add_as_log(const std::string& path, const std::string& head, Facts& facts) {
  for (const EnvironmentLogFormat& format : environment_log_formats()) {
    if (!format.matches(path, head)) continue;
    facts.add_text("format", "format", std::string(format.name));
    add_log(format.read(path, {}), facts);
    return true;
  }
  return false;
}

Facts facts_of(const std::string& path, const std::string& head) {
  const auto bytes = static_cast<double>(std::filesystem::file_size(path));
  Facts facts;
  facts.add("file", path + ", " + bytes_text(bytes), "file", path);
  facts.add("", "", "file_bytes", std::filesystem::file_size(path));
  if (!add_as_recording(path, head, facts) && !add_as_log(path, head, facts)) {
    throw input_error(path, "is neither a recording nor a temperature log of a known format");
  }
  return facts;
}

}  // namespace

ExitCode info(const std::vector<std::string>& files, bool json) {
  ExitCode code = kSuccess;
  bool first = true;
  for (const std::string& file : files) {
    try {
      const std::string head = read_head(file, "record or copy it again");
      // In a child: HDF5 may not survive the tables of a damaged file.
      const std::string text = probe_in_child(
          file, [&] { return json ? facts_of(file, head).json_line() : facts_of(file, head).lines(); },
          kTimeLimit);
      if (!first && !json) std::printf("\n");
      std::fputs(text.c_str(), stdout);
      first = false;
    } catch (const UserError& error) {
      print_error("glasswatch", error.what());
      code = std::max(code, error.exit_code());
    }
  }
  return code;
}

}  // namespace glasswatch
