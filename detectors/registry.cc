// The formats Glasswatch reads: one line each. Order matters only where two formats share a container.
#include <array>

#include "detectors/environment_log.h"
#include "detectors/hyperspy/hyperspy.h"
#include "detectors/impulse/impulse.h"
#include "detectors/numpy/numpy.h"
#include "detectors/protochips/protochips.h"
#include "detectors/recording.h"
#include "detectors/tia_ser/tia_ser.h"
#include "detectors/velox_emd/velox_emd.h"

namespace glasswatch {

std::span<const RecordingFormat> recording_formats() {
  static constexpr std::array kFormats = {
      RecordingFormat{"Velox .emd", matches_velox_emd, open_velox_emd},
      RecordingFormat{"HyperSpy .hspy", matches_hyperspy, open_hyperspy},
      RecordingFormat{"TIA .ser", matches_tia_ser, open_tia_ser},
      RecordingFormat{"NumPy .npy", matches_numpy, open_numpy},
  };
  return kFormats;
}

std::span<const EnvironmentLogFormat> environment_log_formats() {
  static constexpr std::array kFormats = {
      EnvironmentLogFormat{"Protochips CSV", matches_protochips, read_protochips},
      EnvironmentLogFormat{"Impulse CSV", matches_impulse, read_impulse},
  };
  return kFormats;
}

}  // namespace glasswatch
