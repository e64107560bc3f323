// The daemon: this class wires every part; daemon.cc shows the whole pipeline on one screen.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "daemon/workers.h"
#include "protocol/schema/configuration.pb.h"

namespace glasswatch {

class Daemon {
 public:
  /// Binds all sockets; nothing runs yet. `configuration` must be valid and have a camera section. lanes:
  /// threads that share the work of a frame; results do not depend on it. Throws std::runtime_error or
  /// InputError with a message for the user.
  explicit Daemon(config::Configuration configuration, int lanes = Workers::default_lanes());
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  /// Runs until stop(), or SIGINT or SIGTERM where the caller has blocked them in all threads: then stops
  /// intake, analyses what is queued, publishes it, closes.
  void run();

  /// Any thread, or a signal handler of the event loop.
  void stop();

  // Real addresses, also when wildcard ports were configured.
  std::string results_endpoint() const;
  std::string control_endpoint() const;
  std::uint16_t dashboard_port() const;  // 0 = no dashboard

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// Faults of a configuration that only the daemon minds (a missing camera section, an unknown source kind,
/// ...): one line each, beginning with `name`, empty when it can run.
std::string daemon_faults(const config::Configuration& configuration, const std::string& name);

}  // namespace glasswatch
