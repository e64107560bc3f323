// Ring statistics against closed forms and correlated random rows.
#include "analysis/ring_statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <iostream>
#include <limits>
#include <numbers>
#include <random>

namespace glasswatch::analysis {
namespace {

using Random = std::mt19937_64;

constexpr double kPi = std::numbers::pi;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Q(1/2, z) = erfc(sqrt z), Q(1, z) = e^-z, Q(a + 1, z) = Q(a, z) + z^a e^-z / Gamma(a + 1).
TEST(GammaMeanSurvival, FollowsTheRecurrence) {
  for (const double x : {0.01, 0.3, 0.9, 1.0, 1.2, 2.0, 5.0, 20.0}) {
    for (const double first : {0.5, 1.0}) {
      for (int steps = 0; steps < 60; ++steps) {
        const double shape = first + steps, z = shape * x;
        double q = first == 1 ? std::exp(-z) : std::erfc(std::sqrt(z));
        for (int i = 0; i < steps; ++i) {
          q += std::exp((first + i) * std::log(z) - z - std::lgamma(first + i + 1));
        }
        if (q < 1e-290) continue;  // the terms of q lose their digits before the function does
        ASSERT_NEAR(gamma_mean_survival(shape, x), q, 1e-10 * q) << "shape " << shape << " x " << x;
      }
    }
  }
}

// Between the half integers, by Simpson's rule on the density (shape^shape x^(shape - 1) e^(-shape x) /
// Gamma).
TEST(GammaMeanSurvival, HoldsForAnyShape) {
  for (const double shape : {1.7, 5.9, 23.3}) {
    for (const double x : {0.5, 1.0, 1.8}) {
      const int steps = 20000;
      const double h = 30.0 / steps;  // what lies above x + 30 is below e^-40
      double sum = 0;
      for (int i = 0; i <= steps; ++i) {
        const double at = x + i * h;
        const double density =
            std::exp(shape * std::log(shape) + (shape - 1) * std::log(at) - shape * at - std::lgamma(shape));
        sum += density * (i == 0 || i == steps ? 1 : i % 2 == 1 ? 4 : 2) * h / 3;
      }
      EXPECT_NEAR(gamma_mean_survival(shape, x), sum, 1e-8 * sum) << "shape " << shape << " x " << x;
    }
  }
}

TEST(GammaMeanSurvival, HasItsLimits) {
  EXPECT_EQ(gamma_mean_survival(3, 0), 1);
  EXPECT_EQ(gamma_mean_survival(3, -2), 1);
  EXPECT_EQ(gamma_mean_survival(3, std::numeric_limits<double>::infinity()), 0);
  EXPECT_EQ(gamma_mean_survival(40, 1e6), 0) << "underflows, and does not throw";
  EXPECT_TRUE(std::isnan(gamma_mean_survival(3, kNaN)));
  EXPECT_DEATH(gamma_mean_survival(0, 1), "shape > 0");
}

TEST(PowerSigma, IsLocalSignalPlusFloor) {
  // Two orders; the second has less power than floor, its signal counts as 0. Row 3 is invalid.
  const std::vector<double> power{5, 1, 7, 1, 9, 1, kNaN, kNaN, 3, 2};
  const std::vector<double> floor{1, 2, 2, 3, 3, 4, kNaN, kNaN, 1, 1};
  std::vector<double> sigma(10);
  power_sigma(power, floor, 2, 1, sigma);
  const std::vector<double> expected{4.5 + 1, 2, 5 + 2, 3, 5.5 + 3, 4, kNaN, kNaN, 2 + 1, 1 + 1};
  for (std::size_t at = 0; at < 10; ++at) {
    if (std::isnan(expected[at])) {
      EXPECT_TRUE(std::isnan(sigma[at])) << at;
    } else {
      EXPECT_DOUBLE_EQ(sigma[at], expected[at]) << at;
    }
  }
  power_sigma(power, std::vector<double>(10, kNaN), 2, 1, sigma);
  EXPECT_DOUBLE_EQ(sigma[0], 6) << "without a floor the mean of signal and noise together";
  power_sigma(power, floor, 2, 100, sigma);
  EXPECT_DOUBLE_EQ(sigma[0], 4.25 + 1) << "every valid row is a neighbour";
}

std::vector<RingPower> ring(const std::vector<double>& power, const std::vector<double>& floor,
                            const std::vector<std::uint8_t>& in_ring, double noise_rows,
                            double speckle_rows) {
  std::vector<RingPower> out(power.size() / in_ring.size());
  ring_powers(power, floor, in_ring, noise_rows, speckle_rows, out);
  return out;
}

TEST(RingPowers, AveragesTheValidRowsAndSaysWhatTheyMean) {
  // Rows 0 and 2 count; row 1 is invalid, row 3 not in the ring. Orders: strong, weak, pure noise, negative.
  const std::vector<double> power{90, 30, 9, -2, kNaN, kNaN, kNaN, kNaN, 110, 50, 13, -4, 1e9, 1e9, 1e9, 1e9};
  const std::vector<double> floor(16, 10);
  const auto out = ring(power, floor, {1, 1, 1, 0}, 2, 1);
  EXPECT_EQ(out[0].power, 90);
  EXPECT_EQ(out[0].floor, 10);
  EXPECT_EQ(out[0].state, PowerState::kSignal);
  // Two rows at ten times the floor: Q(2, 20) = 21 e^-20.
  EXPECT_NEAR(out[0].significance, 21 * std::exp(-20), 1e-18);
  // sigma^2 = S^2/1 + 2 S N/sqrt((1 + 4)/2) + N^2/2
  EXPECT_NEAR(out[0].sigma, std::sqrt(90 * 90 + 2 * 90 * 10 / std::sqrt(2.5) + 50), 1e-12);
  EXPECT_EQ(out[1].power, 30);
  EXPECT_EQ(out[1].state, PowerState::kSignal) << "a floor of a third of the signal does not limit";
  EXPECT_EQ(out[2].power, 1);
  EXPECT_EQ(out[2].state, PowerState::kConsistentWithNoise);
  EXPECT_NEAR(out[2].significance, std::exp(-2.2) * 3.2, 1e-12);
  EXPECT_EQ(out[3].power, -13);
  EXPECT_EQ(out[3].significance, 1);
  EXPECT_NEAR(out[3].sigma, std::sqrt(50), 1e-12) << "no signal, noise of two rows";
  EXPECT_EQ(out[3].state, PowerState::kConsistentWithNoise);
}

TEST(RingPowers, KnowsTheLimitsOfTheGain) {
  const std::vector<double> many(100, 15), floor(100, 10);  // 50 % above the floor in 100 rows: p = 1e-5
  const std::vector<std::uint8_t> in_ring(100, 1);
  EXPECT_EQ(ring(many, floor, in_ring, 100, 10)[0].state, PowerState::kGainLimited);
  const std::vector<double> stronger(100, 30.1), weaker(100, 29.9);
  EXPECT_EQ(ring(stronger, floor, in_ring, 100, 10)[0].state, PowerState::kSignal);
  EXPECT_EQ(ring(weaker, floor, in_ring, 100, 10)[0].state, PowerState::kGainLimited);

  // Pure noise of many rows, believed to be a tenth lower: significant, but never plain signal.
  const std::vector<double> noise(1000, 10), too_low(1000, 9);
  const RingPower mistaken = ring(noise, too_low, std::vector<std::uint8_t>(1000, 1), 1000, 10)[0];
  EXPECT_LT(mistaken.significance, kNoiseProbability);
  EXPECT_EQ(mistaken.state, PowerState::kGainLimited);
}

TEST(RingPowers, MaskCostsRowsAndLeaks) {
  // One order of 99 above a floor of 1, one at the floor plus 2, in 16 independent rows: p = Q(16, 48) =
  // 2e-9.
  std::vector<double> power;
  for (int k = 0; k < 16; ++k) power.insert(power.end(), {100, 3});
  const std::vector<double> floor(32, 1);
  const std::vector<std::uint8_t> in_ring(16, 1);
  EXPECT_EQ(ring(power, floor, in_ring, 16, 4)[1].state, PowerState::kSignal);
  std::vector<RingPower> out(2);
  // M_s = 2, M_n = 10; the leak's standard deviation 0.04 * 99 / sqrt 2 = 2.8 is above the excess of 2.
  ring_powers(power, floor, in_ring, 16, 4, out,
              {.noise_variance = 1.6, .speckle_variance = 2, .leak = 0.04});
  // Mean 1, variance 0.1 + 7.84, third moment 2/100: so little skewed that the normal law serves.
  const double variance = 0.1 + 0.04 * 99 * 0.04 * 99 / 2;
  EXPECT_NEAR(out[1].significance, std::erfc(2 / std::sqrt(2 * variance)) / 2, 1e-4);
  EXPECT_EQ(out[1].state, PowerState::kConsistentWithNoise);
  EXPECT_EQ(out[0].state, PowerState::kSignal) << "the strongest order is above its own leak";
  EXPECT_NEAR(out[0].sigma, std::sqrt(99 * 99 / 2.0 + 2 * 99 / std::sqrt(52) + 0.1), 1e-9);
}

TEST(RingPowers, WithoutAFloorOrRowsSaysSo) {
  const std::vector<double> power{4, 6}, unknown(2, kNaN);
  const RingPower no_floor = ring(power, unknown, {1, 1}, 2, 2)[0];
  EXPECT_EQ(no_floor.power, 5);
  EXPECT_NEAR(no_floor.sigma, 5 / std::sqrt(2), 1e-12);
  EXPECT_TRUE(std::isnan(no_floor.floor) && std::isnan(no_floor.significance));
  EXPECT_EQ(no_floor.state, PowerState::kNoFloor);
  for (const auto& none :
       {ring(power, unknown, {0, 0}, 2, 2)[0], ring({kNaN, kNaN}, {1, 1}, {1, 1}, 2, 2)[0]}) {
    EXPECT_TRUE(std::isnan(none.power) && std::isnan(none.sigma) && std::isnan(none.floor));
    EXPECT_EQ(none.state, PowerState::kInvalid);
  }
  EXPECT_EQ(ring(power, {1, 1}, {1, 1}, 2, kNaN)[0].sigma, ring(power, {1, 1}, {1, 1}, 2, 1)[0].sigma);
  EXPECT_EQ(ring(power, {1, 1}, {1, 1}, 50, 0.2)[0].sigma, ring(power, {1, 1}, {1, 1}, 2, 1)[0].sigma)
      << "no more independent rows than rows, no fewer than one";
}

// Direct sums over many thin rows.
TEST(SpeckleRows, CountsCorrelatedRows) {
  for (const double width : {0.5, 2.0, 10.0, 60.0}) {
    const double length = 3;
    constexpr int kThin = 1500;
    double correlated = 0;
    for (int a = 0; a < kThin; ++a) {
      for (int b = 0; b < kThin; ++b)
        correlated += std::exp(-kPi * std::pow((a - b) * width / kThin / length, 2));
    }
    EXPECT_NEAR(speckle_rows(width, length), kThin * static_cast<double>(kThin) / correlated,
                0.001 * kThin / correlated * kThin);
  }
}

/// Area that two discs of radius 1 share at distance d, over the disc's.
double disc_overlap(double d) {
  return d < 2 ? 2 / kPi * (std::acos(d / 2) - d / 2 * std::sqrt(1 - d * d / 4)) : 0;
}

TEST(SpeckleRows, LengthsAreThoseOfOverlappingDiscs) {
  for (const auto& [exponent, length] : {std::pair{1, kStrewnDiscLength}, {2, kCoherentSpeckleLength}}) {
    constexpr int kSteps = 400;
    const double h = 2.0 / kSteps;
    std::vector<double> of_rows;  // intensity autocorrelation integrated along the rows
    for (int i = 0; i < kSteps; ++i) {
      double sum = 0;
      for (int j = 0; j < kSteps; ++j)
        sum += std::pow(disc_overlap(std::hypot(i * h, (j + 0.5) * h)), exponent) * h;
      of_rows.push_back(sum);
    }
    double integral = -h;  // both sides, the middle once
    for (const double value : of_rows) integral += 2 * h * std::pow(value / of_rows[0], 2);
    EXPECT_NEAR(integral, length, 0.001);
  }
}

/// Rows of complex Gaussian amplitudes of unit variance, correlated over `width` rows like exp(-d^2/(4
/// width^2)).
std::vector<std::complex<double>> correlated_rows(std::size_t rows, double width, Random& random) {
  std::normal_distribution<double> normal(0, std::sqrt(0.5));
  const int reach = static_cast<int>(std::ceil(4 * width));
  std::vector<std::complex<double>> white(rows + 2 * static_cast<std::size_t>(reach)), out(rows);
  for (auto& value : white) value = {normal(random), normal(random)};
  double squares = 0;
  for (int i = -reach; i <= reach; ++i) squares += std::exp(-i * i / (width * width));
  for (std::size_t k = 0; k < rows; ++k) {
    for (int i = -reach; i <= reach; ++i) {
      out[k] += std::exp(-i * i / (2 * width * width)) / std::sqrt(squares) *
                white[k + static_cast<std::size_t>(i + reach)];
    }
  }
  return out;
}

double independent_rows(std::size_t rows, double width) {
  double correlated = 0;
  for (std::size_t a = 0; a < rows; ++a) {
    for (std::size_t b = 0; b < rows; ++b) {
      const double d = static_cast<double>(a) - static_cast<double>(b);
      correlated += std::exp(-d * d / (2 * width * width));
    }
  }
  return static_cast<double>(rows * rows) / correlated;
}

// Speckle over 4 rows, noise over 0.8 of them, from no signal to no noise.
TEST(RingPowers, SigmaIsThatOfCorrelatedRows) {
  Random random(3);
  constexpr std::size_t kRows = 40;
  const double speckle_rows = independent_rows(kRows, 4), noise_rows = independent_rows(kRows, 0.8);
  for (const double signal : {0.0, 0.3, 1.0, 10.0}) {
    constexpr int kTrials = 1500;
    double squares = 0, stated = 0;
    int covered = 0;
    for (int trial = 0; trial < kTrials; ++trial) {
      const auto speckle = correlated_rows(kRows, 4, random), noise = correlated_rows(kRows, 0.8, random);
      std::vector<double> power;
      for (std::size_t k = 0; k < kRows; ++k)
        power.push_back(std::norm(std::sqrt(signal) * speckle[k] + noise[k]));
      const RingPower mean = ring(power, std::vector<double>(kRows, 1.0), std::vector<std::uint8_t>(kRows, 1),
                                  noise_rows, speckle_rows)[0];
      const double error = mean.power - signal;
      squares += error * error / kTrials;
      stated += mean.sigma * mean.sigma / kTrials;
      covered += std::abs(error) < mean.sigma ? 1 : 0;
    }
    const double coverage = static_cast<double>(covered) / kTrials;
    std::cout << "signal " << signal << " of the floor: stated variance / true " << stated / squares
              << ", 1 sigma covers " << coverage << '\n';
    // E[S^2] of the estimate itself is (1 + 1/M) S^2, M = 4.3; a signal of 0 is estimated as above 0 half of
    // the time. Sampling: 6 % of the variance, 0.012 of the coverage.
    EXPECT_GT(stated / squares, 0.85);
    EXPECT_LT(stated / squares, 1.5);
    EXPECT_GT(coverage, 0.60);
    EXPECT_LT(coverage, signal > 0 ? 0.76 : 0.85);
  }
}

}  // namespace
}  // namespace glasswatch::analysis
