#include "daemon/message_frames.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "daemon/bounded_queue.h"

namespace glasswatch {
namespace {

constexpr std::size_t kLarge = 100'000;

zmq::message_t message_of(std::size_t bytes, int value) {
  zmq::message_t message(bytes);
  std::memset(message.data(), value, bytes);
  return message;
}

bool consists_of(Frame& frame, std::size_t bytes, int value) {
  const std::vector<std::byte> expected(bytes, static_cast<std::byte>(value));
  const auto pixels = frame.writable_bytes();
  return std::equal(pixels.begin(), pixels.end(), expected.begin(), expected.end());
}

TEST(MessageFrames, TakeLargeMessagesOverWithoutCopying) {
  MessageFrames frames(1);
  zmq::message_t message = message_of(kLarge, 5);
  const void* pixels = message.data();
  Frame frame = frames.take(message);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame.view().pixels, pixels);
  EXPECT_TRUE(consists_of(frame, kLarge, 5));
  EXPECT_EQ(message.size(), 0u);
}

TEST(MessageFrames, GiveAlignedPixelsOfEverySizeAndAddress) {
  MessageFrames frames(1);
  std::vector<char> memory(kLarge + 16, 3);
  for (const std::size_t bytes :
       {std::size_t{1}, std::size_t{8}, std::size_t{33}, std::size_t{5000}, kLarge}) {
    for (std::size_t offset = 0; offset < 8; ++offset) {
      zmq::message_t message(
          memory.data() + offset, bytes, [](void*, void*) {}, nullptr);
      Frame frame = frames.take(message);
      ASSERT_TRUE(frame);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(frame.view().pixels) % alignof(double), 0u)
          << bytes << " bytes, offset " << offset;
      EXPECT_TRUE(consists_of(frame, bytes, 3));
      EXPECT_EQ(message.size(), 0u);
    }
  }
}

TEST(MessageFrames, GiveNoMoreThanTheirNumber) {
  MessageFrames frames(2);
  zmq::message_t a = message_of(kLarge, 1), b = message_of(10, 2), c = message_of(kLarge, 3);
  Frame first = frames.take(a);
  Frame second = frames.take(b);
  EXPECT_FALSE(frames.take(c));
  EXPECT_EQ(c.size(), kLarge);
  EXPECT_EQ(frames.available(), 0u);
  first = Frame();
  EXPECT_EQ(frames.available(), 1u);
  Frame third = frames.take(c);
  EXPECT_TRUE(consists_of(third, kLarge, 3));
  EXPECT_TRUE(consists_of(second, 10, 2));
}

TEST(MessageFrames, FreeTheMessageWithTheFrame) {
  int freed = 0;
  std::vector<double> memory(kLarge / sizeof(double));
  const auto free = [](void*, void* count) { ++*static_cast<int*>(count); };
  MessageFrames frames(1);
  zmq::message_t message(memory.data(), memory.size() * sizeof(double), free, &freed);
  Frame frame = frames.take(message);
  ASSERT_TRUE(frame);
  EXPECT_EQ(freed, 0);
  frame = Frame();
  EXPECT_EQ(freed, 1);
}

TEST(MessageFrames, MayDieBeforeTheirFrames) {
  Frame frame;
  {
    MessageFrames frames(1);
    zmq::message_t message = message_of(kLarge, 9);
    frame = frames.take(message);
  }
  EXPECT_TRUE(consists_of(frame, kLarge, 9));  // address sanitizer would object
}

TEST(MessageFrames, ComeBackFromAnotherThread) {
  MessageFrames frames(2);
  Doorbell doorbell;
  BoundedQueue<Frame> queue(4, doorbell);
  constexpr int kRounds = 1000;
  std::thread reader([&] {
    for (int round = 0; round < kRounds; ++round) {
      Frame frame;
      while (!queue.try_pop(frame)) std::this_thread::yield();
      EXPECT_TRUE(consists_of(frame, 20'000, round % 100)) << "round " << round;
    }
  });
  for (int round = 0; round < kRounds; ++round) {
    zmq::message_t message = message_of(20'000, round % 100);
    Frame frame = frames.take(message);
    for (; !frame; frame = frames.take(message)) std::this_thread::yield();
    queue.push(frame);
  }
  reader.join();
  EXPECT_EQ(frames.available(), 2u);
}

}  // namespace
}  // namespace glasswatch
