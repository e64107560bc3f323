#include "detectors/recorded/frame_table.h"

#include <limits>

#include "detectors/recorded/recorded_layout.h"

namespace glasswatch::recorded {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kMostWaiting = 65'536;

std::string name(const char* column) {
  return std::string(kFramesGroup) + "/" + column;
}

// What a row takes from a result, without the arrays of its analyses.
result::FrameResult needed(const result::FrameResult& result) {
  result::FrameResult part;
  part.set_flags(result.flags());
  part.set_mean_counts(result.mean_counts());
  if (result.has_temperature()) *part.mutable_temperature() = result.temperature();
  if (result.has_drift()) *part.mutable_drift() = result.drift();
  return part;
}

template <typename Map>
void forget_oldest(Map& map) {
  if (map.size() > kMostWaiting) map.erase(map.begin());
}

}  // namespace

FrameTable::FrameTable(const H5::H5File& file, std::uint64_t series_id, double pixel_nm)
    : series_id_(series_id),
      pixel_nm_(pixel_nm),
      series_id_column_(file, name("series_id"), "1", "random identity of the series"),
      sequence_(file, name("sequence"), "1", "sequence number within the series"),
      device_frame_id_(file, name("device_frame_id"), "1", "the camera's own counter, -1 = not given"),
      time_utc_ns_(file, name("time_utc_ns"), "ns", "start of exposure, UTC, source clock"),
      exposure_end_utc_ns_(file, name("exposure_end_utc_ns"), "ns", "end of exposure, UTC, source clock"),
      exposure_sigma_ns_(file, name("exposure_sigma_ns"), "ns",
                         "one standard deviation of start and end of exposure"),
      sent_utc_ns_(file, name("sent_utc_ns"), "ns", "handed to the transport, UTC, source clock"),
      received_utc_ns_(file, name("received_utc_ns"), "ns", "received, UTC, clock of the daemon"),
      time_s_(file, name("time_s"), "s", "start of exposure since that of the first frame of the file"),
      exposure_s_(file, name("exposure_s"), "s", "exposure time"),
      temperature_c_(file, name("temperature_c"), "degC",
                     "mean temperature over the exposure, NaN = not known", kNan),
      temperature_sigma_c_(file, name("temperature_sigma_c"), "degC",
                           "one standard deviation of temperature_c", kNan),
      temperature_rate_k_per_s_(file, name("temperature_rate_k_per_s"), "K/s", "dT/dt over the exposure",
                                kNan),
      temperature_status_(file, name("temperature_status"), "1",
                          "result.Validity (1 = valid, 0 = the frame was not analysed)"),
      flags_(file, name("flags"), "1",
             "bits: 1 gap before, 2 late, 4 transfer not ok, 8 saturated, 16 non-finite pixels, 32 time "
             "assumed, "
             "64 temperature invalid"),
      mean_counts_(file, name("mean_counts"), "counts",
                   "mean of all finite pixels, NaN = the frame was not analysed", kNan),
      drift_row_px_(file, name("drift_row_px"), "px", "drift as the stage system reported it, along rows",
                    kNan),
      drift_col_px_(file, name("drift_col_px"), "px", "drift as the stage system reported it, along columns",
                    kNan),
      drift_row_nm_(file, name("drift_row_nm"), "nm", "drift as the stage system reported it, along rows",
                    kNan),
      drift_col_nm_(file, name("drift_col_nm"), "nm", "drift as the stage system reported it, along columns",
                    kNan),
      scan_row_(file, name("scan_row"), "1", "row of the scan, -1 = not part of one"),
      scan_column_(file, name("scan_column"), "1", "column of the scan, -1 = not part of one") {}

void FrameTable::add(const FrameInfo& info) {
  if (rows_ == 0) first_exposure_utc_ns_ = info.exposure_start_utc_ns;
  series_id_column_.add(info.series_id);
  sequence_.add(info.sequence);
  device_frame_id_.add(info.device_frame_id);
  time_utc_ns_.add(info.exposure_start_utc_ns);
  exposure_end_utc_ns_.add(info.exposure_end_utc_ns);
  exposure_sigma_ns_.add(info.exposure_sigma_ns);
  sent_utc_ns_.add(info.sent_utc_ns);
  received_utc_ns_.add(info.received_utc_ns);
  time_s_.add(static_cast<double>(info.exposure_start_utc_ns - first_exposure_utc_ns_) * 1e-9);
  exposure_s_.add(info.exposure_s());
  temperature_status_.add(0);
  flags_.add(info.flags);
  scan_row_.add(info.scan_row);
  scan_column_.add(info.scan_column);
  for (Column<double>* column : of_results()) column->add(kNan);
  const Row row{rows_++, info.flags};
  if (const auto found = without_frame_.extract(info.sequence)) {
    fill(row, found.mapped());
  } else {
    without_result_[info.sequence] = row;
    forget_oldest(without_result_);
  }
}

void FrameTable::add(const result::FrameResult& result) {
  if (result.series_id() != series_id_) return;
  if (const auto found = without_result_.extract(result.sequence())) {
    fill(found.mapped(), result);
  } else {
    without_frame_[result.sequence()] = needed(result);
    forget_oldest(without_frame_);
  }
}

void FrameTable::fill(const Row& row, const result::FrameResult& result) {
  flags_.set(row.number, row.flags | result.flags());
  mean_counts_.set(row.number, result.mean_counts());
  if (result.has_temperature()) {
    const result::Temperature& temperature = result.temperature();
    temperature_c_.set(row.number, temperature.value_c());
    temperature_sigma_c_.set(row.number, temperature.sigma_c());
    temperature_rate_k_per_s_.set(row.number, temperature.rate_k_per_s());
    temperature_status_.set(row.number, static_cast<std::uint32_t>(temperature.validity()));
  }
  if (result.has_drift()) {
    drift_row_nm_.set(row.number, result.drift().row_nm());
    drift_col_nm_.set(row.number, result.drift().column_nm());
    drift_row_px_.set(row.number, result.drift().row_nm() / pixel_nm_);
    drift_col_px_.set(row.number, result.drift().column_nm() / pixel_nm_);
  }
}

std::array<Column<double>*, 8> FrameTable::of_results() {
  return {&temperature_c_, &temperature_sigma_c_, &temperature_rate_k_per_s_,
          &mean_counts_,   &drift_row_px_,        &drift_col_px_,
          &drift_row_nm_,  &drift_col_nm_};
}

template <typename Function>
void FrameTable::for_each_column(Function&& function) {
  const auto all = [&](auto&... columns) { (function(columns), ...); };
  all(series_id_column_, sequence_, device_frame_id_, time_utc_ns_, exposure_end_utc_ns_, exposure_sigma_ns_,
      sent_utc_ns_, received_utc_ns_, time_s_, exposure_s_, temperature_status_, flags_, scan_row_,
      scan_column_);
  for (Column<double>* column : of_results()) function(*column);
}

void FrameTable::write() {
  for_each_column([](auto& column) { column.write(); });
}

void FrameTable::for_each_dataset(const std::function<void(H5::DataSet&)>& function) {
  for_each_column([&](auto& column) { function(column.dataset()); });
}

}  // namespace glasswatch::recorded
