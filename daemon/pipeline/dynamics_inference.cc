// What the fits mean: uncertainties, tests, and the null.
#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/arrhenius.h"
#include "analysis/halves_test.h"
#include "analysis/heterogeneity.h"
#include "analysis/kww_influence.h"
#include "analysis/momentary_relaxation.h"
#include "analysis/stationarity.h"
#include "daemon/pipeline/dynamics_fits.h"
#include "daemon/pipeline/sums_view.h"
#include "protocol/configuration/text.h"

namespace glasswatch {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr analysis::KwwBounds kBounds;
constexpr int kMomentaryWindows = 4;
constexpr int kHistogramBins = 60;
constexpr double kHistogramSpan = 100;     // edges at the field's tau over and times this
constexpr std::size_t kNullFrames = 8192;  // the newest of longer series
constexpr double kPedestalShare = 0.1;     // of the contrast: more needs a free baseline
const char* const kUnitNames[] = {"field", "matrix", "channel"};

}  // namespace

void DynamicsFits::infer(const analysis::PixelSums& range, const DynamicsEvidence& evidence,
                         bool from_nothing, result::Dynamics& dynamics, analysis::Parallel& parallel) {
  const std::vector<analysis::KwwFit> field_fit{units_[0].fit};
  const analysis::InfluenceMap global = analysis::influence(range, field_unit_, field_pool_, field_fit,
                                                            model_, flat_field_, parallel, normalization_);
  const std::vector<double> shape = evidence.shape->autocorrelation();
  const int reach = evidence.shape->reach();
  const analysis::SpeckleCount of_field =
      analysis::count_speckles(range, global.ln_tau, shape, reach, field_unit_, 1);
  dynamics.set_pixels_per_speckle(of_field.pixels_per_speckle);
  units_[0].speckles = of_field.per_unit[0];
  units_[0].sigma = analysis::region_sigmas(field_unit_, 1, global, of_field)[0];

  const int cells = cells_.rows * cells_.columns;
  const analysis::SpeckleCount of_cells =
      analysis::count_speckles(range, global.ln_tau, shape, reach, cells_.unit_of_pixel, cells);
  const analysis::InfluenceMap in_cells = analysis::influence(
      range, cells_.unit_of_pixel, cell_pool_, cell_fit_, model_, flat_field_, parallel, normalization_);
  cell_sigma_ = analysis::cell_sigmas(cells_, in_cells, of_cells);
  std::vector<double> counts = of_cells.per_unit;
  std::erase_if(counts, [](double value) { return !std::isfinite(value); });
  std::nth_element(counts.begin(), counts.begin() + static_cast<std::ptrdiff_t>(counts.size() / 2),
                   counts.end());
  speckles_per_cell_ = counts.empty() ? kNan : counts[counts.size() / 2];

  if (!label_.empty()) {
    const std::vector<analysis::KwwFit> fits{units_[1].fit, units_[2].fit};
    const analysis::InfluenceMap in_regions = analysis::influence(
        range, region_unit_, region_pool_, fits, model_, flat_field_, parallel, normalization_);
    const analysis::SpeckleCount of_regions =
        analysis::count_speckles(range, global.ln_tau, shape, reach, region_unit_, 2);
    const auto sigmas = analysis::region_sigmas(region_unit_, 2, in_regions, of_regions);
    for (std::size_t u = 0; u < 2; ++u) {
      units_[1 + u].sigma = sigmas[u];
      units_[1 + u].speckles = of_regions.per_unit[u];
    }
  }
  infer_g2_sigma(dynamics);
  infer_regions(dynamics);

  const analysis::Heterogeneity test = analysis::test_heterogeneity(cells_, global.ln_tau, of_cells);
  result::Heterogeneity& heterogeneity = *dynamics.mutable_heterogeneity();
  heterogeneity.set_p_value(test.p_value);
  heterogeneity.set_p_value_neighbours(test.p_value_neighbours);
  heterogeneity.set_chi_square(test.chi_square);
  heterogeneity.set_cells(static_cast<std::uint32_t>(test.cells));
  heterogeneity.set_spread_ln_tau(test.spread_ln_tau);
  heterogeneity.set_spread_variance(test.spread_variance);
  heterogeneity.set_spread_variance_sigma(test.spread_variance_sigma);
  heterogeneity.set_reason(std::isfinite(test.p_value) ? ""
                           : !units_[0].fit.usable()   ? "the field has no usable fit"
                           : std::isnan(units_[0].speckles)
                               ? "the number of independent speckles is not known"
                               : "too few cells");
  infer_halves(range, evidence, dynamics, parallel);
  infer_two_time(evidence, from_nothing, dynamics, parallel);
  infer_histogram(dynamics);
}

// One standard deviation of the field's g2: the scatter of cells about it, as their mean has it.
void DynamicsFits::infer_g2_sigma(result::Dynamics& dynamics) const {
  const std::size_t fitted = field_pool_.lag_slots.size();
  const int first = static_cast<int>(
      std::lower_bound(dynamics.lag_s().begin(), dynamics.lag_s().end(),
                       fitted > 0 ? field_pool_.lag_slots.front() * period_s_ * (1 - 1e-9) : kInfinity) -
      dynamics.lag_s().begin());
  auto& sigma = *dynamics.mutable_field()->mutable_g2_sigma();
  sigma.Resize(dynamics.lag_s_size(), kNan);
  std::fill(sigma.begin(), sigma.end(), kNan);
  const bool paper = normalization_ == analysis::Normalization::kPaper;
  for (std::size_t l = 0; l < fitted; ++l) {
    const double product = field_pool_.product[l], past = field_pool_.past[l], future = field_pool_.future[l];
    double sum = 0, squares = 0, cells = 0;
    for (std::size_t cell = 0; cell < static_cast<std::size_t>(cell_pool_.units); ++cell) {
      const std::size_t at = cell * fitted + l;
      const double mean = cell_pool_.mean[cell] / field_pool_.mean[0];
      const double normaliser =
          paper ? 2 * mean : cell_pool_.past[at] / past + cell_pool_.future[at] / future;
      const double u = cell_pool_.product[at] / product - normaliser + 1;
      if (!std::isfinite(u)) continue;
      sum += u;
      squares += u * u;
      ++cells;
    }
    if (cells < 2) continue;
    const double variance = (squares - sum * sum / cells) / (cells - 1) / cells;
    const double mean = field_pool_.mean[0];
    sigma[first + static_cast<int>(l)] =
        product / (paper ? mean * mean : past * future) * std::sqrt(variance);
  }
}

void DynamicsFits::infer_regions(result::Dynamics& dynamics) const {
  dynamics.clear_region_pairs();
  if (units_.size() < 3) return;
  const Unit& channel = units_[2];
  const Unit& matrix = units_[1];
  const auto difference = analysis::compare_regions(channel.fit, channel.sigma, matrix.fit, matrix.sigma);
  result::RegionPair& pair = *dynamics.add_region_pairs();
  pair.set_first(channel.name);
  pair.set_second(matrix.name);
  pair.set_ln_ratio(difference.ln_ratio);
  pair.set_ln_ratio_sigma(difference.sigma);
  pair.set_p_value(difference.p_value);
}

void DynamicsFits::infer_halves(const analysis::PixelSums& range, const DynamicsEvidence& evidence,
                                result::Dynamics& dynamics, analysis::Parallel& parallel) const {
  result::Halves& halves = *dynamics.mutable_halves();
  halves.Clear();
  const auto unknown = [&halves](const char* why) {
    halves.set_status(result::FIT_TOO_SHORT);
    for (const auto set : {&result::Halves::set_tau_first_s, &result::Halves::set_tau_second_s,
                           &result::Halves::set_relative_difference, &result::Halves::set_ln_ratio_sigma,
                           &result::Halves::set_resolvable_difference}) {
      (halves.*set)(kNan);
    }
    halves.set_verdict(why);
  };
  if (evidence.halfway == nullptr) return unknown("a sliding window has no halves");
  const analysis::PooledSums* first = evidence.halfway->halfway(evidence.sums->span_slots());
  if (first == nullptr) return unknown("too few frames");
  const SumsView sums(*evidence.sums, 0, kInfinity, evidence.offset_counts);
  const analysis::PooledSums second = analysis::subtract(evidence.halfway->now(sums, parallel), *first);
  // Brightness that stands still is a pedestal in both halves: it is fitted where it matters.
  analysis::KwwModel model = model_;
  model.free_baseline = model.free_baseline || flat_field_variance_ > kPedestalShare * units_[0].fit.contrast;
  const analysis::CellGrid& grid = evidence.halfway->grid();
  const analysis::HalvesTest test = analysis::halves_test(grid, within(*first, range), within(second, range),
                                                          cell_factors(grid), normalization_, model, kBounds);
  halves.set_status(static_cast<result::FitStatus>(std::max(test.first.status, test.second.status)));
  halves.set_tau_first_s(test.first.tau_slots * period_s_);
  halves.set_tau_second_s(test.second.tau_slots * period_s_);
  halves.set_relative_difference(test.relative_difference);
  halves.set_ln_ratio_sigma(test.sigma_ln_ratio);
  halves.set_resolvable_difference(test.resolvable_difference);
  halves.set_verdict(analysis::stationarity_statement(
      std::log1p(test.relative_difference), test.sigma_ln_ratio,
      static_cast<double>(evidence.sums->span_slots()) / units_[0].fit.tau_slots));
}

// The flat field's mean in every cell.
std::vector<double> DynamicsFits::cell_factors(const analysis::CellGrid& grid) const {
  if (flat_field_.empty()) return {};
  const auto cells = static_cast<std::size_t>(grid.rows) * static_cast<std::size_t>(grid.columns);
  std::vector<double> sum(cells, 0), count(cells, 0);
  for (std::size_t i = 0; i < flat_field_.size(); ++i) {
    const std::int32_t unit = grid.unit_of_pixel[i];
    if (unit == analysis::kNoUnit || !std::isfinite(flat_field_[i])) continue;
    sum[static_cast<std::size_t>(unit)] += flat_field_[i];
    ++count[static_cast<std::size_t>(unit)];
  }
  for (std::size_t cell = 0; cell < cells; ++cell) sum[cell] /= count[cell];
  return sum;
}

// Regions that were found move a little every time, and new labels mean all products anew: while the series
// goes on only given ones are looked at.
void DynamicsFits::infer_two_time(const DynamicsEvidence& evidence, bool from_nothing,
                                  result::Dynamics& dynamics, analysis::Parallel& parallel) const {
  result::TwoTime& out = *dynamics.mutable_two_time();
  out.Clear();
  if (evidence.two_time == nullptr) return;
  analysis::TwoTime& two_time = *evidence.two_time;
  const bool by_region = !label_.empty() && (from_nothing || !labels_.label.empty());
  two_time.set_labels(by_region ? std::span<const std::uint8_t>(label_) : std::span<const std::uint8_t>{},
                      by_region ? 2 : 0, parallel);
  const auto slots = two_time.slots();
  for (const std::int64_t slot : slots) out.add_time_s(static_cast<double>(slot - slots.front()) * period_s_);
  for (int unit = 0; unit < two_time.units(); ++unit) {
    out.add_unit(kUnitNames[unit]);
    for (const double value : two_time.matrix(unit)) out.add_correlation(static_cast<float>(value));
    for (const analysis::Momentary& momentary : analysis::momentary_relaxation(
             two_time, unit, analysis::TwoTimeCut::kMeanTime, kMomentaryWindows, model_, kBounds)) {
      const bool usable = momentary.fit.usable();
      out.add_momentary_center_s((momentary.center_slot - static_cast<double>(slots.front())) * period_s_);
      out.add_momentary_tau_s(usable ? momentary.fit.tau_slots * period_s_ : kNan);
      out.add_momentary_beta(usable ? momentary.fit.beta : kNan);
    }
  }
}

void DynamicsFits::infer_histogram(result::Dynamics& dynamics) {
  dynamics.clear_histogram();
  const double tau_slots = units_[0].fit.tau_slots;
  if (!settings_.fit_pixels() || !(tau_slots > 0)) return;
  edge_slots_ =
      analysis::log_spaced_edges(tau_slots / kHistogramSpan, tau_slots * kHistogramSpan, kHistogramBins);
  const double independent = std::isfinite(units_[0].speckles) ? units_[0].speckles : kNan;
  write_histogram(analysis::tau_histogram(pixel_map_, edge_slots_, tau_slots, independent),
                  *dynamics.mutable_histogram());
}

void DynamicsFits::write_histogram(const analysis::TauHistogram& histogram, result::TauHistogram& out) const {
  out.Clear();
  for (const double edge : histogram.edge_slots) out.add_edge_s(edge * period_s_);
  out.mutable_fraction()->Assign(histogram.fraction.begin(), histogram.fraction.end());
  out.set_unusable(histogram.unusable);
  out.set_fraction_above(histogram.fraction_above_threshold);
  out.set_fraction_above_sigma(histogram.fraction_above_sigma);
  out.set_median_s(histogram.log_normal.median_slots * period_s_);
  out.set_sigma_ln(histogram.log_normal.sigma_ln);
  out.set_median_sigma_s(histogram.log_normal.median_sigma * period_s_);
  out.set_sigma_ln_sigma(histogram.log_normal.sigma_ln_sigma);
}

void DynamicsFits::prepare_null(const DynamicsEvidence& evidence) {
  null_wanted_.reset();
  null_reason_.clear();
  if (!settings_.null_map() || !settings_.fit_pixels()) return;
  const analysis::KwwFit& fit = units_[0].fit;
  const bool ranged = field_pool_.lag_slots.size() != evidence.sums->lag_slots().size();
  if (!fit.usable() || evidence.slots.size() < 2) {
    null_reason_ = "the field has no usable fit";
  } else if (std::isnan(evidence.noise->variance_counts2())) {
    null_reason_ = "no two frames follow each other directly: the noise is not known";
  } else if (settings_.engine() == config::MULTI_TAU && ranged) {
    null_reason_ = "ecm.fit_min_lag_s and fit_max_lag_s are not known to the null of engine: MULTI_TAU";
  }
  if (!null_reason_.empty()) return;
  auto settings = std::make_unique<analysis::NullSettings>();
  analysis::SurrogateSettings& surrogate = settings->surrogate;
  surrogate.fit = fit;
  surrogate.model = model_;
  surrogate.mean_counts = field_pool_.mean[0];
  // Half the squared difference of neighbours holds what the speckle itself moved in one slot.
  const double decay = 1 - (analysis::kww_g2(1, fit, model_) - fit.baseline) / fit.contrast;
  const double moved = fit.contrast * decay * surrogate.mean_counts * surrogate.mean_counts;
  const double noise = evidence.noise->variance_counts2() - moved;
  surrogate.noise_variance_counts2 = noise > 0 ? noise : 0;
  const double speckle_px = evidence.shape->size_px();
  surrogate.speckle_size_px = std::isfinite(speckle_px) ? speckle_px : 1;
  surrogate.slots.assign(
      evidence.slots.end() - static_cast<std::ptrdiff_t>(std::min(evidence.slots.size(), kNullFrames)),
      evidence.slots.end());
  std::sort(surrogate.slots.begin(), surrogate.slots.end());
  surrogate.seed = 1;
  // What stands still would count as skewness.
  const bool flat = flat_field_variance_ < kPedestalShare * fit.contrast;
  if (flat && std::isfinite(evidence.skewness)) surrogate.skewness = std::clamp(evidence.skewness, 0.0, 2.0);
  for (const double lag : field_pool_.lag_slots) settings->lags_slots.push_back(std::llround(lag));
  if (settings_.engine() == config::MULTI_TAU) {
    analysis::MultiTauSettings multi_tau;
    multi_tau.max_lag_slots = settings->lags_slots.back();
    settings->multi_tau = multi_tau;
  }
  settings->normalization = normalization_;
  settings->bounds = kBounds;
  settings->pool_px = static_cast<int>(settings_.pool_px());
  settings->edge_slots = edge_slots_;
  null_wanted_ = std::move(settings);
}

std::unique_ptr<NullMap> DynamicsFits::null_map() {
  if (!null_wanted_) return nullptr;
  const std::unique_ptr<analysis::NullSettings> wanted = std::move(null_wanted_);
  return std::make_unique<NullMap>(std::move(*wanted), null_state_, inference_frames_);
}

void DynamicsFits::install(const NullMap& done) {
  if (done.state() != null_state_) return;  // of sums that are gone
  if (done.result().status != analysis::NullStatus::kDone) {
    null_reason_ = done.result().status == analysis::NullStatus::kTooLong
                       ? "the series is too long for its memory"
                       : "the surrogate has no usable fit";
    return;
  }
  null_span_over_tau_ = done.result().span_over_tau;
  null_frames_ = done.frames();
  null_histogram_ = done.result().pixel_histogram;
  null_field_tau_slots_ = done.result().field.tau_slots;
}

void DynamicsFits::write_null(result::Dynamics& dynamics) const {
  dynamics.set_null_frames(null_frames_);
  dynamics.set_null_reason(null_reason_);
  dynamics.set_null_span_over_tau(null_frames_ == 0 ? kNan : null_span_over_tau_);
  if (null_frames_ == 0) {
    dynamics.clear_null_histogram();
    dynamics.set_null_field_tau_s(kNan);
    return;
  }
  write_histogram(null_histogram_, *dynamics.mutable_null_histogram());
  dynamics.set_null_field_tau_s(null_field_tau_slots_ * period_s_);
}

void DynamicsFits::write_tau_of_temperature(const TemperatureInterval& interval, bool closed,
                                            result::Dynamics& dynamics) {
  std::vector<result::TauAtTemperature> entries = closed_intervals_;
  for (const Unit& unit : units_) {
    result::TauAtTemperature& entry = entries.emplace_back();
    entry.set_unit(unit.name);
    entry.set_temperature_c(interval.mean_c);
    entry.set_temperature_low_c(interval.low_c);
    entry.set_temperature_high_c(interval.high_c);
    entry.set_tau_s(unit.fit.tau_slots * period_s_);
    entry.set_tau_sigma_s(unit.fit.tau_slots * period_s_ * unit.sigma.ln_tau);
    entry.set_beta(unit.fit.beta);
    entry.set_contrast(unit.fit.contrast);
    entry.set_span_over_tau(field_pool_.span_slots / unit.fit.tau_slots);
    entry.set_status(static_cast<result::FitStatus>(unit.fit.status));
    entry.set_frames(inference_frames_);
  }
  if (closed) closed_intervals_ = entries;
  dynamics.mutable_tau_of_temperature()->Assign(entries.begin(), entries.end());
  dynamics.clear_arrhenius();
  for (const char* name : kUnitNames) {
    std::vector<analysis::TauAtTemperature> points;
    for (const result::TauAtTemperature& entry : entries) {
      if (entry.unit() != name || entry.status() != result::FIT_CONVERGED ||
          !std::isfinite(entry.tau_sigma_s()))
        continue;
      points.push_back({entry.temperature_c(), 0, entry.tau_s(), entry.tau_sigma_s() / entry.tau_s()});
    }
    if (points.size() < 2) continue;
    const analysis::ArrheniusFit fit = analysis::fit_arrhenius(points);
    result::Arrhenius& out = *dynamics.add_arrhenius();
    out.set_unit(name);
    out.set_justified(fit.justified);
    out.set_activation_energy_ev(fit.activation_energy_ev);
    out.set_activation_energy_sigma_ev(fit.activation_energy_sigma_ev);
    out.set_ln_tau0_s(fit.ln_tau0_s);
    out.set_p_value(fit.p_value);
    out.set_points(static_cast<std::uint32_t>(fit.points));
  }
}

}  // namespace glasswatch
