#include "detectors/tia_ser/ser_file.h"

#include "detectors/input_error.h"

namespace glasswatch::tia {
namespace {

constexpr std::uint16_t kByteOrder = 0x4949;
constexpr std::uint16_t kSeriesId = 0x0197;
constexpr std::uint16_t kVersion32 = 0x0210;
constexpr std::uint16_t kVersion64 = 0x0220;
constexpr std::uint32_t kElements1d = 0x4120;
constexpr std::uint32_t kElements2d = 0x4122;
constexpr std::uint16_t kTagTime = 0x4152;
constexpr std::uint16_t kTagTimeAndPosition = 0x4142;
constexpr std::uint32_t kMostDimensions = 8;
constexpr std::uint32_t kLongestText = 4096;

struct Hex {
  std::uint32_t value;
};
std::ostream& operator<<(std::ostream& out, Hex hex) {
  return out << "0x" << std::hex << hex.value << std::dec;
}

}  // namespace

SerFile::SerFile(const std::filesystem::path& path) : path_(path), file_(path, std::ios::binary) {
  if (!file_) throw input_error(path, "cannot be opened; check that the file exists and may be read");
  size_ = std::filesystem::file_size(path);
}

void SerFile::read_bytes(std::uint64_t offset, void* destination, std::uint64_t bytes) {
  if (offset > size_ || bytes > size_ - offset) {
    throw input_error(path_, "byte ", offset, ": ", bytes, " bytes were to follow; the file has ", size_,
                      "; it is truncated or damaged, copy it again");
  }
  file_.clear();
  file_.seekg(static_cast<std::streamoff>(offset));
  if (!file_.read(static_cast<char*>(destination), static_cast<std::streamsize>(bytes))) {
    throw input_error(path_, "byte ", offset, ": cannot be read; check the disk");
  }
}

std::string SerFile::read_text(std::uint64_t& offset) {
  const auto length = read_value<std::uint32_t>(offset);
  if (length > kLongestText) {
    throw input_error(path_, "byte ", offset - 4, ": a text of ", length, " bytes; allowed: up to ",
                      kLongestText, "; the file is damaged");
  }
  std::string text(length, '\0');
  read_bytes(offset, text.data(), length);
  offset += length;
  return text;
}

std::vector<std::uint64_t> SerFile::read_offsets(std::uint64_t& offset, std::uint32_t planned,
                                                 std::uint32_t kept, bool wide) {
  const std::uint64_t width = wide ? 8 : 4;
  const std::uint64_t array_end = offset + planned * width;
  if (offset > size_ || array_end > size_) {
    throw input_error(path_, "byte ", offset, ": ", planned, " offsets were to follow; the file has ", size_,
                      " bytes; it is truncated or damaged, copy it again");
  }
  std::vector<std::uint64_t> offsets;
  offsets.reserve(kept);
  for (std::uint32_t i = 0; i < kept; ++i) {
    offsets.push_back(wide ? read_value<std::uint64_t>(offset) : read_value<std::uint32_t>(offset));
  }
  offset = array_end;
  return offsets;
}

Header SerFile::read_header() {
  std::uint64_t offset = 0;
  const auto byte_order = read_value<std::uint16_t>(offset);
  const auto series_id = read_value<std::uint16_t>(offset);
  if (byte_order != kByteOrder || series_id != kSeriesId) {
    throw input_error(path_, "byte 0: no TIA signature; allowed: ", Hex{kByteOrder}, " ", Hex{kSeriesId});
  }
  const auto version = read_value<std::uint16_t>(offset);
  if (version != kVersion32 && version != kVersion64) {
    throw input_error(path_, "byte 4: version ", Hex{version}, "; allowed: ", Hex{kVersion32}, ", ",
                      Hex{kVersion64}, "; export the series again with TIA");
  }
  const bool wide = version == kVersion64;
  const auto data_type_id = read_value<std::uint32_t>(offset);
  if (data_type_id == kElements1d) {
    throw input_error(path_, "byte 6: holds spectra (1-D elements); allowed: images (", Hex{kElements2d},
                      ")");
  }
  if (data_type_id != kElements2d) {
    throw input_error(path_, "byte 6: element type ", Hex{data_type_id}, "; allowed: images (",
                      Hex{kElements2d}, "); the file is damaged");
  }
  read_value<std::uint32_t>(offset);  // tag type of the series; every tag repeats it
  const auto planned = read_value<std::uint32_t>(offset);
  const auto valid = read_value<std::uint32_t>(offset);
  if (valid < 1 || valid > planned) {
    throw input_error(path_, "byte 18: ", valid, " valid elements of ", planned, "; allowed: 1 to ", planned,
                      "; nothing was acquired, or the file is damaged");
  }
  std::uint64_t arrays = wide ? read_value<std::uint64_t>(offset) : read_value<std::uint32_t>(offset);
  const auto dimension_count = read_value<std::uint32_t>(offset);
  if (dimension_count > kMostDimensions) {
    throw input_error(path_, "byte ", offset - 4, ": ", dimension_count, " dimensions; allowed: up to ",
                      kMostDimensions, "; the file is damaged");
  }
  Header header;
  header.element_count = valid;
  for (std::uint32_t i = 0; i < dimension_count; ++i) {
    Dimension dimension;
    dimension.size = read_value<std::uint32_t>(offset);
    read_value<double>(offset);  // offset of the axis
    dimension.delta = read_value<double>(offset);
    read_value<std::uint32_t>(offset);  // element at which the offset holds
    read_text(offset);                  // description
    dimension.units = read_text(offset);
    header.dimensions.push_back(std::move(dimension));
  }
  header.element_offsets = read_offsets(arrays, planned, valid, wide);
  header.tag_offsets = read_offsets(arrays, planned, valid, wide);
  return header;
}

Element SerFile::read_element(std::uint64_t index, std::uint64_t offset) {
  Element element;
  read_value<double>(offset);  // x offset
  element.delta_x = read_value<double>(offset);
  read_value<std::uint32_t>(offset);
  read_value<double>(offset);  // y offset
  read_value<double>(offset);  // y delta
  read_value<std::uint32_t>(offset);
  const auto type = read_value<std::uint16_t>(offset);
  constexpr PixelType kTypes[] = {PixelType::kU1, PixelType::kU2, PixelType::kU4, PixelType::kI1,
                                  PixelType::kI2, PixelType::kI4, PixelType::kF4, PixelType::kF8};
  if (type < 1 || type > std::size(kTypes)) {
    throw input_error(path_, "element ", index, ", byte ", offset - 2, ": data type ", type,
                      "; allowed: 1 (u1) to 8 (f8); complex images are not supported");
  }
  element.pixel_type = kTypes[type - 1];
  element.columns = read_value<std::uint32_t>(offset);
  element.rows = read_value<std::uint32_t>(offset);
  element.data_offset = offset;
  return element;
}

std::uint32_t SerFile::read_tag_time_s(std::uint64_t index, std::uint64_t offset) {
  const std::uint64_t begin = offset;
  const auto tag_type = read_value<std::uint16_t>(offset);
  if (tag_type != kTagTime && tag_type != kTagTimeAndPosition) {
    throw input_error(path_, "tag ", index, ", byte ", begin, ": type ", Hex{tag_type},
                      "; allowed: ", Hex{kTagTime}, ", ", Hex{kTagTimeAndPosition}, "; the file is damaged");
  }
  read_value<std::uint16_t>(offset);  // padding
  return read_value<std::uint32_t>(offset);
}

}  // namespace glasswatch::tia
