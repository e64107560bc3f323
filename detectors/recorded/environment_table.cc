#include "detectors/recorded/environment_table.h"

#include <limits>
#include <string>

#include "detectors/recorded/recorded_layout.h"

namespace glasswatch::recorded {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::string name(const char* column) {
  return std::string(kEnvironmentGroup) + "/" + column;
}

}  // namespace

EnvironmentTable::EnvironmentTable(const H5::H5File& file)
    : series_id_(file, name("series_id"), "1", "random identity of the environment series"),
      time_utc_ns_(file, name("time_utc_ns"), "ns", "time of the sample, UTC, clock of the holder"),
      sent_utc_ns_(file, name("sent_utc_ns"), "ns", "handed to the transport, UTC, clock of the holder"),
      received_utc_ns_(file, name("received_utc_ns"), "ns", "received, UTC, clock of the daemon"),
      temperature_c_(file, name("temperature_c"), "degC", "measured temperature, NaN = not measured", kNan),
      temperature_set_c_(file, name("temperature_set_c"), "degC", "set temperature", kNan),
      drift_row_nm_(file, name("drift_row_nm"), "nm", "drift along rows", kNan),
      drift_col_nm_(file, name("drift_col_nm"), "nm", "drift along columns", kNan),
      focus_score_(file, name("focus_score"), "1", "focus score of the stage system", kNan),
      dose_rate_(file, name("dose_rate_e_per_nm2_s"), "e/(nm^2 s)", "dose rate", kNan),
      dose_(file, name("dose_e_per_nm2"), "e/nm^2", "accumulated dose", kNan),
      heater_current_a_(file, name("heater_current_a"), "A", "current of the heater", kNan),
      heater_voltage_v_(file, name("heater_voltage_v"), "V", "voltage of the heater", kNan),
      heater_power_w_(file, name("heater_power_w"), "W", "power of the heater", kNan),
      heater_resistance_ohm_(file, name("heater_resistance_ohm"), "ohm", "resistance of the heater", kNan),
      drift_correction_(
          file, name("drift_correction"), "1",
          "how the drift was used: 0 not given, 1 not applied, 2 by stage, 3 by beam, 4 digitally"),
      ramp_state_(file, name("ramp_state"), "1", "0 not given, 1 idle, 2 ramping, 3 holding, 4 stopped") {}

void EnvironmentTable::add(const recording::Sample& message) {
  const stream::EnvironmentSample& sample = message.sample();
  series_id_.add(current_series_id_);
  time_utc_ns_.add(sample.time_utc_ns());
  sent_utc_ns_.add(message.sent_utc_ns());
  received_utc_ns_.add(message.received_utc_ns());
  temperature_c_.add(sample.has_temperature_c() ? sample.temperature_c() : kNan);
  temperature_set_c_.add(sample.has_temperature_set_c() ? sample.temperature_set_c() : kNan);
  drift_row_nm_.add(sample.has_drift_row_nm() ? sample.drift_row_nm() : kNan);
  drift_col_nm_.add(sample.has_drift_column_nm() ? sample.drift_column_nm() : kNan);
  focus_score_.add(sample.has_focus_score() ? sample.focus_score() : kNan);
  dose_rate_.add(sample.has_dose_rate_e_per_nm2_s() ? sample.dose_rate_e_per_nm2_s() : kNan);
  dose_.add(sample.has_dose_e_per_nm2() ? sample.dose_e_per_nm2() : kNan);
  heater_current_a_.add(sample.has_heater_current_a() ? sample.heater_current_a() : kNan);
  heater_voltage_v_.add(sample.has_heater_voltage_v() ? sample.heater_voltage_v() : kNan);
  heater_power_w_.add(sample.has_heater_power_w() ? sample.heater_power_w() : kNan);
  heater_resistance_ohm_.add(sample.has_heater_resistance_ohm() ? sample.heater_resistance_ohm() : kNan);
  drift_correction_.add(static_cast<std::uint32_t>(sample.drift_correction()));
  ramp_state_.add(static_cast<std::uint32_t>(sample.ramp_state()));
}

template <typename Function>
void EnvironmentTable::for_each_column(Function&& function) {
  const auto all = [&](auto&... columns) { (function(columns), ...); };
  all(series_id_, time_utc_ns_, sent_utc_ns_, received_utc_ns_, temperature_c_, temperature_set_c_,
      drift_row_nm_, drift_col_nm_, focus_score_, dose_rate_, dose_, heater_current_a_, heater_voltage_v_,
      heater_power_w_, heater_resistance_ohm_, drift_correction_, ramp_state_);
}

void EnvironmentTable::write() {
  for_each_column([](auto& column) { column.write(); });
}

void EnvironmentTable::for_each_dataset(const std::function<void(H5::DataSet&)>& function) {
  for_each_column([&](auto& column) { function(column.dataset()); });
}

}  // namespace glasswatch::recorded
