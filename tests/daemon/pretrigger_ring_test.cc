// The ring before a trigger: how long, how much, in which order.
#include "daemon/recording/pretrigger_ring.h"

#include <gtest/gtest.h>

namespace glasswatch {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

// Frame i lasts from second i to i + 1.
FrameInfo frame(std::int64_t i) {
  FrameInfo info;
  info.sequence = static_cast<std::uint64_t>(i);
  info.exposure_start_utc_ns = i * kSecond;
  info.exposure_end_utc_ns = (i + 1) * kSecond;
  return info;
}

std::vector<std::byte> bytes(std::size_t count, int value) {
  return std::vector<std::byte>(count, static_cast<std::byte>(value));
}

TEST(PretriggerRing, KeepsTheLastSecondsInOrder) {
  PretriggerRing ring(5, 1000);
  EXPECT_TRUE(ring.empty());
  for (int i = 0; i < 20; ++i) ring.add(frame(i), bytes(10, i));
  EXPECT_EQ(ring.frames(), 5u);
  EXPECT_EQ(ring.bytes(), 50u);
  EXPECT_DOUBLE_EQ(ring.span_s(), 5);
  for (std::uint64_t i = 15; i < 20; ++i, ring.drop_oldest()) {
    EXPECT_EQ(ring.oldest().info.sequence, i);
    EXPECT_EQ(ring.oldest().compressed, bytes(10, static_cast<int>(i)));
  }
  EXPECT_TRUE(ring.empty());
  EXPECT_EQ(ring.bytes(), 0u);
}

TEST(PretriggerRing, NeverExceedsItsBudget) {
  PretriggerRing ring(100, 1000);
  for (int i = 0; i < 50; ++i) {
    ring.add(frame(i), bytes(static_cast<std::size_t>(90 + i % 7), i));
    ASSERT_LE(ring.bytes(), 1000u);
  }
  EXPECT_EQ(ring.frames(), 10u);
  ring.add(frame(50), bytes(1001, 0));  // larger than all of it: nothing can be kept
  EXPECT_TRUE(ring.empty());
  EXPECT_EQ(ring.bytes(), 0u);
}

TEST(PretriggerRing, APauseLongerThanTheRingLeavesTheNewestFrame) {
  PretriggerRing ring(5, 1000);
  ring.add(frame(0), bytes(1, 0));
  ring.add(frame(100), bytes(1, 1));
  EXPECT_EQ(ring.frames(), 1u);
  EXPECT_EQ(ring.oldest().info.sequence, 100u);
}

TEST(PretriggerRing, ForgetsEverythingAtOnce) {
  PretriggerRing ring(5, 1000);
  ring.add(frame(0), bytes(10, 0));
  ring.clear();
  EXPECT_TRUE(ring.empty());
  EXPECT_EQ(ring.bytes(), 0u);
  EXPECT_EQ(ring.span_s(), 0);
}

}  // namespace
}  // namespace glasswatch
