#include "daemon/daemon.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/signalfd.h>

#include <csignal>
#include <utility>

#include <boost/asio/steady_timer.hpp>
#include <opencv2/core/utility.hpp>
#include <optional>

#include "daemon/control_server.h"
#include "daemon/dashboard/server.h"
#include "daemon/engine.h"
#include "daemon/ingest.h"
#include "daemon/microscope_link.h"
#include "daemon/outbox.h"
#include "daemon/publisher.h"
#include "daemon/recording/recorder.h"
#include "daemon/state.h"
#include "detectors/numpy/mask.h"

namespace glasswatch {
namespace {

constexpr std::size_t kOutboxMessages = 1024;

// SIGINT and SIGTERM as something to read. They must be blocked in every thread (glasswatchd does that first
// thing): a handler could interrupt any ZeroMQ call, which then fails.
int ending_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return ::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

wire::SizeLimits size_limits(const config::Limits& limits) {
  return {limits.max_rows(), limits.max_columns(), std::size_t{limits.max_frame_mib()} << 20};
}

MaskImage load_mask(const config::Configuration& configuration) {
  return configuration.calibration().has_mask_path() ? read_mask(configuration.calibration().mask_path())
                                                     : MaskImage{};
}

LabelImage load_labels(const config::Configuration& configuration) {
  return configuration.ecm().has_label_path() ? read_labels(configuration.ecm().label_path()) : LabelImage{};
}

// Patterns that the pipeline holds back until it is calibrated.
std::size_t held_frames(const config::Configuration& configuration) {
  const auto& calibration = configuration.calibration();
  return configuration.has_symmetry() && calibration.has_estimate() ? calibration.estimate().frames() : 0;
}

}  // namespace

// Every part, in the order of the data. Threads: one per ingest, the engine's with its workers, the
// microscope link's; all others run on the service thread, which is the one that calls run().
//
//   camera ──────> Ingest ──queue──┐                     ┌─> Publisher ──> clients (XPUB), DashboardServer
//                                  ├─> Engine ──Outbox───┤
//   environment ─> Ingest ──queue──┘   (Pipeline)        └─> ControlServer (REP)
//                     │                  └─order─> MicroscopeLink ──> microscope (REQ)
//                     └─every item──> Recorder <── every result of the Outbox
struct Daemon::Parts {
  Parts(config::Configuration configuration, int lanes)
      : config(std::move(configuration)),
        recorder(config.has_recording() ? std::make_unique<Recorder>(config) : nullptr),
        outbox(kOutboxMessages, state, result_tap()),
        dashboard(config.has_dashboard() ? std::make_unique<DashboardServer>(
                                               io, config.dashboard().address(),
                                               static_cast<std::uint16_t>(config.dashboard().port()))
                                         : nullptr),
        publisher(io, context, config, dashboard.get()),
        control(
            io, context, config, state, publisher, [this] { return status(); }, recorder.get()),
        microscope(context, config.microscope(),
                   [this](const result::TriggerEvent& event) { publish_event(event, outbox, state); }),
        camera(context, "camera", config.camera(), size_limits(config.limits()), doorbell, fail(),
               held_frames(config), camera_tap()),
        environment(config.has_environment()
                        ? std::make_unique<Ingest>(context, "environment", config.environment(),
                                                   size_limits(config.limits()), doorbell, fail(), 0,
                                                   environment_tap())
                        : nullptr),
        engine(config, load_mask(config), doorbell, camera, environment.get(),
               config.has_microscope() ? &microscope : nullptr, outbox, state, lanes, load_labels(config)) {
    state.set_armed(config.service().start_armed());
    cv::setNumThreads(1);  // all threads are those listed above
  }

  void run() {
    if (recorder) {
      recorder->start();
      engine.on_last_dynamics([this](const result::Dynamics& last, bool may_wait) {
        recorder->take_last_dynamics(last, may_wait);
      });
    }
    engine.start();
    microscope.start();
    camera.start();
    if (environment) environment->start();
    signals.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       [this](boost::system::error_code error) {
                         if (!error) io.stop();
                       });
    watch_outbox();
    publisher.start();
    control.start();
    publish_status();
    io.run();
    shut_down();
  }

  // Also when run() was left by an exception: nobody waits for an outbox that is no longer emptied.
  ~Parts() {
    outbox.close();
    camera.stop();
    if (environment) environment->stop();
    engine.request_stop();
    engine.join();
    microscope.stop();
    if (recorder) recorder->stop();
  }

  // Stop intake, drain, publish, join, close.
  void shut_down() {
    spdlog::info("stopping");
    camera.stop();
    if (environment) environment->stop();
    engine.request_stop();
    while (!engine.finished()) {
      pollfd descriptor{outbox.wakeup().descriptor(), POLLIN, 0};
      ::poll(&descriptor, 1, 20);
      empty_outbox();
    }
    engine.join();
    empty_outbox();
    microscope.stop();
    empty_outbox();
    if (recorder) recorder->stop();
    publisher.publish_status(status());
    if (dashboard) dashboard->stop();
    control.stop();
    publisher.stop();
  }

  void watch_outbox() {
    outbox_readable.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                               [this](boost::system::error_code error) {
                                 if (error) return;
                                 empty_outbox();
                                 watch_outbox();
                               });
  }

  void empty_outbox() {
    outbox.wakeup().acknowledge();
    while (outbox.try_pop(outbound)) publisher.publish(outbound);
    if (outbox.try_pop_display(image)) publisher.publish_display(image);
  }

  void publish_status() {
    const result::Status now = status();
    publisher.publish_status(now);
    if (recorder) recorder->take_status(now);
    timer.expires_after(
        std::chrono::milliseconds(static_cast<int>(config.service().status_period_s() * 1e3)));
    timer.async_wait([this](boost::system::error_code error) {
      if (!error) publish_status();
    });
  }

  result::Status status() const {
    const SharedState::View view = state.view();
    result::Status status;
    status.set_state(view.state);
    status.set_error(view.error);
    status.set_armed(view.armed);
    status.set_series_id(view.series_id);
    status.set_series_name(view.series_name);
    add_source(camera, view.clocks.camera_offset_s, view.clocks.camera_sigma_s, status);
    if (environment) {
      add_source(*environment, view.clocks.environment_offset_s, view.clocks.environment_sigma_s, status);
    }
    status.set_processed(view.processed);
    status.set_published(publisher.published());
    status.set_temperature_invalid(view.temperature_invalid);
    status.set_frames_skipped(view.skipped);
    status.set_samples_implausible(view.clocks.samples_implausible);
    status.set_trigger_events(view.trigger_events);
    status.set_commands_failed(view.commands_failed);
    status.set_publish_dropped(view.publish_dropped);
    status.set_display_dropped(view.display_dropped);
    status.set_uptime_s(std::chrono::duration<double>(std::chrono::steady_clock::now() - started_at).count());
    status.set_program_version(GLASSWATCH_VERSION);
    status.set_clients(dashboard ? static_cast<std::uint32_t>(dashboard->clients()) : 0);
    if (recorder) *status.mutable_recording() = recorder->status();
    return status;
  }

  static void add_source(const Ingest& ingest, double offset_s, double sigma_s, result::Status& status) {
    result::SourceCounters& source = *status.add_sources();
    source = ingest.counters();
    source.set_clock_offset_s(offset_s);
    source.set_clock_sigma_s(sigma_s);
  }

  // What the recorder sees: everything that enters, everything that leaves.
  Ingest::Tap camera_tap() {
    if (!recorder) return {};
    return [this](const StreamItem& item, bool recorded) { recorder->take_camera(item, recorded); };
  }
  Ingest::Tap environment_tap() {
    if (!recorder) return {};
    return [this](const StreamItem& item, bool recorded) { recorder->take_environment(item, recorded); };
  }
  Outbox::Tap result_tap() {
    if (!recorder) return {};
    return [this](const Outbound& result, bool may_wait) { recorder->take_result(result, may_wait); };
  }

  Ingest::Fail fail() {
    return [this](const std::string& error) {
      spdlog::error("{}", error);
      state.failed(error);
    };
  }

  const config::Configuration config;
  const std::chrono::steady_clock::time_point started_at = std::chrono::steady_clock::now();
  zmq::context_t context;
  boost::asio::io_context io;
  boost::asio::posix::stream_descriptor signals{io, ending_signals()};
  boost::asio::steady_timer timer{io};
  SharedState state;
  Doorbell doorbell;
  std::unique_ptr<Recorder> recorder;
  Outbox outbox;
  boost::asio::posix::stream_descriptor outbox_readable{io, ::dup(outbox.wakeup().descriptor())};
  Outbound outbound;
  Outbound image;  // apart from `outbound`: each kind of message keeps its own memory

  std::unique_ptr<DashboardServer> dashboard;
  Publisher publisher;
  ControlServer control;
  MicroscopeLink microscope;
  Ingest camera;
  std::unique_ptr<Ingest> environment;
  Engine engine;
};

Daemon::Daemon(config::Configuration configuration, int lanes)
    : parts_(std::make_unique<Parts>(std::move(configuration), lanes)) {}
Daemon::~Daemon() = default;

void Daemon::run() {
  parts_->run();
}
void Daemon::stop() {
  parts_->io.stop();
}

std::string Daemon::results_endpoint() const {
  return parts_->publisher.endpoint();
}
std::string Daemon::control_endpoint() const {
  return parts_->control.endpoint();
}
std::uint16_t Daemon::dashboard_port() const {
  return parts_->dashboard ? parts_->dashboard->port() : 0;
}

std::string daemon_faults(const config::Configuration& configuration, const std::string& name) {
  std::string faults;
  const auto fault = [&](const std::string& line) {
    faults += (faults.empty() ? "" : "\n") + name + ": " + line;
  };
  const auto check_kind = [&](const std::string& field, const config::Source& source) {
    std::string known;
    for (const StreamKind& kind : stream_kinds()) {
      if (kind.name == source.kind()) return;
      known += (known.empty() ? "" : ", ") + std::string(kind.name);
    }
    fault(field + ".kind = \"" + source.kind() + "\" is unknown (allowed: " + known + ")");
  };
  if (configuration.has_camera()) {
    check_kind("camera", configuration.camera());
  } else {
    fault("the daemon needs a camera section: camera { kind: \"ceta\" endpoint: \"tcp://127.0.0.1:7101\" }");
  }
  if (configuration.has_environment()) check_kind("environment", configuration.environment());
  for (const config::TriggerRule& rule : configuration.trigger()) {
    if (rule.require_temperature() && !configuration.has_environment()) {
      fault("trigger \"" + rule.name() +
            "\" requires a temperature, but there is no environment section; add one or "
            "set require_temperature: false");
    }
  }
  return faults;
}

}  // namespace glasswatch
