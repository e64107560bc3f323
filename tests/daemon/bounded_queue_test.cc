#include "daemon/bounded_queue.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace glasswatch {
namespace {

TEST(BoundedQueue, RefusesWhenFullAndKeepsOrder) {
  Doorbell bell;
  BoundedQueue<std::string> queue(2, bell);
  std::string a = "a", b = "b", c = "c", out;
  EXPECT_TRUE(queue.try_push(a));
  EXPECT_TRUE(queue.try_push(b));
  EXPECT_FALSE(queue.try_push(c));
  EXPECT_EQ(c, "c") << "a refused item stays with the caller";
  EXPECT_EQ(queue.depth(), 2u);
  EXPECT_TRUE(queue.try_pop(out));
  EXPECT_EQ(out, "a");
  EXPECT_TRUE(queue.try_push(c));
  EXPECT_TRUE(queue.try_pop(out));
  EXPECT_EQ(out, "b");
  EXPECT_TRUE(queue.try_pop(out));
  EXPECT_EQ(out, "c");
  EXPECT_FALSE(queue.try_pop(out));
}

TEST(BoundedQueue, ABlockedPushWaitsForRoomAndLosesNothing) {
  constexpr int kItems = 20'000;
  Doorbell bell;
  BoundedQueue<int> queue(3, bell);
  std::thread producer([&queue] {
    for (int i = 1; i <= kItems; ++i) {
      int item = i;
      ASSERT_TRUE(queue.push(item));
    }
  });
  int expected = 1, item = 0;
  while (expected <= kItems) {
    if (queue.try_pop(item)) {
      ASSERT_EQ(item, expected++);
    } else {
      bell.wait_until(std::chrono::steady_clock::now() + std::chrono::seconds(30));
    }
  }
  producer.join();
}

TEST(BoundedQueue, ClosingReleasesABlockedPush) {
  Doorbell bell;
  BoundedQueue<int> queue(1, bell);
  int item = 1;
  ASSERT_TRUE(queue.push(item));
  std::thread producer([&queue] {
    int second = 2;
    EXPECT_FALSE(queue.push(second));
  });
  queue.close();
  producer.join();
  EXPECT_TRUE(queue.try_pop(item));
  EXPECT_EQ(item, 1) << "what was inside can still be taken";
  EXPECT_FALSE(queue.try_push(item));
}

TEST(Doorbell, ARingBeforeTheWaitIsNotLost) {
  Doorbell bell;
  bell.ring();
  const auto begin = std::chrono::steady_clock::now();
  bell.wait_until(begin + std::chrono::seconds(30));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

}  // namespace
}  // namespace glasswatch
