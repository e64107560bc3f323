#include "detectors/velox_emd/velox_emd.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "detectors/frame_times.h"
#include "detectors/hdf5_guard.h"
#include "detectors/hdf5_reading.h"
#include "detectors/recorded_series.h"
#include "detectors/velox_emd/last_axis_reader.h"
#include "detectors/velox_emd/velox_metadata.h"

namespace glasswatch {
namespace {

using velox::FrameFacts;
using velox::LastAxisReader;
using velox::Metadata;

const std::string kImages = "/Data/Image";
constexpr std::size_t kChunkCacheBytes = std::size_t{1} << 20;  // whole chunks are read once and kept by us
constexpr std::uint64_t kLongestMetadataBytes = std::uint64_t{16} << 20;
constexpr hsize_t kMostImages = 4096;
constexpr std::int64_t kMicrosecondSigmaNs = 289;  // stamps cut to 1 us: 1 us / sqrt(12)

LastAxisReader open_reader(const std::filesystem::path& path, const H5::H5File& file,
                           const std::string& object, std::size_t rank) {
  hdf5::Array array = hdf5::open_array(path, file, object, kChunkCacheBytes);
  if (array.dims.size() != rank) {
    throw input_error(path, "object ", object, ": ", array.dims.size(), " dimensions; allowed: ", rank,
                      "; the file is damaged or not of Velox");
  }
  hdf5::check_stored(path, object, array);
  return LastAxisReader(std::move(array));
}

// The metadata columns of one image; none when the file has no readable metadata array.
class MetadataColumns {
 public:
  MetadataColumns(const std::filesystem::path& path, const H5::H5File& file, const std::string& object)
      : path_(path), object_(object) {
    if (!hdf5::translated(path, object, [&] { return file.nameExists(object); })) return;
    reader_ = open_reader(path, file, object, 2);
    if (reader_.array().element_bytes != 1 || reader_.array().dims[0] > kLongestMetadataBytes) {
      throw input_error(path, "object ", object, ": allowed: bytes, at most ", kLongestMetadataBytes,
                        " a frame; the file is damaged");
    }
    column_.resize(reader_.slice_bytes());
    count_ = reader_.count();
  }

  std::uint64_t count() const { return count_; }

  std::optional<Metadata> read(std::uint64_t index) {
    hdf5::translated(path_, object_, [&] { reader_.read(index, column_.data()); });
    return Metadata::parse(column_);
  }

 private:
  std::filesystem::path path_;
  std::string object_;
  LastAxisReader reader_;
  std::vector<std::byte> column_;
  std::uint64_t count_ = 0;
};

struct Image {
  std::string object;
  std::size_t others = 0;  // further images in the file
  bool camera = false;
};

// The first image, by name, that a camera made; without any, the first image.
Image choose_image(const std::filesystem::path& path, const H5::H5File& file) {
  std::vector<std::string> objects;
  hdf5::translated(path, kImages, [&] {
    const H5::Group group = file.openGroup(kImages);
    const hsize_t count = std::min(group.getNumObjs(), kMostImages);
    for (hsize_t i = 0; i < count; ++i) {
      const std::string object = kImages + "/" + group.getObjnameByIdx(i);
      if (file.childObjType(object) != H5O_TYPE_GROUP || !file.nameExists(object + "/Data")) continue;
      objects.push_back(object);
    }
  });
  if (objects.empty()) {
    throw input_error(path, "object ", kImages,
                      ": holds no image; allowed: Velox files with an image series");
  }
  for (const std::string& object : objects) {
    MetadataColumns columns(path, file, object + "/Metadata");
    const auto first = columns.count() > 0 ? columns.read(0) : std::nullopt;
    if (first && first->is_camera()) return {object, objects.size() - 1, true};
  }
  return {objects.front(), objects.size() - 1, false};
}

class VeloxRecording final : public Recording {
 public:
  VeloxRecording(const std::filesystem::path& path, const RecordingSettings& settings)
      : path_(path), settings_(settings), file_(hdf5::open_file(path)) {
    check_settings(path, settings);
    const Image image = choose_image(path, file_);
    object_ = image.object + "/Data";
    pixels_ = open_reader(path, file_, object_, 3);
    const hdf5::Array& array = pixels_.array();
    if (array.stored != StoredPixel::kSame) {
      throw input_error(path, "object ", object_,
                        ": 64-bit pixels; allowed: integers of 8 to 32 bits, floats");
    }
    const SeriesShape shape{.frames = array.dims[2], .rows = array.dims[0], .columns = array.dims[1]};
    checked_byte_count(path, shape, array.element_bytes);
    start_ = recorded_start(path, shape, array.pixel_type);
    if (image.others > 0) {
      add_note(start_, std::to_string(image.others) + " further images in the file were not read.");
    }
    if (!image.camera) add_note(start_, "No image of the file is declared as a camera's.");
    read_metadata(image.object + "/Metadata");
    settle_times();
  }

  const stream::SeriesStart& start() const override { return start_; }
  std::uint64_t frame_count() const override { return start_.expected_frames(); }

  void read(std::uint64_t index, Frame& frame) override {
    begin_frame(start_, index, frame);
    const FrameFacts& facts = facts_[index];
    FrameInfo& info = frame.info;
    info.device_frame_id = facts.frame_id;
    if (facts.transfer_ok == false) info.flags |= kFlagTransferNotOk;
    if (facts.stamp_utc_ns) {
      set_exposure(info, *facts.stamp_utc_ns, exposure_s(facts), settings_.stamp_reference,
                   kMicrosecondSigmaNs);
    } else {
      times_.fill(index, info);
    }
    hdf5::translated(path_, object_ + ", frame " + std::to_string(index),
                     [&] { pixels_.read(index, frame.writable_bytes().data()); });
  }

  void touch() const {
    hdf5::translated(path_, object_, [&] { hdf5::touch_chunks(pixels_.array()); });
  }

 private:
  double exposure_s(const FrameFacts& facts) const {
    if (settings_.exposure_s) return *settings_.exposure_s;
    return facts.exposure_s.value_or(settings_.frame_period_s.value_or(0));
  }

  // Every column: common readers keep the first and invent the rest.
  void read_metadata(const std::string& object) {
    MetadataColumns columns(path_, file_, object);
    facts_.resize(frame_count());
    std::uint64_t unreadable = facts_.size() - std::min<std::uint64_t>(facts_.size(), columns.count());
    bool described = false;
    for (std::uint64_t i = 0; i < std::min<std::uint64_t>(facts_.size(), columns.count()); ++i) {
      const auto metadata = columns.read(i);
      if (!metadata) {
        ++unreadable;
        continue;
      }
      facts_[i] = metadata->frame_facts();
      if (described) continue;
      metadata->describe(start_);
      header_start_utc_ns_ = metadata->start_utc_ns();
      described = true;
    }
    if (unreadable > 0) add_note(start_, std::to_string(unreadable) + " frames have no readable metadata.");
  }

  // The nominal period: the median step between stamps of neighbouring frames.
  std::optional<double> stamped_period_s() const {
    std::vector<std::int64_t> steps_ns;
    for (std::size_t i = 1; i < facts_.size(); ++i) {
      if (!facts_[i].stamp_utc_ns || !facts_[i - 1].stamp_utc_ns) continue;
      const std::int64_t step_ns = *facts_[i].stamp_utc_ns - *facts_[i - 1].stamp_utc_ns;
      if (step_ns > 0) steps_ns.push_back(step_ns);
    }
    if (steps_ns.empty()) return std::nullopt;
    const auto middle = steps_ns.begin() + static_cast<std::ptrdiff_t>(steps_ns.size() / 2);
    std::nth_element(steps_ns.begin(), middle, steps_ns.end());
    return static_cast<double>(*middle) * 1e-9;
  }

  void settle_times() {
    const auto stamped = [](const FrameFacts& facts) { return facts.stamp_utc_ns.has_value(); };
    const auto first = std::find_if(facts_.begin(), facts_.end(), stamped);
    const auto missing =
        facts_.size() - static_cast<std::size_t>(std::count_if(facts_.begin(), facts_.end(), stamped));
    const FrameFacts& described = first == facts_.end() ? facts_.front() : *first;
    if (settings_.exposure_s && described.exposure_s && *settings_.exposure_s != *described.exposure_s) {
      add_note(start_,
               "Exposure from the settings; the file gives " + std::to_string(*described.exposure_s) + " s.");
    }
    stream::Timing& timing = *start_.mutable_timing();
    if (first == facts_.end()) {
      times_ =
          assume_times(path_, settings_, {header_start_utc_ns_, {}, described.exposure_s}, facts_.size());
      times_.describe(timing);
      timing.set_stamp_reference(settings_.stamp_reference);
      add_note(start_, "No frame has a time stamp: times are assumed.");
      return;
    }
    times_.period_s = stamped_period_s().value_or(settings_.frame_period_s.value_or(0));
    times_.exposure_s = exposure_s(described);
    FrameInfo first_info;
    set_exposure(first_info, *first->stamp_utc_ns, times_.exposure_s, settings_.stamp_reference,
                 kMicrosecondSigmaNs);
    times_.start_utc_ns = first_info.exposure_start_utc_ns;
    if (missing > 0) {
      // Frames without a stamp are placed on the grid of those that have one.
      check_time_range(path_, times_, facts_.size());
      times_.start_utc_ns -= to_ns(static_cast<double>(first - facts_.begin()) * times_.period_s);
    }
    times_.describe(timing);
    timing.set_times_assumed(missing > 0);
    timing.set_stamp_reference(settings_.stamp_reference);
    start_.mutable_clock()->set_name("camera-pc");
    start_.mutable_clock()->set_sigma_s(static_cast<double>(kMicrosecondSigmaNs) * 1e-9);
    if (missing > 0)
      add_note(start_, std::to_string(missing) + " frames have no time stamp; their times are assumed.");
    if (header_start_utc_ns_) {
      const auto ahead_ms =
          std::llround(static_cast<double>(*first->stamp_utc_ns - *header_start_utc_ns_) * 1e-6);
      add_note(start_,
               "The file's start time lies " + std::to_string(ahead_ms) + " ms before the first stamp.");
    }
  }

  std::filesystem::path path_;
  RecordingSettings settings_;
  H5::H5File file_;
  std::string object_;
  LastAxisReader pixels_;
  stream::SeriesStart start_;
  std::vector<FrameFacts> facts_;
  std::optional<std::int64_t> header_start_utc_ns_;
  AssumedTimes times_;
};

}  // namespace

bool matches_velox_emd(const std::filesystem::path& path, std::span<const std::byte> head) {
  return hdf5::holds(path, head, kImages);
}

std::unique_ptr<Recording> open_velox_emd(const std::filesystem::path& path,
                                          const RecordingSettings& settings) {
  probe_in_child(path, [&] {
    VeloxRecording(path, settings).touch();
    return std::string();
  });
  return std::make_unique<VeloxRecording>(path, settings);
}

}  // namespace glasswatch
