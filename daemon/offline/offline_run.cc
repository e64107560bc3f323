#include "daemon/offline/offline_run.h"

#include <utility>

#include "daemon/offline/recorded_order.h"

namespace glasswatch {

OfflineRun::OfflineRun(const config::Configuration& configuration, MaskImage mask, LabelImage labels,
                       int lanes, std::vector<SeriesEnvironment> environments, Watch watch)
    : workers_(lanes),
      pipeline_(configuration, std::move(mask), &workers_, std::move(labels)),
      environments_(std::move(environments)),
      feed_(pipeline_, environments_),
      watch_(std::move(watch)),
      rules_(pipeline_.configuration()) {}

bool OfflineRun::analyse(std::size_t index, OfflineSeries& series, ResultSink& sink) {
  pipeline_.begin_series({series.series_id, series.recording->start()});
  warn_of_setup(series.name);
  feed_.begin_series(index);
  const bool complete = take_frames(index, series, sink);
  if (const result::Calibration calibration = pipeline_.setup().calibration();
      calibration.origin() == result::Calibration::FAILED) {
    watch_.warn(series.name + ": " + calibration.reason());
  }
  if (complete) hand_over_maps(sink);
  return complete;
}

void OfflineRun::warn_of_setup(const std::string& name) {
  const result::Setup setup = pipeline_.setup();
  if (!setup.tiles_refused().empty()) watch_.warn(name + ": no maps of tiles: " + setup.tiles_refused());
  if (!setup.ecm_refused().empty()) watch_.warn(name + ": no dynamics: " + setup.ecm_refused());
}

bool OfflineRun::take_frames(std::size_t index, OfflineSeries& series, ResultSink& sink) {
  const Pipeline::Deliver deliver = [&](const Frame&, const result::FrameResult& result) {
    count(index, result);
    sink.add(result);
    if (const result::MapUpdate* tiles = pipeline_.tile_map()) sink.add_map(*tiles);
  };
  Recording& recording = *series.recording;
  const auto& calibration = pipeline_.configuration().calibration();
  const std::size_t held = calibration.has_estimate() ? calibration.estimate().frames() : 0;
  FramePool pool(1 + held, frame_bytes(recording.start()));
  RecordedOrder order(series.series_id, series.first_sequence);
  std::optional<Gap> gap;
  bool complete = true;
  for (std::uint64_t i = 0; i < recording.frame_count() && complete; ++i) {
    complete = !watch_.stop();
    if (!complete) break;
    Frame frame = pool.acquire();
    recording.read(i, frame);
    watch_.frame_done();
    frame.info.series_id = series.series_id;
    if (order.arrive(frame.info, gap) == RecordedOrder::Arrival::kRepeated) continue;
    if (gap) pipeline_.gap(*gap);
    feed_.advance(frame);
    pipeline_.take(std::move(frame), deliver);
  }
  if (const auto end = recording.end(); end && complete) {
    if (const auto tail = order.finish(*end)) pipeline_.gap(*tail);
  }
  pipeline_.release(deliver);
  return complete;
}

void OfflineRun::hand_over_maps(ResultSink& sink) {
  if (pipeline_.scan_map() != nullptr && pipeline_.scan_map()->exists()) {
    result::MapUpdate map;
    pipeline_.scan_map()->whole(map);
    sink.add_map(map);
  }
  EcmStage* dynamics = pipeline_.dynamics();
  if (dynamics == nullptr) return;
  watch_.phase("fitting the dynamics");
  sink.add_dynamics(dynamics->fit(FitKind::kFinal, workers_));
}

void OfflineRun::count(std::size_t index, const result::FrameResult& frame) {
  ++totals_.frames;
  if (frame.temperature().validity() != result::VALID) ++totals_.without_temperature;
  if (index != counted_series_ || (frame.flags() & kFlagGapBefore) != 0) rules_.interrupt();
  counted_series_ = index;
  firings_.clear();
  rules_.evaluate(frame, firings_);
  totals_.fired += firings_.size();
}

}  // namespace glasswatch
