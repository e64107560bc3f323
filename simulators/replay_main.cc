// glasswatch-replay: recordings as live streams, at their original times.
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <iostream>
#include <optional>
#include <vector>

#include "protocol/client/program.h"
#include "protocol/configuration/configuration.h"
#include "protocol/configuration/text.h"
#include "protocol/types/heap.h"
#include "protocol/wire/wire.h"
#include "simulators/interrupt.h"
#include "simulators/playback_control.h"
#include "simulators/player.h"
#include "simulators/program.h"
#include "simulators/replay_feeds.h"
#include "simulators/replay_options.h"
#include "simulators/replay_recordings.h"

namespace {

using namespace glasswatch;
using namespace glasswatch::simulation;

constexpr std::chrono::seconds kBetweenActs{1};
constexpr std::chrono::seconds kLingerAfterQuit{2};

stream::StampReference stamp_reference(const std::string& name) {
  if (name == "start") return stream::EXPOSURE_START;
  return name == "middle" ? stream::EXPOSURE_MIDDLE : stream::EXPOSURE_END;
}

std::int64_t utc_or_throw(const std::string& option, const std::string& text) {
  const auto utc_ns = parse_utc(text);
  if (utc_ns) return *utc_ns;
  throw UsageError(option + " " + text + ": is no time; allowed: \"2023-05-12T09:00:00Z\"" +
                   (option == "--start-utc" ? " or \"log\"" : ""));
}

// Options given on the command line go before the configuration's.
RecordingSettings recording_settings(const ReplayOptions& options, const config::Configuration& configuration,
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
    settings.start_utc_ns = utc_or_throw("--start-utc", options.start_utc);
  } else if (acquisition.has_start_utc()) {
    settings.start_utc_ns = parse_utc(acquisition.start_utc());
  }
  return settings;
}

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

// Says what a careful user should know about it.
std::optional<EnvironmentLog> given_log(const ReplayOptions& options,
                                        const config::Configuration& configuration) {
  if (options.environment.empty()) return std::nullopt;
  auto log = read_environment_log(options.environment,
                                  {.log_utc_offset_s = configuration.temperature().log_utc_offset_s()});
  for (const std::string& remark : log.remarks) std::cerr << options.environment << ": " << remark << '\n';
  return log;
}

ReplayLimits replay_limits(const ReplayOptions& options) {
  ReplayLimits limits = options.limits;
  if (!options.from_utc.empty()) limits.from_utc_ns = utc_or_throw("--from-utc", options.from_utc);
  if (!options.to_utc.empty()) limits.to_utc_ns = utc_or_throw("--to-utc", options.to_utc);
  return limits;
}

void warn_without_times(const ReplayOptions& options, const Recording& first) {
  if (first.start().timing().start_utc_ns() != 0) return;
  std::cerr
      << "warning: " << options.inputs.front()
      << " carries no times and --start-utc was not given, so no temperature will be known; give --start-utc "
         "2023-05-12T09:00:00Z, or --start-utc log for the first sample of the log\n";
}

// The recordings, and what was measured beside them.
std::vector<ReplayAct> open_acts(const ReplayOptions& options) {
  config::Configuration configuration;
  if (!options.config.empty()) configuration = load_configuration(options.config);
  const auto log = given_log(options, configuration);
  InputSettings settings;
  settings.recording = recording_settings(options, configuration, log);
  if (options.preload) settings.preload_bytes = options.preload_mib << 20;
  settings.repeat = options.repeat;
  settings.scan = scan_shape(options.scan);
  ReplayMaterial material = open_inputs(options.inputs, settings, !log);
  for (const std::string& note : material.notes) std::cerr << "note: " << note << '\n';
  if (log) {
    if (!settings.recording.start_utc_ns) {
      warn_without_times(options, *material.acts.front().inputs.front().recording);
    }
    for (ReplayAct& act : material.acts) act.log = *log;
  }
  return std::move(material.acts);
}

ReplayWindow window_of(const std::vector<ReplayAct>& acts, const ReplayLimits& limits,
                       const TemperatureCurve& curve) {
  std::vector<Recording*> recordings;
  for (const ReplayAct& act : acts) {
    for (const ReplayInput& input : act.inputs) recordings.push_back(input.recording.get());
  }
  return find_window(recordings, limits, curve);
}

// The two feeds of an act.
struct Feeds {
  ReplayCamera camera;
  ReplayHolder holder;
};

// Those that have a frame to play.
std::vector<Feeds> feeds_of(std::vector<ReplayAct> acts, const ReplayWindow& window) {
  std::vector<Feeds> all;
  for (ReplayAct& act : acts) {
    Feeds feeds{ReplayCamera(std::move(act.inputs), window), ReplayHolder(std::move(act.log))};
    if (feeds.camera.due_utc_ns()) all.push_back(std::move(feeds));
  }
  if (!all.empty()) return all;
  throw UsageError(
      "no frame is left to play between --start, --from-utc, --from-temperature and --stop, --to-utc, "
      "--to-temperature; --start and --stop count seconds from the first frame");
}

// One act after the other, and with --loop all of them again. A new environment series makes a receiver
// forget the samples of the last, which the frames that it still has in its queue may need.
void play(Player& player, std::vector<Feeds>& acts, bool loop, const Playback& playback) {
  const auto ended = [&] { return interrupted() || playback.quitting(); };
  do {
    for (Feeds& act : acts) {
      if (player.frames_sent() > 0) player.rest(kBetweenActs);
      if (ended()) return;
      act.camera.rewind();
      act.holder.rewind();
      player.change_feeds(act.camera, &act.holder);
      player.run();
    }
  } while (loop && !ended());
}

void replay(const ReplayOptions& options) {
  Playback playback(parse_playback_speed(options.speed, "--speed"), options.paused);
  auto acts = open_acts(options);
  TemperatureCurve curve;
  bool samples = false;
  for (const ReplayAct& act : acts) {
    curve.add(act.log);
    samples = samples || !act.log.samples.empty();
  }
  const ReplayWindow window = window_of(acts, replay_limits(options), curve);
  auto feeds = feeds_of(std::move(acts), window);

  zmq::context_t context;
  Publisher camera(context, {.endpoint = options.camera_endpoint,
                             .topic = wire::kCameraTopic,
                             .high_water_mark = 16,
                             .option = "--camera-endpoint"});
  std::cout << "camera " << camera.endpoint() << std::endl;
  std::vector<Publisher*> publishers = {&camera};
  std::optional<Publisher> environment;
  if (samples) {
    environment.emplace(context, PublisherSettings{.endpoint = options.environment_endpoint,
                                                   .topic = wire::kEnvironmentTopic,
                                                   .high_water_mark = 1000,
                                                   .option = "--environment-endpoint"});
    std::cout << "environment " << environment->endpoint() << std::endl;
    publishers.push_back(&*environment);
  }
  PlaybackControl control(
      context, playback, curve,
      {.endpoint = options.control_endpoint, .progress = !options.quiet && isatty(STDERR_FILENO) != 0});
  if (!control.endpoint().empty()) std::cout << "control " << control.endpoint() << std::endl;
  require_subscribers(publishers, options.wait_subscriber_s, [&] {
    control.attend({});
    return !playback.quitting();
  });

  Player player({nullptr, &camera, nullptr}, {nullptr, environment ? &*environment : nullptr, nullptr},
                {.environment_ends_with_camera = true});
  player.follow(playback, control);
  play(player, feeds, options.loop, playback);
  control.end_progress(player.progress());
  std::cout << "sent " << player.frames_sent() << " frames and " << player.samples_sent() << " samples"
            << std::endl;
  let_go(publishers);
  if (!playback.quitting()) return;
  for (Publisher* publisher : publishers) publisher->set_linger(kLingerAfterQuit);
}

}  // namespace

int main(int argc, char** argv) {
  reserve_standard_input();
  keep_memory_of_frames();
  CLI::App app("Publishes recordings as live streams, original times kept.", "glasswatch-replay");
  ReplayOptions options;
  declare(app, options);
  catch_interrupts();
  return run_program(app, argc, argv, [&] {
    replay(options);
    return kSuccess;
  });
}
