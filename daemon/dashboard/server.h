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

/// A WebSocket message, ready to be sent; all clients share its bytes.
struct OutgoingMessage {
  std::shared_ptr<const std::string> bytes;
  bool binary = false;
};

OutgoingMessage text_message(std::string json);

/// u32 little-endian length of the header, the header as JSON, then the payload.
OutgoingMessage binary_message(std::string_view header_json, std::span<const std::uint8_t> payload);

/// What happens to a message where a client is slow.
enum class OnOverflow : std::uint8_t {
  kDropOldest,  // frames: the oldest queued one makes room, and is counted
  kKeep,  // setup, series, status, trigger, parts of a scan map: never dropped; a client full of them is
          // closed and starts afresh
  kLatestImage,     // live images: does not queue; replaces the one that waits, which is counted
  kLatestTiles,     // tile maps, in the same way
  kLatestDynamics,  // dynamics, too
};

/// A message of the welcome.
struct WelcomeMessage {
  OutgoingMessage message;
  OnOverflow on_overflow = OnOverflow::kKeep;  // kKeep: queued whatever the bound
};

/// Bounds per client; the defaults are the daemon's.
struct DashboardLimits {
  std::size_t queued = 64;       // messages per client; of live images and of tile maps only the latest
  std::size_t connections = 64;  // beyond it a new connection is closed at once
  std::chrono::milliseconds request{
      10000};  // for a request to arrive, a reply to leave, or a kept connection to idle
  std::chrono::milliseconds silence{10000};  // a stream client that answers no ping for this long is closed
};

/// Serves the embedded page at http://address:port/ and the result stream at ws://address:port/stream.
///
/// A slow client never holds up the daemon or another client: messages beyond its queue and images older than
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

  /// What a new client gets before anything published later: all that a late joiner needs.
  void set_welcome(std::function<std::vector<WelcomeMessage>()> welcome);

  /// Sends a message to every client.
  void publish(const OutgoingMessage& message, OnOverflow on_overflow);

  /// Clients on the stream; plain page requests do not count.
  std::size_t clients() const;

  /// Messages dropped for slow clients since the start, over all clients.
  std::uint64_t dropped() const;

  /// Closes the port and every connection; the io_context then runs out of this server's work. May be
  /// repeated.
  void stop();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;  // shared with the operations under way
};

}  // namespace glasswatch
