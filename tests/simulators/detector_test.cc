#include "simulators/camera/detector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <numeric>
#include <vector>

namespace glasswatch::simulation {
namespace {

using Counts = std::vector<std::int16_t>;

scenario::Scenario ideal(std::uint32_t rows, std::uint32_t columns) {
  scenario::Scenario scenario;
  scenario.set_seed(7);
  scenario.mutable_frames()->set_rows(rows);
  scenario.mutable_frames()->set_columns(columns);
  return scenario;
}

scenario::Scenario real(std::uint32_t rows, std::uint32_t columns) {
  scenario::Scenario scenario = ideal(rows, columns);
  scenario.mutable_detector();
  return scenario;
}

std::size_t pixels(const scenario::Scenario& scenario) {
  return std::size_t{scenario.frames().rows()} * scenario.frames().columns();
}

Counts flat(const scenario::Scenario& scenario, float electrons, std::uint64_t exposure = 0) {
  Detector detector(scenario, 1);
  Counts counts(pixels(scenario));
  detector.read_out(std::vector<float>(counts.size(), electrons), exposure, counts);
  return counts;
}

double mean(const Counts& counts) {
  return std::accumulate(counts.begin(), counts.end(), 0.0) / static_cast<double>(counts.size());
}

double variance(const Counts& counts) {
  const double middle = mean(counts);
  double sum = 0;
  for (const double value : counts) sum += (value - middle) * (value - middle);
  return sum / static_cast<double>(counts.size() - 1);
}

// ---- Distributions

// Pearson's sum over classes of at least 20 expected values (neighbours thrown together) and what lies beyond
// them, less the degrees of freedom and in units of its standard deviation sqrt(2 df).
double misfit(const Counts& counts, const std::function<double(int)>& probability) {
  const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
  std::vector<double> seen(static_cast<std::size_t>(*most - *least) + 1);
  for (const auto value : counts) ++seen[static_cast<std::size_t>(value - *least)];
  const auto total = static_cast<double>(counts.size());
  double sum = 0, freedom = 0, expected = 0, found = 0, beyond = total;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    expected += total * probability(static_cast<int>(i) + *least);
    found += seen[i];
    if (expected < 20) continue;
    sum += (found - expected) * (found - expected) / expected;
    ++freedom;
    beyond -= expected;
    expected = found = 0;
  }
  sum += (found - beyond) * (found - beyond) / std::max(beyond, 1.0);
  return (sum - freedom) / std::sqrt(2 * freedom);
}

double poisson_probability(double mean, int k) {
  return k < 0 ? 0 : std::exp(k * std::log(mean) - mean - std::lgamma(k + 1.0));
}

// n values: the mean scatters by sqrt(E / n), the variance by sqrt((mu4 - E^2) / n) = sqrt((E + 2 E^2) /
// n). 4.5 of these, and what the interpolation between tabulated means may add. The last two means are beyond
// the table.
TEST(Detector, ElectronsFollowPoissonsLaw) {
  const auto scenario = ideal(512, 400);
  const auto n = static_cast<double>(pixels(scenario));
  for (const float electrons :
       {0.0004F, 0.01F, 0.3F, 1.0F, 7.3F, 55.0F, 400.0F, 2024.5F, 2100.0F, 10000.0F}) {
    const double e = electrons;
    const Counts counts = flat(scenario, electrons);
    EXPECT_NEAR(mean(counts), e, 4.5 * std::sqrt(e / n)) << e;
    EXPECT_NEAR(variance(counts), e, 4.5 * std::sqrt((e + 2 * e * e) / n) + 0.001 * e) << e;
    const double found = misfit(counts, [e](int k) { return poisson_probability(e, k); });
    EXPECT_LT(found, 4.5) << e;
    EXPECT_GT(found, -4.5) << e << ": too good";
  }
}

TEST(Detector, MisfitTellsNeighbouringLawsApart) {
  const Counts counts = flat(ideal(512, 400), 7.3F);
  EXPECT_GT(misfit(counts, [](int k) { return poisson_probability(7.4, k); }), 10);
}

TEST(Detector, WhatIsNoDoseGivesNoElectrons) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const float electrons : {0.0F, -0.0F, -5.0F, -1e30F, kNaN, kInfinity, -kInfinity}) {
    EXPECT_EQ(flat(ideal(16, 300), electrons), Counts(16 * 300)) << electrons;
  }
}

TEST(Detector, IdealCountsAreElectronsTimesGainAndEndAtInt16) {
  auto scenario = ideal(32, 64);
  const Counts electrons = flat(scenario, 20);
  scenario.mutable_frames()->set_counts_per_electron(7);
  const Counts counts = flat(scenario, 20);
  for (std::size_t i = 0; i < counts.size(); ++i) ASSERT_EQ(counts[i], 7 * electrons[i]);
  EXPECT_EQ(flat(scenario, 6000), Counts(32 * 64, 32767));
  EXPECT_EQ(flat(scenario, 1e30F), Counts(32 * 64, 32767));
}

// The rounded normal law, offset by a third of a count. No comb even where the noise is much wider than a
// count.
TEST(Detector, ReadNoiseIsNormalAndAddsUpOverSubFrames) {
  for (const std::uint32_t sub_frames : {1U, 4U, 900U}) {
    auto scenario = real(512, 400);
    scenario.mutable_detector()->set_read_noise_counts(3);
    scenario.mutable_detector()->set_sub_frames(sub_frames);
    scenario.mutable_detector()->set_dark_offset_counts(-20.0 / 3);
    const double sigma = 3 * std::sqrt(sub_frames);
    const auto below = [&](double x) { return std::erfc(-(x + 20.0 / 3) / sigma / std::numbers::sqrt2) / 2; };
    const Counts counts = flat(scenario, 0);
    const auto n = static_cast<double>(counts.size());
    EXPECT_NEAR(mean(counts), -20.0 / 3, 4.5 * sigma / std::sqrt(n));
    EXPECT_NEAR(variance(counts), sigma * sigma + 1.0 / 12, 4.5 * sigma * sigma * std::sqrt(2 / n));
    const double found = misfit(counts, [&](int k) { return below(k + 0.5) - below(k - 0.5); });
    EXPECT_LT(std::abs(found), 4.5) << sub_frames;
  }
}

// ---- Photon transfer and modulation transfer

// The light of the pixel's box, blurred, in the box `lag` away: the integral of the boxes' overlap, a
// triangle, with the Gaussian. By the midpoint rule; the kinks lie on nodes' edges, the error is below 1e-6.
double closed_weight(double sigma_px, int lag) {
  constexpr int kSteps = 4000;
  double sum = 0;
  for (int i = 0; i < kSteps; ++i) {
    const double t = -1 + 2 * (i + 0.5) / kSteps;
    const double z = (lag - t) / sigma_px;
    sum += (1 - std::abs(t)) * std::exp(-z * z / 2);
  }
  return sum * 2 / kSteps / (sigma_px * std::sqrt(2 * std::numbers::pi));
}

// sum over i of w(i) w(i + lag)
double kernel_correlation(double sigma_px, int lag) {
  double sum = 0;
  for (int i = -8; i <= 8; ++i) sum += closed_weight(sigma_px, i) * closed_weight(sigma_px, i + lag);
  return sum;
}

struct Estimate {
  double value;
  double error;  // standard
};

Estimate average(const std::vector<double>& samples) {
  const auto n = static_cast<double>(samples.size());
  const double value = std::accumulate(samples.begin(), samples.end(), 0.0) / n;
  double sum = 0;
  for (const double sample : samples) sum += (sample - value) * (sample - value);
  return {value, std::sqrt(sum / (n - 1) / n)};
}

// With 24 exposures 5 standard errors, themselves estimated, are exceeded once in 20 000 times.
constexpr std::uint64_t kExposures = 24;

// Flat fields: mean and covariances about the expected value at the given lags, away from the reflected
// edges.
class FlatFields {
 public:
  FlatFields(const scenario::Scenario& scenario, float electrons, double expected)
      : rows_(static_cast<int>(scenario.frames().rows())),
        columns_(static_cast<int>(scenario.frames().columns())) {
    Detector detector(scenario, 1);
    const std::vector<float> flat(pixels(scenario), electrons);
    Counts counts(flat.size());
    for (std::uint64_t exposure = 0; exposure < kExposures; ++exposure) {
      detector.read_out(flat, exposure, counts);
      auto& frame = frames_.emplace_back();
      for (const auto value : counts) frame.push_back(value - expected);
    }
  }

  Estimate excess() const {
    std::vector<double> means;
    for (const auto& frame : frames_) {
      means.push_back(std::accumulate(frame.begin(), frame.end(), 0.0) / static_cast<double>(frame.size()));
    }
    return average(means);
  }

  Estimate covariance(int row_lag, int column_lag) const {
    std::vector<double> samples;
    for (const auto& frame : frames_) samples.push_back(covariance(frame, row_lag, column_lag));
    return average(samples);
  }

  // Noise power at the Nyquist frequency along the rows, per pixel: the sum of (-1)^lag times covariance.
  Estimate nyquist_power(int largest_lag) const {
    std::vector<double> samples;
    for (const auto& frame : frames_) {
      double sum = covariance(frame, 0, 0);
      for (int lag = 1; lag <= largest_lag; ++lag) sum += (lag % 2 == 0 ? 2 : -2) * covariance(frame, 0, lag);
      samples.push_back(sum);
    }
    return average(samples);
  }

 private:
  static constexpr int kMargin = 8;

  double covariance(const std::vector<double>& frame, int row_lag, int column_lag) const {
    double sum = 0, count = 0;
    for (int row = kMargin; row + row_lag < rows_ - kMargin; ++row) {
      for (int column = kMargin; column + column_lag < columns_ - kMargin; ++column) {
        const auto here = static_cast<std::size_t>(row * columns_ + column);
        const auto there = static_cast<std::size_t>((row + row_lag) * columns_ + column + column_lag);
        sum += frame[here] * frame[there];
        ++count;
      }
    }
    return sum / count;
  }

  int rows_;
  int columns_;
  std::vector<std::vector<double>> frames_;
};

constexpr double kGain = 2.5;

scenario::Scenario transfer_scenario(std::uint32_t binning, double blur_px) {
  auto scenario = real(120, 140);
  scenario.mutable_frames()->set_counts_per_electron(kGain);
  auto& detector = *scenario.mutable_detector();
  detector.set_binning(binning);
  detector.set_blur_px(blur_px);
  detector.set_read_noise_counts(2);
  detector.set_dark_offset_counts(12.4);
  return scenario;
}

TEST(Detector, KernelIsThatOfThePixelsAndTheScintillator) {
  for (const std::uint32_t binning : {1U, 2U, 4U, 8U}) {
    for (const double blur_px : {0.3, 0.7, 2.0}) {
      const Detector detector(transfer_scenario(binning, blur_px), 1);
      double sum = -detector.kernel()[0];
      for (std::size_t i = 0; i < detector.kernel().size(); ++i) {
        // Cut and normalized: off by at most the share of the light that is lost, 1e-4.
        EXPECT_NEAR(detector.kernel()[i], closed_weight(blur_px / binning, static_cast<int>(i)), 1e-4);
        sum += 2.0 * detector.kernel()[i];
      }
      EXPECT_NEAR(sum, 1, 1e-6);
    }
  }
  EXPECT_EQ(Detector(transfer_scenario(1, 0), 1).kernel().size(), 1U);
  EXPECT_EQ(Detector(ideal(16, 16), 1).kernel().size(), 1U);
}

TEST(Detector, PhotonTransferGivesGainOffsetAndReadNoise) {
  for (const std::uint32_t binning : {1U, 4U}) {
    const double sigma_px = 0.7 / binning;
    const double weights = std::pow(kernel_correlation(sigma_px, 0), 2);
    std::vector<Estimate> transfer;
    for (const float electrons : {0.0F, 4.0F, 40.0F, 400.0F}) {
      const double expected = 12.4 + kGain * electrons;
      const FlatFields fields(transfer_scenario(binning, 0.7), electrons, expected);
      EXPECT_NEAR(fields.excess().value, 0, 5 * fields.excess().error) << electrons;
      transfer.push_back(fields.covariance(0, 0));
      EXPECT_NEAR(transfer.back().value, kGain * kGain * electrons * weights + 4 + 1.0 / 12,
                  5 * transfer.back().error)
          << electrons;
    }
    const double slope = (transfer[3].value - transfer[0].value) / (kGain * 400);
    const double error = std::hypot(transfer[3].error, transfer[0].error) / (kGain * 400);
    EXPECT_LT(error / weights, 0.015 * kGain) << "too coarse to say anything";
    EXPECT_NEAR(slope / weights, kGain, 5 * error / weights);
  }
}

TEST(Detector, NoiseIsCorrelatedAsTheKernel) {
  constexpr std::array<std::array<int, 2>, 6> kLags{{{0, 1}, {1, 0}, {1, 1}, {0, 2}, {2, 1}, {0, 6}}};
  for (const std::uint32_t binning : {1U, 2U, 4U}) {
    const double sigma_px = 0.7 / binning;
    const FlatFields fields(transfer_scenario(binning, 0.7), 30, 12.4 + kGain * 30);
    for (const auto& [row_lag, column_lag] : kLags) {
      const double expected = kGain * kGain * 30 * kernel_correlation(sigma_px, row_lag) *
                              kernel_correlation(sigma_px, column_lag);
      const Estimate found = fields.covariance(row_lag, column_lag);
      EXPECT_LT(found.error, 0.005 * kGain * kGain * 30);
      EXPECT_NEAR(found.value, expected, 5 * found.error) << binning << ": " << row_lag << ", " << column_lag;
    }
  }
}

TEST(Detector, WithoutBlurPixelsAreIndependent) {
  const FlatFields fields(ideal(120, 140), 30, 30);
  for (const auto& [row_lag, column_lag] :
       {std::array{0, 1}, std::array{1, 0}, std::array{1, 1}, std::array{0, 2}}) {
    const Estimate found = fields.covariance(row_lag, column_lag);
    EXPECT_NEAR(found.value, 0, 5 * found.error) << row_lag << ", " << column_lag;
  }
}

// The transfer function of a sampled kernel is the sum of the continuous one's replicas: sinc^2 (two boxes)
// times exp(-2 pi^2 sigma^2 f^2) at f = 1/2 + m. Along the other axis all frequencies contribute: sum w^2.
TEST(Detector, ModulationTransferAtNyquist) {
  const double sigma_px = 0.35;
  double transfer = 0;
  for (int m = -20; m < 20; ++m) {
    const double f = std::numbers::pi * (m + 0.5);
    transfer += std::pow(std::sin(f) / f, 2) * std::exp(-2 * f * f * sigma_px * sigma_px);
  }
  const FlatFields fields(transfer_scenario(2, 0.7), 30, 12.4 + kGain * 30);
  const Estimate power = fields.nyquist_power(5);
  const double expected =
      kGain * kGain * 30 * kernel_correlation(sigma_px, 0) * transfer * transfer + 4 + 1.0 / 12;
  EXPECT_LT(power.error, 0.03 * expected);
  EXPECT_NEAR(power.value, expected, 5 * power.error);
}

// ---- Edges, limits, faults

// A million electrons at 0.001 counts each scatter by one count before the blur: 1000 everywhere to within 3
// counts, the edges and corners too, where the reflected kernel gathers the light of few pixels several
// times.
TEST(Detector, FlatFieldIsFlatToTheEdges) {
  for (const double blur_px : {0.7, 4.0}) {
    auto scenario = real(40, 17);
    scenario.mutable_frames()->set_counts_per_electron(0.001);
    scenario.mutable_detector()->set_blur_px(blur_px);
    scenario.mutable_detector()->set_read_noise_counts(0);
    for (const auto value : flat(scenario, 1e6F)) EXPECT_NEAR(value, 1000, 3);
  }
}

// One bright pixel near a corner: the kernel's product, plus its mirror images at both edges.
TEST(Detector, LightIsReflectedAtTheEdges) {
  auto scenario = real(24, 20);
  scenario.mutable_frames()->set_counts_per_electron(0.01);
  scenario.mutable_detector()->set_read_noise_counts(0);
  scenario.mutable_detector()->set_saturation_counts(32767);
  Detector detector(scenario, 2);
  std::vector<float> electrons(24 * 20);
  electrons[1 * 20 + 18] = 1e6F;  // 10 000 counts, scattering by 10
  Counts counts(electrons.size());
  detector.read_out(electrons, 0, counts);
  const auto weight = [](int from, int to, int size) {
    return closed_weight(0.7, to - from) + closed_weight(0.7, to + from + 1) +
           closed_weight(0.7, 2 * size - 1 - from - to);
  };
  for (int row = 0; row < 24; ++row) {
    for (int column = 0; column < 20; ++column) {
      const double share = weight(1, row, 24) * weight(18, column, 20);
      // Poisson, the cut of the kernel (1e-4 along each axis), rounding.
      EXPECT_NEAR(counts[static_cast<std::size_t>(row * 20 + column)], 10000 * share, 50 * share + 2 + 0.5);
    }
  }
}

TEST(Detector, SaturatesAndDoesNotWrap) {
  auto scenario = real(32, 32);
  EXPECT_EQ(flat(scenario, 1e5F), Counts(32 * 32, 8425));
  EXPECT_EQ(flat(scenario, 3e38F), Counts(32 * 32, 8425));
  scenario.mutable_detector()->set_saturation_counts(100.6);
  EXPECT_EQ(flat(scenario, 1e5F), Counts(32 * 32, 100));
  scenario.mutable_detector()->set_read_noise_counts(1000);
  scenario.mutable_detector()->set_sub_frames(1000);
  const Counts noise = flat(scenario, 0);
  EXPECT_EQ(*std::min_element(noise.begin(), noise.end()), -32768);
  EXPECT_EQ(*std::max_element(noise.begin(), noise.end()), 100);
}

TEST(Detector, DeadPixelsReadTheOffsetAndStayWhereTheyAre) {
  auto scenario = real(60, 50);
  auto& settings = *scenario.mutable_detector();
  settings.set_dark_offset_counts(-6.7);
  settings.set_dead_rows(2);
  settings.set_dead_columns(3);
  settings.set_dead_pixels(40);
  Detector detector(scenario, 2);
  const auto dead = detector.dead();
  const std::vector<float> electrons(60 * 50, 500);
  Counts counts(electrons.size());
  for (const std::uint64_t exposure : {0U, 1U}) {
    detector.read_out(electrons, exposure, counts);
    for (std::size_t i = 0; i < counts.size(); ++i) {
      if (dead[i] != 0) {
        EXPECT_EQ(counts[i], -7);
      } else {
        EXPECT_GT(counts[i], 300);
      }
    }
  }
  std::size_t dead_rows = 0, dead_columns = 0;
  for (std::size_t row = 0; row < 60; ++row) {
    dead_rows += static_cast<std::size_t>(std::count(&dead[row * 50], &dead[row * 50] + 50, 1) == 50);
  }
  for (std::size_t column = 0; column < 50; ++column) {
    std::size_t sum = 0;
    for (std::size_t row = 0; row < 60; ++row) sum += dead[row * 50 + column];
    dead_columns += static_cast<std::size_t>(sum == 60);
  }
  EXPECT_EQ(dead_rows, 2U);
  EXPECT_EQ(dead_columns, 3U);
  const auto all = std::count(dead.begin(), dead.end(), 1);
  const int lines = 2 * 50 + 3 * 60 - 2 * 3;
  EXPECT_GT(all, lines + 20);  // of 40 pixels one in eleven falls on a line
  EXPECT_LE(all, lines + 40);
  const Detector again(scenario, 1);
  EXPECT_TRUE(std::equal(dead.begin(), dead.end(), again.dead().begin()));
  scenario.set_seed(8);
  const Detector other(scenario, 1);
  EXPECT_FALSE(std::equal(dead.begin(), dead.end(), other.dead().begin()));
}

TEST(Detector, AllPixelsMayBeDead) {
  auto scenario = real(16, 16);
  scenario.mutable_detector()->set_dead_pixels(100000);
  EXPECT_EQ(flat(scenario, 100), Counts(16 * 16, 0));
}

// A million electrons at 0.002 counts: the gain's map stands 40 counts out of a noise of 2.
TEST(Detector, GainSpreadIsAFixedMap) {
  auto scenario = real(64, 80);
  scenario.mutable_frames()->set_counts_per_electron(0.002);
  scenario.mutable_detector()->set_gain_spread(0.02);
  scenario.mutable_detector()->set_blur_px(0);
  scenario.mutable_detector()->set_read_noise_counts(0);
  const Counts first = flat(scenario, 1e6F, 0);
  const Counts second = flat(scenario, 1e6F, 1);
  const auto n = static_cast<double>(first.size());
  EXPECT_NEAR(mean(first), 2000, 4.5 * 40 / std::sqrt(n));
  EXPECT_NEAR(std::sqrt(variance(first)), 40, 4.5 * 40 / std::sqrt(2 * n));
  scenario.set_seed(8);
  const Counts other = flat(scenario, 1e6F, 0);
  double beside = 0, below = 0;  // neighbours' covariances
  for (std::size_t i = 0; i + 80 < first.size(); ++i) {
    beside += (first[i] - 2000.0) * (first[i + 1] - 2000.0) / n;
    below += (first[i] - 2000.0) * (first[i + 80] - 2000.0) / n;
  }
  EXPECT_NEAR(beside, 0, 4.5 * 40 * 40 / std::sqrt(n));
  EXPECT_NEAR(below, 0, 4.5 * 40 * 40 / std::sqrt(n));
  double same = 0, different = 0;
  for (std::size_t i = 0; i < first.size(); ++i) {
    same = std::max(same, std::abs(static_cast<double>(first[i] - second[i])));
    different = std::max(different, std::abs(static_cast<double>(first[i] - other[i])));
  }
  EXPECT_LT(same, 20);
  EXPECT_GT(different, 100);
}

// ---- Reproducibility

TEST(Detector, SameCountsWithAnyThreadsAndInAnyOrder) {
  auto scenario = real(37, 301);  // neither tiles nor blocks come out even
  scenario.mutable_detector()->set_blur_px(2);
  scenario.mutable_detector()->set_gain_spread(0.1);
  scenario.mutable_detector()->set_dead_pixels(20);
  std::vector<float> electrons(37 * 301);
  for (std::size_t i = 0; i < electrons.size(); ++i) electrons[i] = static_cast<float>(i % 2500);
  const auto series = [&](int threads, const std::vector<std::uint64_t>& order) {
    Detector detector(scenario, threads);
    std::vector<Counts> frames(3, Counts(electrons.size()));
    for (const auto exposure : order) detector.read_out(electrons, exposure, frames[exposure]);
    return frames;
  };
  const auto frames = series(1, {0, 1, 2});
  EXPECT_EQ(series(2, {2, 0, 1}), frames);
  EXPECT_EQ(series(3, {1, 2, 0, 2}), frames);
  EXPECT_EQ(series(64, {0, 1, 2}), frames);
  EXPECT_NE(frames[0], frames[1]);
  scenario.set_seed(8);
  EXPECT_NE(series(1, {0, 1, 2})[0], frames[0]);
}

// A pixel's electrons do not depend on the others' dose, nor do rows or exposures repeat each other's.
TEST(Detector, RandomNumbersBelongToExposureAndRow) {
  const auto scenario = ideal(20, 300);
  Detector detector(scenario, 1);
  std::vector<float> electrons(20 * 300, 50);
  Counts counts(electrons.size()), changed(electrons.size());
  detector.read_out(electrons, 5, counts);
  electrons[7 * 300 + 11] = 3000;
  detector.read_out(electrons, 5, changed);
  changed[7 * 300 + 11] = counts[7 * 300 + 11];
  EXPECT_EQ(changed, counts);
  EXPECT_FALSE(std::equal(counts.begin(), counts.begin() + 300, counts.begin() + 300));
}

// ---- Description

TEST(Detector, DescribesItself) {
  auto scenario = real(1024, 1024);
  scenario.mutable_frames()->set_counts_per_electron(18);
  auto& settings = *scenario.mutable_detector();
  settings.set_binning(4);
  settings.set_dark_offset_counts(2.5);
  settings.set_sub_frames(30);
  stream::Camera camera;
  Detector(scenario, 1).describe(camera);
  EXPECT_EQ(camera.name(), "BM-Ceta");
  EXPECT_EQ(camera.rows(), 1024U);
  EXPECT_EQ(camera.columns(), 1024U);
  EXPECT_EQ(camera.pixel_type(), stream::I2);
  EXPECT_EQ(camera.binning(), 4U);
  EXPECT_EQ(camera.readout_area(), "Full");
  EXPECT_EQ(camera.combined_sub_frames(), 30U);
  EXPECT_EQ(camera.saturation_point_counts(), 8425);
  EXPECT_EQ(camera.max_pixel_value_counts(), 11913);
  EXPECT_EQ(camera.counts_per_electron(), 18);
  EXPECT_EQ(camera.sensor_pixel_um(), 14);
  EXPECT_EQ(camera.detector_offset_counts(), 2.5);
}

TEST(Detector, ReadOutAreaFollowsFromSizeAndBinning) {
  for (const auto& [binning, area] :
       {std::pair{1U, "Custom"}, std::pair{2U, "Quarter"}, std::pair{4U, "Half"}, std::pair{8U, "Full"}}) {
    auto scenario = real(512, 512);
    scenario.mutable_detector()->set_binning(binning);
    stream::Camera camera;
    Detector(scenario, 1).describe(camera);
    EXPECT_EQ(camera.readout_area(), area);
  }
}

TEST(Detector, IdealDetectorUsesAllOfInt16) {
  stream::Camera camera;
  Detector(ideal(256, 200), 1).describe(camera);
  EXPECT_EQ(camera.readout_area(), "Full");
  EXPECT_EQ(camera.saturation_point_counts(), 32767);
  EXPECT_EQ(camera.max_pixel_value_counts(), 32767);
  EXPECT_EQ(camera.binning(), 1U);
  EXPECT_EQ(camera.detector_offset_counts(), 0);
}

}  // namespace
}  // namespace glasswatch::simulation
