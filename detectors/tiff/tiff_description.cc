#include "detectors/tiff/tiff_description.h"

#include <algorithm>
#include <charconv>

namespace glasswatch::tiff {
namespace {

struct UnitName {
  std::string_view name;
  double factor;  // to nm, or to 1/nm
  bool reciprocal = false;
};
constexpr UnitName kUnits[] = {
    {"nm", 1},          {"nanometer", 1},   {"m", 1e9},          {"mm", 1e6},       {"cm", 1e7},
    {"inch", 2.54e7},   {"um", 1e3},        {"micron", 1e3},     {"microns", 1e3},  {"micrometer", 1e3},
    {"\xC2\xB5m", 1e3},  // micro sign
    {"\xCE\xBCm", 1e3},  // Greek mu
    {"\xB5m", 1e3},      // micro sign in Latin-1
    {"\\u00B5m", 1e3},   // as ImageJ escapes it
    {"pm", 1e-3},       {"A", 0.1},         {"\xC3\x85", 0.1},   {"\\u00C5", 0.1},  {"angstrom", 0.1},
    {"1/nm", 1, true},  {"nm^-1", 1, true}, {"1/m", 1e-9, true}, {"1/A", 10, true}, {"1/\xC3\x85", 10, true},
    {"A^-1", 10, true},
};

// Sizes outside these belong to printing (72 dpi is 0.35 mm) or are damaged; a wrong one is worse than none.
constexpr double kSmallest = 1e-7;
constexpr double kLargest = 1e3;

template <typename T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

void take(std::string_view key, std::string_view value, Description& description) {
  if (key == "images") description.images = number<std::uint64_t>(value).value_or(1);
  if (key == "unit") description.unit = value;
  if (key == "exposure_start_utc_ns") description.exposure_start_utc_ns = number<std::int64_t>(value);
  if (key == "exposure_end_utc_ns") description.exposure_end_utc_ns = number<std::int64_t>(value);
  if (key == "c0") description.calibrated_values |= number<double>(value) != 0.0;
  if (key == "c1") description.calibrated_values |= number<double>(value) != 1.0;
  if (key == "finterval") {
    const auto period_s = number<double>(value);
    if (period_s && *period_s > 0 && *period_s <= 1e6) description.frame_period_s = period_s;
  }
}

}  // namespace

Description parse_description(std::string_view text) {
  Description description;
  description.imagej = text.starts_with("ImageJ=");
  if (!description.imagej) return description;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find_first_of("\r\n"));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t equals = line.find('=');
    if (equals != std::string_view::npos) take(line.substr(0, equals), line.substr(equals + 1), description);
  }
  return description;
}

std::optional<PixelSize> pixel_size(double pixels_per_unit, std::string_view unit) {
  for (const UnitName& known : kUnits) {
    if (known.name != unit) continue;
    const double value = known.factor / pixels_per_unit;
    if (!(value >= kSmallest && value <= kLargest)) return std::nullopt;
    return PixelSize{value, known.reciprocal};
  }
  return std::nullopt;
}

}  // namespace glasswatch::tiff
