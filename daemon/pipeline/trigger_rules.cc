#include "daemon/pipeline/trigger_rules.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "protocol/types/frame.h"

namespace glasswatch {

TriggerRules::TriggerRules(const config::Configuration& configuration)
    : configuration_(configuration), runs_(static_cast<std::size_t>(configuration.trigger_size())) {}

double TriggerRules::quantity(const config::TriggerRule& rule, const result::FrameResult& frame) const {
  constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
  const auto at_order = [&](const google::protobuf::RepeatedField<double>& values) {
    const auto& orders = configuration_.symmetry().orders();
    const auto index = std::find(orders.begin(), orders.end(), rule.order()) - orders.begin();
    return index < values.size() ? values.Get(static_cast<int>(index)) : kMissing;
  };
  switch (rule.quantity()) {
    case config::RING_POWER:
      return at_order(frame.symmetry().ring_power());
    case config::RING_COEFFICIENT:
      return at_order(frame.symmetry().ring_coefficient());
    case config::MOTIF_SCORE:
      return at_order(frame.symmetry().motif_score());
    case config::MEAN_COUNTS:
      return frame.mean_counts();
    case config::TEMPERATURE_C:
      return frame.temperature().value_c();
    case config::G2_FIRST_LAG:
      return frame.ecm().g2_size() > 0 ? frame.ecm().g2(0) : kMissing;
  }
  return kMissing;
}

void TriggerRules::evaluate(const result::FrameResult& frame, std::vector<TriggerFiring>& firings) {
  if ((frame.flags() & kFlagLate) != 0) return;
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    const config::TriggerRule& rule = configuration_.trigger(static_cast<int>(i));
    Run& run = runs_[i];
    const double value = quantity(rule, frame);
    const bool counts = std::isfinite(value) &&
                        (!rule.require_temperature() || frame.temperature().validity() == result::VALID);
    if (!counts) {
      run.frames = 0;
      continue;
    }
    // How far the value is beyond the threshold, in the rule's direction.
    const double beyond =
        rule.direction() == config::BELOW ? rule.threshold() - value : value - rule.threshold();
    if (beyond < -rule.hysteresis()) run.latched = false;
    if (beyond <= 0) {
      run.frames = 0;
      continue;
    }
    if (run.frames++ == 0) run.first_sequence = frame.sequence();
    const double since_fired_s = static_cast<double>(frame.time_utc_ns() - run.fired_utc_ns) * 1e-9;
    const bool cooling = run.fired && since_fired_s >= 0 && since_fired_s < rule.cooldown_s();
    if (run.frames < rule.confirm_frames() || run.latched || cooling) continue;
    run.latched = true;
    run.fired = true;
    run.fired_utc_ns = frame.time_utc_ns();
    firings.push_back({static_cast<int>(i), run.first_sequence, value});
  }
}

void TriggerRules::interrupt() {
  for (Run& run : runs_) run.frames = 0;
}

void TriggerRules::reset() {
  runs_.assign(runs_.size(), Run{});
}

}  // namespace glasswatch
