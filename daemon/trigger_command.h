// What a trigger rule asks of the microscope, as the command that is sent.
#pragma once

#include "protocol/schema/configuration.pb.h"
#include "protocol/schema/control.pb.h"

namespace glasswatch {

/// Fills the action of `command` from that of `rule`; leaves it unset when the rule has none. Absent fields
/// of the action become 0: as the microscope's own settings are (control.proto).
void set_action(const config::TriggerRule& rule, control::MicroscopeCommand& command);

}  // namespace glasswatch
