// What joins late gets all of a map: clients over ZeroMQ as one message, pages as bytes in parts.
#include "daemon/publisher.h"

#include <gtest/gtest.h>

#include <utility>  // before asio of Boost 1.74, which forgets it

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>

#include "protocol/client/client.h"
#include "protocol/configuration/configuration.h"
#include "protocol/wire/wire.h"

namespace glasswatch {
namespace {

namespace beast = boost::beast;
namespace websocket = beast::websocket;
using boost::asio::ip::tcp;
using std::chrono::milliseconds;

constexpr std::chrono::seconds kPatience{60};

result::MapUpdate part(std::uint64_t series, std::uint32_t first, std::uint32_t count, float value,
                       result::MapUpdate::Kind kind = result::MapUpdate::SCAN, std::uint32_t columns = 4) {
  result::MapUpdate update;
  update.set_series_id(series);
  update.set_kind(kind);
  update.set_rows(3);
  update.set_columns(columns);
  update.add_channel("power 4");
  for (std::uint32_t i = 0; i < count; ++i) {
    update.add_position(first + i);
    update.add_value(value);
  }
  return update;
}

class PublisherTest : public ::testing::Test {
 protected:
  PublisherTest()
      : configuration_(parse_configuration(
            "camera { kind: \"ceta\" endpoint: \"tcp://127.0.0.1:1\" }\n"
            "service { results_endpoint: \"tcp://127.0.0.1:*\" control_endpoint: \"tcp://127.0.0.1:*\" }\n"
            "dashboard { port: 0 }",
            "test", "/")),
        dashboard_(io_, "127.0.0.1", std::uint16_t{0}),
        publisher_(io_, context_, configuration_, &dashboard_) {
    publisher_.start();
  }

  void publish(const result::MapUpdate& update) {
    result::ResultMessage message;
    *message.mutable_map() = update;
    Outbound outbound;
    outbound.topic = wire::kMapTopic;
    message.SerializeToString(&outbound.bytes);
    publisher_.publish(outbound);
  }

  // Lets publisher and dashboard work until `done`.
  bool run_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!done() && std::chrono::steady_clock::now() < deadline) {
      io_.restart();
      io_.run_one_for(milliseconds(10));
    }
    return done();
  }

  // The next message of a subscriber while the publisher works.
  std::optional<result::ResultMessage> next(ResultSubscriber& subscriber) {
    std::optional<result::ResultMessage> message;
    run_until([&] {
      if (message) return true;
      if (const auto received = subscriber.next(milliseconds(1))) message = received->message;
      return message.has_value();
    });
    return message;
  }

  // Publishes a status until the subscriber, of statuses at least, hears one: from then on it misses nothing.
  void wait_connected(ResultSubscriber& subscriber) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    for (bool heard = false; !heard && std::chrono::steady_clock::now() < deadline;) {
      publisher_.publish_status({});
      io_.restart();
      io_.run_for(milliseconds(5));
      while (const auto received = subscriber.next(milliseconds(1))) {
        heard = heard || received->message.has_status();
      }
    }
  }

  boost::asio::io_context io_;
  zmq::context_t context_;
  config::Configuration configuration_;
  DashboardServer dashboard_;
  Publisher publisher_;
};

TEST_F(PublisherTest, WhoSubscribesToMapsGetsTheWholeAsOneMessage) {
  publish(part(1, 5, 3, 0.5F));
  publish(part(1, 0, 2, 1.5F));
  ResultSubscriber subscriber(publisher_.endpoint(), {std::string(wire::kMapTopic)});
  const auto message = next(subscriber);
  ASSERT_TRUE(message);
  EXPECT_TRUE(message->repeated());
  const auto& map = message->map();
  EXPECT_EQ(std::vector<std::uint32_t>(map.position().begin(), map.position().end()),
            (std::vector<std::uint32_t>{0, 1, 5, 6, 7}));
  EXPECT_EQ(std::vector<float>(map.value().begin(), map.value().end()),
            (std::vector<float>{1.5F, 1.5F, 0.5F, 0.5F, 0.5F}));
  publish(part(1, 9, 1, 2.5F));
  const auto increment = next(subscriber);
  ASSERT_TRUE(increment);
  EXPECT_FALSE(increment->repeated());
  EXPECT_EQ(increment->map().position_size(), 1);
}

TEST_F(PublisherTest, BothKindsAreKept) {
  publish(part(1, 0, 2, 1));
  publish(part(1, 0, 12, 2, result::MapUpdate::TILES));
  ResultSubscriber subscriber(publisher_.endpoint(), {std::string(wire::kMapTopic)});
  EXPECT_EQ(next(subscriber).value().map().kind(), result::MapUpdate::SCAN);
  EXPECT_EQ(next(subscriber).value().map().kind(), result::MapUpdate::TILES);
}

TEST_F(PublisherTest, OfANewSeriesOnlyItsOwnMapIsSent) {
  publish(part(1, 0, 12, 1));
  publish(part(2, 4, 1, 3));
  ResultSubscriber subscriber(publisher_.endpoint(), {std::string(wire::kMapTopic)});
  const auto message = next(subscriber);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->map().series_id(), 2u);
  EXPECT_EQ(message->map().position_size(), 1);
}

TEST_F(PublisherTest, WhoDoesNotWantMapsCausesNone) {
  ResultSubscriber all(publisher_.endpoint());
  wait_connected(all);
  publish(part(1, 0, 12, 1));
  EXPECT_TRUE(next(all).value().has_map());
  ResultSubscriber others(publisher_.endpoint(), {std::string(wire::kStatusTopic), std::string("mapping")});
  wait_connected(others);
  const std::uint64_t end = publisher_.published();
  for (std::uint64_t sequence = 0; sequence + 1 < end;) {
    const auto message = next(all);
    ASSERT_TRUE(message) << "nothing after message " << sequence << " of " << end;
    EXPECT_FALSE(message->has_map());
    sequence = message->sequence();
  }
}

TEST_F(PublisherTest, AMapAboveTheLimitIsPassedOnButNotKept) {
  ResultSubscriber first(publisher_.endpoint());
  wait_connected(first);
  publish(part(1, 0, 2, 1));
  publish(part(2, 0, 2, 1, result::MapUpdate::SCAN, 1u << 30));
  EXPECT_EQ(next(first).value().map().series_id(), 1u);
  EXPECT_EQ(next(first).value().map().series_id(), 2u);
  ResultSubscriber late(publisher_.endpoint(), {std::string(wire::kMapTopic)});
  EXPECT_EQ(next(late).value().map().series_id(), 1u);
}

// A page: the binary messages it gets.
class PageTest : public PublisherTest {
 protected:
  using Stream = websocket::stream<beast::tcp_stream>;

  void open() {
    tcp::socket socket(io_);
    socket.connect({boost::asio::ip::address_v4::loopback(), dashboard_.port()});
    page_ = std::make_unique<Stream>(std::move(socket));
    page_->read_message_max(std::size_t{64} << 20);
    bool done = false;
    page_->async_handshake("127.0.0.1:" + std::to_string(dashboard_.port()), "/stream",
                           [&](boost::system::error_code error) {
                             EXPECT_FALSE(error) << error.message();
                             done = true;
                           });
    ASSERT_TRUE(run_until([&] { return done && dashboard_.clients() == 1; }));
  }

  // The next binary message, split as daemon/dashboard/README.md says.
  struct Binary {
    std::string header;
    std::string payload;
  };
  Binary receive() {
    beast::flat_buffer buffer;
    do {
      buffer.clear();
      bool done = false;
      page_->async_read(buffer, [&](boost::system::error_code error, std::size_t) {
        EXPECT_FALSE(error) << error.message();
        done = true;
      });
      EXPECT_TRUE(run_until([&] { return done; }));
    } while (page_->got_text());
    const std::string bytes = beast::buffers_to_string(buffer.data());
    std::uint32_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof(length));
    return {bytes.substr(4, length), bytes.substr(4 + length)};
  }

  static std::string bytes_of(const std::vector<std::uint32_t>& positions, const std::vector<float>& values) {
    std::string bytes(reinterpret_cast<const char*>(positions.data()), 4 * positions.size());
    bytes.append(reinterpret_cast<const char*>(values.data()), 4 * values.size());
    return bytes;
  }

  std::unique_ptr<Stream> page_;
};

TEST_F(PageTest, UpdatesAreAHeaderPositionsAndValues) {
  open();
  publish(part(1, 5, 3, 0.5F));
  const Binary message = receive();
  EXPECT_EQ(message.payload, bytes_of({5, 6, 7}, {0.5F, 0.5F, 0.5F}));
  EXPECT_NE(message.header.find("\"map\":{\"series_id\":\"1\",\"kind\":\"SCAN\""), std::string::npos)
      << message.header;
  EXPECT_NE(message.header.find("\"channel\":[\"power 4\"]"), std::string::npos);
  EXPECT_NE(message.header.find("\"position\":[],\"value\":[]"), std::string::npos);
}

TEST_F(PageTest, ANewPageGetsTheMapSoFar) {
  publish(part(1, 5, 2, 0.5F));
  publish(part(1, 0, 1, 1.5F));
  open();
  EXPECT_EQ(receive().payload, bytes_of({0, 5, 6}, {1.5F, 0.5F, 0.5F}));
}

TEST_F(PageTest, ALargeMapIsSentToANewPageInParts) {
  constexpr std::uint32_t kColumns = 50'000;  // 150,000 values: three parts of at most 65,536
  publish(part(1, 0, 3 * kColumns, 0.5F, result::MapUpdate::SCAN, kColumns));
  open();
  std::size_t values = 0;
  for (int i = 0; i < 3; ++i) {
    const std::size_t count = receive().payload.size() / 8;
    EXPECT_LE(count, 65'536u);
    values += count;
  }
  EXPECT_EQ(values, 3 * kColumns);
}

TEST_F(PageTest, TileMapsAreSentWhole) {
  publish(part(1, 0, 12, 1, result::MapUpdate::TILES));
  publish(part(1, 0, 12, 2, result::MapUpdate::TILES));
  open();
  const std::vector<float> values(12, 2.0F);
  EXPECT_EQ(receive().payload.substr(48), bytes_of({}, values));
}

TEST_F(PageTest, ASlowPageGetsOnlyTheLatestTileMapButEveryPartOfAScan) {
  open();
  // Nothing is sent while nobody runs the loop, but for the first message.
  for (int i = 1; i <= 10; ++i) {
    publish(part(1, 0, 12, static_cast<float>(i), result::MapUpdate::TILES));
    publish(part(1, 3, 1, static_cast<float>(i)));
  }
  std::vector<float> tiles;
  std::vector<float> scan;
  while (scan.size() < 10) {
    const std::string payload = receive().payload;
    float last = 0;
    std::memcpy(&last, payload.data() + payload.size() - sizeof(last), sizeof(last));
    (payload.size() == 8 ? scan : tiles).push_back(last);
  }
  EXPECT_EQ(tiles, (std::vector<float>{1, 10}));
  EXPECT_EQ(scan, (std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
}

TEST_F(PageTest, AMapAboveTheLimitIsNotSentToPages) {
  open();
  publish(part(2, 0, 2, 1, result::MapUpdate::SCAN, 1u << 30));
  publish(part(1, 3, 1, 1));
  EXPECT_EQ(receive().payload, bytes_of({3}, {1}));
}

}  // namespace
}  // namespace glasswatch
