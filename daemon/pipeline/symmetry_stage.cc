#include "daemon/pipeline/symmetry_stage.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "analysis/disc_radius.h"
#include "daemon/pipeline/calibration_estimate.h"
#include "protocol/configuration/text.h"

namespace glasswatch {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kDiscPatterns = 8;  // from which the disc's radius is estimated

// The radius of the convergence disc, from single patterns: their sum has no speckle left.
double disc_radius_px(std::span<const Frame> held, const SymmetryOperator& coarse,
                      analysis::Parallel& parallel) {
  const auto patterns = std::min(held.size(), kDiscPatterns);
  const auto size = static_cast<std::size_t>(coarse.geometry().radial_bins) *
                    static_cast<std::size_t>(coarse.geometry().azimuthal_bins);
  std::vector<double> polar(patterns * size);
  for (std::size_t i = 0; i < patterns; ++i) {
    coarse.polar_image(held[i].view(), std::span(polar).subspan(i * size, size), parallel);
  }
  const auto estimate = [&](std::span<const std::uint8_t> rows) {
    return analysis::estimate_disc_radius_px(polar, static_cast<int>(patterns), coarse.geometry(), rows,
                                             coarse.inputs().blur_sigma_px);
  };
  const double on_ring_px = estimate(coarse.in_ring());
  if (!std::isnan(on_ring_px)) return on_ring_px;
  // Discs about as wide as the ring: it takes more rows to see where their correlation ends.
  return estimate(std::vector<std::uint8_t>(coarse.in_ring().size(), 1));
}

bool same_operator(const SymmetryInputs& a, const SymmetryInputs& b) {
  const auto same = [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); };
  return a.rows == b.rows && a.columns == b.columns && a.mask == b.mask &&
         a.calibration.origin() == result::Calibration::GIVEN &&
         same(a.calibration.counts_per_electron(), b.calibration.counts_per_electron()) &&
         same(a.calibration.offset_counts(), b.calibration.offset_counts()) &&
         same(a.k_per_px_inv_nm, b.k_per_px_inv_nm) &&
         a.settings.SerializeAsString() == b.settings.SerializeAsString();
}

}  // namespace

void PatternSum::begin(int rows, int columns, double offset_counts) {
  sum_.assign(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns), 0.0F);
  offset_counts_ = offset_counts;
  frames_ = 0;
}

void PatternSum::add(const FrameView& frame) {
  const auto offset = static_cast<float>(offset_counts_);
  visit_pixels(frame, [&](const auto* pixels) {
    for (std::size_t p = 0; p < sum_.size(); ++p) sum_[p] += static_cast<float>(pixels[p]) - offset;
  });
  ++frames_;
}

void SymmetryRebuild::run(analysis::Parallel& parallel) {
  if (patterns_) {
    auto estimate = estimate_calibration(inputs_.calibration, given_, inputs_.settings, patterns_->sum(),
                                         inputs_.rows, inputs_.columns, patterns_->frames(), given_mask_);
    const bool failed = estimate.calibration.origin() == result::Calibration::FAILED;
    if (failed) failure_ = estimate.calibration.reason();
    if (!failed || !renewal_) inputs_.calibration = std::move(estimate.calibration);
    if (failed && !renewal_) return;
    if (!failed) inputs_.mask = std::move(estimate.mask);
  }
  built_ = std::make_unique<SymmetryOperator>(inputs_, lanes_, parallel);
}

SymmetryStage::SymmetryStage(const config::Configuration& configuration, const MaskImage& mask,
                             analysis::Parallel& parallel)
    : configuration_(configuration), mask_(mask), parallel_(parallel), settings_(configuration.symmetry()) {}

SymmetryInputs SymmetryStage::inputs_for(const stream::SeriesStart& start) const {
  const auto& given = configuration_.calibration();
  const auto& detector = configuration_.detector();
  const auto& camera = start.camera();
  SymmetryInputs inputs;
  inputs.settings = settings_;
  inputs.rows = static_cast<int>(camera.rows());
  inputs.columns = static_cast<int>(camera.columns());
  inputs.mask = mask_.ignore;
  inputs.calibration = given_calibration(given);
  inputs.disc_is_given = given.has_disc_radius_px();
  double counts_per_electron = camera.has_counts_per_electron() ? camera.counts_per_electron() : kNan;
  if (detector.has_counts_per_electron()) counts_per_electron = detector.counts_per_electron();
  // A stream may say anything; what is no number is not known.
  inputs.calibration.set_counts_per_electron(std::isfinite(counts_per_electron) ? counts_per_electron : kNan);
  const double offset_counts =
      detector.has_offset_counts() ? detector.offset_counts() : camera.detector_offset_counts();
  inputs.calibration.set_offset_counts(std::isfinite(offset_counts) ? offset_counts : 0);
  inputs.k_per_px_inv_nm = kNan;
  if (given.has_k_per_px_inv_nm()) {
    inputs.k_per_px_inv_nm = given.k_per_px_inv_nm();
  } else if (start.optics().pixel_unit() == "1/nm" && start.optics().has_pixel_size()) {
    inputs.k_per_px_inv_nm = start.optics().pixel_size();
  }
  inputs.read_noise_counts = detector.read_noise_counts();
  inputs.blur_sigma_px = detector.blur_sigma_px();
  return inputs;
}

void SymmetryStage::begin_series(std::uint64_t series_id, const stream::SeriesStart& start) {
  pending_ = false;
  patterns_.reset();
  fail("the analysis of this series could not be set up");  // until it is
  SymmetryInputs inputs = inputs_for(start);
  inputs.calibration.set_series_id(series_id);
  series_inputs_ = inputs;
  if (!mask_.ignore.empty() && (mask_.rows != inputs.rows || mask_.columns != inputs.columns)) {
    fail(text::concatenate("calibration.mask_path is ", mask_.rows, " x ", mask_.columns, ", frames are ",
                           inputs.rows, " x ", inputs.columns));
    return;
  }
  if (configuration_.calibration().has_estimate()) {
    pending_ = true;
    fail("waiting for patterns to calibrate with");
    incompatible_validity_ = result::NOT_CALIBRATED;
    return;
  }
  build(std::move(inputs));
}

bool SymmetryStage::enough(std::span<const Frame> held) const {
  const auto& estimate = configuration_.calibration().estimate();
  if (held.empty()) return false;
  const double span_s =
      static_cast<double>(held.back().info.exposure_end_utc_ns - held.front().info.exposure_start_utc_ns) *
      1e-9;
  return held.size() >= estimate.frames() || span_s >= estimate.wait_s();
}

void SymmetryStage::calibrate(std::span<const Frame> held) {
  pending_ = false;
  SymmetryRebuild first;
  first.inputs_ = series_inputs_;
  first.given_ = configuration_.calibration();
  first.given_mask_ = mask_.ignore;
  first.lanes_ = parallel_.lanes();
  first.patterns_.emplace().begin(series_inputs_.rows, series_inputs_.columns,
                                  series_inputs_.calibration.offset_counts());
  for (const Frame& frame : held) {
    if ((frame.info.flags & kFlagTransferNotOk) == 0) first.patterns_->add(frame.view());
  }
  const bool find_disc = !first.given_.has_disc_radius_px();
  first.inputs_.settings.set_motif_scan(settings_.motif_scan() && !find_disc);
  first.run(parallel_);
  if (first.built_ != nullptr && find_disc) {
    first.inputs_.settings = settings_;
    first.inputs_.calibration.set_disc_radius_px(disc_radius_px(held, *first.built_, parallel_));
    first.patterns_.reset();
    if (settings_.motif_scan() && std::isnan(first.inputs_.calibration.disc_radius_px())) {
      first.inputs_.calibration.set_reason(
          "the radius of the convergence disc does not show in the patterns: no motif scan; give "
          "disc_radius_px");
    }
    first.run(parallel_);
  }
  install(first);
}

void SymmetryStage::install(SymmetryRebuild& done) {
  rebuilding_ = false;
  ++revision_;
  if (done.built_ != nullptr) {
    settings_ = done.inputs_.settings;
    operator_ = std::move(done.built_);
    incompatible_.clear();
    return;
  }
  fail(done.inputs_.calibration.reason());
  incompatible_validity_ = result::NOT_CALIBRATED;
  series_inputs_.calibration = done.inputs_.calibration;
}

// With everything given, the operator of the last series serves again if nothing that it is made of has
// changed.
void SymmetryStage::build(SymmetryInputs inputs) {
  if (operator_ != nullptr && same_operator(operator_->inputs(), inputs)) {
    operator_->begin_series(inputs.calibration.series_id());
    incompatible_.clear();
    ++revision_;
    return;
  }
  operator_.reset();  // its memory first
  SymmetryRebuild first;
  first.inputs_ = std::move(inputs);
  first.lanes_ = parallel_.lanes();
  first.run(parallel_);
  install(first);
}

void SymmetryStage::fail(std::string reason) {
  incompatible_ = std::move(reason);
  incompatible_validity_ = result::INCOMPATIBLE_FRAME;
  ++revision_;
}

void SymmetryStage::process(const FrameView& frame, result::Symmetry& result) {
  if (patterns_) patterns_->add(frame);
  if (!incompatible_.empty()) {
    // Absent values keep their place: shapes do not depend on what went wrong.
    const int n = settings_.orders_size();
    const auto k = static_cast<int>(settings_.radial_bins());
    for (auto* field : {result.mutable_power(), result.mutable_coefficient(), result.mutable_power_sigma(),
                        result.mutable_noise_power()}) {
      field->Resize(k * n, kNan);
    }
    result.mutable_radial_mean()->Resize(k, kNan);
    result.mutable_radial_variance()->Resize(k, kNan);
    for (auto* field :
         {result.mutable_ring_power(), result.mutable_ring_coefficient(), result.mutable_ring_sigma(),
          result.mutable_ring_floor(), result.mutable_ring_significance()}) {
      field->Resize(n, kNan);
    }
    result.mutable_ring_state()->Resize(n, result::NO_POWER);
    if (settings_.keep_correlation()) {
      result.mutable_correlation()->Resize(k * static_cast<int>(settings_.azimuthal_bins()), kNan);
    }
    result.set_center_row_shift_px(kNan);
    result.set_center_col_shift_px(kNan);
    result.set_center_shift_sigma_px(kNan);
    result.set_validity(incompatible_validity_);
    result.set_reason(incompatible_);
    return;
  }
  operator_->process(frame, result, parallel_);
}

void SymmetryStage::request_calibration() {
  const bool hopeless = !incompatible_.empty() && incompatible_validity_ == result::INCOMPATIBLE_FRAME;
  if (!configuration_.calibration().has_estimate() || pending_ || hopeless) return;
  patterns_.emplace().begin(series_inputs_.rows, series_inputs_.columns,
                            series_inputs_.calibration.offset_counts());
}

std::unique_ptr<SymmetryRebuild> SymmetryStage::rebuild() {
  if (rebuilding_ || pending_) return nullptr;
  const bool calibrate = patterns_ && patterns_->frames() >= configuration_.calibration().estimate().frames();
  if (!calibrate && !wanted_) return nullptr;
  const bool running = operator_ != nullptr && incompatible_.empty();
  if (!running && wanted_) {  // what is built next has them
    settings_ = series_inputs_.settings = *std::exchange(wanted_, std::nullopt);
    ++revision_;
  }
  if (!running && !calibrate) return nullptr;
  auto rebuild = std::make_unique<SymmetryRebuild>();
  rebuild->inputs_ = running ? operator_->inputs() : series_inputs_;
  rebuild->renewal_ = running;
  rebuild->given_ = configuration_.calibration();
  rebuild->given_mask_ = mask_.ignore;
  rebuild->lanes_ = parallel_.lanes();
  if (wanted_) rebuild->inputs_.settings = *std::exchange(wanted_, std::nullopt);
  if (calibrate) rebuild->patterns_ = std::exchange(patterns_, std::nullopt);
  rebuilding_ = true;
  return rebuild;
}

void SymmetryStage::describe(result::Setup& setup) const {
  if (operator_ != nullptr && incompatible_.empty()) {
    operator_->describe(setup);
    return;
  }
  *setup.mutable_orders() = {settings_.orders().begin(), settings_.orders().end()};
  setup.set_azimuthal_bins(settings_.azimuthal_bins());
  const auto& given = configuration_.calibration();
  *setup.mutable_calibration() =
      series_inputs_.rows > 0 ? series_inputs_.calibration : given_calibration(given);
  setup.set_center_row_px(setup.calibration().center_row_px());
  setup.set_center_col_px(setup.calibration().center_col_px());
  const double k_per_px_inv_nm = series_inputs_.rows > 0       ? series_inputs_.k_per_px_inv_nm
                                 : given.has_k_per_px_inv_nm() ? given.k_per_px_inv_nm()
                                                               : kNan;
  const double row_px =
      (settings_.r_max_px() - settings_.r_min_px()) / static_cast<double>(settings_.radial_bins());
  for (std::uint32_t row = 0; row < settings_.radial_bins(); ++row) {
    const double radius_px = settings_.r_min_px() + (row + 0.5) * row_px;
    setup.add_radius_px(radius_px);
    setup.add_k_inv_nm(radius_px * k_per_px_inv_nm);
    setup.add_in_ring(!settings_.has_ring_min_inv_nm() ||
                      (radius_px * given.k_per_px_inv_nm() >= settings_.ring_min_inv_nm() &&
                       radius_px * given.k_per_px_inv_nm() <= settings_.ring_max_inv_nm()));
  }
}

}  // namespace glasswatch
