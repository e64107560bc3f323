// Planted activation energies: recovered exactly, covered by their sigma, and claimed only where carried.
#include "analysis/arrhenius.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kEnergyEv = 1.7, kLnTau0 = -26;

/// k_B = R/N_A e, from the molar gas constant in J/(mol K) and Faraday's constant in C/mol.
double boltzmann_ev_per_k() {
  return 8.314462618 / 96485.33212;
}

double ln_tau_at(double temperature_c) {
  return kLnTau0 + kEnergyEv / (boltzmann_ev_per_k() * (temperature_c + 273.15));
}

/// `count` points from `low_c` on, 10 K apart, without error.
std::vector<TauAtTemperature> planted(int count, double low_c, double sigma_ln_tau) {
  std::vector<TauAtTemperature> points;
  for (int i = 0; i < count; ++i) {
    const double temperature_c = low_c + 10 * i;
    points.push_back({temperature_c, 0, std::exp(ln_tau_at(temperature_c)), sigma_ln_tau});
  }
  return points;
}

TEST(Arrhenius, IsExactWithoutNoise) {
  const ArrheniusFit fit = fit_arrhenius(planted(8, 300, 0.1));
  // R/F is given to ten digits.
  EXPECT_NEAR(fit.activation_energy_ev, kEnergyEv, 1e-8);
  EXPECT_NEAR(fit.ln_tau0_s, kLnTau0, 1e-6);
  EXPECT_NEAR(fit.chi_square, 0, 1e-15);
  EXPECT_NEAR(fit.p_value, 1, 1e-9);
  EXPECT_EQ(fit.points, 8);
  EXPECT_TRUE(fit.justified);
}

// Two points: E = (y1 - y2)/(x1 - x2), sigma^2 = (s1^2 + s2^2)/(x1 - x2)^2.
TEST(Arrhenius, TwoPointsAreTheirSlope) {
  const std::vector<TauAtTemperature> points{{300, 0, 500, 0.1}, {340, 0, 60, 0.2}};
  const double x1 = 1 / (boltzmann_ev_per_k() * 573.15), x2 = 1 / (boltzmann_ev_per_k() * 613.15);
  const ArrheniusFit fit = fit_arrhenius(points);
  EXPECT_NEAR(fit.activation_energy_ev, std::log(500.0 / 60) / (x1 - x2), 1e-8);
  EXPECT_NEAR(fit.activation_energy_sigma_ev, std::hypot(0.1, 0.2) / (x1 - x2), 1e-8);
  EXPECT_NEAR(fit.chi_square, 0, 1e-12);
  EXPECT_TRUE(std::isnan(fit.p_value));
  EXPECT_FALSE(fit.justified);
}

struct Coverage {
  int one_sigma = 0, two_sigma = 0, rejected = 0;
};

/// Errors of ln tau from 0.1 to 0.3 and of T as given, 2000 times.
Coverage coverage(double temperature_sigma_c) {
  std::mt19937 random(11);
  std::normal_distribution<double> normal;
  Coverage counts;
  for (int trial = 0; trial < 2000; ++trial) {
    std::vector<TauAtTemperature> points = planted(8, 300, 0.1);
    for (std::size_t i = 0; i < points.size(); ++i) {
      points[i].sigma_ln_tau = 0.1 + 0.2 * static_cast<double>(i % 3) / 2;
      points[i].tau_s *= std::exp(points[i].sigma_ln_tau * normal(random));
      points[i].temperature_sigma_c = temperature_sigma_c;
      points[i].temperature_c += temperature_sigma_c * normal(random);
    }
    const ArrheniusFit fit = fit_arrhenius(points);
    const double off = std::abs(fit.activation_energy_ev - kEnergyEv) / fit.activation_energy_sigma_ev;
    counts.one_sigma += off < 1 ? 1 : 0;
    counts.two_sigma += off < 2 ? 1 : 0;
    counts.rejected += fit.p_value < 0.05 ? 1 : 0;
  }
  return counts;
}

// Of 2000: 1365 +- 21, 1909 +- 9 and 100 +- 10; four standard deviations. 4 K are 0.2 of ln tau here, as
// much as its own error.
TEST(Arrhenius, SigmaCoversAndPIsUniform) {
  for (const double temperature_sigma_c : {0.0, 4.0}) {
    SCOPED_TRACE(testing::Message() << "sigma of T " << temperature_sigma_c << " K");
    const Coverage counts = coverage(temperature_sigma_c);
    EXPECT_NEAR(counts.one_sigma, 1365, 84);
    EXPECT_NEAR(counts.two_sigma, 1909, 38);
    EXPECT_NEAR(counts.rejected, 100, 40);
  }
}

// chi^2 of one point that is 3 sigma off an exact line of many: (3)^2 (1 - its leverage).
TEST(Arrhenius, ChiSquareIsTheResiduals) {
  std::vector<TauAtTemperature> points = planted(5, 300, 0.1);
  points[2].tau_s *= std::exp(0.3);
  double mean = 0, spread = 0;
  std::vector<double> x;
  for (const auto& point : points) x.push_back(1 / (boltzmann_ev_per_k() * (point.temperature_c + 273.15)));
  for (const double value : x) mean += value / 5;
  for (const double value : x) spread += (value - mean) * (value - mean);
  const double leverage = 1.0 / 5 + (x[2] - mean) * (x[2] - mean) / spread;
  const ArrheniusFit fit = fit_arrhenius(points);
  EXPECT_NEAR(fit.chi_square, 9 * (1 - leverage), 1e-6);
  // Three degrees of freedom: Q = erfc(sqrt(c/2)) + sqrt(2 c/pi) exp(-c/2).
  const double c = fit.chi_square;
  EXPECT_NEAR(fit.p_value, std::erfc(std::sqrt(c / 2)) + std::sqrt(2 * c / std::acos(-1)) * std::exp(-c / 2),
              1e-12);
}

TEST(Arrhenius, ClaimsNoEnergyThatTheDataDoNotCarry) {
  EXPECT_TRUE(fit_arrhenius(planted(4, 300, 0.1)).justified);
  EXPECT_FALSE(fit_arrhenius(planted(3, 300, 0.1)).justified) << "too few";
  // 1/(k_B T) of the four is 20.25, 19.90, 19.56, 19.24 per eV, its squared deviations sum up to 0.56: sigma
  // of E is 0.5/sqrt(0.56) = 0.67 eV.
  EXPECT_FALSE(fit_arrhenius(planted(4, 300, 0.5)).justified) << "E is known to 39 % only";
  std::vector<TauAtTemperature> bent = planted(8, 300, 0.02);
  bent[0].tau_s *= 1.2;
  bent[7].tau_s *= 1.2;
  const ArrheniusFit fit = fit_arrhenius(bent);
  EXPECT_LT(fit.p_value, 0.01);
  EXPECT_FALSE(fit.justified) << "no straight line";
  std::vector<TauAtTemperature> falling = planted(8, 300, 0.02);
  for (auto& point : falling) point.tau_s = 1 / point.tau_s;
  EXPECT_FALSE(fit_arrhenius(falling).justified) << "tau that grows with T is not activated";
}

TEST(Arrhenius, LeavesOutWhatIsNoPoint) {
  std::vector<TauAtTemperature> points = planted(8, 300, 0.1);
  const ArrheniusFit fit = fit_arrhenius(points);
  for (const TauAtTemperature bad : {TauAtTemperature{kNaN, 0, 5, 0.1}, TauAtTemperature{300, kNaN, 5, 0.1},
                                     TauAtTemperature{300, 0, kNaN, 0.1}, TauAtTemperature{300, 0, 0, 0.1},
                                     TauAtTemperature{300, 0, 5, kNaN}, TauAtTemperature{300, 0, 5, 0},
                                     TauAtTemperature{-300, 0, 5, 0.1}}) {
    points.push_back(bad);
  }
  const ArrheniusFit same = fit_arrhenius(points);
  EXPECT_EQ(same.points, 8);
  EXPECT_EQ(same.activation_energy_ev, fit.activation_energy_ev);

  for (const auto& few : {std::vector<TauAtTemperature>{},
                          {{300, 0, 5, 0.1}},
                          {{300, 0, 5, 0.1}, {300, 0, 6, 0.1}, {300, 0, 5, 0.2}, {300, 0, 7, 0.3}}}) {
    const ArrheniusFit none = fit_arrhenius(few);
    EXPECT_TRUE(std::isnan(none.activation_energy_ev) && std::isnan(none.activation_energy_sigma_ev));
    EXPECT_TRUE(std::isnan(none.ln_tau0_s) && std::isnan(none.chi_square) && std::isnan(none.p_value));
    EXPECT_EQ(none.points, static_cast<int>(few.size()));
    EXPECT_FALSE(none.justified);
  }
}

}  // namespace
}  // namespace glasswatch::analysis
