#include "simulators/replay_window.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "protocol/configuration/text.h"
#include "simulators/message.h"

namespace glasswatch::simulation {
namespace {

using Recordings = std::span<Recording* const>;

// Memory of its own for every frame: the transport keeps it until every subscriber has taken the frame.
Frame read_frame(Recording& recording, std::uint64_t index) {
  Frame frame = FramePool(1, frame_bytes(recording.start())).acquire();
  recording.read(index, frame);
  return frame;
}

std::int64_t middle_utc_ns(const FrameInfo& info) {
  return info.exposure_start_utc_ns + (info.exposure_end_utc_ns - info.exposure_start_utc_ns) / 2;
}

// The first frame of all that `wanted` takes.
template <typename Wanted>
std::optional<FrameInfo> first_frame(Recordings recordings, const ReplayWindow& window,
                                     const Wanted& wanted) {
  for (Recording* recording : recordings) {
    FrameCursor cursor(*recording, window);
    while (const Frame frame = cursor.next()) {
      if (wanted(frame.info)) return frame.info;
    }
  }
  return std::nullopt;
}

double longest_exposure_s(Recordings recordings) {
  double longest_s = 0;
  for (Recording* recording : recordings) {
    longest_s = std::max(longest_s, recording->start().timing().exposure_s());
  }
  return longest_s;
}

ReplayWindow window_of_times(Recordings recordings, const ReplayLimits& limits) {
  ReplayWindow window;
  if (limits.from_utc_ns) window.begin_utc_ns = *limits.from_utc_ns;
  if (limits.to_utc_ns) window.end_utc_ns = *limits.to_utc_ns;
  if (limits.start_s <= 0 && std::isinf(limits.stop_s)) return window;
  const std::int64_t first_utc_ns = read_frame(*recordings.front(), 0).info.exposure_start_utc_ns;
  if (limits.start_s > 0) {
    window.begin_utc_ns = std::max(window.begin_utc_ns, first_utc_ns + to_ns(limits.start_s));
  }
  if (!std::isinf(limits.stop_s)) {
    window.end_utc_ns = std::min(window.end_utc_ns, first_utc_ns + to_ns(limits.stop_s));
  }
  return window;
}

// Looks for temperatures in recordings.
class Search {
 public:
  Search(Recordings recordings, const TemperatureCurve& log)
      : recordings_(recordings), log_(log), reach_ns_(to_ns(longest_exposure_s(recordings))) {}

  /// The first frame inside the window that has reached the temperature.
  FrameInfo reaching(double temperature_c, ReplayWindow window, std::string_view option) const {
    window.begin_utc_ns = std::max(window.begin_utc_ns, log_.first_utc_ns() - reach_ns_);
    window.end_utc_ns = std::min(window.end_utc_ns, log_.last_utc_ns() + 1);
    const auto first =
        first_frame(recordings_, window, [&](const FrameInfo& info) { return log_.at(middle_utc_ns(info)); });
    if (!first) {
      throw UsageError(text::concatenate(
          option, " ", temperature_c,
          ": no sample of the temperature log belongs to the frames between the other limits; give the log "
          "of "
          "this recording, and --start-utc or temperature.log_utc_offset_s where their clocks differ"));
    }
    const bool above = *log_.at(middle_utc_ns(*first)) < temperature_c;
    // No frame before the log itself is there can be it.
    const auto log_utc_ns = log_.first_beyond(first->exposure_start_utc_ns, temperature_c, above);
    if (log_utc_ns) {
      window.begin_utc_ns = std::max(window.begin_utc_ns, *log_utc_ns - reach_ns_);
      const auto found = first_frame(recordings_, window, [&](const FrameInfo& info) {
        const auto c = log_.at(middle_utc_ns(info));
        return c && (above ? *c >= temperature_c : *c <= temperature_c);
      });
      if (found) return *found;
    }
    throw UsageError(text::concatenate(option, " ", temperature_c, ": no frame between the other limits ",
                                       above ? "is as hot as that" : "is as cold as that",
                                       "; the whole log goes from ", log_.lowest_c(), " to ",
                                       log_.highest_c(), " C"));
  }

 private:
  Recordings recordings_;
  const TemperatureCurve& log_;
  std::int64_t reach_ns_;  // an exposure may begin so long before its middle, at most
};

void check(const ReplayLimits& limits, const TemperatureCurve& log) {
  if (!(limits.start_s < limits.stop_s)) {
    throw UsageError(text::concatenate("--start ", limits.start_s, " must be below --stop ", limits.stop_s));
  }
  if (limits.from_utc_ns && limits.to_utc_ns && *limits.from_utc_ns >= *limits.to_utc_ns) {
    throw UsageError("--from-utc must be before --to-utc");
  }
  if ((limits.from_temperature_c || limits.to_temperature_c) && log.empty()) {
    throw UsageError(
        "--from-temperature and --to-temperature need a temperature log; give --environment LOG, or a "
        "recording "
        "that holds the samples of its holder");
  }
}

}  // namespace

ReplayWindow find_window(Recordings recordings, const ReplayLimits& limits, const TemperatureCurve& log) {
  check(limits, log);
  ReplayWindow window = window_of_times(recordings, limits);
  const Search search(recordings, log);
  if (limits.from_temperature_c) {
    window.begin_utc_ns =
        search.reaching(*limits.from_temperature_c, window, "--from-temperature").exposure_start_utc_ns;
  }
  if (limits.to_temperature_c) {
    window.end_utc_ns =
        search.reaching(*limits.to_temperature_c, window, "--to-temperature").exposure_start_utc_ns + 1;
  }
  return window;
}

FrameCursor::FrameCursor(Recording& recording, const ReplayWindow& window)
    : recording_(&recording), window_(window), next_index_(first_place()) {}

// Where frames inside the window may begin, by halving.
std::uint64_t FrameCursor::first_place() const {
  if (window_ == ReplayWindow{} || window_.begin_utc_ns == ReplayWindow{}.begin_utc_ns) return 0;
  std::uint64_t low = 0;
  std::uint64_t high = recording_->frame_count();
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    const bool before = read_frame(*recording_, middle).info.exposure_start_utc_ns < window_.begin_utc_ns;
    (before ? low : high) = before ? middle + 1 : middle;
  }
  return low - std::min(low, kPlaces);
}

Frame FrameCursor::next() {
  while (next_index_ < recording_->frame_count() && behind_ < kPlaces) {
    Frame frame = read_frame(*recording_, next_index_++);
    const std::int64_t utc_ns = frame.info.exposure_start_utc_ns;
    behind_ = utc_ns >= window_.end_utc_ns ? behind_ + 1 : 0;
    given_ = window_.holds(utc_ns);
    if (given_) return frame;
  }
  return {};
}

}  // namespace glasswatch::simulation
