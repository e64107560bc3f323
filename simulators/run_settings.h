// What is common to all instruments of one run.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>

#include "protocol/schema/streams.pb.h"
#include "protocol/wire/random_id.h"

namespace glasswatch::simulation {

struct RunSettings {
  static constexpr std::int64_t kWallClock = std::numeric_limits<std::int64_t>::min();

  std::int64_t start_utc_ns = kWallClock;  // kWallClock: the wall clock when everything is prepared
  std::int64_t end_utc_ns = 0;             // no exposure ends after it
  stream::ClockKind clock = stream::RECORDED_CLOCK;
  int threads = 1;         // for making images; changes nothing in them
  bool checksums = false;  // of every frame, for the truth
  std::function<std::uint64_t()> new_series_id = wire::random_id;
};

}  // namespace glasswatch::simulation
