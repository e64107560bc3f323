// glasswatch-analyze: the daemon's pipeline over files, as fast as it goes.
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "daemon/pipeline/pipeline.h"
#include "daemon/results_file.h"
#include "daemon/workers.h"
#include "detectors/environment_log.h"
#include "detectors/numpy/mask.h"
#include "detectors/recording.h"
#include "protocol/client/program.h"
#include "protocol/configuration/configuration.h"

namespace {

using namespace glasswatch;

struct Options {
  std::string configuration;
  std::vector<std::string> inputs;
  std::string output;
  std::string environment;
  std::uint64_t repeat = 1;
  int threads = Workers::default_lanes();
};

RecordingSettings recording_settings(const config::Acquisition& acquisition) {
  RecordingSettings settings;
  if (acquisition.has_frame_period_s()) settings.frame_period_s = acquisition.frame_period_s();
  if (acquisition.has_exposure_s()) settings.exposure_s = acquisition.exposure_s();
  if (acquisition.has_start_utc()) settings.start_utc_ns = parse_utc(acquisition.start_utc());
  return settings;
}

// Feeds the pipeline from a log, no further than each frame needs: just as a live stream would have by then.
class LogFeed {
 public:
  LogFeed(Pipeline& pipeline, const EnvironmentLog& log) : pipeline_(pipeline), log_(log) {
    pipeline_.begin_environment({1, log_.start});
  }
  void advance(const Frame& frame) {
    while (!pipeline_.ready(frame) && next_ < log_.samples.size()) {
      pipeline_.add_environment({log_.samples[next_++], 0, 0});
    }
    if (next_ == log_.samples.size()) pipeline_.end_environment();
  }

 private:
  Pipeline& pipeline_;
  const EnvironmentLog& log_;
  std::size_t next_ = 0;
};

int analyze(const Options& options) {
  const config::Configuration configuration = load_configuration(options.configuration);
  if (!configuration.has_symmetry() && !configuration.has_ecm() && !configuration.has_tiles()) {
    throw ConfigurationError(options.configuration +
                             ": nothing to analyse; add a symmetry, a tiles or an ecm section");
  }
  MaskImage mask;
  if (configuration.calibration().has_mask_path()) mask = read_mask(configuration.calibration().mask_path());
  LabelImage labels;
  if (configuration.ecm().has_label_path()) labels = read_labels(configuration.ecm().label_path());

  RecordingSettings settings = recording_settings(configuration.acquisition());
  std::vector<std::unique_ptr<Recording>> recordings;
  for (const std::string& input : options.inputs) {
    auto recording = open_recording(input, settings);
    if (options.repeat > 1) recording = repeat_recording(std::move(recording), options.repeat);
    recordings.push_back(std::move(recording));
  }
  Workers workers(static_cast<int>(options.threads));
  Pipeline pipeline(configuration, std::move(mask), &workers, std::move(labels));
  EnvironmentLog log;
  std::unique_ptr<LogFeed> feed;
  if (!options.environment.empty()) {
    log = read_environment_log(options.environment, {configuration.temperature().log_utc_offset_s()});
    for (const std::string& remark : log.remarks) {
      print_error("glasswatch-analyze", "note: " + options.environment + ": " + remark);
    }
    feed = std::make_unique<LogFeed>(pipeline, log);
  }

  ResultsFile file(options.output, pipeline.setup());
  std::uint64_t frames = 0, without_temperature = 0, fired = 0;
  const Pipeline::Deliver keep = [&](const Frame&, const result::FrameResult& result) {
    ++frames;
    if (result.temperature().validity() != result::VALID) ++without_temperature;
    fired += pipeline.firings().size();
    file.add(result);
    if (const result::MapUpdate* tiles = pipeline.tile_map()) file.add_map(*tiles);
  };
  for (std::size_t series = 0; series < recordings.size(); ++series) {
    Recording& recording = *recordings[series];
    pipeline.begin_series({series + 1, recording.start()});
    file.begin_series(series + 1, recording.start());
    if (const std::string reason = pipeline.setup().tiles_refused(); !reason.empty()) {
      print_error("glasswatch-analyze",
                  "warning: " + options.inputs[series] + ": no maps of tiles: " + reason);
    }
    if (const std::string reason = pipeline.setup().ecm_refused(); !reason.empty()) {
      print_error("glasswatch-analyze", "warning: " + options.inputs[series] + ": no dynamics: " + reason);
    }
    const std::size_t held =
        configuration.calibration().has_estimate() ? configuration.calibration().estimate().frames() : 0;
    FramePool pool(1 + held, frame_bytes(recording.start()));
    for (std::uint64_t index = 0; index < recording.frame_count(); ++index) {
      Frame frame = pool.acquire();
      recording.read(index, frame);
      frame.info.series_id = series + 1;
      if (feed) feed->advance(frame);
      pipeline.take(std::move(frame), keep);
    }
    pipeline.release(keep);
    if (const result::Calibration calibration = pipeline.setup().calibration();
        calibration.origin() == result::Calibration::FAILED) {
      print_error("glasswatch-analyze", "warning: " + options.inputs[series] + ": " + calibration.reason());
    }
    result::MapUpdate map;
    if (pipeline.scan_map() != nullptr && pipeline.scan_map()->exists()) {
      pipeline.scan_map()->whole(map);
      file.add_map(map);
    }
    if (EcmStage* dynamics = pipeline.dynamics()) {
      file.add_dynamics(dynamics->fit(FitKind::kFinal, workers));
    }
  }
  file.finish(pipeline.setup());
  std::printf(
      "%llu frames of %zu series analysed, %llu without a valid temperature, %llu trigger events; results in "
      "%s\n",
      static_cast<unsigned long long>(frames), recordings.size(),
      static_cast<unsigned long long>(without_temperature), static_cast<unsigned long long>(fired),
      options.output.c_str());
  return kSuccess;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Runs the daemon's analysis over recorded files", "glasswatch-analyze"};
  Options options;
  app.add_option("--config", options.configuration, "configuration (*.textproto)")->required();
  app.add_option("INPUT", options.inputs, "recordings: .emd, .ser, .hspy, .npy, told apart by content")
      ->required();
  app.add_option("--output", options.output, "result file to write (HDF5)")->required();
  app.add_option("--environment", options.environment,
                 "temperature log of the holder (Protochips or Impulse CSV)");
  app.add_option("--repeat", options.repeat, "play each input that many times without a pause")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{100'000'000}));
  app.add_option("--threads", options.threads, "threads that share the work; results do not depend on it")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  app.footer("Exit codes: 0 success, 2 bad usage or configuration, 3 unreadable or invalid input, 4 failed");
  return run_program(app, argc, argv, [&] { return analyze(options); });
}
