// A small scenario that the tests of the simulators share and vary.
#pragma once

#include <cstdint>

#include "protocol/schema/scenario.pb.h"

namespace glasswatch::simulation {

/// 32 x 48 pixels, 1 s frames of 0.8 s, ramp 50 to 100 deg C at 60 K/min after 5 s of hold, 5 s of hold
/// after: 60 s.
scenario::Scenario example_scenario();

constexpr std::int64_t kExampleStartNs = 1'767'254'400'000'000'000;  // 2026-01-01T08:00:00Z

}  // namespace glasswatch::simulation
