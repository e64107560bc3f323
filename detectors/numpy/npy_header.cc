#include "detectors/numpy/npy_header.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstring>
#include <string_view>

#include "detectors/input_error.h"

namespace glasswatch {
namespace {

constexpr std::uint32_t kLongestHeader = 64 * 1024;
constexpr std::size_t kMostDimensions = 32;

// Reads the Python literal {'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }.
class DictReader {
 public:
  DictReader(const std::filesystem::path& path, std::string_view text)
      : path_(path), text_(text), rest_(text) {}

  NpyHeader read() {
    NpyHeader header;
    bool has_dtype = false, has_order = false, has_shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr") {
        if (peek() == '[') {
          throw input_error(path_,
                            "header field descr is a structured type; allowed: one plain number type; save "
                            "one field of the array");
        }
        header.dtype = quoted();
        has_dtype = true;
      } else if (key == "fortran_order") {
        if (word() != "False") {
          throw input_error(path_,
                            "header field fortran_order is not False; save numpy.ascontiguousarray(array)");
        }
        has_order = true;
      } else if (key == "shape") {
        header.shape = tuple();
        has_shape = true;
      } else {
        fail("an unknown key");
      }
      if (!accept(',') && peek() != '}') fail("no comma between entries");
    }
    if (!has_dtype || !has_order || !has_shape) fail("descr, fortran_order or shape missing");
    return header;
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw input_error(path_, "header has ", what, " at byte ", text_.size() - rest_.size(),
                      " of its text; save the array again with numpy.save");
  }
  char peek() {
    while (!rest_.empty() && std::isspace(static_cast<unsigned char>(rest_.front()))) rest_.remove_prefix(1);
    return rest_.empty() ? '\0' : rest_.front();
  }
  bool accept(char character) {
    if (peek() != character || rest_.empty()) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char character) {
    if (!accept(character)) fail("an unexpected character");
  }
  std::string quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') fail("no quoted text");
    rest_.remove_prefix(1);
    const std::size_t end = rest_.find(quote);
    if (end == std::string_view::npos) fail("an open quotation");
    std::string text(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return text;
  }
  std::string_view word() {
    peek();
    std::size_t length = 0;
    while (length < rest_.size() && std::isalpha(static_cast<unsigned char>(rest_[length]))) ++length;
    const std::string_view text = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return text;
  }
  std::vector<std::uint64_t> tuple() {
    std::vector<std::uint64_t> values;
    expect('(');
    while (!accept(')')) {
      peek();
      std::uint64_t value = 0;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
      if (error != std::errc() || values.size() == kMostDimensions) fail("no valid size in shape");
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      values.push_back(value);
      if (!accept(',') && peek() != ')') fail("no comma between sizes");
    }
    return values;
  }

  const std::filesystem::path& path_;
  std::string_view text_;
  std::string_view rest_;
};

}  // namespace

NpyHeader read_npy_header(const std::filesystem::path& path, std::istream& file) {
  std::array<unsigned char, 12> prefix{};
  file.read(reinterpret_cast<char*>(prefix.data()), 8);
  const unsigned major = prefix[6];
  if (!file || std::memcmp(prefix.data(), "\x93NUMPY", 6) != 0) {
    throw input_error(path, "byte 0: no NumPy signature; give a .npy file");
  }
  if (major < 1 || major > 3) {
    throw input_error(path, "byte 6: format version ", major,
                      "; allowed: 1 to 3; save it with a released NumPy");
  }
  const std::size_t length_bytes = major == 1 ? 2 : 4;
  file.read(reinterpret_cast<char*>(prefix.data()) + 8, static_cast<std::streamsize>(length_bytes));
  std::uint32_t length = 0;
  for (std::size_t i = length_bytes; i > 0; --i) length = length << 8 | prefix[7 + i];
  if (!file || length > kLongestHeader) {
    throw input_error(path, "byte 8: header length ", length, "; allowed: up to ", kLongestHeader,
                      "; the file is damaged");
  }
  std::string text(length, '\0');
  if (!file.read(text.data(), static_cast<std::streamsize>(length))) {
    throw input_error(path, "ends inside its header; copy the file again");
  }
  NpyHeader header = DictReader(path, text).read();
  header.data_offset = 8 + length_bytes + length;
  if (header.dtype.size() > 1 && header.dtype.front() == '>') {
    throw input_error(path,
                      "header field descr is big-endian; save array.astype(array.dtype.newbyteorder('<'))");
  }
  return header;
}

}  // namespace glasswatch
