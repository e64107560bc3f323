// Histograms against counts by hand; the log-normal against planted parameters and its errors' coverage.
#include "analysis/tau_histogram.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace glasswatch::analysis {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

KwwMap map_of(std::vector<float> taus, std::vector<FitStatus> status = {}) {
  KwwMap map;
  status.resize(taus.size(), FitStatus::kConverged);
  map.tau_slots = std::move(taus);
  map.status = std::move(status);
  return map;
}

TEST(TauHistogram, CountsAsByHand) {
  // 16 fits: 12 usable, of them one below the edges, two at or above the last, one on an inner edge.
  const KwwMap map =
      map_of({0.5F, 1, 1.5F, 2, 3, 3.9F, 4, 7, 7.9F, 8, 100, 5, 1, kNaN, 2, kNaN},
             {FitStatus::kConverged, FitStatus::kConverged, FitStatus::kConverged, FitStatus::kConverged,
              FitStatus::kConverged, FitStatus::kConverged, FitStatus::kConverged, FitStatus::kConverged,
              FitStatus::kConverged, FitStatus::kConverged, FitStatus::kConverged, FitStatus::kConverged,
              FitStatus::kAtBound, FitStatus::kNoData, FitStatus::kNotConverged, FitStatus::kTooShort});
  const TauHistogram h = tau_histogram(map, std::vector<double>{1, 2, 4, 8}, 4, 16);
  EXPECT_EQ(h.fraction, (std::vector<double>{2.0 / 16, 3.0 / 16, 4.0 / 16}));
  EXPECT_EQ(h.below, 1.0 / 16);
  EXPECT_EQ(h.above, 2.0 / 16);
  EXPECT_EQ(h.unusable, 4.0 / 16);
  EXPECT_EQ(h.threshold_slots, 4);
  EXPECT_EQ(h.fraction_above_threshold, 5.0 / 12);  // 7, 7.9, 8, 100, 5: what equals it is not above
  // Two of each kind added to 12 independent values: (5 + 2)/16 of 16.
  EXPECT_NEAR(h.fraction_above_sigma, std::sqrt(7.0 / 16 * 9 / 16 / 16), 1e-15);
}

TEST(TauHistogram, OneFitInTheWrongPlaceWouldShow) {
  for (const float tau : {0.99F, 1.0F, 1.01F, 9.99F, 10.0F}) {
    const TauHistogram h = tau_histogram(map_of({tau}), std::vector<double>{1, 10}, tau, 1);
    EXPECT_EQ(h.below, tau < 1 ? 1 : 0);
    EXPECT_EQ(h.fraction[0], tau >= 1 && tau < 10 ? 1 : 0);
    EXPECT_EQ(h.above, tau >= 10 ? 1 : 0);
    EXPECT_EQ(h.fraction_above_threshold, 0);
    EXPECT_EQ(h.log_normal.median_slots, std::exp(std::log(double{tau})));
    EXPECT_EQ(h.log_normal.sigma_ln, 0);
  }
}

// ln tau = 0, 1, 5: mean 2, mean square deviation (4 + 1 + 9)/3.
TEST(TauHistogram, LogNormalIsTheMomentsOfTheLogarithm) {
  const KwwMap map =
      map_of({1, std::exp(1.0F), std::exp(5.0F), 7},
             {FitStatus::kConverged, FitStatus::kConverged, FitStatus::kConverged, FitStatus::kAtBound});
  // Eight independent values among four fits, three of them usable: six.
  const LogNormal fit = tau_histogram(map, std::vector<double>{1, 2}, 1, 8).log_normal;
  const double sigma = std::sqrt(14.0 / 3);
  EXPECT_NEAR(fit.median_slots, std::exp(2.0), 1e-5);
  EXPECT_NEAR(fit.sigma_ln, sigma, 1e-6);
  EXPECT_NEAR(fit.median_sigma, std::exp(2.0) * sigma / std::sqrt(6.0), 1e-5);
  EXPECT_NEAR(fit.sigma_ln_sigma, sigma / std::sqrt(12.0), 1e-6);
}

// 1000 maps of 200 independent values: 0.683 expected, standard error 0.015; the binomial's steps and the
// maximum-likelihood sigma's divisor shift it by less than 0.02.
TEST(TauHistogram, StandardErrorsCoverPlantedValues) {
  std::mt19937 random(5);
  std::normal_distribution<double> normal;
  const double median = 40, sigma = 0.7;
  int median_covered = 0, sigma_covered = 0, fraction_covered = 0;
  const double above = std::erfc(std::log(60.0 / median) / sigma / std::sqrt(2.0)) / 2;
  for (int trial = 0; trial < 1000; ++trial) {
    KwwMap map = map_of({});
    for (int i = 0; i < 200; ++i) {
      map.tau_slots.push_back(static_cast<float>(median * std::exp(sigma * normal(random))));
      map.status.push_back(FitStatus::kConverged);
    }
    const TauHistogram h = tau_histogram(map, std::vector<double>{1, 1000}, 60, 200);
    median_covered += std::abs(h.log_normal.median_slots - median) < h.log_normal.median_sigma ? 1 : 0;
    sigma_covered += std::abs(h.log_normal.sigma_ln - sigma) < h.log_normal.sigma_ln_sigma ? 1 : 0;
    fraction_covered += std::abs(h.fraction_above_threshold - above) < h.fraction_above_sigma ? 1 : 0;
  }
  EXPECT_NEAR(median_covered / 1000.0, 0.683, 0.05);
  EXPECT_NEAR(sigma_covered / 1000.0, 0.683, 0.05);
  EXPECT_NEAR(fraction_covered / 1000.0, 0.683, 0.06);
}

// Pixels that share speckles tell no more than the speckles do.
TEST(TauHistogram, ErrorsGrowWhereFewerValuesAreIndependent) {
  const KwwMap map = map_of({1, 2, 3, 4, 5, 6, 7, 8});
  const std::vector<double> edges{1, 10};
  const TauHistogram all = tau_histogram(map, edges, 4, 8);
  const TauHistogram half = tau_histogram(map, edges, 4, 4);
  EXPECT_EQ(all.fraction, half.fraction);
  EXPECT_NEAR(half.log_normal.median_sigma / all.log_normal.median_sigma, std::sqrt(2.0), 1e-12);
  EXPECT_NEAR(half.fraction_above_sigma / all.fraction_above_sigma, std::sqrt(12.0 / 8), 1e-12);
}

TEST(TauHistogram, WhatCannotBeSaidIsNaN) {
  const std::vector<double> edges{1, 10};
  const TauHistogram none =
      tau_histogram(map_of({kNaN, 3}, {FitStatus::kNoData, FitStatus::kAtBound}), edges, 2, 2);
  EXPECT_EQ(none.unusable, 1);
  EXPECT_EQ(none.fraction[0], 0);
  EXPECT_TRUE(std::isnan(none.fraction_above_threshold) && std::isnan(none.fraction_above_sigma));
  EXPECT_TRUE(std::isnan(none.log_normal.median_slots) && std::isnan(none.log_normal.sigma_ln));
  const TauHistogram no_threshold = tau_histogram(map_of({2, 3}), edges, kNaN, 2);
  EXPECT_EQ(no_threshold.fraction[0], 1);
  EXPECT_TRUE(std::isnan(no_threshold.fraction_above_threshold));
  const TauHistogram unknown = tau_histogram(map_of({2, 3}), edges, 2, 0.5);
  EXPECT_EQ(unknown.fraction_above_threshold, 0.5);
  EXPECT_TRUE(std::isnan(unknown.fraction_above_sigma) && std::isnan(unknown.log_normal.median_sigma));
  const TauHistogram empty = tau_histogram(map_of({}), edges, 2, 0);
  EXPECT_TRUE(std::isnan(empty.unusable) && std::isnan(empty.fraction[0]) && std::isnan(empty.below));
}

TEST(LogSpacedEdges, HaveEqualRatiosAndExactEnds) {
  const std::vector<double> edges = log_spaced_edges(0.3, 700, 7);
  ASSERT_EQ(edges.size(), 8u);
  EXPECT_EQ(edges.front(), 0.3);
  EXPECT_EQ(edges.back(), 700);
  for (std::size_t i = 0; i < 7; ++i)
    EXPECT_NEAR(edges[i + 1] / edges[i], std::pow(700 / 0.3, 1.0 / 7), 1e-12);
}

using TauHistogramDeathTest = ::testing::Test;
TEST(TauHistogramDeathTest, EdgesAscend) {
  EXPECT_DEATH(tau_histogram(map_of({1}), std::vector<double>{1, 1}, 1, 1), "contract broken");
  EXPECT_DEATH(tau_histogram(map_of({1}), std::vector<double>{1}, 1, 1), "contract broken");
  EXPECT_DEATH(log_spaced_edges(2, 1, 3), "contract broken");
}

}  // namespace
}  // namespace glasswatch::analysis
