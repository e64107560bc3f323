#include "simulators/imaging/kww_process.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <vector>

namespace glasswatch::simulation {
namespace {

constexpr double kEndless = std::numeric_limits<double>::infinity();
constexpr double kFitError = 5e-4;  // promised by stretched_exponential()
constexpr std::size_t kSide = 40;
constexpr std::size_t kPixels = kSide * kSide;

using Image = std::vector<float>;

struct Estimate {
  double mean;
  double error;  // one standard deviation of the mean
};

// Mean of independent values, and its standard error from their scatter.
Estimate estimate(const std::vector<double>& values) {
  const auto count = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return {mean, std::sqrt(squares / (count - 1) / count)};
}

// With speckle_px = 0 every pixel is a process of its own: a mean over time for each, then one over pixels
// with the error that their scatter tells. `movie[i]` and `movie[i + lag]` for i = 0, stride, 2 stride ...
Estimate correlation(const std::vector<Image>& movie, std::size_t lag, std::size_t stride) {
  std::vector<double> of_pixel(movie.front().size());
  double pairs = 0;
  for (std::size_t i = 0; i + lag < movie.size(); i += stride, ++pairs) {
    for (std::size_t pixel = 0; pixel < of_pixel.size(); ++pixel) {
      of_pixel[pixel] += double{movie[i][pixel]} * movie[i + lag][pixel];
    }
  }
  for (auto& value : of_pixel) value /= pairs;
  return estimate(of_pixel);
}

SpeckleField independent_pixels(double beta, std::uint64_t seed) {
  return {kSide, kSide, std::vector<std::uint8_t>(kPixels), std::array{beta}, 0, seed, 1};
}

Image image_of(SpeckleField& field, std::size_t pixels, double shift_row_px = 0, double shift_column_px = 0) {
  Image z(pixels);
  field.sample(shift_row_px, shift_column_px, z);
  return z;
}

TEST(StretchedExponential, IsMetOnAGridOfItsOwn) {
  for (double beta = 0.3; beta < 1; beta += 0.035) {
    const auto sum = stretched_exponential(beta);
    EXPECT_LE(sum.terms.size(), 12u);
    EXPECT_LE(sum.largest_error, kFitError) << beta;
    double weights = 0;
    for (const auto& [rate, weight] : sum.terms) {
      EXPECT_GT(weight, 0) << beta;
      EXPECT_GT(rate, 0) << beta;
      weights += weight;
    }
    EXPECT_NEAR(weights, 1, 1e-12);
    for (double t = 1.0001e-4; t < 30; t *= 1.0173) {
      double direct = 0;
      for (const auto& [rate, weight] : sum.terms) direct += weight * std::exp(-rate * t);
      ASSERT_NEAR(direct, std::exp(-std::pow(t, beta)), kFitError + 1e-5) << beta << " at " << t;
    }
  }
}

TEST(StretchedExponential, OfOneIsTheExponentialItself) {
  const auto sum = stretched_exponential(1);
  ASSERT_EQ(sum.terms.size(), 1u);
  EXPECT_EQ(sum.terms[0].rate, 1);
  EXPECT_EQ(sum.terms[0].weight, 1);
  EXPECT_EQ(sum.largest_error, 0);
  EXPECT_DOUBLE_EQ(sum(2), std::exp(-2));
}

TEST(StretchedExponential, MoreTermsAreSpentOnlyWhereTheyAreNeeded) {
  EXPECT_LE(stretched_exponential(0.63).terms.size(), 7u);
  EXPECT_LE(stretched_exponential(0.95).terms.size(), 4u);
}

// A cycle of five unequal steps: pairs whose first frame begins a cycle have all the lag that the steps add
// up to.
TEST(SpeckleField, CorrelatesAsTheStretchedExponentialAtIrregularTimes) {
  constexpr std::array kSteps = {0.05, 0.4, 0.01, 0.9, 0.14};  // in lifetimes
  constexpr std::size_t kCycles = 60;
  for (const double beta : {0.4, 0.63, 1.0}) {
    auto field = independent_pixels(beta, 11);
    std::vector<Image> movie;
    for (std::size_t i = 0; i < kCycles * kSteps.size(); ++i) {
      movie.push_back(image_of(field, kPixels));
      field.advance(std::array{kSteps[i % kSteps.size()]});
    }
    double lag = 0;
    for (std::size_t steps = 0; steps < 2 * kSteps.size(); ++steps) {
      const auto [mean, error] = correlation(movie, steps, kSteps.size());
      EXPECT_LT(error, 0.01);
      EXPECT_NEAR(mean, std::exp(-std::pow(lag, beta)), 5 * error + kFitError) << beta << " after " << lag;
      lag += kSteps[steps % kSteps.size()];
    }
  }
}

TEST(SpeckleField, HasMeanZeroVarianceOneAndNormalTails) {
  auto field = independent_pixels(0.63, 12);
  std::array<std::vector<double>, 4> moments;
  for (auto& moment : moments) moment.assign(kPixels, 0);
  constexpr int kFrames = 200;
  for (int frame = 0; frame < kFrames; ++frame) {
    const auto z = image_of(field, kPixels);
    for (std::size_t i = 0; i < kPixels; ++i) {
      double power = 1;
      for (auto& moment : moments) moment[i] += (power *= z[i]) / kFrames;
    }
    field.advance(std::array{0.3});
  }
  constexpr std::array kNormal = {0.0, 1.0, 0.0, 3.0};
  // Of the weights the largest is below 0.4, so the bytes' kurtosis of -0.15 counts less than 0.15 * 0.4^2
  // * 3.
  constexpr std::array kBias = {0.0, 0.0, 0.0, 0.07};
  for (std::size_t n = 0; n < moments.size(); ++n) {
    const auto [mean, error] = estimate(moments[n]);
    EXPECT_LT(error, 0.05);
    EXPECT_NEAR(mean, kNormal[n], 5 * error + kBias[n]) << "moment " << n + 1;
  }
}

TEST(SpeckleField, FourShortStepsHaveTheLawOfOneLong) {
  for (const int parts : {1, 4}) {
    auto field = independent_pixels(0.63, 13);
    std::vector<Image> movie;
    for (int i = 0; i < 150; ++i) {
      movie.push_back(image_of(field, kPixels));
      for (int part = 0; part < parts; ++part) field.advance(std::array{0.8 / parts});
    }
    for (const std::size_t lag : {0, 1, 2}) {
      const auto [mean, error] = correlation(movie, lag, 1);
      EXPECT_LT(error, 0.004);
      EXPECT_NEAR(mean, std::exp(-std::pow(0.8 * static_cast<double>(lag), 0.63)), 5 * error + kFitError)
          << parts;
    }
  }
}

// Steps far below the resolution of floats near 1 must add up: <(z' - z)^2> / 2 = 1 - exp(-u^beta). With n
// independent pixels it scatters by sqrt(2 / n) of itself.
TEST(SpeckleField, TheShortestStepsAddUp) {
  constexpr int kSteps = 1000;
  for (const double step : {1e-8, 1e-5}) {
    auto field = independent_pixels(1, 14);
    const auto before = image_of(field, kPixels);
    for (int i = 0; i < kSteps; ++i) field.advance(std::array{step});
    const auto after = image_of(field, kPixels);
    double squares = 0;
    for (std::size_t i = 0; i < kPixels; ++i) squares += std::pow(double{after[i]} - before[i], 2) / kPixels;
    const double expected = -std::expm1(-kSteps * step);
    EXPECT_NEAR(squares / 2, expected, 5 * std::sqrt(2.0 / kPixels) * expected) << step;
  }
}

TEST(SpeckleField, ClassesLiveAsLongAsTheyAreTold) {
  std::vector<std::uint8_t> labels(kPixels);
  for (std::size_t i = 0; i < kPixels; ++i) labels[i] = i % kSide % 7 < 3 ? 1 : 0;
  constexpr std::array kBeta = {0.5, 0.9};
  constexpr std::array kStep = {0.1, 0.7};  // lifetimes
  SpeckleField field(kSide, kSide, labels, kBeta, 0, 15, 1);
  std::array<std::vector<Image>, 2> movies;
  for (int i = 0; i < 200; ++i) {
    const auto z = image_of(field, kPixels);
    for (std::size_t label = 0; label < 2; ++label) {
      auto& image = movies[label].emplace_back();
      for (std::size_t pixel = 0; pixel < kPixels; ++pixel) {
        if (labels[pixel] == label) image.push_back(z[pixel]);
      }
    }
    field.advance(kStep);
  }
  for (std::size_t label = 0; label < 2; ++label) {
    for (const std::size_t lag : {0, 1, 3}) {
      const auto [mean, error] = correlation(movies[label], lag, 1);
      EXPECT_LT(error, 0.015);
      EXPECT_NEAR(mean, std::exp(-std::pow(kStep[label] * static_cast<double>(lag), kBeta[label])),
                  5 * error + kFitError)
          << "class " << label << ", lag " << lag;
    }
  }
}

// Autocorrelation exp(-4 ln 2 d^2 / width^2). The Gaussian of the filter is sampled at pixels: with s = 2.5
// px / 3.33 the sums over pixels differ from integrals by up to 2 exp(-pi^2 s^2) = 0.8 % (Poisson's summation
// formula), quotients of them by 1.6 %.
TEST(SpeckleField, IsAsWideAsItIsTold) {
  constexpr std::size_t kRows = 31;
  constexpr std::size_t kColumns = 46;
  constexpr double kWidth_px = 2.5;
  constexpr double kSampling = 0.016;
  SpeckleField field(kRows, kColumns, std::vector<std::uint8_t>(kRows * kColumns), std::array{1.0}, kWidth_px,
                     16, 1);
  const std::vector<std::array<double, 2>> shifts = {{0, 0},   {1, 0},    {0, 1},     {0, 2},      {2, 1},
                                                     {0, 0.5}, {1.25, 0}, {0, -1.25}, {0.4, -0.7}, {8, -9}};
  std::vector<std::vector<double>> products(shifts.size());
  std::vector<std::vector<double>> variances(shifts.size());
  for (int realisation = 0; realisation < 100; ++realisation) {
    const auto still = image_of(field, kRows * kColumns);
    for (std::size_t s = 0; s < shifts.size(); ++s) {
      const auto moved = image_of(field, kRows * kColumns, shifts[s][0], shifts[s][1]);
      double product = 0, variance = 0;
      for (std::size_t i = 0; i < still.size(); ++i) {
        product += double{still[i]} * moved[i] / static_cast<double>(still.size());
        variance += double{moved[i]} * moved[i] / static_cast<double>(still.size());
      }
      products[s].push_back(product);
      variances[s].push_back(variance);
    }
    field.advance(std::array{kEndless});
  }
  for (std::size_t s = 0; s < shifts.size(); ++s) {
    const double distance_px = std::hypot(shifts[s][0], shifts[s][1]);
    const double expected = std::exp(-4 * std::numbers::ln2 * std::pow(distance_px / kWidth_px, 2));
    const auto product = estimate(products[s]);
    EXPECT_LT(product.error, 0.01);
    EXPECT_NEAR(product.mean, expected, 5 * product.error + kSampling * expected) << distance_px;
    const auto variance = estimate(variances[s]);
    EXPECT_NEAR(variance.mean, 1, 5 * variance.error) << distance_px;
  }
}

// The same law within the image: neighbours of one frame, not the frame moved.
TEST(SpeckleField, NeighboursAreCorrelatedInBothDirections) {
  SpeckleField field(kSide, kSide, std::vector<std::uint8_t>(kPixels), std::array{1.0}, 4, 17, 1);
  std::array<std::vector<double>, 2> products;
  for (int realisation = 0; realisation < 100; ++realisation) {
    const auto z = image_of(field, kPixels);
    std::array<double, 2> sums = {0, 0};
    for (std::size_t row = 0; row + 2 < kSide; ++row) {
      for (std::size_t column = 0; column + 2 < kSide; ++column) {
        sums[0] += double{z[row * kSide + column]} * z[(row + 2) * kSide + column];
        sums[1] += double{z[row * kSide + column]} * z[row * kSide + column + 2];
      }
    }
    for (std::size_t axis = 0; axis < 2; ++axis)
      products[axis].push_back(sums[axis] / ((kSide - 2.0) * (kSide - 2.0)));
    field.advance(std::array{kEndless});
  }
  for (const auto& product : products) {
    const auto [mean, error] = estimate(product);
    EXPECT_LT(error, 0.01);
    EXPECT_NEAR(mean, 0.5, 5 * error);
  }
}

TEST(SpeckleField, WholeShiftsOfIndependentPixelsMoveThem) {
  auto field = independent_pixels(1, 18);
  const auto still = image_of(field, kPixels);
  const auto moved = image_of(field, kPixels, -3, 41.2);
  for (std::size_t row = 0; row < kSide; ++row) {
    for (std::size_t column = 0; column < kSide; ++column) {
      ASSERT_EQ(moved[row * kSide + column],
                still[(row + 3) % kSide * kSide + (column + 2 * kSide - 41) % kSide]);
    }
  }
}

TEST(SpeckleField, DoesNotDependOnThreadsAndStandsStillWithoutTime) {
  constexpr std::size_t kRows = 17;
  constexpr std::size_t kColumns = 23;
  std::vector<std::uint8_t> labels(kRows * kColumns);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = i / 5 % 2;
  constexpr std::array kBeta = {0.5, 0.7};
  constexpr std::array kStep = {0.2, 0.1};
  SpeckleField one(kRows, kColumns, labels, kBeta, 2.5, 19, 1);
  SpeckleField three(kRows, kColumns, labels, kBeta, 2.5, 19, 3);
  SpeckleField other(kRows, kColumns, labels, kBeta, 2.5, 20, 1);
  for (int i = 0; i < 3; ++i) {
    one.advance(kStep);
    three.advance(kStep);
    other.advance(kStep);
  }
  const auto image = image_of(one, labels.size(), 0.3, -1.6);
  EXPECT_EQ(image, image_of(three, labels.size(), 0.3, -1.6));
  EXPECT_NE(image, image_of(other, labels.size(), 0.3, -1.6));
  one.advance(std::array{0.0, 0.0});
  EXPECT_EQ(image, image_of(one, labels.size(), 0.3, -1.6));
  one.advance(kStep);
  EXPECT_NE(image, image_of(one, labels.size(), 0.3, -1.6));
}

TEST(Taps, LinearInterpolatesPeriodically) {
  constexpr std::size_t kRows = 3;
  constexpr std::size_t kColumns = 5;
  Image in(kRows * kColumns);
  std::iota(in.begin(), in.end(), 1.0f);
  Image out(in.size());
  PeriodicFilter filter(kRows, kColumns, 2);
  filter.apply(linear_taps(1, kRows), linear_taps(-0.25, kColumns), in, out);
  for (std::size_t row = 0; row < kRows; ++row) {
    for (std::size_t column = 0; column < kColumns; ++column) {
      const float* source = in.data() + (row + 2) % kRows * kColumns;
      EXPECT_FLOAT_EQ(out[row * kColumns + column],
                      0.75f * source[column] + 0.25f * source[(column + 1) % kColumns]);
    }
  }
}

// Wider than the period: folded onto it, and white noise still keeps its variance.
TEST(Taps, GaussianKeepsTheVarianceOnAnyPeriod) {
  for (const std::size_t size : {1, 7, 16, 100}) {
    for (const double sigma_px : {0.0, 0.3, 0.75, 6.0}) {
      for (const double shift_px : {0.0, 0.5, -3.3, 250.0}) {
        double squares = 0;
        for (const auto& [offset, weight] : gaussian_taps(sigma_px, shift_px, size)) {
          EXPECT_LT(offset, size);
          squares += double{weight} * weight;
        }
        EXPECT_NEAR(squares, 1, 1e-6) << sigma_px << " on " << size;
      }
    }
  }
}

}  // namespace
}  // namespace glasswatch::simulation
