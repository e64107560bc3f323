#include "daemon/pipeline/ecm_stage.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <span>

#include "protocol/configuration/text.h"

namespace glasswatch {
namespace {

constexpr std::int64_t kLateSlots = 16;  // as FieldCorrelator takes late frames
constexpr double kFarthestSlot = 1e15;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

EcmStage::EcmStage(const config::Configuration& configuration, const MaskImage& mask)
    : configuration_(configuration), mask_(mask) {}

void EcmStage::begin_series(const stream::SeriesStart& start) {
  start_ = start;
  refused_.clear();
  first_.reset();
  doubtful_slot_.reset();
  newest_slot_ = 0;
  refused_frames_ = 0;
  period_s_ = 0;
  lags_.clear();
  const double period_s = start.timing().frame_period_s() > 0 ? start.timing().frame_period_s()
                                                              : configuration_.acquisition().frame_period_s();
  if (period_s > 0) {
    build(period_s);
  } else {
    correlator_.reset();
  }
}

void EcmStage::build(double period_s) {
  period_s_ = period_s;
  const int rows = static_cast<int>(start_.camera().rows());
  const int columns = static_cast<int>(start_.camera().columns());
  if (!mask_.ignore.empty() && (mask_.rows != rows || mask_.columns != columns)) {
    refused_ = text::concatenate("calibration.mask_path is ", mask_.rows, " x ", mask_.columns,
                                 ", frames are ", rows, " x ", columns);
    return;
  }
  auto max_lag = static_cast<std::int64_t>(configuration_.ecm().max_lag_s() / period_s + 1e-9);
  if (start_.expected_frames() > 0)
    max_lag = std::min(max_lag, static_cast<std::int64_t>(start_.expected_frames()) - 1);
  if (max_lag < 1) {
    refused_ = text::concatenate(
        "no lag fits: ecm.max_lag_s = ", text::shortest(configuration_.ecm().max_lag_s()), ", frame period ",
        text::shortest(period_s), " s, frames expected ", start_.expected_frames());
    return;
  }
  const std::size_t needed = analysis::FieldCorrelator::memory_bytes(rows, columns, max_lag);
  const std::size_t allowed = std::size_t{configuration_.limits().memory_mib()} << 20;
  if (needed > allowed) {
    refused_ = text::concatenate("the history of ", max_lag, " frames needs ", needed >> 20,
                                 " MiB, limits.memory_mib is ", configuration_.limits().memory_mib(),
                                 "; lower ecm.max_lag_s or raise the limit");
    return;
  }
  std::vector<std::int64_t> lags =
      analysis::log_spaced_lags(static_cast<int>(configuration_.ecm().lags_per_decade()), max_lag);
  const auto normalization = configuration_.ecm().normalization() == config::PAPER
                                 ? analysis::Normalization::kPaper
                                 : analysis::Normalization::kSymmetric;
  lags_ = lags;
  ++revision_;
  correlator_.emplace(rows, columns, mask_.ignore, std::move(lags), normalization);
}

void EcmStage::keep_first(const Frame& frame) {
  first_ = frame.info;
  const auto* bytes = static_cast<const std::byte*>(frame.view().pixels);
  first_pixels_.assign(bytes, bytes + frame.view().byte_count());
}

// Puts the frame on the grid and into the sums; false when it is left out.
bool EcmStage::add(const Frame& frame) {
  if ((frame.info.flags & kFlagTransferNotOk) != 0) return false;
  if (!first_) {
    first_ = frame.info;
    if (period_s_ == 0) {
      keep_first(frame);
      return true;  // it joins the sums with the second frame
    }
  }
  const double since_first_s = 1e-9 * (static_cast<double>(frame.info.exposure_start_utc_ns) -
                                       static_cast<double>(first_->exposure_start_utc_ns));
  if (period_s_ == 0 && frame.info.sequence > first_->sequence && since_first_s > 0) {
    build(since_first_s / static_cast<double>(frame.info.sequence - first_->sequence));
    if (correlator_)
      correlator_->add(0, {first_pixels_.data(), first_->pixel_type, first_->rows, first_->columns});
    first_pixels_.clear();
  }
  if (!correlator_) return false;
  const auto slot = std::llround(std::clamp(since_first_s / period_s_, -kFarthestSlot, kFarthestSlot));
  if (std::abs(slot - newest_slot_) > lags_.back() + kLateSlots) {
    const bool confirmed = doubtful_slot_ && std::abs(slot - *doubtful_slot_) <= lags_.back() + kLateSlots;
    doubtful_slot_ = slot;
    if (!confirmed || slot < newest_slot_) return false;
  }
  doubtful_slot_.reset();
  if (!correlator_->add(slot, frame.view())) return false;
  newest_slot_ = std::max<std::int64_t>(newest_slot_, slot);
  return true;
}

void EcmStage::process(const Frame& frame, result::Ecm& result) {
  if (refused_.empty() && !add(frame)) ++refused_frames_;
  result.set_frames_refused(refused_frames_);
  const int lags = static_cast<int>(lags_.size());
  result.mutable_g2()->Resize(lags, kNan);
  result.mutable_pairs()->Resize(lags, 0);
  if (!refused_.empty()) {
    result.set_validity(result::INCOMPATIBLE_FRAME);
    result.set_reason(refused_);
    return;
  }
  if (correlator_) {
    correlator_->g2({result.mutable_g2()->mutable_data(), lags_.size()},
                    {result.mutable_pairs()->mutable_data(), lags_.size()});
    result.set_frames_used(correlator_->frames_used());
    result.set_frames_missing(correlator_->frames_missing());
  }
  if (lags > 0 && result.pairs(0) > 0) {
    result.set_validity(result::VALID);
  } else {
    result.set_validity(result::TOO_FEW_FRAMES);
    result.mutable_reason()->assign("no pair of frames at the first lag yet");
  }
}

void EcmStage::describe(result::Setup& setup) const {
  for (const std::int64_t lag : lags_) setup.add_lag_s(static_cast<double>(lag) * period_s_);
}

}  // namespace glasswatch
