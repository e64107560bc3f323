// Two-time correlation against direct double sums; which frames are kept; regions; bits; allocations.
#include "analysis/two_time.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "tests/analysis/images.h"
#include "tests/analysis/scattered_lanes.h"
#include "tests/support/allocation_counter.h"

namespace glasswatch::analysis {
namespace {

constexpr int kRows = 53, kColumns = 61;  // more than the 2048 pixels that are summed in float
constexpr std::size_t kPixels = std::size_t{kRows} * kColumns;

struct Frame {
  std::int64_t slot;
  std::vector<std::uint16_t> counts;

  FrameView view() const { return {counts.data(), PixelType::kU2, kRows, kColumns}; }
};

/// Counts between 50 and 250, the mean different in every frame.
Frame random_frame(std::int64_t slot, std::mt19937& random) {
  Frame frame{slot, {}};
  const auto level = static_cast<std::uint16_t>(50 + random() % 50);
  for (std::size_t p = 0; p < kPixels; ++p) {
    frame.counts.push_back(static_cast<std::uint16_t>(level + random() % 150));
  }
  return frame;
}

std::vector<Frame> random_frames(const std::vector<std::int64_t>& slots, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::vector<Frame> frames;
  for (const std::int64_t slot : slots) frames.push_back(random_frame(slot, random));
  return frames;
}

std::vector<std::int64_t> consecutive(std::int64_t first, int count) {
  std::vector<std::int64_t> slots;
  for (int i = 0; i < count; ++i) slots.push_back(first + i);
  return slots;
}

std::vector<std::uint8_t> some_pixels(unsigned seed, int values) {
  std::mt19937 random(seed);
  std::vector<std::uint8_t> image(kPixels);
  for (auto& value : image) value = static_cast<std::uint8_t>(random() % static_cast<unsigned>(values));
  return image;
}

/// <I1 I2> / (<I1> <I2>) over the pixels that `in_unit` says.
template <typename InUnit>
double direct_correlation(const Frame& first, const Frame& second, InUnit in_unit) {
  double product = 0, one = 0, two = 0, pixels = 0;
  for (std::size_t p = 0; p < kPixels; ++p) {
    if (!in_unit(p)) continue;
    const double i1 = first.counts[p], i2 = second.counts[p];
    product += i1 * i2;
    one += i1;
    two += i2;
    pixels += 1;
  }
  return product * pixels / (one * two);
}

// Deviations of at most 1.5 are held with an error of 6e-8 each, and sums of 2048 products in float are off
// by no more than 128 roundings of 6e-8 of a product (2.3): 2e-5 at the very worst, a hundredth of that as
// they come.
constexpr double kRounding = 1e-6;

template <typename InUnit>
void expect_direct(const TwoTime& two_time, int unit, const std::vector<Frame>& kept, InUnit in_unit) {
  const std::size_t n = kept.size();
  ASSERT_EQ(two_time.slots().size(), n);
  ASSERT_EQ(two_time.matrix(unit).size(), n * n);
  for (std::size_t i = 0; i < n; ++i) {
    ASSERT_EQ(two_time.slots()[i], kept[i].slot);
    for (std::size_t j = 0; j < n; ++j) {
      const double c = two_time.matrix(unit)[i * n + j];
      if (i == j) {
        EXPECT_TRUE(std::isnan(c)) << "shot noise";
      } else {
        EXPECT_NEAR(c, direct_correlation(kept[i], kept[j], in_unit), kRounding)
            << "unit " << unit << " at " << i << ", " << j;
      }
    }
  }
}

bool everywhere(std::size_t) {
  return true;
}

TEST(TwoTime, IsTheDirectSums) {
  const auto frames = random_frames({-3, -2, 0, 1, 4, 5, 6, 9, 11});  // slots without a frame have no row
  const auto mask = some_pixels(5, 4), label = some_pixels(6, 3);
  TwoTime two_time({kRows, kColumns}, mask);
  Serial serial;
  EXPECT_EQ(two_time.units(), 1);
  two_time.set_labels(label, 2, serial);
  ASSERT_EQ(two_time.units(), 3);
  for (const Frame& frame : frames) EXPECT_TRUE(two_time.add(frame.slot, frame.view(), serial));
  expect_direct(two_time, 0, frames, [&](std::size_t p) { return mask[p] == 0; });
  expect_direct(two_time, 1, frames, [&](std::size_t p) { return mask[p] == 0 && label[p] == 1; });
  expect_direct(two_time, 2, frames, [&](std::size_t p) { return mask[p] == 0 && label[p] == 2; });
}

TEST(TwoTime, KeepsEverySecondFrameWhenFull) {
  const auto frames = random_frames(consecutive(100, 34));
  TwoTime two_time({.rows = kRows, .columns = kColumns, .max_frames = 8}, {});
  Serial serial;
  std::vector<std::int64_t> kept;
  for (const Frame& frame : frames) {
    if (two_time.add(frame.slot, frame.view(), serial)) kept.push_back(frame.slot - 100);
  }
  // Full at 7, 14 and 28: then the next one that is on the doubled stride comes in.
  EXPECT_EQ(kept, (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32}));
  EXPECT_EQ(two_time.stride_slots(), 8);
  expect_direct(two_time, 0, {frames[0], frames[8], frames[16], frames[24], frames[32]}, everywhere);
}

TEST(TwoTime, ThinsUntilThereIsRoomWhereFramesAreMissing) {
  // All eight are on the doubled and on the fourfold stride: neither makes room.
  const auto frames = random_frames({0, 4, 8, 12, 16, 20, 24, 28, 30, 32});
  TwoTime two_time({.rows = kRows, .columns = kColumns, .max_frames = 8}, {});
  Serial serial;
  for (const Frame& frame : frames) two_time.add(frame.slot, frame.view(), serial);
  EXPECT_EQ(two_time.stride_slots(), 8);
  expect_direct(two_time, 0, {frames[0], frames[2], frames[4], frames[6], frames[9]}, everywhere);
}

TEST(TwoTime, RegionsAreRenewedWithWhatIsKept) {
  const auto frames = random_frames(consecutive(0, 30), 3);
  const auto first = some_pixels(7, 4), second = some_pixels(8, 4);
  const TwoTime::Settings settings{.rows = kRows, .columns = kColumns, .max_frames = 16};
  test::ScatteredLanes lanes(3);
  TwoTime late(settings, {}), early(settings, {});
  early.set_labels(second, 3, lanes);
  late.set_labels(first, 3, lanes);
  for (const Frame& frame : frames) {
    early.add(frame.slot, frame.view(), lanes);
    late.add(frame.slot, frame.view(), lanes);
    // The stride has doubled: frames to come take the room of forgotten ones, laid out by the first labels.
    if (frame.slot == 20) late.set_labels(second, 3, lanes);
  }
  ASSERT_EQ(late.units(), 4);
  std::vector<Frame> kept;
  for (std::size_t i = 0; i < frames.size(); i += 2) kept.push_back(frames[i]);
  for (int unit = 1; unit < 4; ++unit) {
    expect_direct(late, unit, kept, [&](std::size_t p) { return second[p] == unit; });
  }
  for (int unit = 0; unit < 4; ++unit) {
    for (std::size_t i = 0; i < early.matrix(unit).size(); ++i) {
      const double a = early.matrix(unit)[i], b = late.matrix(unit)[i];
      ASSERT_TRUE(a == b || (std::isnan(a) && std::isnan(b))) << "labels before or after the frames";
    }
  }
  late.set_labels({}, 0, lanes);
  EXPECT_EQ(late.units(), 1);
  expect_direct(late, 0, kept, everywhere);
}

TEST(TwoTime, SameBitsWhateverTheLanes) {
  const auto frames = random_frames(consecutive(0, 50), 4);
  const auto label = some_pixels(9, 3);
  const TwoTime::Settings settings{.rows = kRows, .columns = kColumns, .max_frames = 40};
  Serial serial;
  test::ScatteredLanes scattered(4);
  TwoTime one(settings, {}), other(settings, {});
  for (const Frame& frame : frames) {
    one.add(frame.slot, frame.view(), serial);
    other.add(frame.slot, frame.view(), scattered);
  }
  one.set_labels(label, 2, serial);
  other.set_labels(label, 2, scattered);
  for (int unit = 0; unit < 3; ++unit) {
    ASSERT_EQ(one.matrix(unit).size(), 25u * 25u);
    for (std::size_t i = 0; i < one.matrix(unit).size(); ++i) {
      const double a = one.matrix(unit)[i], b = other.matrix(unit)[i];
      ASSERT_TRUE(a == b || (std::isnan(a) && std::isnan(b)));
    }
  }
}

TEST(TwoTime, RefusesWhatItCannotUse) {
  const auto frames = random_frames({0, 1, 5, 3, 5, 6});
  TwoTime two_time({kRows, kColumns}, {});
  Serial serial;
  const auto add = [&](const Frame& frame) { return two_time.add(frame.slot, frame.view(), serial); };
  EXPECT_TRUE(add(frames[0]));
  EXPECT_TRUE(add(frames[1]));
  EXPECT_TRUE(add(frames[2]));
  EXPECT_FALSE(add(frames[3])) << "late";
  EXPECT_FALSE(add(frames[4])) << "repeated";
  Frame dark{7, std::vector<std::uint16_t>(kPixels, 0)};
  EXPECT_FALSE(add(dark)) << "no mean to divide by";
  test::Image<float> broken(kRows, kColumns, [](int, int) { return 5; });
  broken.at(3, 4) = std::numeric_limits<float>::infinity();
  EXPECT_FALSE(two_time.add(7, broken.view(), serial)) << "non-finite";
  EXPECT_TRUE(add(frames[5]));
  expect_direct(two_time, 0, {frames[0], frames[1], frames[2], frames[5]}, everywhere);
}

TEST(TwoTime, BeginsAnewAfterAReset) {
  const auto frames = random_frames(consecutive(0, 20));
  const auto label = some_pixels(3, 2);
  TwoTime two_time({.rows = kRows, .columns = kColumns, .max_frames = 8}, {});
  Serial serial;
  two_time.set_labels(label, 1, serial);
  for (const Frame& frame : frames) two_time.add(frame.slot, frame.view(), serial);
  EXPECT_EQ(two_time.stride_slots(), 4);
  two_time.reset();
  EXPECT_TRUE(two_time.slots().empty());
  EXPECT_TRUE(two_time.matrix(0).empty());
  EXPECT_TRUE(two_time.add(frames[3].slot, frames[3].view(), serial));
  EXPECT_TRUE(two_time.add(frames[4].slot, frames[4].view(), serial));
  expect_direct(two_time, 0, {frames[3], frames[4]}, everywhere);
  expect_direct(two_time, 1, {frames[3], frames[4]}, [&](std::size_t p) { return label[p] == 1; });
}

TEST(TwoTime, UnitsWithoutAMeanAreNaN) {
  auto frames = random_frames({0, 1, 2});
  std::vector<std::uint8_t> label(kPixels, 1);
  for (std::size_t p = 0; p < 40; ++p) {
    label[p] = 2;
    frames[1].counts[p] = 0;
  }
  TwoTime two_time({kRows, kColumns}, {});
  Serial serial;
  two_time.set_labels(label, 3, serial);
  for (const Frame& frame : frames) two_time.add(frame.slot, frame.view(), serial);
  const auto c = two_time.matrix(2);
  EXPECT_TRUE(std::isnan(c[1]) && std::isnan(c[3]) && std::isnan(c[5]) && std::isnan(c[7]));
  EXPECT_NEAR(c[2], direct_correlation(frames[0], frames[2], [&](std::size_t p) { return label[p] == 2; }),
              kRounding);
  for (const double value : two_time.matrix(3)) EXPECT_TRUE(std::isnan(value)) << "no pixel has this label";
  EXPECT_FALSE(std::isnan(two_time.matrix(0)[1]));
}

TEST(TwoTime, TakesEveryMthPixelOfALargeField) {
  const auto frames = random_frames({0, 1});
  // Every sixth, from the third on, are 9 x 10 pixels; every fifth would be 11 x 12.
  TwoTime two_time({.rows = kRows, .columns = kColumns, .max_pixels = 100}, {});
  Serial serial;
  for (const Frame& frame : frames) two_time.add(frame.slot, frame.view(), serial);
  expect_direct(two_time, 0, frames,
                [](std::size_t p) { return p / kColumns % 6 == 2 && p % kColumns % 6 == 2; });
}

// Nothing of a uniform frame's level is left, and static structure is the pedestal CV^2.
TEST(TwoTime, StaticStructureIsAPedestal) {
  Serial serial;
  TwoTime two_time({kRows, kColumns}, {});
  for (int t = 0; t < 3; ++t) {
    std::vector<std::uint16_t> counts(kPixels);
    for (std::size_t p = 0; p < kPixels; ++p) {
      counts[p] = static_cast<std::uint16_t>((t + 1) * (p % 2 == 0 ? 130 : 70));
    }
    two_time.add(t, {counts.data(), PixelType::kU2, kRows, kColumns}, serial);
  }
  // 1617 pixels of 1.3 and 1616 of 0.7: CV = 0.3 but for the odd pixel, which is 1/3233 of all.
  for (const std::size_t at : {1u, 2u, 5u}) EXPECT_NEAR(two_time.matrix(0)[at], 1.09, 0.3 * 0.6 / 3233);
}

TEST(TwoTime, AddDoesNotAllocate) {
  if (!test::counts_allocations()) GTEST_SKIP() << "the sanitizer's own allocator is in place";
  const auto frames = random_frames(consecutive(0, 40), 5);
  TwoTime two_time({.rows = kRows, .columns = kColumns, .max_frames = 16}, {});
  Serial serial;
  two_time.set_labels(some_pixels(2, 3), 2, serial);
  const long before = test::allocations();
  for (const Frame& frame : frames) two_time.add(frame.slot, frame.view(), serial);
  EXPECT_EQ(test::allocations(), before);
}

}  // namespace
}  // namespace glasswatch::analysis
