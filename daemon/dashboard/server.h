// The dashboard's web server: one embedded page, and a WebSocket that pushes results to every browser.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace glasswatch {

/// What happens to a text when a client's queue is full.
enum class OnOverflow : std::uint8_t {
  kDropOldest,  // frames: the oldest queued text of this kind makes room, and is counted
  kKeep,  // setup, series, status, trigger: never dropped; a client full of them is closed and starts afresh
};

/// Bounds per client; the defaults are the daemon's.
struct DashboardLimits {
  std::size_t queued_texts = 64;  // per client; images: only the latest
  std::size_t connections = 64;   // beyond it a new connection is closed at once
  std::chrono::milliseconds request{
      10000};  // for a request to arrive, a reply to leave, or a kept connection to idle
  std::chrono::milliseconds silence{10000};  // a stream client that answers no ping for this long is closed
};

/// Serves the embedded page at http://address:port/ and the result stream at ws://address:port/stream.
///
/// A slow client never holds up the daemon or another client: texts beyond its queue and images older than
/// the latest are dropped for it alone and counted. Requests whose Host is neither loopback, nor the address
/// they came in on, nor the configured one are refused, and so are those another site's page makes (Origin
/// differs from Host).
///
/// Thread rule: everything, the destructor included, only on the thread that runs the io_context, or while
/// none does.
class DashboardServer {
 public:
  /// Listens at once. Port 0 takes any free one. Throws std::runtime_error naming address, port and the
  /// remedy when the address does not exist or the port is in use.
  DashboardServer(boost::asio::io_context& io, const std::string& address, std::uint16_t port,
                  DashboardLimits limits = {});
  ~DashboardServer();  // as stop()
  DashboardServer(const DashboardServer&) = delete;
  DashboardServer& operator=(const DashboardServer&) = delete;

  /// The port in use, also when 0 was asked for.
  std::uint16_t port() const;

  /// JSON texts that a new client gets before anything published later: all that a late joiner needs.
  void set_welcome(std::function<std::vector<std::string>()> welcome);

  /// Sends a WebSocket text to every client. Cost without clients: none.
  void publish(std::string json, OnOverflow on_overflow = OnOverflow::kDropOldest);

  /// Sends a binary WebSocket message to every client: u32 little-endian length of the header, the header as
  /// JSON, then the pixels. A client that has not yet taken the image before gets only this one.
  void publish_image(std::string_view header_json, std::span<const std::uint8_t> pixels);

  /// Clients on the stream; plain page requests do not count.
  std::size_t clients() const;

  /// Texts and images dropped for slow clients since the start, over all clients.
  std::uint64_t dropped() const;

  /// Closes the port and every connection; the io_context then runs out of this server's work. May be
  /// repeated.
  void stop();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;  // shared with the operations under way
};

}  // namespace glasswatch
