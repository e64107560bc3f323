#include "daemon/trigger_command.h"

namespace glasswatch {
namespace {

// Both enumerations are the list of modes; a number that one had and the other not would be a mistake here.
static_assert(static_cast<int>(config::ChangeModeAction::HAADF) ==
              static_cast<int>(control::ChangeMode::HAADF));
static_assert(static_cast<int>(config::ChangeModeAction::Mode_MAX) ==
              static_cast<int>(control::ChangeMode::HAADF));

}  // namespace

void set_action(const config::TriggerRule& rule, control::MicroscopeCommand& command) {
  switch (rule.action_case()) {
    case config::TriggerRule::kBurst:
      command.mutable_burst()->set_frames(rule.burst().frames());
      command.mutable_burst()->set_frame_period_s(rule.burst().frame_period_s());
      break;
    case config::TriggerRule::kHoldTemperature:
      command.mutable_hold_temperature();
      break;
    case config::TriggerRule::kStopSeries:
      command.mutable_stop_series();
      break;
    case config::TriggerRule::kStartSeries: {
      auto& series = *command.mutable_start_series();
      series.set_frames(rule.start_series().frames());
      series.set_frame_period_s(rule.start_series().frame_period_s());
      series.set_exposure_s(rule.start_series().exposure_s());
      break;
    }
    case config::TriggerRule::kChangeMode:
      command.mutable_change_mode()->set_mode(
          static_cast<control::ChangeMode::Mode>(rule.change_mode().mode()));
      break;
    case config::TriggerRule::kChangeRamp:
      command.mutable_change_ramp()->set_to_c(rule.change_ramp().to_c());
      command.mutable_change_ramp()->set_rate_k_per_min(rule.change_ramp().rate_k_per_min());
      break;
    case config::TriggerRule::kStartScan: {
      auto& scan = *command.mutable_start_scan();
      scan.set_rows(rule.start_scan().rows());
      scan.set_columns(rule.start_scan().columns());
      scan.set_step_nm(rule.start_scan().step_nm());
      scan.set_frame_period_s(rule.start_scan().frame_period_s());
      break;
    }
    case config::TriggerRule::ACTION_NOT_SET:
      break;
  }
}

}  // namespace glasswatch
