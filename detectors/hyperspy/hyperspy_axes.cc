#include "detectors/hyperspy/hyperspy_axes.h"

#include <cmath>

#include "detectors/calendar.h"
#include "detectors/hdf5_reading.h"
#include "detectors/utf8.h"

namespace glasswatch::hyperspy {
namespace {

const std::string kTem = "metadata/Acquisition_instrument/TEM";

struct UnitName {
  const char* name;
  Calibration::Kind kind;
  double factor;
};
constexpr double kTwoPi = 6.283185307179586;
constexpr UnitName kUnits[] = {
    {"nm", Calibration::Kind::kLength, 1},
    {"m", Calibration::Kind::kLength, 1e9},
    {"um", Calibration::Kind::kLength, 1e3},
    {"\xC2\xB5m", Calibration::Kind::kLength, 1e3},
    {"\xCE\xBCm", Calibration::Kind::kLength, 1e3},
    {"pm", Calibration::Kind::kLength, 1e-3},
    {"A", Calibration::Kind::kLength, 0.1},
    {"\xC3\x85", Calibration::Kind::kLength, 0.1},
    {"1/nm", Calibration::Kind::kReciprocal, 1},
    {"nm^-1", Calibration::Kind::kReciprocal, 1},
    {"1/m", Calibration::Kind::kReciprocal, 1e-9},
    {"1/A", Calibration::Kind::kReciprocal, 10},
    {"1/\xC3\x85", Calibration::Kind::kReciprocal, 10},
    {"A^-1", Calibration::Kind::kReciprocal, 10},
    {"$A^{-1}$", Calibration::Kind::kReciprocal, 10},
    {"k_nm^-1", Calibration::Kind::kReciprocal, 1 / kTwoPi},
    {"k_A^-1", Calibration::Kind::kReciprocal, 10 / kTwoPi},
    {"s", Calibration::Kind::kTime, 1},
    {"ms", Calibration::Kind::kTime, 1e-3},
};

// Calibrations outside these cannot be of an electron microscope; a wrong one is worse than none.
constexpr double kSmallest = 1e-7;
constexpr double kLargest = 1e6;

// Opens a group given as a path of names, or nothing where a part is missing.
std::optional<H5::Group> find_group(const H5::Group& parent, const std::string& path) {
  for (std::size_t end = path.find('/');; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (!parent.nameExists(part) || parent.childObjType(part) != H5O_TYPE_GROUP) return std::nullopt;
    if (end == std::string::npos) return parent.openGroup(path);
  }
}

std::optional<double> finite_number(const std::optional<H5::Group>& group, const char* name) {
  if (!group) return std::nullopt;
  const auto value = hdf5::number_attribute(*group, name);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

}  // namespace

std::vector<Axis> read_axes(const H5::Group& experiment, std::size_t rank) {
  std::vector<Axis> axes(rank);
  for (std::size_t i = 0; i < rank; ++i) {
    const auto group = find_group(experiment, "axis-" + std::to_string(i));
    if (!group) continue;
    axes[i].scale = finite_number(group, "scale").value_or(0);
    for (const char character : hdf5::text_attribute(*group, "units").value_or("")) {
      if (character != ' ') axes[i].units += character;
    }
    if (const auto navigate = hdf5::number_attribute(*group, "navigate")) axes[i].navigate = *navigate != 0;
  }
  return axes;
}

Calibration calibration(const Axis& axis) {
  for (const UnitName& unit : kUnits) {
    if (axis.units != unit.name) continue;
    const double value = std::abs(axis.scale) * unit.factor;
    if (value < kSmallest || value > kLargest) break;
    return {unit.kind, value};
  }
  return {};
}

FileTimes read_times(const H5::Group& experiment, bool& zone_assumed) {
  FileTimes times;
  zone_assumed = false;
  const auto exposure_s = finite_number(find_group(experiment, kTem + "/Detector/Camera"), "exposure");
  if (exposure_s && *exposure_s >= 0 && *exposure_s <= 1e6) times.exposure_s = exposure_s;
  const auto general = find_group(experiment, "metadata/General");
  if (!general) return times;
  const auto date = date_fields(hdf5::text_attribute(*general, "date").value_or(""), '-');
  const auto clock = clock_ns(hdf5::text_attribute(*general, "time").value_or(""));
  const auto day = date ? day_ns(date->first, date->second, date->third) : std::nullopt;
  if (!day || !clock) return times;
  times.start_utc_ns = *day + *clock;
  // Of zones only UTC can be honoured without a zone table; a name or an abbreviation is ambiguous.
  zone_assumed = hdf5::text_attribute(*general, "time_zone").value_or("") != "UTC";
  return times;
}

void describe(const H5::Group& experiment, stream::SeriesStart& start) {
  const auto tem = find_group(experiment, kTem);
  stream::Optics& optics = *start.mutable_optics();
  if (const auto energy_kev = finite_number(tem, "beam_energy")) optics.set_high_tension_kv(*energy_kev);
  const auto camera_length_mm = finite_number(tem, "camera_length");
  if (optics.mode() == stream::DIFFRACTION && camera_length_mm)
    optics.set_camera_length_m(*camera_length_mm * 1e-3);
  const auto magnification = finite_number(tem, "magnification");
  if (optics.mode() == stream::IMAGE && magnification) optics.set_magnification(*magnification);
  const auto stage_group = find_group(experiment, kTem + "/Stage");
  stream::Stage& stage = *start.mutable_stage();
  constexpr double kUmPerMm = 1e3;
  if (const auto x_mm = finite_number(stage_group, "x")) stage.set_x_um(*x_mm * kUmPerMm);
  if (const auto y_mm = finite_number(stage_group, "y")) stage.set_y_um(*y_mm * kUmPerMm);
  if (const auto z_mm = finite_number(stage_group, "z")) stage.set_z_um(*z_mm * kUmPerMm);
  if (const auto alpha_deg = finite_number(stage_group, "tilt_alpha")) stage.set_alpha_deg(*alpha_deg);
  if (const auto beta_deg = finite_number(stage_group, "tilt_beta")) stage.set_beta_deg(*beta_deg);
  stream::Identity& identity = *start.mutable_identity();
  if (tem) identity.set_instrument(valid_utf8(hdf5::text_attribute(*tem, "microscope").value_or("")));
  if (const auto general = find_group(experiment, "metadata/General")) {
    identity.set_operator_(valid_utf8(hdf5::text_attribute(*general, "authors").value_or("")));
  }
}

}  // namespace glasswatch::hyperspy
