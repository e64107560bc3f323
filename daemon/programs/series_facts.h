// Facts about recordings and logs, for `glasswatch info`.
#pragma once

#include "daemon/programs/facts.h"
#include "detectors/environment_log.h"
#include "detectors/recorded/recorded_file.h"
#include "detectors/recording.h"

namespace glasswatch {

/// What every recording has: pixels, optics, camera, identity. Reads no frame.
void add_series(const stream::SeriesStart& start, std::uint64_t frames, Facts& facts);

/// Start and period of frames that lie on a grid or have stamps of their own: reads the first and the last
/// frame.
void add_frame_times(Recording& recording, Facts& facts);

void add_log(const EnvironmentLog& log, Facts& facts);

/// What only our own recordings have: parts, closing, gaps, temperatures, environment, events, results. Reads
/// the tables of the file, and its journal where that is small; no pixels.
void add_recording(const std::filesystem::path& path, RecordedFile& recording, Facts& facts);

}  // namespace glasswatch
