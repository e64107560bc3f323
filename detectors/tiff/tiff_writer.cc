#include "detectors/tiff/tiff_writer.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "detectors/recording.h"
#include "protocol/wire/wire.h"

namespace glasswatch {
namespace {

static_assert(std::endian::native == std::endian::little, "the files say that they are little-endian");

// The header is written last, when it is known which; both fit here.
constexpr std::uint64_t kDataOffset = 16;
constexpr std::uint64_t kLargestDirectoryBytes = 1024;
constexpr std::size_t kWriteBytes = std::size_t{1} << 20;

enum FieldType : std::uint16_t { kAscii = 2, kShort = 3, kLong = 4, kRational = 5, kLong8 = 16 };

void put(std::vector<std::byte>& bytes, std::uint64_t value, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i) bytes.push_back(static_cast<std::byte>(value >> (8 * i)));
}

/// One image file directory: fields in ascending order of their tags, then what did not fit into them.
class Directory {
 public:
  Directory(std::uint64_t offset, bool big, std::size_t fields)
      : big_(big), beside_offset_(offset + (big ? 8 + fields * 20 + 8 : 2 + fields * 12 + 4)) {
    put(bytes_, fields, big ? 8 : 2);
  }

  void add_number(std::uint16_t tag, FieldType type, std::uint64_t value) {
    const std::size_t width = type == kShort ? 2 : type == kLong ? 4 : 8;
    std::vector<std::byte> number;
    put(number, value, width);
    add(tag, type, 1, number);
  }
  void add_text(std::uint16_t tag, std::string_view text) {
    std::vector<std::byte> characters;
    for (const char c : text) characters.push_back(static_cast<std::byte>(c));
    characters.push_back(std::byte{0});
    add(tag, kAscii, characters.size(), characters);
  }
  /// `value` as a fraction of two 32-bit numbers, as fine as they allow.
  void add_rational(std::uint16_t tag, double value) {
    const double denominator = std::floor(std::min(4294967295.0, 4294967295.0 / value));
    std::vector<std::byte> fraction;
    put(fraction, static_cast<std::uint64_t>(std::llround(value * denominator)), 4);
    put(fraction, static_cast<std::uint64_t>(denominator), 4);
    add(tag, kRational, 1, fraction);
  }

  /// The bytes, with the link to a directory behind this one unless it is the last.
  std::vector<std::byte> finish(bool last) {
    put(bytes_, last ? 0 : beside_offset_ + beside_.size(), big_ ? 8 : 4);
    bytes_.insert(bytes_.end(), beside_.begin(), beside_.end());
    return std::move(bytes_);
  }

 private:
  void add(std::uint16_t tag, FieldType type, std::uint64_t count, std::vector<std::byte> value) {
    const std::size_t inside = big_ ? 8 : 4;
    put(bytes_, tag, 2);
    put(bytes_, type, 2);
    put(bytes_, count, inside);
    if (value.size() > inside) {
      put(bytes_, beside_offset_ + beside_.size(), inside);
      beside_.insert(beside_.end(), value.begin(), value.end());
      beside_.resize((beside_.size() + 7) / 8 * 8);  // the format asks for even offsets
    } else {
      value.resize(inside);
      bytes_.insert(bytes_.end(), value.begin(), value.end());
    }
  }

  bool big_;
  std::uint64_t beside_offset_;
  std::vector<std::byte> bytes_;
  std::vector<std::byte> beside_;
};

std::uint64_t sample_format(PixelType type) {
  switch (pixel_type_name(type).front()) {
    case 'u':
      return 1;
    case 'i':
      return 2;
    default:
      return 3;
  }
}

std::string date_time(std::int64_t utc_ns) {
  const std::chrono::sys_time<std::chrono::nanoseconds> time{std::chrono::nanoseconds(utc_ns)};
  const auto midnight = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day day(midnight);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - midnight));
  char text[32];
  std::snprintf(text, sizeof(text), "%04d:%02u:%02u %02d:%02d:%02d", static_cast<int>(day.year()),
                static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text;
}

}  // namespace

TiffWriter::TiffWriter(const std::filesystem::path& path, const stream::SeriesStart& start,
                       std::uint64_t frame_count, std::uint64_t classic_limit_bytes)
    : path_(path),
      start_(start),
      announced_(frame_count),
      classic_limit_bytes_(classic_limit_bytes),
      file_(path) {
  file_.append(std::vector<std::byte>(kDataOffset));
}

void TiffWriter::add(const Frame& frame) {
  const FrameView view = frame.view();
  const stream::Camera& camera = start_.camera();
  if (view.rows != static_cast<int>(camera.rows()) || view.columns != static_cast<int>(camera.columns()) ||
      wire::pixel_type(view.type) != camera.pixel_type()) {
    throw std::runtime_error(path_.string() + ": frame " + std::to_string(pages_.size()) + " is " +
                             std::to_string(view.rows) + " x " + std::to_string(view.columns) + " " +
                             std::string(pixel_type_name(view.type)) +
                             ", unlike its series; write it to a file of its own");
  }
  file_.append({static_cast<const std::byte*>(view.pixels), view.byte_count()});
  pages_.push_back({frame.info.sequence, frame.info.exposure_start_utc_ns, frame.info.exposure_end_utc_ns});
}

void TiffWriter::close() {
  if (pages_.empty() || (announced_ > 0 && pages_.size() != announced_)) {
    throw std::runtime_error(path_.string() + ": " + std::to_string(pages_.size()) + " frames were added, " +
                             (announced_ > 0 ? std::to_string(announced_) : "1 or more") +
                             " were to come; check the source");
  }
  file_.append(std::vector<std::byte>((8 - file_.size() % 8) % 8));
  const std::uint64_t first_directory = file_.size();
  const bool big = first_directory + pages_.size() * kLargestDirectoryBytes > classic_limit_bytes_;
  std::vector<std::byte> bytes;
  for (std::uint64_t page = 0; page < pages_.size(); ++page) {
    const std::vector<std::byte> next = directory(page, file_.size() + bytes.size(), big);
    bytes.insert(bytes.end(), next.begin(), next.end());
    if (bytes.size() < kWriteBytes && page + 1 < pages_.size()) continue;
    file_.append(bytes);
    bytes.clear();
  }
  std::vector<std::byte> header = {std::byte{'I'}, std::byte{'I'}};
  put(header, big ? 43 : 42, 2);
  if (big) put(header, 8, 4);  // width of an offset, then a constant 0
  put(header, first_directory, big ? 8 : 4);
  file_.overwrite(0, header);
  file_.finish();
}

std::vector<std::byte> TiffWriter::directory(std::uint64_t page, std::uint64_t offset, bool big) const {
  const stream::Camera& camera = start_.camera();
  const PixelType type = wire::pixel_type(camera.pixel_type());
  const std::uint64_t bytes = frame_bytes(start_);
  const double pixel_size = start_.optics().has_pixel_size() ? start_.optics().pixel_size() : 1;
  constexpr std::size_t kFields = 16;
  Directory directory(offset, big, kFields);
  directory.add_number(256, kLong, camera.columns());
  directory.add_number(257, kLong, camera.rows());
  directory.add_number(258, kShort, 8 * bytes_per_pixel(type));
  directory.add_number(259, kShort, 1);  // not compressed
  directory.add_number(262, kShort, 1);  // 0 is black
  directory.add_text(270, description(page));
  directory.add_number(273, big ? kLong8 : kLong, kDataOffset + page * bytes);
  directory.add_number(277, kShort, 1);             // values per pixel
  directory.add_number(278, kLong, camera.rows());  // all rows in one strip
  directory.add_number(279, big ? kLong8 : kLong, bytes);
  directory.add_rational(282, 1 / pixel_size);
  directory.add_rational(283, 1 / pixel_size);
  directory.add_number(296, kShort, 1);  // no unit of the standard; the description names it
  directory.add_text(305, "Glasswatch " GLASSWATCH_VERSION);
  directory.add_text(306, date_time(pages_[page].exposure_start_utc_ns));
  directory.add_number(339, kShort, sample_format(type));
  return directory.finish(page + 1 == pages_.size());
}

// ImageJ knows its own files by the first line, and takes N frames from behind each other for "images=N":
// ij/io/TiffDecoder.java, getTiffInfo().
std::string TiffWriter::description(std::uint64_t page) const {
  std::ostringstream text;
  text.precision(17);
  if (page == 0) {
    text << "ImageJ=1.53t\n";
    if (pages_.size() > 1) {
      text << "images=" << pages_.size() << "\nframes=" << pages_.size()
           << "\nhyperstack=true\nmode=grayscale\n";
    }
    if (start_.optics().has_pixel_size()) text << "unit=" << start_.optics().pixel_unit() << '\n';
    if (start_.timing().frame_period_s() > 0) {
      text << "finterval=" << start_.timing().frame_period_s() << '\n';
    }
  }
  text << "exposure_start_utc_ns=" << pages_[page].exposure_start_utc_ns
       << "\nexposure_end_utc_ns=" << pages_[page].exposure_end_utc_ns
       << "\nsequence=" << pages_[page].sequence << '\n';
  return text.str();
}

}  // namespace glasswatch
