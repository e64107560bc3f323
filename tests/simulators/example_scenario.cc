#include "tests/simulators/example_scenario.h"

namespace glasswatch::simulation {

scenario::Scenario example_scenario() {
  scenario::Scenario scenario;
  scenario.set_name("example");
  scenario.set_seed(42);
  auto& frames = *scenario.mutable_frames();
  frames.set_rows(32);
  frames.set_columns(48);
  frames.set_frame_period_s(1);
  frames.set_exposure_s(0.8);
  frames.set_dose_e_per_px(30);
  auto& ramp = *scenario.mutable_ramp();
  ramp.set_start_c(50);
  ramp.set_stop_c(100);
  ramp.set_rate_k_per_min(60);
  ramp.set_hold_before_s(5);
  ramp.set_hold_after_s(5);
  auto& pattern = *scenario.mutable_pattern();
  pattern.set_center_row_px(15.5);
  pattern.set_center_col_px(23.5);
  pattern.set_ring_radius_px(10);
  pattern.set_ring_width_px(3);
  pattern.set_onset_c(60);
  pattern.set_full_c(80);
  return scenario;
}

}  // namespace glasswatch::simulation
