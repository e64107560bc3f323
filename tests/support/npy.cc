#include "tests/support/npy.h"

#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <numeric>
#include <sstream>
#include <stdexcept>

namespace glasswatch::test {
namespace {

std::size_t element_bytes(const NpyArray& array) {
  return static_cast<std::size_t>(array.type.at(1) - '0');
}

template <typename T>
void convert(const std::vector<std::byte>& bytes, std::vector<double>& out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    out[i] = static_cast<double>(value);
  }
}

PixelType pixel_type(const std::string& name) {
  for (int code = 1; code <= 8; ++code) {
    if (pixel_type_name(static_cast<PixelType>(code)) == name) return static_cast<PixelType>(code);
  }
  throw std::runtime_error("no pixel type " + name);
}

}  // namespace

std::size_t NpyArray::size() const {
  return std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>{});
}

std::vector<double> NpyArray::doubles() const {
  std::vector<double> out(size());
  if (type == "u1")
    convert<std::uint8_t>(bytes, out);
  else if (type == "u2")
    convert<std::uint16_t>(bytes, out);
  else if (type == "i2")
    convert<std::int16_t>(bytes, out);
  else if (type == "i4")
    convert<std::int32_t>(bytes, out);
  else if (type == "i8")
    convert<std::int64_t>(bytes, out);
  else if (type == "f4")
    convert<float>(bytes, out);
  else if (type == "f8")
    convert<double>(bytes, out);
  else
    throw std::runtime_error("cannot convert .npy type " + type);
  return out;
}

FrameView NpyArray::view(std::size_t index) const {
  const std::size_t rows = shape.at(shape.size() - 2), columns = shape.back();
  return {bytes.data() + index * rows * columns * element_bytes(*this), pixel_type(type),
          static_cast<int>(rows), static_cast<int>(columns)};
}

NpyArray load_npy(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  char start[8];
  if (!file.read(start, 8) || std::memcmp(start, "\x93NUMPY", 6) != 0) {
    throw std::runtime_error("not an .npy file: " + path.string());
  }
  std::uint32_t header_bytes = 0;
  file.read(reinterpret_cast<char*>(&header_bytes), start[6] == 1 ? 2 : 4);
  std::string header(header_bytes, '\0');
  file.read(header.data(), header_bytes);

  // {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }
  const auto value_of = [&](const std::string& key, char end) {
    const std::size_t at = header.find("'" + key + "': ");
    if (at == std::string::npos) throw std::runtime_error("no " + key + " in the header of " + path.string());
    const std::size_t begin = at + key.size() + 4;
    return header.substr(begin, header.find(end, begin) - begin);
  };
  if (value_of("fortran_order", ',') != "False") throw std::runtime_error("not C order: " + path.string());
  NpyArray array;
  array.type = value_of("descr", ',').substr(2, 2);
  std::istringstream shape(value_of("shape", ')').substr(1));
  for (std::size_t extent; shape >> extent; shape.ignore(2)) array.shape.push_back(extent);
  array.bytes.resize(array.size() * element_bytes(array));
  if (!file.read(reinterpret_cast<char*>(array.bytes.data()),
                 static_cast<std::streamsize>(array.bytes.size()))) {
    throw std::runtime_error("short .npy file: " + path.string());
  }
  return array;
}

}  // namespace glasswatch::test
