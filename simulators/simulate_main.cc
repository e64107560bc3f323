// glasswatch-simulate: the virtual microscope.
#include <array>
#include <chrono>
#include <iomanip>
#include <iostream>
#include <optional>
#include <thread>

#include "protocol/client/program.h"
#include "protocol/configuration/configuration.h"
#include "protocol/wire/wire.h"
#include "simulators/interrupt.h"
#include "simulators/player.h"
#include "simulators/program.h"
#include "simulators/truth_file.h"
#include "simulators/virtual_microscope.h"

namespace {

using namespace glasswatch;
using namespace glasswatch::simulation;

struct Options {
  std::string scenario;
  std::string truth;
  std::string speed = "1";
  double wait_subscriber_s = 0;
  RunLength length;
  bool live_clock = false;
  int threads = 0;
  std::string camera_endpoint;
  std::string environment_endpoint;
  std::string control_endpoint;
};

void declare(CLI::App& app, Options& options) {
  app.add_option("scenario", options.scenario, "Scenario, such as config/scenarios/first-light.textproto")
      ->required();
  app.add_option("--truth", options.truth, "Write the planted truth to this HDF5 file at the end");
  app.add_option("--speed", options.speed, "Simulated seconds per second, or \"max\" (default 1)");
  app.add_option("--wait-subscriber", options.wait_subscriber_s,
                 "Wait up to this many seconds for a subscriber on both streams; fail if none comes (default "
                 "0: no wait)")
      ->check(CLI::Range(0.0, 1e6));
  app.add_option("--frames", options.length.frames, "End after this many frame periods")
      ->check(CLI::Range(1u, 100'000'000u));
  app.add_option("--seconds", options.length.seconds, "End after this many seconds of simulated time")
      ->check(CLI::Range(1e-3, 1e8));
  app.add_flag("--live-clock", options.live_clock,
               "Stamp with the wall clock instead of the scenario's; --speed 1 only");
  app.add_option("--threads", options.threads,
                 "Threads that make images (default: as the machine has); changes nothing in them")
      ->check(CLI::Range(1, 256));
  app.add_option("--camera-endpoint", options.camera_endpoint, "Instead of the scenario's");
  app.add_option("--environment-endpoint", options.environment_endpoint, "Instead of the scenario's");
  app.add_option("--control-endpoint", options.control_endpoint, "Instead of the scenario's");
}

std::string either(const std::string& given, const std::string& otherwise) {
  return given.empty() ? otherwise : given;
}

void simulate(const Options& options) {
  const scenario::Scenario scenario = load_scenario(options.scenario);
  const double speed = parse_speed(options.speed, "--speed");
  if (options.live_clock && speed != 1) {
    throw UsageError("--live-clock needs --speed 1, not " + options.speed +
                     ": the wall clock does not run faster");
  }
  std::optional<TruthFile> truth;
  if (!options.truth.empty()) truth.emplace(options.truth);

  zmq::context_t context;
  const auto& endpoints = scenario.endpoints();
  Publisher camera(context, {.endpoint = either(options.camera_endpoint, endpoints.camera()),
                             .topic = wire::kCameraTopic,
                             .high_water_mark = 16,
                             .option = "--camera-endpoint"});
  Publisher environment(context, {.endpoint = either(options.environment_endpoint, endpoints.environment()),
                                  .topic = wire::kEnvironmentTopic,
                                  .high_water_mark = 1000,
                                  .option = "--environment-endpoint"});
  RunSettings run;
  run.threads = options.threads > 0 ? options.threads : static_cast<int>(std::thread::hardware_concurrency());
  MicroscopeControl control(context, either(options.control_endpoint, endpoints.control()));
  std::cout << "camera " << camera.endpoint() << "\nenvironment " << environment.endpoint() << "\ncontrol "
            << control.endpoint() << std::endl;
  const std::array<Publisher*, 2> publishers = {&camera, &environment};
  require_subscribers(publishers, options.wait_subscriber_s);

  run.checksums = truth.has_value();
  run.clock = options.live_clock ? stream::LIVE_CLOCK : stream::RECORDED_CLOCK;
  if (!options.live_clock) run.start_utc_ns = *parse_utc(scenario.start_utc());
  if (scenario.has_specimen()) std::cerr << "preparing the specimen" << std::endl;
  release_interrupts();  // preparing may take long, and has nothing to end in order
  VirtualMicroscope microscope(scenario, run, options.length);
  catch_interrupts();
  FaultInjector camera_faults(scenario, scenario::Fault::CAMERA, microscope.start_utc_ns());
  FaultInjector environment_faults(scenario, scenario::Fault::ENVIRONMENT, microscope.start_utc_ns());
  Player player({&microscope.camera(), &camera, &camera_faults},
                {&microscope.holder(), &environment, &environment_faults},
                {.speed = speed, .live_clock = options.live_clock});
  player.obey(control, [&](const control::MicroscopeCommand& command, std::int64_t now_utc_ns) {
    return microscope.execute(command, now_utc_ns);
  });
  const auto began = Publisher::Clock::now();
  player.run();
  const std::chrono::duration<double> took = Publisher::Clock::now() - began;

  if (truth) {
    truth->write(scenario, microscope);
  }
  std::cout << "sent " << player.frames_sent() << " frames and " << player.samples_sent() << " samples in "
            << std::fixed << std::setprecision(1) << took.count() << " s" << std::endl;
  let_go(publishers);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("The virtual microscope: a heated metallic glass with known truth, as live streams.",
               "glasswatch-simulate");
  Options options;
  declare(app, options);
  catch_interrupts();
  return run_program(app, argc, argv, [&] {
    simulate(options);
    return kSuccess;
  });
}
