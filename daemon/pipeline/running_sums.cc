#include "daemon/pipeline/running_sums.h"

#include <algorithm>
#include <cmath>

#include "analysis/lags.h"
#include "protocol/configuration/text.h"

namespace glasswatch {
namespace {

constexpr int kBlockFrames = 16;

std::int64_t longest_lag(const config::Ecm& settings, const SumsGeometry& geometry) {
  auto longest = static_cast<std::int64_t>(settings.max_lag_s() / geometry.period_s + 1e-9);
  if (geometry.expected_frames > 0) {
    longest = std::min(longest, static_cast<std::int64_t>(geometry.expected_frames) - 1);
  }
  return longest;
}

std::vector<std::int64_t> exact_lags(const config::Ecm& settings, const SumsGeometry& geometry) {
  const std::int64_t longest = longest_lag(settings, geometry);
  if (longest < 1) return {};
  if (settings.lag_s().empty()) {
    return analysis::log_spaced_lags(static_cast<int>(settings.lags_per_decade()), longest);
  }
  std::vector<std::int64_t> lags;
  for (const double lag_s : settings.lag_s()) {
    const auto lag = static_cast<std::int64_t>(std::llround(lag_s / geometry.period_s));
    if (lag >= 1 && lag <= longest) lags.push_back(lag);
  }
  std::sort(lags.begin(), lags.end());
  lags.erase(std::unique(lags.begin(), lags.end()), lags.end());
  return lags;
}

analysis::ExactCorrelatorSettings exact_settings(const config::Ecm& settings, const SumsGeometry& geometry) {
  analysis::ExactCorrelatorSettings exact;
  exact.rows = geometry.rows;
  exact.columns = geometry.columns;
  exact.pixel_type = geometry.pixel_type;
  exact.lags_slots = exact_lags(settings, geometry);
  exact.block_frames = kBlockFrames;
  if (settings.window() == config::SLIDING) {
    exact.window_slots =
        std::max<std::int64_t>(1, std::llround(std::ceil(settings.window_s() / geometry.period_s)));
  }
  return exact;
}

analysis::MultiTauSettings multi_tau_settings(const config::Ecm& settings, const SumsGeometry& geometry) {
  analysis::MultiTauSettings multi_tau;
  multi_tau.rows = geometry.rows;
  multi_tau.columns = geometry.columns;
  multi_tau.pixel_type = geometry.pixel_type;
  multi_tau.max_lag_slots = longest_lag(settings, geometry);
  multi_tau.block_frames = kBlockFrames;
  return multi_tau;
}

}  // namespace

std::optional<std::string> RunningSums::refusal(const config::Ecm& settings, const SumsGeometry& geometry,
                                                std::size_t limit_mib) {
  const bool exact = settings.engine() == config::EXACT;
  if (longest_lag(settings, geometry) < 1 || (exact && exact_lags(settings, geometry).empty())) {
    return text::concatenate("no lag fits: ecm.max_lag_s = ", text::shortest(settings.max_lag_s()),
                             ", frame period ", text::shortest(geometry.period_s), " s, frames expected ",
                             geometry.expected_frames);
  }
  const std::size_t needed = memory_bytes(settings, geometry);
  if (needed <= limit_mib << 20) return std::nullopt;
  return text::concatenate("correlating ", geometry.rows, " x ", geometry.columns, " pixels up to ",
                           longest_lag(settings, geometry), " frames apart needs ", needed >> 20,
                           " MiB, limits.memory_mib is ", limit_mib, "; lower ecm.max_lag_s, ",
                           exact ? "choose ecm.engine: MULTI_TAU " : "", "or raise the limit");
}

std::size_t RunningSums::memory_bytes(const config::Ecm& settings, const SumsGeometry& geometry) {
  return settings.engine() == config::EXACT
             ? analysis::ExactCorrelator::memory_bytes(exact_settings(settings, geometry))
             : analysis::MultiTauCorrelator::memory_bytes(multi_tau_settings(settings, geometry));
}

RunningSums::RunningSums(const config::Ecm& settings, const SumsGeometry& geometry,
                         std::span<const std::uint8_t> mask) {
  if (settings.engine() == config::EXACT) {
    exact_ = std::make_unique<analysis::ExactCorrelator>(exact_settings(settings, geometry), mask);
  } else {
    multi_tau_ = std::make_unique<analysis::MultiTauCorrelator>(multi_tau_settings(settings, geometry), mask);
  }
  longest_lag_slots_ = static_cast<std::int64_t>(std::ceil(sums().lag_slots().back()));
}

analysis::FrameOutcome RunningSums::add(std::int64_t slot, const FrameView& frame, double weight,
                                        analysis::Parallel& parallel) {
  return exact_ ? exact_->add(slot, frame, weight, parallel) : multi_tau_->add(slot, frame, weight, parallel);
}

void RunningSums::update(analysis::Parallel& parallel) {
  exact_ ? exact_->update(parallel) : multi_tau_->update(parallel);
}

void RunningSums::reset() {
  exact_ ? exact_->reset() : multi_tau_->reset();
}

const analysis::PixelSums& RunningSums::sums() const {
  if (exact_) return *exact_;
  return *multi_tau_;
}

std::uint64_t RunningSums::frames_missing() const {
  return exact_ ? exact_->frames_missing() : multi_tau_->frames_missing();
}

}  // namespace glasswatch
