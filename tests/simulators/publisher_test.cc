#include "simulators/publisher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace glasswatch::simulation {
namespace {

using std::chrono::seconds;

Message start(std::uint64_t series_id) {
  Message message;
  message.header.set_schema_version(1);
  message.header.set_series_id(series_id);
  message.header.mutable_series_start()->set_name("series");
  return message;
}

Message frame(std::uint64_t sequence, std::size_t bytes) {
  Message message;
  message.header.set_schema_version(1);
  message.header.set_series_id(1);
  message.header.set_sequence(sequence);
  message.header.mutable_frame();
  message.pixels = std::vector<std::byte>(bytes, static_cast<std::byte>(sequence));
  return message;
}

Message end() {
  Message message;
  message.header.mutable_series_end();
  return message;
}

// Pixels of which one sees when the last owner has let go.
struct CountingMemory final : PixelMemory {
  void give_back(std::size_t /*place*/) noexcept override { ++returned; }
  std::vector<std::byte> bytes = std::vector<std::byte>(100'000, std::byte{7});
  std::atomic<int> returned = 0;
};

struct Subscriber {
  Subscriber(zmq::context_t& context, const std::string& endpoint, const std::string& topic,
             int high_water_mark = 4)
      : socket(context, zmq::socket_type::sub) {
    socket.set(zmq::sockopt::rcvhwm, high_water_mark);
    socket.set(zmq::sockopt::rcvtimeo, 10'000);
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::subscribe, topic);
    socket.connect(endpoint);
  }

  // Header and size of the pixels of the next message; an empty header after ten seconds of silence.
  std::pair<stream::StreamMessage, std::size_t> next() {
    std::pair<stream::StreamMessage, std::size_t> out;
    zmq::message_t part;
    for (int i = 0; i == 0 || part.more(); ++i) {
      if (!socket.recv(part)) return {};
      if (i == 1) out.first.ParseFromArray(part.data(), static_cast<int>(part.size()));
      if (i == 2) out.second = part.size();
    }
    return out;
  }

  zmq::socket_t socket;
};

class PublisherTest : public testing::Test {
 protected:
  bool wait_for_subscribers_of(Publisher& publisher, int count) {
    const auto deadline = Publisher::Clock::now() + seconds(10);
    zmq::pollitem_t item{publisher.socket().handle(), 0, ZMQ_POLLIN, 0};
    while (publisher.subscribers() < count && Publisher::Clock::now() < deadline) {
      zmq_poll(&item, 1, 100);
      publisher.service();
    }
    return publisher.subscribers() >= count;
  }

  zmq::context_t context_;
  Publisher publisher_{context_, {.endpoint = "tcp://127.0.0.1:*", .topic = "camera", .high_water_mark = 2}};
};

TEST_F(PublisherTest, WildcardPortIsTold) {
  EXPECT_NE(publisher_.endpoint(), "tcp://127.0.0.1:*");
  EXPECT_EQ(publisher_.endpoint().rfind("tcp://127.0.0.1:", 0), 0u);
}

TEST_F(PublisherTest, LateJoinerGetsTheStartBeforeAnyFrame) {
  Subscriber early(context_, publisher_.endpoint(), "camera", 100);
  ASSERT_TRUE(wait_for_subscribers_of(publisher_, 1));
  ASSERT_TRUE(publisher_.try_send(start(11)));
  EXPECT_EQ(early.next().first.series_start().name(), "series");
  ASSERT_TRUE(publisher_.try_send(frame(0, 8)));
  EXPECT_TRUE(early.next().first.has_frame());

  Subscriber late(context_, publisher_.endpoint(), "camera", 100);
  ASSERT_TRUE(wait_for_subscribers_of(publisher_, 2));
  ASSERT_TRUE(publisher_.try_send(frame(1, 8)));
  const auto first = late.next().first;
  EXPECT_TRUE(first.has_series_start());
  EXPECT_EQ(first.series_id(), 11u);
  const auto second = late.next();
  EXPECT_TRUE(second.first.has_frame());
  EXPECT_EQ(second.first.sequence(), 1u);
  EXPECT_EQ(second.second, 8u);
  EXPECT_TRUE(early.next().first.has_series_start()) << "a repeated start, to everybody";
  EXPECT_EQ(early.next().first.sequence(), 1u);
}

// The transport reads the pixels where they are, and lets go of them when all subscribers have them.
TEST_F(PublisherTest, SharesPixelsWithTheTransportUntilTheyAreTaken) {
  Subscriber one(context_, publisher_.endpoint(), "camera", 100);
  Subscriber two(context_, publisher_.endpoint(), "camera", 100);
  ASSERT_TRUE(wait_for_subscribers_of(publisher_, 2));
  const auto memory = std::make_shared<CountingMemory>();
  Message message = frame(3, 0);
  Frame lent(memory, 0, memory->bytes);
  lent.info.rows = 1;
  lent.info.columns = static_cast<std::int32_t>(memory->bytes.size());
  lent.info.pixel_type = PixelType::kU1;
  message.pixels = SharedPixels(std::move(lent));
  EXPECT_EQ(message.pixels.data(), memory->bytes.data());
  ASSERT_TRUE(publisher_.try_send(message));
  message = {};
  EXPECT_EQ(one.next().second, memory->bytes.size());
  EXPECT_EQ(two.next().second, memory->bytes.size());
  const auto deadline = Publisher::Clock::now() + seconds(10);
  while (memory->returned == 0 && Publisher::Clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(memory->returned, 1);
}

TEST_F(PublisherTest, AnEndedSeriesIsNotAnnouncedToLateJoiners) {
  publisher_.try_send(start(11));
  publisher_.try_send(end());
  Subscriber late(context_, publisher_.endpoint(), "camera");
  ASSERT_TRUE(wait_for_subscribers_of(publisher_, 1));
  ASSERT_TRUE(publisher_.try_send(frame(5, 8)));
  EXPECT_TRUE(late.next().first.has_frame());
}

TEST_F(PublisherTest, SubscribersOfOtherTopicsDoNotCount) {
  Subscriber other(context_, publisher_.endpoint(), "environment");
  Subscriber all(context_, publisher_.endpoint(), "");
  ASSERT_TRUE(wait_for_subscribers_of(publisher_, 1));
  zmq::pollitem_t item{publisher_.socket().handle(), 0, ZMQ_POLLIN, 0};
  zmq_poll(&item, 1, 200);
  publisher_.service();
  EXPECT_EQ(publisher_.subscribers(), 1);
}

// 400 frames of 256 kB are far more than all queues and TCP buffers hold, so the publisher must be refused at
// times.
TEST_F(PublisherTest, SlowSubscriberGetsEveryMessage) {
  constexpr std::uint64_t kFrames = 400;
  constexpr std::size_t kBytes = 256 * 1024;
  Subscriber slow(context_, publisher_.endpoint(), "camera");
  ASSERT_TRUE(wait_for_subscribers_of(publisher_, 1));
  ASSERT_TRUE(publisher_.try_send(start(1)));
  ASSERT_TRUE(slow.next().first.has_series_start());
  std::uint64_t received = 0;
  int refused = 0;
  const auto take_one = [&] {
    const auto [header, bytes] = slow.next();
    ASSERT_TRUE(header.has_frame());
    ASSERT_EQ(header.sequence(), received);
    ASSERT_EQ(bytes, kBytes);
    ++received;
  };
  for (std::uint64_t sent = 0; sent < kFrames;) {
    if (publisher_.try_send(frame(sent, kBytes))) {
      ++sent;
      continue;
    }
    ++refused;
    // Room appears asynchronously after a message was taken; until then a refusal with nothing to take is a
    // retry.
    if (received < sent) take_one();
    if (HasFatalFailure()) return;
  }
  while (received < kFrames && !HasFatalFailure()) take_one();
  EXPECT_EQ(received, kFrames);
  EXPECT_GT(refused, 0);
}

TEST_F(PublisherTest, GoesOnWhenASubscriberVanishes) {
  {
    Subscriber gone(context_, publisher_.endpoint(), "camera");
    ASSERT_TRUE(wait_for_subscribers_of(publisher_, 1));
    while (publisher_.try_send(frame(0, 256 * 1024))) {
    }
  }
  const auto deadline = Publisher::Clock::now() + seconds(10);
  // Until its departure is noticed the queue may stay full, or still have room for a message.
  bool sent = false;
  while ((!sent || publisher_.subscribers() > 0) && Publisher::Clock::now() < deadline) {
    sent = publisher_.try_send(frame(1, 8));
  }
  EXPECT_TRUE(sent);
  EXPECT_EQ(publisher_.subscribers(), 0);
}

// Disconnects and opens again at the same address, however long the system takes to let go of it.
void reconnect(Publisher& publisher) {
  const auto deadline = Publisher::Clock::now() + seconds(4);
  while (!publisher.reopen() && Publisher::Clock::now() < deadline) std::this_thread::yield();
}

TEST_F(PublisherTest, AfterADisconnectionSubscribersComeBackToTheStart) {
  const std::string address = publisher_.endpoint();
  Subscriber subscriber(context_, address, "camera", 100);
  ASSERT_TRUE(wait_for_subscribers_of(publisher_, 1));
  publisher_.try_send(start(11));
  publisher_.try_send(frame(0, 8));
  publisher_.disconnect();
  EXPECT_FALSE(publisher_.connected());
  EXPECT_EQ(publisher_.subscribers(), 0);
  EXPECT_EQ(publisher_.subscribers_before(), 1);
  EXPECT_TRUE(publisher_.try_send(frame(1, 8))) << "lost, not refused";
  EXPECT_TRUE(publisher_.try_send(frame(2, 8)));
  publisher_.heartbeat_if_idle(0);
  publisher_.service();
  EXPECT_EQ(publisher_.lost(), 2u);

  reconnect(publisher_);
  ASSERT_TRUE(publisher_.connected());
  EXPECT_EQ(publisher_.endpoint(), address);
  EXPECT_TRUE(subscriber.next().first.has_series_start());
  EXPECT_EQ(subscriber.next().first.sequence(), 0u) << "what was handed over before is delivered";
  // A ZeroMQ socket renews its subscriptions when its thread next looks at it.
  auto back = std::async(std::launch::async, [&] { return subscriber.next().first; });
  ASSERT_TRUE(wait_for_subscribers_of(publisher_, 1)) << "by itself";
  EXPECT_TRUE(publisher_.try_send(frame(3, 8)));
  const auto again = back.get();
  EXPECT_TRUE(again.has_series_start());
  EXPECT_EQ(again.sequence(), 3u) << "the next number";
  EXPECT_EQ(subscriber.next().first.sequence(), 3u);
}

TEST_F(PublisherTest, ASeriesThatBeginsWhileDisconnectedIsAnnouncedAfterwards) {
  publisher_.try_send(start(11));
  publisher_.disconnect();
  publisher_.try_send(end());
  publisher_.try_send(start(12));
  reconnect(publisher_);
  Subscriber subscriber(context_, publisher_.endpoint(), "camera");
  ASSERT_TRUE(wait_for_subscribers_of(publisher_, 1));
  EXPECT_EQ(subscriber.next().first.series_id(), 12u);
}

TEST_F(PublisherTest, AnAddressTakenMeanwhileIsAnError) {
  publisher_.disconnect();
  // The system takes a moment to let go of it, for another socket too.
  zmq::socket_t thief(context_, zmq::socket_type::pub);
  for (bool bound = false; !bound;) {
    bound = zmq_bind(thief.handle(), publisher_.endpoint().c_str()) == 0;
  }
  EXPECT_THROW(while (!publisher_.reopen()) std::this_thread::sleep_for(std::chrono::milliseconds(100)),
               StreamError);
}

TEST_F(PublisherTest, WaitingForSubscribersEndsAtTheDeadline) {
  Publisher* const publishers[] = {&publisher_};
  EXPECT_FALSE(wait_for_subscribers(publishers, Publisher::Clock::now() + std::chrono::milliseconds(50)));
  Subscriber subscriber(context_, publisher_.endpoint(), "camera");
  EXPECT_TRUE(wait_for_subscribers(publishers, Publisher::Clock::now() + seconds(10)));
}

}  // namespace
}  // namespace glasswatch::simulation
