#include "simulators/feed.h"

namespace glasswatch::simulation {

Turn next_turn(std::optional<std::int64_t> camera_due, std::optional<std::int64_t> environment_due,
               std::int64_t environment_reached_utc_ns) {
  if (!camera_due) return environment_due ? Turn::kEnvironment : Turn::kNone;
  if (!environment_due || environment_reached_utc_ns >= *camera_due) return Turn::kCamera;
  return Turn::kEnvironment;
}

}  // namespace glasswatch::simulation
