#include "daemon/symmetry_file.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "daemon/hdf5_layout.h"

namespace glasswatch {
namespace {

using hdf5::set_number;
using hdf5::set_text;
using hdf5::write;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// The channels "QUANTITY n" of a map as (rows, columns, N), in the order of the channels.
std::vector<double> quantity_of(const result::MapUpdate& map, const std::string& quantity, hsize_t& orders) {
  std::vector<int> wanted;
  for (int i = 0; i < map.channel_size(); ++i) {
    const std::string& name = map.channel(i);
    if (name == quantity || name.substr(0, name.rfind(' ')) == quantity) wanted.push_back(i);
  }
  orders = wanted.size();
  std::vector<double> values(std::size_t{map.rows()} * map.columns() * orders, kNan);
  for (int at = 0; at < map.position_size(); ++at) {
    for (std::size_t n = 0; n < wanted.size(); ++n) {
      values[map.position(at) * orders + n] = map.value(at * map.channel_size() + wanted[n]);
    }
  }
  return values;
}

// (v - min)/(max - min) over the positions that have arrived, each order by itself: 0 ... 1.
void normalize_map(std::vector<double>& values, hsize_t orders) {
  for (hsize_t n = 0; n < orders; ++n) {
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (hsize_t at = n; at < values.size(); at += orders) {
      if (std::isnan(values[at])) continue;
      low = std::min(low, values[at]);
      high = std::max(high, values[at]);
    }
    for (hsize_t at = n; at < values.size(); at += orders) {
      values[at] = high > low ? (values[at] - low) / (high - low) : kNan;
    }
  }
}

}  // namespace

void write_axes(H5::Group& root, const result::Setup& setup) {
  const auto k = static_cast<hsize_t>(setup.radius_px_size());
  const auto n = static_cast<hsize_t>(setup.orders_size());
  write<double>(root, "symmetry/radius_px", {k}, setup.radius_px().data(), "px", "radial bin centre");
  write<double>(root, "symmetry/k_inv_nm", {k}, setup.k_inv_nm().data(), "1/nm",
                "radial bin centre, k = 1/d");
  write<std::uint32_t>(root, "symmetry/orders", {n}, setup.orders().data(), "1", "n-fold orders");
}

void write_calibration(H5::Group& root, const result::Calibration& calibration) {
  const H5::Group group = root.createGroup("symmetry/calibration");
  set_text(group, "origin", result::Calibration::Origin_Name(calibration.origin()));
  set_text(group, "reason", calibration.reason());
  set_number(group, "frames", calibration.frames());
  set_number(group, "center_row_px", calibration.center_row_px());
  set_number(group, "center_col_px", calibration.center_col_px());
  set_number(group, "center_sigma_px", calibration.center_sigma_px());
  set_number(group, "ellipse_ratio", calibration.ellipse_ratio());
  set_number(group, "ellipse_angle_deg", calibration.ellipse_angle_deg());
  set_number(group, "ellipse_ratio_sigma", calibration.ellipse_ratio_sigma());
  set_number(group, "ring_radius_px", calibration.ring_radius_px());
  set_number(group, "ring_width_px", calibration.ring_width_px());
  set_number(group, "residual", calibration.residual());
  set_number(group, "inversion_shift_px", calibration.inversion_shift_px());
  set_number(group, "masked_pixels", calibration.masked_pixels());
  set_number(group, "dead_pixels", calibration.dead_pixels());
  set_number(group, "disc_radius_px", calibration.disc_radius_px());
  set_number(group, "counts_per_electron", calibration.counts_per_electron());
  set_number(group, "offset_counts", calibration.offset_counts());
}

void write_scan_map(H5::Group& root, const result::MapUpdate& map) {
  const auto put = [&](const char* quantity, const char* path, const char* units, const char* long_name) {
    hsize_t orders = 0;
    const std::vector<double> values = quantity_of(map, quantity, orders);
    if (orders == 0) return;
    write<double>(root, path, {map.rows(), map.columns(), orders}, values.data(), units, long_name);
  };
  put("power", "symmetry/map_power", "1", "ring power over the last scan; NaN where no pattern arrived");
  put("coefficient", "symmetry/map_coefficient", "1", "ring coefficient over the last scan");
  put("score", "symmetry/map_score", "1", "motif score over the last scan");
  put("disc coefficient", "symmetry/map_motif_coefficient", "1",
      "disc-filtered coefficient over the last scan");
  hsize_t orders = 0;
  std::vector<double> values = quantity_of(map, "power", orders);
  normalize_map(values, orders);
  write<double>(root, "symmetry/map_normalized", {map.rows(), map.columns(), orders}, values.data(), "1",
                "map_power as (v - min)/(max - min), each order by itself");
  values = quantity_of(map, "mean counts", orders);
  write<double>(root, "symmetry/map_mean_counts", {map.rows(), map.columns()}, values.data(), "counts",
                "mean of each pattern");
}

}  // namespace glasswatch
