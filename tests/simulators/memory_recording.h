// Recordings made in memory, frame by frame.
#pragma once

#include <cstring>
#include <initializer_list>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "detectors/environment_log.h"
#include "detectors/recording.h"
#include "simulators/message.h"
#include "simulators/replay_feeds.h"

namespace glasswatch::simulation {

/// Sequence number, start of the exposure in seconds.
using PlannedFrames = std::vector<std::pair<std::uint64_t, double>>;

/// Frames of 2 x 3 pixels of u2, every pixel the sequence number; exposures of 0.5 s.
class MemoryRecording : public Recording {
 public:
  explicit MemoryRecording(PlannedFrames frames) : frames_(std::move(frames)) {
    auto& camera = *start_.mutable_camera();
    camera.set_rows(2);
    camera.set_columns(3);
    camera.set_pixel_type(stream::U2);
    start_.set_source_mode(stream::REPLAY);
    start_.mutable_clock()->set_kind(stream::RECORDED_CLOCK);
    start_.set_expected_frames(frames_.size());
    start_.set_recorded_series_id(4711);
    start_.mutable_timing()->set_frame_period_s(1);
    start_.mutable_timing()->set_exposure_s(0.5);
  }
  const stream::SeriesStart& start() const override { return start_; }
  std::uint64_t frame_count() const override { return frames_.size(); }
  std::optional<stream::SeriesEnd> end() const override { return end_; }
  void read(std::uint64_t index, Frame& frame) override {
    ++reads;
    const auto& [sequence, begin_s] = frames_.at(index);
    frame.info = {};
    frame.info.sequence = sequence;
    frame.info.device_frame_id = static_cast<std::int64_t>(sequence) + 1000;
    frame.info.exposure_start_utc_ns = to_ns(begin_s);
    frame.info.exposure_end_utc_ns = to_ns(begin_s + 0.5);
    frame.info.rows = 2;
    frame.info.columns = 3;
    frame.info.pixel_type = PixelType::kU2;
    const std::vector<std::uint16_t> pixels(6, static_cast<std::uint16_t>(sequence));
    std::memcpy(frame.writable_bytes().data(), pixels.data(), 12);
  }

  /// It is known how the series ended.
  MemoryRecording& ended(stream::SeriesEnd::Reason reason, std::uint64_t count) {
    end_.emplace();
    end_->set_reason(reason);
    end_->set_count(count);
    return *this;
  }

  std::uint64_t reads = 0;

 private:
  PlannedFrames frames_;
  stream::SeriesStart start_;
  std::optional<stream::SeriesEnd> end_;
};

inline std::vector<ReplayInput> inputs(std::vector<PlannedFrames> contents) {
  std::vector<ReplayInput> out;
  for (auto& frames : contents)
    out.push_back({std::make_unique<MemoryRecording>(std::move(frames)), std::nullopt});
  return out;
}

/// Samples at these seconds with these temperatures.
inline EnvironmentLog log_of(std::initializer_list<std::pair<double, double>> points) {
  EnvironmentLog log;
  log.start.set_name("log");
  for (const auto& [second, temperature_c] : points) {
    auto& sample = log.samples.emplace_back();
    sample.set_time_utc_ns(to_ns(second));
    sample.set_temperature_c(temperature_c);
  }
  return log;
}

}  // namespace glasswatch::simulation
