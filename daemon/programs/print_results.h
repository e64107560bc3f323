// Results and states as lines for a person, on standard output.
#pragma once

#include "protocol/schema/results.pb.h"

namespace glasswatch {

/// One line or two for a setup, frame, trigger event, map or dynamics; nothing for anything else.
void print_result(const result::ResultMessage& message);

void print_status(const result::Status& status);

}  // namespace glasswatch
