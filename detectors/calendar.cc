#include "detectors/calendar.h"

#include <charconv>
#include <chrono>

namespace glasswatch {
namespace {

constexpr int kMaxDecimals = 9;

// Takes a number of `least` to `most` digits off the front of `text`.
std::optional<int> take_digits(std::string_view& text, std::size_t least, std::size_t most) {
  std::size_t digits = 0;
  while (digits < text.size() && digits < most && text[digits] >= '0' && text[digits] <= '9') ++digits;
  if (digits < least) return std::nullopt;
  int value = 0;
  std::from_chars(text.data(), text.data() + digits, value);
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::optional<std::int64_t> day_ns(int year, int month, int day) {
  if (year < 1900 || year > 2200 || month < 1 || month > 12 || day < 1 || day > 31) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count() * kNsPerDay;
}

std::optional<std::int64_t> clock_ns(std::string_view text) {
  const auto hours = take_digits(text, 1, 2);
  if (!hours || *hours > 23 || !take(text, ':')) return std::nullopt;
  const auto minutes = take_digits(text, 2, 2);
  if (!minutes || *minutes > 59 || !take(text, ':')) return std::nullopt;
  const auto seconds = take_digits(text, 2, 2);
  if (!seconds || *seconds > 60) return std::nullopt;
  std::int64_t ns = (std::int64_t{*hours} * 3600 + *minutes * 60 + *seconds) * 1'000'000'000;
  if (text.empty()) return ns;
  if (!take(text, '.')) return std::nullopt;
  const std::size_t before = text.size();
  const auto fraction = take_digits(text, 1, kMaxDecimals);
  if (!fraction || !text.empty()) return std::nullopt;
  std::int64_t scaled = *fraction;
  for (std::size_t decimals = before; decimals < kMaxDecimals; ++decimals) scaled *= 10;
  return ns + scaled;
}

std::optional<DateFields> date_fields(std::string_view text, char separator) {
  const auto first = take_digits(text, 1, 4);
  if (!first || !take(text, separator)) return std::nullopt;
  const auto second = take_digits(text, 1, 4);
  if (!second || !take(text, separator)) return std::nullopt;
  const auto third = take_digits(text, 1, 4);
  if (!third || !text.empty()) return std::nullopt;
  return DateFields{*first, *second, *third};
}

}  // namespace glasswatch
