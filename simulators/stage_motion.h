// Where the specimen is and how far out of focus: drift, its correction, and the operator who refocuses.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <vector>

#include "protocol/schema/scenario.pb.h"

namespace glasswatch::simulation {

/// A time without observation, seconds since the start of the run.
struct Pause {
  double begin_s = 0;
  double end_s = 0;
};

struct StageState {
  double drift_row_nm = 0;  // of the specimen, uncorrected
  double drift_column_nm = 0;
  double applied_row_nm = 0;  // taken back by the stage so far
  double applied_column_nm = 0;
  double defocus_nm = 0;   // since the last refocusing
  double focus_score = 1;  // 1 in focus, (1 + (defocus / 10 nm)^2)^-1

  double residual_row_nm() const { return drift_row_nm - applied_row_nm; }
  double residual_column_nm() const { return drift_column_nm - applied_column_nm; }
};

/// Drift, from zero at the start of the run = a steady velocity in a random direction + a slow wander: along
/// each axis four sinusoids of random phase and of periods between 2 and 20 min, together with the rms of one
/// sinusoid of amplitude drift_wander_nm. Every correction_period_s the stage takes back `correction` times
/// the residual, all of it when it exceeds recentre_nm. Defocus grows steadily and returns to zero at the end
/// of every pause. No `stage` section: everything stays at zero.
///
/// A function of time only: nothing depends on how often it is asked. The path is made as far as it was
/// asked, 16 bytes per correction. Not thread-safe.
class StageMotion {
 public:
  explicit StageMotion(const scenario::Scenario& scenario);

  StageState at(double time_s);  // time_s may be negative (before the run): state as at 0

  /// Pauses for refocusing: the first begins after refocus_every_s, each lasts refocus_wait_s, the next
  /// follows refocus_every_s after its end. nullopt where there are none.
  std::optional<Pause> next_pause(double time_s) const;  // the first with end_s > time_s

  /// Holder clock minus camera clock at `time_s`.
  double clock_offset_s(double time_s) const;

 private:
  struct Vector {
    double row_nm = 0;
    double column_nm = 0;
  };
  struct Wave {
    double frequency_rad_s = 0;
    double phase_rad = 0;
  };
  static constexpr std::size_t kWaves = 4;
  using Waves = std::array<Wave, kWaves>;

  Vector drift(double time_s) const;
  double wander_nm(const Waves& waves, double time_s) const;
  Vector applied(double time_s);
  void correct_once();
  double cycle_s() const { return stage_.refocus_every_s() + stage_.refocus_wait_s(); }
  double refocusings(double time_s) const;  // ended by then

  scenario::Stage stage_;
  Vector velocity_nm_per_s_;
  Waves row_waves_;
  Waves column_waves_;
  std::vector<Vector> applied_ = {{}};  // after 0, 1, 2, ... corrections
};

}  // namespace glasswatch::simulation
