// The planted series and the direct sums that other tests rest on, against closed forms.
#include "tests/analysis/kww_series.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <span>

#include "tests/analysis/direct_sums.h"

namespace glasswatch::test {
namespace {

struct Curve {
  std::vector<double> g2, sigma;
};

/// g2 of the sums pooled over the pixels, with the standard error from the scatter of what each pixel
/// contributes (first order in the deviations of its sums).
Curve pooled_curve(const DirectSums& sums) {
  const auto pixels = static_cast<int>(sums.pixels().size());
  const std::size_t lags = sums.lag_slots().size();
  std::vector<double> product(lags * sums.pixels().size()), past(product.size()), future(product.size());
  sums.read(0, pixels, product.data(), past.data(), future.data());
  Curve curve;
  for (std::size_t lag = 0; lag < lags; ++lag) {
    const auto of_lag = [&](std::vector<double>& all) {
      return std::span(all).subspan(lag * sums.pixels().size(), sums.pixels().size());
    };
    const auto mean = [&](std::span<const double> values) {
      return std::accumulate(values.begin(), values.end(), 0.0) / pixels;
    };
    const auto g = of_lag(product), p = of_lag(past), f = of_lag(future);
    const double g_mean = mean(g), p_mean = mean(p), f_mean = mean(f);
    curve.g2.push_back(g_mean / (p_mean * f_mean) * static_cast<double>(sums.pairs()[lag]));
    double squares = 0;
    for (std::size_t i = 0; i < g.size(); ++i) {
      const double u = g[i] / g_mean - p[i] / p_mean - f[i] / f_mean + 1;
      squares += u * u;
    }
    curve.sigma.push_back(curve.g2.back() * std::sqrt(squares / pixels / (pixels - 1)));
  }
  return curve;
}

void expect_kww(const KwwSeriesSettings& settings) {
  const KwwSeries series = kww_series(settings);
  const Curve curve = pooled_curve(DirectSums(series.views(), {1, 2, 3, 5, 8, 13, 20, 32, 50, 80}));
  const double lags[] = {1, 2, 3, 5, 8, 13, 20, 32, 50, 80};
  for (std::size_t i = 0; i < std::size(lags); ++i) {
    const double truth =
        1 + settings.contrast * std::exp(-std::pow(lags[i] / settings.tau_slots, settings.beta));
    // Four standard errors: a false alarm in about 1e-4 of curves. The ratio of means is biased by about
    // sigma^2, far below sigma.
    EXPECT_NEAR(curve.g2[i], truth, 4 * curve.sigma[i]) << "lag " << lags[i];
    EXPECT_LT(4 * curve.sigma[i], 0.025 * settings.contrast) << "a tau off by a tenth must show";
  }
}

TEST(KwwSeries, PooledG2IsThePlantedCurve) {
  for (const double beta : {0.63, 1.0}) {
    KwwSeriesSettings settings;
    settings.rows = 60;
    settings.columns = 50;
    settings.frames = 400;
    settings.tau_slots = 8;
    settings.beta = beta;
    expect_kww(settings);
    settings.electrons_per_px = 20;
    settings.seed = 2;
    expect_kww(settings);
  }
}

TEST(KwwSeries, TauMapIsFollowedPixelByPixel) {
  KwwSeriesSettings settings;
  settings.frames = 250;
  settings.tau_map_slots.assign(32 * 32, 10);
  std::fill_n(settings.tau_map_slots.begin(), 512, 40.0F);
  const KwwSeries series = kww_series(settings);
  for (const bool top : {true, false}) {
    std::vector<std::uint8_t> mask(32 * 32, top ? 0 : 1);
    std::fill(mask.begin() + 512, mask.end(), top ? 1 : 0);
    const Curve curve =
        pooled_curve(DirectSums(series.views(), consecutive_slots(series.views().size()), {1, 10, 30}, mask));
    const double lags[] = {1, 10, 30};
    for (std::size_t i = 0; i < 3; ++i) {
      const double truth = 1 + 0.1 * std::exp(-std::pow(lags[i] / (top ? 40 : 10), 0.63));
      EXPECT_NEAR(curve.g2[i], truth, 4 * curve.sigma[i]) << "top " << top << " lag " << lags[i];
    }
    EXPECT_LT(curve.sigma[1], 0.006) << "the two taus differ by 0.026 there";
  }
}

/// <dI(x) dI(x + d)> / <I>^2 along rows, frames far apart in time being independent samples.
double covariance_along_rows(const KwwSeries& series, int displacement, double mean) {
  double sum = 0;
  std::size_t count = 0;
  for (int t = 0; t < series.frames; ++t) {
    const auto* frame = static_cast<const std::int16_t*>(series.frame(t).pixels);
    for (int row = 0; row < series.rows; ++row) {
      for (int column = 0; column + displacement < series.columns; ++column, ++count) {
        const std::int16_t* at = frame + row * series.columns + column;
        sum += (at[0] / mean - 1) * (at[displacement] / mean - 1);
      }
    }
  }
  return sum / static_cast<double>(count);
}

TEST(KwwSeries, SpecklesHaveTheirSizeAndContrast) {
  KwwSeriesSettings settings;
  settings.rows = settings.columns = 48;
  settings.frames = 100;
  settings.tau_slots = 0.5;
  settings.speckle_size_px = 4;
  const KwwSeries series = kww_series(settings);
  // 48^2/(pi/(2 ln 2) 4^2) = 64 speckles and more than 40 independent times: 1/sqrt(64 40/2) = 3 % of the
  // variance; neighbouring displacements share most of it. Three of these.
  const double variance = covariance_along_rows(series, 0, 1000);
  EXPECT_NEAR(variance, 0.1, 0.009);
  EXPECT_NEAR(covariance_along_rows(series, 2, 1000) / variance, 0.5, 0.03);
  EXPECT_NEAR(covariance_along_rows(series, 4, 1000) / variance, 1.0 / 16, 0.06);
  settings.speckle_size_px = 1;
  const KwwSeries white = kww_series(settings);
  // 48^2 independent pixels: 3/sqrt(48^2 40).
  EXPECT_NEAR(covariance_along_rows(white, 1, 1000), 0, 0.1 * 0.01);
}

TEST(KwwSeries, PoissonNoiseAddsItsVarianceAndBrightnessMultiplies) {
  KwwSeriesSettings settings;
  settings.frames = 60;
  settings.tau_slots = 1;
  settings.electrons_per_px = 5;
  settings.contrast = 0.01;
  const KwwSeries series = kww_series(settings);
  // 1/5 + A, from 32^2 60 samples whose squares spread by about sqrt(2 + 1/5): 3 x 0.6 %.
  EXPECT_NEAR(covariance_along_rows(series, 0, 1000), 0.21, 0.21 * 0.018);
  settings.electrons_per_px = 0;
  settings.brightness.assign(32 * 32, 1);
  settings.brightness[5] = 3;
  const KwwSeries bright = kww_series(settings);
  settings.brightness.clear();
  const KwwSeries plain = kww_series(settings);
  for (int t = 0; t < 60; ++t) {
    const std::size_t at = static_cast<std::size_t>(t) * 1024 + 5;
    EXPECT_NEAR(bright.counts[at], 3 * plain.counts[at], 2) << "both are rounded";
    EXPECT_EQ(bright.counts[at + 1], plain.counts[at + 1]);
  }
}

TEST(DirectSums, AreTheDefinition) {
  const std::vector<float> frames{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};  // three frames of 2 x 2
  std::vector<FrameView> views;
  for (std::size_t t = 0; t < 3; ++t) views.push_back({frames.data() + 4 * t, PixelType::kF4, 2, 2});
  const DirectSums sums(views, {10, 11, 13}, {1, 2, 4}, {0, 1, 0, 0});  // slot 12 has no frame
  ASSERT_EQ(sums.pixels().size(), 3U);
  EXPECT_EQ(sums.pixels()[1], 2U);
  EXPECT_EQ(sums.span_slots(), 4);
  EXPECT_EQ(sums.frames(), 3U);
  EXPECT_EQ(std::vector<std::uint64_t>(sums.pairs().begin(), sums.pairs().end()),
            (std::vector<std::uint64_t>{1, 1, 0}));
  double product[6], past[6], future[6], total[2];
  sums.read(1, 3, product, past, future);
  sums.read_total(1, 3, total);
  EXPECT_EQ(std::vector<double>(product, product + 6),
            (std::vector<double>{3 * 7, 4 * 8, 7 * 11, 8 * 12, 0, 0}));
  EXPECT_EQ(std::vector<double>(past, past + 6), (std::vector<double>{3, 4, 7, 8, 0, 0}));
  EXPECT_EQ(std::vector<double>(future, future + 6), (std::vector<double>{7, 8, 11, 12, 0, 0}));
  EXPECT_EQ(total[0], 3 + 7 + 11);
}

}  // namespace
}  // namespace glasswatch::test
