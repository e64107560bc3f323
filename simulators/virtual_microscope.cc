#include "simulators/virtual_microscope.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "protocol/client/utc_now.h"
#include "protocol/configuration/text.h"
#include "protocol/types/user_error.h"
#include "protocol/wire/wire.h"

namespace glasswatch::simulation {
namespace {

// Every refocusing pause that begins before the last frame is over delays it.
double with_pauses(const StageMotion& stage, double observation_s) {
  double end_s = observation_s;
  double asked_s = 0;
  for (auto pause = stage.next_pause(asked_s); pause && pause->begin_s < end_s;
       pause = stage.next_pause(asked_s)) {
    end_s += pause->end_s - pause->begin_s;
    asked_s = pause->end_s;
  }
  return end_s;
}

std::vector<Pause> pauses(const StageMotion& stage, double until_s) {
  std::vector<Pause> all;
  for (auto pause = stage.next_pause(0); pause && pause->begin_s < until_s;
       pause = stage.next_pause(pause->end_s)) {
    all.push_back(*pause);
  }
  return all;
}

// The ramp's own length, observed without a break: pauses in it make it longer, which may bring further
// pauses.
Heater make_heater(const scenario::Scenario& scenario, const StageMotion& stage) {
  if (!scenario.stage().hold_while_refocusing()) return Heater(scenario.ramp());
  const double program_s = Heater(scenario.ramp()).program_s();
  return Heater(scenario.ramp(), pauses(stage, with_pauses(stage, program_s)));
}

RunSettings with_end(const scenario::Scenario& scenario, const StageMotion& stage, const Heater& heater,
                     RunSettings run, const RunLength& length) {
  constexpr double kLongestS = 1e9;  // 32 years; nanoseconds since 1970 end in 2262
  if (run.start_utc_ns == RunSettings::kWallClock) run.start_utc_ns = utc_now_ns();
  const std::uint64_t frames = length.frames > 0 ? length.frames : scenario.frames().count();
  const double observed_s = static_cast<double>(frames) * scenario.frames().frame_period_s();
  double program_s = frames > 0 ? with_pauses(stage, observed_s) : heater.program_s();
  if (length.seconds > 0) program_s = std::min(program_s, length.seconds);
  if (static_cast<double>(run.start_utc_ns) * 1e-9 + program_s > 9.2e9 || program_s > kLongestS) {
    throw UsageError(
        text::concatenate("the run would last ", program_s,
                          " s; at most 1e9 s, and not beyond the year 2261: shorten it with --frames "
                          "or --seconds"));
  }
  // In whole periods, so that rounding to nanoseconds neither adds nor takes a frame.
  const std::int64_t period_ns = to_ns(scenario.frames().frame_period_s());
  std::int64_t program_ns = to_ns(program_s);
  if (frames > 0 && program_s >= with_pauses(stage, observed_s)) {
    program_ns = static_cast<std::int64_t>(frames) * period_ns + to_ns(program_s - observed_s);
  }
  run.end_utc_ns = run.start_utc_ns + program_ns;
  return run;
}

void require(bool fine, const char* field, double value, const char* allowed) {
  if (!fine) {
    throw VirtualCamera::Refusal{
        text::concatenate(field, " = ", text::shortest(value), " is not allowed: ", allowed)};
  }
}

void require_period(double period_s, const char* field) {
  require(period_s >= 0.001 && period_s <= 3600, field, period_s, "[0.001, 3600]");
}

}  // namespace

VirtualMicroscope::VirtualMicroscope(const scenario::Scenario& scenario, RunSettings run,
                                     const RunLength& length)
    : scenario_(scenario),
      specimen_(scenario.has_specimen() ? std::make_shared<Specimen>(scenario.specimen(), scenario.seed())
                                        : nullptr),
      renderer_(scenario, specimen_, run.threads),
      stage_(scenario),
      heater_(make_heater(scenario, stage_)),
      run_(with_end(scenario, stage_, heater_, std::move(run), length)),
      camera_(scenario,
              {.heater = heater_, .stage = stage_, .specimen = specimen_.get(), .renderer = renderer_}, run_),
      holder_(scenario, heater_, stage_, run_) {
  if (!camera_.due_utc_ns()) {
    throw UsageError(text::concatenate("no exposure fits into the run of ",
                                       static_cast<double>(run_.end_utc_ns - run_.start_utc_ns) * 1e-9,
                                       " s; make frames.exposure_s shorter, or the run longer with "
                                       "frames.count, ramp.hold_after_s, --frames or "
                                       "--seconds"));
  }
}

control::MicroscopeReply VirtualMicroscope::execute(const control::MicroscopeCommand& command,
                                                    std::int64_t now_utc_ns) {
  control::MicroscopeReply reply;
  reply.set_schema_version(wire::kSchemaVersion);
  reply.set_command_id(command.command_id());
  reply.set_executed_utc_ns(now_utc_ns);
  try {
    reply.set_detail(obey(command, now_utc_ns));
    reply.set_accepted(true);
  } catch (const VirtualCamera::Refusal& refusal) {
    reply.set_detail(refusal.why);
  }
  return reply;
}

std::string VirtualMicroscope::obey(const control::MicroscopeCommand& command, std::int64_t now_utc_ns) {
  const double now_s = static_cast<double>(now_utc_ns - run_.start_utc_ns) * 1e-9;
  const std::string& reason = command.reason();
  switch (command.command_case()) {
    case control::MicroscopeCommand::kBurst: {
      const auto& burst = command.burst();
      require(burst.frames() >= 1 && burst.frames() <= 1'000'000, "burst.frames", burst.frames(),
              "[1, 1000000]");
      require_period(burst.frame_period_s(), "burst.frame_period_s");
      return camera_.burst(burst.frames(), burst.frame_period_s(), reason, now_utc_ns);
    }
    case control::MicroscopeCommand::kStartSeries: {
      const auto& series = command.start_series();
      if (series.frame_period_s() != 0)
        require_period(series.frame_period_s(), "start_series.frame_period_s");
      require(series.exposure_s() == 0 || (series.exposure_s() >= 1e-6 && series.exposure_s() <= 3600),
              "start_series.exposure_s", series.exposure_s(), "[1e-6, 3600], or 0 for the scenario's");
      return camera_.start_series(
          {.frames = series.frames(), .period_s = series.frame_period_s(), .exposure_s = series.exposure_s()},
          reason, now_utc_ns);
    }
    case control::MicroscopeCommand::kStopSeries:
      return camera_.stop_series(reason, now_utc_ns);
    case control::MicroscopeCommand::kChangeMode: {
      const int mode = command.change_mode().mode();
      require(scenario::Mode_IsValid(mode), "change_mode.mode", mode, "one of control.proto ChangeMode.Mode");
      return camera_.change_mode(static_cast<scenario::Mode>(mode), reason, now_utc_ns);
    }
    case control::MicroscopeCommand::kStartScan: {
      const auto& scan = command.start_scan();
      require(scan.rows() <= 4096 && scan.columns() <= 4096, "start_scan.rows, columns",
              std::max(scan.rows(), scan.columns()), "[1, 4096], or 0 for the scenario's");
      require(scan.step_nm() >= 0 && scan.step_nm() <= 1000, "start_scan.step_nm", scan.step_nm(),
              "(0, 1000], or 0 for the scenario's");
      if (scan.frame_period_s() != 0) require_period(scan.frame_period_s(), "start_scan.frame_period_s");
      return camera_.start_scan({.rows = scan.rows(),
                                 .columns = scan.columns(),
                                 .step_nm = scan.step_nm(),
                                 .period_s = scan.frame_period_s()},
                                reason, now_utc_ns);
    }
    case control::MicroscopeCommand::kHoldTemperature:
      heater_.hold(now_s);
      camera_.heater_changed(now_utc_ns);
      return text::concatenate("temperature held at ", heater_.setpoint_c(now_s), " °C");
    case control::MicroscopeCommand::kChangeRamp: {
      const auto& ramp = command.change_ramp();
      require(ramp.to_c() >= -200 && ramp.to_c() <= 2000, "change_ramp.to_c", ramp.to_c(), "[-200, 2000]");
      require(ramp.rate_k_per_min() >= 0.001 && ramp.rate_k_per_min() <= 100000, "change_ramp.rate_k_per_min",
              ramp.rate_k_per_min(), "[0.001, 100000]");
      heater_.change(now_s, ramp.to_c(), ramp.rate_k_per_min());
      camera_.heater_changed(now_utc_ns);
      return text::concatenate("ramp from ", heater_.setpoint_c(now_s), " to ", text::shortest(ramp.to_c()),
                               " °C at ", text::shortest(ramp.rate_k_per_min()), " K/min");
    }
    case control::MicroscopeCommand::COMMAND_NOT_SET:
      break;
  }
  throw VirtualCamera::Refusal{
      "no command that this simulator knows; allowed: burst, start_series, stop_series, change_mode, "
      "start_scan, "
      "hold_temperature, change_ramp"};
}

}  // namespace glasswatch::simulation
