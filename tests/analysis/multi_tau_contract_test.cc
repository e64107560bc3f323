// Multiple-tau correlator: bits, refused frames, merging, reset, memory.
#include <gtest/gtest.h>
#include <malloc.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "analysis/multi_tau_correlator.h"
#include "tests/analysis/multi_tau_definition.h"
#include "tests/analysis/scattered_lanes.h"
#include "tests/support/allocation_counter.h"

namespace glasswatch::analysis {
namespace {

using namespace test::multi_tau;
using test::Image;
using test::ScatteredLanes;

constexpr double kRounding = 0x1p-24;  // of a float

TEST(MultiTauCorrelator, BitsDependOnTheFramesAlone) {
  const auto series = make_series<float>(12, slots_with_gaps(13, 210, 0.1, 70), kRows, kColumns, 0, 1000);
  const Sums expected = correlate(settings<float>(256), series, make_mask());
  for (const int block : {1, 3, 16, 17, 50}) {
    for (const int lanes : {1, 2, 5}) {
      SCOPED_TRACE(testing::Message() << "block " << block << " lanes " << lanes);
      MultiTauCorrelator correlator(settings<float>(256, block), make_mask());
      ScatteredLanes scattered(lanes);
      for (const auto& frame : series) {
        correlator.add(frame.slot, frame.image.view(), frame.weight, scattered);
        if (frame.slot % 11 == 0) correlator.update(scattered);
      }
      correlator.update(scattered);
      EXPECT_TRUE(sums_of(correlator) == expected);
    }
  }
}

TEST(MultiTauCorrelator, PlainAndWideLoopsGiveTheSameBits) {
  std::mt19937_64 random(14);
  std::vector<internal::FloatStrip> strips(10);
  for (auto& strip : strips) {
    for (float& x : strip.pixels) x = static_cast<float>(uniform(random, -100, 100));
  }
  std::vector<const internal::FloatStrip*> rows;
  for (const auto& strip : strips) rows.push_back(&strip);
  const std::vector<std::vector<internal::SamplePair>> pairs{{{0, 1}, {1, 2}, {7, 9}}, {}, {{3, 8}}};
  auto run = [&](internal::LoopWidth width) {
    std::vector<internal::FloatStrip> product(strips.begin(), strips.begin() + 3);
    const std::vector<internal::StripRow> touched{0, 9};
    internal::Prefetch prefetch(strips.data(), touched, 4);
    internal::add_products(rows.data(), pairs, product.data(), width, prefetch);
    return product;
  };
  const auto plain = run(internal::LoopWidth::kPlain), wide = run(internal::widest_loops());
  for (std::size_t c = 0; c < plain.size(); ++c) {
    for (std::size_t i = 0; i < internal::kStripPixels; ++i) {
      float sum = strips[c].pixels[i];
      for (const auto& pair : pairs[c]) sum += strips[pair.past].pixels[i] * strips[pair.future].pixels[i];
      EXPECT_EQ(plain[c].pixels[i], sum);
      EXPECT_EQ(wide[c].pixels[i], sum);
    }
  }
}

TEST(MultiTauCorrelator, RefusedFramesAreGaps) {
  const auto with = [](Image<float> image, float value, std::size_t pixel) {
    image.pixels[pixel] = value;
    return image;
  };
  const auto series = make_series<float>(15, slots_with_gaps(16, 90, 0, 0), kRows, kColumns, 0, 50);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  MultiTauCorrelator correlator(settings<float>(64, 7), make_mask());
  Serial serial;
  Series<float> used;
  const auto& masked = series[10].image;
  const auto refuse_faulty = [&](std::int64_t slot) {
    for (const auto& faulty :
         {with(masked, nan, 0), with(masked, infinity, 80), with(masked, -infinity, 149)}) {
      EXPECT_EQ(correlator.add(slot, faulty.view(), 1, serial), FrameOutcome::kNonFinite);
    }
    EXPECT_EQ(correlator.add(slot, masked.view(), nan, serial), FrameOutcome::kNonFinite);
  };
  refuse_faulty(-10);  // before the first
  for (const auto& frame : series) {
    if (frame.slot % 10 == 4) {
      refuse_faulty(frame.slot);
      continue;
    }
    const Image<float> hidden = with(frame.image, nan, 3);  // a masked pixel
    EXPECT_EQ(correlator.add(frame.slot, hidden.view(), 1, serial), FrameOutcome::kUsed);
    EXPECT_EQ(correlator.add(frame.slot, hidden.view(), 1, serial), FrameOutcome::kRepeated);
    EXPECT_EQ(correlator.add(frame.slot - 1, hidden.view(), 1, serial), FrameOutcome::kLate);
    used.push_back(frame);
  }
  correlator.update(serial);
  EXPECT_EQ(used.front().slot, -5);
  EXPECT_EQ(used.back().slot, 83);
  EXPECT_EQ(correlator.frames_missing(), 89 - used.size());
  EXPECT_TRUE(sums_of(correlator) == correlate(settings<float>(64), used, make_mask()));
}

/// The second series lies on another level, so its sums have to be moved.
TEST(MultiTauCorrelator, MergedSeriesAddUp) {
  const std::vector<Channel> axis = channels(128, 16, 8);
  const auto first =
      make_series<std::uint16_t>(17, slots_with_gaps(18, 200, 0.1, 0), kRows, kColumns, 80, 120);
  const auto second =
      make_series<std::uint16_t>(19, slots_with_gaps(20, 150, 0.1, 30), kRows, kColumns, 100, 160);
  const Definition a = define(first, axis), b = define(second, axis);
  MultiTauCorrelator merged(settings<std::uint16_t>(128), {}), other(settings<std::uint16_t>(128, 3), {});
  Serial serial;
  add_all(merged, first, serial);
  add_all(other, second, serial);
  const std::uint64_t missing = merged.frames_missing() + other.frames_missing();
  ASSERT_TRUE(merged.merge(other));
  const Sums sums = sums_of(merged);
  EXPECT_EQ(sums.frames, a.frames + b.frames);
  EXPECT_EQ(sums.span_slots, a.span_slots + b.span_slots);
  EXPECT_EQ(merged.frames_missing(), missing);
  for (std::size_t i = 0; i < a.total.size(); ++i) EXPECT_EQ(sums.total[i], a.total[i] + b.total[i]);
  for (std::size_t l = 0; l < axis.size(); ++l) {
    const std::uint64_t pairs = a.pairs[l] + b.pairs[l];
    EXPECT_EQ(sums.pairs[l], pairs);
    for (std::size_t i = 0; i < a.total.size(); ++i) {
      const std::size_t at = l * a.total.size() + i;
      // Sums with and without whole counts are exact to one rounding each; products of the moved series are
      // of the size n (30 + 50)^2, and lone samples enter by way of m = 100.
      const double n = static_cast<double>(pairs) + 16;
      EXPECT_NEAR(sums.product[at], a.product[at] + b.product[at], n * 80 * 80 * 4 * kRounding);
      EXPECT_NEAR(sums.past[at], a.past[at] + b.past[at], 16 * 80 * 4 * kRounding);
      EXPECT_NEAR(sums.future[at], a.future[at] + b.future[at], 16 * 80 * 4 * kRounding);
    }
  }
}

TEST(MultiTauCorrelator, ASeriesMayBeginWithAMerge) {
  const std::vector<Channel> axis = channels(128, 16, 8);
  const auto first = make_series<std::uint16_t>(33, slots_with_gaps(34, 100, 0, 0), kRows, kColumns, 80, 120);
  const auto second =
      make_series<std::uint16_t>(35, slots_with_gaps(36, 100, 0, 0), kRows, kColumns, 80, 120);
  const Definition a = define(first, axis), b = define(second, axis);
  MultiTauCorrelator merged(settings<std::uint16_t>(128), {}), other(settings<std::uint16_t>(128), {});
  Serial serial;
  add_all(other, first, serial);
  ASSERT_TRUE(merged.merge(other));
  add_all(merged, second, serial);
  const Sums sums = sums_of(merged);
  for (std::size_t at = 0; at < a.product.size(); ++at) {
    // Without gaps the means are whole to a sixteenth at least, and sums of them below 2^24 exact.
    EXPECT_EQ(sums.past[at], a.past[at] + b.past[at]);
    EXPECT_EQ(sums.future[at], a.future[at] + b.future[at]);
    EXPECT_EQ(sums.product[at], a.product[at] + b.product[at]);
  }
}

TEST(MultiTauCorrelator, MergesOnlyWhatIsAlike) {
  const auto series = make_series<std::uint16_t>(21, slots_with_gaps(22, 40, 0, 0), kRows, kColumns, 0, 100);
  MultiTauCorrelator correlator(settings<std::uint16_t>(64), make_mask());
  Serial serial;
  add_all(correlator, series, serial);
  const Sums before = sums_of(correlator);
  MultiTauSettings turned = settings<std::uint16_t>(64), finer = settings<std::uint16_t>(64);
  std::swap(turned.rows, turned.columns);
  finer.first_channels = 17;
  EXPECT_FALSE(correlator.merge(MultiTauCorrelator(settings<std::uint16_t>(65), make_mask())));
  EXPECT_FALSE(correlator.merge(MultiTauCorrelator(settings<std::uint16_t>(64), {})));
  EXPECT_FALSE(correlator.merge(MultiTauCorrelator(turned, make_mask())));
  EXPECT_FALSE(correlator.merge(MultiTauCorrelator(finer, make_mask())));
  EXPECT_TRUE(sums_of(correlator) == before);
}

TEST(MultiTauCorrelator, ResetForgetsEverything) {
  const auto series =
      make_series<std::uint16_t>(23, slots_with_gaps(24, 90, 0.1, 20), kRows, kColumns, 0, 100);
  MultiTauCorrelator correlator(settings<std::uint16_t>(64), {});
  Serial serial;
  MultiTauCorrelator other(settings<std::uint16_t>(64), {});
  add_all(other, series, serial);
  for (const auto& frame :
       make_series<std::uint16_t>(25, slots_with_gaps(26, 75, 0.3, 0), kRows, kColumns, 500, 900)) {
    correlator.add(frame.slot + 1000, frame.image.view(), 1, serial);  // the last of them still wait
  }
  correlator.reset();
  ASSERT_TRUE(correlator.merge(other));
  correlator.reset();
  EXPECT_EQ(correlator.frames(), 0u);
  EXPECT_EQ(correlator.span_slots(), 0);
  EXPECT_EQ(correlator.frames_missing(), 0u);
  EXPECT_EQ(correlator.pairs()[0], 0u);
  add_all(correlator, series, serial);
  EXPECT_TRUE(sums_of(correlator) == sums_of(other));
}

TEST(MultiTauCorrelator, PiecesReadTheSame) {
  const auto series =
      make_series<std::uint16_t>(27, slots_with_gaps(28, 60, 0.1, 0), kRows, kColumns, 0, 100);
  MultiTauCorrelator correlator(settings<std::uint16_t>(32), {});
  Serial serial;
  add_all(correlator, series, serial);
  const Sums whole = sums_of(correlator);
  const std::size_t lags = whole.lag_slots.size();
  for (const auto& [begin, end] : {std::pair{0, 1}, {63, 65}, {5, 140}, {64, 128}, {149, 150}, {20, 20}}) {
    const auto count = static_cast<std::size_t>(end - begin);
    std::vector<double> product(lags * count), past(product), future(product), total(count);
    correlator.read(begin, end, product.data(), past.data(), future.data());
    correlator.read_total(begin, end, total.data());
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t pixel = static_cast<std::size_t>(begin) + i;
      EXPECT_EQ(total[i], whole.total[pixel]);
      for (std::size_t l = 0; l < lags; ++l) {
        EXPECT_EQ(product[l * count + i], whole.product[l * whole.total.size() + pixel]);
        EXPECT_EQ(past[l * count + i], whole.past[l * whole.total.size() + pixel]);
        EXPECT_EQ(future[l * count + i], whole.future[l * whole.total.size() + pixel]);
      }
    }
  }
}

TEST(MultiTauCorrelator, AMaskThatLeavesNothingIsNoFault) {
  MultiTauCorrelator correlator(settings<float>(32), std::vector<std::uint8_t>(kRows * kColumns, 1));
  Serial serial;
  add_all(correlator, make_series<float>(29, slots_with_gaps(30, 20, 0, 0), kRows, kColumns, 0, 1), serial);
  EXPECT_TRUE(correlator.pixels().empty());
  EXPECT_EQ(correlator.frames(), 20u);
}

TEST(MultiTauCorrelator, AllocatesNothingAfterConstruction) {
  if (!test::counts_allocations()) GTEST_SKIP() << "the sanitizer's own allocator is in place";
  const auto series = make_series<float>(31, slots_with_gaps(32, 200, 0.2, 100), kRows, kColumns, 0, 100);
  for (const int block : {1, 16, 40}) {
    MultiTauCorrelator correlator(settings<float>(512, block), make_mask());
    Serial serial;
    const long before = test::allocations();
    for (const auto& frame : series) correlator.add(frame.slot, frame.image.view(), frame.weight, serial);
    correlator.update(serial);
    EXPECT_EQ(test::allocations() - before, 0);
  }
}

TEST(MultiTauCorrelator, AnnouncesItsMemory) {
  if (!test::counts_allocations()) GTEST_SKIP() << "the sanitizer's own allocator is in place";
  const auto held = [] {
    const auto info = mallinfo2();
    return static_cast<double>(info.uordblks + info.hblkhd);
  };
  for (const int block : {1, 16, 40}) {
    const MultiTauSettings large{100, 150, PixelType::kI2, 2048, 16, 8, block};
    const double before = held();
    const std::optional<MultiTauCorrelator> correlator(std::in_place, large, std::span<const std::uint8_t>{});
    const double taken = held() - before;
    EXPECT_NEAR(static_cast<double>(MultiTauCorrelator::memory_bytes(large)), taken, 0.01 * taken);
  }
}

TEST(MultiTauCorrelatorDeathTest, BrokenPreconditions) {
  MultiTauCorrelator correlator(settings<float>(32), {});
  Serial serial;
  const Image<float> image(kRows, kColumns, [](int, int) { return 1; });
  const Image<double> other(kRows, kColumns, [](int, int) { return 1; });
  correlator.add(0, image.view(), 1, serial);
  EXPECT_DEATH(sums_of(correlator), "waiting_slots_");
  EXPECT_DEATH(correlator.add(1, other.view(), 1, serial), "pixel_type");
  EXPECT_DEATH(MultiTauCorrelator({4, 4, PixelType::kU2, 100, 18, 8, 1}, {}), "first_channels");
}

}  // namespace
}  // namespace glasswatch::analysis
