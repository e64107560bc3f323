// Calendar dates and clock times to UTC nanoseconds.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace glasswatch {

inline constexpr std::int64_t kNsPerDay = std::int64_t{86'400'000'000'000};

/// Nanoseconds from 1970-01-01 to the start of a day (proleptic Gregorian, no leap seconds), or nothing when
/// there is no such day or its year is outside 1900 to 2200.
std::optional<std::int64_t> day_ns(int year, int month, int day);

/// "hh:mm:ss", "hh:mm:ss.f..." (at most 9 decimals) as nanoseconds since midnight, or nothing.
std::optional<std::int64_t> clock_ns(std::string_view text);

/// Three whole numbers parted by `separator` ("2014.12.03"), in the order written, or nothing.
struct DateFields {
  int first = 0;
  int second = 0;
  int third = 0;
};
std::optional<DateFields> date_fields(std::string_view text, char separator);

}  // namespace glasswatch
