#include "analysis/kww_batch.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/check.h"

namespace glasswatch::analysis::internal {
namespace {

constexpr int kEvaluations = 60;
constexpr float kColdDamping = 3e-2f;
constexpr float kWarmDamping = 1e-5f;
constexpr float kRounding = 5e-7f;  // of g2 - 1 less its mean
constexpr float kLargest = std::numeric_limits<float>::max();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

/// All of BatchState.
constexpr std::array kMovedRows{
    &BatchState::lags,          &BatchState::log2_tau_max,  &BatchState::undecayed,
    &BatchState::contrast,      &BatchState::log2_tau,      &BatchState::beta,
    &BatchState::baseline,      &BatchState::squares,       &BatchState::slope_tau,
    &BatchState::slope_beta,    &BatchState::curve_tau,     &BatchState::curve_both,
    &BatchState::curve_beta,    &BatchState::fall_tau,      &BatchState::fall_beta,
    &BatchState::scale_tau,     &BatchState::scale_beta,    &BatchState::rise_tau,
    &BatchState::rise_beta,     &BatchState::damping,       &BatchState::growth,
    &BatchState::next_contrast, &BatchState::next_log2_tau, &BatchState::next_beta,
    &BatchState::next_baseline, &BatchState::predicted,     &BatchState::last};
static_assert(kMovedRows.size() * sizeof(BatchRow) == sizeof(BatchState));

/// A fit that can be started from.
bool stands(const BatchFits& fits, std::size_t curve) {
  const auto is_positive = [](float value) { return value > 0 && std::isfinite(value); };
  return fits.status[curve] == FitStatus::kConverged && is_positive(fits.contrast[curve]) &&
         is_positive(fits.tau_slots[curve]) && is_positive(fits.beta[curve]) &&
         std::isfinite(fits.baseline[curve]);
}

float log2_of(double value) {
  return static_cast<float>(std::log2(value));
}

}  // namespace

KwwBatch::KwwBatch(const KwwModel& model, const KwwBounds& bounds, std::size_t max_lags)
    : free_baseline_(model.free_baseline),
      parameters_(model.free_baseline ? 4 : 3),
      log2_factor_(log2_of(model.exponent_factor)),
      bounds_{log2_of(bounds.tau_min_slots), log2_of(bounds.tau_max_slots),
              static_cast<float>(bounds.beta_min), static_cast<float>(bounds.beta_max)},
      y_(max_lags * kStride),
      grid_(max_lags) {
  log2_lag_.reserve(max_lags);
}

void KwwBatch::set_lags(std::span<const double> lag_slots) {
  GLASSWATCH_CHECK(lag_slots.size() * kStride <= y_.size(), lag_slots.size(), y_.size() / kStride);
  log2_lag_.clear();
  for (const double lag : lag_slots) log2_lag_.push_back(log2_of(lag));
  grid_.set_lags(lag_slots);
}

void KwwBatch::fit(std::size_t count, LoopWidth width) {
  GLASSWATCH_CHECK(count <= kBatchCurves, count);
  std::size_t active = begin(count, width);
  for (int evaluation = 0; evaluation < kEvaluations && active > 0; ++evaluation) {
    step_lanes(curves(active), log2_lag_, survey_.gaps, free_baseline_, bounds_, width, state_, sums_);
    // From the end, so that a lane is filled from one that goes on.
    for (std::size_t lane = active; lane-- > 0;) {
      const bool refused = state_.squares[lane] == kLargest;  // the very start
      if (state_.last[lane] == 0 && !refused) continue;
      finish(lane, true);
      move_lane(--active, lane);
    }
  }
  for (std::size_t lane = 0; lane < active; ++lane) finish(lane, false);
}

CurveRows KwwBatch::curves(std::size_t count) {
  return {y_.data(), kStride, log2_lag_.size(), count};
}

/// Puts the curves that can be fitted into lanes, with the point to try first; the others get their status.
/// Returns the number of lanes.
std::size_t KwwBatch::begin(std::size_t count, LoopWidth width) {
  survey_curves(curves(count), log2_lag_, free_baseline_, width, survey_);
  std::size_t warm = 0;
  for (std::size_t i = 0; i < count; ++i) warm += stands(fits_, i) ? 1 : 0;
  if (warm < count) grid_.choose(curves(count), survey_, free_baseline_, width, starts_);
  for (std::size_t i = 0; i < count; ++i) {
    curve_[i] = static_cast<std::uint16_t>(i);
    state_.lags[i] = survey_.lags[i];
    state_.undecayed[i] = survey_.undecayed[i];
    state_.log2_tau_max[i] = std::min(bounds_.log2_tau_max, survey_.log2_longest[i] + log2_of(kLongestTau));
    state_.damping[i] = kColdDamping;
    if (stands(fits_, i)) {
      starts_.contrast[i] = fits_.contrast[i];
      starts_.log2_tau[i] = std::log2(fits_.tau_slots[i]) - log2_factor_ / fits_.beta[i];
      starts_.beta[i] = fits_.beta[i];
      starts_.baseline[i] = free_baseline_ ? fits_.baseline[i] - 1 : 0;
      state_.damping[i] = kWarmDamping;
    }
    start(i);
  }
  std::size_t active = count;
  for (std::size_t lane = count; lane-- > 0;) {
    const FitStatus status = first_look(lane);
    if (status == FitStatus::kConverged) continue;
    leave_without_values(lane, status);
    move_lane(--active, lane);
  }
  return active;
}

void KwwBatch::start(std::size_t lane) {
  state_.next_contrast[lane] = starts_.contrast[lane];
  state_.next_log2_tau[lane] =
      std::max(std::min(starts_.log2_tau[lane], state_.log2_tau_max[lane]), bounds_.log2_tau_min);
  state_.next_beta[lane] = std::clamp(starts_.beta[lane], bounds_.beta_min, bounds_.beta_max);
  state_.next_baseline[lane] = starts_.baseline[lane];
  state_.growth[lane] = 2;
  state_.squares[lane] = kLargest;
  state_.predicted[lane] = 1;
}

/// kConverged: can be fitted.
FitStatus KwwBatch::first_look(std::size_t lane) const {
  if (state_.lags[lane] == 0) return FitStatus::kNoData;
  if (state_.lags[lane] <= parameters_ || state_.log2_tau_max[lane] <= bounds_.log2_tau_min) {
    return FitStatus::kTooShort;
  }
  const float rounding = kRounding * survey_.mean[lane];
  if (state_.undecayed[lane] < rounding * rounding * state_.lags[lane]) return FitStatus::kNoContrast;
  return starts_.contrast[lane] > 0 ? FitStatus::kConverged : FitStatus::kNoContrast;
}

void KwwBatch::leave_without_values(std::size_t curve, FitStatus status) {
  fits_.contrast[curve] = fits_.tau_slots[curve] = fits_.beta[curve] = fits_.baseline[curve] = kNaN;
  fits_.status[curve] = status;
}

/// Writes down the last point chosen, or that of the least squares where the search did not end.
void KwwBatch::finish(std::size_t lane, bool converged) {
  const BatchState& s = state_;
  const std::size_t curve = curve_[lane];
  const float gained = (s.undecayed[lane] - s.squares[lane]) / 3 * (s.lags[lane] - parameters_);
  if (s.squares[lane] == kLargest || !(gained > static_cast<float>(kLeastDecay) * s.squares[lane])) {
    leave_without_values(curve, FitStatus::kNoContrast);
    return;
  }
  // The last point has not been evaluated: among nonsense its contrast may be any.
  const bool at_next = converged && s.next_contrast[lane] > 0 && s.next_contrast[lane] <= kLargest;
  const float log2_tau = at_next ? s.next_log2_tau[lane] : s.log2_tau[lane];
  const float beta = at_next ? s.next_beta[lane] : s.beta[lane];
  const bool longest = log2_tau >= s.log2_tau_max[lane];
  if (longest && s.log2_tau_max[lane] < bounds_.log2_tau_max) {
    leave_without_values(curve, FitStatus::kTooShort);
    return;
  }
  const bool at_bound =
      longest || log2_tau <= bounds_.log2_tau_min || beta <= bounds_.beta_min || beta >= bounds_.beta_max;
  fits_.contrast[curve] = at_next ? s.next_contrast[lane] : s.contrast[lane];
  fits_.tau_slots[curve] = std::exp2(log2_tau + log2_factor_ / beta);
  fits_.beta[curve] = beta;
  fits_.baseline[curve] = 1 + (!free_baseline_ ? 0 : at_next ? s.next_baseline[lane] : s.baseline[lane]);
  fits_.status[curve] = !converged ? FitStatus::kNotConverged
                        : at_bound ? FitStatus::kAtBound
                                   : FitStatus::kConverged;
}

void KwwBatch::move_lane(std::size_t from, std::size_t to) {
  if (from == to) return;
  curve_[to] = curve_[from];
  for (std::size_t k = 0; k < log2_lag_.size(); ++k) y_[k * kStride + to] = y_[k * kStride + from];
  for (const auto row : kMovedRows) (state_.*row)[to] = (state_.*row)[from];
}

}  // namespace glasswatch::analysis::internal
