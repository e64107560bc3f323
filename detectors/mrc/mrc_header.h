// The 1024-byte header of an MRC file (MRC2014: Cheng et al., J. Struct. Biol. 192 (2015) 146,
// https://www.ccpem.ac.uk/mrc_format/mrc2014.php) with IMOD's additions
// (https://bio3d.colorado.edu/imod/doc/mrc_format.txt).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "protocol/types/pixels.h"

namespace glasswatch::mrc {

inline constexpr std::size_t kHeaderBytes = 1024;

/// The fields that matter here, in the host's byte order.
struct Header {
  std::int32_t columns = 0;
  std::int32_t rows = 0;
  std::int32_t sections = 0;
  std::int32_t mode = 0;
  std::int32_t grid_columns = 0;  // MX, MY: the cell is divided into so many pixels
  std::int32_t grid_rows = 0;
  float cell_x_angstrom = 0;
  float cell_y_angstrom = 0;
  std::int32_t column_axis = 0;  // MAPC, MAPR, MAPS: 1 to 3, or all 0 in old files
  std::int32_t row_axis = 0;
  std::int32_t section_axis = 0;
  std::int32_t extended_bytes = 0;
  std::string extended_type;  // EXTTYP, four characters, e.g. "FEI1"
  bool has_map_word = false;  // "MAP " at byte 208
  bool big_endian = false;
  std::optional<std::int32_t> imod_flags;

  bool is_fei() const { return extended_type == "FEI1" || extended_type == "FEI2"; }
  /// Whether the first row stored is the top row of the image. See README.md of detectors.
  bool top_row_first() const { return (is_fei() && !imod_flags) || row_axis == -2; }
  std::uint64_t data_offset() const { return kHeaderBytes + static_cast<std::uint64_t>(extended_bytes); }
};

/// The header at the beginning of a file of `file_bytes`, or nothing when this is no MRC file: in either byte
/// order (the machine stamp's first) sizes are positive, mode and axes known, and the word MAP is there; an
/// old file without it must be exactly as long as its header says.
std::optional<Header> parse_header(std::span<const std::byte> head, std::uint64_t file_bytes);

/// Bits of one pixel of a mode that the format knows, 0 for any other.
int bits_per_pixel(std::int32_t mode);

/// Throws InputError for a mode other than 0, 1, 2 and 6, with what to do about it. Mode 0 is signed, but for
/// files with IMOD's stamp and without its flag for signed bytes.
PixelType pixel_type(const std::filesystem::path& path, const Header& header);

/// What the first record of an FEI1 or FEI2 extended header tells; absent where it is not plausible.
struct FeiFacts {
  std::optional<double> high_tension_kv;
  std::optional<double> pixel_size_nm;
  std::optional<double> pixel_size_inv_nm;
  std::optional<double> exposure_s;
  std::string camera;
};
inline constexpr std::size_t kFeiFactsBytes = 451;  // of the record, as far as it is looked at
FeiFacts parse_fei_record(std::span<const std::byte, kFeiFactsBytes> record);

}  // namespace glasswatch::mrc
