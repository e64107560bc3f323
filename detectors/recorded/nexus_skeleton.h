// The same data as NeXus programs expect it: /entry (NXentry) with a default plot (NXdata).
#pragma once

#include <H5Cpp.h>

#include <string>

#include "protocol/schema/recording.pb.h"

namespace glasswatch::recorded {

/// Makes /entry and /entry/data around what exists: the pixels at `data` and the columns of /frames. Throws
/// H5::Exception.
void create_nexus_entry(const H5::H5File& file, const recording::FileBegin& begin, const std::string& data);

}  // namespace glasswatch::recorded
