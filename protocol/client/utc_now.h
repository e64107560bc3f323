// The wall clock, for programs; the numerical core is given times as arguments.
#pragma once

#include <chrono>
#include <cstdint>

namespace glasswatch {

/// UTC nanoseconds since 1970.
inline std::int64_t utc_now_ns() {
  using namespace std::chrono;
  return duration_cast<nanoseconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace glasswatch
