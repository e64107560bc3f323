// The heating holder's set temperature (hold, ramp, hold, and what commands make of it) and the specimen's
// temperature behind it.
#pragma once

#include <vector>

#include "protocol/schema/scenario.pb.h"
#include "protocol/schema/streams.pb.h"
#include "simulators/stage_motion.h"

namespace glasswatch::simulation {

/// Setpoint S: piecewise linear. start_c during hold_before_s; from there to stop_c at rate_k_per_min; then
/// stop_c. The specimen's temperature T follows with a first-order lag, dT/dt = (S - T) / lag_s, from T = S
/// before the program; without lag T = S. Both in closed form. Times in seconds since the program began,
/// temperatures in deg C. Reading costs O(log n) for n pieces. Concurrent reads are fine; a command needs the
/// object alone.
class Heater {
 public:
  /// In the `holds` the program waits: ascending, disjoint, in times of the run.
  explicit Heater(const scenario::Ramp& ramp, std::vector<Pause> holds = {});

  double setpoint_c(double time_s) const;

  /// Of the specimen.
  double temperature_c(double time_s) const;

  /// Mean of the specimen's temperature over [from_s, to_s]; the point value if equal.
  double mean_c(double from_s, double to_s) const;

  stream::RampState state(double time_s) const;

  /// Length of hold, ramp and hold as the scenario has them, with the holds that begin before they are over.
  /// Commands change nothing in it.
  double program_s() const { return program_s_; }

  /// From `time_s` on the setpoint stays where it is. A second call changes nothing.
  void hold(double time_s);
  bool held() const { return held_; }

  /// From `time_s` on: from the setpoint to `to_c` at `rate_k_per_min` (above 0), then hold. Ends a hold.
  void change(double time_s, double to_c, double rate_k_per_min);

 private:
  struct Piece {
    double begin_s = 0;
    double setpoint_c = 0;  // at begin_s
    double rate_k_per_s = 0;
    double behind_c = 0;  // setpoint - temperature at begin_s
  };

  const Piece& piece_at(double time_s) const;
  double behind_c(const Piece& piece, double time_s) const;
  double piece_integral_c_s(const Piece& piece, double from_s, double to_s) const;
  void append(double begin_s, double setpoint_c, double rate_k_per_s);
  void cut(double time_s);
  double run(double begin_s, double length_s, double rate_k_per_s);

  double lag_s_;
  std::vector<Pause> holds_;
  std::vector<Piece> pieces_;  // ascending; the first is a hold and holds before its beginning too
  double program_s_ = 0;
  bool held_ = false;
};

}  // namespace glasswatch::simulation
