// The table of a recording with one row per environment sample, for people: programs read the journal.
#pragma once

#include <H5Cpp.h>

#include <cstdint>
#include <functional>

#include "detectors/recorded/column.h"
#include "protocol/schema/recording.pb.h"

namespace glasswatch::recorded {

/// Throws H5::Exception.
class EnvironmentTable {
 public:
  explicit EnvironmentTable(const H5::H5File& file);

  /// Samples that follow belong to this series.
  void begin(std::uint64_t series_id) { current_series_id_ = series_id; }
  void add(const recording::Sample& sample);

  void write();
  void for_each_dataset(const std::function<void(H5::DataSet&)>& function);

 private:
  template <typename Function>
  void for_each_column(Function&& function);

  std::uint64_t current_series_id_ = 0;
  Column<std::uint64_t> series_id_;
  Column<std::int64_t> time_utc_ns_, sent_utc_ns_, received_utc_ns_;
  Column<double> temperature_c_, temperature_set_c_, drift_row_nm_, drift_col_nm_, focus_score_, dose_rate_,
      dose_, heater_current_a_, heater_voltage_v_, heater_power_w_, heater_resistance_ohm_;
  Column<std::uint32_t> drift_correction_, ramp_state_;
};

}  // namespace glasswatch::recorded
