// The formats Glasswatch reads: one line each. Order matters only where two formats share a container.
#include <array>

#include "detectors/environment_log.h"
#include "detectors/hyperspy/hyperspy.h"
#include "detectors/impulse/impulse.h"
#include "detectors/mrc/mrc.h"
#include "detectors/numpy/numpy.h"
#include "detectors/protochips/protochips.h"
#include "detectors/recorded/recorded_file.h"
#include "detectors/recording.h"
#include "detectors/tia_ser/tia_ser.h"
#include "detectors/tiff/tiff.h"
#include "detectors/velox_emd/velox_emd.h"

namespace glasswatch {

std::span<const RecordingFormat> recording_formats() {
  static constexpr std::array kFormats = {
      // First: others that look into HDF5 files cannot open one that is growing.
      RecordingFormat{"Glasswatch recording", matches_recorded, open_recorded},
      RecordingFormat{"Velox .emd", matches_velox_emd, open_velox_emd},
      RecordingFormat{"HyperSpy .hspy", matches_hyperspy, open_hyperspy},
      RecordingFormat{"TIA .ser", matches_tia_ser, open_tia_ser},
      RecordingFormat{"NumPy .npy", matches_numpy, open_numpy},
      RecordingFormat{"TIFF", matches_tiff, open_tiff},
      // Last: old files of this format are known by their size alone.
      RecordingFormat{"MRC", matches_mrc, open_mrc},
  };
  return kFormats;
}

std::span<const EnvironmentLogFormat> environment_log_formats() {
  static constexpr std::array kFormats = {
      EnvironmentLogFormat{"Protochips CSV", matches_protochips, read_protochips},
      EnvironmentLogFormat{"Impulse CSV", matches_impulse, read_impulse},
      EnvironmentLogFormat{"Glasswatch recording", matches_recorded_environment, read_recorded_environment},
  };
  return kFormats;
}

}  // namespace glasswatch
