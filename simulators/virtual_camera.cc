#include "simulators/virtual_camera.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "protocol/configuration/text.h"
#include "protocol/wire/wire.h"
#include "simulators/imaging/ring_pattern.h"

namespace glasswatch::simulation {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t kAheadNs = 250'000'000;  // an exposure that begins so soon is made at once

}  // namespace

VirtualCamera::VirtualCamera(const scenario::Scenario& scenario, const Scene& scene, RunSettings run)
    : scenario_(scenario),
      scene_(scene),
      run_(std::move(run)),
      mode_(scenario.mode()),
      busy_until_utc_ns_(run_.start_utc_ns) {
  begin(ordinary(run_.start_utc_ns), "operator");
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
  open_shutter_ahead();
  return message;
}

void VirtualCamera::finish(stream::SeriesEnd::Reason reason, const std::string& note) {
  resume_ = false;
  if (running_) end(reason, note, busy_until_utc_ns_);
}

std::string VirtualCamera::burst(std::uint64_t frames, double period_s, const std::string& reason,
                                 std::int64_t now_utc_ns) {
  if (running_ && series_.kind == Kind::kBurst) throw Refusal{"a burst is under way"};
  Series series{.kind = Kind::kBurst,
                .mode = mode_,
                .start_utc_ns = earliest(now_utc_ns),
                .period_ns = to_ns(period_s),
                .exposure_ns = to_ns(std::min(scenario_.frames().exposure_s(), 0.9 * period_s)),
                .frames = frames};
  const std::uint64_t before = running_ ? series_.taken : 0;
  interrupt_for(series, "burst: " + reason, now_utc_ns);
  return text::concatenate(
      "burst of ", frames, " frames at ", text::shortest(period_s), " s begins after ", before,
      " frames, T = ", scene_.heater.temperature_c(seconds(series_.start_utc_ns)), " °C");
}

std::string VirtualCamera::start_scan(const ScanOrder& order, const std::string& reason,
                                      std::int64_t now_utc_ns) {
  if (!scene_.renderer.has(scenario::NANOBEAM)) throw Refusal{"the scenario has no nanobeam section"};
  const auto& settings = scenario_.nanobeam();
  Series series = ordinary(earliest(now_utc_ns));
  series.kind = Kind::kScan;
  series.mode = scenario::NANOBEAM;
  series.scan.set_rows(order.rows > 0 ? order.rows : settings.scan_rows());
  series.scan.set_columns(order.columns > 0 ? order.columns : settings.scan_columns());
  series.scan.set_step_nm(order.step_nm > 0 ? order.step_nm : settings.step_nm());
  series.frames = std::uint64_t{series.scan.rows()} * series.scan.columns();
  if (order.period_s > 0) {
    series.period_ns = to_ns(order.period_s);
    series.exposure_ns = to_ns(std::min(scenario_.frames().exposure_s(), 0.9 * order.period_s));
  }
  interrupt_for(series, "scan: " + reason, now_utc_ns);
  return text::concatenate("scan of ", series.scan.rows(), " x ", series.scan.columns(), " positions begins");
}

std::string VirtualCamera::start_series(const Order& order, const std::string& reason,
                                        std::int64_t now_utc_ns) {
  const Order before = std::exchange(order_, order);
  if (order.exposure_s == 0 && order.period_s > 0) {
    order_.exposure_s = std::min(scenario_.frames().exposure_s(), 0.9 * order.period_s);
  }
  Series series = ordinary(earliest(now_utc_ns));
  if (series.exposure_ns > series.period_ns) {
    order_ = before;
    throw Refusal{"exposure_s is longer than frame_period_s"};
  }
  try {
    interrupt_for(series, reason, now_utc_ns);
  } catch (const Refusal&) {
    order_ = before;
    throw;
  }
  resume_ = false;
  return text::concatenate("series of ", order.frames, " frames begins (0 = until stopped)");
}

std::string VirtualCamera::change_mode(scenario::Mode mode, const std::string& reason,
                                       std::int64_t now_utc_ns) {
  if (!scene_.renderer.has(mode)) {
    throw Refusal{text::concatenate("the scenario has no section for mode ", scenario::Mode_Name(mode))};
  }
  const scenario::Mode before = std::exchange(mode_, mode);
  const std::uint64_t frames_before = std::exchange(order_.frames, 0);
  try {
    interrupt_for(ordinary(earliest(now_utc_ns)), reason, now_utc_ns);
  } catch (const Refusal&) {
    mode_ = before;
    order_.frames = frames_before;
    throw;
  }
  resume_ = false;
  return text::concatenate("mode is ", scenario::Mode_Name(mode));
}

std::string VirtualCamera::stop_series(const std::string& note, std::int64_t now_utc_ns) {
  if (!running_) throw Refusal{"no series is running"};
  resume_ = false;
  end(stream::SeriesEnd::STOPPED_BY_COMMAND, note, now_utc_ns);
  return "series stopped";
}

VirtualCamera::Series VirtualCamera::ordinary(std::int64_t start_utc_ns) const {
  const auto& frames = scenario_.frames();
  Series series{.mode = mode_,
                .start_utc_ns = start_utc_ns,
                .period_ns = to_ns(order_.period_s > 0 ? order_.period_s : frames.frame_period_s()),
                .exposure_ns = to_ns(order_.exposure_s > 0 ? order_.exposure_s : frames.exposure_s()),
                .frames = order_.frames};
  if (mode_ == scenario::NANOBEAM) {
    series.scan.set_rows(scenario_.nanobeam().scan_rows());
    series.scan.set_columns(scenario_.nanobeam().scan_columns());
    series.scan.set_step_nm(scenario_.nanobeam().step_nm());
    const auto positions = std::uint64_t{series.scan.rows()} * series.scan.columns();
    series.frames = series.frames > 0 ? std::min(series.frames, positions) : positions;
  }
  return series;
}

// Nothing is exposed while the operator refocuses: a series begins after the pause it would fall into, and
// lasts until the next.
void VirtualCamera::place(Series& series) const {
  for (;;) {
    // Half a nanosecond on: the end of a pause, rounded to nanoseconds, is not within it.
    const auto pause = scene_.stage.next_pause(seconds(series.start_utc_ns) + 0.5e-9);
    const std::int64_t pause_begin =
        pause ? run_.start_utc_ns + to_ns(pause->begin_s) : std::numeric_limits<std::int64_t>::max();
    series.until_utc_ns = std::min(run_.end_utc_ns, pause_begin);
    if (series.exposure_end() <= pause_begin || series.start_utc_ns > run_.end_utc_ns) return;
    series.start_utc_ns = run_.start_utc_ns + to_ns(pause->end_s);
  }
}

bool VirtualCamera::begin(Series series, const std::string& reason) {
  place(series);
  if (series.exposure_end() > series.until_utc_ns) return false;
  series.id = run_.new_series_id();
  const std::int64_t room_ns = series.until_utc_ns - series.exposure_end();
  const auto fitting = static_cast<std::uint64_t>(room_ns / series.period_ns) + 1;
  series_ = std::move(series);
  running_ = true;
  announce_start(reason, fitting);
  return true;
}

void VirtualCamera::announce_start(const std::string& reason, std::uint64_t fitting) {
  Announcement announcement{.due_utc_ns = series_.start_utc_ns, .message = {}};
  auto& header = announcement.message.header;
  header.set_schema_version(wire::kSchemaVersion);
  header.set_series_id(series_.id);
  auto& start = *header.mutable_series_start();
  start.set_name(scenario_.name());
  start.set_source_mode(stream::SIMULATOR);
  start.mutable_clock()->set_name("simulated microscope");
  start.mutable_clock()->set_kind(run_.clock);
  scene_.renderer.describe(series_.mode, start);
  if (series_.scan.rows() > 0) *start.mutable_scan() = series_.scan;
  auto& identity = *start.mutable_identity();
  identity.set_instrument("simulated microscope");
  identity.set_sample("simulated metallic glass");
  identity.set_software("glasswatch-simulate " GLASSWATCH_VERSION);
  identity.set_source(scenario_.name());
  if (!(scenario_.frames().endless() && series_.kind == Kind::kOrdinary && series_.frames == 0)) {
    start.set_expected_frames(series_.frames > 0 ? std::min(series_.frames, fitting) : fitting);
  }
  start.set_reason(reason);
  auto& timing = *start.mutable_timing();
  timing.set_stamp_reference(stream::EXPOSURE_START);
  timing.set_start_utc_ns(series_.start_utc_ns);
  timing.set_exposure_s(static_cast<double>(series_.exposure_ns) * 1e-9);
  timing.set_frame_period_s(static_cast<double>(series_.period_ns) * 1e-9);
  timing.set_dead_time_s(static_cast<double>(series_.period_ns - series_.exposure_ns) * 1e-9);
  announcements_.push_back(std::move(announcement));
}

void VirtualCamera::end(stream::SeriesEnd::Reason reason, const std::string& note, std::int64_t due_utc_ns) {
  if (scene_.renderer.busy()) scene_.renderer.finish();  // lost
  running_ = false;
  if (!announcements_.empty() && announcements_.back().message.header.has_series_start() &&
      announcements_.back().due_utc_ns > due_utc_ns) {
    announcements_.pop_back();  // it lay in the future, and nobody has heard of it
    return;
  }
  Announcement announcement{.due_utc_ns = due_utc_ns, .message = {}};
  auto& header = announcement.message.header;
  header.set_schema_version(wire::kSchemaVersion);
  header.set_series_id(series_.id);
  header.set_sequence(series_.taken);
  header.mutable_series_end()->set_reason(reason);
  header.mutable_series_end()->set_count(series_.taken);
  header.mutable_series_end()->set_note(note);
  announcements_.push_back(std::move(announcement));
}

void VirtualCamera::interrupt_for(Series series, const std::string& reason, std::int64_t now_utc_ns) {
  place(series);
  if (series.exposure_end() > series.until_utc_ns) throw Refusal{"no frame fits into the rest of the run"};
  resume_ = resume_ || (running_ && series_.kind == Kind::kOrdinary);
  if (running_) end(stream::SeriesEnd::STOPPED_BY_COMMAND, reason, now_utc_ns);
  begin(std::move(series), reason);
}

// Only just before it begins: what a command still may change is not made.
void VirtualCamera::open_shutter_ahead() {
  if (!running_ || !announcements_.empty()) return;
  if (series_.taken > 0 && series_.exposure_start() - busy_until_utc_ns_ > kAheadNs) return;
  open_shutter();
}

void VirtualCamera::heater_changed(std::int64_t now_utc_ns) {
  if (!scene_.renderer.busy() || series_.exposure_start() <= now_utc_ns) return;
  scene_.renderer.finish();
  --exposures_;
  open_shutter();
}

void VirtualCamera::open_shutter() {
  const double start_s = seconds(series_.exposure_start());
  const double end_s = seconds(series_.exposure_end());
  const double middle_s = (start_s + end_s) / 2;
  stage_ = scene_.stage.at(middle_s);
  exposure_ = {.index = exposures_++,
               .start_s = start_s,
               .end_s = end_s,
               .temperature_c = scene_.heater.temperature_c(middle_s),
               .shift_row_nm = stage_.residual_row_nm(),
               .shift_column_nm = stage_.residual_column_nm(),
               .defocus_nm = stage_.defocus_nm,
               .dose_scale = (end_s - start_s) / scenario_.frames().exposure_s()};
  if (series_.exposure_ns == to_ns(scenario_.frames().exposure_s())) exposure_.dose_scale = 1;
  if (series_.scan.columns() > 0) {
    const std::uint64_t position = series_.first + series_.taken;
    exposure_.scan_row = static_cast<std::uint32_t>(position / series_.scan.columns());
    exposure_.scan_column = static_cast<std::uint32_t>(position % series_.scan.columns());
    exposure_.probe_row_nm = series_.scan.step_nm() * (exposure_.scan_row - (series_.scan.rows() - 1) / 2.0);
    exposure_.probe_column_nm =
        series_.scan.step_nm() * (exposure_.scan_column - (series_.scan.columns() - 1) / 2.0);
  }
  if (scene_.renderer.repeats(series_.mode)) {
    // The images are those of the beginning, whatever the heater has done since.
    exposure_.temperature_c = scenario_.ramp().start_c();
  } else if (scene_.specimen != nullptr) {
    scene_.specimen->advance(middle_s, [this](double t_s) { return scene_.heater.temperature_c(t_s); });
  }
  scene_.renderer.begin(series_.mode, exposure_);
}

Message VirtualCamera::take_frame() {
  if (!scene_.renderer.busy()) open_shutter();
  const std::int64_t start = series_.exposure_start();
  const std::int64_t stop = series_.exposure_end();
  FrameTruth truth{.series_id = series_.id,
                   .sequence = series_.taken,
                   .time_utc_ns = start,
                   .mode = series_.mode,
                   .temperature_c = scene_.heater.mean_c(seconds(start), seconds(stop)),
                   .amplitude = kNan,
                   .power = kNan,
                   .burst = series_.kind == Kind::kBurst,
                   .stage = stage_};
  if (series_.mode == scenario::PATTERN) {
    truth.amplitude = RingPattern::amplitude(scenario_.pattern(), exposure_.temperature_c);
    truth.power = truth.amplitude * truth.amplitude / 4;
  }
  FrameInfo info{.series_id = series_.id,
                 .sequence = series_.taken,
                 .device_frame_id = static_cast<std::int64_t>(truth_.size()),
                 .exposure_start_utc_ns = start,
                 .exposure_end_utc_ns = stop,
                 .rows = static_cast<std::int32_t>(scenario_.frames().rows()),
                 .columns = static_cast<std::int32_t>(scenario_.frames().columns()),
                 .pixel_type = PixelType::kI2};
  if (series_.scan.rows() > 0) {
    truth.scan_row = info.scan_row = static_cast<std::int32_t>(exposure_.scan_row);
    truth.scan_column = info.scan_column = static_cast<std::int32_t>(exposure_.scan_column);
    const double middle_nm = scenario_.specimen().field_nm() / 2;
    truth.probe_row_nm = middle_nm + exposure_.probe_row_nm - exposure_.shift_row_nm;
    truth.probe_column_nm = middle_nm + exposure_.probe_column_nm - exposure_.shift_column_nm;
  }
  note_nuclei();
  truth_.push_back(truth);

  Message message;
  wire::encode_frame_info(info, message.header);
  message.header.mutable_frame()->set_transfer_ok(true);
  message.pixels = scene_.renderer.finish();
  if (run_.checksums) {
    truth_.back().checksum = static_cast<std::uint32_t>(
        ::adler32_z(::adler32_z(0, nullptr, 0), reinterpret_cast<const Bytef*>(message.pixels.data()),
                    message.pixels.size()));
  }

  busy_until_utc_ns_ = stop;
  ++series_.taken;
  after_frame();
  open_shutter_ahead();
  return message;
}

// Called for the frame that is about to be added to truth_, while the specimen is as it was in that frame's
// middle.
void VirtualCamera::note_nuclei() {
  if (scene_.specimen == nullptr) return;
  const auto nuclei = scene_.specimen->nuclei();
  const auto frame = static_cast<std::int64_t>(truth_.size());
  nucleus_frames_.resize(nuclei.size());
  for (std::size_t i = 0; i < nuclei.size(); ++i) {
    auto& seen = nucleus_frames_[i];
    seen.radius_nm = nuclei[i].radius_nm;
    if (seen.born < 0) seen.born = frame;
    for (std::size_t k = 0; k < seen.reached.size(); ++k) {
      if (seen.reached[k] < 0 && 2 * nuclei[i].radius_nm >= static_cast<double>(k + 1))
        seen.reached[k] = frame;
    }
  }
}

void VirtualCamera::after_frame() {
  const bool complete = series_.frames > 0 && series_.taken == series_.frames;
  const bool fits = series_.exposure_end() <= series_.until_utc_ns;
  if (!complete && fits) return;
  const std::int64_t next_start = series_.exposure_start();
  const Kind kind = series_.kind;
  const bool paused = !complete && series_.until_utc_ns < run_.end_utc_ns;
  const bool run_over = !complete && !paused;
  if (run_over && kind == Kind::kOrdinary && scenario_.frames().endless()) {
    running_ = false;  // and nobody is told
    return;
  }
  Series rest = series_;
  end(stream::SeriesEnd::COMPLETED, paused ? "refocusing" : "", busy_until_utc_ns_);
  if (paused) {
    rest.start_utc_ns = next_start;
    if (rest.frames > 0) rest.frames -= rest.taken;
    rest.first += rest.taken;
    rest.taken = 0;
    begin(std::move(rest), "after refocusing");
  } else if (kind != Kind::kOrdinary) {
    if (resume_) begin(ordinary(next_start), kind == Kind::kBurst ? "after the burst" : "after the scan");
    resume_ = false;
  } else if (complete && order_.frames == 0) {
    begin(ordinary(next_start), "next scan");
  }
}

}  // namespace glasswatch::simulation
