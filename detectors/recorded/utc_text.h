// Times for people and other programs.
#pragma once

#include <cstdint>
#include <string>

namespace glasswatch::recorded {

/// "2023-05-12" and "09:00:01.500000", cut to microseconds, which is what Python reads.
struct UtcText {
  std::string date;
  std::string time;
};
UtcText utc_text(std::int64_t utc_ns);

/// "2023-05-12T09:00:01.500000Z" (ISO 8601).
std::string iso_text(std::int64_t utc_ns);

}  // namespace glasswatch::recorded
