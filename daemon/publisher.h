// Publishes results to clients and dashboards, and keeps what a late joiner needs.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>

#include "daemon/asio_socket.h"
#include "daemon/dashboard/server.h"
#include "daemon/outbound.h"
#include "protocol/client/whole_map.h"
#include "protocol/schema/configuration.pb.h"
#include "protocol/schema/results.pb.h"

namespace glasswatch {

/// Numbers, stamps and sends every message on the results socket (XPUB), feeds the dashboard, and remembers
/// the last of each kind: a new subscriber gets setup, last series, last frame and status at once (to
/// everybody: the messages are the state, and receiving them twice changes nothing). Of scan and tile maps it
/// keeps the whole, up to kMaxMapValues each; who subscribes to maps gets it as one message. Service thread
/// only.
///
/// Overflow policy towards clients: a subscriber that does not read loses messages beyond 10,000 in its queue
/// and sees a jump of `sequence`; others are not affected. The dashboard gets at most frame_rate_hz frame
/// results a second, and every map update.
class Publisher {
 public:
  /// `dashboard` may be null. Throws std::runtime_error when the endpoint cannot be bound.
  Publisher(boost::asio::io_context& io, zmq::context_t& context, const config::Configuration& configuration,
            DashboardServer* dashboard);

  /// From now on subscribers are greeted.
  void start();

  void publish(const Outbound& message);
  void publish_display(const Outbound& image);
  void publish_status(const result::Status& status);

  /// The real endpoint, also when a wildcard port was configured.
  std::string endpoint() const { return endpoint_; }
  std::uint64_t published() const { return sequence_; }

  // For snapshots: encoded ResultMessages with a frame each, oldest first.
  const std::deque<std::string>& history() const { return history_; }
  std::uint64_t forgotten() const { return forgotten_; }
  const result::ResultMessage& setup() const { return setup_; }
  const result::ResultMessage& series() const { return series_; }
  const std::deque<result::TriggerEvent>& triggers() const { return triggers_; }
  const WholeMap& scan_map() const { return scan_map_; }
  const WholeMap& tile_map() const { return tile_map_; }

  void stop() { socket_.stop(); }

 private:
  struct Joined {
    bool somebody = false;
    bool to_maps = false;  // some of them
    bool to_dynamics = false;
  };
  void greet_subscribers();
  Joined take_in_subscriptions();
  void repeat(std::string_view topic, const result::ResultMessage& last);
  void greet();
  void greet_with_maps();
  void send(std::string_view topic, result::ResultMessage& message, const std::vector<std::uint8_t>* payload);
  void remember(const result::ResultMessage& message, const std::string& bytes);
  void remember_dynamics(const result::ResultMessage& message);
  void assemble(const result::MapUpdate& update);
  void show(const result::ResultMessage& message);
  void show_frame(const result::ResultMessage& message);
  std::vector<WelcomeMessage> welcome() const;

  const config::Configuration& configuration_;
  AsioSocket socket_;
  DashboardServer* dashboard_;
  std::string endpoint_;
  std::uint64_t daemon_id_;
  std::uint64_t sequence_ = 0;

  result::ResultMessage message_;  // reused
  std::string bytes_;
  result::ResultMessage setup_;
  result::ResultMessage series_;
  result::ResultMessage frame_;
  result::ResultMessage status_;
  result::ResultMessage dynamics_;
  WholeMap scan_map_;
  WholeMap tile_map_;
  bool map_refused_ = false;               // the last update
  std::uint64_t refusal_told_series_ = 0;  // said once per series
  std::deque<result::TriggerEvent> triggers_;
  std::deque<std::string> history_;
  std::size_t history_bytes_ = 0;
  std::uint64_t forgotten_ = 0;
  std::chrono::steady_clock::time_point next_shown_{};
};

}  // namespace glasswatch
