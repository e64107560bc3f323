#include "protocol/types/frame.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <utility>
#include <vector>

namespace glasswatch {
namespace {

TEST(FramePool, GivesNoMoreThanItsBuffersAndTakesThemBack) {
  FramePool pool(2, 100);
  Frame first = pool.acquire();
  Frame second = pool.acquire();
  ASSERT_TRUE(first);
  ASSERT_TRUE(second);
  EXPECT_FALSE(pool.acquire());
  EXPECT_EQ(pool.available(), 0u);
  second = Frame();
  EXPECT_EQ(pool.available(), 1u);
  EXPECT_TRUE(pool.acquire());
}

TEST(FramePool, BuffersAreAlignedAndLargeEnough) {
  FramePool pool(3, 17);
  std::vector<Frame> frames;
  for (int i = 0; i < 3; ++i) {
    frames.push_back(pool.acquire());
    EXPECT_GE(frames.back().writable_bytes().size(), 17u);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(frames.back().writable_bytes().data()) % 64, 0u);
  }
}

TEST(Frame, MovesItsBufferAndInfo) {
  FramePool pool(1, 8);
  Frame frame = pool.acquire();
  frame.info.sequence = 42;
  frame.info.rows = 2;
  frame.info.columns = 2;
  std::memset(frame.writable_bytes().data(), 7, 8);
  Frame moved = std::move(frame);
  EXPECT_FALSE(frame);  // NOLINT(bugprone-use-after-move): the state after a move is what is tested
  EXPECT_EQ(moved.info.sequence, 42u);
  EXPECT_EQ(static_cast<const std::uint16_t*>(moved.view().pixels)[3], 0x0707);
  EXPECT_EQ(pool.available(), 0u);
}

TEST(Frame, OutlivesItsPool) {
  Frame frame;
  {
    FramePool pool(1, 64);
    frame = pool.acquire();
  }
  ASSERT_TRUE(frame);
  std::memset(frame.writable_bytes().data(), 1, 64);  // address sanitizer would object
}

// Memory of three bytes that counts what comes back.
class Lent final : public PixelMemory {
 public:
  void give_back(std::size_t place) noexcept override { returned.push_back(place); }
  std::byte bytes[3] = {std::byte{1}, std::byte{2}, std::byte{3}};
  std::vector<std::size_t> returned;
};

TEST(Frame, GivesBackWhatItWasLentOnce) {
  const auto lent = std::make_shared<Lent>();
  {
    Frame first(lent, 7, lent->bytes);
    Frame second(lent, 8, lent->bytes);  // two may see the same pixels
    EXPECT_EQ(first.view().pixels, second.view().pixels);
    Frame moved = std::move(first);
    EXPECT_EQ(static_cast<const std::uint8_t*>(moved.view().pixels)[2], 3);
    EXPECT_TRUE(lent->returned.empty());
    second = std::move(moved);
    EXPECT_EQ(lent->returned, std::vector<std::size_t>{8});
  }
  EXPECT_EQ(lent->returned, (std::vector<std::size_t>{8, 7}));
}

TEST(PixelType, SizesOfEveryType) {
  const std::pair<PixelType, std::size_t> sizes[] = {
      {PixelType::kU1, 1}, {PixelType::kU2, 2}, {PixelType::kU4, 4}, {PixelType::kI1, 1},
      {PixelType::kI2, 2}, {PixelType::kI4, 4}, {PixelType::kF4, 4}, {PixelType::kF8, 8}};
  for (const auto& [type, size] : sizes) {
    EXPECT_EQ(bytes_per_pixel(type), size);
    const FrameView view{nullptr, type, 1, 1};
    EXPECT_EQ(visit_pixels(view, [](auto* pixels) { return sizeof(*pixels); }), size)
        << pixel_type_name(type);
  }
  EXPECT_EQ(bytes_per_pixel(static_cast<PixelType>(9)), 0u);
  EXPECT_EQ(pixel_type_name(static_cast<PixelType>(99)), "?");
}

}  // namespace
}  // namespace glasswatch
