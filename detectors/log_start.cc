#include "detectors/log_start.h"

#include <algorithm>
#include <cmath>

#include "detectors/input_error.h"
#include "detectors/utf8.h"

namespace glasswatch {
namespace {

constexpr double kFarthestTimeS = 1e8;
constexpr double kMillisecondSigmaS = 0.001 / 3.4641016151377544;  // stamps cut to 1 ms: 1 ms / sqrt(12)

}  // namespace

stream::EnvironmentStart recorded_log_start(const std::filesystem::path& path, std::string_view name) {
  stream::EnvironmentStart start;
  start.set_name(std::string(name));
  start.set_source_mode(stream::REPLAY);
  start.mutable_clock()->set_name("holder-pc");
  start.mutable_clock()->set_kind(stream::RECORDED_CLOCK);
  start.mutable_clock()->set_sigma_s(kMillisecondSigmaS);
  start.mutable_identity()->set_source(valid_utf8(path.filename().string()));
  return start;
}

std::int64_t log_time_ns(const std::filesystem::path& path, std::size_t line, std::string_view field,
                         std::int64_t start_ns, std::optional<double> time, double factor_s) {
  const double seconds = time.value_or(NAN) * factor_s;
  if (!(std::abs(seconds) <= kFarthestTimeS)) {
    throw input_error(path, "line ", line, ": field \"", field,
                      "\" is absent or out of range; allowed: within ", kFarthestTimeS,
                      " s of the start; correct or remove the line");
  }
  return start_ns + std::llround(seconds * 1e9);
}

void finish_log(EnvironmentLog& log) {
  log.start.set_start_utc_ns(log.samples.front().time_utc_ns());
  std::vector<std::int64_t> steps_ns;
  for (std::size_t i = 1; i < log.samples.size(); ++i) {
    const std::int64_t step_ns = log.samples[i].time_utc_ns() - log.samples[i - 1].time_utc_ns();
    if (step_ns > 0) steps_ns.push_back(step_ns);
  }
  if (steps_ns.empty()) return;
  const auto middle = steps_ns.begin() + static_cast<std::ptrdiff_t>(steps_ns.size() / 2);
  std::nth_element(steps_ns.begin(), middle, steps_ns.end());
  log.start.set_nominal_period_s(static_cast<double>(*middle) * 1e-9);
}

}  // namespace glasswatch
