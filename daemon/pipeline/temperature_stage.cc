#include "daemon/pipeline/temperature_stage.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace glasswatch {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kSmallestClockSigmaS = 1e-6;  // no one-way measurement is better than that
constexpr std::int64_t kLargestJumpNs = 3'600'000'000'000;
constexpr std::size_t kIncoming = 65536;
constexpr std::size_t kDriftSamples = 4096;  // minutes of a holder's samples; older ones serve no frame

analysis::TemperatureTrackSettings track_settings(const config::Temperature& temperature,
                                                  double sensor_sigma_c) {
  analysis::TemperatureTrackSettings settings;
  settings.max_gap_s = temperature.max_gap_s();
  settings.min_c = temperature.min_c();
  settings.max_c = temperature.max_c();
  settings.sensor_sigma_c = sensor_sigma_c;
  return settings;
}

void invalid(result::Validity validity, const char* reason, result::Temperature& temperature) {
  temperature.set_validity(validity);
  temperature.mutable_reason()->assign(reason);  // into the memory that it has
  temperature.set_value_c(kNan);
  temperature.set_sigma_c(kNan);
  temperature.set_rate_k_per_s(kNan);
  temperature.set_smear_k(kNan);
}

}  // namespace

TemperatureStage::SourceClock::SourceClock(const config::Source& source)
    : source_(source), measured_(std::max(source.clock_sigma_s(), kSmallestClockSigmaS)) {}

void TemperatureStage::SourceClock::begin(const stream::Clock& clock) {
  if (clock.kind() != kind_) measured_.reset();
  kind_ = clock.kind();
  stamp_sigma_s_ = clock.sigma_s();
}

void TemperatureStage::SourceClock::observe(std::int64_t sent_utc_ns, std::int64_t received_utc_ns) {
  if (kind_ == stream::LIVE_CLOCK && sent_utc_ns != 0 && received_utc_ns != 0) {
    measured_.add(sent_utc_ns, received_utc_ns);
  }
}

bool TemperatureStage::SourceClock::related_to(const SourceClock& other) const {
  return kind_ == other.kind_ || (source_.has_clock_offset_s() && other.source_.has_clock_offset_s());
}

double TemperatureStage::SourceClock::offset_s() const {
  if (source_.has_clock_offset_s()) return source_.clock_offset_s();
  if (kind_ == stream::RECORDED_CLOCK) return 0;
  return kind_ == stream::LIVE_CLOCK && measured_.known() ? measured_.offset_s() : kNan;
}

double TemperatureStage::SourceClock::sigma_s() const {
  const bool measured = kind_ == stream::LIVE_CLOCK && !source_.has_clock_offset_s();
  return std::hypot(stamp_sigma_s_, measured ? measured_.sigma_s() : source_.clock_sigma_s());
}

TemperatureStage::TemperatureStage(const config::Configuration& configuration)
    : configuration_(configuration),
      camera_(configuration.camera()),
      environment_(configuration.environment()),
      track_(track_settings(configuration.temperature(), configuration.temperature().sensor_sigma_c())) {}

void TemperatureStage::begin_series(const stream::SeriesStart& start) {
  camera_.begin(start.clock());
}

void TemperatureStage::begin_environment(const stream::EnvironmentStart& start) {
  environment_.begin(start.clock());
  const double sensor_sigma_c =
      std::hypot(configuration_.temperature().sensor_sigma_c(), start.temperature_sigma_c());
  track_ = analysis::TemperatureTrack(track_settings(configuration_.temperature(), sensor_sigma_c));
  incoming_.clear();
  newest_ns_ = doubtful_ns_ = 0;
  drift_.clear();
  started_ = true;
  ended_ = false;
}

void TemperatureStage::add(const EnvironmentSampled& item) {
  const stream::EnvironmentSample& sample = item.sample;
  if (!plausible(sample.time_utc_ns())) {
    ++implausible_;
    return;
  }
  environment_.observe(item.sent_utc_ns, item.received_utc_ns);
  if (incoming_.size() == kIncoming)
    take_oldest();  // an hour without a frame: nobody will ask for the oldest ones
  incoming_.push_back(
      {sample.has_temperature_c() ? sample.temperature_c() : kNan,
       sample.has_drift_row_nm() && sample.has_drift_column_nm(),
       {sample.time_utc_ns(), sample.drift_row_nm(), sample.drift_column_nm(), sample.drift_correction()}});
}

// One broken stamp far in the future would push all good samples out of the track. A real jump comes twice.
bool TemperatureStage::plausible(std::int64_t time_ns) {
  const auto near = [&](std::int64_t other) { return std::abs(time_ns - other) <= kLargestJumpNs; };
  const bool believed = newest_ns_ == 0 || near(newest_ns_) || (doubtful_ns_ != 0 && near(doubtful_ns_));
  (believed ? newest_ns_ : doubtful_ns_) = time_ns;
  if (believed) doubtful_ns_ = 0;
  return believed;
}

void TemperatureStage::take_oldest() {
  const Reading& reading = incoming_.front();
  track_.add(reading.drift.time_ns, reading.temperature_c);
  if (reading.has_drift) {
    if (drift_.size() == kDriftSamples) drift_.pop_front();
    drift_.push_back(reading.drift);
  }
  incoming_.pop_front();
}

void TemperatureStage::observe(const FrameInfo& frame) {
  camera_.observe(frame.sent_utc_ns, frame.received_utc_ns);
}

std::int64_t TemperatureStage::on_environment_clock(std::int64_t camera_ns) const {
  const double shift_s = environment_.offset_s() - camera_.offset_s();
  return camera_ns + std::llround(shift_s * 1e9);
}

bool TemperatureStage::settled(const FrameInfo& frame) const {
  if (!started_) return false;
  if (ended_ || !camera_.related_to(environment_)) return true;
  if (!clocks_known()) return false;
  const std::int64_t end_ns = on_environment_clock(frame.exposure_end_utc_ns);
  // The newest sample is the last one unless the source reorders; then an older one settles it a little
  // later.
  return track_.covers(end_ns) || (!incoming_.empty() && incoming_.back().drift.time_ns >= end_ns);
}

bool TemperatureStage::clocks_known() const {
  return !std::isnan(environment_.offset_s()) && !std::isnan(camera_.offset_s());
}

void TemperatureStage::advance(std::int64_t end_ns) {
  while (!incoming_.empty() && !track_.covers(end_ns)) take_oldest();
}

void TemperatureStage::tag(const FrameInfo& frame, result::FrameResult& result) {
  if (clocks_known()) advance(on_environment_clock(frame.exposure_end_utc_ns));
  tag_temperature(frame, *result.mutable_temperature());
  tag_drift(frame, *result.mutable_drift());
  if (result.temperature().validity() != result::VALID) {
    result.set_flags(result.flags() | kFlagTemperatureInvalid);
  }
}

void TemperatureStage::tag_temperature(const FrameInfo& frame, result::Temperature& temperature) const {
  using analysis::TemperatureState;
  if (!started_) return invalid(result::NO_TEMPERATURE, "no environment source has started", temperature);
  if (!camera_.related_to(environment_)) {
    return invalid(
        result::CLOCKS_UNRELATED,
        "one of camera and environment runs on recorded time, the other live; declare clock_offset_s of both",
        temperature);
  }
  if (!clocks_known()) {
    return invalid(result::CLOCKS_UNRELATED, "the clock offset has not been measured yet", temperature);
  }
  const double time_sigma_s = std::hypot(camera_.sigma_s(), environment_.sigma_s(),
                                         static_cast<double>(frame.exposure_sigma_ns) * 1e-9);
  const auto over = track_.over(on_environment_clock(frame.exposure_start_utc_ns),
                                on_environment_clock(frame.exposure_end_utc_ns), time_sigma_s);
  switch (over.state) {
    case TemperatureState::kNoTemperature:
      return invalid(result::NO_TEMPERATURE, "no sample of the environment source belongs to this time",
                     temperature);
    case TemperatureState::kStale:
      return invalid(result::STALE,
                     "the samples around the exposure are further apart than temperature.max_gap_s",
                     temperature);
    case TemperatureState::kOutOfRange:
      return invalid(result::OUT_OF_RANGE, "the samples are outside temperature.min_c .. max_c", temperature);
    case TemperatureState::kNotFinite:
      return invalid(result::NOT_FINITE, "the samples are not finite", temperature);
    case TemperatureState::kValid:
      break;
  }
  temperature.set_validity(result::VALID);
  temperature.set_value_c(over.value_c);
  temperature.set_sigma_c(over.sigma_c);
  temperature.set_rate_k_per_s(over.rate_k_per_s);
  temperature.set_smear_k(over.smear_k);
}

void TemperatureStage::tag_drift(const FrameInfo& frame, result::Drift& drift) const {
  drift.set_validity(started_ ? result::STALE : result::NO_TEMPERATURE);
  drift.set_row_nm(kNan);
  drift.set_column_nm(kNan);
  if (drift_.empty() || !clocks_known()) return;
  // The last vector known at the end of the exposure; a step is not interpolated, because corrections come in
  // steps.
  const std::int64_t end_ns = on_environment_clock(frame.exposure_end_utc_ns);
  for (auto sample = drift_.rbegin(); sample != drift_.rend(); ++sample) {
    if (sample->time_ns > end_ns) continue;
    const double age_s = static_cast<double>(end_ns - sample->time_ns) * 1e-9;
    if (age_s > configuration_.temperature().max_gap_s()) return;
    drift.set_validity(result::VALID);
    drift.set_row_nm(sample->row_nm);
    drift.set_column_nm(sample->column_nm);
    drift.set_correction(sample->correction);
    return;
  }
}

}  // namespace glasswatch
