#include "detectors/velox_emd/velox_metadata.h"

#include <charconv>
#include <cmath>
#include <initializer_list>
#include <numbers>
#include <utility>

#include "detectors/log_table.h"
#include "detectors/recorded_series.h"

namespace glasswatch::velox {
namespace {

using nlohmann::json;

constexpr double kCetaPixelUm = 14;
constexpr double kLongestExposureS = 1e6;
constexpr std::int64_t kLatestStampUs = 9'000'000'000'000'000;

const json* find(const json& root, std::initializer_list<const char*> keys) {
  const json* node = &root;
  for (const char* key : keys) {
    if (!node->is_object()) return nullptr;
    const auto found = node->find(key);
    if (found == node->end()) return nullptr;
    node = &*found;
  }
  return node;
}

std::string text(const json* node) {
  return node != nullptr && node->is_string() ? node->get<std::string>() : std::string();
}

// Velox writes numbers as text; a number is accepted as well.
std::optional<double> number(const json* node) {
  if (node == nullptr) return std::nullopt;
  std::optional<double> value;
  if (node->is_number()) value = node->get<double>();
  if (node->is_string()) value = parse_number(trimmed(node->get_ref<const std::string&>()));
  if (!value || !std::isfinite(*value)) return std::nullopt;
  return value;
}

std::optional<std::int64_t> whole_number(const json* node) {
  if (node == nullptr) return std::nullopt;
  if (node->is_number_unsigned()) {
    const auto value = node->get<std::uint64_t>();
    return std::in_range<std::int64_t>(value) ? std::optional(static_cast<std::int64_t>(value))
                                              : std::nullopt;
  }
  if (node->is_number_integer()) return node->get<std::int64_t>();
  if (!node->is_string()) return std::nullopt;
  const auto& digits = node->get_ref<const std::string&>();
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

std::optional<double> positive(const json* node) {
  const auto value = number(node);
  return value && *value > 0 ? value : std::nullopt;
}

// "Full", "Half", "Quarter" of the sensor's width, else the corners in binned pixels.
std::string readout_area(const json& root, const json& detector, double binning) {
  const auto left = number(find(detector, {"ReadOutArea", "left"}));
  const auto right = number(find(detector, {"ReadOutArea", "right"}));
  const auto top = number(find(detector, {"ReadOutArea", "top"}));
  const auto bottom = number(find(detector, {"ReadOutArea", "bottom"}));
  if (!left || !right || !top || !bottom) return "";
  if (const auto sensor = positive(find(root, {"BinaryResult", "ImageSize", "width"}))) {
    const double part = (*right - *left) * binning / *sensor;
    if (part == 1) return "Full";
    if (part == 0.5) return "Half";
    if (part == 0.25) return "Quarter";
  }
  std::string corners;
  for (const double corner : {*left, *top, *right, *bottom}) {
    corners += (corners.empty() ? "" : ",") + std::to_string(std::llround(corner));
  }
  return corners;
}

}  // namespace

Metadata::Metadata(json root) : root_(std::move(root)) {
  detector_ = text(find(root_, {"BinaryResult", "Detector"}));
  const json* detectors = find(root_, {"Detectors"});
  if (detectors == nullptr || !detectors->is_object()) return;
  const std::string indexed = "Detector-" + text(find(root_, {"BinaryResult", "DetectorIndex"}));
  for (const auto& [key, entry] : detectors->items()) {
    const std::string name = text(find(entry, {"DetectorName"}));
    if (detector_.empty() ? key == indexed : name == detector_) {
      detector_ = name;
      detector_entry_ = entry;
      return;
    }
  }
}

std::optional<Metadata> Metadata::parse(std::span<const std::byte> column) {
  const auto* begin = reinterpret_cast<const char*>(column.data());
  const std::string_view padded(begin, column.size());
  const std::string_view json_text = padded.substr(0, padded.find('\0'));
  json root = json::parse(json_text, nullptr, false);
  if (!root.is_object()) return std::nullopt;
  return Metadata(std::move(root));
}

const json* Metadata::custom(const char* property) const {
  const std::string key = "Detectors[" + detector_ + "]." + property;
  return find(root_, {"CustomProperties", key.c_str(), "value"});
}

bool Metadata::is_camera() const {
  return text(find(detector_entry_, {"DetectorType"})) == "ImagingDetector" ||
         text(find(root_, {"BinaryResult", "AcquisitionUnit"})) == "CameraImage";
}

FrameFacts Metadata::frame_facts() const {
  FrameFacts facts;
  const auto stamp_us = whole_number(custom("TimeStamp"));
  if (stamp_us && *stamp_us > 0 && *stamp_us < kLatestStampUs) facts.stamp_utc_ns = *stamp_us * 1000;
  const auto exposure_s = number(find(detector_entry_, {"ExposureTime"}));
  if (exposure_s && *exposure_s >= 0 && *exposure_s <= kLongestExposureS) facts.exposure_s = exposure_s;
  const auto frame_id = whole_number(custom("FrameID"));
  if (frame_id && *frame_id >= 0) facts.frame_id = *frame_id;
  if (const json* transfer = custom("TransferOK")) {
    if (transfer->is_boolean()) facts.transfer_ok = transfer->get<bool>();
    const std::string word = text(transfer);
    if (word == "1" || word == "true" || word == "True") facts.transfer_ok = true;
    if (word == "0" || word == "false" || word == "False") facts.transfer_ok = false;
  }
  return facts;
}

std::optional<std::int64_t> Metadata::start_utc_ns() const {
  const auto seconds = whole_number(find(root_, {"Acquisition", "AcquisitionStartDatetime", "DateTime"}));
  if (!seconds || *seconds <= 0 || *seconds > kLatestStampUs / 1'000'000) return std::nullopt;
  return *seconds * 1'000'000'000;
}

void Metadata::describe(stream::SeriesStart& start) const {
  describe_camera(start);
  describe_optics(*start.mutable_optics());
  stream::Stage& stage = *start.mutable_stage();
  constexpr double kUmPerM = 1e6;
  constexpr double kDegPerRad = 180 / std::numbers::pi;
  if (const auto x_m = number(find(root_, {"Stage", "Position", "x"}))) stage.set_x_um(*x_m * kUmPerM);
  if (const auto y_m = number(find(root_, {"Stage", "Position", "y"}))) stage.set_y_um(*y_m * kUmPerM);
  if (const auto z_m = number(find(root_, {"Stage", "Position", "z"}))) stage.set_z_um(*z_m * kUmPerM);
  if (const auto alpha = number(find(root_, {"Stage", "AlphaTilt"})))
    stage.set_alpha_deg(*alpha * kDegPerRad);
  if (const auto beta = number(find(root_, {"Stage", "BetaTilt"}))) stage.set_beta_deg(*beta * kDegPerRad);

  stream::Identity& identity = *start.mutable_identity();
  std::string instrument = text(find(root_, {"Instrument", "InstrumentModel"}));
  const std::string id = text(find(root_, {"Instrument", "InstrumentId"}));
  if (!instrument.empty() && !id.empty()) instrument += " " + id;
  identity.set_instrument(instrument);
  identity.set_sample(text(find(root_, {"Sample"})));
  const std::string version = text(find(root_, {"Instrument", "ControlSoftwareVersion"}));
  if (!version.empty()) identity.set_software("microscope software " + version);
}

void Metadata::describe_camera(stream::SeriesStart& start) const {
  stream::Camera& camera = *start.mutable_camera();
  camera.set_name(detector_);
  const double binning = positive(find(detector_entry_, {"Binning", "width"})).value_or(1);
  camera.set_binning(binning <= 64 ? static_cast<std::uint32_t>(binning) : 1);
  camera.set_readout_area(readout_area(root_, detector_entry_, binning));
  const auto sub_frames = positive(custom("CombinedSubFrames"));
  if (sub_frames && *sub_frames < 1e6)
    camera.set_combined_sub_frames(static_cast<std::uint32_t>(*sub_frames));
  if (const auto value = number(custom("SaturationPoint"))) camera.set_saturation_point_counts(*value);
  if (const auto value = number(custom("MaxPossiblePixelValue"))) camera.set_max_pixel_value_counts(*value);
  if (detector_.find("Ceta") != std::string::npos) camera.set_sensor_pixel_um(kCetaPixelUm);
  // A pixel value times the first factor gives camera counts, those times the second electrons.
  const auto counts_per_value = positive(custom("PixelValueToCameraCounts"));
  if (const auto electrons_per_count = positive(custom("CountsToElectrons"))) {
    camera.set_counts_per_electron(1 / (counts_per_value.value_or(1) * *electrons_per_count));
    add_note(start, "CountsToElectrons " + text(custom("CountsToElectrons")) + ", PixelValueToCameraCounts " +
                        text(custom("PixelValueToCameraCounts")) + " as the file gives them.");
  }
}

void Metadata::describe_optics(stream::Optics& optics) const {
  if (const auto volts = number(find(root_, {"Optics", "AccelerationVoltage"}))) {
    optics.set_high_tension_kv(*volts * 1e-3);
  }
  if (const auto defocus_m = number(find(root_, {"Optics", "Defocus"})))
    optics.set_defocus_nm(*defocus_m * 1e9);
  const auto pixel = positive(find(root_, {"BinaryResult", "PixelSize", "width"}));
  const std::string unit = text(find(root_, {"BinaryResult", "PixelUnitX"}));
  const std::string projector = text(find(root_, {"Optics", "ProjectorMode"}));
  if (unit == "m" || (unit.empty() && projector == "2")) optics.set_mode(stream::IMAGE);
  if (unit == "1/m" || (unit.empty() && projector == "1")) optics.set_mode(stream::DIFFRACTION);
  if (pixel && unit == "m") {
    optics.set_pixel_size(*pixel * 1e9);
    optics.set_pixel_unit("nm");
  }
  if (pixel && unit == "1/m") {
    optics.set_pixel_size(*pixel * 1e-9);
    optics.set_pixel_unit("1/nm");
  }
  // Velox writes the camera length in imaging too, where it means nothing.
  if (optics.mode() != stream::IMAGE) {
    if (const auto length_m = positive(find(root_, {"Optics", "CameraLength"})))
      optics.set_camera_length_m(*length_m);
  }
  if (optics.mode() != stream::DIFFRACTION) {
    if (const auto times = positive(find(root_, {"Optics", "NominalMagnification"})))
      optics.set_magnification(*times);
  }
}

}  // namespace glasswatch::velox
