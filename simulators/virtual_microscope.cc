#include "simulators/virtual_microscope.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "protocol/configuration/text.h"
#include "protocol/wire/wire.h"

namespace glasswatch::simulation {
namespace {

RunSettings with_end(const scenario::Scenario& scenario, const Heater& heater, RunSettings run,
                     const RunLength& length) {
  const std::uint64_t frames = length.frames > 0 ? length.frames : scenario.frames().count();
  const std::int64_t program_ns =
      frames > 0 ? static_cast<std::int64_t>(frames) * to_ns(scenario.frames().frame_period_s())
                 : to_ns(heater.program_s());
  run.end_utc_ns =
      run.start_utc_ns + (length.seconds > 0 ? std::min(to_ns(length.seconds), program_ns) : program_ns);
  return run;
}

}  // namespace

VirtualMicroscope::VirtualMicroscope(const scenario::Scenario& scenario, RunSettings run,
                                     const RunLength& length)
    : heater_(scenario.ramp()),
      run_(with_end(scenario, heater_, std::move(run), length)),
      camera_(scenario, heater_, run_),
      holder_(scenario, heater_, run_) {}

control::MicroscopeReply VirtualMicroscope::execute(const control::MicroscopeCommand& command,
                                                    std::int64_t now_utc_ns) {
  control::MicroscopeReply reply;
  reply.set_schema_version(wire::kSchemaVersion);
  reply.set_command_id(command.command_id());
  reply.set_executed_utc_ns(now_utc_ns);
  bool accepted = false;
  std::string detail;
  const double now_s = static_cast<double>(now_utc_ns - run_.start_utc_ns) * 1e-9;
  switch (command.command_case()) {
    case control::MicroscopeCommand::kBurst:
      detail = burst(command, now_utc_ns, accepted);
      break;
    case control::MicroscopeCommand::kStopSeries:
      accepted = camera_.stop_series(command.reason(), now_utc_ns);
      detail = accepted ? "series stopped" : "no series is running";
      break;
    case control::MicroscopeCommand::kHoldTemperature:
      heater_.hold(now_s);
      accepted = true;
      detail = text::concatenate("temperature held at ", heater_.temperature_c(now_s), " °C");
      break;
    case control::MicroscopeCommand::COMMAND_NOT_SET:
      detail = "no command that this simulator knows; allowed: burst, stop_series, hold_temperature";
      break;
  }
  reply.set_accepted(accepted);
  reply.set_detail(detail);
  return reply;
}

std::string VirtualMicroscope::burst(const control::MicroscopeCommand& command, std::int64_t now_utc_ns,
                                     bool& accepted) {
  const auto& burst = command.burst();
  if (burst.frames() < 1 || burst.frames() > 1'000'000) {
    return text::concatenate("burst.frames = ", burst.frames(), " is not allowed: [1, 1000000]");
  }
  if (!(burst.frame_period_s() >= 0.001 && burst.frame_period_s() <= 3600)) {
    return text::concatenate("burst.frame_period_s = ", burst.frame_period_s(),
                             " is not allowed: [0.001, 3600]");
  }
  if (camera_.bursting()) return "a burst is under way; wait for its series to end";
  std::string done = camera_.burst(burst.frames(), burst.frame_period_s(), command.reason(), now_utc_ns);
  accepted = !done.empty();
  return accepted ? done : "no frame fits before the program ends";
}

}  // namespace glasswatch::simulation
