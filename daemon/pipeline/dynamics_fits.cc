#include "daemon/pipeline/dynamics_fits.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "analysis/region_map.h"
#include "daemon/pipeline/sums_view.h"
#include "protocol/configuration/text.h"

namespace glasswatch {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kInferenceShare = 0.05;    // of the frames in the sums that are new since the last one
constexpr double kFlatFieldSpeckles = 2.5;  // speckle sizes
constexpr double kBackgroundSpeckles = 40;  // of the segmentation: wider than a column
constexpr double kMisleadingSpan = 40;      // T/tau below which single pixels mislead
constexpr analysis::KwwBounds kBounds;
const char* const kUnitNames[] = {"field", "matrix", "channel"};

void write_curve(const analysis::PooledSums& pool, int unit, analysis::Normalization normalization,
                 result::KwwCurve& curve) {
  std::vector<double> g2(pool.lag_slots.size(), kNan);
  pool.g2(unit, normalization, g2);
  curve.mutable_g2()->Assign(g2.begin(), g2.end());
}

template <typename Field>
void assign_scaled(const std::vector<float>& values, double factor, Field* field) {
  field->Resize(static_cast<int>(values.size()), 0);
  for (std::size_t i = 0; i < values.size(); ++i) {
    (*field)[static_cast<int>(i)] = static_cast<float>(values[i] * factor);
  }
}

}  // namespace

// Lags outside the range that is fitted are no evidence: they are cut off.
analysis::PooledSums DynamicsFits::within(const analysis::PooledSums& pool,
                                          const analysis::PixelSums& range) {
  if (pool.lag_slots.size() == range.lag_slots().size()) return pool;
  analysis::PooledSums cut = pool;
  const auto lags = static_cast<std::size_t>(pool.lag_slots.size());
  const auto kept = range.lag_slots();
  const auto first = static_cast<std::size_t>(std::lower_bound(pool.lag_slots.begin(), pool.lag_slots.end(),
                                                               kept.empty() ? kInfinity : kept.front()) -
                                              pool.lag_slots.begin());
  cut.lag_slots.assign(kept.begin(), kept.end());
  cut.pairs.assign(pool.pairs.begin() + static_cast<std::ptrdiff_t>(first),
                   pool.pairs.begin() + static_cast<std::ptrdiff_t>(first + kept.size()));
  const auto cut_rows = [&](const std::vector<double>& from, std::vector<double>& to) {
    to.resize(kept.size() * static_cast<std::size_t>(pool.units));
    for (std::size_t unit = 0; unit < static_cast<std::size_t>(pool.units); ++unit) {
      std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(unit * lags + first), kept.size(),
                  to.begin() + static_cast<std::ptrdiff_t>(unit * kept.size()));
    }
  };
  cut_rows(pool.product, cut.product);
  cut_rows(pool.past, cut.past);
  cut_rows(pool.future, cut.future);
  return cut;
}

DynamicsFits::DynamicsFits(const config::Ecm& settings, const LabelImage& labels)
    : settings_(settings),
      labels_(labels),
      model_{static_cast<int>(settings.kww_exponent_factor()), settings.baseline() == config::FREE},
      normalization_(settings.normalization() == config::PAPER ? analysis::Normalization::kPaper
                                                               : analysis::Normalization::kSymmetric) {}

void DynamicsFits::begin_series(std::uint64_t series_id) {
  null_state_ += series_id;
  forget();
  closed_intervals_.clear();
}

// Whatever an earlier fit left behind that another would start from.
void DynamicsFits::forget() {
  inference_frames_ = inferred_at_ = 0;
  null_frames_ = 0;
  null_reason_.clear();
  ++null_state_;
  flat_field_.clear();
  flat_field_variance_ = 0;
  label_.clear();
  cell_sigma_.clear();
  pixel_map_ = {};
  units_.clear();
  null_wanted_.reset();
}

void DynamicsFits::fit(const DynamicsEvidence& evidence, FitKind kind, result::Dynamics& dynamics,
                       analysis::Parallel& parallel) {
  const bool from_nothing = kind != FitKind::kRefresh;
  if (from_nothing) forget();
  period_s_ = evidence.period_s;
  const SumsView sums(*evidence.sums, 0, kInfinity, evidence.offset_counts);
  const SumsView range(*evidence.sums, settings_.fit_min_lag_s() / period_s_,
                       settings_.has_fit_max_lag_s() ? settings_.fit_max_lag_s() / period_s_ : kInfinity,
                       evidence.offset_counts);
  const auto unseen = static_cast<double>(evidence.frames_used - inferred_at_);
  const bool infers = from_nothing || unseen > kInferenceShare * static_cast<double>(sums.frames());
  dynamics.set_frame_period_s(period_s_);
  dynamics.set_span_s(static_cast<double>(sums.span_slots()) * period_s_);
  dynamics.mutable_lag_s()->Clear();
  for (const double lag : sums.lag_slots()) dynamics.add_lag_s(lag * period_s_);
  dynamics.mutable_pairs()->Assign(sums.pairs().begin(), sums.pairs().end());
  if (infers) prepare(sums, evidence, dynamics);
  const analysis::PooledSums parts =
      analysis::pool(sums, part_of_pixel_, static_cast<int>(cell_of_part_.size()), flat_field_, parallel);
  fit_units(parts, range, dynamics, parallel);
  fit_cells(parts, range, dynamics, parallel);
  if (settings_.fit_pixels()) fit_pixels(range, dynamics, parallel);
  if (infers) {
    inference_frames_ = sums.frames();
    inferred_at_ = evidence.frames_used;
    dynamics.set_inference_frames(inference_frames_);
    infer(range, evidence, from_nothing, dynamics, parallel);
    prepare_null(evidence);
  }
  write_uncertainties(dynamics);
  if (kind == FitKind::kFinal && settings_.null_map() && settings_.fit_pixels()) {
    if (auto null = null_map()) {
      null->run(parallel);
      install(*null);
    }
  }
  write_null(dynamics);
  const bool any = !sums.pairs().empty() && sums.pairs().front() > 0;
  dynamics.set_validity(any ? result::VALID : result::TOO_FEW_FRAMES);
  dynamics.set_reason(any ? "" : "no pair of frames at the first lag yet");
}

// Flat field and regions: what the pooled sums rest on.
void DynamicsFits::prepare(const analysis::PixelSums& sums, const DynamicsEvidence& evidence,
                           result::Dynamics& dynamics) {
  const double speckle_px = evidence.shape->size_px();
  dynamics.set_speckle_size_px(speckle_px);
  const double sigma_px = settings_.has_flat_field_px() ? settings_.flat_field_px()
                          : std::isfinite(speckle_px)   ? kFlatFieldSpeckles * std::max(1.0, speckle_px)
                                                        : 0;
  flat_field_.clear();
  flat_field_variance_ = 0;
  if (sigma_px > 0) {
    flat_field_ = analysis::smooth_flat_field(sums, sigma_px);
    double sum = 0, squares = 0, count = 0;
    for (const float value : flat_field_) {
      if (!std::isfinite(value)) continue;
      sum += value;
      squares += static_cast<double>(value) * value;
      ++count;
    }
    flat_field_variance_ = count > 0 ? squares / count - (sum / count) * (sum / count) : 0;
  }
  dynamics.set_flat_field_px(sigma_px);
  find_regions(sums, speckle_px, dynamics);
  field_unit_.assign(sums.pixels().size(), 0);
  cells_ = analysis::cell_grid(sums, static_cast<int>(settings_.pool_px()));
  lay_out_parts(sums);
}

void DynamicsFits::lay_out_parts(const analysis::PixelSums& sums) {
  constexpr std::int32_t kKinds = 3;  // no region, matrix, channel
  const std::int32_t cells = cells_.rows * cells_.columns;
  part_of_pixel_.resize(sums.pixels().size());
  for (std::size_t i = 0; i < part_of_pixel_.size(); ++i) {
    const std::int32_t cell = cells_.unit_of_pixel[i] == analysis::kNoUnit ? cells : cells_.unit_of_pixel[i];
    const std::int32_t region = region_unit_.empty() ? analysis::kNoUnit : region_unit_[i];
    part_of_pixel_[i] = cell * kKinds + region + 1;
  }
  region_of_part_.clear();
  cell_of_part_.clear();
  for (std::int32_t part = 0; part < (cells + 1) * kKinds; ++part) {
    region_of_part_.push_back(part % kKinds == 0 ? analysis::kNoUnit : part % kKinds - 1);
    cell_of_part_.push_back(part / kKinds == cells ? analysis::kNoUnit : part / kKinds);
  }
}

void DynamicsFits::find_regions(const analysis::PixelSums& sums, double speckle_px,
                                result::Dynamics& dynamics) {
  label_.clear();
  dynamics.clear_regions_reason();
  if (!labels_.label.empty()) {
    label_ = labels_.label;
  } else if (!settings_.find_regions()) {
    dynamics.set_regions_reason("switched off");
  } else if (!std::isfinite(speckle_px)) {
    dynamics.set_regions_reason("the speckle's size is not known yet");
  } else {
    analysis::RegionMap found =
        analysis::segment_channels(sums, speckle_px, kBackgroundSpeckles * speckle_px);
    if (found.found) {
      label_ = std::move(found.label);
    } else {
      dynamics.set_regions_reason("the mean brightness does not show two classes");
    }
  }
  region_unit_ = label_.empty() ? std::vector<std::int32_t>{} : analysis::units_from_labels(sums, label_, 2);
  dynamics.mutable_label()->assign(label_.begin(), label_.end());
  dynamics.set_label_rows(label_.empty() ? 0 : static_cast<std::uint32_t>(sums.rows()));
  dynamics.set_label_columns(label_.empty() ? 0 : static_cast<std::uint32_t>(sums.columns()));
}

// Field and regions.
void DynamicsFits::fit_units(const analysis::PooledSums& parts, const analysis::PixelSums& range,
                             result::Dynamics& dynamics, analysis::Parallel& parallel) {
  units_.resize(label_.empty() ? 1 : 3);
  dynamics.clear_regions();
  const auto fit_pool = [&](const analysis::PooledSums& pool, analysis::PooledSums& fitted,
                            std::size_t first) {
    fitted = within(pool, range);
    const auto fits = analysis::fit_units(fitted, normalization_, model_, kBounds, parallel);
    for (std::size_t u = 0; u < fits.size(); ++u) {
      Unit& unit = units_[first + u];
      unit.name = kUnitNames[first + u];
      unit.fit = fits[u];
      unit.pixels = pool.pixels[u];
      result::KwwCurve& curve = first + u == 0 ? *dynamics.mutable_field() : *dynamics.add_regions();
      write_curve(pool, static_cast<int>(u), normalization_, curve);
    }
  };
  fit_pool(analysis::pool_units(parts), field_pool_, 0);
  if (!label_.empty()) {
    fit_pool(analysis::pool_units(parts, region_of_part_, 2), region_pool_, 1);
  }
}

void DynamicsFits::fit_cells(const analysis::PooledSums& parts, const analysis::PixelSums& range,
                             result::Dynamics& dynamics, analysis::Parallel& parallel) {
  const int units = cells_.rows * cells_.columns;
  const analysis::PooledSums pool = analysis::pool_units(parts, cell_of_part_, units);
  cell_pool_ = within(pool, range);
  const analysis::KwwFit& field = units_[0].fit;  // a start nearby: a third of the time from nothing
  cell_fit_ = analysis::fit_units(cell_pool_, normalization_, model_, kBounds, parallel,
                                  field.usable() ? &field : nullptr);
  result::KwwMaps& maps = *dynamics.mutable_cells();
  maps.Clear();
  maps.set_rows(static_cast<std::uint32_t>(cells_.rows));
  maps.set_columns(static_cast<std::uint32_t>(cells_.columns));
  maps.set_step_px(settings_.pool_px());
  const auto lags = pool.lag_slots.size();
  std::vector<double> g2(lags);
  maps.mutable_g2()->Reserve(static_cast<int>(lags) * units);
  for (int unit = 0; unit < units; ++unit) {
    const analysis::KwwFit& fit = cell_fit_[static_cast<std::size_t>(unit)];
    maps.add_tau_s(static_cast<float>(fit.tau_slots * period_s_));
    maps.add_beta(static_cast<float>(fit.beta));
    maps.add_contrast(static_cast<float>(fit.contrast));
    maps.mutable_status()->push_back(static_cast<char>(fit.status));
    pool.g2(unit, normalization_, g2);
    for (const double value : g2) maps.add_g2(static_cast<float>(value));
  }
}

void DynamicsFits::fit_pixels(const analysis::PixelSums& range, result::Dynamics& dynamics,
                              analysis::Parallel& parallel) {
  if (!pixel_fits_ || fitted_lags_ != range.lag_slots().size() || fit_lanes_ != parallel.lanes()) {
    fitted_lags_ = range.lag_slots().size();
    fit_lanes_ = parallel.lanes();
    pixel_fits_.emplace(model_, kBounds, static_cast<int>(fitted_lags_), fit_lanes_);
  }
  pixel_fits_->fit(range, normalization_, pixel_map_, parallel);
  const std::size_t pixels =
      static_cast<std::size_t>(range.rows()) * static_cast<std::size_t>(range.columns());
  result::KwwMaps& maps = *dynamics.mutable_pixels();
  maps.set_rows(static_cast<std::uint32_t>(range.rows()));
  maps.set_columns(static_cast<std::uint32_t>(range.columns()));
  maps.set_step_px(1);
  const auto spread = [&](const std::vector<float>& values, double factor,
                          google::protobuf::RepeatedField<float>& field) {
    field.Resize(static_cast<int>(pixels), 0);
    std::fill(field.begin(), field.end(), std::numeric_limits<float>::quiet_NaN());
    for (std::size_t i = 0; i < values.size(); ++i) {
      field[static_cast<int>(range.pixels()[i])] = static_cast<float>(values[i] * factor);
    }
  };
  spread(pixel_map_.tau_slots, period_s_, *maps.mutable_tau_s());
  spread(pixel_map_.beta, 1, *maps.mutable_beta());
  spread(pixel_map_.contrast, 1, *maps.mutable_contrast());
  maps.mutable_status()->assign(pixels, static_cast<char>(analysis::FitStatus::kNoData));
  for (std::size_t i = 0; i < pixel_map_.status.size(); ++i) {
    (*maps.mutable_status())[range.pixels()[i]] = static_cast<char>(pixel_map_.status[i]);
  }
}

// Everything about the fits that changes only with an inference, and what follows from both.
void DynamicsFits::write_uncertainties(result::Dynamics& dynamics) const {
  const double span_slots = static_cast<double>(field_pool_.span_slots);
  for (std::size_t u = 0; u < units_.size(); ++u) {
    const Unit& unit = units_[u];
    result::KwwCurve& curve =
        u == 0 ? *dynamics.mutable_field() : *dynamics.mutable_regions(static_cast<int>(u) - 1);
    curve.set_name(unit.name);
    curve.set_status(static_cast<result::FitStatus>(unit.fit.status));
    curve.set_tau_s(unit.fit.tau_slots * period_s_);
    curve.set_tau_sigma_s(unit.fit.tau_slots * period_s_ * unit.sigma.ln_tau);
    curve.set_beta(unit.fit.beta);
    curve.set_beta_sigma(unit.sigma.beta);
    curve.set_contrast(unit.fit.contrast);
    curve.set_contrast_sigma(unit.sigma.contrast);
    curve.set_baseline(unit.fit.baseline);
    curve.set_mean_relaxation_s(analysis::mean_relaxation_slots(unit.fit, model_) * period_s_);
    curve.set_span_over_tau(span_slots / unit.fit.tau_slots);
    curve.set_pixels(unit.pixels);
    curve.set_speckles(unit.speckles);
  }
  const double span_over_tau = dynamics.field().span_over_tau();
  result::KwwMaps& maps = *dynamics.mutable_cells();
  maps.set_span_over_tau(span_over_tau);
  maps.set_speckles_per_unit(speckles_per_cell_);
  maps.clear_tau_sigma_s();
  maps.clear_beta_sigma();
  for (std::size_t unit = 0; unit < cell_fit_.size(); ++unit) {
    const bool known = unit < cell_sigma_.size();
    maps.add_tau_sigma_s(known ? maps.tau_s(static_cast<int>(unit)) *
                                     static_cast<float>(cell_sigma_[unit].ln_tau)
                               : std::numeric_limits<float>::quiet_NaN());
    maps.add_beta_sigma(known ? static_cast<float>(cell_sigma_[unit].beta)
                              : std::numeric_limits<float>::quiet_NaN());
  }
  if (dynamics.has_pixels()) {
    dynamics.mutable_pixels()->set_span_over_tau(span_over_tau);
    dynamics.mutable_pixels()->set_speckles_per_unit(1);
  }
  dynamics.clear_warning();
  if (std::isfinite(span_over_tau) && span_over_tau < kMisleadingSpan) {
    dynamics.set_warning(text::concatenate(
        "T/tau is ", text::shortest(std::round(10 * span_over_tau) / 10),
        ": below 40 single pixels read tau too short and scatter by chance alone; compare with the null"));
  }
}

}  // namespace glasswatch
