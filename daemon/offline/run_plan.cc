#include "daemon/offline/run_plan.h"

#include <sys/stat.h>

#include <ios>

#include "protocol/configuration/configuration.h"
#include "protocol/configuration/text.h"

namespace glasswatch {

RunPlan::RunPlan(const config::Configuration& configuration, std::uint64_t repeat)
    : text_(text::concatenate("program ", GLASSWATCH_VERSION, "\nconfiguration of digest ", std::hex,
                              digest(effective_text(configuration)), std::dec, "\nrepeat ", repeat, "\n")) {}

void RunPlan::add_file(const std::string& kind, const std::filesystem::path& path) {
  if (path.empty()) return;
  struct stat status {};
  std::error_code ignored;
  const auto place = std::filesystem::weakly_canonical(path, ignored);
  const bool exists = stat(path.c_str(), &status) == 0;
  const std::int64_t changed_ns =
      std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + std::int64_t{status.st_mtim.tv_nsec};
  text_ += text::concatenate(kind, " ", place.string());
  if (exists) text_ += text::concatenate(", ", status.st_size, " bytes, changed ", format_utc(changed_ns));
  text_ += '\n';
}

}  // namespace glasswatch
