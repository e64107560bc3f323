// One stream's socket: a ZeroMQ XPUB that loses nothing on its side and greets every subscriber with the
// series start.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <zmq.hpp>

#include "simulators/message.h"

namespace glasswatch::simulation {

/// A socket that cannot be opened or used. One line for the user; programs exit with code 4 on it.
class StreamError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Opens `socket` at `endpoint`; throws StreamError with the remedy. `option` is the flag or field that sets
/// it.
void bind_or_throw(zmq::socket_t& socket, const std::string& endpoint, std::string_view option);

/// How an endpoint is opened: how many messages may wait for a subscriber, and what the user calls the
/// setting.
struct PublisherSettings {
  std::string endpoint;
  std::string_view topic;
  int high_water_mark = 16;
  std::string_view option = "--camera-endpoint";
};

/// XPUB with ZMQ_XPUB_NODROP: when a subscriber's queue is full try_send() refuses, and the caller waits.
/// Subscriptions are applied by hand (ZMQ_XPUB_MANUAL), so that the last *Start is the first thing a joining
/// subscriber gets, with no frame slipping in before it. One thread per object, as with every ZeroMQ socket.
class Publisher {
 public:
  using Clock = std::chrono::steady_clock;

  Publisher(zmq::context_t& context, const PublisherSettings& settings);

  /// The address in force; tells the port behind a wildcard.
  const std::string& endpoint() const { return endpoint_; }

  /// Takes in subscriptions and repeats the start to each who joined. Never blocks. Call it whenever socket()
  /// is readable, and it is called by every other method.
  void service();

  /// Subscriptions in force that let this stream's topic through.
  int subscribers() const { return subscribers_; }

  /// true when handed to the transport for every subscriber, or lost while disconnected; false when a queue
  /// is full: send the same message later.
  bool try_send(const Message& message);

  /// A heartbeat, if nothing was sent for a second. `now_utc_ns`: source clock.
  void heartbeat_if_idle(std::int64_t now_utc_ns);

  /// How long closing may wait for subscribers to take what is queued.
  void set_linger(std::chrono::milliseconds linger);

  /// Closes the socket: every connection ends, after what was handed over before was taken (one second at
  /// most). Until reopen() try_send() loses what it is given, but remembers the start of a series that begins
  /// meanwhile.
  void disconnect();

  /// Opens the socket at the same address again; subscribers come back by themselves. false: the system has
  /// not let go of the address yet, try again. Throws StreamError when it does not within two seconds.
  bool reopen();

  bool connected() const { return !closed_at_; }

  /// Of the latest disconnection: when; how many subscribers there were; how many messages were lost.
  Clock::time_point closed_at() const { return *closed_at_; }
  int subscribers_before() const { return subscribers_before_; }
  std::uint64_t lost() const { return lost_; }

  /// Not to be used while disconnected.
  zmq::socket_ref socket() { return socket_; }

 private:
  zmq::socket_t open() const;
  bool transmit(const Message& message);
  void remember(const Message& message);
  bool greet();

  zmq::context_t& context_;
  int high_water_mark_;
  zmq::socket_t socket_;
  std::string topic_;
  std::string endpoint_;
  int subscribers_ = 0;
  std::optional<Clock::time_point> closed_at_;  // while disconnected
  int subscribers_before_ = 0;
  std::uint64_t lost_ = 0;
  std::optional<Message> start_;  // of the series that is running
  bool greeting_due_ = false;
  Clock::time_point last_sent_ = Clock::now();
};

/// Waits until every publisher has a subscriber; false at the deadline or when interrupted().
bool wait_for_subscribers(std::span<Publisher* const> publishers, Publisher::Clock::time_point deadline);

}  // namespace glasswatch::simulation
