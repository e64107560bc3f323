// The table of a recording with one row per frame.
#pragma once

#include <H5Cpp.h>

#include <array>
#include <cstdint>
#include <functional>
#include <map>

#include "detectors/recorded/column.h"
#include "protocol/schema/results.pb.h"
#include "protocol/types/frame.h"

namespace glasswatch::recorded {

/// A frame brings its row; what the analysis finds (temperature, drift, mean) fills it later, or earlier, as
/// it comes. Throws H5::Exception.
class FrameTable {
 public:
  /// `pixel_nm`: size of a pixel in images, NaN where there is none.
  FrameTable(const H5::H5File& file, std::uint64_t series_id, double pixel_nm);

  void add(const FrameInfo& info);

  /// Results of other series are passed over. Of frames without a result, and results without a frame, 65,536
  /// are remembered.
  void add(const result::FrameResult& result);

  void write();
  void for_each_dataset(const std::function<void(H5::DataSet&)>& function);

 private:
  struct Row {
    std::uint64_t number;
    std::uint32_t flags;  // on arrival
  };
  void fill(const Row& row, const result::FrameResult& result);
  std::array<Column<double>*, 8> of_results();
  template <typename Function>
  void for_each_column(Function&& function);

  std::uint64_t series_id_;
  double pixel_nm_;
  std::int64_t first_exposure_utc_ns_ = 0;
  std::uint64_t rows_ = 0;
  std::map<std::uint64_t, Row> without_result_;                 // by sequence
  std::map<std::uint64_t, result::FrameResult> without_frame_;  // by sequence

  Column<std::uint64_t> series_id_column_, sequence_;
  Column<std::int64_t> device_frame_id_, time_utc_ns_, exposure_end_utc_ns_, exposure_sigma_ns_, sent_utc_ns_,
      received_utc_ns_;
  Column<double> time_s_, exposure_s_, temperature_c_, temperature_sigma_c_, temperature_rate_k_per_s_;
  Column<std::uint32_t> temperature_status_, flags_;
  Column<double> mean_counts_, drift_row_px_, drift_col_px_, drift_row_nm_, drift_col_nm_;
  Column<std::int32_t> scan_row_, scan_column_;
};

}  // namespace glasswatch::recorded
