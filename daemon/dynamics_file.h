// The part of the result file that tells of dynamics.
#pragma once

#include <H5Cpp.h>

#include "protocol/schema/results.pb.h"

namespace glasswatch {

/// Writes ecm and, where there are regions, regions below `root` (daemon/README.md lists every dataset).
/// Throws H5::Exception.
void write_dynamics(H5::Group& root, const result::Dynamics& dynamics);

}  // namespace glasswatch
