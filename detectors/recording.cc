#include "detectors/recording.h"

#include <utility>
#include <vector>

#include "detectors/file_head.h"
#include "detectors/frame_times.h"
#include "detectors/input_error.h"
#include "protocol/wire/wire.h"

namespace glasswatch {
namespace {

class RepeatedRecording final : public Recording {
 public:
  RepeatedRecording(std::unique_ptr<Recording> recording, std::uint64_t count)
      : recording_(std::move(recording)),
        frames_(recording_->frame_count()),
        count_(count),
        start_(recording_->start()) {
    if (frames_ > std::uint64_t(-1) / count_) {
      throw input_error(start_.identity().source(), "repeated ", count_,
                        " times it has more frames than can be "
                        "counted; repeat it less often");
    }
    start_.set_expected_frames(frames_ * count_);
    if (count_ > 1) measure_span();
  }

  const stream::SeriesStart& start() const override { return start_; }
  std::uint64_t frame_count() const override { return frames_ * count_; }

  void read(std::uint64_t index, Frame& frame) override {
    if (index >= frame_count()) {
      throw input_error(start_.identity().source(), "frame ", index, " was asked for; repeated there are ",
                        frame_count());
    }
    recording_->read(index % frames_, frame);
    const auto turn = static_cast<std::int64_t>(index / frames_);
    frame.info.sequence = index;
    frame.info.exposure_start_utc_ns += turn * span_ns_;
    frame.info.exposure_end_utc_ns += turn * span_ns_;
    if (frame.info.device_frame_id >= 0) frame.info.device_frame_id += turn * device_id_span_;
  }

 private:
  // One turn lasts from the first exposure to one period after the last: true times need not be uniform.
  void measure_span() {
    const double period_s = start_.timing().frame_period_s();
    if (!(period_s > 0)) {
      throw input_error(start_.identity().source(),
                        "has no frame period, which repeating it needs; set "
                        "acquisition { frame_period_s }");
    }
    FramePool pool(1, frame_bytes(start_));
    Frame frame = pool.acquire();
    recording_->read(0, frame);
    const FrameInfo first = frame.info;
    recording_->read(frames_ - 1, frame);
    span_ns_ = frame.info.exposure_start_utc_ns - first.exposure_start_utc_ns + to_ns(period_s);
    device_id_span_ = frame.info.device_frame_id - first.device_frame_id + 1;
    const double last_s = (static_cast<double>(first.exposure_start_utc_ns) +
                           static_cast<double>(span_ns_) * static_cast<double>(count_)) *
                          1e-9;
    if (span_ns_ <= 0 || device_id_span_ <= 0 || last_s > 9.2e9) {
      throw input_error(start_.identity().source(), "times or frame identifiers do not go forward over ",
                        count_, " turns; it cannot be repeated");
    }
  }

  std::unique_ptr<Recording> recording_;
  std::uint64_t frames_;
  std::uint64_t count_;
  stream::SeriesStart start_;
  std::int64_t span_ns_ = 0;
  std::int64_t device_id_span_ = 0;
};

class PreloadedRecording final : public Recording {
 public:
  PreloadedRecording(std::unique_ptr<Recording> recording, std::size_t limit_bytes)
      : start_(recording->start()), end_(recording->end()), memory_(std::make_shared<Memory>()) {
    const std::uint64_t count = recording->frame_count();
    const std::size_t bytes = frame_bytes(start_);
    if (count > limit_bytes / bytes) {
      throw input_error(start_.identity().source(), count, " frames of ", bytes, " bytes are more than the ",
                        limit_bytes >> 20, " MiB that may be read ahead; allow more, or do not read ahead");
    }
    FramePool pool(count, bytes);
    for (std::uint64_t index = 0; index < count; ++index) {
      recording->read(index, memory_->frames.emplace_back(pool.acquire()));
    }
  }

  const stream::SeriesStart& start() const override { return start_; }
  std::uint64_t frame_count() const override { return memory_->frames.size(); }
  std::optional<stream::SeriesEnd> end() const override { return end_; }

  void read(std::uint64_t index, Frame& frame) override {
    if (index >= frame_count()) {
      throw input_error(start_.identity().source(), "frame ", index, " was asked for; there are ",
                        frame_count());
    }
    Frame& kept = memory_->frames[index];
    frame = Frame(memory_, index, kept.writable_bytes());
    frame.info = kept.info;
  }

 private:
  struct Memory final : PixelMemory {
    void give_back(std::size_t /*place*/) noexcept override {}  // kept for the next turn
    std::vector<Frame> frames;
  };

  stream::SeriesStart start_;
  std::optional<stream::SeriesEnd> end_;
  std::shared_ptr<Memory> memory_;
};

}  // namespace

std::size_t frame_bytes(const stream::SeriesStart& start) {
  const stream::Camera& camera = start.camera();
  return std::size_t{camera.rows()} * camera.columns() *
         bytes_per_pixel(wire::pixel_type(camera.pixel_type()));
}

std::unique_ptr<Recording> open_recording(const std::filesystem::path& path,
                                          const RecordingSettings& settings) {
  const std::string head = read_head(path, "record or copy it again");
  std::string known;
  for (const RecordingFormat& format : recording_formats()) {
    if (format.matches(path, std::as_bytes(std::span(head)))) return format.open(path, settings);
    known += (known.empty() ? "" : ", ") + std::string(format.name);
  }
  throw input_error(path, "is of no known format; known: ", known);
}

std::unique_ptr<Recording> repeat_recording(std::unique_ptr<Recording> recording, std::uint64_t count) {
  if (count == 0)
    throw input_error(recording->start().identity().source(), "repeat count 0; allowed: 1 or more");
  return std::make_unique<RepeatedRecording>(std::move(recording), count);
}

std::unique_ptr<Recording> preload_recording(std::unique_ptr<Recording> recording, std::size_t limit_bytes) {
  return std::make_unique<PreloadedRecording>(std::move(recording), limit_bytes);
}

}  // namespace glasswatch
