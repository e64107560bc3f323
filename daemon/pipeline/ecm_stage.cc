#include "daemon/pipeline/ecm_stage.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/lags.h"
#include "analysis/pooled_sums.h"
#include "daemon/pipeline/sums_view.h"
#include "protocol/configuration/text.h"
#include "protocol/wire/wire.h"

namespace glasswatch {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t kLateSlots = 16;     // as the exact correlator takes late frames
constexpr std::uint64_t kBlockFrames = 16;  // of a live camera that is ahead of the sums
// Beside sums and two-time correlation: flat field, units, fits, influences and copies of maps on their way
// out; the speckle's shape, the halves' cells and the null.
constexpr double kBytesPerPixel = 160;
constexpr double kBytesBeside = 150e6;
constexpr std::ptrdiff_t kSlotsKept = 16'384;  // the newest: more than a null looks at
constexpr std::uint64_t kShapePairs = 32;      // pairs of frames for the speckle's shape: these at once, then
constexpr std::uint64_t kShapeInterval = 32;   // one of so many

SumsGeometry geometry_of(const stream::SeriesStart& start, double period_s) {
  SumsGeometry geometry;
  geometry.rows = static_cast<int>(start.camera().rows());
  geometry.columns = static_cast<int>(start.camera().columns());
  geometry.pixel_type = wire::pixel_type(start.camera().pixel_type());
  geometry.period_s = period_s;
  geometry.expected_frames = start.expected_frames();
  return geometry;
}

analysis::TwoTime::Settings two_time_settings(const SumsGeometry& geometry) {
  analysis::TwoTime::Settings settings;
  settings.rows = geometry.rows;
  settings.columns = geometry.columns;
  return settings;
}

// Pooled sums of parts and cells, and the copies that fits make of them.
double bytes_of_parts(const analysis::PixelSums& sums, int pool_px) {
  const int cell_rows = sums.rows() / pool_px + 1, cell_columns = sums.columns() / pool_px + 1;
  const double cells = static_cast<double>(cell_rows) * cell_columns;
  constexpr double kPartsPerCell = 3, kSums = 3, kCopies = 2;
  return cells * kPartsPerCell * kSums * kCopies * sizeof(double) *
         static_cast<double>(sums.lag_slots().size());
}

double offset_of(const config::Detector& detector, const stream::Camera& camera) {
  const double offset =
      detector.has_offset_counts() ? detector.offset_counts() : camera.detector_offset_counts();
  return std::isfinite(offset) ? offset : 0;
}

}  // namespace

EcmStage::EcmStage(const config::Configuration& configuration, const MaskImage& mask,
                   const LabelImage& labels)
    : configuration_(configuration),
      settings_(configuration.ecm()),
      mask_(mask),
      labels_(labels),
      fits_(configuration.ecm(), labels) {}

void EcmStage::begin_series(std::uint64_t series_id, const stream::SeriesStart& start) {
  series_id_ = series_id;
  start_ = start;
  refused_.clear();
  memory_bytes_ = 0;
  offset_counts_ = offset_of(configuration_.detector(), start.camera());
  sums_.reset();
  shape_.reset();
  two_time_.reset();
  first_.reset();
  slots_.clear();
  interval_ = {};
  frames_used_ = frames_refused_ = fitted_frames_ = g2_frames_ = 0;
  g2_.clear();
  dynamics_.Clear();
  fits_.begin_series(series_id);
  newest_ = {};
  last_.reset();
  before_last_.reset();
  grid_.begin(start.timing().frame_period_s() > 0 ? start.timing().frame_period_s()
                                                  : configuration_.acquisition().frame_period_s());
  if (grid_.known()) build();
}

FrameView EcmStage::KeptFrame::view(const FrameView& like) const {
  return {pixels.data(), like.type, like.rows, like.columns};
}

void EcmStage::KeptFrame::keep(std::int64_t its_slot, const FrameView& frame) {
  const auto* bytes = static_cast<const std::byte*>(frame.pixels);
  pixels.assign(bytes, bytes + frame.byte_count());
  slot = its_slot;
}

void EcmStage::build() {
  const SumsGeometry geometry = geometry_of(start_, grid_.period_s());
  const auto wrong_size = [&](const auto& image, const char* field) {
    if (image.rows == 0 || (image.rows == geometry.rows && image.columns == geometry.columns)) return false;
    refused_ = text::concatenate(field, " is ", image.rows, " x ", image.columns, ", frames are ",
                                 geometry.rows, " x ", geometry.columns);
    return true;
  };
  if (wrong_size(mask_, "calibration.mask_path") || wrong_size(labels_, "ecm.label_path")) return;
  if (auto refusal = RunningSums::refusal(settings_, geometry, configuration_.limits().memory_mib())) {
    refused_ = *refusal;
    return;
  }
  if (settings_.normalize_dose() && offset_counts_ != 0) {
    refused_ = text::concatenate(
        "ecm.normalize_dose needs counts without an offset, the camera's is ", text::shortest(offset_counts_),
        " counts; switch it off, or set detector.offset_counts to 0 where it is taken off already");
    return;
  }
  memory_bytes_ = static_cast<double>(RunningSums::memory_bytes(settings_, geometry)) +
                  kBytesPerPixel * static_cast<double>(geometry.rows) * geometry.columns + kBytesBeside;
  sums_ = std::make_unique<RunningSums>(settings_, geometry, mask_.ignore);
  const double last_lag_s = settings_.has_fit_max_lag_s() ? settings_.fit_max_lag_s() : kInfinity;
  const SumsView range(sums_->sums(), settings_.fit_min_lag_s() / grid_.period_s(),
                       last_lag_s / grid_.period_s(), 0);
  if (range.lag_slots().empty()) {
    refused_ = text::concatenate(
        "no lag lies between ecm.fit_min_lag_s and fit_max_lag_s; lags go from ",
        text::shortest(grid_.period_s()), " to ",
        text::shortest(static_cast<double>(sums_->longest_lag_slots()) * grid_.period_s()), " s");
    sums_.reset();
    return;
  }
  const double pooled_bytes = bytes_of_parts(sums_->sums(), static_cast<int>(settings_.pool_px()));
  memory_bytes_ += pooled_bytes;
  const double allowed_bytes = 0.25 * configuration_.limits().memory_mib() * (1 << 20);
  if (pooled_bytes > allowed_bytes) {
    refused_ =
        text::concatenate("cells of ecm.pool_px = ", settings_.pool_px(), " need ",
                          std::llround(pooled_bytes / (1 << 20)), " MiB, a quarter of limits.memory_mib is ",
                          std::llround(allowed_bytes / (1 << 20)), "; raise ecm.pool_px or the limit");
    sums_.reset();
    return;
  }
  grid_.set_reach(sums_->longest_lag_slots() + kLateSlots);
  field_g2_.reset();
  halfway_.begin(sums_->sums());
  shape_.emplace(geometry.rows, geometry.columns, mask_.ignore);
  noise_.emplace(geometry.rows, geometry.columns, mask_.ignore);
  skewness_.emplace(geometry.rows, geometry.columns, mask_.ignore);
  if (settings_.two_time()) {
    two_time_.emplace(two_time_settings(geometry), mask_.ignore);
    memory_bytes_ += static_cast<double>(analysis::TwoTime::memory_bytes(two_time_settings(geometry)));
  }
  g2_.assign(sums_->sums().lag_slots().size(), kNan);
  slots_.reserve(2 * kSlotsKept + 1);
  ++revision_;
}

void EcmStage::keep_first(const Frame& frame, double mean_counts) {
  first_ = frame.info;
  first_mean_counts_ = mean_counts;
  const auto* bytes = static_cast<const std::byte*>(frame.view().pixels);
  first_pixels_.assign(bytes, bytes + frame.view().byte_count());
}

// Puts the frame on the grid and into the sums; false when it is left out.
bool EcmStage::take(const Frame& frame, const result::FrameResult& result, analysis::Parallel& parallel) {
  if ((frame.info.flags & kFlagTransferNotOk) != 0) return false;
  grid_.observe(frame.info);
  if (!grid_.known()) {
    if (first_) return false;
    keep_first(frame, result.mean_counts());
    return true;  // it joins the sums when the period is known
  }
  if (sums_ == nullptr) {
    build();
    if (sums_ == nullptr) return false;
    if (first_) {
      add(0, {first_pixels_.data(), first_->pixel_type, first_->rows, first_->columns}, first_mean_counts_,
          parallel);
    }
    first_pixels_ = {};
  }
  const std::optional<std::int64_t> slot = grid_.slot_of(frame.info);
  if (!slot) return false;
  close_interval_if_over(result.temperature(), parallel);
  if (!add(*slot, frame.view(), result.mean_counts(), parallel)) return false;
  follow_temperature(result.temperature());
  return true;
}

bool EcmStage::add(std::int64_t slot, const FrameView& frame, double mean_counts,
                   analysis::Parallel& parallel) {
  if (frames_used_ == 0) reference_mean_counts_ = mean_counts;
  const double dose = (mean_counts - offset_counts_) / (reference_mean_counts_ - offset_counts_);
  const bool weighted = settings_.normalize_dose() && dose > 0 && std::isfinite(dose);
  const auto outcome = sums_->add(slot, frame, weighted ? 1 / dose : 1, parallel);
  if (outcome != analysis::FrameOutcome::kUsed) return false;
  ++frames_used_;
  slots_.push_back(slot);
  if (slots_.size() > 2 * kSlotsKept) slots_.erase(slots_.begin(), slots_.end() - kSlotsKept);
  compare_with_last(slot, frame);
  if (two_time_) two_time_->add(slot, frame, parallel);
  if (settings_.window() != config::SLIDING && halfway_.due(sums_->sums().frames())) {
    sums_->update(parallel);
    halfway_.keep(SumsView(sums_->sums(), 0, kInfinity, offset_counts_), parallel);
  }
  return true;
}

// Products of neighbouring frames show the speckle without shot noise.
void EcmStage::compare_with_last(std::int64_t slot, const FrameView& frame) {
  const bool due = frames_used_ <= kShapePairs || frames_used_ % kShapeInterval == 0;
  if (due && last_.slot && slot == *last_.slot + 1) {
    const FrameView last = last_.view(frame);
    shape_->add(last, frame);
    noise_->add(last, frame);
    if (before_last_.slot && slot == *before_last_.slot + 2) {
      skewness_->add(before_last_.view(frame), last, frame);
    }
  }
  std::swap(before_last_, last_);
  last_.keep(slot, frame);
}

// Begins the sums anew when the temperature has moved on; tau of what ends is kept.
void EcmStage::close_interval_if_over(const result::Temperature& temperature, analysis::Parallel& parallel) {
  if (settings_.window() != config::TEMPERATURE_INTERVALS || temperature.validity() != result::VALID) return;
  if (interval_.frames == 0) return;
  if (std::abs(temperature.value_c() - interval_.opened_c) < settings_.interval_k()) return;
  fit(FitKind::kInterval, parallel);
  sums_->reset();
  halfway_.begin(sums_->sums());
  if (two_time_) two_time_->reset();
  slots_.clear();
  last_.reset();
  before_last_.reset();
  interval_ = {};
  std::fill(g2_.begin(), g2_.end(), kNan);
  fits_.begin_interval();
  result::Dynamics closed;  // only tau(T) outlives its interval
  *closed.mutable_tau_of_temperature() = dynamics_.tau_of_temperature();
  *closed.mutable_arrhenius() = dynamics_.arrhenius();
  dynamics_ = std::move(closed);
}

void EcmStage::follow_temperature(const result::Temperature& temperature) {
  if (temperature.validity() != result::VALID) return;
  const double now_c = temperature.value_c();
  if (interval_.frames == 0) interval_ = {now_c, now_c, 0, now_c, 0};
  interval_.low_c = std::min(interval_.low_c, now_c);
  interval_.high_c = std::max(interval_.high_c, now_c);
  interval_.sum_c += now_c;
  ++interval_.frames;
}

void EcmStage::renew_g2(analysis::Parallel& parallel) {
  sums_->update(parallel);
  const SumsView view(sums_->sums(), 0, kInfinity, offset_counts_);
  const auto normalization = settings_.normalization() == config::PAPER ? analysis::Normalization::kPaper
                                                                        : analysis::Normalization::kSymmetric;
  if (!field_g2_ || lanes_ < parallel.lanes()) {
    lanes_ = parallel.lanes();
    field_g2_.emplace(view.pixels().size(), view.lag_slots().size(), lanes_);
  }
  field_g2_->compute(view, normalization, g2_, parallel);
  g2_frames_ = frames_used_;
}

void EcmStage::process(const Frame& frame, result::FrameResult& result, analysis::Parallel& parallel) {
  if (refused_.empty() && take(frame, result, parallel)) {
    newest_ = frame.info;
  } else if (refused_.empty()) {
    ++frames_refused_;
  }
  const std::uint64_t waiting = frames_used_ - g2_frames_;
  if (sums_ != nullptr && waiting >= settings_.every_frames() && (!behind_ || waiting >= kBlockFrames)) {
    renew_g2(parallel);
  }
  write(*result.mutable_ecm());
}

void EcmStage::write(result::Ecm& result) const {
  result.set_frames_refused(frames_refused_);
  if (!refused_.empty()) {
    result.set_validity(result::INCOMPATIBLE_FRAME);
    result.set_reason(refused_);
    return;
  }
  if (sums_ != nullptr) {
    result.mutable_g2()->Assign(g2_.begin(), g2_.end());
    const auto pairs = sums_->sums().pairs();
    result.mutable_pairs()->Assign(pairs.begin(), pairs.end());
    result.set_frames_missing(sums_->frames_missing());
  }
  result.set_frames_used(sums_ != nullptr ? frames_used_ : first_ ? 1 : 0);
  result.set_g2_frames(g2_frames_);
  if (!g2_.empty() && std::isfinite(g2_.front())) {
    result.set_validity(result::VALID);
  } else {
    result.set_validity(result::TOO_FEW_FRAMES);
    result.mutable_reason()->assign("no pair of frames at the first lag yet");
  }
}

DynamicsEvidence EcmStage::evidence() {
  if (settings_.window() == config::SLIDING) {
    const auto window = static_cast<std::int64_t>(std::ceil(settings_.window_s() / grid_.period_s()));
    const std::int64_t newest = *std::max_element(slots_.begin(), slots_.end());
    std::erase_if(slots_, [&](std::int64_t slot) { return slot <= newest - window; });
  }
  DynamicsEvidence evidence;
  evidence.sums = &sums_->sums();
  evidence.shape = &*shape_;
  evidence.noise = &*noise_;
  evidence.halfway = settings_.window() == config::SLIDING ? nullptr : &halfway_;
  evidence.two_time = two_time_ ? &*two_time_ : nullptr;
  evidence.slots = slots_;
  evidence.frames_used = frames_used_;
  evidence.skewness = skewness_->skewness();
  evidence.period_s = grid_.period_s();
  evidence.offset_counts = offset_counts_;
  return evidence;
}

const result::Dynamics& EcmStage::fit(FitKind kind, analysis::Parallel& parallel) {
  dynamics_.set_series_id(series_id_);
  dynamics_.set_sequence(newest_.sequence);
  dynamics_.set_time_utc_ns(newest_.exposure_start_utc_ns);
  dynamics_.set_final(kind == FitKind::kFinal);
  dynamics_.set_memory_mib(memory_bytes_ / (1 << 20));
  dynamics_.set_frames_used(sums_ != nullptr ? sums_->sums().frames() : 0);
  dynamics_.set_temperature_c(interval_.frames > 0 ? interval_.sum_c / static_cast<double>(interval_.frames)
                                                   : kNan);
  fitted_frames_ = frames_used_;
  if (sums_ == nullptr || sums_->sums().frames() == 0) {
    dynamics_.set_validity(refused_.empty() ? result::TOO_FEW_FRAMES : result::INCOMPATIBLE_FRAME);
    dynamics_.set_reason(!refused_.empty()  ? refused_
                         : sums_ != nullptr ? "no frame yet"
                                            : "the frame period is not known yet");
    return dynamics_;
  }
  sums_->update(parallel);
  if (kind != FitKind::kRefresh && g2_frames_ < frames_used_) renew_g2(parallel);
  dynamics_.mutable_raw_g2()->Assign(g2_.begin(), g2_.end());
  dynamics_.set_frames_missing(sums_->frames_missing());
  fits_.fit(evidence(), kind, dynamics_, parallel);
  if (kind != FitKind::kRefresh && interval_.frames > 0) {
    fits_.write_tau_of_temperature({dynamics_.temperature_c(), interval_.low_c, interval_.high_c},
                                   kind == FitKind::kInterval, dynamics_);
  }
  return dynamics_;
}

void EcmStage::describe(result::Setup& setup) const {
  setup.set_ecm_refused(refused_);
  setup.set_ecm_memory_mib(memory_bytes_ / (1 << 20));
  if (sums_ == nullptr) return;
  for (const double lag : sums_->sums().lag_slots()) setup.add_lag_s(lag * grid_.period_s());
}

}  // namespace glasswatch
