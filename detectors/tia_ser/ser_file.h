// The binary layout of a TIA .ser file: header, offset arrays, element headers, tags.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "protocol/types/pixels.h"

namespace glasswatch::tia {

struct Dimension {
  std::uint32_t size = 0;
  double delta = 0;
  std::string units;
};

struct Header {
  std::uint32_t element_count = 0;  // elements acquired, which may be fewer than planned
  std::vector<Dimension> dimensions;
  std::vector<std::uint64_t> element_offsets;
  std::vector<std::uint64_t> tag_offsets;
};

struct Element {
  double delta_x = 0;  // calibration per pixel, in metres or 1/m; the file does not say which
  PixelType pixel_type = PixelType::kU1;
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
  std::uint64_t data_offset = 0;
};

/// A .ser file open for reading. Every function throws InputError naming the byte when the file is not what
/// it claims.
class SerFile {
 public:
  explicit SerFile(const std::filesystem::path& path);

  Header read_header();
  Element read_element(std::uint64_t index, std::uint64_t offset);
  /// Unix time of a tag in whole seconds.
  std::uint32_t read_tag_time_s(std::uint64_t index, std::uint64_t offset);
  void read_bytes(std::uint64_t offset, void* destination, std::uint64_t bytes);

 private:
  template <typename T>
  T read_value(std::uint64_t& offset) {
    T value;
    read_bytes(offset, &value, sizeof(T));
    offset += sizeof(T);
    return value;
  }
  std::string read_text(std::uint64_t& offset);
  std::vector<std::uint64_t> read_offsets(std::uint64_t& offset, std::uint32_t planned, std::uint32_t kept,
                                          bool wide);

  std::filesystem::path path_;
  std::ifstream file_;
  std::uint64_t size_ = 0;
};

}  // namespace glasswatch::tia
