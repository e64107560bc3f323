#include "daemon/dynamics_file.h"

#include <algorithm>
#include <cstdint>
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
constexpr const char* kStatusMeaning =
    "0 converged, 1 no data, 2 too short, 3 no contrast, 4 at bound, 5 not converged";

std::vector<double> padded(const google::protobuf::RepeatedField<double>& values, hsize_t count) {
  std::vector<double> copy(values.begin(), values.end());
  copy.resize(count, kNan);
  return copy;
}

void set_fit(const H5::H5Object& object, const result::KwwCurve& curve) {
  set_text(object, "fit_status", result::FitStatus_Name(curve.status()));
  set_number(object, "tau_s", curve.tau_s());
  set_number(object, "tau_sigma_s", curve.tau_sigma_s());
  set_number(object, "beta", curve.beta());
  set_number(object, "beta_sigma", curve.beta_sigma());
  set_number(object, "contrast", curve.contrast());
  set_number(object, "contrast_sigma", curve.contrast_sigma());
  set_number(object, "baseline", curve.baseline());
  set_number(object, "mean_relaxation_s", curve.mean_relaxation_s());
  set_number(object, "span_over_tau", curve.span_over_tau());
  set_number(object, "pixels", static_cast<double>(curve.pixels()));
  set_number(object, "speckles", curve.speckles());
}

void write_curve(H5::Group& ecm, const std::string& group_name, const result::KwwCurve& curve, hsize_t lags,
                 const char* g2_name) {
  H5::Group group = ecm.createGroup(group_name);
  const auto g2 = padded(curve.g2(), lags), sigma = padded(curve.g2_sigma(), lags);
  write<double>(group, g2_name, {lags}, g2.data(), "1",
                "g2 from pooled raw sums over the smooth flat field: what was fitted");
  write<double>(group, "g2_sigma", {lags}, sigma.data(), "1",
                "one standard deviation of g2, from the scatter of cells");
  set_fit(group, curve);
}

void write_field(H5::Group& ecm, const result::Dynamics& dynamics, hsize_t lags) {
  write_curve(ecm, "field", dynamics.field(), lags, "g2_fitted");
  H5::Group group = ecm.openGroup("field");
  const auto raw = padded(dynamics.raw_g2(), lags);
  std::vector<std::uint64_t> pairs(dynamics.pairs().begin(), dynamics.pairs().end());
  pairs.resize(lags, 0);
  const H5::DataSet g2 = write<double>(group, "g2", {lags}, raw.data(), "1",
                                       "g2 of the field from pooled raw sums, last series");
  set_fit(g2, dynamics.field());
  write<std::uint64_t>(group, "pairs", {lags}, pairs.data(), "1", "frame pairs behind each value");
  set_text(group, "status", result::Validity_Name(dynamics.validity()));
  set_text(group, "reason", dynamics.reason());
  set_text(group, "warning", dynamics.warning());
  set_number(group, "frames_used", static_cast<double>(dynamics.frames_used()));
  set_number(group, "frames_missing", static_cast<double>(dynamics.frames_missing()));
  set_number(group, "span_s", dynamics.span_s());
  set_number(group, "temperature_c", dynamics.temperature_c());
  set_number(group, "speckle_size_px", dynamics.speckle_size_px());
  set_number(group, "pixels_per_speckle", dynamics.pixels_per_speckle());
  set_number(group, "flat_field_px", dynamics.flat_field_px());
}

void write_maps(H5::Group& ecm, const std::string& name, const result::KwwMaps& maps, hsize_t lags) {
  H5::Group group = ecm.createGroup(name);
  const std::vector<hsize_t> shape{maps.rows(), maps.columns()};
  const std::size_t units = static_cast<std::size_t>(maps.rows()) * maps.columns();
  const auto map = [&](const char* dataset, const google::protobuf::RepeatedField<float>& values,
                       const char* units_name, const char* long_name) {
    if (static_cast<std::size_t>(values.size()) == units) {
      write<float>(group, dataset, shape, values.data(), units_name, long_name);
    }
  };
  map("tau_s", maps.tau_s(), "s", "relaxation time");
  map("tau_sigma_s", maps.tau_sigma_s(), "s", "one standard deviation of tau_s");
  map("beta", maps.beta(), "1", "stretching exponent");
  map("beta_sigma", maps.beta_sigma(), "1", "one standard deviation of beta");
  map("contrast", maps.contrast(), "1", "contrast A");
  std::vector<std::uint32_t> status(maps.status().begin(), maps.status().end());
  if (status.size() == units)
    write<std::uint32_t>(group, "status", shape, status.data(), "1", kStatusMeaning);
  if (static_cast<std::size_t>(maps.g2_size()) == units * lags && lags > 0) {
    write<float>(group, "g2", {maps.rows(), maps.columns(), lags}, maps.g2().data(), "1",
                 "g2 from pooled raw sums");
  }
  set_number(group, "step_px", maps.step_px());
  set_number(group, "span_over_tau", maps.span_over_tau());
  set_number(group, "speckles_per_unit", maps.speckles_per_unit());
}

void write_histogram(H5::Group& group, const std::string& prefix, const result::TauHistogram& histogram) {
  if (histogram.fraction_size() == 0) return;
  const auto bins = static_cast<hsize_t>(histogram.fraction_size());
  write<double>(group, prefix + "edge_s", {bins + 1}, histogram.edge_s().data(), "s", "edges of the bins");
  const H5::DataSet fraction = write<double>(group, prefix + "fraction", {bins}, histogram.fraction().data(),
                                             "1", "fraction of all pixels with tau in the bin");
  set_number(fraction, "unusable", histogram.unusable());
  set_number(fraction, "fraction_above", histogram.fraction_above());
  set_number(fraction, "fraction_above_sigma", histogram.fraction_above_sigma());
  set_number(fraction, "median_s", histogram.median_s());
  set_number(fraction, "median_sigma_s", histogram.median_sigma_s());
  set_number(fraction, "sigma_ln", histogram.sigma_ln());
  set_number(fraction, "sigma_ln_sigma", histogram.sigma_ln_sigma());
}

void write_histograms(H5::Group& ecm, const result::Dynamics& dynamics) {
  if (!dynamics.has_histogram()) return;
  H5::Group group = ecm.createGroup("histogram");
  write_histogram(group, "", dynamics.histogram());
  write_histogram(group, "null_", dynamics.null_histogram());
  set_number(group, "null_frames", static_cast<double>(dynamics.null_frames()));
  set_number(group, "null_field_tau_s", dynamics.null_field_tau_s());
}

void write_tests(H5::Group& ecm, const result::Dynamics& dynamics) {
  const H5::Group halves = ecm.createGroup("halves");
  set_text(halves, "status", result::FitStatus_Name(dynamics.halves().status()));
  set_number(halves, "tau_first_s", dynamics.halves().tau_first_s());
  set_number(halves, "tau_second_s", dynamics.halves().tau_second_s());
  set_number(halves, "relative_difference", dynamics.halves().relative_difference());
  set_number(halves, "ln_ratio_sigma", dynamics.halves().ln_ratio_sigma());
  set_number(halves, "resolvable_difference", dynamics.halves().resolvable_difference());
  set_text(halves, "verdict", dynamics.halves().verdict());
  const result::Heterogeneity& test = dynamics.heterogeneity();
  const H5::Group heterogeneity = ecm.createGroup("heterogeneity");
  set_number(heterogeneity, "p_value", test.p_value());
  set_number(heterogeneity, "p_value_neighbours", test.p_value_neighbours());
  set_number(heterogeneity, "chi_square", test.chi_square());
  set_number(heterogeneity, "cells", test.cells());
  set_number(heterogeneity, "spread_ln_tau", test.spread_ln_tau());
  set_number(heterogeneity, "spread_variance", test.spread_variance());
  set_number(heterogeneity, "spread_variance_sigma", test.spread_variance_sigma());
  set_text(heterogeneity, "reason", test.reason());
}

void write_regions(H5::Group& root, H5::Group& ecm, const result::Dynamics& dynamics, hsize_t lags) {
  if (dynamics.label().empty()) return;
  const std::vector<std::uint32_t> label(dynamics.label().begin(), dynamics.label().end());
  H5::Group regions = root.createGroup("regions");
  write<std::uint32_t>(regions, "label", {dynamics.label_rows(), dynamics.label_columns()}, label.data(), "1",
                       "0 unassigned, 1 matrix, 2 channel");
  H5::Group group = ecm.createGroup("regions");
  for (const result::KwwCurve& curve : dynamics.regions())
    write_curve(group, curve.name(), curve, lags, "g2");
  for (const result::RegionPair& pair : dynamics.region_pairs()) {
    const H5::Group difference = group.createGroup(pair.first() + "_over_" + pair.second());
    set_number(difference, "ln_tau_ratio", pair.ln_ratio());
    set_number(difference, "ln_tau_ratio_sigma", pair.ln_ratio_sigma());
    set_number(difference, "p_value", pair.p_value());
  }
}

void write_two_time(H5::Group& ecm, const result::TwoTime& two_time) {
  const auto frames = static_cast<hsize_t>(two_time.time_s_size());
  const auto units = static_cast<hsize_t>(two_time.unit_size());
  if (frames == 0 || units == 0) return;
  H5::Group group = ecm.createGroup("two_time");
  write<double>(group, "time_s", {frames}, two_time.time_s().data(), "s", "since the first frame");
  const H5::DataSet correlation = write<float>(group, "correlation", {units, frames, frames},
                                               two_time.correlation().data(), "1", "C(t1, t2) per unit");
  std::string names;
  for (const std::string& name : two_time.unit()) names += names.empty() ? name : ", " + name;
  set_text(correlation, "units_in_order", names);
  const hsize_t windows = static_cast<hsize_t>(two_time.momentary_tau_s_size()) / units;
  write<double>(group, "momentary_center_s", {units, windows}, two_time.momentary_center_s().data(), "s",
                "middle of the window");
  write<double>(group, "momentary_tau_s", {units, windows}, two_time.momentary_tau_s().data(), "s",
                "relaxation time of cuts of constant mean time");
  write<double>(group, "momentary_beta", {units, windows}, two_time.momentary_beta().data(), "1",
                "stretching exponent of the same");
}

void write_tau_of_temperature(H5::Group& ecm, const result::Dynamics& dynamics) {
  if (dynamics.tau_of_temperature().empty()) return;
  H5::Group group = ecm.createGroup("tau_of_temperature");
  std::vector<std::string> names;
  for (const auto& entry : dynamics.tau_of_temperature()) {
    if (std::find(names.begin(), names.end(), entry.unit()) == names.end()) names.push_back(entry.unit());
  }
  for (const std::string& name : names) {
    std::vector<double> temperature, low, high, tau, sigma, beta, span;
    for (const auto& entry : dynamics.tau_of_temperature()) {
      if (entry.unit() != name) continue;
      temperature.push_back(entry.temperature_c());
      low.push_back(entry.temperature_low_c());
      high.push_back(entry.temperature_high_c());
      tau.push_back(entry.status() == result::FIT_CONVERGED ? entry.tau_s() : kNan);
      sigma.push_back(entry.tau_sigma_s());
      beta.push_back(entry.beta());
      span.push_back(entry.span_over_tau());
    }
    H5::Group unit = group.createGroup(name);
    const std::vector<hsize_t> shape{tau.size()};
    write<double>(unit, "temperature_c", shape, temperature.data(), "degC", "mean over the interval");
    write<double>(unit, "temperature_low_c", shape, low.data(), "degC", "lowest of the interval");
    write<double>(unit, "temperature_high_c", shape, high.data(), "degC", "highest of the interval");
    write<double>(unit, "tau_s", shape, tau.data(), "s", "relaxation time");
    write<double>(unit, "tau_sigma_s", shape, sigma.data(), "s", "one standard deviation of tau_s");
    write<double>(unit, "beta", shape, beta.data(), "1", "stretching exponent");
    write<double>(unit, "span_over_tau", shape, span.data(), "1", "length of the interval over tau");
  }
  for (const result::Arrhenius& fit : dynamics.arrhenius()) {
    const H5::Group unit = group.openGroup(fit.unit());
    set_number(unit, "activation_energy_ev", fit.activation_energy_ev());
    set_number(unit, "activation_energy_sigma_ev", fit.activation_energy_sigma_ev());
    set_number(unit, "ln_tau0_s", fit.ln_tau0_s());
    set_number(unit, "arrhenius_p_value", fit.p_value());
    set_text(unit, "arrhenius_justified", fit.justified() ? "yes" : "no");
  }
}

}  // namespace

void write_dynamics(H5::Group& root, const result::Dynamics& dynamics) {
  const auto lags = static_cast<hsize_t>(dynamics.lag_s_size());
  if (lags == 0) return;
  H5::Group ecm = root.createGroup("ecm");
  write<double>(ecm, "lag_s", {lags}, dynamics.lag_s().data(), "s", "lag");
  write_field(ecm, dynamics, lags);
  if (dynamics.cells().rows() > 0) write_maps(ecm, "pooled", dynamics.cells(), lags);
  if (dynamics.has_pixels()) write_maps(ecm, "pixel", dynamics.pixels(), lags);
  write_histograms(ecm, dynamics);
  write_tests(ecm, dynamics);
  write_regions(root, ecm, dynamics, lags);
  write_two_time(ecm, dynamics.two_time());
  write_tau_of_temperature(ecm, dynamics);
}

}  // namespace glasswatch
