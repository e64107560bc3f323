// glasswatch: the client.
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <string>

#include "daemon/results_file.h"
#include "protocol/client/client.h"
#include "protocol/client/program.h"
#include "protocol/configuration/configuration.h"
#include "protocol/wire/wire.h"

namespace {

using namespace glasswatch;

volatile std::sig_atomic_t g_interrupted = 0;

struct Options {
  std::string results_endpoint = "tcp://127.0.0.1:7110";
  std::string control_endpoint = "tcp://127.0.0.1:7111";
  bool json = false;
  double timeout_s = 5;
  std::uint64_t frames = 0;
  double seconds = 0;
  std::string output;
};

std::string clock_time(std::int64_t time_utc_ns) {
  return format_utc(time_utc_ns).substr(11, 12);
}

// "412.31 ± 0.07 °C", or the reason why there is none.
std::string temperature_text(const result::Temperature& temperature) {
  if (temperature.validity() != result::VALID) return "T: " + result::Validity_Name(temperature.validity());
  char text[64];
  std::snprintf(text, sizeof(text), "%8.2f ± %.2f °C", temperature.value_c(), temperature.sigma_c());
  return text;
}

void print_setup(const result::Setup& setup) {
  std::printf("   frame         time    temperature            ring power by order");
  for (const auto order : setup.orders()) std::printf("%s%u", order == setup.orders(0) ? " " : ", ", order);
  std::printf("    g2(first lag)\n");
}

void print_frame(const result::FrameResult& frame) {
  std::printf("%8llu %s  %-22s", static_cast<unsigned long long>(frame.sequence()),
              clock_time(frame.time_utc_ns()).c_str(), temperature_text(frame.temperature()).c_str());
  for (const double power : frame.symmetry().ring_power()) std::printf(" %8.1e", power);
  if (frame.has_symmetry() && frame.symmetry().validity() != result::VALID) {
    std::printf(" (%s)", frame.symmetry().reason().c_str());
  }
  if (frame.ecm().g2_size() > 0) std::printf("  %8.5f", frame.ecm().g2(0));
  std::printf("%s\n", (frame.flags() & kFlagGapBefore) != 0 ? "  [gap before]" : "");
}

void print_trigger(const result::TriggerEvent& event) {
  std::printf("TRIGGER %s: frame %llu, %s, value %.4g > %.4g, confirmed since frame %llu: %s %s\n",
              event.rule().c_str(), static_cast<unsigned long long>(event.sequence()),
              temperature_text(event.temperature()).c_str(), event.value(), event.threshold(),
              static_cast<unsigned long long>(event.first_sequence()),
              result::TriggerEvent::Outcome_Name(event.outcome()).c_str(), event.detail().c_str());
  std::printf("        latency: result %.1f ms after receipt, command %.1f ms later, answer %.1f ms later\n",
              event.receive_to_result_s() * 1e3, event.result_to_send_s() * 1e3,
              event.send_to_reply_s() * 1e3);
}

void print_status(const result::Status& status) {
  std::printf("state        %s%s%s%s\n", result::DaemonState_Name(status.state()).c_str(),
              status.error().empty() ? "" : ": ", status.error().c_str(),
              status.armed() ? ", armed" : ", disarmed");
  std::printf("series       %s\n", status.series_id() == 0 ? "none" : status.series_name().c_str());
  for (const auto& source : status.sources()) {
    std::printf(
        "%-12s %s, received %llu, accepted %llu, lost %llu, duplicate %llu, late %llu, dropped %llu",
        source.name().c_str(), source.connected() ? "connected" : "not connected",
        static_cast<unsigned long long>(source.received()),
        static_cast<unsigned long long>(source.accepted()), static_cast<unsigned long long>(source.lost()),
        static_cast<unsigned long long>(source.duplicate()), static_cast<unsigned long long>(source.late()),
        static_cast<unsigned long long>(source.dropped_by_overflow()));
    for (const auto& [reason, count] : source.rejected()) {
      std::printf(", rejected (%s) %llu", reason.c_str(), static_cast<unsigned long long>(count));
    }
    if (std::isfinite(source.clock_offset_s())) {
      std::printf(", clock %+.3f ± %.3f s", source.clock_offset_s(), source.clock_sigma_s());
    }
    std::printf("\n");
  }
  std::printf("frames       processed %llu, without temperature %llu, skipped %llu\n",
              static_cast<unsigned long long>(status.processed()),
              static_cast<unsigned long long>(status.temperature_invalid()),
              static_cast<unsigned long long>(status.frames_skipped()));
  std::printf("results      published %llu, dropped %llu, live images replaced %llu\n",
              static_cast<unsigned long long>(status.published()),
              static_cast<unsigned long long>(status.publish_dropped()),
              static_cast<unsigned long long>(status.display_dropped()));
  std::printf("trigger      events %llu, failed commands %llu\n",
              static_cast<unsigned long long>(status.trigger_events()),
              static_cast<unsigned long long>(status.commands_failed()));
  std::printf("daemon       version %s, up %.0f s\n", status.program_version().c_str(), status.uptime_s());
}

int monitor(const Options& options) {
  std::signal(SIGINT, [](int) { g_interrupted = 1; });
  std::signal(SIGTERM, [](int) { g_interrupted = 1; });
  ResultSubscriber subscriber(options.results_endpoint,
                              options.json ? std::vector<std::string>{}
                                           : std::vector<std::string>{std::string(wire::kFrameTopic),
                                                                      std::string(wire::kTriggerTopic),
                                                                      std::string(wire::kSnapshotTopic)});
  using Clock = std::chrono::steady_clock;
  const auto started = Clock::now();
  std::uint64_t frames = 0;
  while (g_interrupted == 0) {
    const double elapsed_s = std::chrono::duration<double>(Clock::now() - started).count();
    if (options.seconds > 0 && elapsed_s >= options.seconds) break;
    const auto received = subscriber.next(std::chrono::milliseconds(100));
    if (!received) continue;
    if (received->message.has_display()) continue;  // pixels: for pages
    if (options.json) {
      std::printf("%s\n", to_json_line(received->message).c_str());
    } else if (received->message.has_setup()) {
      print_setup(received->message.setup());
    } else if (received->message.has_frame()) {
      print_frame(received->message.frame());
    } else if (received->message.has_trigger()) {
      print_trigger(received->message.trigger());
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

int snapshot(const Options& options) {
  control::Request request;
  request.mutable_snapshot();
  const ControlClient::Answer answer = ask(options, request);
  const control::Snapshot& state = answer.reply.snapshot();
  // The axes changed with the last series; frames of earlier configurations or series shapes do not fit
  // beside them.
  ResultsFile file(options.output, state.setup());
  file.begin_series(state.series().series_id(), state.series().start());
  for (const result::FrameResult& frame : answer.frames) file.add(frame);
  file.finish(state.setup());
  if (options.json) {
    std::printf("{\"frames\": %zu, \"frames_forgotten\": %llu, \"output\": \"%s\"}\n", answer.frames.size(),
                static_cast<unsigned long long>(state.frames_forgotten()), options.output.c_str());
  } else {
    std::printf("%zu frames written to %s (%llu older ones no longer in memory)\n", answer.frames.size(),
                options.output.c_str(), static_cast<unsigned long long>(state.frames_forgotten()));
  }
  return kSuccess;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Watches and commands a running glasswatchd", "glasswatch"};
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
  auto* record_command = add_json(app.add_subcommand("record", "start or stop recording"));
  std::string record_what;
  record_command->add_option("WHAT", record_what, "start or stop")
      ->required()
      ->check(CLI::IsMember({"start", "stop"}));

  return run_program(app, argc, argv, [&]() -> int {
    control::Request request;
    if (monitor_command->parsed()) return monitor(options);
    if (status_command->parsed()) return status(options);
    if (snapshot_command->parsed()) return snapshot(options);
    if (arm_command->parsed()) request.mutable_arm();
    if (disarm_command->parsed()) request.mutable_disarm();
    if (reset_command->parsed()) request.mutable_reset();
    if (record_command->parsed()) request.mutable_record()->set_start(record_what == "start");
    return command(options, request);
  });
}
