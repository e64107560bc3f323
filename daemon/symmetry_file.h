// What the result file tells of symmetry once for the whole run: axes, calibration, the map of the last scan.
#pragma once

#include <H5Cpp.h>

#include "protocol/schema/results.pb.h"

namespace glasswatch {

/// All write below `root`, where the group "symmetry" exists. Throw H5::Exception.
void write_axes(H5::Group& root, const result::Setup& setup);
void write_calibration(H5::Group& root, const result::Calibration& calibration);
void write_scan_map(H5::Group& root, const result::MapUpdate& map);

}  // namespace glasswatch
