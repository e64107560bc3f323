// The dashboard server over real loopback sockets, driven by an independent client (Beast's) on the same
// thread.
#include "daemon/dashboard/server.h"

#include <gtest/gtest.h>

#include <utility>  // before asio/awaitable.hpp of Boost 1.74, which forgets it

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <chrono>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>

#include "daemon/dashboard/client_queue.h"
#include "daemon/dashboard/request_rules.h"

namespace glasswatch {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using boost::system::error_code;
using Response = http::response<http::string_body>;
using Stream = websocket::stream<beast::tcp_stream>;

constexpr std::chrono::seconds kDeadline{20};

class DashboardServerTest : public ::testing::Test {
 protected:
  void start(DashboardLimits limits = {}) {
    server_ = std::make_unique<DashboardServer>(io_, "127.0.0.1", std::uint16_t{0}, limits);
  }

  std::string host() const { return "127.0.0.1:" + std::to_string(server_->port()); }

  // Runs server and client until `done`; false at the deadline.
  bool run_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + kDeadline;
    while (!done() && std::chrono::steady_clock::now() < deadline) {
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds(50));
    }
    return done();
  }

  void publish(std::string text) { server_->publish(text_message(std::move(text)), OnOverflow::kDropOldest); }

  tcp::socket connect() {
    tcp::socket socket(io_);
    socket.connect({asio::ip::address_v4::loopback(), server_->port()});
    return socket;
  }

  // Sends raw bytes and reads one reply; status 0 (unknown) when the connection ends without one.
  Response exchange(const std::string& bytes) {
    beast::tcp_stream stream(connect());
    asio::write(stream.socket(), asio::buffer(bytes));
    Response response;
    response.result(0u);
    beast::flat_buffer buffer;
    bool done = false;
    http::async_read(stream, buffer, response, [&](error_code, std::size_t) { done = true; });
    EXPECT_TRUE(run_until([&] { return done; }));
    return response;
  }

  Response get(const std::string& target) { return exchange(request("GET", target, host())); }

  static std::string request(const std::string& method, const std::string& target,
                             const std::string& host_field, const std::string& more = "") {
    return method + " " + target + " HTTP/1.1\r\nHost: " + host_field + "\r\n" + more + "\r\n";
  }

  // Opens a stream; the error is that of the handshake.
  std::unique_ptr<Stream> open_stream(error_code& error, const std::string& host_field,
                                      const std::string& origin) {
    auto stream = std::make_unique<Stream>(connect());
    stream->set_option(websocket::stream_base::decorator([origin](websocket::request_type& upgrade) {
      if (!origin.empty()) upgrade.set(http::field::origin, origin);
    }));
    bool done = false;
    stream->async_handshake(host_field, "/stream", [&](error_code result) {
      error = result;
      done = true;
    });
    EXPECT_TRUE(run_until([&] { return done; }));
    return stream;
  }

  std::unique_ptr<Stream> open_stream() {
    error_code error;
    const std::size_t before = server_->clients();
    auto stream = open_stream(error, host(), "http://" + host());
    EXPECT_FALSE(error) << error.message();
    EXPECT_TRUE(run_until([&] { return server_->clients() == before + 1; }));
    return stream;
  }

  // The next message, or "" when the connection ended.
  std::string receive(Stream& stream) {
    beast::flat_buffer buffer;
    bool done = false;
    stream.async_read(buffer, [&](error_code, std::size_t) { done = true; });
    EXPECT_TRUE(run_until([&] { return done; }));
    return beast::buffers_to_string(buffer.data());
  }

  asio::io_context io_;
  std::unique_ptr<DashboardServer> server_;
};

TEST_F(DashboardServerTest, ServesThePageFromMemoryWithTypesAndPolicy) {
  start();
  const std::pair<const char*, const char*> expected[] = {
      {"/", "text/html; charset=utf-8"},
      {"/index.html", "text/html; charset=utf-8"},
      {"/?from=bookmark", "text/html; charset=utf-8"},
      {"/style.css", "text/css; charset=utf-8"},
      {"/app.js", "text/javascript; charset=utf-8"},
      {"/icon.svg", "image/svg+xml"},
      {"/vendor/chart.min.js", "text/javascript; charset=utf-8"}};
  for (const auto& [target, mime_type] : expected) {
    const Response response = get(target);
    EXPECT_EQ(response.result(), http::status::ok) << target;
    EXPECT_EQ(response[http::field::content_type], mime_type) << target;
    EXPECT_EQ(response[http::field::cache_control], "no-store") << target;
    EXPECT_EQ(response["X-Content-Type-Options"], "nosniff") << target;
    EXPECT_EQ(std::string(response["Content-Security-Policy"]).find("default-src 'self';"), 0u) << target;
    EXPECT_FALSE(response.body().empty()) << target;
  }
}

TEST_F(DashboardServerTest, EmbeddedFilesAreTheSourceFilesToTheByte) {
  start();
  for (const char* name : {"index.html", "style.css", "app.js", "time_charts.js"}) {
    const std::string here = __FILE__;
    const std::string root = here.substr(0, here.rfind("/tests/daemon/"));
    std::ifstream file(root + "/daemon/dashboard/page/" + name, std::ios::binary);
    ASSERT_TRUE(file) << name;
    std::ostringstream content;
    content << file.rdbuf();
    EXPECT_EQ(get(std::string("/") + name).body(), content.str()) << name;
  }
}

TEST_F(DashboardServerTest, UnknownPathsAreNotFound) {
  start();
  for (const char* target : {"/nothing", "/../CMakeLists.txt", "/%2e%2e/etc/passwd", "//etc/passwd",
                             "/page/app.js", "http://elsewhere/", "*"}) {
    EXPECT_EQ(get(target).result(), http::status::not_found) << target;
  }
  EXPECT_EQ(get("/stream").result(), http::status::upgrade_required);
}

TEST_F(DashboardServerTest, OtherMethodsAreNotAllowed) {
  start();
  for (const char* method : {"POST", "PUT", "DELETE", "HEAD", "OPTIONS", "BREW"}) {
    const Response response = exchange(request(method, "/", host(), "Content-Length: 0\r\n"));
    EXPECT_EQ(response.result(), http::status::method_not_allowed) << method;
    EXPECT_EQ(response[http::field::allow], "GET") << method;
  }
}

TEST_F(DashboardServerTest, ForeignHostOrOriginIsRefused) {
  start();
  EXPECT_EQ(exchange(request("GET", "/", "evil.example")).result(), http::status::forbidden);
  EXPECT_EQ(exchange(request("GET", "/", "10.1.2.3")).result(), http::status::forbidden);
  EXPECT_EQ(exchange("GET / HTTP/1.1\r\n\r\n").result(), http::status::forbidden);
  EXPECT_EQ(exchange(request("GET", "/", "localhost:9000")).result(), http::status::ok);
  EXPECT_EQ(exchange(request("GET", "/", host(), "Origin: http://evil.example\r\n")).result(),
            http::status::forbidden);

  error_code error;
  open_stream(error, host(), "http://evil.example");
  EXPECT_EQ(error, websocket::error::upgrade_declined);
  open_stream(error, "evil.example", "http://evil.example");
  EXPECT_EQ(error, websocket::error::upgrade_declined);
  EXPECT_EQ(server_->clients(), 0u);
}

TEST(DashboardRequestRules, HostsAndOrigins) {
  for (const char* host : {"localhost", "LocalHost:7180", "127.0.0.1", "127.0.0.2:80", "[::1]:7180",
                           "192.168.7.5:7180", "tem-pc:7180"}) {
    EXPECT_TRUE(host_allowed(host, "192.168.7.5", "tem-pc")) << host;
  }
  for (const char* host :
       {"", ":7180", "evil.example", "127.0.0.1.evil.example", "192.168.7.6", "localhost:evil",
        "localhost:1 ws://evil", "[::1", "[::1]evil", "[fe80::1]", "tem-pc.evil.example"}) {
    EXPECT_FALSE(host_allowed(host, "192.168.7.5", "tem-pc")) << host;
  }
  EXPECT_TRUE(origin_allowed("", "localhost:7180"));
  EXPECT_TRUE(origin_allowed("http://LOCALHOST:7180", "localhost:7180"));
  EXPECT_FALSE(origin_allowed("null", "localhost:7180"));
  EXPECT_FALSE(origin_allowed("http://localhost:7181", "localhost:7180"));
  EXPECT_FALSE(origin_allowed("https://localhost:7180", "localhost:7180"));
}

TEST_F(DashboardServerTest, OversizedHeaderEndsTheConnection) {
  start();
  const Response response = exchange(request("GET", "/", host(), "X: " + std::string(20000, 'x') + "\r\n"));
  EXPECT_NE(response.result(), http::status::ok);
}

TEST_F(DashboardServerTest, ABodyIsNeverTakenForTheNextRequest) {
  start();
  const std::string smuggled = request("GET", "/style.css", host());
  beast::tcp_stream stream(connect());
  asio::write(stream.socket(),
              asio::buffer(
                  request("GET", "/", host(), "Content-Length: " + std::to_string(smuggled.size()) + "\r\n") +
                  smuggled));
  std::string received;
  bool ended = false;
  std::function<void()> read_more = [&] {
    const auto chunk = std::make_shared<std::array<char, 4096>>();
    stream.async_read_some(asio::buffer(*chunk), [&, chunk](error_code error, std::size_t count) {
      received.append(chunk->data(), count);
      if (error) {
        ended = true;
      } else {
        read_more();
      }
    });
  };
  read_more();
  ASSERT_TRUE(run_until([&] { return ended; }));
  EXPECT_EQ(received.find("text/css"), std::string::npos);
  EXPECT_EQ(received.find("Connection: close") != std::string::npos, true);
}

TEST_F(DashboardServerTest, AnIdleConnectionIsClosed) {
  DashboardLimits limits;
  limits.request = std::chrono::milliseconds(100);
  start(limits);
  EXPECT_EQ(exchange("GET / HT").result_int(), 0u);
}

TEST_F(DashboardServerTest, ConnectionsBeyondTheLimitAreClosed) {
  DashboardLimits limits;
  limits.connections = 2;
  start(limits);
  const auto first = open_stream();
  const auto second = open_stream();
  EXPECT_EQ(get("/").result_int(), 0u);
  EXPECT_EQ(server_->clients(), 2u);
}

TEST_F(DashboardServerTest, ANewClientGetsTheWelcomeFirstAndThenWhatAllGet) {
  start();
  server_->set_welcome([] {
    std::vector<WelcomeMessage> messages;
    for (const char* text : {"{\"setup\":1}", "{\"series\":2}", "{\"status\":3}"}) {
      messages.push_back({text_message(text)});
    }
    return messages;
  });
  publish("{\"before\":0}");
  const auto early = open_stream();
  publish("{\"frame\":4}");
  const auto late = open_stream();
  publish("{\"frame\":5}");

  for (const char* text :
       {"{\"setup\":1}", "{\"series\":2}", "{\"status\":3}", "{\"frame\":4}", "{\"frame\":5}"}) {
    EXPECT_EQ(receive(*early), text);
    EXPECT_TRUE(early->got_text());
  }
  for (const char* text : {"{\"setup\":1}", "{\"series\":2}", "{\"status\":3}", "{\"frame\":5}"}) {
    EXPECT_EQ(receive(*late), text);
  }
  EXPECT_EQ(server_->dropped(), 0u);
}

TEST_F(DashboardServerTest, ImagesAreFramedAsLengthHeaderPixels) {
  start();
  const auto client = open_stream();
  const std::string header = R"({"rows":2,"columns":3})";
  const std::array<std::uint8_t, 6> pixels{0, 255, 10, 13, 128, 7};
  server_->publish(binary_message(header, pixels), OnOverflow::kLatestImage);
  const std::string expected = std::string{static_cast<char>(header.size()), 0, 0, 0} + header +
                               std::string(pixels.begin(), pixels.end());
  EXPECT_EQ(receive(*client), expected);
  EXPECT_TRUE(client->got_binary());
}

TEST_F(DashboardServerTest, AClientThatDoesNotReadIsBoundedCountedAndClosedWhileOthersGoOn) {
  DashboardLimits limits;
  limits.silence = std::chrono::milliseconds(1000);
  start(limits);
  const auto slow = open_stream();  // never reads
  const auto quick = open_stream();

  constexpr int kTexts = 400;
  const std::string padding(200 * 1000, 'x');  // 80 MB in all, far beyond what the kernel buffers
  for (int i = 0; i < kTexts; ++i) {
    publish(std::to_string(i) + padding);
    EXPECT_EQ(receive(*quick), std::to_string(i) + padding);
  }
  EXPECT_GT(server_->dropped(), 0u);
  EXPECT_LT(server_->dropped(), kTexts - limits.queued);
  EXPECT_TRUE(run_until([&] {
    publish("{}");
    return receive(*quick) == "{}" && server_->clients() == 1;
  }));
  EXPECT_GT(server_->dropped(), 0u) << "drops of a client that left still count";
}

TEST_F(DashboardServerTest, AReadingButQuietClientStays) {
  DashboardLimits limits;
  limits.silence = std::chrono::milliseconds(100);
  start(limits);
  const auto client = open_stream();
  beast::flat_buffer buffer;
  bool got = false;
  client->async_read(buffer, [&](error_code error, std::size_t) { got = !error; });
  const auto long_after = std::chrono::steady_clock::now() + 5 * limits.silence;
  EXPECT_TRUE(run_until([&] { return std::chrono::steady_clock::now() > long_after; }));
  EXPECT_EQ(server_->clients(), 1u);
  publish("{}");
  EXPECT_TRUE(run_until([&] { return got; }));
}

TEST_F(DashboardServerTest, AClientThatGoesIsForgotten) {
  start();
  auto client = open_stream();
  client.reset();
  EXPECT_TRUE(run_until([&] { return server_->clients() == 0; }));
  publish("{}");
}

TEST_F(DashboardServerTest, AChattyClientIsClosedAtTheMessageLimit) {
  start();
  const auto client = open_stream();
  client->text(true);
  bool sent = false;
  client->async_write(asio::buffer("hello", 5), [&](error_code, std::size_t) { sent = true; });
  EXPECT_TRUE(run_until([&] { return sent; }));
  publish("{}");
  EXPECT_EQ(receive(*client), "{}");
  const std::string large(4096, 'x');
  client->async_write(asio::buffer(large), [](error_code, std::size_t) {});
  EXPECT_TRUE(run_until([&] { return server_->clients() == 0; }));
}

TEST_F(DashboardServerTest, StopClosesEveryConnectionAndLeavesNoWork) {
  start();
  const auto client = open_stream();
  const auto idle = connect();
  bool closed = false;
  beast::flat_buffer buffer;
  client->async_read(buffer, [&](error_code error, std::size_t) { closed = static_cast<bool>(error); });
  const std::uint16_t port = server_->port();
  server_->stop();
  server_->stop();
  io_.restart();
  io_.run_for(kDeadline);
  EXPECT_TRUE(closed);
  EXPECT_TRUE(io_.stopped()) << "work was left";
  EXPECT_EQ(server_->clients(), 0u);
  EXPECT_EQ(server_->port(), port);

  tcp::socket socket(io_);
  error_code error;
  socket.connect({asio::ip::address_v4::loopback(), port}, error);
  EXPECT_EQ(error, boost::system::errc::connection_refused);
}

TEST_F(DashboardServerTest, DestructionWithAConnectionOpenIsClean) {
  start();
  const auto client = open_stream();
  publish(std::string(1 << 20, 'x'));
  server_.reset();
}

TEST_F(DashboardServerTest, APortInUseIsNamedWithItsRemedy) {
  start();
  try {
    DashboardServer second(io_, "127.0.0.1", server_->port());
    FAIL() << "the port is in use";
  } catch (const std::runtime_error& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find(std::to_string(server_->port())), std::string::npos) << text;
    EXPECT_NE(text.find("127.0.0.1"), std::string::npos) << text;
    EXPECT_NE(text.find("dashboard.port"), std::string::npos) << text;
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
  }
}

TEST_F(DashboardServerTest, AForeignAddressIsNamedWithItsRemedy) {
  // 192.0.2.0/24 is reserved for documentation: no machine has it.
  try {
    DashboardServer server(io_, "192.0.2.1", 0);
    FAIL() << "the address is not ours";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("192.0.2.1"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("dashboard.address"), std::string::npos);
  }
}

class ClientQueueTest : public ::testing::Test {
 protected:
  std::vector<std::string> drain() {
    std::vector<std::string> all;
    while (const auto message = queue_.take()) all.push_back(*message->bytes);
    return all;
  }
  ClientQueue queue_{3};
};

TEST_F(ClientQueueTest, DropsTheOldestDroppableAndKeepsTheRestInOrder) {
  EXPECT_TRUE(queue_.push(text_message("frame 1"), OnOverflow::kDropOldest));
  EXPECT_TRUE(queue_.push(text_message("trigger"), OnOverflow::kKeep));
  EXPECT_TRUE(queue_.push(text_message("frame 2"), OnOverflow::kDropOldest));
  EXPECT_TRUE(queue_.push(text_message("frame 3"), OnOverflow::kDropOldest));
  EXPECT_TRUE(queue_.push(text_message("status"), OnOverflow::kKeep));
  EXPECT_EQ(queue_.dropped(), 2u);
  EXPECT_EQ(drain(), (std::vector<std::string>{"trigger", "frame 3", "status"}));
}

TEST_F(ClientQueueTest, FullOfKeptTextsDropsNewFramesAndRefusesMore) {
  for (const char* kept : {"a", "b", "c"}) EXPECT_TRUE(queue_.push(text_message(kept), OnOverflow::kKeep));
  EXPECT_TRUE(queue_.push(text_message("frame"), OnOverflow::kDropOldest));
  EXPECT_EQ(queue_.dropped(), 1u);
  EXPECT_FALSE(queue_.push(text_message("d"), OnOverflow::kKeep));
  EXPECT_EQ(drain(), (std::vector<std::string>{"a", "b", "c"}));
}

TEST_F(ClientQueueTest, OnlyTheLatestImageWaitsAndTakesTurnsWithTexts) {
  queue_.push(text_message("image 1"), OnOverflow::kLatestImage);
  queue_.push(text_message("image 2"), OnOverflow::kLatestImage);
  EXPECT_EQ(queue_.dropped(), 1u);
  queue_.push_welcome({text_message("a")});
  queue_.push_welcome({text_message("b")});
  EXPECT_EQ(queue_.size(), 3u);
  EXPECT_EQ(drain(), (std::vector<std::string>{"a", "image 2", "b"}));
}

TEST_F(ClientQueueTest, ImageAndTileMapDoNotReplaceEachOtherAndTakeTurns) {
  for (const char* text : {"a", "b", "c"}) EXPECT_TRUE(queue_.push(text_message(text), OnOverflow::kKeep));
  queue_.push(text_message("tiles"), OnOverflow::kLatestTiles);
  queue_.push(text_message("image"), OnOverflow::kLatestImage);
  EXPECT_EQ(drain(), (std::vector<std::string>{"a", "image", "b", "tiles", "c"}));
  EXPECT_EQ(queue_.dropped(), 0u);
  queue_.push(text_message("tiles 2"), OnOverflow::kLatestTiles);
  queue_.push(text_message("tiles 3"), OnOverflow::kLatestTiles);
  EXPECT_EQ(queue_.dropped(), 1u);
  EXPECT_EQ(drain(), (std::vector<std::string>{"tiles 3"}));
}

TEST_F(ClientQueueTest, ATileMapOfTheWelcomeIsNeverSentAfterANewerOne) {
  queue_.push_welcome({text_message("setup")});
  queue_.push_welcome({text_message("tiles 1"), OnOverflow::kLatestTiles});
  queue_.push(text_message("tiles 2"), OnOverflow::kLatestTiles);
  EXPECT_EQ(drain(), (std::vector<std::string>{"setup", "tiles 2"}));
}

}  // namespace
}  // namespace glasswatch
