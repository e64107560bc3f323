#include "detectors/tia_ser/tia_ser.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "detectors/frame_times.h"
#include "detectors/input_error.h"
#include "detectors/recorded_series.h"
#include "detectors/tia_ser/ser_file.h"

namespace glasswatch {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;
// A stamp cut to whole seconds lies in [t, t + 1): its mean is t + 1/2, its deviation that of a uniform
// second.
constexpr std::int64_t kHalfSecondNs = kNsPerSecond / 2;
constexpr std::int64_t kUniformSecondNs = 288'675'135;  // 1 s / sqrt(12)

class TiaRecording final : public Recording {
 public:
  TiaRecording(const std::filesystem::path& path, const RecordingSettings& settings)
      : path_(path), settings_(settings), file_(path) {
    check_settings(path, settings);
    const tia::Header header = file_.read_header();
    read_elements(header);
    const tia::Element& first = elements_.front();
    SeriesShape shape{.frames = elements_.size(), .rows = first.rows, .columns = first.columns};
    add_scan(header, shape);
    frame_bytes_ = checked_byte_count(path, shape, bytes_per_pixel(first.pixel_type)) / shape.frames;
    start_ = recorded_start(path, shape, first.pixel_type);
    describe_pixels(header, first);
    read_times(header);
    for (std::size_t i = 0; i < elements_.size(); ++i) check_extent(i);
  }

  const stream::SeriesStart& start() const override { return start_; }
  std::uint64_t frame_count() const override { return elements_.size(); }

  void read(std::uint64_t index, Frame& frame) override {
    begin_frame(start_, index, frame);
    if (tag_times_s_.empty()) {
      times_.fill(index, frame.info);
    } else {
      set_exposure(frame.info, tag_times_s_[index] * kNsPerSecond + kHalfSecondNs, times_.exposure_s,
                   settings_.stamp_reference, kUniformSecondNs);
    }
    const std::uint64_t rows = start_.camera().rows();
    const std::uint64_t row_bytes = frame_bytes_ / rows;
    std::byte* pixels = frame.writable_bytes().data();
    file_.read_bytes(elements_[index].data_offset, pixels, frame_bytes_);
    for (std::uint64_t top = 0, bottom = rows - 1; top < bottom; ++top, --bottom) {
      std::swap_ranges(pixels + top * row_bytes, pixels + (top + 1) * row_bytes, pixels + bottom * row_bytes);
    }
  }

 private:
  void read_elements(const tia::Header& header) {
    elements_.reserve(header.element_count);
    for (std::uint64_t i = 0; i < header.element_count; ++i) {
      elements_.push_back(file_.read_element(i, header.element_offsets[i]));
      const tia::Element& first = elements_.front();
      const tia::Element& element = elements_.back();
      if (element.rows != first.rows || element.columns != first.columns ||
          element.pixel_type != first.pixel_type) {
        throw input_error(path_, "element ", i, " is ", element.rows, " x ", element.columns, " ",
                          pixel_type_name(element.pixel_type), ", element 0 ", first.rows, " x ",
                          first.columns, " ", pixel_type_name(first.pixel_type),
                          "; allowed: one size and type; export them apart");
      }
    }
  }

  // The first dimension runs fastest. A scan that was stopped has fewer elements than positions.
  void add_scan(const tia::Header& header, SeriesShape& shape) const {
    if (header.dimensions.size() != 2) return;
    const std::uint64_t columns = header.dimensions[0].size;
    const std::uint64_t rows = header.dimensions[1].size;
    if (columns < 1 || rows < 1 || columns > kMaxFrameEdge || rows > kMaxFrameEdge ||
        shape.frames > rows * columns) {
      throw input_error(path_, "scan of ", rows, " x ", columns, " positions with ", shape.frames,
                        " elements; allowed: 1 to ", kMaxFrameEdge, " each; the file is damaged");
    }
    shape.scan_rows = rows;
    shape.scan_columns = columns;
  }

  void check_extent(std::size_t index) {
    if (elements_[index].data_offset + frame_bytes_ > std::filesystem::file_size(path_)) {
      throw input_error(path_, "element ", index, ", byte ", elements_[index].data_offset, ": ", frame_bytes_,
                        " bytes of pixels were to follow; the file is truncated, copy it again");
    }
  }

  void describe_pixels(const tia::Header& header, const tia::Element& element) {
    if (start_.has_scan() && header.dimensions[0].units == "meters") {
      start_.mutable_scan()->set_step_nm(std::abs(header.dimensions[0].delta) * 1e9);
    }
    stream::Optics& optics = *start_.mutable_optics();
    const double delta = std::abs(element.delta_x);
    // The file names no unit; a pixel is far below a millimetre, a reciprocal pixel far above 1/m.
    if (delta > 1e-15 && delta < 1e-3) {
      optics.set_mode(stream::IMAGE);
      optics.set_pixel_size(delta * 1e9);
      optics.set_pixel_unit("nm");
    } else if (delta > 1e3 && delta < 1e15) {
      optics.set_mode(stream::DIFFRACTION);
      optics.set_pixel_size(delta * 1e-9);
      optics.set_pixel_unit("1/nm");
    } else {
      return;
    }
    add_note(start_, "Pixel unit (m or 1/m) told by the size of the calibration.");
  }

  void read_times(const tia::Header& header) {
    for (std::uint64_t i = 0; i < elements_.size(); ++i) {
      tag_times_s_.push_back(file_.read_tag_time_s(i, header.tag_offsets[i]));
    }
    times_ = assume_times(path_, settings_, {}, elements_.size());
    stream::Timing& timing = *start_.mutable_timing();
    times_.describe(timing);
    timing.set_stamp_reference(settings_.stamp_reference);
    if (std::find(tag_times_s_.begin(), tag_times_s_.end(), 0) != tag_times_s_.end()) {
      tag_times_s_.clear();
      add_note(start_, "Elements without a time tag: times from the settings.");
      return;
    }
    start_.mutable_clock()->set_sigma_s(static_cast<double>(kUniformSecondNs) * 1e-9);
    timing.set_times_assumed(false);
    FrameInfo first;
    set_exposure(first, tag_times_s_.front() * kNsPerSecond + kHalfSecondNs, times_.exposure_s,
                 settings_.stamp_reference, kUniformSecondNs);
    timing.set_start_utc_ns(first.exposure_start_utc_ns);
    const auto span_s = static_cast<double>(tag_times_s_.back() - tag_times_s_.front());
    if (!settings_.frame_period_s && span_s > 0) {
      const double period_s = span_s / static_cast<double>(tag_times_s_.size() - 1);
      timing.set_frame_period_s(period_s);
      timing.set_dead_time_s(std::max(0.0, period_s - times_.exposure_s));
    }
    add_note(start_,
             "Times are tags in whole seconds; the exposure is that of the settings, since .ser has none.");
  }

  std::filesystem::path path_;
  RecordingSettings settings_;
  tia::SerFile file_;
  std::vector<tia::Element> elements_;
  std::vector<std::int64_t> tag_times_s_;  // empty: times are assumed
  std::uint64_t frame_bytes_ = 0;
  stream::SeriesStart start_;
  AssumedTimes times_;
};

}  // namespace

bool matches_tia_ser(const std::filesystem::path&, std::span<const std::byte> head) {
  constexpr std::byte kSignature[] = {std::byte{0x49}, std::byte{0x49}, std::byte{0x97}, std::byte{0x01}};
  return head.size() >= std::size(kSignature) &&
         std::equal(std::begin(kSignature), std::end(kSignature), head.begin());
}

std::unique_ptr<Recording> open_tia_ser(const std::filesystem::path& path,
                                        const RecordingSettings& settings) {
  return std::make_unique<TiaRecording>(path, settings);
}

}  // namespace glasswatch
