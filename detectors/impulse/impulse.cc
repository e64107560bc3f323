#include "detectors/impulse/impulse.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "detectors/calendar.h"
#include "detectors/impulse/impulse_metadata.h"
#include "detectors/input_error.h"
#include "detectors/log_start.h"
#include "detectors/log_table.h"
#include "detectors/utf8.h"

namespace glasswatch {
namespace {

constexpr std::string_view kTimeColumn = "TimeStamp";

struct Quantity {
  std::string_view name;  // lower case, without blanks and unit; "Measured" may be missing
  std::string_view kind;
  void (stream::EnvironmentSample::*set)(double);
};
constexpr Quantity kQuantities[] = {
    {"temperaturemeasured", "temperature", &stream::EnvironmentSample::set_temperature_c},
    {"temperaturesetpoint", "temperature", &stream::EnvironmentSample::set_temperature_set_c},
    {"powermeasured", "power", &stream::EnvironmentSample::set_heater_power_w},
    {"power", "power", &stream::EnvironmentSample::set_heater_power_w},
    {"voltagemeasured", "voltage", &stream::EnvironmentSample::set_heater_voltage_v},
    {"voltage", "voltage", &stream::EnvironmentSample::set_heater_voltage_v},
    {"currentmeasured", "current", &stream::EnvironmentSample::set_heater_current_a},
    {"current", "current", &stream::EnvironmentSample::set_heater_current_a},
    {"resistancemeasured", "resistance", &stream::EnvironmentSample::set_heater_resistance_ohm},
    {"resistance", "resistance", &stream::EnvironmentSample::set_heater_resistance_ohm},
};

struct Unit {
  std::string_view kind;
  std::string_view name;
  double factor;  // to the unit of the sample's field
};
constexpr Unit kUnits[] = {
    {"temperature", "degC", 1},
    {"temperature",
     "\xC2\xB0"
     "C",
     1},
    {"temperature", "C", 1},
    {"power", "W", 1},
    {"power", "mW", 1e-3},
    {"voltage", "V", 1},
    {"voltage", "mV", 1e-3},
    {"current", "A", 1},
    {"current", "mA", 1e-3},
    {"resistance", "Ohm", 1},
    {"resistance", "kOhm", 1e3},
    {"resistance", "\xCE\xA9", 1},
};

struct Column {
  std::size_t index = 0;
  const Quantity* quantity = nullptr;
  double factor = 1;
};

struct ColumnName {
  std::string quantity;
  std::string unit;
};

ColumnName parse_column_name(std::string_view text) {
  ColumnName name;
  std::string_view quantity = text;
  if (const std::size_t open = text.rfind('('); open != std::string_view::npos && text.ends_with(')')) {
    name.unit = valid_utf8(trimmed(text.substr(open + 1, text.size() - open - 2)));
    quantity = text.substr(0, open);
  }
  for (const char character : quantity) {
    if (character == ' ') continue;
    const bool upper = character >= 'A' && character <= 'Z';
    name.quantity += upper ? static_cast<char>(character - 'A' + 'a') : character;
  }
  return name;
}

double unit_factor(const std::filesystem::path& path, const Quantity& quantity, const ColumnName& name,
                   EnvironmentLog& log) {
  if (name.unit.empty()) {
    if (quantity.kind != "temperature") {
      log.remarks.push_back("Column " + name.quantity + " names no unit: SI is assumed.");
    }
    return 1;
  }
  std::string allowed;
  for (const Unit& unit : kUnits) {
    if (unit.kind != quantity.kind) continue;
    if (unit.name == name.unit) return unit.factor;
    allowed += (allowed.empty() ? "" : ", ") + std::string(unit.name);
  }
  throw input_error(path, "line 1: the unit of column ", quantity.name,
                    " is none of the known ones; allowed: ", allowed, "; export the log in these units");
}

std::vector<Column> heater_columns(const std::filesystem::path& path, const LogTable& table,
                                   EnvironmentLog& log) {
  std::vector<Column> columns;
  bool measured = false;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const ColumnName name = parse_column_name(table.columns[i]);
    const auto* quantity = std::find_if(std::begin(kQuantities), std::end(kQuantities),
                                        [&](const Quantity& entry) { return entry.name == name.quantity; });
    if (quantity == std::end(kQuantities)) continue;
    columns.push_back({i, quantity, unit_factor(path, *quantity, name, log)});
    measured = measured || quantity->name == "temperaturemeasured";
  }
  if (!measured)
    throw input_error(path, "line 1: column \"Temperature Measured\" is missing; export the log with it");
  return columns;
}

// The local midnight that the clock times of the log count from.
std::int64_t find_day(const std::filesystem::path& path, std::int64_t first_clock_ns, EnvironmentLog& log) {
  const auto found = find_impulse_metadata(path);
  if (!found) {
    log.remarks.emplace_back(
        "No metadata log was found beside it: the date is unknown, 1970-01-01 is assumed.");
    return 0;
  }
  const ImpulseMetadata metadata = read_impulse_metadata(*found);
  stream::Identity& identity = *log.start.mutable_identity();
  identity.set_sample(metadata.sample);
  identity.set_note(metadata.description);
  const std::string file = valid_utf8(found->filename().string());
  if (!metadata.local_day_ns) {
    log.remarks.push_back(file + " holds no readable \"Experiment date\": 1970-01-01 is assumed.");
    return 0;
  }
  log.remarks.push_back(
      "Date from " + file +
      (metadata.month_first ? ", which can only be read as mm-dd-yyyy." : ", read as dd-mm-yyyy."));
  const bool after_midnight =
      metadata.local_clock_ns && first_clock_ns < *metadata.local_clock_ns - kNsPerDay / 2;
  return *metadata.local_day_ns + (after_midnight ? kNsPerDay : 0);
}

std::int64_t row_clock_ns(const std::filesystem::path& path, const LogRow& row, std::size_t column) {
  const auto clock = clock_ns(row.fields[column]);
  if (!clock) {
    throw input_error(path, "line ", row.line, ": field \"", kTimeColumn,
                      "\" is no time; allowed: hh:mm:ss.fff; correct or remove the line");
  }
  return *clock;
}

}  // namespace

bool matches_impulse(const std::filesystem::path&, std::string_view head) {
  if (head.starts_with("\xEF\xBB\xBF")) head.remove_prefix(3);
  const auto columns = split_fields(head.substr(0, head.find('\n')), ',');
  return columns.size() >= 2 && columns[0] == kTimeColumn && columns[1] == "Experiment time";
}

EnvironmentLog read_impulse(const std::filesystem::path& path, const EnvironmentLogSettings& settings) {
  LogTable table;
  read_log_table(path, std::nullopt, table);
  EnvironmentLog log;
  log.start = recorded_log_start(path, "Impulse log");
  if (table.last_line_dropped) log.remarks.emplace_back(kLastLineDropped);
  const auto time_column = find_column(table, kTimeColumn);
  if (!time_column)
    throw input_error(path, "line 1: column \"", kTimeColumn, "\" is missing; export the log with it");
  const std::vector<Column> columns = heater_columns(path, table, log);

  std::int64_t previous_ns = row_clock_ns(path, table.rows.front(), *time_column);
  std::int64_t day_ns = find_day(path, previous_ns, log) - std::llround(settings.log_utc_offset_s * 1e9);
  for (const LogRow& row : table.rows) {
    const std::int64_t clock = row_clock_ns(path, row, *time_column);
    if (clock < previous_ns - kNsPerDay / 2) day_ns += kNsPerDay;  // past midnight
    previous_ns = clock;
    stream::EnvironmentSample& sample = log.samples.emplace_back();
    sample.set_time_utc_ns(day_ns + clock);
    for (const Column& column : columns) {
      if (const auto value = number_field(path, table, row, column.index)) {
        (sample.*column.quantity->set)(*value * column.factor);
      }
    }
  }
  finish_log(log);
  return log;
}

}  // namespace glasswatch
