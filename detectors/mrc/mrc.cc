#include "detectors/mrc/mrc.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>

#include "detectors/file_head.h"
#include "detectors/frame_times.h"
#include "detectors/input_error.h"
#include "detectors/mrc/mrc_header.h"
#include "detectors/recorded_series.h"
#include "detectors/utf8.h"
#include "protocol/wire/wire.h"

namespace glasswatch {
namespace {

constexpr double kNmPerAngstrom = 0.1;

std::uint64_t file_bytes(const std::filesystem::path& path) {
  std::error_code error;
  const std::uint64_t bytes = std::filesystem::file_size(path, error);
  return error ? 0 : bytes;
}

mrc::Header read_header(const std::filesystem::path& path) {
  const std::string head = read_head(path, "record or copy it again");
  const auto header = mrc::parse_header(std::as_bytes(std::span(head)), file_bytes(path));
  if (!header) throw input_error(path, "is no MRC file: sizes, mode or axes of its header are not possible");
  const bool usual_order = header->column_axis == 1 && std::abs(header->row_axis) == 2;
  if (!usual_order && header->column_axis != 0) {
    throw input_error(path, "byte 64: axes ", header->column_axis, " ", header->row_axis, " ",
                      header->section_axis,
                      "; allowed: 1 2 3, a stack of images; reorder the axes of the map");
  }
  return *header;
}

class MrcRecording final : public Recording {
 public:
  MrcRecording(const std::filesystem::path& path, const RecordingSettings& settings)
      : path_(path), header_(read_header(path)), file_(path, std::ios::binary) {
    if (!file_) throw input_error(path, "cannot be opened; check that the file exists and may be read");
    const PixelType type = mrc::pixel_type(path, header_);
    const SeriesShape shape{.frames = static_cast<std::uint64_t>(header_.sections),
                            .rows = static_cast<std::uint64_t>(header_.rows),
                            .columns = static_cast<std::uint64_t>(header_.columns)};
    const std::uint64_t needed = checked_byte_count(path, shape, bytes_per_pixel(type));
    frame_bytes_ = needed / shape.frames;
    check_extent(shape.frames, needed);
    start_ = recorded_start(path, shape, type);
    describe_storage(needed);
    const mrc::FeiFacts fei = header_.is_fei() ? read_fei_facts() : mrc::FeiFacts{};
    describe_instrument(fei);
    FileTimes file_times;
    file_times.exposure_s = fei.exposure_s;
    times_ = assume_times(path, settings, file_times, shape.frames);
    times_.describe(*start_.mutable_timing());
  }

  const stream::SeriesStart& start() const override { return start_; }
  std::uint64_t frame_count() const override { return start_.expected_frames(); }

  void read(std::uint64_t index, Frame& frame) override {
    begin_frame(start_, index, frame);
    times_.fill(index, frame.info);
    const std::span<std::byte> pixels = frame.writable_bytes().first(frame_bytes_);
    file_.clear();
    file_.seekg(static_cast<std::streamoff>(header_.data_offset() + index * frame_bytes_));
    if (!file_.read(reinterpret_cast<char*>(pixels.data()), static_cast<std::streamsize>(frame_bytes_))) {
      throw input_error(path_, "frame ", index, " cannot be read; the file was cut or the disk failed");
    }
    if (header_.big_endian) swap_bytes(pixels);
    if (!header_.top_row_first()) turn_over(pixels);
  }

 private:
  void check_extent(std::uint64_t frames, std::uint64_t needed) const {
    const std::uint64_t size = file_bytes(path_);
    const std::uint64_t present = size - std::min(size, header_.data_offset());
    if (present < needed) {
      throw input_error(path_, "ends after ", present, " of ", needed, " bytes of pixels (",
                        present / frame_bytes_, " whole frames of ", frames, "); copy the file again");
    }
  }

  void swap_bytes(std::span<std::byte> pixels) const {
    const std::size_t width = bytes_per_pixel(wire::pixel_type(start_.camera().pixel_type()));
    for (; width > 1 && !pixels.empty(); pixels = pixels.subspan(width)) {
      std::reverse(pixels.begin(), pixels.begin() + static_cast<std::ptrdiff_t>(width));
    }
  }

  void turn_over(std::span<std::byte> pixels) const {
    const std::size_t row_bytes = frame_bytes_ / start_.camera().rows();
    for (; pixels.size() >= 2 * row_bytes;
         pixels = pixels.subspan(row_bytes, pixels.size() - 2 * row_bytes)) {
      std::swap_ranges(pixels.begin(), pixels.begin() + static_cast<std::ptrdiff_t>(row_bytes),
                       pixels.end() - static_cast<std::ptrdiff_t>(row_bytes));
    }
  }

  void describe_storage(std::uint64_t needed) {
    add_note(start_, header_.top_row_first() ? "MRC with the top row stored first."
                                             : "MRC with the bottom row stored first.");
    if (header_.extended_bytes > 0 && !header_.is_fei()) {
      add_note(start_,
               "The extended header (" + std::to_string(header_.extended_bytes) + " bytes) was not read.");
    }
    if (const std::uint64_t after = file_bytes(path_) - header_.data_offset() - needed; after > 0) {
      add_note(start_, std::to_string(after) + " bytes after the last section were not read.");
    }
  }

  mrc::FeiFacts read_fei_facts() {
    std::array<std::byte, mrc::kFeiFactsBytes> record{};
    const bool whole = header_.extended_bytes >= static_cast<std::int32_t>(record.size());
    file_.seekg(mrc::kHeaderBytes);
    if (!whole || !file_.read(reinterpret_cast<char*>(record.data()), record.size())) {
      add_note(start_, "The FEI extended header is too short to be read.");
      return {};
    }
    add_note(start_,
             "The time stamps of the FEI extended header are not used: their unit is not documented.");
    return mrc::parse_fei_record(record);
  }

  void describe_instrument(const mrc::FeiFacts& fei) {
    stream::Optics& optics = *start_.mutable_optics();
    if (fei.high_tension_kv) optics.set_high_tension_kv(*fei.high_tension_kv);
    if (!fei.camera.empty()) start_.mutable_camera()->set_name(valid_utf8(fei.camera));
    if (fei.pixel_size_inv_nm) {
      optics.set_mode(stream::DIFFRACTION);
      optics.set_pixel_size(*fei.pixel_size_inv_nm);
      optics.set_pixel_unit("1/nm");
    } else if (const auto pixel_size_nm = fei.pixel_size_nm ? fei.pixel_size_nm : cell_pixel_size_nm()) {
      optics.set_mode(stream::IMAGE);
      optics.set_pixel_size(*pixel_size_nm);
      optics.set_pixel_unit("nm");
    }
  }

  // A pixel of exactly 1 Angstrom is what programs write that know no size.
  std::optional<double> cell_pixel_size_nm() {
    const double x = static_cast<double>(header_.cell_x_angstrom) / header_.grid_columns;
    const double y = static_cast<double>(header_.cell_y_angstrom) / header_.grid_rows;
    if (header_.cell_x_angstrom == 0 || (x == 1 && y == 1)) return std::nullopt;
    // From below what aberrations resolve to a field of view of millimetres; a NaN fails too.
    if (!(x >= 1e-2 && x <= 1e4) || !(std::abs(y / x - 1) < 0.01)) {
      add_note(start_, "The cell of the header gives no plausible pixel size and was not used.");
      return std::nullopt;
    }
    return x * kNmPerAngstrom;
  }

  std::filesystem::path path_;
  mrc::Header header_;
  std::ifstream file_;
  std::uint64_t frame_bytes_ = 0;
  stream::SeriesStart start_;
  AssumedTimes times_;
};

}  // namespace

bool matches_mrc(const std::filesystem::path& path, std::span<const std::byte> head) {
  return mrc::parse_header(head, file_bytes(path)).has_value();
}

std::unique_ptr<Recording> open_mrc(const std::filesystem::path& path, const RecordingSettings& settings) {
  return std::make_unique<MrcRecording>(path, settings);
}

}  // namespace glasswatch
