// glasswatch-analyze: the daemon's pipeline over files, as fast as it goes.
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/offline/offline_inputs.h"
#include "daemon/offline/offline_run.h"
#include "daemon/offline/resume_log.h"
#include "daemon/offline/run_plan.h"
#include "daemon/programs/interrupt.h"
#include "daemon/programs/progress.h"
#include "daemon/results_file.h"
#include "detectors/numpy/mask.h"
#include "protocol/client/program.h"
#include "protocol/configuration/configuration.h"

namespace {

using namespace glasswatch;

constexpr char kProgram[] = "glasswatch-analyze";

struct Options {
  std::string configuration;
  std::vector<std::string> inputs;
  std::string output;
  std::string environment;
  std::uint64_t repeat = 1;
  int threads = Workers::default_lanes();
  bool resume = false;
  bool progress = false;
};

RecordingSettings recording_settings(const config::Acquisition& acquisition) {
  RecordingSettings settings;
  if (acquisition.has_frame_period_s()) settings.frame_period_s = acquisition.frame_period_s();
  if (acquisition.has_exposure_s()) settings.exposure_s = acquisition.exposure_s();
  if (acquisition.has_start_utc()) settings.start_utc_ns = parse_utc(acquisition.start_utc());
  return settings;
}

OfflineRequest request(const Options& options, const config::Configuration& configuration) {
  return {.inputs = options.inputs,
          .repeat = options.repeat,
          .settings = recording_settings(configuration.acquisition()),
          .environment = options.environment,
          .environment_settings = {configuration.temperature().log_utc_offset_s()}};
}

// Everything that the results depend on.
std::string plan_of(const Options& options, const config::Configuration& configuration) {
  RunPlan plan(configuration, options.repeat);
  for (const std::string& input : options.inputs) plan.add_file("input", input);
  plan.add_file("environment", options.environment);
  plan.add_file("mask", configuration.calibration().mask_path());
  plan.add_file("labels", configuration.ecm().label_path());
  return plan.text();
}

// Into the result file, and into the log of the run where there is one.
class Output final : public ResultSink {
 public:
  explicit Output(ResultsFile& file) : file_(file) {}
  void log_to(ResumeLog* log) { log_ = log; }

  void add(const result::FrameResult& frame) override {
    file_.add(frame);
    if (log_ != nullptr) log_->add(frame);
  }
  void add_map(const result::MapUpdate& map) override {
    file_.add_map(map);
    if (log_ != nullptr) log_->add_map(map);
  }
  // Not logged: the file tells of the dynamics of the last series only.
  void add_dynamics(const result::Dynamics& dynamics) override { file_.add_dynamics(dynamics); }

 private:
  ResultsFile& file_;
  ResumeLog* log_ = nullptr;
};

// The series, each analysed here or recalled from an earlier run.
class Analysis {
 public:
  Analysis(const Options& options, const config::Configuration& configuration, OfflineInputs inputs)
      : options_(options),
        series_(std::move(inputs.series)),
        progress_(kProgram, count_frames(series_),
                  options.progress ? Progress::Elsewhere::kLines : Progress::Elsewhere::kNothing),
        run_(configuration, mask(configuration), labels(configuration), options.threads,
             std::move(inputs.environments), watch()),
        log_(open_log(configuration)),
        file_(options.output, run_.setup()),
        output_(file_) {}

  int run() {
    const std::size_t finished = log_ != nullptr ? recall() : 0;
    for (std::size_t i = finished; i < series_.size(); ++i) {
      file_.begin_series(series_[i].series_id, series_[i].recording->start());
      const bool keep = i + 1 < series_.size();  // behind the last series the run is complete
      output_.log_to(keep ? log_.get() : nullptr);
      if (!run_.analyse(i, series_[i], output_)) return leave(i);
      if (keep) log_->end_series();
    }
    file_.finish(run_.setup());
    if (log_ != nullptr) log_->remove();
    progress_.clear();
    tell();
    return kSuccess;
  }

 private:
  static std::uint64_t count_frames(const std::vector<OfflineSeries>& series) {
    std::uint64_t frames = 0;
    for (const OfflineSeries& one : series) frames += one.recording->frame_count();
    return frames;
  }
  static MaskImage mask(const config::Configuration& configuration) {
    const auto& calibration = configuration.calibration();
    return calibration.has_mask_path() ? read_mask(calibration.mask_path()) : MaskImage{};
  }
  static LabelImage labels(const config::Configuration& configuration) {
    return configuration.ecm().has_label_path() ? read_labels(configuration.ecm().label_path())
                                                : LabelImage{};
  }

  OfflineRun::Watch watch() {
    return {.warn = [this](const std::string& message) { progress_.say("warning: " + message); },
            .frame_done = [this] { progress_.add(); },
            .stop = interrupted,
            .phase = [this](const std::string& work) { progress_.phase(work); }};
  }

  // None for a single series: what could be kept is complete with it.
  std::unique_ptr<ResumeLog> open_log(const config::Configuration& configuration) {
    if (series_.size() == 1) {
      if (options_.resume)
        progress_.say("note: a run of one series begins anew; only finished series are kept");
      return nullptr;
    }
    const std::filesystem::path path = options_.output + ".resume";
    if (!options_.resume && std::filesystem::exists(path)) {
      progress_.say("note: " + path.string() +
                    " of an unfinished run is overwritten; --resume would have continued it");
    }
    return std::make_unique<ResumeLog>(
        path, plan_of(options_, configuration),
        options_.resume ? ResumeLog::Start::kContinue : ResumeLog::Start::kAnew);
  }

  // Returns how many series are done.
  std::size_t recall() {
    std::optional<std::size_t> last;
    log_->recall([&](std::size_t index, const result::ResultMessage& result) {
      if (last != index) file_.begin_series(series_[index].series_id, series_[index].recording->start());
      last = index;
      if (result.has_map()) return file_.add_map(result.map());
      file_.add(result.frame());
      run_.recall(index, result.frame());
    });
    const std::size_t finished = log_->finished_series();
    for (std::size_t i = 0; i < finished; ++i) progress_.skip(series_[i].recording->frame_count());
    if (options_.resume) {
      progress_.say("note: " + std::to_string(finished) + " of " + std::to_string(series_.size()) +
                    " series were finished before; " + (finished == 0 ? "beginning" : "continuing") +
                    " with " + series_[finished].name);
    }
    return finished;
  }

  int leave(std::size_t index) {
    file_.leave_partial(run_.setup(), "interrupted");
    progress_.say("interrupted in series " + std::to_string(index + 1) + " of " +
                  std::to_string(series_.size()) + " after " + std::to_string(run_.totals().frames) +
                  " frames, whose results are in " + options_.output +
                  ".partial; the same command with --resume " +
                  (index == 0 ? "begins anew, since no series was finished" : "continues with this series"));
    return kFailed;
  }

  void tell() const {
    const OfflineRun::Totals& totals = run_.totals();
    std::printf(
        "%llu frames of %zu series analysed, %llu without a valid temperature, %llu trigger events; results "
        "in "
        "%s\n",
        static_cast<unsigned long long>(totals.frames), series_.size(),
        static_cast<unsigned long long>(totals.without_temperature),
        static_cast<unsigned long long>(totals.fired), options_.output.c_str());
  }

  const Options& options_;
  std::vector<OfflineSeries> series_;
  Progress progress_;
  OfflineRun run_;
  std::unique_ptr<ResumeLog> log_;
  ResultsFile file_;
  Output output_;
};

int analyze(const Options& options) {
  const config::Configuration configuration = load_configuration(options.configuration);
  if (!configuration.has_symmetry() && !configuration.has_ecm() && !configuration.has_tiles()) {
    throw ConfigurationError(options.configuration +
                             ": nothing to analyse; add a symmetry, a tiles or an ecm section");
  }
  OfflineInputs inputs = open_inputs(request(options, configuration),
                                     [](const std::string& text) { print_error(kProgram, "note: " + text); });
  return Analysis(options, configuration, std::move(inputs)).run();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Runs the daemon's analysis over recorded files", kProgram};
  Options options;
  app.add_option("--config", options.configuration, "configuration (*.textproto)")->required();
  app.add_option(
         "INPUT", options.inputs,
         "recordings of any known format, told apart by content; parts of one recording that follow each "
         "other are one series")
      ->required();
  app.add_option("--output", options.output, "result file to write (HDF5)")->required();
  app.add_option(
      "--environment", options.environment,
      "temperature log of the holder (Protochips or Impulse CSV, or a recording); without it, what the "
      "recordings among the inputs hold");
  app.add_option("--repeat", options.repeat, "play each input that many times without a pause")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{100'000'000}));
  app.add_option("--threads", options.threads, "threads that share the work; results do not depend on it")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  app.add_flag("--resume", options.resume,
               "continue an interrupted or killed run of the same command: series that were finished are not "
               "analysed again");
  app.add_flag("--progress", options.progress,
               "a line every 10 s where standard error is no terminal (a terminal shows a bar)");
  app.footer("Exit codes: 0 success, 2 bad usage or configuration, 3 unreadable or invalid input, 4 failed");
  return run_program(app, argc, argv, [&] {
    catch_interrupts();
    return analyze(options);
  });
}
