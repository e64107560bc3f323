#include "daemon/pipeline/pipeline.h"

#include <limits>
#include <utility>

#include "analysis/frame_statistics.h"
#include "protocol/configuration/configuration.h"
#include "protocol/configuration/text.h"

namespace glasswatch {
namespace {

std::string kww_convention(const config::Ecm& ecm) {
  return text::concatenate("g2(t) = ", ecm.baseline() == config::FREE ? "b" : "1", " + A exp(-",
                           ecm.kww_exponent_factor() == 2 ? "2 " : "", "(t/tau)^beta)");
}

}  // namespace

Pipeline::Pipeline(config::Configuration configuration, MaskImage mask, analysis::Parallel* parallel,
                   LabelImage labels)
    : configuration_(std::move(configuration)),
      mask_(std::move(mask)),
      labels_(std::move(labels)),
      parallel_(parallel != nullptr ? *parallel : serial_),
      temperature_(configuration_),
      rules_(configuration_) {
  write_configuration();
  if (configuration_.has_symmetry()) symmetry_.emplace(configuration_, mask_, parallel_);
  if (configuration_.has_tiles()) tiles_.emplace(configuration_, parallel_);
  if (configuration_.has_ecm()) ecm_ = std::make_unique<EcmStage>(configuration_, mask_, labels_);
}

void Pipeline::write_configuration() {
  configuration_text_ = effective_text(configuration_);
  configuration_digest_ = digest(configuration_text_);
}

void Pipeline::begin_series(const SeriesStarted& item) {
  series_ = item;
  gap_before_ = false;
  fresh_tiles_ = false;
  held_.clear();
  temperature_.begin_series(item.start);
  if (symmetry_) {
    symmetry_->begin_series(item.series_id, item.start);
    noted_revision_ = symmetry_->revision();
    scan_map_.begin_series(item.series_id, item.start, setup(), configuration_.symmetry().motif_scan());
  }
  if (tiles_) tiles_->begin_series(item.series_id, item.start);
  if (ecm_) ecm_->begin_series(item.series_id, item.start);
  rules_.interrupt();
}

void Pipeline::gap(const Gap& gap) {
  gap_before_ = gap_before_ || gap.count > 0;
  rules_.interrupt();
}

void Pipeline::take(Frame frame, const Deliver& deliver) {
  if (!symmetry_ || !symmetry_->wants_patterns()) {
    deliver(frame, process(frame));
    return;
  }
  if (gap_before_ && (frame.info.flags & kFlagLate) == 0) {
    frame.info.flags |= kFlagGapBefore;  // it is this frame's, not that of the first to be analysed
    gap_before_ = false;
  }
  held_.push_back(std::move(frame));
  if (symmetry_->enough(held_)) release(deliver);
}

void Pipeline::release(const Deliver& deliver) {
  if (held_.empty()) return;
  std::vector<Frame> held;  // not kept when something throws
  held.swap(held_);
  const bool gap_behind = std::exchange(gap_before_, false);  // the held frames carry their own
  symmetry_->calibrate(held);
  note_rows();
  for (Frame& frame : held) {
    deliver(frame, process(frame));
    frame = Frame{};  // its buffer goes back
  }
  gap_before_ = gap_before_ || gap_behind;
}

// A new operator: the map goes on with its rows.
void Pipeline::note_rows() {
  if (noted_revision_ == symmetry_->revision()) return;
  noted_revision_ = symmetry_->revision();
  scan_map_.change_rows(setup());
}

void Pipeline::request_calibration() {
  if (symmetry_) symmetry_->request_calibration();
}

void Pipeline::request_symmetry(const config::Symmetry& settings) {
  if (symmetry_) symmetry_->request(settings);
}

std::unique_ptr<SymmetryRebuild> Pipeline::rebuild() {
  if (!symmetry_) return nullptr;
  auto rebuild = symmetry_->rebuild();
  if (noted_revision_ != symmetry_->revision()) adopt_settings();  // changed without anything to build
  return rebuild;
}

void Pipeline::install(SymmetryRebuild& done) {
  symmetry_->install(done);
  adopt_settings();
}

void Pipeline::abandon_rebuild() {
  symmetry_->abandon_rebuild();
}

void Pipeline::adopt_settings() {
  *configuration_.mutable_symmetry() = symmetry_->settings();
  write_configuration();
  note_rows();
}

int Pipeline::setup_revision() const {
  return (symmetry_ ? symmetry_->revision() : 0) + (ecm_ ? ecm_->revision() : 0);
}

const result::FrameResult& Pipeline::process(const Frame& frame) {
  result_.Clear();
  firings_.clear();
  describe(frame);
  temperature_.tag(frame.info, result_);
  fresh_tiles_ = tiles_ && tiles_->process(frame);
  if (symmetry_) {
    symmetry_->process(frame.view(), *result_.mutable_symmetry());
    scan_map_.add(result_);
  }
  if (ecm_) ecm_->process(frame, result_, parallel_);
  rules_.evaluate(result_, firings_);
  return result_;
}

void Pipeline::describe(const Frame& frame) {
  const FrameInfo& info = frame.info;
  const auto& camera = series_ ? series_->start.camera() : stream::Camera::default_instance();
  const double saturation_counts = camera.has_saturation_point_counts()
                                       ? camera.saturation_point_counts()
                                       : std::numeric_limits<double>::infinity();
  const auto statistics = analysis::frame_statistics(frame.view(), saturation_counts);
  std::uint32_t flags = info.flags;
  if (statistics.saturated_pixels > 0) flags |= kFlagSaturated;
  if (statistics.non_finite_pixels > 0) flags |= kFlagNonFinite;
  if (gap_before_ && (flags & kFlagLate) == 0) {
    flags |= kFlagGapBefore;
    gap_before_ = false;
  }
  if ((flags & kFlagGapBefore) != 0) rules_.interrupt();
  result_.set_series_id(info.series_id);
  result_.set_sequence(info.sequence);
  result_.set_device_frame_id(info.device_frame_id);
  result_.set_time_utc_ns(info.exposure_start_utc_ns);
  result_.set_exposure_s(info.exposure_s());
  result_.set_received_utc_ns(info.received_utc_ns);
  result_.set_flags(flags);
  result_.set_configuration_digest(configuration_digest_);
  result_.set_scan_row(info.scan_row);
  result_.set_scan_column(info.scan_column);
  result_.set_mean_counts(statistics.mean_counts);
  result_.set_saturated_pixels(statistics.saturated_pixels);
  result_.set_non_finite_pixels(statistics.non_finite_pixels);
}

std::unique_ptr<EcmStage> Pipeline::release_dynamics() {
  if (!ecm_) return nullptr;
  return std::exchange(ecm_, std::make_unique<EcmStage>(configuration_, mask_, labels_));
}

void Pipeline::set_behind(bool behind) {
  if (ecm_) ecm_->set_behind(behind);
}

result::Setup Pipeline::setup() const {
  result::Setup setup;
  setup.set_configuration_text(configuration_text_);
  setup.set_configuration_digest(configuration_digest_);
  setup.set_program_version(GLASSWATCH_VERSION);
  if (symmetry_) symmetry_->describe(setup);
  setup.set_keeps_correlation(configuration_.symmetry().keep_correlation());
  setup.set_kww_convention(kww_convention(configuration_.ecm()));
  if (ecm_) ecm_->describe(setup);
  if (tiles_) setup.set_tiles_refused(tiles_->refused());
  return setup;
}

void Pipeline::reset() {
  if (symmetry_ && series_ && symmetry_->failed()) {  // else calibration and map are as good as new
    symmetry_->begin_series(series_->series_id, series_->start);
    noted_revision_ = symmetry_->revision();
    scan_map_.begin_series(series_->series_id, series_->start, setup(),
                           configuration_.symmetry().motif_scan());
  }
  if (ecm_ && series_) ecm_->begin_series(series_->series_id, series_->start);
  rules_.reset();
  gap_before_ = false;
}

}  // namespace glasswatch
