// Numeric matrices in MATLAB files: where measured positions of atoms come from.
#pragma once

#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/types/user_error.h"

namespace glasswatch::simulation {

/// The numeric matrices of a Level 5 MAT-file (The MathWorks, "MAT-File Format", chapter 1): a head of 128
/// bytes, then elements of a tag (type, length) and data. A matrix is an element of elements: flags,
/// dimensions, name, values. A compressed element is another one deflated.
class MatlabFile {
 public:
  struct Matrix {
    std::size_t rows = 0;
    std::size_t columns = 0;
    std::vector<double> values;  // column after column
  };

  explicit MatlabFile(const std::filesystem::path& path) : path_(path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) fail("cannot be opened; check that the file exists and may be read");
    bytes_.assign(std::istreambuf_iterator<char>(file), {});
    constexpr std::size_t kHeadBytes = 128;
    const std::string_view head(reinterpret_cast<const char*>(bytes_.data()), bytes_.size());
    if (head.size() < kHeadBytes || !head.starts_with("MATLAB 5.0")) {
      fail("is no MATLAB v5 file; save the positions with save(file, name, '-v7')");
    }
    const std::string_view order = head.substr(126, 2);
    if (order != "IM" && order != "MI") fail(kDamaged);
    swapped_ = order == "MI";  // the files of today's machines; ours are little-endian as well
    find_matrices(std::span(bytes_).subspan(kHeadBytes));
  }

  /// The only matrix with three rows or three columns.
  const Matrix& positions() const {
    const Matrix* found = nullptr;
    for (const Matrix& matrix : matrices_) {
      if (matrix.rows != 3 && matrix.columns != 3) continue;
      if (found != nullptr)
        fail("holds more than one matrix of N x 3 or 3 x N; leave only the positions in it");
      found = &matrix;
    }
    if (found == nullptr) fail("holds no numeric matrix of N x 3 or 3 x N; the positions must be one");
    return *found;
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw UserError(kBadInput, path_.string() + ": " + what);
  }

 private:
  using Bytes = std::span<const unsigned char>;

  // Types of elements: table 1-1 of the document.
  enum Type : std::uint32_t {
    kInt8 = 1,
    kUint8 = 2,
    kInt16 = 3,
    kUint16 = 4,
    kInt32 = 5,
    kUint32 = 6,
    kSingle = 7,
    kDouble = 9,
    kInt64 = 12,
    kUint64 = 13,
    kMatrix = 14,
    kCompressed = 15
  };

  struct DataElement {
    std::uint32_t type;
    Bytes data;
  };

  static constexpr const char* kDamaged = "is damaged or cut off; copy it again";

  template <typename T>
  T value(Bytes bytes, std::size_t index) const {
    std::array<unsigned char, sizeof(T)> raw;
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(index * sizeof(T)), sizeof(T), raw.begin());
    if (swapped_) std::reverse(raw.begin(), raw.end());
    return std::bit_cast<T>(raw);
  }

  Bytes take(Bytes& rest, std::size_t count) const {
    if (count > rest.size()) fail(kDamaged);
    const Bytes taken = rest.first(count);
    rest = rest.subspan(count);
    return taken;
  }

  DataElement next(Bytes& rest) const {
    const Bytes tag = take(rest, 8);
    const auto type = value<std::uint32_t>(tag, 0);
    // Up to four bytes of data may stand in the tag itself, their number in the upper half of the type.
    if (type >> 16 != 0) {
      if (type >> 16 > 4) fail(kDamaged);
      return {type & 0xffff, tag.subspan(4, type >> 16)};
    }
    const Bytes data = take(rest, value<std::uint32_t>(tag, 1));
    if (type != kCompressed) take(rest, std::min(rest.size(), (8 - data.size() % 8) % 8));
    return {type, data};
  }

  void find_matrices(Bytes rest) {
    while (!rest.empty()) {
      const DataElement element = next(rest);
      if (element.type == kMatrix) add_matrix(element.data);
      if (element.type != kCompressed) continue;
      const std::vector<unsigned char> inflated = inflated_copy(element.data);
      Bytes inner(inflated);
      const DataElement compressed = next(inner);
      if (compressed.type == kMatrix) add_matrix(compressed.data);
    }
  }

  // Matrices of text, structures and the like are passed over.
  void add_matrix(Bytes body) {
    const DataElement flags = next(body);
    const DataElement dimensions = next(body);
    if (flags.type != kUint32 || flags.data.size() < 8 || dimensions.type != kInt32) fail(kDamaged);
    const auto array_class = value<std::uint32_t>(flags.data, 0) & 0xff;
    constexpr std::uint32_t kDoubleClass = 6, kUint64Class = 15;
    if (array_class < kDoubleClass || array_class > kUint64Class || dimensions.data.size() != 8) return;
    const auto rows = value<std::int32_t>(dimensions.data, 0);
    const auto columns = value<std::int32_t>(dimensions.data, 1);
    next(body);  // name
    Matrix matrix{static_cast<std::size_t>(rows), static_cast<std::size_t>(columns), numbers(next(body))};
    if (rows < 0 || columns < 0 || matrix.values.size() != matrix.rows * matrix.columns) fail(kDamaged);
    matrices_.push_back(std::move(matrix));
  }

  template <typename T>
  std::vector<double> numbers_of(Bytes data) const {
    std::vector<double> numbers;
    numbers.reserve(data.size() / sizeof(T));
    for (std::size_t i = 0; i < data.size() / sizeof(T); ++i) {
      numbers.push_back(static_cast<double>(value<T>(data, i)));
    }
    return numbers;
  }

  // MATLAB stores values in the smallest type that holds them, whatever the class of the matrix.
  std::vector<double> numbers(const DataElement& element) const {
    switch (element.type) {
      case kInt8:
        return numbers_of<std::int8_t>(element.data);
      case kUint8:
        return numbers_of<std::uint8_t>(element.data);
      case kInt16:
        return numbers_of<std::int16_t>(element.data);
      case kUint16:
        return numbers_of<std::uint16_t>(element.data);
      case kInt32:
        return numbers_of<std::int32_t>(element.data);
      case kUint32:
        return numbers_of<std::uint32_t>(element.data);
      case kSingle:
        return numbers_of<float>(element.data);
      case kDouble:
        return numbers_of<double>(element.data);
      case kInt64:
        return numbers_of<std::int64_t>(element.data);
      case kUint64:
        return numbers_of<std::uint64_t>(element.data);
      default:
        fail(kDamaged);
    }
  }

  std::vector<unsigned char> inflated_copy(Bytes data) const {
    constexpr std::size_t kMostBytes = std::size_t{1}
                                       << 28;  // ten million positions; a damaged file may ask for any
    z_stream stream{};
    if (inflateInit(&stream) != Z_OK) fail("cannot be unpacked: no memory left; close other programs");
    const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
    stream.next_in = const_cast<unsigned char*>(data.data());  // zlib's interface; it does not write there
    stream.avail_in = static_cast<uInt>(data.size());
    std::vector<unsigned char> inflated;
    std::array<unsigned char, 1 << 16> chunk;
    int state = Z_OK;
    while (state == Z_OK && inflated.size() < kMostBytes) {
      stream.next_out = chunk.data();
      stream.avail_out = chunk.size();
      state = inflate(&stream, Z_NO_FLUSH);
      inflated.insert(inflated.end(), chunk.data(), stream.next_out);
    }
    if (state != Z_STREAM_END) fail(kDamaged);
    return inflated;
  }

  std::filesystem::path path_;
  std::vector<unsigned char> bytes_;
  bool swapped_ = false;
  std::vector<Matrix> matrices_;
};

}  // namespace glasswatch::simulation
