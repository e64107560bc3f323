// glasswatch: the client, and the tools for recorded files.
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "daemon/programs/convert_arguments.h"
#include "daemon/programs/info.h"
#include "daemon/programs/interrupt.h"
#include "daemon/programs/print_results.h"
#include "daemon/programs/repair.h"
#include "daemon/results_file.h"
#include "protocol/client/client.h"
#include "protocol/client/program.h"
#include "protocol/client/whole_map.h"
#include "protocol/wire/wire.h"

namespace {

using namespace glasswatch;

struct Options {
  std::string results_endpoint = "tcp://127.0.0.1:7110";
  std::string control_endpoint = "tcp://127.0.0.1:7111";
  bool json = false;
  bool maps = false;
  double timeout_s = 5;
  std::uint64_t frames = 0;
  double seconds = 0;
  std::string output;
};

// Of dynamics what fits a line: no maps, no matrix.
void keep_numbers(result::Dynamics& dynamics) {
  const auto clear = [](result::KwwMaps& maps) {
    maps.clear_tau_s();
    maps.clear_beta();
    maps.clear_contrast();
    maps.clear_status();
    maps.clear_tau_sigma_s();
    maps.clear_beta_sigma();
  };
  if (dynamics.has_cells()) clear(*dynamics.mutable_cells());
  if (dynamics.has_pixels()) clear(*dynamics.mutable_pixels());
  if (dynamics.has_two_time()) dynamics.mutable_two_time()->clear_correlation();
}

// Lets through one map update a second, and the one that completes a scan.
class MapPace {
 public:
  using Clock = std::chrono::steady_clock;

  bool due(const result::MapUpdate& map) {
    const auto now = Clock::now();
    const bool completed = map.kind() == result::MapUpdate::SCAN && map.complete();
    if (!completed && now < next_) return false;
    next_ = now + std::chrono::seconds(1);
    return true;
  }

 private:
  Clock::time_point next_{};
};

int monitor(const Options& options) {
  catch_interrupts();
  ResultSubscriber subscriber(
      options.results_endpoint,
      options.json
          ? std::vector<std::string>{}
          : std::vector<std::string>{std::string(wire::kFrameTopic), std::string(wire::kTriggerTopic),
                                     std::string(wire::kMapTopic), std::string(wire::kDynamicsTopic),
                                     std::string(wire::kSnapshotTopic)});
  using Clock = std::chrono::steady_clock;
  const auto started = Clock::now();
  MapPace map_pace;
  std::uint64_t frames = 0;
  while (!interrupted()) {
    const double elapsed_s = std::chrono::duration<double>(Clock::now() - started).count();
    if (options.seconds > 0 && elapsed_s >= options.seconds) break;
    auto received = subscriber.next(std::chrono::milliseconds(100));
    if (!received) continue;
    if (received->message.has_display()) continue;  // pixels: for pages
    const bool whole_maps = options.json && options.maps;
    if (received->message.has_dynamics() && !whole_maps) {
      keep_numbers(*received->message.mutable_dynamics());
    }
    if (received->message.has_map() && !whole_maps) {
      if (!map_pace.due(received->message.map())) continue;
      *received->message.mutable_map() = map_header(received->message.map());
    }
    if (options.json) {
      std::printf("%s\n", to_json_line(received->message).c_str());
    } else {
      print_result(received->message);
    }
    std::fflush(stdout);
    if (received->message.has_frame() && ++frames == options.frames) break;
  }
  if (options.json && subscriber.missed() > 0) {
    print_error("glasswatch",
                std::to_string(subscriber.missed()) + " messages were missed on this connection");
  }
  return frames > 0 || options.frames == 0 ? kSuccess : kFailed;
}

ControlClient::Answer ask(const Options& options, control::Request request) {
  request.set_client("glasswatch");
  ControlClient client(options.control_endpoint,
                       std::chrono::milliseconds(static_cast<std::int64_t>(options.timeout_s * 1e3)));
  return client.ask(std::move(request));
}

// Asks and prints the state that the reply carries, or the daemon's error.
int command(const Options& options, const control::Request& request) {
  const ControlClient::Answer answer = ask(options, request);
  if (options.json) {
    std::printf("%s\n", to_json_line(answer.reply).c_str());
  }
  if (answer.reply.has_error()) {
    print_error("glasswatch", control::Error::Code_Name(answer.reply.error().code()) + ": " +
                                  answer.reply.error().message());
    return kFailed;
  }
  if (!options.json) print_status(answer.reply.status());
  return kSuccess;
}

int status(const Options& options) {
  control::Request request;
  request.mutable_status();
  const ControlClient::Answer answer = ask(options, request);
  if (options.json) {
    std::printf("%s\n", to_json_line(answer.reply.status()).c_str());
  } else {
    print_status(answer.reply.status());
  }
  return kSuccess;
}

// What set-symmetry changes; what is not given stays as it is.
struct SymmetryOptions {
  std::optional<double> r_min_px;
  std::optional<double> r_max_px;
  std::optional<double> ring_min_inv_nm;
  std::optional<double> ring_max_inv_nm;
  std::vector<std::uint32_t> orders;

  bool empty() const {
    return !r_min_px && !r_max_px && !ring_min_inv_nm && !ring_max_inv_nm && orders.empty();
  }
};

int set_symmetry(const Options& options, const SymmetryOptions& wanted) {
  if (wanted.empty()) {
    print_error("glasswatch", "set-symmetry: nothing to change was given; glasswatch set-symmetry --help");
    return kBadUsage;
  }
  control::Request request;
  control::ChangeSymmetry& change = *request.mutable_change_symmetry();
  if (wanted.r_min_px) change.set_r_min_px(*wanted.r_min_px);
  if (wanted.r_max_px) change.set_r_max_px(*wanted.r_max_px);
  if (wanted.ring_min_inv_nm) change.set_ring_min_inv_nm(*wanted.ring_min_inv_nm);
  if (wanted.ring_max_inv_nm) change.set_ring_max_inv_nm(*wanted.ring_max_inv_nm);
  for (const std::uint32_t order : wanted.orders) change.add_orders(order);
  return command(options, request);
}

int snapshot(const Options& options) {
  control::Request request;
  request.mutable_snapshot();
  const ControlClient::Answer answer = ask(options, request);
  const control::Snapshot& state = answer.reply.snapshot();
  // The axes changed with the last series; frames of earlier configurations or series shapes do not fit
  // beside them.
  ResultsFile file(options.output, state.setup());
  file.begin_series(state.series().series_id(), state.series().start());
  std::size_t written = 0;
  for (const result::FrameResult& frame : answer.frames) {
    if (frame.configuration_digest() != state.setup().configuration_digest()) continue;
    file.add(frame);
    ++written;
  }
  for (const result::MapUpdate& map : state.maps()) file.add_map(map);
  if (state.has_dynamics()) file.add_dynamics(state.dynamics());
  file.finish(state.setup());
  const std::size_t changed = answer.frames.size() - written;
  const auto forgotten = static_cast<unsigned long long>(state.frames_forgotten());
  if (options.json) {
    std::printf(
        "{\"frames\": %zu, \"frames_forgotten\": %llu, \"frames_of_other_settings\": %zu, \"output\": "
        "\"%s\"}\n",
        written, forgotten, changed, options.output.c_str());
  } else {
    std::printf("%zu frames written to %s (%llu older ones no longer in memory", written,
                options.output.c_str(), forgotten);
    if (changed > 0) std::printf("; %zu from before the last change of rows or orders left out", changed);
    std::printf(")\n");
  }
  return kSuccess;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Watches and commands a running glasswatchd; looks after recorded files", "glasswatch"};
  Options options;
  app.add_option("--results", options.results_endpoint, "results endpoint of the daemon")
      ->capture_default_str();
  app.add_option("--control", options.control_endpoint, "control endpoint of the daemon")
      ->capture_default_str();
  app.add_option("--timeout", options.timeout_s, "seconds to wait for an answer")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 3600.0));
  app.require_subcommand(1);
  app.fallthrough();
  const auto add_json = [&](CLI::App* sub) {
    sub->add_flag("--json", options.json, "one JSON object per line");
    return sub;
  };
  auto* monitor_command = add_json(app.add_subcommand("monitor", "print results as they are published"));
  monitor_command->add_flag("--maps", options.maps,
                            "with --json: every map update, and maps of dynamics, with their values");
  monitor_command->add_option("--frames", options.frames, "end after that many frame results");
  monitor_command->add_option("--seconds", options.seconds, "end after that many seconds");
  auto* status_command = add_json(app.add_subcommand("status", "state and counters of the daemon"));
  auto* snapshot_command =
      add_json(app.add_subcommand("snapshot", "write the results in memory to an HDF5 file"));
  snapshot_command->add_option("OUT.h5", options.output, "file to write")->required();
  auto* arm_command = add_json(app.add_subcommand("arm", "let trigger rules command the microscope"));
  auto* disarm_command =
      add_json(app.add_subcommand("disarm", "keep trigger rules from commanding the microscope"));
  auto* reset_command =
      add_json(app.add_subcommand("reset", "clear running statistics; leave the error state"));
  auto* calibrate_command = add_json(
      app.add_subcommand("calibrate", "estimate centre, ellipse, ring and mask anew from the next patterns"));
  auto* symmetry_command =
      add_json(app.add_subcommand("set-symmetry", "use other rows or orders from now on"));
  SymmetryOptions symmetry;
  symmetry_command->add_option("--r-min", symmetry.r_min_px, "innermost radius, px");
  symmetry_command->add_option("--r-max", symmetry.r_max_px, "outermost radius, px");
  symmetry_command->add_option("--ring-min", symmetry.ring_min_inv_nm, "inner edge of the ring, 1/nm");
  symmetry_command->add_option("--ring-max", symmetry.ring_max_inv_nm, "outer edge of the ring, 1/nm");
  symmetry_command->add_option("--orders", symmetry.orders, "n-fold orders, such as 2,4,6,10")
      ->delimiter(',');
  auto* record_command = add_json(app.add_subcommand("record", "start or stop recording"));
  std::string record_what;
  record_command->add_option("WHAT", record_what, "start or stop")
      ->required()
      ->check(CLI::IsMember({"start", "stop"}));
  std::vector<std::string> files;
  const auto add_files = [&](CLI::App* sub, const char* help) {
    sub->add_option("FILE", files, help)->required();
    return add_json(sub);
  };
  auto* info_command = add_files(app.add_subcommand("info", "what a recording or a temperature log holds"),
                                 "recordings and logs of any known format");
  auto* repair_command =
      add_files(app.add_subcommand(
                    "repair", "make recordings whole that a crash, a power cut or a full disk left behind"),
                "recordings made by glasswatchd");
  auto* convert_command = app.add_subcommand("convert", "write recordings in another format");
  ConvertArguments conversion(*convert_command);

  return run_program(app, argc, argv, [&]() -> int {
    if (info_command->parsed()) return info(files, options.json);
    if (repair_command->parsed()) return repair(files, options.json);
    if (convert_command->parsed()) return convert(conversion.options());
    control::Request request;
    if (monitor_command->parsed()) return monitor(options);
    if (status_command->parsed()) return status(options);
    if (snapshot_command->parsed()) return snapshot(options);
    if (symmetry_command->parsed()) return set_symmetry(options, symmetry);
    if (arm_command->parsed()) request.mutable_arm();
    if (disarm_command->parsed()) request.mutable_disarm();
    if (reset_command->parsed()) request.mutable_reset();
    if (calibrate_command->parsed()) request.mutable_calibrate();
    if (record_command->parsed()) request.mutable_record()->set_start(record_what == "start");
    return command(options, request);
  });
}
