// Camera, holder, heater and specimen of one simulated experiment, and the commands it obeys.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "protocol/schema/control.pb.h"
#include "simulators/virtual_camera.h"
#include "simulators/virtual_holder.h"

namespace glasswatch::simulation {

/// Length of the run: --seconds if > 0, else --frames or frames.count times the frame period (pauses come on
/// top), else the ramp program.
struct RunLength {
  std::uint64_t frames = 0;  // 0 = not given; of the ordinary series
  double seconds = 0;        // 0 = not given; of simulated time
};

class VirtualMicroscope {
 public:
  /// Makes the specimen and what the imaging modes can prepare: seconds for large fields. `run.end_utc_ns` is
  /// set here from the scenario and `length`; of both limits the first to come counts. Throws UserError when
  /// a file of the scenario cannot be read.
  VirtualMicroscope(const scenario::Scenario& scenario, RunSettings run, const RunLength& length);
  VirtualMicroscope(const VirtualMicroscope&) = delete;
  VirtualMicroscope& operator=(const VirtualMicroscope&) = delete;

  VirtualCamera& camera() { return camera_; }
  VirtualHolder& holder() { return holder_; }
  const Specimen* specimen() const { return specimen_.get(); }  // null in PATTERN
  std::int64_t start_utc_ns() const { return run_.start_utc_ns; }
  std::int64_t end_utc_ns() const { return run_.end_utc_ns; }

  /// For the planted maps of every mode.
  const Renderer& renderer() const { return renderer_; }

  /// Carries a command out at simulated time `now_utc_ns`. `accepted` false: nothing was done, `detail` says
  /// why.
  control::MicroscopeReply execute(const control::MicroscopeCommand& command, std::int64_t now_utc_ns);

 private:
  std::string obey(const control::MicroscopeCommand& command, std::int64_t now_utc_ns);

  scenario::Scenario scenario_;
  std::shared_ptr<Specimen> specimen_;
  Renderer renderer_;  // what takes long comes before the run begins
  StageMotion stage_;
  Heater heater_;
  RunSettings run_;
  VirtualCamera camera_;
  VirtualHolder holder_;
};

}  // namespace glasswatch::simulation
