// What the ImageDescription of a TIFF written by ImageJ (or here) says: lines "key=value".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace glasswatch::tiff {

struct Description {
  bool imagej = false;       // begins with "ImageJ="
  std::uint64_t images = 1;  // frames that lie one behind the other from the first page's pixels on
  std::string unit;          // of the resolution tags
  std::optional<double> frame_period_s;
  std::optional<std::int64_t> exposure_start_utc_ns;  // these two only where Glasswatch wrote the file
  std::optional<std::int64_t> exposure_end_utc_ns;
  bool calibrated_values = false;  // pixels mean c0 + c1 x value, and that is not the value itself
};

/// Lines that are not understood are passed over, as every text may stand there.
Description parse_description(std::string_view text);

struct PixelSize {
  double value = 0;
  bool reciprocal = false;  // nm^-1 instead of nm
};

/// From pixels per unit and the unit's name as ImageJ writes it ("nm", "micron", "\u00B5m", "1/nm", ...), or
/// nothing when the unit is unknown or the size is not one of an electron microscope.
std::optional<PixelSize> pixel_size(double pixels_per_unit, std::string_view unit);

}  // namespace glasswatch::tiff
