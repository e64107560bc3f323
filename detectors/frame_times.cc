#include "detectors/frame_times.h"

#include <algorithm>
#include <cmath>

#include "detectors/input_error.h"

namespace glasswatch {
namespace {

constexpr double kLongestTimeS = 1e6;
constexpr double kInt64RangeS = 9.2e9;

void check_range(const std::filesystem::path& path, const char* field, double value_s, bool zero_allowed) {
  const bool valid =
      std::isfinite(value_s) && value_s <= kLongestTimeS && (zero_allowed ? value_s >= 0 : value_s > 0);
  if (!valid) {
    throw input_error(path, "setting ", field, " is ", value_s, "; allowed: ", zero_allowed ? "0" : "above 0",
                      " to ", kLongestTimeS, " s; correct the acquisition settings");
  }
}

}  // namespace

std::int64_t to_ns(double seconds) {
  return std::llround(seconds * 1e9);
}

void check_settings(const std::filesystem::path& path, const RecordingSettings& settings) {
  if (settings.frame_period_s) check_range(path, "frame_period_s", *settings.frame_period_s, false);
  if (settings.exposure_s) check_range(path, "exposure_s", *settings.exposure_s, true);
}

void set_exposure(FrameInfo& info, std::int64_t stamp_utc_ns, double exposure_s,
                  stream::StampReference reference, std::int64_t sigma_ns) {
  const std::int64_t exposure_ns = to_ns(exposure_s);
  std::int64_t before_stamp_ns = exposure_ns;
  if (reference == stream::EXPOSURE_START) before_stamp_ns = 0;
  if (reference == stream::EXPOSURE_MIDDLE) before_stamp_ns = exposure_ns / 2;
  info.exposure_start_utc_ns = stamp_utc_ns - before_stamp_ns;
  info.exposure_end_utc_ns = info.exposure_start_utc_ns + exposure_ns;
  info.exposure_sigma_ns = sigma_ns;
}

void AssumedTimes::fill(std::uint64_t index, FrameInfo& info) const {
  info.exposure_start_utc_ns = start_utc_ns + to_ns(static_cast<double>(index) * period_s);
  info.exposure_end_utc_ns = info.exposure_start_utc_ns + to_ns(exposure_s);
  info.exposure_sigma_ns = 0;
  info.flags |= kFlagTimeAssumed;
}

void AssumedTimes::describe(stream::Timing& timing) const {
  timing.set_start_utc_ns(start_utc_ns);
  timing.set_exposure_s(exposure_s);
  timing.set_frame_period_s(period_s);
  timing.set_dead_time_s(std::max(0.0, period_s - exposure_s));
  timing.set_times_assumed(true);
}

void check_time_range(const std::filesystem::path& path, const AssumedTimes& times, std::uint64_t frames) {
  const double start_s = static_cast<double>(times.start_utc_ns) * 1e-9;
  const double length_s = static_cast<double>(frames) * times.period_s + times.exposure_s;
  if (!(std::abs(start_s) < kInt64RangeS && length_s < kInt64RangeS && start_s + length_s < kInt64RangeS)) {
    throw input_error(path, "frame times run from ", start_s, " s to ", start_s + length_s,
                      " s after 1970; allowed: within ", kInt64RangeS,
                      "; correct start_utc and frame_period_s");
  }
}

AssumedTimes assume_times(const std::filesystem::path& path, const RecordingSettings& settings,
                          const FileTimes& file, std::uint64_t frames) {
  check_settings(path, settings);
  AssumedTimes times;
  times.start_utc_ns = settings.start_utc_ns.value_or(file.start_utc_ns.value_or(0));
  times.period_s = settings.frame_period_s.value_or(file.period_s.value_or(0));
  times.exposure_s = settings.exposure_s.value_or(file.exposure_s.value_or(times.period_s));
  check_time_range(path, times, frames);
  return times;
}

}  // namespace glasswatch
