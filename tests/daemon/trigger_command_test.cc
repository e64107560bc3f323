#include "daemon/trigger_command.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace glasswatch {
namespace {

// Both sides written by hand from the two schemas.
TEST(TriggerCommand, EveryActionBecomesItsCommand) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"burst { frames: 5 frame_period_s: 0.1 }", "burst { frames: 5 frame_period_s: 0.1 }"},
      {"burst { }", "burst { frames: 100 frame_period_s: 0.025 }"},
      {"hold_temperature { }", "hold_temperature { }"},
      {"stop_series { }", "stop_series { }"},
      {"start_series { frames: 7 exposure_s: 0.5 }", "start_series { frames: 7 exposure_s: 0.5 }"},
      {"change_mode { mode: NANOBEAM }", "change_mode { mode: NANOBEAM }"},
      {"change_mode { mode: HAADF }", "change_mode { mode: HAADF }"},
      {"change_ramp { to_c: 420 rate_k_per_min: 5 }", "change_ramp { to_c: 420 rate_k_per_min: 5 }"},
      {"start_scan { rows: 9 columns: 8 step_nm: 2 }", "start_scan { rows: 9 columns: 8 step_nm: 2 }"},
      {"", ""},
  };
  for (const auto& [action, expected] : cases) {
    config::TriggerRule rule;
    control::MicroscopeCommand command;
    control::MicroscopeCommand by_hand;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(action, &rule)) << action;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(expected, &by_hand)) << expected;
    set_action(rule, command);
    EXPECT_EQ(command.SerializeAsString(), by_hand.SerializeAsString()) << action;
  }
}

}  // namespace
}  // namespace glasswatch
