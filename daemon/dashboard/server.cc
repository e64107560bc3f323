#include "daemon/dashboard/server.h"

#include <utility>  // before asio/awaitable.hpp of Boost 1.74, which forgets it

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <set>
#include <stdexcept>

#include "daemon/dashboard/client_queue.h"
#include "daemon/dashboard/pages.h"
#include "daemon/dashboard/request_rules.h"

namespace glasswatch {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using boost::system::error_code;
using Request = http::request<http::empty_body>;
using Response = http::response<http::string_body>;

constexpr std::size_t kMaxHeaderBytes = 8192;    // of a request; there is never a body
constexpr std::size_t kMaxIncomingBytes = 1024;  // of a stream message; the page sends none
constexpr int kSendBufferBytes =
    512 * 1024;  // in the kernel: about two images, so that what is shown is fresh

std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

tcp::acceptor listen(asio::io_context& io, const std::string& address, std::uint16_t port) {
  try {
    tcp::resolver resolver(io);
    const auto found = resolver.resolve(address, std::to_string(port),
                                        tcp::resolver::passive | tcp::resolver::numeric_service);
    return tcp::acceptor(io, found.begin()->endpoint());
  } catch (const boost::system::system_error& error) {
    throw std::runtime_error(
        "dashboard: cannot listen at address " + address + ", port " + std::to_string(port) + ": " +
        error.code().message() +
        "; set dashboard.port to a free port (0 = any) and dashboard.address to one of this "
        "machine's addresses, such as 127.0.0.1");
  }
}

Response reply(const Request& request, http::status status, std::string_view mime_type, std::string_view body,
               const std::string& policy) {
  Response response(status, request.version());
  response.set(http::field::content_type, beast::string_view(mime_type.data(), mime_type.size()));
  response.set(http::field::cache_control, "no-store");
  response.set("X-Content-Type-Options", "nosniff");
  response.set("Referrer-Policy", "no-referrer");
  response.set("Content-Security-Policy", policy);
  response.body().assign(body);
  response.keep_alive(request.keep_alive());
  response.prepare_payload();
  return response;
}

Response refuse(const Request& request, http::status status, const std::string& reason) {
  Response response =
      reply(request, status, "text/plain; charset=utf-8", reason + "\n", "default-src 'none'");
  response.keep_alive(false);
  return response;
}

// The reply to anything but a valid upgrade to the stream.
Response answer(const Request& request) {
  if (request.method() != http::verb::get) {
    Response response = refuse(request, http::status::method_not_allowed, "405: only GET");
    response.set(http::field::allow, "GET");
    return response;
  }
  const auto path = view(request.target()).substr(0, view(request.target()).find('?'));
  for (const Page& page : pages()) {
    if (page.path != path) continue;
    return reply(request, http::status::ok, page.mime_type, page.content,
                 content_security_policy(view(request[http::field::host])));
  }
  if (path == "/stream") {
    Response response = refuse(request, http::status::upgrade_required, "426: a WebSocket stream");
    response.set(http::field::upgrade, "websocket");
    return response;
  }
  return refuse(request, http::status::not_found, "404: no such page; the dashboard is at /");
}

// One browser on the stream.
class Client : public std::enable_shared_from_this<Client> {
 public:
  Client(beast::tcp_stream stream, std::size_t queued) : stream_(std::move(stream)), queue_(queued) {}

  websocket::stream<beast::tcp_stream>& stream() { return stream_; }
  ClientQueue& queue() { return queue_; }
  void close() { beast::get_lowest_layer(stream_).close(); }

  // Sends what is queued, one message at a time.
  void flush() {
    if (sending_) return;
    auto message = queue_.take();
    if (!message) return;
    sending_ = true;
    stream_.binary(message->binary);
    const auto bytes = asio::buffer(*message->bytes);
    stream_.async_write(bytes,
                        [self = shared_from_this(), kept = message->bytes](error_code error, std::size_t) {
                          self->sending_ = false;
                          if (error) {
                            self->close();
                          } else {
                            self->flush();
                          }
                        });
  }

 private:
  websocket::stream<beast::tcp_stream> stream_;
  ClientQueue queue_;
  bool sending_ = false;
};

}  // namespace

OutgoingMessage text_message(std::string json) {
  return {std::make_shared<const std::string>(std::move(json)), false};
}

OutgoingMessage binary_message(std::string_view header_json, std::span<const std::uint8_t> payload) {
  std::string bytes;
  bytes.reserve(4 + header_json.size() + payload.size());
  const auto length = static_cast<std::uint32_t>(header_json.size());
  for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>((length >> shift) & 0xff));
  bytes.append(header_json);
  bytes.append(reinterpret_cast<const char*>(payload.data()), payload.size());
  return {std::make_shared<const std::string>(std::move(bytes)), true};
}

class DashboardServer::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& io, const std::string& address, std::uint16_t port, DashboardLimits limits)
      : io_(io),
        acceptor_(listen(io, address, port)),
        port_(acceptor_.local_endpoint().port()),
        retry_(io),
        address_(address),
        limits_(limits) {}

  void start() {
    asio::co_spawn(
        io_, [self = shared_from_this()] { return self->accept(); }, asio::detached);
  }

  std::uint16_t port() const { return port_; }
  std::size_t clients() const { return clients_.size(); }

  std::uint64_t dropped() const {
    std::uint64_t sum = dropped_by_departed_;
    for (const auto& client : clients_) sum += client->queue().dropped();
    return sum;
  }

  void set_welcome(std::function<std::vector<WelcomeMessage>()> welcome) { welcome_ = std::move(welcome); }

  void publish(const OutgoingMessage& message, OnOverflow on_overflow) {
    for (const auto& client : clients_) {
      if (client->queue().push(message, on_overflow)) {
        client->flush();
      } else {
        client->close();
      }
    }
  }

  void stop() {
    stopped_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    retry_.cancel();
    welcome_ = nullptr;  // it may refer to what its owner is about to destroy
    for (const auto& stream : requests_) stream->close();
    for (const auto& client : clients_) client->close();
  }

 private:
  asio::awaitable<void> accept() {
    while (!stopped_) {
      error_code error;
      tcp::socket socket = co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (stopped_) co_return;
      if (error) {  // e.g. out of file descriptors: try again when some may be free
        retry_.expires_after(std::chrono::milliseconds(200));
        co_await retry_.async_wait(asio::redirect_error(asio::use_awaitable, error));
      } else if (requests_.size() + clients_.size() < limits_.connections) {
        socket.set_option(tcp::no_delay(true), error);
        socket.set_option(asio::socket_base::send_buffer_size(kSendBufferBytes), error);
        auto stream = std::make_shared<beast::tcp_stream>(std::move(socket));
        requests_.insert(stream);
        asio::co_spawn(
            io_, [self = shared_from_this(), stream] { return self->serve(stream); }, asio::detached);
      }
    }
  }

  // One connection, until it closes or becomes a stream.
  asio::awaitable<void> serve(std::shared_ptr<beast::tcp_stream> stream) {
    error_code error;
    beast::flat_buffer buffer(2 * kMaxHeaderBytes);
    bool keep_alive = true;
    while (keep_alive && !stopped_) {
      http::request_parser<http::empty_body> parser;
      parser.header_limit(kMaxHeaderBytes);
      stream->expires_after(limits_.request);
      co_await http::async_read_header(*stream, buffer, parser,
                                       asio::redirect_error(asio::use_awaitable, error));
      if (error || stopped_) break;

      const Request& request = parser.get();
      Response response = check(request, *stream);
      if (response.result() == http::status::ok) {
        if (websocket::is_upgrade(request) && request.target() == "/stream") {
          requests_.erase(stream);
          co_await serve_stream(std::make_shared<Client>(std::move(*stream), limits_.queued), request);
          co_return;
        }
        response = answer(request);
      }
      // A body is never read; what follows the header would be taken for the next request.
      if (!parser.is_done()) response.keep_alive(false);
      keep_alive = response.keep_alive();
      stream->expires_after(limits_.request);
      co_await http::async_write(*stream, response, asio::redirect_error(asio::use_awaitable, error));
      if (error) break;
    }
    requests_.erase(stream);
    stream->socket().shutdown(tcp::socket::shutdown_send, error);
  }

  // Status ok when the request may be answered at all.
  Response check(const Request& request, const beast::tcp_stream& stream) const {
    error_code error;
    const auto local = stream.socket().local_endpoint(error);
    const auto host = view(request[http::field::host]);
    if (!host_allowed(host, error ? std::string() : local.address().to_string(), address_)) {
      return refuse(request, http::status::forbidden,
                    "403: open the dashboard by this machine's address or by the name in dashboard.address");
    }
    if (!origin_allowed(view(request[http::field::origin]), host)) {
      return refuse(request, http::status::forbidden, "403: requests from pages of another site are refused");
    }
    return Response(http::status::ok, request.version());
  }

  asio::awaitable<void> serve_stream(std::shared_ptr<Client> client, const Request& request) {
    error_code error;
    auto& stream = client->stream();
    beast::get_lowest_layer(stream).expires_never();  // from here on the WebSocket's own timeouts hold
    websocket::stream_base::timeout timeouts{};
    timeouts.handshake_timeout = limits_.request;
    timeouts.idle_timeout = limits_.silence;
    timeouts.keep_alive_pings = true;
    stream.set_option(timeouts);
    stream.read_message_max(kMaxIncomingBytes);
    stream.auto_fragment(false);
    const std::shared_ptr<beast::tcp_stream> handshaking(client, &beast::get_lowest_layer(stream));
    requests_.insert(handshaking);
    co_await stream.async_accept(request, asio::redirect_error(asio::use_awaitable, error));
    requests_.erase(handshaking);
    if (error || stopped_) co_return;

    if (welcome_) {
      for (const WelcomeMessage& welcome : welcome_()) client->queue().push_welcome(welcome);
    }
    clients_.insert(client);
    client->flush();
    while (
        !error) {  // reading is what answers pings and notices the end; what a client says is of no interest
      beast::flat_buffer ignored;
      co_await stream.async_read(ignored, asio::redirect_error(asio::use_awaitable, error));
    }
    client->close();
    dropped_by_departed_ += client->queue().dropped();
    clients_.erase(client);
  }

  asio::io_context& io_;
  tcp::acceptor acceptor_;
  std::uint16_t port_;
  asio::steady_timer retry_;
  std::string address_;
  DashboardLimits limits_;
  std::function<std::vector<WelcomeMessage>()> welcome_;
  std::set<std::shared_ptr<beast::tcp_stream>> requests_;  // connections that are no stream yet
  std::set<std::shared_ptr<Client>> clients_;
  std::uint64_t dropped_by_departed_ = 0;
  bool stopped_ = false;
};

DashboardServer::DashboardServer(asio::io_context& io, const std::string& address, std::uint16_t port,
                                 DashboardLimits limits)
    : impl_(std::make_shared<Impl>(io, address, port, limits)) {
  impl_->start();
}

DashboardServer::~DashboardServer() {
  stop();
}

std::uint16_t DashboardServer::port() const {
  return impl_->port();
}

void DashboardServer::set_welcome(std::function<std::vector<WelcomeMessage>()> welcome) {
  impl_->set_welcome(std::move(welcome));
}

void DashboardServer::publish(const OutgoingMessage& message, OnOverflow on_overflow) {
  impl_->publish(message, on_overflow);
}

std::size_t DashboardServer::clients() const {
  return impl_->clients();
}

std::uint64_t DashboardServer::dropped() const {
  return impl_->dropped();
}

void DashboardServer::stop() {
  impl_->stop();
}

}  // namespace glasswatch
