// glasswatch-replay: recordings as live streams, at their original times.
#include <charconv>
#include <iostream>
#include <optional>
#include <vector>

#include "protocol/client/program.h"
#include "protocol/configuration/configuration.h"
#include "protocol/configuration/text.h"
#include "protocol/types/heap.h"
#include "protocol/wire/wire.h"
#include "simulators/interrupt.h"
#include "simulators/player.h"
#include "simulators/program.h"
#include "simulators/replay_feeds.h"
#include "simulators/replay_recordings.h"

namespace {

using namespace glasswatch;
using namespace glasswatch::simulation;

struct Options {
  std::vector<std::string> inputs;
  std::string environment;
  std::string speed = "1";
  ReplayWindow window;
  std::uint64_t repeat = 1;
  bool preload = false;
  std::size_t preload_mib = 2048;
  std::string scan;
  std::optional<double> frame_period_s;
  std::optional<double> exposure_s;
  std::string start_utc;
  std::string config;
  std::string stamp_reference = "end";
  std::string camera_endpoint = "tcp://127.0.0.1:7101";
  std::string environment_endpoint = "tcp://127.0.0.1:7102";
  double wait_subscriber_s = 30;
};

void declare(CLI::App& app, Options& options) {
  app.add_option("input", options.inputs, "Recordings; each becomes one series")->required();
  app.add_option("--environment", options.environment,
                 "Temperature log, published on the environment stream");
  app.add_option("--speed", options.speed, "Recorded seconds per second, or \"max\" (default 1)");
  app.add_option("--start", options.window.start_s, "Begin at this many seconds after the first frame");
  app.add_option("--stop", options.window.stop_s, "End before this many seconds after the first frame");
  app.add_option("--repeat", options.repeat, "Play each recording this many times without a pause")
      ->check(CLI::Range(1u, 1'000'000u));
  app.add_flag("--preload", options.preload, "Read all frames into memory before the first is sent");
  app.add_option("--preload-mib", options.preload_mib,
                 "How much each recording may take there (default 2048)")
      ->check(CLI::Range(1u, 1'000'000u));
  app.add_option("--scan", options.scan,
                 "ROWSxCOLUMNS: play each recording as a scan of this shape, row by row, at most one scan")
      ->type_name("SHAPE");
  app.add_option("--frame-period-s", options.frame_period_s, "For recordings without times")
      ->check(CLI::Range(1e-6, 86400.0));
  app.add_option("--exposure-s", options.exposure_s, "For recordings without times")
      ->check(CLI::Range(0.0, 86400.0));
  app.add_option(
      "--start-utc", options.start_utc,
      "Start of the first exposure, \"2023-05-12T09:00:00Z\"; \"log\" = the first sample of the log");
  app.add_option("--config", options.config,
                 "Take acquisition and temperature.log_utc_offset_s from this file");
  app.add_option("--stamp-reference", options.stamp_reference,
                 "What the device's time stamp marks (default end)")
      ->check(CLI::IsMember({"end", "start", "middle"}));
  app.add_option("--camera-endpoint", options.camera_endpoint, "Default tcp://127.0.0.1:7101");
  app.add_option("--environment-endpoint", options.environment_endpoint, "Default tcp://127.0.0.1:7102");
  app.add_option("--wait-subscriber", options.wait_subscriber_s,
                 "Wait up to this many seconds for a subscriber on every stream (default 30; 0: no wait)")
      ->check(CLI::Range(0.0, 1e6));
}

stream::StampReference stamp_reference(const std::string& name) {
  if (name == "start") return stream::EXPOSURE_START;
  return name == "middle" ? stream::EXPOSURE_MIDDLE : stream::EXPOSURE_END;
}

std::int64_t utc_or_throw(const std::string& text) {
  const auto utc_ns = parse_utc(text);
  if (!utc_ns) {
    throw UsageError("--start-utc " + text + ": is no time; allowed: \"2023-05-12T09:00:00Z\" or \"log\"");
  }
  return *utc_ns;
}

// Options given on the command line go before the configuration's.
RecordingSettings recording_settings(const Options& options, const config::Configuration& configuration,
                                     const std::optional<EnvironmentLog>& log) {
  const auto& acquisition = configuration.acquisition();
  RecordingSettings settings;
  settings.stamp_reference = stamp_reference(options.stamp_reference);
  settings.frame_period_s = options.frame_period_s;
  settings.exposure_s = options.exposure_s;
  if (!settings.frame_period_s && acquisition.has_frame_period_s()) {
    settings.frame_period_s = acquisition.frame_period_s();
  }
  if (!settings.exposure_s && acquisition.has_exposure_s()) settings.exposure_s = acquisition.exposure_s();
  if (options.start_utc == "log") {
    if (!log || log->samples.empty())
      throw UsageError("--start-utc log: needs --environment LOG with samples");
    settings.start_utc_ns = log->samples.front().time_utc_ns();
  } else if (!options.start_utc.empty()) {
    settings.start_utc_ns = utc_or_throw(options.start_utc);
  } else if (acquisition.has_start_utc()) {
    settings.start_utc_ns = parse_utc(acquisition.start_utc());
  }
  return settings;
}

struct ScanShape {
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
};

std::optional<ScanShape> scan_shape(const std::string& text) {
  if (text.empty()) return std::nullopt;
  constexpr std::uint32_t kMost = 65'536;
  ScanShape shape;
  const char* const end = text.data() + text.size();
  const auto rows = std::from_chars(text.data(), end, shape.rows);
  const bool separated = rows.ec == std::errc() && rows.ptr != end && *rows.ptr == 'x';
  const auto columns = separated ? std::from_chars(rows.ptr + 1, end, shape.columns) : rows;
  const auto allowed = [](std::uint32_t count) { return count >= 1 && count <= kMost; };
  if (separated && columns.ec == std::errc() && columns.ptr == end && allowed(shape.rows) &&
      allowed(shape.columns)) {
    return shape;
  }
  throw UsageError(text::concatenate(
      "--scan ", text, ": is no shape; allowed: ROWSxCOLUMNS such as 83x83, each 1 to ", kMost));
}

// Opens the recordings. A given start is that of the first; each further one begins where the one before
// ended.
std::vector<std::unique_ptr<Recording>> open_inputs(const Options& options, RecordingSettings settings) {
  const auto shape = scan_shape(options.scan);
  std::vector<std::unique_ptr<Recording>> recordings;
  for (const std::string& input : options.inputs) {
    auto recording = open_recording(input, settings);
    if (options.preload) recording = preload_recording(std::move(recording), options.preload_mib << 20);
    if (options.repeat > 1) recording = repeat_recording(std::move(recording), options.repeat);
    if (shape) recording = scan_recording(std::move(recording), shape->rows, shape->columns);
    if (settings.start_utc_ns) {
      const double length_s =
          recording->start().timing().frame_period_s() * static_cast<double>(recording->frame_count());
      *settings.start_utc_ns += to_ns(length_s);
    }
    recordings.push_back(std::move(recording));
  }
  return recordings;
}

// What a careful user should know about times before believing a temperature.
void warn(const Options& options, const EnvironmentLog& log, bool start_given, const Recording& first) {
  for (const std::string& remark : log.remarks) std::cerr << options.environment << ": " << remark << '\n';
  if (start_given || first.start().timing().start_utc_ns() != 0) return;
  std::cerr
      << "warning: " << options.inputs.front()
      << " carries no times and --start-utc was not given, so no temperature will be known; give --start-utc "
         "2023-05-12T09:00:00Z, or --start-utc log for the first sample of the log\n";
}

void replay(const Options& options) {
  const double speed = parse_speed(options.speed, "--speed");
  if (!(options.window.start_s < options.window.stop_s)) {
    throw UsageError(text::concatenate("--start ", options.window.start_s, " must be below --stop ",
                                       options.window.stop_s));
  }
  config::Configuration configuration;
  if (!options.config.empty()) configuration = load_configuration(options.config);
  std::optional<EnvironmentLog> log;
  if (!options.environment.empty()) {
    log = read_environment_log(options.environment,
                               {.log_utc_offset_s = configuration.temperature().log_utc_offset_s()});
  }
  const RecordingSettings settings = recording_settings(options, configuration, log);
  auto recordings = open_inputs(options, settings);
  if (log) warn(options, *log, settings.start_utc_ns.has_value(), *recordings.front());
  ReplayCamera camera(std::move(recordings), options.window);
  if (!camera.due_utc_ns()) {
    throw UsageError("--start and --stop leave no frame to play; they count seconds from the first frame");
  }

  zmq::context_t context;
  Publisher camera_publisher(context, {.endpoint = options.camera_endpoint,
                                       .topic = wire::kCameraTopic,
                                       .high_water_mark = 16,
                                       .option = "--camera-endpoint"});
  std::cout << "camera " << camera_publisher.endpoint() << std::endl;
  std::vector<Publisher*> publishers = {&camera_publisher};
  std::optional<Publisher> environment_publisher;
  std::optional<ReplayHolder> holder;
  Stream environment;
  if (log) {
    environment_publisher.emplace(context, PublisherSettings{.endpoint = options.environment_endpoint,
                                                             .topic = wire::kEnvironmentTopic,
                                                             .high_water_mark = 1000,
                                                             .option = "--environment-endpoint"});
    std::cout << "environment " << environment_publisher->endpoint() << std::endl;
    publishers.push_back(&*environment_publisher);
    holder.emplace(std::move(*log));
    environment = {&*holder, &*environment_publisher, nullptr};
  }
  require_subscribers(publishers, options.wait_subscriber_s);
  Player player({&camera, &camera_publisher, nullptr}, environment,
                {.speed = speed, .environment_ends_with_camera = true});
  player.run();
  std::cout << "sent " << player.frames_sent() << " frames and " << player.samples_sent() << " samples"
            << std::endl;
  let_go(publishers);
}

}  // namespace

int main(int argc, char** argv) {
  keep_memory_of_frames();
  CLI::App app("Publishes recordings as live streams, original times kept.", "glasswatch-replay");
  Options options;
  declare(app, options);
  catch_interrupts();
  return run_program(app, argc, argv, [&] {
    replay(options);
    return kSuccess;
  });
}
