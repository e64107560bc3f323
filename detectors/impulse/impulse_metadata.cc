#include "detectors/impulse/impulse_metadata.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string_view>
#include <vector>

#include "detectors/calendar.h"
#include "detectors/input_error.h"
#include "detectors/log_table.h"
#include "detectors/utf8.h"

namespace glasswatch {
namespace {

constexpr std::string_view kSuffix = "metadata.log";
constexpr std::size_t kLongestMetadata = 1 << 20;

std::string lower_case(std::string text) {
  for (char& character : text) {
    if (character >= 'A' && character <= 'Z') character = static_cast<char>(character - 'A' + 'a');
  }
  return text;
}

std::string_view unquoted(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') return text.substr(1, text.size() - 2);
  return text;
}

void read_date(std::string_view text, ImpulseMetadata& metadata) {
  const auto date = date_fields(text, '-');
  if (!date) return;
  metadata.month_first = date->second > 12;
  metadata.local_day_ns = metadata.month_first ? day_ns(date->third, date->first, date->second)
                                               : day_ns(date->third, date->second, date->first);
}

}  // namespace

std::optional<std::filesystem::path> find_impulse_metadata(const std::filesystem::path& data_log) {
  const std::filesystem::path folder = data_log.has_parent_path() ? data_log.parent_path() : ".";
  std::vector<std::filesystem::path> candidates;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (lower_case(entry.path().filename().string()).ends_with(kSuffix)) candidates.push_back(entry.path());
  }
  std::string start = lower_case(data_log.stem().string());
  for (std::size_t cut = start.rfind('_'); cut != std::string::npos; cut = start.rfind('_')) {
    start.resize(cut);
    for (const std::filesystem::path& candidate : candidates) {
      if (lower_case(candidate.filename().string()) == start + "_" + std::string(kSuffix)) return candidate;
    }
  }
  if (candidates.size() == 1) return candidates.front();
  return std::nullopt;
}

ImpulseMetadata read_impulse_metadata(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw input_error(path, "cannot be opened; check that the metadata log may be read");
  std::string text(kLongestMetadata, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));

  ImpulseMetadata metadata;
  metadata.path = path;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const std::size_t comma = line.find(',');
    if (comma == std::string_view::npos) continue;
    const std::string_view key = trimmed(line.substr(0, comma));
    const std::string_view value = unquoted(trimmed(line.substr(comma + 1)));
    if (key == "Experiment date") read_date(value, metadata);
    if (key == "Experiment time") metadata.local_clock_ns = clock_ns(value);
    if (key == "Sample") metadata.sample = valid_utf8(value);
    if (key == "Description") metadata.description = valid_utf8(value);
  }
  return metadata;
}

}  // namespace glasswatch
