#include "detectors/recorded/hyperspy_skeleton.h"

#include <algorithm>

#include "detectors/recorded/attributes.h"
#include "detectors/recorded/recorded_layout.h"
#include "detectors/recorded/utc_text.h"

namespace glasswatch::recorded {
namespace {

constexpr char kFileFormatVersion[] = "3.1";
constexpr char kSize[] = "size";

// Attributes that are optional in the stream are optional in the file.
template <typename Value>
void set_if(bool known, const H5::Group& group, const std::string& name, const Value& value) {
  if (!known) return;
  if constexpr (std::is_same_v<Value, std::string>) {
    set_text(group, name, value);
  } else {
    set_number<double>(group, name, value);
  }
}

void create_axis(const H5::H5File& file, const std::string& path, const PixelAxis& axis, bool navigate,
                 std::uint64_t size) {
  const H5::Group group = create_group(file, path);
  set_text(group, "_type", "UniformDataAxis");
  set_text(group, "name", axis.name);
  set_text(group, "units", axis.units);
  set_flag(group, "navigate", navigate);
  set_flag(group, "is_binned", false);
  set_number<double>(group, "scale", axis.scale);
  set_number<double>(group, "offset", 0);
  set_number(group, kSize, static_cast<std::int64_t>(size));
}

void describe_signal(const H5::H5File& file, const std::string& metadata, const stream::SeriesStart& start) {
  const H5::Group general = create_group(file, metadata + "/General");
  set_text(general, "title", start.name());
  if (const std::int64_t begun_ns = start.timing().start_utc_ns(); begun_ns != 0) {
    const UtcText begun = utc_text(begun_ns);
    set_text(general, "date", begun.date);
    set_text(general, "time", begun.time);
    set_text(general, "time_zone", "UTC");
  }
  const stream::Identity& identity = start.identity();
  set_if(!identity.operator_().empty(), general, "authors", identity.operator_());
  set_if(!identity.note().empty(), general, "notes", identity.note());
  set_text(create_group(file, metadata + "/Signal"), "signal_type", "");
  const H5::Group sample = create_group(file, metadata + "/Sample");
  set_if(!identity.sample().empty(), sample, "description", identity.sample());
}

// HyperSpy's units: keV, mm, s, degrees.
void describe_instrument(const H5::H5File& file, const std::string& metadata,
                         const stream::SeriesStart& start) {
  constexpr double kMmPerM = 1e3;
  constexpr double kMmPerUm = 1e-3;
  create_group(file, metadata + "/Acquisition_instrument");
  const std::string path = metadata + "/Acquisition_instrument/TEM";
  const H5::Group tem = create_group(file, path);
  const stream::Optics& optics = start.optics();
  set_if(!start.identity().instrument().empty(), tem, "microscope", start.identity().instrument());
  set_if(optics.high_tension_kv() > 0, tem, "beam_energy", optics.high_tension_kv());
  set_if(optics.has_camera_length_m(), tem, "camera_length", optics.camera_length_m() * kMmPerM);
  set_if(optics.has_magnification(), tem, "magnification", optics.magnification());
  create_group(file, path + "/Detector");
  const H5::Group camera = create_group(file, path + "/Detector/Camera");
  set_if(!start.camera().name().empty(), camera, "name", start.camera().name());
  set_if(start.timing().exposure_s() > 0, camera, "exposure", start.timing().exposure_s());
  const stream::Stage& stage = start.stage();
  const H5::Group group = create_group(file, path + "/Stage");
  set_if(stage.has_x_um(), group, "x", stage.x_um() * kMmPerUm);
  set_if(stage.has_y_um(), group, "y", stage.y_um() * kMmPerUm);
  set_if(stage.has_z_um(), group, "z", stage.z_um() * kMmPerUm);
  set_if(stage.has_alpha_deg(), group, "tilt_alpha", stage.alpha_deg());
  set_if(stage.has_beta_deg(), group, "tilt_beta", stage.beta_deg());
}

void describe_recording(const H5::H5File& file, const std::string& path, const recording::FileBegin& begin) {
  const H5::Group group = create_group(file, path);
  set_number<std::uint64_t>(group, "series_id", begin.series_id());
  set_number<std::uint64_t>(group, "recording_id", begin.recording_id());
  set_number<std::uint32_t>(group, "part", begin.part());
  set_number<std::uint64_t>(group, "first_frame", begin.first_frame());
  set_flag(group, "triggered", begin.triggered());
  set_text(group, "reason", begin.reason());
  set_text(group, "series_start", begin.start().DebugString());
}

}  // namespace

PixelAxis time_axis(const stream::SeriesStart& start) {
  const double period_s = start.timing().frame_period_s();
  return period_s > 0 ? PixelAxis{"time", "s", period_s} : PixelAxis{"time", "", 1};
}

PixelAxis pixel_axis(const stream::SeriesStart& start, const std::string& name) {
  const stream::Optics& optics = start.optics();
  const bool calibrated = optics.has_pixel_size() && !optics.pixel_unit().empty();
  return calibrated ? PixelAxis{name, optics.pixel_unit(), optics.pixel_size()} : PixelAxis{name, "px", 1};
}

std::string experiment_path(const stream::SeriesStart& start) {
  std::string name = start.name().empty() ? kUnnamedExperiment : start.name();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '/' || c == '\0'; }, '-');
  if (name == ".") name = "-";  // HDF5's name for the group itself
  return std::string(kExperimentsGroup) + "/" + name;
}

void create_hyperspy_experiment(const H5::H5File& file, const recording::FileBegin& begin) {
  const stream::SeriesStart& start = begin.start();
  const H5::Group root = file.openGroup("/");
  set_text(root, "file_format", "HyperSpy");
  set_text(root, "file_format_version", kFileFormatVersion);
  create_group(file, kExperimentsGroup);
  const std::string experiment = experiment_path(start);
  create_group(file, experiment);
  create_axis(file, experiment + "/axis-0", time_axis(start), true, 0);
  create_axis(file, experiment + "/axis-1", pixel_axis(start, "y"), false, start.camera().rows());
  create_axis(file, experiment + "/axis-2", pixel_axis(start, "x"), false, start.camera().columns());
  create_group(file, experiment + "/metadata");
  describe_signal(file, experiment + "/metadata", start);
  describe_instrument(file, experiment + "/metadata", start);
  create_group(file, experiment + "/learning_results");
  create_group(file, experiment + "/original_metadata");
  describe_recording(file, experiment + "/original_metadata/Glasswatch", begin);
}

void set_frames_of_axis(const H5::H5File& file, const stream::SeriesStart& start, std::uint64_t frames) {
  const auto size = static_cast<std::int64_t>(frames);
  file.openGroup(experiment_path(start) + "/axis-0")
      .openAttribute(kSize)
      .write(native_type<std::int64_t>(), &size);
}

}  // namespace glasswatch::recorded
