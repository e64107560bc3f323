#include "analysis/arrhenius.h"

#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <limits>

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// CODATA 2018, exact; Tiesinga et al., Rev. Mod. Phys. 93 (2021) 025010.
constexpr double kBoltzmannEvPerK = 8.617333262e-5;
constexpr double kZeroCelsiusK = 273.15;

constexpr int kLeastPoints = 4;
constexpr double kLargestRelativeSigma = 0.3;
constexpr double kLeastProbability = 0.01;

constexpr int kIterations = 50;
constexpr double kTolerance = 1e-12;  // of E

struct Line {
  double slope = kNaN, slope_sigma = kNaN, intercept = kNaN, chi_square = kNaN;
};

bool usable(const TauAtTemperature& point) {
  return std::isfinite(point.temperature_c) && point.temperature_c > -kZeroCelsiusK &&
         std::isfinite(point.temperature_sigma_c) && std::isfinite(point.tau_s) && point.tau_s > 0 &&
         std::isfinite(point.sigma_ln_tau) && point.sigma_ln_tau > 0;
}

double inverse_energy(const TauAtTemperature& point) {
  return 1 / (kBoltzmannEvPerK * (point.temperature_c + kZeroCelsiusK));
}

double weight_of(const TauAtTemperature& point, double energy_ev) {
  const double temperature_k = point.temperature_c + kZeroCelsiusK;
  const double by_temperature = energy_ev * inverse_energy(point) * point.temperature_sigma_c / temperature_k;
  return 1 / (point.sigma_ln_tau * point.sigma_ln_tau + by_temperature * by_temperature);
}

/// ln tau over 1/(k_B T), weights at the given energy; slope NaN where all points have the same temperature.
Line fit_line(std::span<const TauAtTemperature> points, double energy_ev) {
  double weights = 0, mean_x = 0, mean_y = 0;
  for (const TauAtTemperature& point : points) {
    if (!usable(point)) continue;
    const double weight = weight_of(point, energy_ev);
    weights += weight;
    mean_x += weight * inverse_energy(point);
    mean_y += weight * std::log(point.tau_s);
  }
  mean_x /= weights;
  mean_y /= weights;
  double xx = 0, xy = 0, yy = 0;
  for (const TauAtTemperature& point : points) {
    if (!usable(point)) continue;
    const double weight = weight_of(point, energy_ev);
    const double x = inverse_energy(point) - mean_x, y = std::log(point.tau_s) - mean_y;
    xx += weight * x * x;
    xy += weight * x * y;
    yy += weight * y * y;
  }
  constexpr double kRounding = 1e-24;  // of x^2: what equal temperatures leave
  if (!(xx > kRounding * weights * mean_x * mean_x)) return {};
  const double slope = xy / xx;
  return {slope, 1 / std::sqrt(xx), mean_y - slope * mean_x, std::fmax(0, yy - slope * xy)};
}

double chi_square_survival(double chi_square, int freedom) {
  // Errors come back as values, not as exceptions.
  namespace policies = boost::math::policies;
  constexpr policies::policy<policies::domain_error<policies::ignore_error>,
                             policies::overflow_error<policies::ignore_error>,
                             policies::evaluation_error<policies::ignore_error>>
      kQuiet;
  return freedom > 0 ? boost::math::gamma_q(freedom / 2.0, chi_square / 2, kQuiet) : kNaN;
}

}  // namespace

ArrheniusFit fit_arrhenius(std::span<const TauAtTemperature> points) {
  int used = 0;
  for (const TauAtTemperature& point : points) used += usable(point) ? 1 : 0;
  Line line;
  if (used >= 2) {
    line = fit_line(points, 0);
    for (int iteration = 0; iteration < kIterations; ++iteration) {
      const double before = line.slope;
      line = fit_line(points, before);
      if (!(std::abs(line.slope - before) > kTolerance * std::abs(before))) break;
    }
  }
  const double p_value = std::isnan(line.chi_square) ? kNaN : chi_square_survival(line.chi_square, used - 2);
  return {.activation_energy_ev = line.slope,
          .activation_energy_sigma_ev = line.slope_sigma,
          .ln_tau0_s = line.intercept,
          .chi_square = line.chi_square,
          .p_value = p_value,
          .points = used,
          .justified = used >= kLeastPoints && line.slope_sigma <= kLargestRelativeSigma * line.slope &&
                       p_value > kLeastProbability};
}

}  // namespace glasswatch::analysis
