// `glasswatch convert`: recordings of any known format into a recording of ours, an MRC stack or a TIFF
// stack.
#pragma once

#include <string>
#include <vector>

#include "detectors/recording.h"
#include "protocol/types/user_error.h"

namespace glasswatch {

struct ConvertOptions {
  std::vector<std::string> inputs;
  std::string output;       // .hspy, .mrc, .mrcs, .tif, .tiff
  std::string environment;  // a log, for .hspy; empty: what recordings of ours hold
  double log_utc_offset_s = 0;
  RecordingSettings settings;
  bool start_from_log = false;  // the first sample of the log is the start
  bool force = false;           // replace the output
  bool progress = false;        // lines where there is no terminal
};

/// Frame after frame, so that memory does not grow with the file. Inputs follow each other; all have frames
/// of one shape and type. The output appears when it is complete. Says what the format of the output cannot
/// hold. Throws UsageError, InputError, and std::runtime_error when the disk fails. Returns the exit code:
/// kFailed when interrupted.
ExitCode convert(const ConvertOptions& options);

}  // namespace glasswatch
