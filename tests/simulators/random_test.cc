#include "simulators/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <vector>

namespace glasswatch::simulation {
namespace {

constexpr int kDraws = 200'000;

class PoissonAtMean : public testing::TestWithParam<double> {};

// For a Poisson law the variance is m and the fourth central moment m + 3 m^2: the sample mean scatters by
// sqrt(m / N), the sample variance by sqrt((m + 2 m^2) / N). Five standard deviations are allowed.
TEST_P(PoissonAtMean, HasTheMomentsOfItsLaw) {
  const double mean = GetParam();
  Random random(1, 1, 0);
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double off = static_cast<double>(random.poisson(mean)) - mean;
    sum += off;
    squares += off * off;
  }
  EXPECT_NEAR(sum / kDraws, 0, 5 * std::sqrt(mean / kDraws));
  EXPECT_NEAR(squares / kDraws, mean, 5 * std::sqrt((mean + 2 * mean * mean) / kDraws));
}

// Pearson's chi-square against exp(k ln m - m - ln k!), bins with at least 20 expected draws and one for the
// rest. It has mean f and variance 2 f at f degrees of freedom; five standard deviations are allowed.
TEST_P(PoissonAtMean, HasTheFrequenciesOfItsLaw) {
  const double mean = GetParam();
  Random random(2, 1, 0);
  std::map<std::int64_t, int> seen;
  for (int i = 0; i < kDraws; ++i) ++seen[random.poisson(mean)];
  double chi_square = 0;
  int bins = 0;
  double expected_rest = kDraws;
  double seen_rest = kDraws;
  const auto last = static_cast<std::int64_t>(mean + 10 * std::sqrt(mean) + 20);
  for (std::int64_t k = 0; k <= last; ++k) {
    const auto x = static_cast<double>(k);
    const double expected = kDraws * std::exp(x * std::log(mean) - mean - std::lgamma(x + 1));
    if (expected < 20) continue;
    chi_square += (seen[k] - expected) * (seen[k] - expected) / expected;
    expected_rest -= expected;
    seen_rest -= seen[k];
    ++bins;
  }
  chi_square += (seen_rest - expected_rest) * (seen_rest - expected_rest) / expected_rest;
  EXPECT_LT(chi_square, bins + 5 * std::sqrt(2.0 * bins)) << bins << " bins";
}

INSTANTIATE_TEST_SUITE_P(BothSamplers, PoissonAtMean,
                         testing::Values(0.05, 0.7, 3.0, 9.99, 10.0, 11.5, 40.0, 300.0));

TEST(Poisson, LargeMeansBeyondTheFactorialTable) {
  constexpr double kMean = 25'000;
  Random random(3, 1, 0);
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double off = static_cast<double>(random.poisson(kMean)) - kMean;
    sum += off;
    squares += off * off;
  }
  EXPECT_NEAR(sum / kDraws, 0, 5 * std::sqrt(kMean / kDraws));
  EXPECT_NEAR(squares / kDraws / kMean, 1, 5 * std::sqrt(2.0 / kDraws));
}

TEST(Poisson, NothingExpectedGivesNothing) {
  Random random(4, 1, 0);
  EXPECT_EQ(random.poisson(0), 0);
  EXPECT_EQ(random.poisson(-1), 0);
  EXPECT_EQ(random.poisson(std::nan("")), 0);
}

// Moments 0, 1, 0, 3 of the standard normal; their estimates scatter by sqrt(1, 2, 15, 96) / sqrt(N).
TEST(Gaussian, HasTheMomentsOfItsLaw) {
  Random random(5, 1, 0);
  double m1 = 0, m2 = 0, m3 = 0, m4 = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = random.gaussian();
    m1 += x;
    m2 += x * x;
    m3 += x * x * x;
    m4 += x * x * x * x;
  }
  const double n = std::sqrt(kDraws);
  EXPECT_NEAR(m1 / kDraws, 0, 5 / n);
  EXPECT_NEAR(m2 / kDraws, 1, 5 * std::sqrt(2.0) / n);
  EXPECT_NEAR(m3 / kDraws, 0, 5 * std::sqrt(15.0) / n);
  EXPECT_NEAR(m4 / kDraws, 3, 5 * std::sqrt(96.0) / n);
}

TEST(Random, IsAddressedBySeedStreamAndIndex) {
  const auto first = [](auto... address) { return Random(address...).next(); };
  EXPECT_EQ(first(1u, 2u, 3u), first(1u, 2u, 3u));
  EXPECT_NE(first(1u, 2u, 3u), first(2u, 2u, 3u));
  EXPECT_NE(first(1u, 2u, 3u), first(1u, 3u, 3u));
  EXPECT_NE(first(1u, 2u, 3u), first(1u, 2u, 4u));
  EXPECT_NE(first(1u, 2u, 3u), first(1u, 3u, 2u));
}

// Neighbouring frames must not share their noise: the correlation of N pairs scatters by 1 / sqrt(N).
TEST(Random, NeighbouringIndicesAreUncorrelated) {
  double product = 0;
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    product += (Random(1, 1, i).uniform() - 0.5) * (Random(1, 1, i + 1).uniform() - 0.5) * 12;
  }
  EXPECT_NEAR(product / 20'000, 0, 5 / std::sqrt(20'000));
}

}  // namespace
}  // namespace glasswatch::simulation
