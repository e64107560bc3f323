#include "detectors/tiff/tiff.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "detectors/frame_times.h"
#include "detectors/input_error.h"
#include "detectors/recorded_series.h"
#include "detectors/tiff/tiff_description.h"
#include "detectors/tiff/tiff_file.h"

namespace glasswatch {
namespace {

class TiffRecording final : public Recording {
 public:
  TiffRecording(const std::filesystem::path& path, const RecordingSettings& settings)
      : path_(path), file_(path), layout_(file_.layout()) {
    const tiff::Description description = tiff::parse_description(file_.description());
    if (description.calibrated_values) {
      throw input_error(path,
                        "ImageDescription: pixels have a calibration (c0, c1; ImageJ writes it for signed "
                        "16-bit images), which is not applied here; allowed: none; in ImageJ set Image > "
                        "Type > 32-bit and save again");
    }
    const auto resolution = file_.resolution();
    const auto contiguous_offset = file_.contiguous_offset();
    find_pages();
    SeriesShape shape{.frames = pages_.size(), .rows = layout_.rows, .columns = layout_.columns};
    if (pages_.size() == 1 && description.imagej && description.images > 1) {
      shape.frames = description.images;
      find_contiguous(shape, contiguous_offset);
    }
    checked_byte_count(path, shape, bytes_per_pixel(layout_.pixel_type));
    start_ = recorded_start(path, shape, layout_.pixel_type);
    if (resolution) describe_pixels(*resolution, description);
    read_times(settings, description);
  }

  const stream::SeriesStart& start() const override { return start_; }
  std::uint64_t frame_count() const override { return start_.expected_frames(); }

  void read(std::uint64_t index, Frame& frame) override {
    begin_frame(start_, index, frame);
    times_.fill(index, frame.info);
    const std::span<std::byte> pixels = frame.writable_bytes().first(frame_bytes(start_));
    if (contiguous_offset_) {
      file_.read_raw(*contiguous_offset_ + index * pixels.size(), pixels,
                     bytes_per_pixel(layout_.pixel_type));
      return;
    }
    file_.go_to(index, pages_[index]);
    file_.read(layout_, pixels);
  }

 private:
  void find_pages() {
    pages_.push_back(file_.directory_offset());
    while (file_.next_page()) {
      const tiff::PageLayout layout = file_.layout();
      if (layout != layout_) {
        throw input_error(path_, "page ", pages_.size(), " is ", layout.rows, " x ", layout.columns, " ",
                          pixel_type_name(layout.pixel_type), ", page 0 ", layout_.rows, " x ",
                          layout_.columns, " ", pixel_type_name(layout_.pixel_type),
                          "; allowed: one size and type; save the series without thumbnails or other images");
      }
      pages_.push_back(file_.directory_offset());
    }
  }

  void find_contiguous(const SeriesShape& shape, const std::optional<std::uint64_t>& offset) {
    if (!offset) {
      throw input_error(
          path_, "ImageDescription: images=", shape.frames,
          " behind one page that is compressed or in pieces; allowed: uncompressed in one piece; "
          "save it again with ImageJ");
    }
    const std::uint64_t needed = checked_byte_count(path_, shape, bytes_per_pixel(layout_.pixel_type));
    const std::uint64_t present = file_.file_bytes() - *offset;  // the page itself is there, so not negative
    if (present < needed) {
      throw input_error(path_, "ends after ", present, " of ", needed, " bytes of pixels (",
                        present / (needed / shape.frames), " whole frames of ", shape.frames,
                        "); copy the file again");
    }
    contiguous_offset_ = offset;
  }

  // ImageJ names the unit in its text, others by a tag; the tag counts only where there is no text.
  void describe_pixels(const tiff::Resolution& resolution, const tiff::Description& description) {
    const std::string& unit = description.imagej ? description.unit : resolution.unit;
    const auto size = tiff::pixel_size(resolution.x, unit);
    if (!size) return;
    if (std::abs(resolution.y / resolution.x - 1) > 0.01) {
      add_note(start_, "The pixels are not square; their size was not used.");
      return;
    }
    stream::Optics& optics = *start_.mutable_optics();
    optics.set_mode(size->reciprocal ? stream::DIFFRACTION : stream::IMAGE);
    optics.set_pixel_size(size->value);
    optics.set_pixel_unit(size->reciprocal ? "1/nm" : "nm");
  }

  void read_times(const RecordingSettings& settings, const tiff::Description& description) {
    FileTimes file;
    file.start_utc_ns = description.exposure_start_utc_ns;
    file.period_s = description.frame_period_s;
    if (description.exposure_start_utc_ns && description.exposure_end_utc_ns) {
      const double exposure_s = (static_cast<double>(*description.exposure_end_utc_ns) -
                                 static_cast<double>(*description.exposure_start_utc_ns)) *
                                1e-9;
      if (exposure_s >= 0 && exposure_s <= 1e6) file.exposure_s = exposure_s;
    }
    times_ = assume_times(path_, settings, file, start_.expected_frames());
    times_.describe(*start_.mutable_timing());
  }

  std::filesystem::path path_;
  tiff::TiffFile file_;
  tiff::PageLayout layout_;
  std::vector<std::uint64_t> pages_;  // offsets of their directories
  std::optional<std::uint64_t> contiguous_offset_;
  stream::SeriesStart start_;
  AssumedTimes times_;
};

}  // namespace

bool matches_tiff(const std::filesystem::path&, std::span<const std::byte> head) {
  if (head.size() < 8) return false;
  for (const char* signature : {"II\x2A\0", "MM\0\x2A", "II\x2B\0", "MM\0\x2B"}) {
    if (std::memcmp(head.data(), signature, 4) == 0) return true;
  }
  return false;
}

std::unique_ptr<Recording> open_tiff(const std::filesystem::path& path, const RecordingSettings& settings) {
  return std::make_unique<TiffRecording>(path, settings);
}

}  // namespace glasswatch
