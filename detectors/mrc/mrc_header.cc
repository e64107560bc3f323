#include "detectors/mrc/mrc_header.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "detectors/input_error.h"

namespace glasswatch::mrc {
namespace {

// Byte offsets; the specification counts 4-byte words from 1.
constexpr std::size_t kMode = 12;
constexpr std::size_t kGrid = 28;
constexpr std::size_t kCell = 40;
constexpr std::size_t kAxes = 64;
constexpr std::size_t kExtendedBytes = 92;
constexpr std::size_t kExtendedType = 104;
constexpr std::size_t kImodStamp = 152;
constexpr std::size_t kImodFlags = 156;
constexpr std::size_t kMapWord = 208;
constexpr std::size_t kMachineStamp = 212;

constexpr std::int32_t kImodMagic = 1146047817;
constexpr std::int32_t kImodSignedBytes = 1;
constexpr std::int32_t kImodPackedNibbles = 16;

// Byte offsets in an FEI record: mrcfile 1.4 (BSD), mrcfile/dtypes.py, FEI1_EXTENDED_HEADER_DTYPE, the fields
// unaligned and little-endian. Units as readers of such files take them: volts, metres (1/m in diffraction),
// seconds. The record's time stamp is left out: its unit and zone are documented nowhere.
constexpr std::size_t kFeiHighTension = 84;
constexpr std::size_t kFeiPixelSizeX = 156;
constexpr std::size_t kFeiPixelSizeY = 164;
constexpr std::size_t kFeiIntegrationTime = 419;
constexpr std::size_t kFeiCameraName = 435;
constexpr std::size_t kFeiTextBytes = 16;

template <typename T>
T value_at(std::span<const std::byte> bytes, std::size_t offset, bool big_endian) {
  std::array<std::byte, sizeof(T)> raw;
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), sizeof(T), raw.begin());
  if (big_endian) std::reverse(raw.begin(), raw.end());
  T value;
  std::memcpy(&value, raw.data(), sizeof(T));
  return value;
}

std::string text_at(std::span<const std::byte> bytes, std::size_t offset, std::size_t length) {
  return {reinterpret_cast<const char*>(bytes.data()) + offset, length};
}

Header read_fields(std::span<const std::byte> head, bool big_endian) {
  const auto integer = [&](std::size_t offset) { return value_at<std::int32_t>(head, offset, big_endian); };
  Header header;
  header.columns = integer(0);
  header.rows = integer(4);
  header.sections = integer(8);
  header.mode = integer(kMode);
  header.grid_columns = integer(kGrid);
  header.grid_rows = integer(kGrid + 4);
  header.cell_x_angstrom = value_at<float>(head, kCell, big_endian);
  header.cell_y_angstrom = value_at<float>(head, kCell + 4, big_endian);
  header.column_axis = integer(kAxes);
  header.row_axis = integer(kAxes + 4);
  header.section_axis = integer(kAxes + 8);
  header.extended_bytes = integer(kExtendedBytes);
  header.extended_type = text_at(head, kExtendedType, 4);
  header.has_map_word = text_at(head, kMapWord, 4) == "MAP ";
  header.big_endian = big_endian;
  if (integer(kImodStamp) == kImodMagic) header.imod_flags = integer(kImodFlags);
  return header;
}

bool is_axis(std::int32_t axis) {
  return axis >= 1 && axis <= 3;
}

bool plausible(const Header& header) {
  const bool no_axes = header.column_axis == 0 && header.row_axis == 0 && header.section_axis == 0;
  const bool axes =
      is_axis(header.column_axis) && is_axis(std::abs(header.row_axis)) && is_axis(header.section_axis);
  return header.columns > 0 && header.rows > 0 && header.sections > 0 && header.extended_bytes >= 0 &&
         bits_per_pixel(header.mode) > 0 && (axes || no_axes);
}

// Rows of packed half bytes are padded to whole bytes. In floating point, since the product may not fit 64
// bits.
bool exactly_fills(const Header& header, std::uint64_t file_bytes) {
  const double row_bytes = std::ceil(static_cast<double>(header.columns) * bits_per_pixel(header.mode) / 8);
  return static_cast<double>(header.data_offset()) + row_bytes * header.rows * header.sections ==
         static_cast<double>(file_bytes);
}

}  // namespace

std::optional<Header> parse_header(std::span<const std::byte> head, std::uint64_t file_bytes) {
  if (head.size() < kHeaderBytes) return std::nullopt;
  const bool stamped_big_endian = head[kMachineStamp] == std::byte{0x11};
  for (const bool big_endian : {stamped_big_endian, !stamped_big_endian}) {
    Header header = read_fields(head, big_endian);
    if (plausible(header) && (header.has_map_word || exactly_fills(header, file_bytes))) return header;
  }
  return std::nullopt;
}

int bits_per_pixel(std::int32_t mode) {
  switch (mode) {
    case 0:
      return 8;
    case 1:
    case 6:
    case 12:
      return 16;
    case 2:
    case 3:
      return 32;
    case 4:
      return 64;
    case 16:
      return 24;
    case 101:
      return 4;
    default:
      return 0;
  }
}

PixelType pixel_type(const std::filesystem::path& path, const Header& header) {
  const char* what = "bytes of two half-byte values each";  // mode 101, or IMOD's flag
  switch (header.mode) {
    case 0:
      if (!header.imod_flags) return PixelType::kI1;
      if ((*header.imod_flags & kImodPackedNibbles) != 0) break;
      return (*header.imod_flags & kImodSignedBytes) != 0 ? PixelType::kI1 : PixelType::kU1;
    case 1:
      return PixelType::kI2;
    case 2:
      return PixelType::kF4;
    case 6:
      return PixelType::kU2;
    case 3:
    case 4:
      what = "complex values of a Fourier transform";
      break;
    case 12:
      what = "half floats";
      break;
    case 16:
      what = "colours";
      break;
    default:
      break;
  }
  throw input_error(
      path, "byte 12: mode ", header.mode, ", ", what,
      "; allowed: 0 (8-bit), 1 (i2), 2 (f4), 6 (u2); convert, e.g. with IMOD's newstack -mode 2");
}

FeiFacts parse_fei_record(std::span<const std::byte, kFeiFactsBytes> record) {
  const auto number = [&](std::size_t offset) { return value_at<double>(record, offset, false); };
  const auto within = [](double value, double least, double most) { return value >= least && value <= most; };
  FeiFacts facts;
  const double high_tension_v = number(kFeiHighTension);
  if (within(high_tension_v, 1e3, 3e6)) facts.high_tension_kv = high_tension_v * 1e-3;
  const double pixel_size = number(kFeiPixelSizeX);
  if (within(pixel_size, 1e-15, 1e15) && std::abs(number(kFeiPixelSizeY) / pixel_size - 1) < 0.01) {
    if (pixel_size < 1e-3) facts.pixel_size_nm = pixel_size * 1e9;
    if (pixel_size > 1e3) facts.pixel_size_inv_nm = pixel_size * 1e-9;
  }
  const double integration_s = number(kFeiIntegrationTime);
  if (within(integration_s, 1e-9, 1e5)) facts.exposure_s = integration_s;
  const std::string camera = text_at(record, kFeiCameraName, kFeiTextBytes);
  facts.camera = camera.substr(0, camera.find('\0'));
  return facts;
}

}  // namespace glasswatch::mrc
