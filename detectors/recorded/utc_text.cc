#include "detectors/recorded/utc_text.h"

#include <array>
#include <chrono>
#include <cstdio>

namespace glasswatch::recorded {

UtcText utc_text(std::int64_t utc_ns) {
  using std::chrono::days;
  using std::chrono::microseconds;
  const std::chrono::sys_time<std::chrono::nanoseconds> time{std::chrono::nanoseconds(utc_ns)};
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<microseconds>(time - day));
  std::array<char, 64> date_text{};
  std::array<char, 64> time_text{};
  std::snprintf(date_text.data(), date_text.size(), "%04d-%02u-%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  std::snprintf(time_text.data(), time_text.size(), "%02d:%02d:%02d.%06d",
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return {date_text.data(), time_text.data()};
}

std::string iso_text(std::int64_t utc_ns) {
  const UtcText text = utc_text(utc_ns);
  return text.date + "T" + text.time + "Z";
}

}  // namespace glasswatch::recorded
