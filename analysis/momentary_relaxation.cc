#include "analysis/momentary_relaxation.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include "analysis/check.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kGroupsPerDecade = 12;
constexpr double kDecayLeft = 0.15;  // of the contrast, at the longest delay, for a baseline to be known

/// Mean of C over groups of delays.
class DelayCurve {
 public:
  explicit DelayCurve(std::size_t groups) : groups_(groups) {}

  void add(std::size_t group, double delay_slots, double c) {
    groups_[group].delay_slots += delay_slots;
    groups_[group].c += c;
    ++groups_[group].pairs;
  }
  void add(const DelayCurve& other) {
    for (std::size_t group = 0; group < groups_.size(); ++group) {
      groups_[group].delay_slots += other.groups_[group].delay_slots;
      groups_[group].c += other.groups_[group].c;
      groups_[group].pairs += other.groups_[group].pairs;
    }
  }
  KwwFit fit(double baseline, const KwwModel& model, const KwwBounds& bounds) const {
    std::vector<double> delays_slots, g2;
    for (const Group& group : groups_) {
      if (group.pairs == 0) continue;
      const auto pairs = static_cast<double>(group.pairs);
      delays_slots.push_back(group.delay_slots / pairs);
      g2.push_back(group.c / pairs - (baseline - 1));
    }
    KwwFit fit = fit_kww(delays_slots, g2, model, bounds);
    fit.baseline += baseline - 1;
    return fit;
  }

 private:
  struct Group {
    double delay_slots = 0, c = 0;
    std::uint64_t pairs = 0;
  };
  std::vector<Group> groups_;
};

/// By the number of strides, from 0 on; some stay empty.
std::vector<std::size_t> groups_of_delays(std::int64_t longest_strides) {
  std::vector<std::size_t> group_of;
  for (std::int64_t strides = 0; strides <= longest_strides; ++strides) {
    const double decades = std::log10(static_cast<double>(std::max<std::int64_t>(strides, 1)));
    group_of.push_back(static_cast<std::size_t>(std::lround(kGroupsPerDecade * decades)));
  }
  return group_of;
}

/// One curve per window.
std::vector<DelayCurve> cut_into_windows(const TwoTime& two_time, int unit, TwoTimeCut cut, int windows) {
  const std::span<const std::int64_t> slots = two_time.slots();
  const std::span<const double> c = two_time.matrix(unit);
  const std::int64_t span_slots = slots.back() - slots.front();
  const std::vector<std::size_t> group_of = groups_of_delays(span_slots / two_time.stride_slots());
  std::vector<DelayCurve> curves(static_cast<std::size_t>(windows), DelayCurve(group_of.back() + 1));
  for (std::size_t i = 0; i < slots.size(); ++i) {
    for (std::size_t j = i + 1; j < slots.size(); ++j) {
      const double value = c[i * slots.size() + j];
      if (!std::isfinite(value)) continue;
      const std::int64_t delay_slots = slots[j] - slots[i];
      const double start_slots = static_cast<double>(slots[i] - slots.front());
      const double moment_slots =
          start_slots + (cut == TwoTimeCut::kMeanTime ? static_cast<double>(delay_slots) / 2 : 0);
      const auto window = static_cast<std::size_t>(moment_slots * windows / static_cast<double>(span_slots));
      curves[window].add(group_of[static_cast<std::size_t>(delay_slots / two_time.stride_slots())],
                         static_cast<double>(delay_slots), value);
    }
  }
  return curves;
}

/// The fit that gives the baseline. Its values are taken from it where the decay does not end within the
/// delays, since baseline and tau are one then.
KwwFit fit_whole(const std::vector<DelayCurve>& curves, double span_slots, const KwwModel& model,
                 const KwwBounds& bounds) {
  DelayCurve whole(curves.front());
  for (std::size_t window = 1; window < curves.size(); ++window) whole.add(curves[window]);
  const KwwModel free{model.exponent_factor, true};
  const KwwFit fit = whole.fit(1, free, bounds);
  const bool ends = kww_g2(span_slots, fit, free) - fit.baseline < kDecayLeft * fit.contrast;
  KwwFit too_short;
  too_short.status = FitStatus::kTooShort;
  return fit.usable() && !ends ? too_short : fit;
}

}  // namespace

std::vector<Momentary> momentary_relaxation(const TwoTime& two_time, int unit, TwoTimeCut cut, int windows,
                                            const KwwModel& model, const KwwBounds& bounds) {
  GLASSWATCH_CHECK(windows >= 1 && unit >= 0 && unit < two_time.units(), windows, unit, two_time.units());
  const std::span<const std::int64_t> slots = two_time.slots();
  std::vector<Momentary> moments(static_cast<std::size_t>(windows));
  if (slots.size() < 2) return moments;

  const std::vector<DelayCurve> curves = cut_into_windows(two_time, unit, cut, windows);
  const auto span_slots = static_cast<double>(slots.back() - slots.front());
  const KwwFit whole = fit_whole(curves, span_slots, model, bounds);
  for (std::size_t window = 0; window < moments.size(); ++window) {
    Momentary& moment = moments[window];
    moment.center_slot =
        static_cast<double>(slots.front()) + (static_cast<double>(window) + 0.5) * span_slots / windows;
    moment.fit.status = whole.status;
    if (whole.usable()) {
      moment.fit = curves[window].fit(whole.baseline, {model.exponent_factor, false}, bounds);
    }
  }
  return moments;
}

}  // namespace glasswatch::analysis
