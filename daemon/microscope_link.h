// Commands to the microscope: one request, one reply, a time limit; one command under way at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include <zmq.hpp>

#include "daemon/bounded_queue.h"
#include "protocol/schema/configuration.pb.h"
#include "protocol/schema/control.pb.h"
#include "protocol/schema/results.pb.h"

namespace glasswatch {

/// What a rule asks for, with the event to be completed by the answer.
struct MicroscopeOrder {
  control::MicroscopeCommand command;
  result::TriggerEvent event;
  std::chrono::steady_clock::time_point decided_at;
};

/// Sends orders from its own thread, so that a silent microscope holds nobody up. A command that was not
/// answered in time counts as failed; whether it was executed is then unknown, and the event says so. It is
/// not sent again.
class MicroscopeLink {
 public:
  /// `done` is called from the link's thread with outcome, detail and latencies filled in.
  using Done = std::function<void(result::TriggerEvent)>;

  MicroscopeLink(zmq::context_t& context, const config::Microscope& microscope, Done done);
  ~MicroscopeLink();
  MicroscopeLink(const MicroscopeLink&) = delete;
  MicroscopeLink& operator=(const MicroscopeLink&) = delete;

  void start();
  void stop();

  /// Takes the order, or refuses (false) while another one is under way. Any thread.
  bool order(const MicroscopeOrder& order);

 private:
  void run();
  void carry_out(MicroscopeOrder& order);

  const config::Microscope& microscope_;
  zmq::context_t& context_;
  Done done_;
  Doorbell doorbell_;
  std::mutex mutex_;
  std::optional<MicroscopeOrder> waiting_;
  bool busy_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace glasswatch
