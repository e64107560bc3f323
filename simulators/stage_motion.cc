#include "simulators/stage_motion.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "simulators/random.h"

namespace glasswatch::simulation {
namespace {

constexpr std::uint64_t kDirectionStream = 0x1700;
constexpr std::uint64_t kRowWaveStream = 0x1701;
constexpr std::uint64_t kColumnWaveStream = 0x1702;
constexpr double kShortestPeriodS = 120;
constexpr double kLongestPeriodS = 1200;
constexpr double kFocusDepthNm = 10;

scenario::Stage stage_at_rest() {
  scenario::Stage stage;
  stage.set_drift_nm_per_min(0);
  stage.set_drift_wander_nm(0);
  return stage;
}

}  // namespace

StageMotion::StageMotion(const scenario::Scenario& scenario)
    : stage_(scenario.has_stage() ? scenario.stage() : stage_at_rest()) {
  const double direction_rad = 2 * std::numbers::pi * Random(scenario.seed(), kDirectionStream, 0).uniform();
  const double speed_nm_per_s = stage_.drift_nm_per_min() / 60;
  velocity_nm_per_s_ = {speed_nm_per_s * std::sin(direction_rad), speed_nm_per_s * std::cos(direction_rad)};
  // One period in each of equal shares of the logarithmic range, so that fast and slow are always both there.
  const auto draw = [&](std::uint64_t stream, Waves& waves) {
    for (std::size_t i = 0; i < kWaves; ++i) {
      Random random(scenario.seed(), stream, i);
      const double share = (static_cast<double>(i) + random.uniform()) / static_cast<double>(kWaves);
      const double period_s = kShortestPeriodS * std::pow(kLongestPeriodS / kShortestPeriodS, share);
      waves.at(i) = {2 * std::numbers::pi / period_s, 2 * std::numbers::pi * random.uniform()};
    }
  };
  draw(kRowWaveStream, row_waves_);
  draw(kColumnWaveStream, column_waves_);
}

StageState StageMotion::at(double time_s) {
  const double t = std::max(time_s, 0.0);
  const Vector drift_now = drift(t);
  const Vector applied_now = applied(t);
  const double defocus_nm = stage_.defocus_drift_nm_per_min() / 60 * (t - refocusings(t) * cycle_s());
  return {.drift_row_nm = drift_now.row_nm,
          .drift_column_nm = drift_now.column_nm,
          .applied_row_nm = applied_now.row_nm,
          .applied_column_nm = applied_now.column_nm,
          .defocus_nm = defocus_nm,
          .focus_score = 1 / (1 + (defocus_nm / kFocusDepthNm) * (defocus_nm / kFocusDepthNm))};
}

StageMotion::Vector StageMotion::drift(double time_s) const {
  return {velocity_nm_per_s_.row_nm * time_s + wander_nm(row_waves_, time_s),
          velocity_nm_per_s_.column_nm * time_s + wander_nm(column_waves_, time_s)};
}

double StageMotion::wander_nm(const Waves& waves, double time_s) const {
  double sum = 0;
  for (const Wave& wave : waves) {
    sum += std::sin(wave.frequency_rad_s * time_s + wave.phase_rad) - std::sin(wave.phase_rad);
  }
  return stage_.drift_wander_nm() / std::sqrt(static_cast<double>(kWaves)) * sum;
}

StageMotion::Vector StageMotion::applied(double time_s) {
  if (stage_.correction() == 0 && stage_.recentre_nm() == 0) return {};
  const auto corrections = static_cast<std::size_t>(time_s / stage_.correction_period_s());
  while (applied_.size() <= corrections) correct_once();
  return applied_[corrections];
}

void StageMotion::correct_once() {
  const Vector drift_now = drift(static_cast<double>(applied_.size()) * stage_.correction_period_s());
  Vector applied = applied_.back();
  const Vector residual = {drift_now.row_nm - applied.row_nm, drift_now.column_nm - applied.column_nm};
  const bool recentre =
      stage_.recentre_nm() > 0 && std::hypot(residual.row_nm, residual.column_nm) > stage_.recentre_nm();
  const double share = recentre ? 1 : stage_.correction();
  applied.row_nm += share * residual.row_nm;
  applied.column_nm += share * residual.column_nm;
  applied_.push_back(applied);
}

double StageMotion::refocusings(double time_s) const {
  if (stage_.refocus_every_s() == 0) return 0;
  const double count = std::floor(std::max(time_s, 0.0) / cycle_s());
  return (count + 1) * cycle_s() <= time_s ? count + 1 : count;  // the quotient may have been rounded down
}

std::optional<Pause> StageMotion::next_pause(double time_s) const {
  if (stage_.refocus_every_s() == 0) return std::nullopt;
  const double before = refocusings(time_s);
  return Pause{.begin_s = before * cycle_s() + stage_.refocus_every_s(), .end_s = (before + 1) * cycle_s()};
}

double StageMotion::clock_offset_s(double time_s) const {
  return stage_.clock_offset_s() + 1e-6 * stage_.clock_drift_ppm() * time_s;
}

}  // namespace glasswatch::simulation
