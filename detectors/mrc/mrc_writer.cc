#include "detectors/mrc/mrc_writer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <sstream>
#include <stdexcept>

#include "detectors/mrc/mrc_header.h"
#include "detectors/recording.h"
#include "protocol/wire/wire.h"

namespace glasswatch {
namespace {

constexpr std::size_t kLabelOffset = 224;
constexpr std::size_t kLabelBytes = 80;
constexpr double kAngstromPerNm = 10;
constexpr std::int32_t kVersion = 20141;  // MRC2014, its revision of 2017

std::int32_t mode_of(const std::filesystem::path& path, PixelType type) {
  switch (type) {
    case PixelType::kI1:
      return 0;
    case PixelType::kI2:
      return 1;
    case PixelType::kF4:
      return 2;
    case PixelType::kU2:
      return 6;
    default:
      throw UsageError(path.string() + ": MRC has no pixel type " + std::string(pixel_type_name(type)) +
                       "; allowed: i1, i2, u2, f4; TIFF and .hspy have it");
  }
}

template <typename T>
void put(std::vector<std::byte>& bytes, std::size_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(T));
}

void put_text(std::vector<std::byte>& bytes, std::size_t offset, const std::string& text, std::size_t limit) {
  std::memcpy(bytes.data() + offset, text.data(), std::min(text.size(), limit));
}

}  // namespace

template <typename T>
void MrcWriter::Statistics::add(const T* pixels, std::size_t pixel_count) {
  Statistics sums = *this;  // a copy, which the compiler can keep in registers
  for (std::size_t i = 0; i < pixel_count; ++i) {
    const auto value = static_cast<double>(pixels[i]);
    if (!std::isfinite(value)) continue;
    sums.minimum = std::min(sums.minimum, value);
    sums.maximum = std::max(sums.maximum, value);
    sums.count += 1;
    sums.sum += value;
    sums.sum_of_squares += value * value;
  }
  *this = sums;
}

MrcWriter::MrcWriter(const std::filesystem::path& path, const stream::SeriesStart& start,
                     std::uint64_t frame_count)
    : path_(path),
      start_(start),
      announced_(frame_count),
      mode_(mode_of(path, wire::pixel_type(start.camera().pixel_type()))),
      file_(path),
      pixels_(frame_bytes(start)) {
  if (frame_count > std::numeric_limits<std::int32_t>::max()) {
    throw UsageError(path.string() + ": " + std::to_string(frame_count) +
                     " frames; MRC holds up to 2147483647; write .hspy, or parts of the series");
  }
  file_.append(std::vector<std::byte>(mrc::kHeaderBytes));
}

void MrcWriter::add(const Frame& frame) {
  const FrameView view = frame.view();
  const std::uint32_t rows = start_.camera().rows();
  if (view.byte_count() != pixels_.size() || frame.info.rows != static_cast<std::int32_t>(rows) ||
      wire::pixel_type(view.type) != start_.camera().pixel_type()) {
    throw std::runtime_error(path_.string() + ": frame " + std::to_string(frames_) + " is " +
                             std::to_string(view.rows) + " x " + std::to_string(view.columns) + " " +
                             std::string(pixel_type_name(view.type)) +
                             ", unlike its series; write it to a file of its own");
  }
  const auto* source = static_cast<const std::byte*>(view.pixels);
  const std::size_t row_bytes = pixels_.size() / rows;
  for (std::size_t row = 0; row < rows; ++row) {
    std::memcpy(pixels_.data() + (rows - 1 - row) * row_bytes, source + row * row_bytes, row_bytes);
  }
  switch (view.type) {
    case PixelType::kI1:
      statistics_.add(static_cast<const std::int8_t*>(view.pixels), view.pixel_count());
      break;
    case PixelType::kI2:
      statistics_.add(static_cast<const std::int16_t*>(view.pixels), view.pixel_count());
      break;
    case PixelType::kU2:
      statistics_.add(static_cast<const std::uint16_t*>(view.pixels), view.pixel_count());
      break;
    default:
      statistics_.add(static_cast<const float*>(view.pixels), view.pixel_count());
  }
  if (frames_ == 0) first_exposure_utc_ns_ = frame.info.exposure_start_utc_ns;
  file_.append(pixels_);
  ++frames_;
}

void MrcWriter::close() {
  if (frames_ == 0 || (announced_ > 0 && frames_ != announced_)) {
    throw std::runtime_error(path_.string() + ": " + std::to_string(frames_) + " frames were added, " +
                             (announced_ > 0 ? std::to_string(announced_) : "1 or more") +
                             " were to come; check the source");
  }
  file_.overwrite(0, header());
  file_.finish();
}

std::vector<std::byte> MrcWriter::header() const {
  std::vector<std::byte> bytes(mrc::kHeaderBytes);
  const auto columns = static_cast<std::int32_t>(start_.camera().columns());
  const auto rows = static_cast<std::int32_t>(start_.camera().rows());
  const std::int32_t words[] = {columns, rows, static_cast<std::int32_t>(frames_), mode_};
  std::memcpy(bytes.data(), words, sizeof(words));
  const std::int32_t grid[] = {columns, rows, 1};  // MZ = 1 and ISPG = 0: a stack of images, not a volume
  std::memcpy(bytes.data() + 28, grid, sizeof(grid));
  const bool known_nm = start_.optics().has_pixel_size() && start_.optics().pixel_unit() == "nm";
  const double pixel_angstrom = known_nm ? start_.optics().pixel_size() * kAngstromPerNm : 0;
  const auto edge = [&](double pixels) { return static_cast<float>(pixels * pixel_angstrom); };
  const float cell[] = {edge(columns), edge(rows), edge(1), 90, 90, 90};
  std::memcpy(bytes.data() + 40, cell, sizeof(cell));
  const std::int32_t axes[] = {1, 2, 3};
  std::memcpy(bytes.data() + 64, axes, sizeof(axes));
  const double mean = statistics_.count > 0 ? statistics_.sum / statistics_.count : 0;
  const double variance =
      statistics_.count > 0 ? statistics_.sum_of_squares / statistics_.count - mean * mean : 0;
  // Without a finite pixel the maximum stays below the minimum, which by MRC2014 means "not known".
  const float densities[] = {static_cast<float>(statistics_.minimum), static_cast<float>(statistics_.maximum),
                             static_cast<float>(mean)};
  std::memcpy(bytes.data() + 76, densities, sizeof(densities));
  put(bytes, 108, kVersion);
  put_text(bytes, 208, "MAP ", 4);
  put_text(bytes, 212, "DD", 2);  // machine stamp 0x44 0x44: little-endian
  put(bytes, 216, static_cast<float>(std::sqrt(std::max(0.0, variance))));
  add_labels(bytes);
  return bytes;
}

void MrcWriter::add_labels(std::vector<std::byte>& header) const {
  std::ostringstream times;
  times.precision(9);
  times << "exposure_start_utc_ns=" << first_exposure_utc_ns_
        << " period_s=" << start_.timing().frame_period_s() << " exposure_s=" << start_.timing().exposure_s();
  std::vector<std::string> labels = {"Glasswatch " GLASSWATCH_VERSION ": " + start_.name(), times.str()};
  if (start_.optics().has_pixel_size() && start_.optics().pixel_unit() != "nm") {
    std::ostringstream pixel;
    pixel.precision(9);
    pixel << "pixel_size=" << start_.optics().pixel_size() << ' ' << start_.optics().pixel_unit();
    labels.push_back(pixel.str());
  }
  put(header, kLabelOffset - 4, static_cast<std::int32_t>(labels.size()));
  std::fill(header.begin() + kLabelOffset, header.end(), std::byte{' '});
  for (std::size_t i = 0; i < labels.size(); ++i) {
    put_text(header, kLabelOffset + i * kLabelBytes, labels[i], kLabelBytes);
  }
}

}  // namespace glasswatch
