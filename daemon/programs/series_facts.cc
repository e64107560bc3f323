#include "daemon/programs/series_facts.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "protocol/configuration/text.h"
#include "protocol/wire/wire.h"

namespace glasswatch {
namespace {

using nlohmann::ordered_json;
using text::concatenate;

void add_pixels(const stream::SeriesStart& start, std::uint64_t frames, Facts& facts) {
  const stream::Camera& camera = start.camera();
  const std::string type(pixel_type_name(wire::pixel_type(camera.pixel_type())));
  std::string shape = concatenate(frames, frames == 1 ? " frame of " : " frames of ", camera.rows(), " x ",
                                  camera.columns(), " pixels, ", type);
  if (start.has_scan())
    shape += concatenate("; a scan of ", start.scan().rows(), " x ", start.scan().columns());
  facts.add("frames", shape, "frames", frames);
  facts.add("", "", "rows", camera.rows());
  facts.add("", "", "columns", camera.columns());
  facts.add("", "", "pixel_type", type);
  if (!start.has_scan()) return;
  facts.add("", "", "scan_rows", start.scan().rows());
  facts.add("", "", "scan_columns", start.scan().columns());
  if (start.scan().step_nm() > 0) {
    facts.add("scan step", number_text(start.scan().step_nm()) + " nm", "scan_step_nm",
              start.scan().step_nm());
  }
}

void add_optics(const stream::Optics& optics, Facts& facts) {
  const auto add = [&](bool known, const char* label, const char* unit, const char* key, double value) {
    if (known) facts.add(label, number_text(value) + unit, key, value);
  };
  if (optics.mode() == stream::IMAGE) facts.add_text("mode", "mode", "image");
  if (optics.mode() == stream::DIFFRACTION) facts.add_text("mode", "mode", "diffraction");
  if (optics.has_pixel_size()) {
    facts.add("pixel size", number_text(optics.pixel_size()) + " " + optics.pixel_unit(), "pixel_size",
              optics.pixel_size());
    facts.add("", "", "pixel_unit", optics.pixel_unit());
  }
  add(optics.high_tension_kv() > 0, "high tension", " kV", "high_tension_kv", optics.high_tension_kv());
  add(optics.has_camera_length_m(), "camera length", " m", "camera_length_m", optics.camera_length_m());
  add(optics.has_magnification(), "magnification", "", "magnification", optics.magnification());
  add(optics.has_defocus_nm(), "defocus", " nm", "defocus_nm", optics.defocus_nm());
}

void add_camera(const stream::Camera& camera, Facts& facts) {
  facts.add_text("camera", "camera", camera.name());
  if (camera.binning() > 1)
    facts.add("binning", std::to_string(camera.binning()), "binning", camera.binning());
  if (camera.has_counts_per_electron()) {
    facts.add("gain", number_text(camera.counts_per_electron()) + " counts per electron",
              "counts_per_electron", camera.counts_per_electron());
  }
}

void add_identity(const stream::Identity& identity, Facts& facts) {
  facts.add_text("instrument", "instrument", identity.instrument());
  facts.add_text("operator", "operator", identity.operator_());
  facts.add_text("sample", "sample", identity.sample());
  facts.add_text("software", "software", identity.software());
  facts.add_text("note", "note", identity.note());
}

// Largest and median step between neighbours in time.
struct Steps {
  double median_s = 0;
  double largest_s = 0;
};

Steps steps_of(const EnvironmentLog& log) {
  std::vector<std::int64_t> times;
  for (const auto& sample : log.samples) times.push_back(sample.time_utc_ns());
  std::ranges::sort(times);
  std::vector<std::int64_t> steps;
  for (std::size_t i = 1; i < times.size(); ++i) {
    if (times[i] > times[i - 1]) steps.push_back(times[i] - times[i - 1]);
  }
  if (steps.empty()) return {};
  const auto middle = steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2);
  std::ranges::nth_element(steps, middle);
  return {static_cast<double>(*middle) * 1e-9, static_cast<double>(*std::ranges::max_element(steps)) * 1e-9};
}

}  // namespace

void add_series(const stream::SeriesStart& start, std::uint64_t frames, Facts& facts) {
  facts.add_text("series", "series", start.name());
  add_pixels(start, frames, facts);
  add_optics(start.optics(), facts);
  add_camera(start.camera(), facts);
  if (start.timing().exposure_s() > 0) {
    facts.add("exposure", number_text(start.timing().exposure_s()) + " s", "exposure_s",
              start.timing().exposure_s());
  }
  add_identity(start.identity(), facts);
}

void add_frame_times(Recording& recording, Facts& facts) {
  const std::uint64_t frames = recording.frame_count();
  FramePool pool(1, frame_bytes(recording.start()));
  Frame frame = pool.acquire();
  recording.read(0, frame);
  const std::int64_t first_utc_ns = frame.info.exposure_start_utc_ns;
  recording.read(frames - 1, frame);
  const std::int64_t last_utc_ns = frame.info.exposure_start_utc_ns;
  const stream::Timing& timing = recording.start().timing();
  facts.add("start", utc_text(first_utc_ns), "start_utc",
            first_utc_ns == 0 ? nullptr : ordered_json(utc_text(first_utc_ns)));
  const double period_s = timing.frame_period_s();
  if (timing.times_assumed()) {
    facts.add("frame period",
              period_s > 0 ? number_text(period_s) + " s, nominal; frames have no times of their own"
                           : "not known; give acquisition { frame_period_s } or --frame-period-s",
              "frame_period_nominal_s", period_s > 0 ? ordered_json(period_s) : nullptr);
    return;
  }
  if (frames < 2) return;
  const double measured_s =
      static_cast<double>(last_utc_ns - first_utc_ns) * 1e-9 / static_cast<double>(frames - 1);
  const std::string nominal = period_s > 0 ? ", " + number_text(period_s) + " s nominal" : "";
  if (measured_s > 0) {
    facts.add(
        "frame period",
        concatenate(number_text(measured_s), " s measured, first to last of ", frames, " frames", nominal),
        "frame_period_measured_s", measured_s);
  } else {
    facts.add("frame period", "not known: the frames carry the same time" + nominal,
              "frame_period_measured_s", nullptr);
  }
  facts.add("", "", "frame_period_nominal_s", period_s > 0 ? ordered_json(period_s) : nullptr);
}

void add_log(const EnvironmentLog& log, Facts& facts) {
  facts.add_text("name", "name", log.start.name());
  facts.add("samples", std::to_string(log.samples.size()), "samples", log.samples.size());
  double low_c = std::numeric_limits<double>::infinity(), high_c = -low_c;
  std::size_t missing = 0;
  for (const stream::EnvironmentSample& sample : log.samples) {
    if (!sample.has_temperature_c() || !std::isfinite(sample.temperature_c())) {
      ++missing;
      continue;
    }
    low_c = std::min(low_c, sample.temperature_c());
    high_c = std::max(high_c, sample.temperature_c());
  }
  if (low_c <= high_c) {
    facts.add("temperature",
              concatenate(number_text(low_c), " to ", number_text(high_c), " °C",
                          missing > 0 ? concatenate("; ", missing, " samples without") : std::string()),
              "temperature_min_c", low_c);
    facts.add("", "", "temperature_max_c", high_c);
  }
  facts.add("", "", "samples_without_temperature", missing);
  if (!log.samples.empty()) {
    const auto [first, last] = std::ranges::minmax_element(
        log.samples, {}, [](const stream::EnvironmentSample& sample) { return sample.time_utc_ns(); });
    const std::string begin = utc_text(first->time_utc_ns()), end = utc_text(last->time_utc_ns());
    facts.add("time", begin + " to " + end, "start_utc", begin);
    facts.add("", "", "end_utc", end);
    const Steps steps = steps_of(log);
    facts.add(
        "sample period",
        concatenate(number_text(steps.median_s), " s median, ", number_text(steps.largest_s), " s at most"),
        "sample_period_median_s", steps.median_s);
    facts.add("", "", "sample_period_largest_s", steps.largest_s);
  }
  add_identity(log.start.identity(), facts);
  for (const std::string& remark : log.remarks) facts.add("remark", remark, "remarks", log.remarks);
}

}  // namespace glasswatch
