#include "simulators/replay_recordings.h"

#include <algorithm>
#include <utility>

namespace glasswatch::simulation {
namespace {

class ScanRecording final : public Recording {
 public:
  ScanRecording(std::unique_ptr<Recording> recording, std::uint32_t rows, std::uint32_t columns)
      : recording_(std::move(recording)), columns_(columns), start_(recording_->start()) {
    const std::uint64_t positions = std::uint64_t{rows} * columns;
    start_.set_expected_frames(std::min(positions, recording_->frame_count()));
    start_.mutable_scan()->set_rows(rows);
    start_.mutable_scan()->set_columns(columns);
  }

  const stream::SeriesStart& start() const override { return start_; }
  std::uint64_t frame_count() const override { return start_.expected_frames(); }

  void read(std::uint64_t index, Frame& frame) override {
    recording_->read(index, frame);
    frame.info.scan_row = static_cast<std::int32_t>(index / columns_);
    frame.info.scan_column = static_cast<std::int32_t>(index % columns_);
  }

 private:
  std::unique_ptr<Recording> recording_;
  std::uint32_t columns_;
  stream::SeriesStart start_;
};

}  // namespace

std::unique_ptr<Recording> scan_recording(std::unique_ptr<Recording> recording, std::uint32_t rows,
                                          std::uint32_t columns) {
  return std::make_unique<ScanRecording>(std::move(recording), rows, columns);
}

}  // namespace glasswatch::simulation
