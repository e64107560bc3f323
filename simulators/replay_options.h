// The command line of glasswatch-replay.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "simulators/replay_window.h"

namespace glasswatch::simulation {

inline constexpr double kLongestS = 1e9;

struct ReplayOptions {
  std::vector<std::string> inputs;
  std::string environment;
  std::string speed = "1";
  bool paused = false;
  bool loop = false;
  bool quiet = false;
  ReplayLimits limits;
  std::string from_utc;
  std::string to_utc;
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
  std::string control_endpoint;
  double wait_subscriber_s = 30;
};

// What is played.
inline void declare_material(CLI::App& app, ReplayOptions& options) {
  app.add_option("input", options.inputs, "Recordings; each becomes one series, and parts of one together")
      ->required();
  app.add_option("--environment", options.environment,
                 "Temperature log, published on the environment stream (default: what the inputs hold)");
  app.add_option("--start", options.limits.start_s, "Begin at this many seconds after the first frame")
      ->check(CLI::Range(0.0, kLongestS));
  app.add_option("--stop", options.limits.stop_s, "End before this many seconds after the first frame")
      ->check(CLI::Range(0.0, kLongestS));
  app.add_option("--from-utc", options.from_utc, "Begin at this time, \"2023-05-12T09:00:00Z\"");
  app.add_option("--to-utc", options.to_utc, "End before this time");
  app.add_option("--from-temperature", options.limits.from_temperature_c,
                 "Begin with the first frame that has reached this temperature, up or down, C")
      ->check(CLI::Range(-273.15, 5000.0));
  app.add_option("--to-temperature", options.limits.to_temperature_c,
                 "End with the first frame from there that has reached this temperature, up or down, C")
      ->check(CLI::Range(-273.15, 5000.0));
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
}

// How, and for whom.
inline void declare_playback(CLI::App& app, ReplayOptions& options) {
  app.add_option(
      "--speed", options.speed,
      "Recorded seconds per second, 0.1 to 1000, or \"max\": as fast as subscribers take it (default 1)");
  app.add_flag("--loop", options.loop,
               "Again and again until interrupted, each time as new series with the original times");
  app.add_flag("--paused", options.paused, "Begin with a pause");
  app.add_flag("--quiet", options.quiet, "No line of progress on a terminal");
  app.add_option("--control-endpoint", options.control_endpoint,
                 "ZeroMQ REP socket for the commands that standard input takes (default: none)");
  app.add_option("--camera-endpoint", options.camera_endpoint, "Default tcp://127.0.0.1:7101");
  app.add_option("--environment-endpoint", options.environment_endpoint, "Default tcp://127.0.0.1:7102");
  app.add_option("--wait-subscriber", options.wait_subscriber_s,
                 "Wait up to this many seconds for a subscriber on every stream (default 30; 0: no wait)")
      ->check(CLI::Range(0.0, 1e6));
  app.footer(
      "Commands while it plays, one a line on standard input: pause, play, step [N], speed X|max, status, "
      "quit");
}

inline void declare(CLI::App& app, ReplayOptions& options) {
  declare_material(app, options);
  declare_playback(app, options);
}

}  // namespace glasswatch::simulation
