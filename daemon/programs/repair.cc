#include "daemon/programs/repair.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "detectors/recorded/repair.h"
#include "protocol/client/program.h"

namespace glasswatch {
namespace {

using Outcome = recorded::RepairReport::Outcome;

const char* outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kSound:
      return "sound";
    case Outcome::kClosed:
      return "closed";
    case Outcome::kRebuilt:
      return "rebuilt";
  }
  return "?";
}

void print(const std::string& file, const recorded::RepairReport& report, bool json) {
  if (!json) {
    std::printf("%s\n", report.detail.c_str());
    return;
  }
  const nlohmann::ordered_json object = {{"file", file},
                                         {"outcome", outcome_name(report.outcome)},
                                         {"frames", report.frames},
                                         {"frames_missing", report.frames_missing},
                                         {"blocks_damaged", report.blocks_damaged},
                                         {"detail", report.detail}};
  std::printf("%s\n", object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
}

}  // namespace

ExitCode repair(const std::vector<std::string>& files, bool json) {
  ExitCode code = kSuccess;
  for (const std::string& file : files) {
    try {
      print(file, recorded::repair(file), json);
      std::fflush(stdout);  // the next file may take a while
    } catch (const UserError& error) {
      print_error("glasswatch", error.what());
      code = std::max(code, error.exit_code());
    } catch (const std::exception& error) {
      print_error("glasswatch", error.what());
      code = kFailed;
    }
  }
  return code;
}

}  // namespace glasswatch
