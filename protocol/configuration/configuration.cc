#include "protocol/configuration/configuration.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "protocol/configuration/text.h"
#include "protocol/schema/options.pb.h"

namespace glasswatch {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::TextFormat;

// Faults of one file, one line each, with the place they stand.
class Faults {
 public:
  explicit Faults(std::string name) : name_(std::move(name)) {}

  void add(TextFormat::ParseLocation location, const std::string& what) {
    lines_ += lines_.empty() ? "" : "\n";
    lines_ += name_;
    // The parser counts from 0; -1 stands for a field that is not in the file.
    if (location.line >= 0) lines_ += text::concatenate(":", location.line + 1, ":", location.column + 1);
    lines_ += ": " + what;
  }
  void throw_if_any() const {
    if (!lines_.empty()) throw ConfigurationError(lines_);
  }

 private:
  std::string name_;
  std::string lines_;
};

class ParserErrors : public google::protobuf::io::ErrorCollector {
 public:
  explicit ParserErrors(Faults& faults) : faults_(faults) {}
  void AddError(int line, int column, const std::string& message) override {
    faults_.add({line, column}, message + " (the schema in protocol/schema lists all fields)");
  }

 private:
  Faults& faults_;
};

std::string range_text(const config::Allowed& allowed) {
  const std::string low = allowed.has_min() ? text::shortest(allowed.min()) : "-inf";
  const std::string high = allowed.has_max() ? text::shortest(allowed.max()) : "inf";
  return text::concatenate(allowed.open_min() || !allowed.has_min() ? "(" : "[", low, ", ", high,
                           allowed.open_max() || !allowed.has_max() ? ")" : "]");
}

bool inside(double value, const config::Allowed& allowed) {
  if (!std::isfinite(value)) return false;
  if (allowed.has_min() && (value < allowed.min() || (allowed.open_min() && value == allowed.min())))
    return false;
  return !allowed.has_max() || (value <= allowed.max() && !(allowed.open_max() && value == allowed.max()));
}

// The value of a numeric field as double; nullopt for texts, booleans, enumerations and messages.
std::optional<double> numeric_value(const Message& message, const FieldDescriptor& field, int index) {
  const auto& reflection = *message.GetReflection();
  const auto pick = [&](auto single, auto repeated) -> double {
    return static_cast<double>(field.is_repeated() ? (reflection.*repeated)(message, &field, index)
                                                   : (reflection.*single)(message, &field));
  };
  using Reflection = google::protobuf::Reflection;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return pick(&Reflection::GetDouble, &Reflection::GetRepeatedDouble);
    case FieldDescriptor::CPPTYPE_UINT32:
      return pick(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32);
    case FieldDescriptor::CPPTYPE_UINT64:
      return pick(&Reflection::GetUInt64, &Reflection::GetRepeatedUInt64);
    default:
      return std::nullopt;
  }
}

// Walks every field and checks it against its (allowed) option. `tree` knows where each field stands in the
// file.
void check_ranges(const Message& message, const TextFormat::ParseInfoTree* tree, const std::string& prefix,
                  Faults& faults) {
  const Descriptor& descriptor = *message.GetDescriptor();
  const auto& reflection = *message.GetReflection();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const FieldDescriptor& field = *descriptor.field(i);
    const auto& allowed = field.options().GetExtension(config::allowed);
    const std::string name = prefix + field.name();
    const int count = field.is_repeated() ? reflection.FieldSize(message, &field)
                                          : static_cast<int>(reflection.HasField(message, &field));
    if (count == 0 && allowed.required()) {
      faults.add({}, name + " is required" + (allowed.has_remedy() ? "; " + allowed.remedy() : ""));
    }
    for (int index = 0; index < count; ++index) {
      const int position = field.is_repeated() ? index : -1;
      const std::string element = field.is_repeated() ? text::concatenate(name, "[", index, "]") : name;
      if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        const Message& child = field.is_repeated() ? reflection.GetRepeatedMessage(message, &field, index)
                                                   : reflection.GetMessage(message, &field);
        const auto* subtree = tree == nullptr ? nullptr : tree->GetTreeForNested(&field, position);
        check_ranges(child, subtree, element + ".", faults);
        continue;
      }
      const std::optional<double> value = numeric_value(message, field, index);
      if (!value || inside(*value, allowed)) continue;
      const auto location =
          tree == nullptr ? TextFormat::ParseLocation() : tree->GetLocation(&field, position);
      faults.add(location, text::concatenate(element, " = ", text::shortest(*value),
                                             " is not allowed: ", range_text(allowed),
                                             allowed.has_remedy() ? "; " + allowed.remedy() : ""));
    }
  }
}

// The rules that join several fields.
void check_consistency(const config::Configuration& configuration, Faults& faults) {
  const auto fault = [&](const std::string& what) { faults.add({}, what); };
  if (configuration.has_acquisition()) {
    const auto& acquisition = configuration.acquisition();
    if (acquisition.has_exposure_s() && acquisition.has_frame_period_s() &&
        acquisition.exposure_s() > acquisition.frame_period_s()) {
      fault(text::concatenate(
          "acquisition.exposure_s = ", text::shortest(acquisition.exposure_s()),
          " is longer than frame_period_s = ", text::shortest(acquisition.frame_period_s())));
    }
    if (acquisition.has_start_utc() && !parse_utc(acquisition.start_utc())) {
      fault("acquisition.start_utc = \"" + acquisition.start_utc() +
            "\" is no time; write \"2023-05-12T09:00:00Z\"");
    }
  }
  if (const auto& calibration = configuration.calibration();
      configuration.has_calibration() &&
      (calibration.has_center_row_px() != calibration.has_center_col_px() ||
       !(calibration.has_center_row_px() || calibration.has_estimate()))) {
    fault("calibration needs both center_row_px and center_col_px, or neither and estimate { }");
  }
  if (configuration.has_symmetry()) {
    const auto& symmetry = configuration.symmetry();
    if (!configuration.has_calibration()) {
      fault("symmetry needs a calibration section: center_row_px and center_col_px, or estimate { }");
    }
    if (symmetry.motif_scan() && !configuration.calibration().has_disc_radius_px() &&
        !configuration.calibration().has_estimate()) {
      fault("symmetry.motif_scan needs calibration.disc_radius_px or calibration.estimate { }");
    }
    if (symmetry.has_r_min_px() && symmetry.has_r_max_px() && symmetry.r_min_px() >= symmetry.r_max_px()) {
      fault(text::concatenate("symmetry.r_min_px = ", text::shortest(symmetry.r_min_px()),
                              " must be below r_max_px = ", text::shortest(symmetry.r_max_px())));
    }
    for (const auto order : symmetry.orders()) {
      if (2 * order > symmetry.azimuthal_bins()) {
        fault(text::concatenate("symmetry.orders: ", order, " needs at least ", 2 * order,
                                " azimuthal_bins, there are ", symmetry.azimuthal_bins()));
      }
    }
    const bool ring = symmetry.has_ring_min_inv_nm() || symmetry.has_ring_max_inv_nm();
    if (ring && !(symmetry.has_ring_min_inv_nm() && symmetry.has_ring_max_inv_nm() &&
                  symmetry.ring_min_inv_nm() < symmetry.ring_max_inv_nm())) {
      fault("symmetry.ring_min_inv_nm and ring_max_inv_nm must both be set, the first below the second");
    }
    if (ring && !configuration.calibration().has_k_per_px_inv_nm()) {
      fault("symmetry.ring_*_inv_nm need calibration.k_per_px_inv_nm");
    }
  }
  const auto& estimate = configuration.calibration().estimate();
  if (estimate.has_r_min_px() != estimate.has_r_max_px() ||
      (estimate.has_r_max_px() && estimate.r_min_px() >= estimate.r_max_px())) {
    fault("calibration.estimate.r_min_px and r_max_px must both be set, the first below the second");
  }
  if (configuration.has_tiles()) {
    const auto& tiles = configuration.tiles();
    if (tiles.tile_px() % 2 != 0) {
      fault(text::concatenate("tiles.tile_px = ", tiles.tile_px(), " must be even"));
    }
    if (tiles.k_min_inv_nm() >= tiles.k_max_inv_nm()) {
      fault("tiles.k_min_inv_nm must be below k_max_inv_nm");
    }
    for (const auto order : tiles.orders()) {
      if (2 * order > tiles.azimuthal_bins()) {
        fault(text::concatenate("tiles.orders: ", order, " needs at least ", 2 * order,
                                " azimuthal_bins, there are ", tiles.azimuthal_bins()));
      }
    }
  }
  if (configuration.has_ecm()) {
    const auto& ecm = configuration.ecm();
    if (ecm.engine() == config::MULTI_TAU && !ecm.lag_s().empty()) {
      fault("ecm.lag_s needs engine: EXACT; MULTI_TAU has its own lags");
    }
    if (ecm.engine() == config::MULTI_TAU && ecm.window() == config::SLIDING) {
      fault("ecm.window: SLIDING needs engine: EXACT");
    }
    if (!std::is_sorted(ecm.lag_s().begin(), ecm.lag_s().end())) fault("ecm.lag_s must be ascending");
    if (ecm.has_fit_max_lag_s() && ecm.fit_min_lag_s() >= ecm.fit_max_lag_s()) {
      fault("ecm.fit_min_lag_s must be below fit_max_lag_s");
    }
  }
  if (configuration.temperature().min_c() >= configuration.temperature().max_c()) {
    fault("temperature.min_c must be below temperature.max_c");
  }
  for (const auto& rule : configuration.trigger()) {
    if (rule.start_series().has_frame_period_s() &&
        rule.start_series().exposure_s() > rule.start_series().frame_period_s()) {
      fault("trigger \"" + rule.name() + "\": start_series.exposure_s is longer than its frame_period_s");
    }
    const bool needs_order = rule.quantity() == config::RING_POWER ||
                             rule.quantity() == config::RING_COEFFICIENT ||
                             rule.quantity() == config::MOTIF_SCORE;
    const auto& orders = configuration.symmetry().orders();
    if (needs_order && !configuration.has_symmetry()) {
      fault("trigger \"" + rule.name() + "\": its quantity needs a symmetry section");
    } else if (needs_order && std::find(orders.begin(), orders.end(), rule.order()) == orders.end()) {
      fault(text::concatenate("trigger \"", rule.name(), "\": order ", rule.order(),
                              " is not among symmetry.orders"));
    }
    if (rule.quantity() == config::MOTIF_SCORE && !configuration.symmetry().motif_scan()) {
      fault("trigger \"" + rule.name() + "\": MOTIF_SCORE needs symmetry.motif_scan");
    }
    if (rule.quantity() == config::G2_FIRST_LAG && !configuration.has_ecm()) {
      fault("trigger \"" + rule.name() + "\": G2_FIRST_LAG needs an ecm section");
    }
    if (!std::isfinite(rule.threshold())) fault("trigger \"" + rule.name() + "\": threshold must be finite");
    if (rule.action_case() != config::TriggerRule::ACTION_NOT_SET && !configuration.has_microscope()) {
      fault("trigger \"" + rule.name() + "\": its action needs a microscope section (control socket)");
    }
  }
}

// Orders default to 2 .. 12; a list has no default in the schema.
void fill_lists(config::Configuration& configuration) {
  const auto fill = [](auto& orders) {
    for (std::uint32_t order = 2; order <= 12; ++order) orders.Add(order);
  };
  if (configuration.has_symmetry() && configuration.symmetry().orders().empty()) {
    fill(*configuration.mutable_symmetry()->mutable_orders());
  }
  if (configuration.has_tiles() && configuration.tiles().orders().empty()) {
    fill(*configuration.mutable_tiles()->mutable_orders());
  }
}

template <typename Schema>
Schema parse(std::string_view source, Faults& faults) {
  Schema message;
  TextFormat::ParseInfoTree tree;
  ParserErrors errors(faults);
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  parser.WriteLocationsTo(&tree);
  parser.ParseFromString(std::string(source), &message);
  faults.throw_if_any();
  check_ranges(message, &tree, "", faults);
  return message;
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  if (!file || std::filesystem::is_directory(path) || !(content << file.rdbuf())) {
    throw ConfigurationError(path.string() + ": cannot be read; check the name and the permissions");
  }
  return content.str();
}

// Writes every default of the sections present into the message, so that the text shows what is in force.
void write_defaults(Message& message) {
  const auto& reflection = *message.GetReflection();
  const Descriptor& descriptor = *message.GetDescriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const FieldDescriptor& field = *descriptor.field(i);
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (field.is_repeated()) {
        for (int k = 0; k < reflection.FieldSize(message, &field); ++k) {
          write_defaults(*reflection.MutableRepeatedMessage(&message, &field, k));
        }
      } else if (reflection.HasField(message, &field)) {
        write_defaults(*reflection.MutableMessage(&message, &field));
      }
      continue;
    }
    if (field.is_repeated() || !field.has_default_value() || reflection.HasField(message, &field)) continue;
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_DOUBLE:
        reflection.SetDouble(&message, &field, field.default_value_double());
        break;
      case FieldDescriptor::CPPTYPE_UINT32:
        reflection.SetUInt32(&message, &field, field.default_value_uint32());
        break;
      case FieldDescriptor::CPPTYPE_UINT64:
        reflection.SetUInt64(&message, &field, field.default_value_uint64());
        break;
      case FieldDescriptor::CPPTYPE_BOOL:
        reflection.SetBool(&message, &field, field.default_value_bool());
        break;
      case FieldDescriptor::CPPTYPE_ENUM:
        reflection.SetEnum(&message, &field, field.default_value_enum());
        break;
      case FieldDescriptor::CPPTYPE_STRING:
        reflection.SetString(&message, &field, field.default_value_string());
        break;
      default:
        break;
    }
  }
}

void check_mode(const scenario::Scenario& scenario, Faults& faults) {
  const std::array<std::pair<scenario::Mode, bool>, 6> sections = {
      {{scenario::PATTERN, scenario.has_pattern()},
       {scenario::HRTEM, scenario.has_hrtem()},
       {scenario::DARK_FIELD, scenario.has_dark_field()},
       {scenario::NANOBEAM, scenario.has_nanobeam()},
       {scenario::SELECTED_AREA, scenario.has_selected_area()},
       {scenario::HAADF, scenario.has_haadf()}}};
  for (const auto& [mode, present] : sections) {
    std::string section = scenario::Mode_Name(mode);
    std::transform(section.begin(), section.end(), section.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (mode == scenario.mode() && !present) {
      faults.add({}, "mode = " + scenario::Mode_Name(mode) + " needs a section " + section + " { }");
    }
    if (mode != scenario::PATTERN && present && !scenario.has_specimen()) {
      faults.add({}, section + " needs a section specimen { }");
    }
  }
}

void check_faults(const scenario::Scenario& scenario, Faults& faults) {
  for (int i = 0; i < scenario.fault_size(); ++i) {
    const auto& fault = scenario.fault(i);
    const std::string element = text::concatenate("fault[", i, "]");
    if (fault.sequence_size() == 0 && fault.at_s_size() == 0 && fault.rate() == 0) {
      faults.add({}, element + " never happens; set sequence, at_s or rate");
    }
    for (const double at_s : fault.at_s()) {
      if (at_s < 0 || at_s > 1e8) {
        faults.add({},
                   text::concatenate(element, ".at_s = ", text::shortest(at_s), " is not allowed: [0, 1e8]"));
      }
    }
    const bool of_temperatures = fault.kind() == scenario::Fault::NAN_TEMPERATURE ||
                                 fault.kind() == scenario::Fault::FROZEN_TEMPERATURE;
    if (of_temperatures && fault.stream() != scenario::Fault::ENVIRONMENT) {
      faults.add({}, element + ": frames carry no temperature; set stream: ENVIRONMENT");
    }
  }
}

// What repeats cannot follow a specimen that changes.
void check_loop(const scenario::Scenario& scenario, Faults& faults) {
  const auto& frames = scenario.frames();
  if (frames.prepared_loop() == 0) return;
  const std::string field = text::concatenate("frames.prepared_loop = ", frames.prepared_loop());
  if (scenario.mode() == scenario::NANOBEAM) {
    faults.add({}, field + ": a scan shows another place in every frame; leave it out in mode NANOBEAM");
  }
  if (scenario.has_stage() || scenario.specimen().has_crystallization()) {
    faults.add({}, field +
                       ": repeated images neither drift nor crystallize; leave out the sections stage and "
                       "crystallization");
  }
  constexpr double kMostBytes = 4e9;
  if (4.0 * frames.prepared_loop() * frames.rows() * frames.columns() > kMostBytes) {
    faults.add({}, field + ": the images would take more than 4 GB; make fewer or smaller ones");
  }
}

// The rules that join several fields of a scenario.
void check_consistency(const scenario::Scenario& scenario, Faults& faults) {
  const auto require = [&](bool fine, const std::string& what) {
    if (!fine) faults.add({}, what);
  };
  const auto& frames = scenario.frames();
  const auto& specimen = scenario.specimen();
  check_mode(scenario, faults);
  check_faults(scenario, faults);
  require(frames.exposure_s() <= frames.frame_period_s(),
          "frames.exposure_s is longer than frames.frame_period_s");
  require(scenario.ramp().sample_jitter_s() < scenario.ramp().sample_period_s(),
          "ramp.sample_jitter_s must be below ramp.sample_period_s");
  require(scenario.pattern().onset_c() < scenario.pattern().full_c(),
          "pattern.onset_c must be below pattern.full_c");
  require(specimen.column_nm() <= specimen.field_nm(),
          "specimen.column_nm is larger than specimen.field_nm; make the field at least one column wide");
  require(specimen.channel_nm() < specimen.column_nm(),
          "specimen.channel_nm must be below specimen.column_nm; 0 = no channels");
  if (specimen.has_crystallization()) {
    const auto& law = specimen.crystallization();
    require(law.b2_cuzr() + law.cu10zr7() > 0,
            "specimen.crystallization: b2_cuzr and cu10zr7 are both 0; nuclei in cores need one of them");
  }
  const auto binning = scenario.detector().binning();
  require(binning == 1 || binning == 2 || binning == 4 || binning == 8,
          text::concatenate("detector.binning = ", binning, " is not allowed: 1, 2, 4, 8"));
  const auto sensor = 4096 / std::max(binning, 1u);
  require(frames.rows() <= sensor && frames.columns() <= sensor,
          text::concatenate("frames of ", frames.rows(), " x ", frames.columns(),
                            " px are larger than the sensor, ", sensor, " x ", sensor,
                            " px at detector.binning = ", binning));
  check_loop(scenario, faults);
  const auto& beam = scenario.nanobeam();
  const double reach_px =
      frames.rows() + frames.columns() + std::abs(beam.center_row_px()) + std::abs(beam.center_col_px());
  require(
      !scenario.has_nanobeam() || reach_px * beam.k_per_px_inv_nm() * beam.probe_nm() <= 500,
      "nanobeam: k_per_px_inv_nm x probe_nm x frame size is too large to compute; make one of them smaller");
  const auto& stage = scenario.stage();
  const double shortest_s = std::max(1.0, frames.frame_period_s());
  require(stage.refocus_every_s() == 0 || stage.refocus_every_s() >= shortest_s,
          text::concatenate("stage.refocus_every_s = ", text::shortest(stage.refocus_every_s()),
                            " is not allowed: 0 (never), or at least ", text::shortest(shortest_s),
                            " s, one frame period"));
  require(parse_utc(scenario.start_utc()).has_value(),
          "start_utc = \"" + scenario.start_utc() + "\" is no time; write \"2026-01-01T08:00:00Z\"");
}

// Days from 1970-01-01 of a date of the Gregorian calendar (H. Hinnant, "chrono-Compatible Low-Level Date
// Algorithms").
std::int64_t days_from_civil(std::int64_t year, int month, int day) {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = year / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

}  // namespace

config::Configuration parse_configuration(std::string_view source, const std::string& name,
                                          const std::filesystem::path& folder) {
  Faults faults(name);
  auto configuration = parse<config::Configuration>(source, faults);
  fill_lists(configuration);
  check_consistency(configuration, faults);
  faults.throw_if_any();
  const auto resolve = [&folder](std::string& path) {
    path = (folder / path).lexically_normal().string();  // an absolute path stays as it is
  };
  if (configuration.calibration().has_mask_path())
    resolve(*configuration.mutable_calibration()->mutable_mask_path());
  if (configuration.recording().has_directory())
    resolve(*configuration.mutable_recording()->mutable_directory());
  if (configuration.ecm().has_label_path()) resolve(*configuration.mutable_ecm()->mutable_label_path());
  return configuration;
}

void check_configuration(const config::Configuration& configuration) {
  Faults faults("configuration");
  check_ranges(configuration, nullptr, "", faults);
  check_consistency(configuration, faults);
  faults.throw_if_any();
}

config::Configuration load_configuration(const std::filesystem::path& path) {
  return parse_configuration(read_text(path), path.string(), path.parent_path());
}

scenario::Scenario parse_scenario(std::string_view source, const std::string& name) {
  Faults faults(name);
  auto scenario = parse<scenario::Scenario>(source, faults);
  check_consistency(scenario, faults);
  faults.throw_if_any();
  return scenario;
}

scenario::Scenario load_scenario(const std::filesystem::path& path) {
  return parse_scenario(read_text(path), path.string());
}

std::string effective_text(const Message& message) {
  const std::unique_ptr<Message> filled(message.New());
  filled->CopyFrom(message);
  write_defaults(*filled);
  std::string out;
  TextFormat::PrintToString(*filled, &out);
  return out;
}

std::uint64_t digest(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a, 64 bit: offset basis and prime of its definition
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

std::optional<std::int64_t> parse_utc(std::string_view text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, used = 0;
  const std::string copy(text);
  if (std::sscanf(copy.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute, &second,
                  &used) != 6) {
    return std::nullopt;
  }
  std::string_view rest = std::string_view(copy).substr(static_cast<std::size_t>(used));
  std::int64_t fraction_ns = 0;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    if (digits == 0 || digits > 9) return std::nullopt;
    std::from_chars(rest.data(), rest.data() + digits, fraction_ns);
    for (std::size_t i = digits; i < 9; ++i) fraction_ns *= 10;
    rest.remove_prefix(digits);
  }
  constexpr std::array kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  if (rest != "Z" || year < 1970 || year > 2261 || month < 1 || month > 12 || day < 1 ||
      day > kDays.at(static_cast<std::size_t>(month - 1)) + (leap && month == 2 ? 1 : 0) || hour < 0 ||
      hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) {
    return std::nullopt;
  }
  const std::int64_t seconds = ((days_from_civil(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
  return seconds * 1'000'000'000 + fraction_ns;
}

std::string format_utc(std::int64_t time_utc_ns) {
  const std::int64_t second_ns = 1'000'000'000;
  std::int64_t seconds = time_utc_ns / second_ns;
  std::int64_t nanoseconds = time_utc_ns % second_ns;
  if (nanoseconds < 0) {
    nanoseconds += second_ns;
    --seconds;
  }
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  gmtime_r(&time, &parts);
  std::array<char, 80> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%09lldZ", parts.tm_year + 1900,
                parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                static_cast<long long>(nanoseconds));
  return buffer.data();
}

}  // namespace glasswatch
