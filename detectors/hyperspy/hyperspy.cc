#include "detectors/hyperspy/hyperspy.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "detectors/frame_times.h"
#include "detectors/hdf5_guard.h"
#include "detectors/hdf5_reading.h"
#include "detectors/hyperspy/hyperspy_axes.h"
#include "detectors/recorded_series.h"

namespace glasswatch {
namespace {

using hyperspy::Axis;
using hyperspy::Calibration;

const std::string kExperiments = "/Experiments";
constexpr hsize_t kMostExperiments = 4096;
// Scans are chunked across positions too, so one chunk serves many frames: the library keeps what fits here.
constexpr std::size_t kChunkCacheBytes = std::size_t{512} << 20;

class HyperspyRecording final : public Recording {
 public:
  HyperspyRecording(const std::filesystem::path& path, const RecordingSettings& settings)
      : path_(path), file_(hdf5::open_file(path)) {
    const std::size_t others = choose_experiment();
    object_ = experiment_ + "/data";
    array_ = hdf5::open_array(path, file_, object_, kChunkCacheBytes);
    const std::size_t rank = array_.dims.size();
    if (rank < 2 || rank > 4) {
      throw input_error(path, "object ", object_, ": ", rank,
                        " dimensions; allowed: 2 (image), 3 (stack), 4 (scan)");
    }
    hdf5::check_stored(path, object_, array_);
    hdf5::translated(path, experiment_, [&] { read_start(settings); });
    if (others > 0)
      add_note(start_, std::to_string(others) + " further experiments in the file were not read.");
  }

  const stream::SeriesStart& start() const override { return start_; }
  std::uint64_t frame_count() const override { return start_.expected_frames(); }

  void read(std::uint64_t index, Frame& frame) override {
    begin_frame(start_, index, frame);
    times_.fill(index, frame.info);
    std::vector<hsize_t> first(array_.dims.size(), 0);
    std::vector<hsize_t> count = array_.dims;
    if (first.size() >= 3) first[first.size() - 3] = index;
    if (first.size() == 4) {
      first[0] = index / array_.dims[1];
      first[1] = index % array_.dims[1];
    }
    std::fill(count.begin(), count.end() - 2, 1);
    const bool narrow = array_.stored != StoredPixel::kSame;
    if (narrow) wide_.resize(array_.dims[first.size() - 2] * array_.dims.back());
    void* destination = narrow ? static_cast<void*>(wide_.data()) : frame.writable_bytes().data();
    hdf5::translated(path_, object_ + ", frame " + std::to_string(index),
                     [&] { hdf5::read_block(array_, first, count, destination); });
    if (narrow) narrow_pixels(path_, index, array_.stored, wide_, frame);
  }

  void touch() const {
    hdf5::translated(path_, object_, [&] { hdf5::touch_chunks(array_); });
  }

 private:
  // The first experiment, by name, with data; returns how many more there are.
  std::size_t choose_experiment() {
    std::size_t found = 0;
    hdf5::translated(path_, kExperiments, [&] {
      const H5::Group group = file_.openGroup(kExperiments);
      const hsize_t count = std::min(group.getNumObjs(), kMostExperiments);
      for (hsize_t i = 0; i < count; ++i) {
        const std::string name = kExperiments + "/" + group.getObjnameByIdx(i);
        if (file_.childObjType(name) != H5O_TYPE_GROUP || !file_.nameExists(name + "/data")) continue;
        if (++found == 1) experiment_ = name;
      }
    });
    if (found == 0) {
      throw input_error(path_, "object ", kExperiments, ": holds no data; allowed: files saved by HyperSpy");
    }
    return found - 1;
  }

  void read_start(const RecordingSettings& settings) {
    const H5::Group experiment = file_.openGroup(experiment_);
    const std::size_t rank = array_.dims.size();
    const std::vector<Axis> axes = hyperspy::read_axes(experiment, rank);
    for (std::size_t i = 0; i < rank; ++i) {
      const bool inside_frame = i + 2 >= rank;
      if (axes[i].navigate && *axes[i].navigate == inside_frame) {
        throw input_error(
            path_, "object ", experiment_, "/axis-", i, ": navigate is ", *axes[i].navigate,
            "; allowed: the last two axes are the image; use transpose(signal_axes=2) and save again");
      }
    }
    const std::vector<hsize_t>& dims = array_.dims;
    SeriesShape shape{.frames = 1, .rows = dims[rank - 2], .columns = dims[rank - 1]};
    if (rank == 3) shape.frames = dims[0];
    if (rank == 4) {
      if (dims[0] > kMaxFrameEdge || dims[1] > kMaxFrameEdge) {
        throw input_error(path_, "object ", object_, ": scan of ", dims[0], " x ", dims[1],
                          "; allowed: up to ", kMaxFrameEdge, " each");
      }
      shape.frames = dims[0] * dims[1];
      shape.scan_rows = dims[0];
      shape.scan_columns = dims[1];
    }
    checked_byte_count(path_, shape, array_.element_bytes);
    start_ = recorded_start(path_, shape, array_.pixel_type);
    describe_axes(axes);
    hyperspy::describe(experiment, start_);
    read_times(settings, experiment, axes, shape.frames);
  }

  void describe_axes(const std::vector<Axis>& axes) {
    const std::size_t rank = axes.size();
    const Calibration pixel = hyperspy::calibration(axes[rank - 1]);
    stream::Optics& optics = *start_.mutable_optics();
    if (pixel.kind == Calibration::Kind::kLength || pixel.kind == Calibration::Kind::kReciprocal) {
      const bool image = pixel.kind == Calibration::Kind::kLength;
      optics.set_mode(image ? stream::IMAGE : stream::DIFFRACTION);
      optics.set_pixel_size(pixel.value);
      optics.set_pixel_unit(image ? "nm" : "1/nm");
    } else if (!axes[rank - 1].units.empty()) {
      add_note(start_,
               "The pixel calibration of the file is of unknown unit or implausible and was not taken.");
    }
    if (rank == 4) {
      const Calibration step = hyperspy::calibration(axes[1]);
      if (step.kind == Calibration::Kind::kLength) start_.mutable_scan()->set_step_nm(step.value);
    }
  }

  void read_times(const RecordingSettings& settings, const H5::Group& experiment,
                  const std::vector<Axis>& axes, std::uint64_t frames) {
    bool zone_assumed = false;
    FileTimes file = hyperspy::read_times(experiment, zone_assumed);
    if (axes.size() == 3) {
      const Calibration period = hyperspy::calibration(axes[0]);
      if (period.kind == Calibration::Kind::kTime) file.period_s = period.value;
    }
    times_ = assume_times(path_, settings, file, frames);
    times_.describe(*start_.mutable_timing());
    if (zone_assumed && !settings.start_utc_ns) {
      add_note(start_, "The start time of the file names no UTC: it is taken as UTC.");
    }
  }

  std::filesystem::path path_;
  H5::H5File file_;
  std::string experiment_;
  std::string object_;
  hdf5::Array array_;
  std::vector<std::uint64_t> wide_;
  stream::SeriesStart start_;
  AssumedTimes times_;
};

}  // namespace

bool matches_hyperspy(const std::filesystem::path& path, std::span<const std::byte> head) {
  return hdf5::holds(path, head, kExperiments);
}

std::unique_ptr<Recording> open_hyperspy(const std::filesystem::path& path,
                                         const RecordingSettings& settings) {
  probe_in_child(path, [&] {
    HyperspyRecording(path, settings).touch();
    return std::string();
  });
  return std::make_unique<HyperspyRecording>(path, settings);
}

}  // namespace glasswatch
