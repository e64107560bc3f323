#include "analysis/kww.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "analysis/lags.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// 41 lags from 1 to 1000.
const std::vector<double>& lags() {
  static const std::vector<double> kLags = [] {
    const std::vector<std::int64_t> whole = log_spaced_lags(16, 1000);
    return std::vector<double>(whole.begin(), whole.end());
  }();
  return kLags;
}

/// The closed form, written out.
std::vector<double> curve(const std::vector<double>& lag_slots, double contrast, double tau_slots,
                          double beta, int factor = 1, double baseline = 1) {
  std::vector<double> g2;
  for (const double t : lag_slots) {
    g2.push_back(baseline + contrast * std::exp(-factor * std::pow(t / tau_slots, beta)));
  }
  return g2;
}

void add_noise(std::vector<double>& g2, double sigma, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> noise(0, sigma);
  for (double& value : g2) value += noise(random);
}

double squares(const std::vector<double>& lag_slots, const std::vector<double>& g2, double contrast,
               double tau_slots, double beta) {
  double sum = 0;
  for (std::size_t k = 0; k < g2.size(); ++k) {
    const double residual = g2[k] - 1 - contrast * std::exp(-std::pow(lag_slots[k] / tau_slots, beta));
    sum += residual * residual;
  }
  return sum;
}

void expect_no_values(const KwwFit& fit) {
  EXPECT_TRUE(std::isnan(fit.contrast) && std::isnan(fit.tau_slots) && std::isnan(fit.beta));
  EXPECT_TRUE(std::isnan(fit.baseline) && std::isnan(fit.rms));
  EXPECT_FALSE(fit.usable());
}

TEST(FitKww, RecoversClosedForms) {
  for (const double contrast : {1e-4, 0.1, 1.0}) {
    for (const double tau : {4.0, 148.0, 900.0}) {
      for (const double beta : {0.4, 0.63, 1.0, 1.7}) {
        for (const int factor : {1, 2}) {
          for (const bool free : {false, true}) {
            const double baseline = free ? 1.02 : 1;
            const KwwFit fit =
                fit_kww(lags(), curve(lags(), contrast, tau, beta, factor, baseline), {factor, free}, {});
            SCOPED_TRACE(testing::Message()
                         << contrast << ' ' << tau << ' ' << beta << ' ' << factor << free);
            ASSERT_EQ(fit.status, FitStatus::kConverged);
            EXPECT_NEAR(fit.contrast / contrast, 1, 1e-6);
            EXPECT_NEAR(fit.tau_slots / tau, 1, 1e-6);
            EXPECT_NEAR(fit.beta / beta, 1, 1e-6);
            EXPECT_NEAR(fit.baseline, baseline, 1e-6 * contrast);
            EXPECT_LT(fit.rms, 1e-9 * contrast);
            EXPECT_NEAR(kww_g2(30, fit, {factor, free}),
                        baseline + contrast * std::exp(-factor * std::pow(30 / tau, beta)), 1e-6 * contrast);
          }
        }
      }
    }
  }
}

// Nothing is lower in any direction, by steps that change the squares far more than the search may leave.
TEST(FitKww, EndsAtTheLeastSquares) {
  std::vector<double> g2 = curve(lags(), 0.1, 80, 0.63);
  add_noise(g2, 0.01, 1);
  const KwwFit fit = fit_kww(lags(), g2, {}, {});
  ASSERT_EQ(fit.status, FitStatus::kConverged);
  const double least = squares(lags(), g2, fit.contrast, fit.tau_slots, fit.beta);
  EXPECT_NEAR(fit.rms, std::sqrt(least / static_cast<double>(g2.size())), 1e-12);
  for (const double step : {-1e-3, 1e-3}) {
    EXPECT_GT(squares(lags(), g2, fit.contrast * (1 + step), fit.tau_slots, fit.beta), least);
    EXPECT_GT(squares(lags(), g2, fit.contrast, fit.tau_slots * (1 + step), fit.beta), least);
    EXPECT_GT(squares(lags(), g2, fit.contrast, fit.tau_slots, fit.beta * (1 + step)), least);
    EXPECT_GT(squares(lags(), g2, fit.contrast * (1 + step), fit.tau_slots * (1 - step), fit.beta), least);
    EXPECT_GT(squares(lags(), g2, fit.contrast * (1 - step), fit.tau_slots, fit.beta * (1 + step)), least);
  }
}

TEST(FitKww, ConventionsDifferInTauAlone) {
  std::vector<double> g2 = curve(lags(), 0.1, 80, 0.63);
  add_noise(g2, 0.01, 2);
  const KwwModel one{1, false}, two{2, false};
  const KwwFit first = fit_kww(lags(), g2, one, {}), second = fit_kww(lags(), g2, two, {});
  ASSERT_TRUE(first.usable() && second.usable());
  EXPECT_DOUBLE_EQ(second.beta, first.beta);
  EXPECT_DOUBLE_EQ(second.contrast, first.contrast);
  EXPECT_NEAR(second.tau_slots / (first.tau_slots * std::pow(2, 1 / first.beta)), 1, 1e-12);
  EXPECT_NEAR(mean_relaxation_slots(second, two) / mean_relaxation_slots(first, one), 1, 1e-12);
  for (const double t : {1.0, 50.0, 700.0}) {
    EXPECT_NEAR(kww_g2(t, first, one), kww_g2(t, second, two), 1e-14);
  }
  // A start is in the convention of the model.
  EXPECT_NEAR(fit_kww(lags(), g2, two, {}, &second).tau_slots / second.tau_slots, 1, 1e-6);
}

TEST(MeanRelaxation, IsTheIntegralOfTheDecay) {
  const auto mean = [](double tau, double beta, int factor) {
    KwwFit fit;
    fit.tau_slots = tau;
    fit.beta = beta;
    return mean_relaxation_slots(fit, {factor, false});
  };
  EXPECT_NEAR(mean(20, 1, 1), 20, 1e-12);                               // Gamma(1) = 1
  EXPECT_NEAR(mean(20, 0.5, 1), 40, 1e-12);                             // 2 Gamma(2) = 2
  EXPECT_NEAR(mean(20, 2, 1), 10 * std::sqrt(std::acos(-1.0)), 1e-12);  // Gamma(1/2)/2
  EXPECT_NEAR(mean(20, 1, 2), 10, 1e-12);
  // By the trapezoidal rule in x = ln t, whose error vanishes faster than any power of the step.
  for (const int factor : {1, 2}) {
    double integral = 0;
    constexpr double kStep = 0.01;
    for (double x = -40; x < 20; x += kStep) {
      const double t = std::exp(x);
      integral += kStep * t * std::exp(-factor * std::pow(t / 148, 0.63));
    }
    EXPECT_NEAR(mean(148, 0.63, factor) / integral, 1, 1e-9);
  }
  EXPECT_TRUE(std::isnan(mean_relaxation_slots({}, {})));
}

TEST(FitKww, LeavesOutLagsWithoutAValue) {
  std::vector<double> g2 = curve(lags(), 0.1, 80, 0.63);
  add_noise(g2, 0.005, 3);
  std::vector<double> some_lags, some_g2;
  for (std::size_t k = 0; k < g2.size(); ++k) {
    if (k % 5 == 0) {
      g2[k] = k % 2 == 0 ? kNaN : std::numeric_limits<double>::infinity();
    } else {
      some_lags.push_back(lags()[k]);
      some_g2.push_back(g2[k]);
    }
  }
  const KwwFit fit = fit_kww(lags(), g2, {}, {}), same = fit_kww(some_lags, some_g2, {}, {});
  ASSERT_TRUE(fit.usable());
  EXPECT_EQ(fit.tau_slots, same.tau_slots);
  EXPECT_EQ(fit.rms, same.rms);
}

TEST(FitKww, StopsAtTheBounds) {
  const std::vector<double> g2 = curve(lags(), 0.1, 80, 0.63);
  KwwBounds steep;
  steep.beta_min = 0.8;
  const KwwFit fit = fit_kww(lags(), g2, {}, steep);
  EXPECT_EQ(fit.status, FitStatus::kAtBound);
  EXPECT_EQ(fit.beta, 0.8);
  // The best for this beta: nothing is lower to either side.
  const double least = squares(lags(), g2, fit.contrast, fit.tau_slots, fit.beta);
  for (const double step : {-1e-4, 1e-4}) {
    EXPECT_GT(squares(lags(), g2, fit.contrast * (1 + step), fit.tau_slots, fit.beta), least);
    EXPECT_GT(squares(lags(), g2, fit.contrast, fit.tau_slots * (1 + step), fit.beta), least);
  }
  KwwBounds fast, slow;
  fast.tau_max_slots = 40;
  slow.tau_min_slots = 160;
  EXPECT_EQ(fit_kww(lags(), g2, {}, fast).status, FitStatus::kAtBound);
  EXPECT_NEAR(fit_kww(lags(), g2, {}, fast).tau_slots, 40, 1e-9);
  EXPECT_EQ(fit_kww(lags(), g2, {}, slow).status, FitStatus::kAtBound);
  // Bounds are those of the 1/e time: the same in both conventions.
  const KwwModel two{2, false};
  const KwwFit bound = fit_kww(lags(), g2, two, fast);
  EXPECT_EQ(bound.status, FitStatus::kAtBound);
  EXPECT_NEAR(bound.tau_slots, 40 * std::pow(2, 1 / bound.beta), 1e-9);
}

TEST(FitKww, SaysWhatIsTooShort) {
  for (const bool free : {false, true}) {
    const std::size_t parameters = free ? 4 : 3;
    const KwwModel model{1, free};
    const std::vector<double> few = {1, 10, 50, 100, 300};
    const std::vector<double> g2 = curve(few, 0.1, 60, 0.63);
    const KwwFit fit = fit_kww(std::span(few).first(parameters), std::span(g2).first(parameters), model, {});
    EXPECT_EQ(fit.status, FitStatus::kTooShort);
    expect_no_values(fit);
    EXPECT_TRUE(fit_kww(std::span(few).first(parameters + 1), std::span(g2).first(parameters + 1), model, {})
                    .usable());
  }
  // Within ten longest lags a faultless curve still says what it is; beyond, it is not believed.
  EXPECT_NEAR(fit_kww(lags(), curve(lags(), 0.1, 9000, 1), {}, {}).tau_slots, 9000, 1);
  const KwwFit slow = fit_kww(lags(), curve(lags(), 0.1, 12000, 1), {}, {});
  EXPECT_EQ(slow.status, FitStatus::kTooShort);
  expect_no_values(slow);
  EXPECT_EQ(fit_kww(lags(), std::vector<double>(lags().size(), 1.05), {}, {}).status, FitStatus::kTooShort)
      << "does not decay at all";
}

TEST(FitKww, SaysWhereThereIsNoContrast) {
  const std::size_t count = lags().size();
  const KwwFit one = fit_kww(lags(), std::vector<double>(count, 1), {}, {});
  EXPECT_EQ(one.status, FitStatus::kNoContrast);
  expect_no_values(one);
  EXPECT_EQ(fit_kww(lags(), curve(lags(), -0.1, 80, 0.63), {}, {}).status, FitStatus::kNoContrast);
  EXPECT_EQ(fit_kww(lags(), std::vector<double>(count, 1.05), {1, true}, {}).status, FitStatus::kNoContrast);
  EXPECT_EQ(fit_kww(lags(), curve(lags(), -0.1, 80, 0.63), {1, true}, {}).status, FitStatus::kNoContrast);

  // kww.h: 1 in 250 of 40 lags, 1 in 80 of 10. Within three standard deviations of these counts.
  const auto taken_for_decays = [](std::size_t lag_count, unsigned curves) {
    int taken = 0;
    for (unsigned i = 0; i < curves; ++i) {
      std::vector<double> g2(lag_count, 1);
      add_noise(g2, 0.01, 100 + i);
      taken += fit_kww(std::span(lags()).first(lag_count), g2, {}, {}).status != FitStatus::kNoContrast;
    }
    return taken;
  };
  EXPECT_NEAR(taken_for_decays(40, 1000), 4, 6);
  EXPECT_NEAR(taken_for_decays(10, 1200), 15, 12);
}

TEST(FitKww, SaysWhereThereAreNoData) {
  const KwwFit fit = fit_kww(lags(), std::vector<double>(lags().size(), kNaN), {}, {});
  EXPECT_EQ(fit.status, FitStatus::kNoData);
  expect_no_values(fit);
  EXPECT_EQ(fit_kww({}, {}, {}, {}).status, FitStatus::kNoData);
  EXPECT_EQ(KwwFit().status, FitStatus::kNoData);
}

TEST(FitKww, StartsWhereItIsTold) {
  std::vector<double> g2 = curve(lags(), 0.1, 80, 0.63);
  add_noise(g2, 0.005, 4);
  const KwwFit cold = fit_kww(lags(), g2, {}, {});
  KwwFit start = cold;
  start.tau_slots *= 1.3;
  start.beta *= 0.8;
  EXPECT_NEAR(fit_kww(lags(), g2, {}, {}, &start).tau_slots / cold.tau_slots, 1, 1e-6);
  for (const double wrong : {kNaN, 0.0, -3.0, std::numeric_limits<double>::infinity()}) {
    start.tau_slots = wrong;  // not a start: that of the data
    EXPECT_EQ(fit_kww(lags(), g2, {}, {}, &start).tau_slots, cold.tau_slots);
  }
}

}  // namespace
}  // namespace glasswatch::analysis
