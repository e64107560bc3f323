#include "simulators/virtual_camera.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "protocol/configuration/text.h"
#include "protocol/wire/wire.h"

namespace glasswatch::simulation {
namespace {

constexpr std::uint64_t kPixelStream = 1;  // of the random numbers; the holder uses another
constexpr double kCountsLimit = 32767;     // int16

stream::SeriesStart describe(const scenario::Scenario& scenario, stream::ClockKind clock) {
  stream::SeriesStart start;
  start.set_name(scenario.name());
  start.set_source_mode(stream::SIMULATOR);
  start.mutable_clock()->set_name("simulated microscope");
  start.mutable_clock()->set_kind(clock);
  auto& camera = *start.mutable_camera();
  camera.set_name("BM-Ceta");
  camera.set_rows(scenario.frames().rows());
  camera.set_columns(scenario.frames().columns());
  camera.set_pixel_type(stream::I2);
  camera.set_binning(1);
  camera.set_readout_area("Full");
  camera.set_saturation_point_counts(kCountsLimit);
  camera.set_max_pixel_value_counts(kCountsLimit);
  camera.set_counts_per_electron(scenario.frames().counts_per_electron());
  camera.set_sensor_pixel_um(14);
  auto& optics = *start.mutable_optics();
  optics.set_mode(stream::DIFFRACTION);
  optics.set_high_tension_kv(300);
  optics.set_pixel_size(scenario.pattern().k_per_px_inv_nm());
  optics.set_pixel_unit("1/nm");
  start.mutable_timing()->set_stamp_reference(stream::EXPOSURE_START);
  auto& identity = *start.mutable_identity();
  identity.set_instrument("simulated microscope");
  identity.set_sample("simulated metallic glass");
  identity.set_software("glasswatch-simulate " GLASSWATCH_VERSION);
  identity.set_source(scenario.name());
  return start;
}

}  // namespace

VirtualCamera::VirtualCamera(const scenario::Scenario& scenario, const Heater& heater, RunSettings run)
    : scenario_(scenario),
      heater_(heater),
      run_(std::move(run)),
      pattern_(scenario.pattern(), scenario.frames()),
      busy_until_utc_ns_(run_.start_utc_ns) {
  begin(run_.start_utc_ns, scenario.frames().frame_period_s(), scenario.frames().exposure_s(), 0, "operator");
}

std::optional<std::int64_t> VirtualCamera::due_utc_ns() {
  if (!announcements_.empty()) return announcements_.front().due_utc_ns;
  if (running_) return series_.exposure_end();
  return std::nullopt;
}

Message VirtualCamera::take() {
  if (announcements_.empty()) return take_frame();
  Message message = std::move(announcements_.front().message);
  announcements_.pop_front();
  return message;
}

void VirtualCamera::finish(stream::SeriesEnd::Reason reason, const std::string& note) {
  resume_ = false;
  if (running_) end(reason, note, busy_until_utc_ns_);
}

std::string VirtualCamera::burst(std::uint64_t frames, double period_s, const std::string& reason,
                                 std::int64_t now_utc_ns) {
  const std::int64_t start = std::max(now_utc_ns, busy_until_utc_ns_);
  const double exposure_s = std::min(scenario_.frames().exposure_s(), 0.9 * period_s);
  if (bursting() || start + to_ns(exposure_s) > run_.end_utc_ns) return {};
  resume_ = running_;
  const std::uint64_t before = running_ ? series_.taken : 0;
  if (running_) end(stream::SeriesEnd::STOPPED_BY_COMMAND, "burst: " + reason, now_utc_ns);
  begin(start, period_s, exposure_s, frames, "burst: " + reason);
  return text::concatenate("burst of ", frames, " frames at ", text::shortest(period_s), " s begins after ",
                           before, " frames, T = ", heater_.temperature_c(seconds(start)), " °C");
}

bool VirtualCamera::stop_series(const std::string& note, std::int64_t now_utc_ns) {
  if (!running_) return false;
  resume_ = false;
  end(stream::SeriesEnd::STOPPED_BY_COMMAND, note, now_utc_ns);
  return true;
}

bool VirtualCamera::begin(std::int64_t start_utc_ns, double period_s, double exposure_s, std::uint64_t frames,
                          const std::string& reason) {
  Series next{.id = run_.new_series_id(),
              .start_utc_ns = start_utc_ns,
              .period_ns = to_ns(period_s),
              .exposure_ns = to_ns(exposure_s),
              .frames = frames,
              .burst = frames > 0};
  if (next.exposure_end() > run_.end_utc_ns) return false;
  const std::int64_t room_ns = run_.end_utc_ns - next.exposure_end();
  const auto fitting = static_cast<std::uint64_t>(room_ns / next.period_ns) + 1;
  series_ = next;
  running_ = true;

  Announcement announcement{.due_utc_ns = start_utc_ns, .message = {}};
  auto& header = announcement.message.header;
  header.set_schema_version(wire::kSchemaVersion);
  header.set_series_id(series_.id);
  auto& start = *header.mutable_series_start();
  start = describe(scenario_, run_.clock);
  start.set_expected_frames(frames > 0 ? std::min(frames, fitting) : fitting);
  start.set_reason(reason);
  auto& timing = *start.mutable_timing();
  timing.set_start_utc_ns(start_utc_ns);
  timing.set_exposure_s(exposure_s);
  timing.set_frame_period_s(period_s);
  timing.set_dead_time_s(period_s - exposure_s);
  announcements_.push_back(std::move(announcement));
  return true;
}

void VirtualCamera::end(stream::SeriesEnd::Reason reason, const std::string& note, std::int64_t due_utc_ns) {
  Announcement announcement{.due_utc_ns = due_utc_ns, .message = {}};
  auto& header = announcement.message.header;
  header.set_schema_version(wire::kSchemaVersion);
  header.set_series_id(series_.id);
  header.set_sequence(series_.taken);
  header.mutable_series_end()->set_reason(reason);
  header.mutable_series_end()->set_count(series_.taken);
  header.mutable_series_end()->set_note(note);
  announcements_.push_back(std::move(announcement));
  running_ = false;
}

Message VirtualCamera::take_frame() {
  const std::int64_t start = series_.exposure_start();
  const std::int64_t stop = series_.exposure_end();
  const double amplitude = pattern_.amplitude(heater_.temperature_c((seconds(start) + seconds(stop)) / 2));
  truth_.push_back({.series_id = series_.id,
                    .sequence = series_.taken,
                    .time_utc_ns = start,
                    .temperature_c = heater_.mean_c(seconds(start), seconds(stop)),
                    .amplitude = amplitude,
                    .power = amplitude * amplitude / 4,
                    .burst = series_.burst});

  Message message;
  wire::encode_frame_info({.series_id = series_.id,
                           .sequence = series_.taken,
                           .device_frame_id = static_cast<std::int64_t>(truth_.size()) - 1,
                           .exposure_start_utc_ns = start,
                           .exposure_end_utc_ns = stop,
                           .rows = static_cast<std::int32_t>(scenario_.frames().rows()),
                           .columns = static_cast<std::int32_t>(scenario_.frames().columns()),
                           .pixel_type = PixelType::kI2},
                          message.header);
  message.header.mutable_frame()->set_transfer_ok(true);
  std::vector<std::int16_t> counts(pattern_.pixel_count());
  Random random(scenario_.seed(), kPixelStream, truth_.size() - 1);
  const double dose_scale = static_cast<double>(stop - start) * 1e-9 / scenario_.frames().exposure_s();
  pattern_.draw(amplitude, dose_scale, random, counts);
  message.pixels.resize(counts.size() * sizeof(std::int16_t));
  std::memcpy(message.pixels.data(), counts.data(), message.pixels.size());

  busy_until_utc_ns_ = stop;
  ++series_.taken;
  after_frame();
  return message;
}

void VirtualCamera::after_frame() {
  const bool complete = series_.frames > 0 && series_.taken == series_.frames;
  if (!complete && series_.exposure_end() <= run_.end_utc_ns) return;
  const std::int64_t next_start = series_.exposure_start();
  end(stream::SeriesEnd::COMPLETED, "", busy_until_utc_ns_);
  if (complete && resume_) {
    begin(next_start, scenario_.frames().frame_period_s(), scenario_.frames().exposure_s(), 0,
          "after the burst");
  }
}

}  // namespace glasswatch::simulation
