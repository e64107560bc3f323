#include "daemon/programs/facts.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "protocol/configuration/configuration.h"

namespace glasswatch {

using nlohmann::ordered_json;

void Facts::add(const std::string& label, const std::string& text, const std::string& key,
                ordered_json value) {
  if (!text.empty()) lines_.push_back({label, text});
  object_[key] = std::move(value);
}

void Facts::add_text(const std::string& label, const std::string& key, const std::string& value) {
  if (!value.empty()) add(label, value, key, value);
}

std::string Facts::lines() const {
  constexpr std::size_t kLabelColumns = 15;
  std::string text;
  for (const Line& line : lines_) {
    text += line.label + std::string(kLabelColumns - std::min(kLabelColumns, line.label.size()), ' ') +
            line.text + "\n";
  }
  return text;
}

std::string Facts::json_line() const {
  constexpr auto kReplace = ordered_json::error_handler_t::replace;  // names of files need not be UTF-8
  return object_.dump(-1, ' ', false, kReplace) + "\n";
}

std::string bytes_text(double bytes) {
  constexpr std::array kUnits{"bytes", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < kUnits.size(); ++unit) bytes /= 1024;
  char text[48];
  std::snprintf(text, sizeof(text), "%.*f %s", unit == 0 || bytes >= 100 ? 0 : 1, bytes, kUnits[unit]);
  return text;
}

std::string utc_text(std::int64_t time_utc_ns) {
  if (time_utc_ns == 0) return "not known";
  const std::string utc = format_utc(time_utc_ns);
  const std::size_t point = utc.find('.');
  return point == std::string::npos ? utc : utc.substr(0, std::min(point + 4, utc.size() - 1)) + "Z";
}

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", value);
  return text;
}

}  // namespace glasswatch
