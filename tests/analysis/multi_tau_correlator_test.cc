// Multiple-tau sums per pixel against loops over all pairs of groups, through gaps and pauses.
#include "analysis/multi_tau_correlator.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <type_traits>
#include <utility>
#include <vector>

#include "tests/analysis/direct_sums.h"
#include "tests/analysis/multi_tau_definition.h"

namespace glasswatch::analysis {
namespace {

using namespace test::multi_tau;
using test::Image;

constexpr double kRounding = 0x1p-24;  // of a float
/// Every float sum of n terms is within n kRounding of the sum of their sizes; a sample of level l is itself
/// a sum of up to 2^l terms in l steps, divided, from counts that were rounded once: l + 2 roundings. What
/// has no partner is summed in float too.
void expect_within_rounding(const Sums& sums, const Definition& truth, const std::vector<Channel>& axis) {
  ASSERT_EQ(sums.lag_slots, truth.lag_slots);
  ASSERT_EQ(sums.pairs, truth.pairs);
  EXPECT_EQ(sums.frames, truth.frames);
  EXPECT_EQ(sums.span_slots, truth.span_slots);
  const std::size_t pixels = truth.total.size();
  for (std::size_t l = 0; l < axis.size(); ++l) {
    const auto n = static_cast<double>(truth.pairs[l]);
    const double sample = axis[l].level + 2;
    const double lone = truth.samples[l] - n;
    for (std::size_t i = 0; i < pixels; ++i) {
      const std::size_t at = l * pixels + i;
      // Sums of samples enter the products by way of the level m that is added again; 1e-14 is for double.
      const double tail = 1e-14 * std::abs(truth.past[at]);
      const double factor = (sample + lone) * kRounding * truth.sample_sizes[at] + tail;
      const double m = n > 0 ? std::abs(truth.past[at] / n) + truth.sample_sizes[at] / n : 0;
      const double product = (n + 2 * sample + 1) * kRounding * truth.product_sizes[at] + 2 * m * factor +
                             1e-14 * std::abs(truth.product[at]);
      EXPECT_NEAR(sums.past[at], truth.past[at], factor) << "lag " << truth.lag_slots[l] << " pixel " << i;
      EXPECT_NEAR(sums.future[at], truth.future[at], factor) << "lag " << truth.lag_slots[l];
      EXPECT_NEAR(sums.product[at], truth.product[at], product) << "lag " << truth.lag_slots[l];
    }
  }
}

TEST(MultiTauCorrelator, SixFramesByHand) {
  MultiTauCorrelator correlator({1, 1, PixelType::kU1, 4, 2, 1, 4}, {});
  ASSERT_EQ(std::vector<double>(correlator.lag_slots().begin(), correlator.lag_slots().end()),
            (std::vector<double>{1, 2, 4}));
  Serial serial;
  const auto add = [&](std::int64_t slot, int counts) {
    const Image<std::uint8_t> image(1, 1, [&](int, int) { return counts; });
    EXPECT_EQ(correlator.add(slot, image.view(), 1, serial), FrameOutcome::kUsed);
  };
  // Groups of two slots: (2, 4), (-, 6), (8, 10), (12 ...): samples 3, 6, 9.
  add(100, 2);
  add(101, 4);
  add(103, 6);
  add(104, 8);
  add(105, 10);
  add(106, 12);
  correlator.update(serial);
  const Sums sums = sums_of(correlator);
  EXPECT_EQ(sums.pairs, (std::vector<std::uint64_t>{4, 3, 1}));
  EXPECT_EQ(sums.product,
            (std::vector<double>{2 * 4 + 6 * 8 + 8 * 10 + 10 * 12, 4 * 6 + 6 * 10 + 8 * 12, 27}));
  EXPECT_EQ(sums.past, (std::vector<double>{2 + 6 + 8 + 10, 4 + 6 + 8, 3}));
  EXPECT_EQ(sums.future, (std::vector<double>{4 + 8 + 10 + 12, 6 + 10 + 12, 9}));
  EXPECT_EQ(sums.total, (std::vector<double>{42}));
  EXPECT_EQ(sums.frames, 6u);
  EXPECT_EQ(sums.span_slots, 7);
  EXPECT_EQ(correlator.frames_missing(), 1u);
}

TEST(MultiTauCorrelator, LevelsAreAddedUntilTheLongestLagIsCovered) {
  const auto lags = [](std::int64_t max_lag_slots, int first, int others) {
    const MultiTauCorrelator correlator({1, 1, PixelType::kU1, max_lag_slots, first, others, 1}, {});
    return std::vector<double>(correlator.lag_slots().begin(), correlator.lag_slots().end());
  };
  EXPECT_EQ(lags(16, 16, 8).size(), 16u);
  EXPECT_EQ(lags(17, 16, 8).size(), 24u);
  EXPECT_EQ(lags(17, 16, 8)[16], 18);
  EXPECT_EQ(lags(2048, 16, 8).size(), 72u);
  EXPECT_EQ(lags(2048, 16, 8).back(), 2048);
  EXPECT_EQ(lags(2049, 16, 8).back(), 4096);
  EXPECT_EQ(lags(9, 4, 2), (std::vector<double>{1, 2, 3, 4, 6, 8, 12, 16}));
}

template <typename Pixel>
class MultiTauCorrelatorOf : public testing::Test {};
using PixelTypes = testing::Types<std::uint8_t, std::uint16_t, std::uint32_t, std::int8_t, std::int16_t,
                                  std::int32_t, float, double>;
TYPED_TEST_SUITE(MultiTauCorrelatorOf, PixelTypes);

TYPED_TEST(MultiTauCorrelatorOf, AgreesWithTheDefinitionThroughGapsAndPauses) {
  const double low = std::is_signed_v<TypeParam> ? -20 : 0;
  const std::vector<Channel> axis = channels(256, 16, 8);
  const auto slots = slots_with_gaps(1, 500, 0.1, 60);
  const auto series = make_series<TypeParam>(2, slots, kRows, kColumns, low, 120);
  const Definition truth = define(series, axis, make_mask());
  const Sums sums = correlate(settings<TypeParam>(256), series, make_mask());
  expect_within_rounding(sums, truth, axis);
  if (!std::is_integral_v<TypeParam>) return;
  for (std::size_t at = 0; at < 16 * truth.total.size(); ++at) {
    // Deviations are whole, and their sums stay below 500 * 120^2 < 2^24.
    EXPECT_EQ(sums.product[at], truth.product[at]);
    EXPECT_EQ(sums.past[at], truth.past[at]);
    EXPECT_EQ(sums.future[at], truth.future[at]);
  }
  EXPECT_EQ(sums.total, truth.total);
}

TEST(MultiTauCorrelator, AgreesWithTheDefinitionWhenMostFramesAreLost) {
  for (const double loss : {0.4, 0.6, 0.9}) {
    for (const auto& [first, others] : {std::pair{16, 8}, {4, 2}, {1, 1}, {9, 8}}) {
      SCOPED_TRACE(testing::Message() << "loss " << loss << ", channels " << first << " + " << others);
      const std::vector<Channel> axis = channels(100, first, others);
      const auto series = make_series<std::uint8_t>(3, slots_with_gaps(4, 400, loss, 9), 3, 5, 0, 100);
      expect_within_rounding(correlate({3, 5, PixelType::kU1, 100, first, others, 16}, series),
                             define(series, axis), axis);
    }
  }
}

TEST(MultiTauCorrelator, TheFinestLevelIsTheExactDefinition) {
  const auto slots = slots_with_gaps(5, 300, 0.1, 40);
  const auto series = make_series<std::int16_t>(6, slots, kRows, kColumns, 0, 200);
  const Sums sums = correlate(settings<std::int16_t>(500), series);
  std::vector<FrameView> views;
  for (const auto& frame : series) views.push_back(frame.image.view());
  std::vector<std::int64_t> lags(16);
  for (std::size_t l = 0; l < lags.size(); ++l) lags[l] = static_cast<std::int64_t>(l) + 1;
  const Sums exact = sums_of(test::DirectSums(views, slots, lags));
  for (std::size_t l = 0; l < lags.size(); ++l) EXPECT_EQ(sums.pairs[l], exact.pairs[l]);
  for (std::size_t at = 0; at < exact.product.size(); ++at) {
    EXPECT_EQ(sums.product[at], exact.product[at]);
    EXPECT_EQ(sums.past[at], exact.past[at]);
    EXPECT_EQ(sums.future[at], exact.future[at]);
  }
  EXPECT_EQ(sums.total, exact.total);
}

TEST(MultiTauCorrelator, WeightsMultiplyTheCounts) {
  const std::vector<Channel> axis = channels(64, 16, 8);
  auto series = make_series<std::uint16_t>(7, slots_with_gaps(8, 200, 0.1, 20), kRows, kColumns, 50, 150);
  std::mt19937_64 random(9);
  for (auto& frame : series) frame.weight = uniform(random, 0.9, 1.1);
  expect_within_rounding(correlate(settings<std::uint16_t>(64), series), define(series, axis), axis);
}

// A pause of 10^12 slots would take hours if it were stepped through.
TEST(MultiTauCorrelator, PausesOfAnyLengthSeparateWhatIsBeforeFromWhatIsAfter) {
  const std::vector<Channel> axis = channels(512, 16, 8);
  const auto slots = test::consecutive_slots(300);
  const auto before = make_series<std::uint16_t>(10, slots, 3, 5, 0, 100);
  for (const std::int64_t pause : {std::int64_t{16}, std::int64_t{17}, std::int64_t{300}, std::int64_t{5000},
                                   std::int64_t{1'000'000'000'000}}) {
    SCOPED_TRACE(pause);
    auto series = before;
    for (auto frame : make_series<std::uint16_t>(11, slots, 3, 5, 0, 100)) {
      frame.slot += 300 + pause;
      series.push_back(frame);
    }
    expect_within_rounding(correlate({3, 5, PixelType::kU2, 512, 16, 8, 16}, series), define(series, axis),
                           axis);
  }
}

}  // namespace
}  // namespace glasswatch::analysis
