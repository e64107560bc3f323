// Correlation sums per pixel against loops over all pairs of frames; gaps, late frames, windows, merging,
// bits.
#include "analysis/exact_correlator.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <type_traits>
#include <utility>
#include <vector>

#include "tests/analysis/exact_correlator_series.h"
#include "tests/analysis/images.h"
#include "tests/analysis/scattered_lanes.h"
#include "tests/support/allocation_counter.h"

namespace glasswatch::analysis {
namespace {

using namespace test::correlator_series;
using test::Image;
using test::ScatteredLanes;
using Random = std::mt19937_64;

constexpr double kRounding = 0x1p-53;

TEST(ExactCorrelator, ThreeFramesByHand) {
  ExactCorrelator correlator({1, 2, PixelType::kU1, {1, 2}}, {});
  Serial serial;
  for (const auto& [slot, counts] : {std::pair{10, 2}, {11, 3}, {12, 5}}) {
    const Image<std::uint8_t> image(1, 2, [&](int, int column) { return column == 0 ? counts : 1; });
    correlator.add(slot, image.view(), 1, serial);
  }
  correlator.update(serial);
  const Sums sums = sums_of(correlator);
  EXPECT_EQ(sums.product, (std::vector<double>{2 * 3 + 3 * 5, 2, 2 * 5, 1}));
  EXPECT_EQ(sums.past, (std::vector<double>{2 + 3, 2, 2, 1}));
  EXPECT_EQ(sums.future, (std::vector<double>{3 + 5, 2, 5, 1}));
  EXPECT_EQ(sums.total, (std::vector<double>{2 + 3 + 5, 3}));
  EXPECT_EQ(sums.pairs, (std::vector<std::uint64_t>{2, 1}));
  EXPECT_EQ(sums.frames, 3u);
  EXPECT_EQ(sums.span_slots, 3);
}

template <typename Pixel>
class ExactCorrelatorOf : public testing::Test {};
using PixelTypes = testing::Types<std::uint8_t, std::uint16_t, std::uint32_t, std::int8_t, std::int16_t,
                                  std::int32_t, float, double>;
TYPED_TEST_SUITE(ExactCorrelatorOf, PixelTypes);

/// The full range of the type where a float holds it.
template <typename Pixel>
std::pair<double, double> range() {
  if constexpr (std::is_floating_point_v<Pixel>) {
    return {50, 90};
  } else if constexpr (sizeof(Pixel) <= 2) {
    return {std::numeric_limits<Pixel>::min(), std::numeric_limits<Pixel>::max()};
  } else {
    return {std::is_signed_v<Pixel> ? -0x1p24 : 0, 0x1p24};
  }
}

TYPED_TEST(ExactCorrelatorOf, EqualsTheDefinitionWithGapsMaskAndLateFrames) {
  const auto [low, high] = range<TypeParam>();
  Series<TypeParam> series = make_series<TypeParam>(1, 40, low, high);
  disorder(series, 2, 6);
  const Lags lags{1, 2, 3, 5, 8, 30};
  const Sums sums = correlate(settings<TypeParam>(lags), series, make_mask());
  const Sums expected = sum_directly(series, lags, make_mask());
  if constexpr (!std::is_floating_point_v<TypeParam>) {
    expect_equal(sums, expected);
  } else {
    // Pixels above zero: each of them is off by 2^-24 of itself at most, and so are their sums.
    ASSERT_EQ(sums.pairs, expected.pairs);
    const std::size_t pixels = sums.total.size();
    for (std::size_t i = 0; i < sums.product.size(); ++i) {
      const auto n = static_cast<double>(sums.pairs[i / pixels]);
      const auto g2 = [&](const Sums& s) { return s.product[i] * n / (s.past[i] * s.future[i]); };
      ASSERT_NEAR(g2(sums), g2(expected), 4 * 0x1p-24 * g2(expected)) << i;
    }
  }
}

TEST(ExactCorrelator, ALateFrameMayBeTheFirstOfTheSeries) {
  ExactCorrelator correlator(settings<std::uint8_t>({2}), {});
  Serial serial;
  const Image<std::uint8_t> image(kRows, kColumns, [](int row, int) { return row; });
  for (const std::int64_t slot : {5, 3, 8}) correlator.add(slot, image.view(), 1, serial);
  EXPECT_EQ(correlator.span_slots(), 6);
  EXPECT_EQ(correlator.frames_missing(), 3u);
  EXPECT_EQ(correlator.pairs().front(), 1u);
}

TEST(ExactCorrelator, WeightsMultiplyTheCounts) {
  Series<std::uint16_t> series = make_series<std::uint16_t>(3, 30, 0, 1000);
  for (std::size_t i = 0; i < series.size(); ++i) series[i].weight = 0.25 * static_cast<double>(1 + i % 7);
  disorder(series, 4, 6);
  const Lags lags{1, 4, 9};
  expect_equal(correlate(settings<std::uint16_t>(lags), series), sum_directly(series, lags, {}));
}

TEST(ExactCorrelator, KeepsToTheWindow) {
  Series<std::int16_t> series = make_series<std::int16_t>(5, 60, -500, 500);
  for (std::size_t i = 0; i < series.size(); ++i) series[i].weight = i % 3 == 0 ? 0.5 : 1;
  for (std::size_t i = 40; i < series.size(); ++i) series[i].slot += 9;  // a pause longer than some windows
  disorder(series, 6, 6);
  const Lags lags{1, 2, 6, 11};
  for (const std::int64_t window : {1, 3, 8, 25, 1000}) {
    for (std::size_t frames = 1; frames <= series.size(); frames += 7) {
      const Series<std::int16_t> beginning(series.begin(),
                                           series.begin() + static_cast<std::ptrdiff_t>(frames));
      expect_equal(correlate(settings<std::int16_t>(lags, 3, window), beginning, make_mask()),
                   sum_directly(beginning, lags, make_mask(), window));
    }
  }
}

/// Each sum is true within n 2^-53 of the sum of the n absolute terms that it has seen, `future` within that
/// of the total beside its own.
TEST(ExactCorrelator, SumsOfFloatsUnderAWindowDriftWithinTheBound) {
  const Series<float> series = make_series<float>(7, 200, 0, 1e4, 5, 5);
  ExactCorrelatorSettings narrow = settings<float>({1, 5}, 4, 20);
  narrow.rows = narrow.columns = 5;
  const Sums sums = correlate(narrow, series);
  const Sums expected = sum_directly(series, narrow.lags_slots, {}, 20);
  ASSERT_EQ(sums.pairs, expected.pairs);
  const double terms = 400, limit = terms * kRounding;  // every frame comes, and nearly every one leaves
  EXPECT_LE(largest_difference(sums.product, expected.product), limit * terms * 1e8);
  EXPECT_LE(largest_difference(sums.past, expected.past), limit * terms * 1e4);
  EXPECT_LE(largest_difference(sums.future, expected.future), 2 * limit * terms * 1e4);
  EXPECT_LE(largest_difference(sums.total, expected.total), limit * terms * 1e4);
}

TEST(ExactCorrelator, SumsOfFloatsAreThoseOfAPlainLoopToTheBit) {
  Series<float> series = make_series<float>(8, 50, -3, 7);
  Random random(9);
  for (auto& frame : series) frame.weight = uniform(random, 0.8, 1.2);
  const Lags lags{1, 2, 7};
  const Sums sums = correlate(settings<float>(lags), series, make_mask());
  const Sums expected = sum_directly(series, lags, make_mask());
  EXPECT_TRUE(sums.product == expected.product);
  EXPECT_TRUE(sums.past == expected.past);
  EXPECT_TRUE(sums.total == expected.total);
}

TEST(ExactCorrelator, BitsDependNeitherOnTheBlockNorOnTheLanes) {
  Series<float> series = make_series<float>(10, 50, -3, 7);
  Random random(11);
  for (auto& frame : series) frame.weight = uniform(random, 0.8, 1.2);
  disorder(series, 12, 6);
  for (const std::int64_t window : {0, 12}) {
    const Sums expected = correlate(settings<float>({1, 2, 7, 20}, 1, window), series, make_mask());
    for (const int block : {1, 2, 5, 16}) {
      for (const int lanes : {1, 2, 3, 7}) {
        ScatteredLanes scattered(lanes);
        expect_equal(correlate(settings<float>({1, 2, 7, 20}, block, window), series, make_mask(), scattered),
                     expected);
      }
    }
  }
}

TEST(ExactCorrelator, ReadsAnyPieceOfTheField) {
  const Series<std::uint16_t> series = make_series<std::uint16_t>(13, 10, 0, 100);
  ExactCorrelator correlator(settings<std::uint16_t>({1, 3}), make_mask());
  Serial serial;
  add_all(correlator, series, serial);
  const Sums all = sums_of(correlator);
  const std::size_t pixels = correlator.pixels().size();
  for (const auto& [begin, end] : {std::pair{0, 1}, {1000, 1100}, {1023, 2049}, {1024, 1024}}) {
    const auto count = static_cast<std::size_t>(end - begin);
    std::vector<double> product(2 * count), past(2 * count), future(2 * count), total(count);
    correlator.read(begin, end, product.data(), past.data(), future.data());
    correlator.read_total(begin, end, total.data());
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t at = static_cast<std::size_t>(begin) + i;
      ASSERT_EQ(total[i], all.total[at]);
      for (std::size_t l = 0; l < 2; ++l) {
        ASSERT_EQ(product[l * count + i], all.product[l * pixels + at]);
        ASSERT_EQ(past[l * count + i], all.past[l * pixels + at]);
        ASSERT_EQ(future[l * count + i], all.future[l * pixels + at]);
      }
    }
  }
}

TEST(ExactCorrelator, RefusesAFrameAndForgetsNothingForIt) {
  const Lags lags{1, 10};
  const ExactCorrelatorSettings small = settings<float>(lags, 2, 0, 3);
  Series<float> series = make_series<float>(14, 20, 1, 2);
  const std::int64_t ring_slots = 10 + 3 + 0 + 2 + 1;
  ExactCorrelator correlator(small, make_mask());
  Serial serial;
  Image<float> bad = series.front().image;
  bad.pixels[299] = std::numeric_limits<float>::infinity();
  Image<float> bad_where_masked = series.back().image;
  bad_where_masked.pixels[300] = std::numeric_limits<float>::quiet_NaN();
  for (const auto& frame : series) {
    // One that would take the place of a frame that is still needed, were it good.
    EXPECT_EQ(correlator.add(frame.slot + ring_slots - 10, bad.view(), 1, serial), FrameOutcome::kNonFinite);
    EXPECT_EQ(correlator.add(frame.slot, frame.image.view(), std::nan(""), serial), FrameOutcome::kNonFinite);
    EXPECT_EQ(correlator.add(frame.slot, frame.image.view(), 1, serial), FrameOutcome::kUsed);
    EXPECT_EQ(correlator.add(frame.slot, frame.image.view(), 1, serial), FrameOutcome::kRepeated);
    EXPECT_EQ(correlator.add(frame.slot - 4, frame.image.view(), 1, serial), FrameOutcome::kLate);
  }
  series.push_back({series.back().slot + 1, 1, bad_where_masked});
  EXPECT_EQ(correlator.add(series.back().slot, series.back().image.view(), 1, serial), FrameOutcome::kUsed);
  correlator.update(serial);
  const Sums sums = sums_of(correlator), expected = sum_directly(series, lags, make_mask());
  EXPECT_EQ(sums.pairs, expected.pairs);
  EXPECT_TRUE(sums.product == expected.product);
  EXPECT_EQ(correlator.frames_missing(), static_cast<std::uint64_t>(sums.span_slots) - series.size());
}

/// Frames wait for the end of their block while others jump ahead by about the length of the ring.
TEST(ExactCorrelator, APauseLosesNoPairAndCostsNothing) {
  const Lags lags{1, 5};
  for (const std::int64_t pause : {20, 22, 24, 26, 27, 28, 29, 30, 60, 1'000'000'000}) {
    for (const std::int64_t window : {0, 10}) {
      Series<std::uint8_t> series = make_series<std::uint8_t>(15, 40, 0, 200);
      for (std::size_t i = 20; i < series.size(); ++i)
        series[i].slot += pause * static_cast<std::int64_t>(i / 10);
      expect_equal(correlate(settings<std::uint8_t>(lags, 16, window), series),
                   sum_directly(series, lags, {}, window));
    }
  }
}

TEST(ExactCorrelator, MergesExactly) {
  const Lags lags{1, 2, 5};
  const Series<std::int16_t> first = make_series<std::int16_t>(16, 30, -50, 900);
  Series<std::int16_t> second = make_series<std::int16_t>(17, 12, -50, 900);
  for (const std::int64_t window : {0, 9}) {
    const ExactCorrelatorSettings same = settings<std::int16_t>(lags, 4, window);
    ExactCorrelator correlator(same, make_mask()), other(same, make_mask());
    Serial serial;
    add_all(correlator, Series<std::int16_t>(first.begin(), first.begin() + 20), serial);
    add_all(other, second, serial);
    ASSERT_TRUE(correlator.merge(other));
    add_all(correlator, Series<std::int16_t>(first.begin() + 20, first.end()), serial);

    Sums expected = sum_directly(first, lags, make_mask(), window);
    const Sums added = sum_directly(second, lags, make_mask(), window);
    const auto add = [](auto& sums, const auto& more) {
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += more[i];
    };
    add(expected.product, added.product);
    add(expected.past, added.past);
    add(expected.future, added.future);
    add(expected.total, added.total);
    add(expected.pairs, added.pairs);
    expected.frames += added.frames;
    expected.span_slots += added.span_slots;
    expect_equal(sums_of(correlator), expected);
    EXPECT_EQ(correlator.frames_missing(),
              static_cast<std::uint64_t>(first.back().slot - first.front().slot + 1 + second.back().slot -
                                         second.front().slot + 1) -
                  first.size() - second.size());
  }
}

TEST(ExactCorrelator, DoesNotMergeWhatDiffers) {
  const Series<std::uint16_t> series = make_series<std::uint16_t>(18, 10, 0, 900);
  ExactCorrelator correlator(settings<std::uint16_t>({1, 2}), make_mask());
  Serial serial;
  add_all(correlator, series, serial);
  const Sums before = sums_of(correlator);
  ExactCorrelatorSettings turned = settings<std::uint16_t>({1, 2});
  std::swap(turned.rows, turned.columns);
  EXPECT_FALSE(correlator.merge(ExactCorrelator(settings<std::uint16_t>({1, 3}), make_mask())));
  EXPECT_FALSE(correlator.merge(ExactCorrelator(settings<std::uint16_t>({1, 2}), {})));
  EXPECT_FALSE(correlator.merge(ExactCorrelator(turned, make_mask())));
  expect_equal(sums_of(correlator), before);
}

TEST(ExactCorrelator, ResetForgetsEverything) {
  const Lags lags{1, 2};
  const Series<std::uint16_t> series = make_series<std::uint16_t>(19, 11, 0, 900);
  ExactCorrelator correlator(settings<std::uint16_t>(lags, 4, 7), {});
  Serial serial;
  for (const auto& frame : make_series<std::uint16_t>(20, 10, 0, 900)) {  // two of them still wait
    correlator.add(frame.slot + 1000, frame.image.view(), 1, serial);
  }
  correlator.reset();
  EXPECT_EQ(correlator.frames(), 0u);
  ExactCorrelator other(settings<std::uint16_t>(lags, 4, 7), {});
  add_all(other, series, serial);
  ASSERT_TRUE(correlator.merge(other));
  correlator.reset();
  const Sums empty = sums_of(correlator);
  EXPECT_EQ(empty.frames, 0u);
  EXPECT_EQ(empty.span_slots, 0);
  EXPECT_EQ(correlator.frames_missing(), 0u);
  EXPECT_EQ(*std::max_element(empty.product.begin(), empty.product.end()), 0);
  add_all(correlator, series, serial);
  expect_equal(sums_of(correlator), sum_directly(series, lags, {}, 7));
}

TEST(ExactCorrelator, AMaskThatLeavesNothingIsNoFault) {
  ExactCorrelator correlator(settings<float>({1}), std::vector<std::uint8_t>(kRows * kColumns, 1));
  Serial serial;
  add_all(correlator, make_series<float>(21, 5, 0, 1), serial);
  EXPECT_TRUE(correlator.pixels().empty());
  EXPECT_EQ(correlator.frames(), 5u);
}

TEST(ExactCorrelator, AllocatesNothingAfterConstruction) {
  if (!test::counts_allocations()) GTEST_SKIP() << "the sanitizer's own allocator is in place";
  for (const std::int64_t window : {0, 40}) {
    Series<float> series = make_series<float>(22, 60, 0, 9);
    series.back().slot += 1000;  // the whole window leaves at once
    disorder(series, 23, 6);
    ExactCorrelator correlator(settings<float>({1, 2, 3, 9}, 4, window), make_mask());
    Serial serial;
    const long before = test::allocations();
    for (const auto& frame : series) correlator.add(frame.slot, frame.image.view(), frame.weight, serial);
    correlator.update(serial);
    EXPECT_EQ(test::allocations() - before, 0);
  }
}

TEST(ExactCorrelator, AnnouncesItsMemory) {
  if (!test::counts_allocations()) GTEST_SKIP() << "the sanitizer's own allocator is in place";
  const auto held = [] {
    const auto info = mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  for (const PixelType type : {PixelType::kU1, PixelType::kI2, PixelType::kI4, PixelType::kF8}) {
    for (const std::int64_t window : {0, 40}) {
      const ExactCorrelatorSettings large{100, 150, type, {1, 2, 4, 8, 16, 32, 64}, 16, window, 16};
      const std::size_t before = held();
      const std::optional<ExactCorrelator> correlator(std::in_place, large, std::span<const std::uint8_t>{});
      const auto taken = static_cast<double>(held() - before);
      EXPECT_NEAR(static_cast<double>(ExactCorrelator::memory_bytes(large)), taken, 0.01 * taken);
    }
  }
}

TEST(ExactCorrelatorDeathTest, ReadingNeedsAnUpdateAndFramesTheirType) {
  ExactCorrelator correlator(settings<float>({1}), {});
  Serial serial;
  const Image<float> image(kRows, kColumns, [](int, int) { return 1; });
  const Image<double> other(kRows, kColumns, [](int, int) { return 1; });
  correlator.add(0, image.view(), 1, serial);
  EXPECT_DEATH(sums_of(correlator), "waiting_events_");
  EXPECT_DEATH(correlator.add(1, other.view(), 1, serial), "pixel_type");
  EXPECT_DEATH(ExactCorrelator(settings<float>({2, 1}), {}), "contract broken");
}

}  // namespace
}  // namespace glasswatch::analysis
