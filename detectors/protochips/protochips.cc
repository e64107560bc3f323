#include "detectors/protochips/protochips.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "detectors/calendar.h"
#include "detectors/input_error.h"
#include "detectors/log_start.h"
#include "detectors/log_table.h"
#include "detectors/utf8.h"

namespace glasswatch {
namespace {

// "Time units = Milliseconds" and the like: what the holder software writes into the Notes of its first rows.
struct HeaderNote {
  std::string_view value;
  std::size_t line = 0;
};
using HeaderNotes = std::map<std::string_view, HeaderNote>;

constexpr std::string_view kHeaderKeys[] = {
    "Calibration file", "Date (yyyy.mm.dd)", "Time (hh:mm:ss.ms)", "Time units",  "Temperature units",
    "Current units",    "Voltage units",     "Resistance units",   "Power units", "User agreeing to terms"};

// The heater is channel A; channel B is the electrical channel of the sample.
struct HeaterColumn {
  std::string_view name;
  std::string_view units_key;
  void (stream::EnvironmentSample::*set)(double);
};
constexpr HeaterColumn kHeaterColumns[] = {
    {"Channel A Temperature", "Temperature units", &stream::EnvironmentSample::set_temperature_c},
    {"Channel A Current", "Current units", &stream::EnvironmentSample::set_heater_current_a},
    {"Channel A Voltage", "Voltage units", &stream::EnvironmentSample::set_heater_voltage_v},
    {"Channel A Resistance", "Resistance units", &stream::EnvironmentSample::set_heater_resistance_ohm},
    {"Channel A Power", "Power units", &stream::EnvironmentSample::set_heater_power_w},
};

struct UnitName {
  std::string_view key;
  std::string_view name;
  double factor;  // to the unit of the sample's field
};
constexpr UnitName kUnitNames[] = {
    {"Time units", "Milliseconds", 1e-3}, {"Time units", "Seconds", 1}, {"Temperature units", "Degrees C", 1},
    {"Temperature units", "Celsius", 1},  {"Current units", "Amps", 1}, {"Voltage units", "Volts", 1},
    {"Resistance units", "Ohms", 1},      {"Power units", "Watts", 1},
};

double unit_factor(const std::filesystem::path& path, const HeaderNotes& notes, std::string_view key,
                   double fallback, EnvironmentLog& log) {
  const auto note = notes.find(key);
  if (note == notes.end()) {
    log.remarks.push_back("No note gives \"" + std::string(key) + "\": the vendor's usual unit is assumed.");
    return fallback;
  }
  std::string allowed;
  for (const UnitName& unit : kUnitNames) {
    if (unit.key != key) continue;
    if (unit.name == note->second.value) return unit.factor;
    allowed += (allowed.empty() ? "" : ", ") + std::string(unit.name);
  }
  throw input_error(path, "line ", note->second.line, ": field Notes: ", key,
                    " is none of the known ones; allowed: ", allowed, "; export the log in these units");
}

HeaderNotes header_notes(const LogTable& table, std::size_t notes_column) {
  HeaderNotes notes;
  for (const LogRow& row : table.rows) {
    const std::string_view text = row.fields[notes_column];
    const std::size_t equals = text.find(" = ");
    if (equals == std::string_view::npos) continue;
    const std::string_view key = trimmed(text.substr(0, equals));
    if (std::find(std::begin(kHeaderKeys), std::end(kHeaderKeys), key) == std::end(kHeaderKeys)) continue;
    notes.try_emplace(key, HeaderNote{trimmed(text.substr(equals + 3)), row.line});
  }
  return notes;
}

bool is_header_note(std::string_view text) {
  return std::any_of(std::begin(kHeaderKeys), std::end(kHeaderKeys), [&](std::string_view key) {
    return text.starts_with(key) && text.substr(key.size()).starts_with(" = ");
  });
}

std::int64_t local_start_ns(const std::filesystem::path& path, const HeaderNotes& notes,
                            EnvironmentLog& log) {
  const auto date_note = notes.find("Date (yyyy.mm.dd)");
  const auto time_note = notes.find("Time (hh:mm:ss.ms)");
  if (date_note == notes.end() || time_note == notes.end()) {
    log.remarks.push_back("The notes give no date and time of the start: times count from 1970-01-01.");
    return 0;
  }
  const auto date = date_fields(date_note->second.value, '.');
  const auto day = date ? day_ns(date->first, date->second, date->third) : std::nullopt;
  if (!day) {
    throw input_error(path, "line ", date_note->second.line, ": field Notes: no date; allowed: yyyy.mm.dd");
  }
  const auto clock = clock_ns(time_note->second.value);
  if (!clock) {
    throw input_error(path, "line ", time_note->second.line, ": field Notes: no time; allowed: hh:mm:ss.ms");
  }
  return *day + *clock;
}

// Values of columns that have no field of their own, where they say anything.
std::string other_values(const std::filesystem::path& path, const LogTable& table, const LogRow& row,
                         const std::vector<std::size_t>& columns) {
  std::string text;
  for (const std::size_t column : columns) {
    const auto value = number_field(path, table, row, column);
    if (!value || !std::isfinite(*value) || *value == 0) continue;
    text += (text.empty() ? "" : ", ") + std::string(table.columns[column]) + " = " +
            std::string(row.fields[column]);
  }
  return text;
}

std::size_t required_column(const std::filesystem::path& path, const LogTable& table, std::string_view name) {
  const auto column = find_column(table, name);
  if (!column) throw input_error(path, "line 1: column \"", name, "\" is missing; export the log with it");
  return *column;
}

}  // namespace

bool matches_protochips(const std::filesystem::path&, std::string_view head) {
  if (head.starts_with("\xEF\xBB\xBF")) head.remove_prefix(3);
  const auto columns = split_fields(head.substr(0, head.find('\n')), ',');
  return columns.size() >= 2 && columns[0] == "Time" && columns[1] == "Notes";
}

EnvironmentLog read_protochips(const std::filesystem::path& path, const EnvironmentLogSettings& settings) {
  LogTable table;
  read_log_table(path, "Notes", table);
  EnvironmentLog log;
  log.start = recorded_log_start(path, "Protochips log");
  if (table.last_line_dropped) log.remarks.emplace_back(kLastLineDropped);

  const std::size_t time_column = required_column(path, table, "Time");
  const std::size_t notes_column = required_column(path, table, "Notes");
  required_column(path, table, "Channel A Temperature");
  const HeaderNotes notes = header_notes(table, notes_column);
  const std::int64_t start_ns =
      local_start_ns(path, notes, log) - std::llround(settings.log_utc_offset_s * 1e9);
  const double time_factor_s = unit_factor(path, notes, "Time units", 1e-3, log);

  std::vector<std::pair<std::size_t, const HeaterColumn*>> heater;
  std::vector<std::size_t> others;
  for (std::size_t column = 0; column < table.columns.size(); ++column) {
    if (column == time_column || column == notes_column) continue;
    const auto* known =
        std::find_if(std::begin(kHeaterColumns), std::end(kHeaterColumns),
                     [&](const HeaterColumn& entry) { return entry.name == table.columns[column]; });
    if (known == std::end(kHeaterColumns)) {
      others.push_back(column);
      continue;
    }
    unit_factor(path, notes, known->units_key, 1, log);
    heater.emplace_back(column, known);
  }
  if (!others.empty()) {
    std::string names;
    for (const std::size_t column : others)
      names += (names.empty() ? "" : ", ") + std::string(table.columns[column]);
    log.remarks.push_back(
        "Not of the heater, kept in the samples' notes where finite and not zero: " + names + ".");
  }

  for (const LogRow& row : table.rows) {
    stream::EnvironmentSample& sample = log.samples.emplace_back();
    const auto time = number_field(path, table, row, time_column);
    sample.set_time_utc_ns(log_time_ns(path, row.line, "Time", start_ns, time, time_factor_s));
    for (const auto& [column, known] : heater) {
      if (const auto value = number_field(path, table, row, column)) (sample.*known->set)(*value);
    }
    const std::string_view note = row.fields[notes_column];
    std::string kept = is_header_note(note) ? "" : valid_utf8(note);
    const std::string other = valid_utf8(other_values(path, table, row, others));
    if (!other.empty()) kept += (kept.empty() ? "" : "; ") + other;
    if (!kept.empty()) sample.set_note(kept);
  }
  if (const auto user = notes.find("User agreeing to terms"); user != notes.end()) {
    log.start.mutable_identity()->set_operator_(valid_utf8(user->second.value));
  }
  if (const auto calibration = notes.find("Calibration file"); calibration != notes.end()) {
    log.start.mutable_identity()->set_note("Calibration file " + valid_utf8(calibration->second.value));
  }
  finish_log(log);
  return log;
}

}  // namespace glasswatch
