// glasswatchd: the daemon.
#include <google/protobuf/stubs/logging.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <cstdio>
#include <string>

#include "daemon/daemon.h"
#include "detectors/numpy/mask.h"
#include "detectors/stream_decoder.h"
#include "protocol/client/program.h"
#include "protocol/configuration/configuration.h"
#include "protocol/types/heap.h"

int main(int argc, char** argv) {
  using namespace glasswatch;
  keep_memory_of_frames();
  CLI::App app{"Analyses live camera and temperature streams of an in situ experiment", "glasswatchd"};
  std::string kinds = "Kinds of sources (camera.kind, environment.kind):";
  for (const StreamKind& kind : stream_kinds()) {
    kinds += "\n  " + std::string(kind.name) + "  " + std::string(kind.description);
  }
  app.footer(kinds +
             "\nExit codes: 0 stopped in order, 2 bad usage or configuration, 3 unreadable input, 4 failed");
  std::string configuration_path;
  bool check = false;
  int threads = Workers::default_lanes();
  app.add_option("--config", configuration_path,
                 "configuration (*.textproto); config/ has commented examples")
      ->required();
  app.add_option("--threads", threads, "threads that share the work of a frame; results do not depend on it")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_flag("--check", check, "check the configuration, print what is in force, and end");

  sigset_t ending;  // before any thread: Daemon reads these signals from a descriptor
  sigemptyset(&ending);
  sigaddset(&ending, SIGINT);
  sigaddset(&ending, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may grow no further is an error of the recording, not our end
  google::protobuf::SetLogHandler(
      nullptr);  // bad messages are counted and logged at a bounded rate by the ingest
  spdlog::set_default_logger(spdlog::stderr_color_mt("glasswatchd"));

  return run_program(app, argc, argv, [&]() -> int {
    const config::Configuration configuration = load_configuration(configuration_path);
    if (const std::string faults = daemon_faults(configuration, configuration_path); !faults.empty()) {
      throw ConfigurationError(faults);
    }
    if (configuration.calibration().has_mask_path()) read_mask(configuration.calibration().mask_path());
    if (configuration.ecm().has_label_path()) read_labels(configuration.ecm().label_path());
    if (check) {
      std::printf("%s", effective_text(configuration).c_str());
      return kSuccess;
    }
    Daemon daemon(configuration, threads);
    spdlog::info("results {}, control {}", daemon.results_endpoint(), daemon.control_endpoint());
    if (daemon.dashboard_port() != 0) {
      spdlog::info("dashboard http://{}:{}/", configuration.dashboard().address(), daemon.dashboard_port());
    }
    daemon.run();
    return kSuccess;
  });
}
