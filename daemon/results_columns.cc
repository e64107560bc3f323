#include "daemon/results_columns.h"

#include <array>
#include <limits>

namespace glasswatch::hdf5 {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// The white floor of a row: the mean over the orders of what noise adds to each.
void floor_of_rows(const result::Symmetry& symmetry, std::vector<double>& floor) {
  const int orders = symmetry.ring_power_size();
  floor.assign(static_cast<std::size_t>(symmetry.radial_mean_size()), kNan);
  for (int k = 0; k < symmetry.radial_mean_size() && symmetry.noise_power_size() > 0; ++k) {
    double sum = 0;
    for (int n = 0; n < orders; ++n) sum += symmetry.noise_power(k * orders + n);
    floor[static_cast<std::size_t>(k)] = sum / orders;
  }
}

hsize_t rows_of(const result::Setup& setup) {
  return static_cast<hsize_t>(setup.radius_px_size());
}
hsize_t orders_of(const result::Setup& setup) {
  return static_cast<hsize_t>(setup.orders_size());
}

}  // namespace

FrameColumns::FrameColumns(H5::Group& root)
    : folder_(root),
      series_id_(root, "frames/series_id", {}, "1", "random identity of the series"),
      sequence_(root, "frames/sequence", {}, "1", "sequence number within the series"),
      time_(root, "frames/time_utc_ns", {}, "ns", "start of exposure, UTC, source clock"),
      exposure_(root, "frames/exposure_s", {}, "s", "exposure time"),
      temperature_(root, "frames/temperature_c", {}, "degC", "mean temperature over the exposure"),
      temperature_sigma_(root, "frames/temperature_sigma_c", {}, "degC",
                         "one standard deviation of temperature_c"),
      temperature_rate_(root, "frames/temperature_rate_k_per_s", {}, "K/s", "dT/dt over the exposure"),
      temperature_status_(root, "frames/temperature_status", {}, "1", "result.Validity (1 = valid)"),
      drift_row_(root, "frames/drift_row_px", {}, "px", "drift as the stage system reported it, along rows"),
      drift_column_(root, "frames/drift_col_px", {}, "px",
                    "drift as the stage system reported it, along columns"),
      mean_counts_(root, "frames/mean_counts", {}, "counts", "mean of all finite pixels"),
      scan_row_(root, "frames/scan_row", {}, "1", "row of the scan, -1 = not part of one"),
      scan_column_(root, "frames/scan_column", {}, "1", "column of the scan, -1 = not part of one"),
      flags_(root, "frames/flags", {}, "1",
             "bits: 1 gap before, 2 late, 4 transfer not ok, 8 saturated, 16 non-finite pixels, 32 time "
             "assumed, "
             "64 temperature invalid") {}

void FrameColumns::add(const result::FrameResult& frame, double pixel_nm) {
  series_id_.add(frame.series_id());
  sequence_.add(frame.sequence());
  time_.add(frame.time_utc_ns());
  exposure_.add(frame.exposure_s());
  temperature_.add(frame.temperature().value_c());
  temperature_sigma_.add(frame.temperature().sigma_c());
  temperature_rate_.add(frame.temperature().rate_k_per_s());
  temperature_status_.add(static_cast<std::uint32_t>(frame.temperature().validity()));
  drift_row_.add(frame.drift().row_nm() / pixel_nm);
  drift_column_.add(frame.drift().column_nm() / pixel_nm);
  mean_counts_.add(frame.mean_counts());
  scan_row_.add(frame.scan_row());
  scan_column_.add(frame.scan_column());
  flags_.add(frame.flags());
}

void FrameColumns::flush() {
  for (auto* column : {&exposure_, &temperature_, &temperature_sigma_, &temperature_rate_, &drift_row_,
                       &drift_column_, &mean_counts_}) {
    column->flush();
  }
  series_id_.flush();
  sequence_.flush();
  time_.flush();
  scan_row_.flush();
  scan_column_.flush();
  temperature_status_.flush();
  flags_.flush();
}

SymmetryColumns::SymmetryColumns(H5::Group& root, const result::Setup& setup)
    : noise_floor_(root, "symmetry/noise_floor", {rows_of(setup)}, "1",
                   "white noise floor of power: mean of noise_power over the orders"),
      center_shift_(root, "symmetry/center_shift_px", {2}, "px",
                    "drift of the centre (row, column) against the calibration, mean over the last patterns"),
      center_shift_sigma_(root, "symmetry/center_shift_sigma_px", {}, "px", "one standard deviation of each"),
      ring_state_(
          root, "symmetry/ring_state", {orders_of(setup)}, "1",
          "result.PowerState: 1 signal, 2 consistent with noise, 3 gain-limited, 4 no floor, 5 no power"),
      status_(root, "symmetry/status", {}, "1", "result.Validity of the frame (1 = valid)") {
  using S = result::Symmetry;
  const hsize_t rows = rows_of(setup), orders = orders_of(setup);
  const auto add = [&](const char* name, std::vector<hsize_t> shape, const char* units, const char* long_name,
                       Field field) {
    columns_.emplace_back(std::make_unique<FrameColumn<double>>(root, std::string("symmetry/") + name,
                                                                std::move(shape), units, long_name),
                          field);
  };
  add("power", {rows, orders}, "1", "angular power Re C^(k,n)/P", &S::power);
  add("power_sigma", {rows, orders}, "1", "one standard deviation of power, speckle and noise",
      &S::power_sigma);
  add("noise_power", {rows, orders}, "1", "what noise adds to power; taken off already with subtract_noise",
      &S::noise_power);
  add("coefficient", {rows, orders}, "1", "mean of C(k, 2 pi j/n), j = 1 .. n-1", &S::coefficient);
  add("radial_mean", {rows}, "counts", "azimuthal mean intensity <I>, above the camera's offset",
      &S::radial_mean);
  add("radial_variance", {rows}, "1", "normalised variance <I^2>/<I>^2 - 1", &S::radial_variance);
  add("ring_power", {orders}, "1", "angular power, mean over the ring", &S::ring_power);
  add("ring_sigma", {orders}, "1", "one standard deviation of ring_power", &S::ring_sigma);
  add("ring_floor", {orders}, "1", "what noise adds to the ring's mean power", &S::ring_floor);
  add("ring_significance", {orders}, "1", "probability that noise alone gives at least this power",
      &S::ring_significance);
  add("motif_score", {orders}, "1", "max over (k, phi) of the mean ln(disc/row mean) at the n positions",
      &S::motif_score);
  add("motif_coefficient", {orders}, "1", "disc-filtered coefficient, mean over the ring",
      &S::motif_coefficient);
  if (setup.keeps_correlation()) {
    add("correlation", {rows, setup.azimuthal_bins()}, "1",
        "angular correlation C(k, Delta), Delta = column * 360 deg / P", &S::correlation);
  }
}

void SymmetryColumns::add(const result::Symmetry& symmetry) {
  for (auto& [column, values] : columns_) {
    const auto& field = (symmetry.*values)();
    if (field.empty()) {  // not computed for this frame
      absent_.assign(column->row_size(), kNan);
      column->add(absent_.data(), absent_.size());
    } else {
      column->add(field.data(), static_cast<std::size_t>(field.size()));
    }
  }
  floor_of_rows(symmetry, floor_);
  noise_floor_.add(floor_.data(), floor_.size());
  center_shift_.add(std::array{symmetry.center_row_shift_px(), symmetry.center_col_shift_px()}.data(), 2);
  center_shift_sigma_.add(symmetry.center_shift_sigma_px());
  ring_state_.add(
      std::vector<std::uint32_t>(symmetry.ring_state().begin(), symmetry.ring_state().end()).data(),
      static_cast<std::size_t>(symmetry.ring_state_size()));
  status_.add(static_cast<std::uint32_t>(symmetry.validity()));
}

void SymmetryColumns::flush() {
  for (auto& [column, values] : columns_) column->flush();
  noise_floor_.flush();
  center_shift_.flush();
  center_shift_sigma_.flush();
  ring_state_.flush();
  status_.flush();
}

TileColumns::TileColumns(H5::Group& root, const std::string& group, const result::MapUpdate& map)
    : rows_(map.rows()), columns_(map.columns()), channels_(map.channel_size()), orders_(channels_ - 2) {
  root.createGroup(group);
  sequence_.emplace(root, group + "/sequence", std::vector<hsize_t>{}, "1", "frame of the map");
  power_.emplace(root, group + "/power", std::vector<hsize_t>{rows_, columns_, static_cast<hsize_t>(orders_)},
                 "1", "angular power of the tile's power spectrum, mean over the ring");
  ring_mean_.emplace(root, group + "/ring_mean", std::vector<hsize_t>{rows_, columns_}, "1",
                     "mean of the tile's power spectrum over the ring, of I/<I> - 1");
  peak_.emplace(root, group + "/peak", std::vector<hsize_t>{rows_, columns_}, "1",
                "largest value of the spectrum in the ring over its median / ln 2");
  std::vector<std::uint32_t> n;
  n.reserve(static_cast<std::size_t>(orders_));
  for (int i = 0; i < orders_; ++i) {
    n.push_back(static_cast<std::uint32_t>(std::stoul(map.channel(i).substr(map.channel(i).rfind(' ')))));
  }
  write<std::uint32_t>(root, group + "/orders", {n.size()}, n.data(), "1", "n-fold orders");
}

bool TileColumns::fits(const result::MapUpdate& map) const {
  return map.rows() == rows_ && map.columns() == columns_ && map.channel_size() == channels_;
}

void TileColumns::add(const result::MapUpdate& map) {
  std::vector<float> n_fold, mean, largest;
  for (int at = 0; at + channels_ <= map.value_size(); at += channels_) {
    n_fold.insert(n_fold.end(), map.value().begin() + at, map.value().begin() + at + orders_);
    mean.push_back(map.value(at + orders_));
    largest.push_back(map.value(at + orders_ + 1));
  }
  sequence_->add(map.sequence());
  power_->add(n_fold.data(), n_fold.size());
  ring_mean_->add(mean.data(), mean.size());
  peak_->add(largest.data(), largest.size());
}

void TileColumns::flush() {
  sequence_->flush();
  power_->flush();
  ring_mean_->flush();
  peak_->flush();
}

}  // namespace glasswatch::hdf5
