#include "analysis/kww.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "analysis/check.h"

namespace glasswatch::analysis {
namespace {

constexpr int kMaxParameters = 4;
enum Parameter { kContrast, kLnTau, kBeta, kBaseline };  // baseline: less 1

constexpr int kIterations = 200;
constexpr double kFirstDamping = 1e-3;
constexpr double kLeastDecrease = 1e-14;    // of the sum of squares
constexpr double kRounding = 1e-14;         // of g2: what changes by less does not change
constexpr double kRoundedDecrease = 1e-30;  // of the sum of squares without a decay: rounding of g2

using Vector = std::array<double, kMaxParameters>;
using Matrix = std::array<Vector, kMaxParameters>;

/// The lags that have a value; g2 less 1.
struct Curve {
  std::vector<double> ln_lag, y;
  std::size_t parameters;
};

/// Sum of squares at some parameters, with J'J and J'r.
struct Point {
  Vector parameters{};
  double squares = 0;
  Matrix normal{};
  Vector gradient{};
};

Curve take_finite(std::span<const double> lag_slots, std::span<const double> g2, const KwwModel& model) {
  Curve curve{{}, {}, model.free_baseline ? 4u : 3u};
  for (std::size_t k = 0; k < g2.size(); ++k) {
    if (!std::isfinite(g2[k])) continue;
    curve.ln_lag.push_back(std::log(lag_slots[k]));
    curve.y.push_back(g2[k] - 1);
  }
  return curve;
}

/// tau of factor 2 over tau of factor 1, and the like.
double tau_ratio(double beta, const KwwModel& model) {
  return std::pow(model.exponent_factor, 1 / beta);
}

double mean(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

/// Of the deviations that are left without a decay.
double squares_without_decay(const Curve& curve) {
  const double offset = curve.parameters > kBaseline ? mean(curve.y) : 0;
  double squares = 0;
  for (const double y : curve.y) squares += (y - offset) * (y - offset);
  return squares;
}

/// The decay of the grid that leaves the least squares, with its best contrast and baseline; no contrast
/// where none leaves less than no decay.
Vector best_start(const Curve& curve) {
  const auto lags = static_cast<double>(curve.y.size());
  const double mean_y = curve.parameters > kBaseline ? mean(curve.y) : 0;
  Vector best{};
  double most = 0;
  for (std::size_t step = 0; step < internal::kStartTaus; ++step) {
    const double ln_tau = std::log(
        internal::start_tau_slots(step, std::exp(curve.ln_lag.front()), std::exp(curve.ln_lag.back())));
    for (const double beta : internal::kStartBetas) {
      double e = 0, ee = 0, ey = 0;
      for (std::size_t k = 0; k < curve.y.size(); ++k) {
        const double decay = std::exp(-std::exp(beta * (curve.ln_lag[k] - ln_tau)));
        e += decay;
        ee += decay * decay;
        ey += decay * (curve.y[k] - mean_y);
      }
      const double mean_e = curve.parameters > kBaseline ? e / lags : 0;
      const double contrast = ey / (ee - e * mean_e);
      if (!(contrast > 0) || contrast * ey <= most) continue;
      most = contrast * ey;
      best = {contrast, ln_tau, beta, mean_y - contrast * mean_e};
    }
  }
  return best;
}

bool stands_on(const KwwFit* start, const KwwModel& model) {
  const auto is_positive = [](double value) { return value > 0 && std::isfinite(value); };
  return start != nullptr && is_positive(start->contrast) && is_positive(start->tau_slots) &&
         is_positive(start->beta) && (!model.free_baseline || std::isfinite(start->baseline));
}

/// Levenberg-Marquardt of one curve for factor 1, between bounds.
class Search {
 public:
  Search(const Curve& curve, const Vector& lower, const Vector& upper)
      : curve_(curve), lower_(lower), upper_(upper) {}

  /// True if converged; the end is at().
  bool run(const Vector& start, double tolerance);
  const Point& at() const { return point_; }
  bool at_lower(Parameter p) const { return point_.parameters[p] <= lower_[p]; }
  bool at_upper(Parameter p) const { return point_.parameters[p] >= upper_[p]; }

 private:
  Vector inside(Vector parameters) const;
  Point evaluate(const Vector& parameters) const;
  Vector step(double damping) const;
  double predicted_decrease(const Vector& step) const;

  const Curve& curve_;
  Vector lower_, upper_;
  Point point_;
};

Vector Search::inside(Vector parameters) const {
  for (std::size_t p = 0; p < curve_.parameters; ++p) {
    parameters[p] = std::clamp(parameters[p], lower_[p], upper_[p]);
  }
  return parameters;
}

Point Search::evaluate(const Vector& parameters) const {
  Point point{parameters};
  const double contrast = parameters[kContrast], beta = parameters[kBeta];
  for (std::size_t k = 0; k < curve_.y.size(); ++k) {
    const double ln_ratio = curve_.ln_lag[k] - parameters[kLnTau];
    const double z = std::exp(beta * ln_ratio);
    const double e = std::exp(-z);
    const double slope = z > 0 && e > 0 ? contrast * e * z : 0;  // z may be infinite
    const Vector j{e, slope * beta, -slope * ln_ratio, 1};
    const double residual =
        curve_.y[k] - contrast * e - (curve_.parameters > kBaseline ? parameters[kBaseline] : 0);
    point.squares += residual * residual;
    for (std::size_t p = 0; p < curve_.parameters; ++p) {
      point.gradient[p] += j[p] * residual;
      for (std::size_t q = 0; q <= p; ++q) point.normal[p][q] += j[p] * j[q];
    }
  }
  return point;
}

/// Solves (N + damping diag N) step = gradient by Cholesky's decomposition, without the parameters that are
/// held by a bound or change nothing.
Vector Search::step(double damping) const {
  const std::size_t size = curve_.parameters;
  std::array<bool, kMaxParameters> held{};
  for (std::size_t p = 0; p < size; ++p) {
    const double push = point_.gradient[p];
    held[p] = (point_.parameters[p] <= lower_[p] && push < 0) ||
              (point_.parameters[p] >= upper_[p] && push > 0) || !(point_.normal[p][p] > 0);
  }
  Matrix root{};
  Vector solution{};
  for (std::size_t p = 0; p < size; ++p) {
    if (held[p]) continue;
    double pivot = point_.normal[p][p] * (1 + damping), right = point_.gradient[p];
    for (std::size_t q = 0; q < p; ++q) {
      if (held[q]) continue;
      double sum = point_.normal[p][q];
      for (std::size_t r = 0; r < q; ++r) sum -= root[p][r] * root[q][r];
      root[p][q] = sum / root[q][q];
      pivot -= root[p][q] * root[p][q];
      right -= root[p][q] * solution[q];
    }
    held[p] = !(pivot > 1e-15 * point_.normal[p][p]);  // the same as others together
    if (held[p]) {
      root[p] = {};
      continue;
    }
    root[p][p] = std::sqrt(pivot);
    solution[p] = right / root[p][p];
  }
  for (std::size_t p = size; p-- > 0;) {
    if (held[p]) continue;
    for (std::size_t q = p + 1; q < size; ++q) solution[p] -= root[q][p] * solution[q];
    solution[p] /= root[p][p];
  }
  return solution;
}

/// Of half the sum of squares, by the linear model.
double Search::predicted_decrease(const Vector& step) const {
  double decrease = 0;
  for (std::size_t p = 0; p < curve_.parameters; ++p) {
    decrease += step[p] * (point_.gradient[p] - point_.normal[p][p] * step[p] / 2);
    for (std::size_t q = 0; q < p; ++q) decrease -= point_.normal[p][q] * step[p] * step[q];
  }
  return decrease;
}

bool Search::run(const Vector& start, double tolerance) {
  point_ = evaluate(inside(start));
  double damping = kFirstDamping, growth = 2;
  for (int iteration = 0; iteration < kIterations; ++iteration) {
    if (predicted_decrease(step(0)) <= kLeastDecrease * point_.squares + tolerance) return true;
    Vector target = point_.parameters;
    const Vector wanted = step(damping);
    for (std::size_t p = 0; p < target.size(); ++p) target[p] += wanted[p];
    target = inside(target);
    Vector made{};
    for (std::size_t p = 0; p < target.size(); ++p) made[p] = target[p] - point_.parameters[p];
    const Point next = evaluate(target);
    const double gain = (point_.squares - next.squares) / 2 / predicted_decrease(made);
    if (gain > 0 && next.squares < point_.squares) {
      point_ = next;
      damping *= std::max(1.0 / 3, 1 - std::pow(2 * std::min(gain, 1.0) - 1, 3));
      growth = 2;
    } else {
      damping *= growth;
      growth *= 2;
      if (damping > 1e30) return true;  // no step goes down any more: rounding
    }
  }
  return false;
}

}  // namespace

double mean_relaxation_slots(const KwwFit& fit, const KwwModel& model) {
  return fit.tau_slots / tau_ratio(fit.beta, model) / fit.beta * std::tgamma(1 / fit.beta);
}

double kww_g2(double lag_slots, const KwwFit& fit, const KwwModel& model) {
  return fit.baseline +
         fit.contrast * std::exp(-model.exponent_factor * std::pow(lag_slots / fit.tau_slots, fit.beta));
}

double internal::start_tau_slots(std::size_t step, double first_lag_slots, double last_lag_slots) {
  const double whole = static_cast<double>(step) / (kStartTaus - 1);
  return first_lag_slots * std::pow(2 * last_lag_slots / first_lag_slots, whole);
}

KwwFit fit_kww(std::span<const double> lag_slots, std::span<const double> g2, const KwwModel& model,
               const KwwBounds& bounds, const KwwFit* start) {
  GLASSWATCH_CHECK(lag_slots.size() == g2.size(), lag_slots.size(), g2.size());
  GLASSWATCH_CHECK(lag_slots.empty() || lag_slots.front() > 0, lag_slots.front());
  GLASSWATCH_CHECK(model.exponent_factor == 1 || model.exponent_factor == 2, model.exponent_factor);
  GLASSWATCH_CHECK(bounds.tau_min_slots > 0 && bounds.tau_min_slots < bounds.tau_max_slots,
                   bounds.tau_min_slots, bounds.tau_max_slots);
  GLASSWATCH_CHECK(bounds.beta_min > 0 && bounds.beta_min < bounds.beta_max, bounds.beta_min,
                   bounds.beta_max);

  const Curve curve = take_finite(lag_slots, g2, model);
  KwwFit fit;
  if (curve.y.empty()) return fit;
  fit.status = FitStatus::kTooShort;
  const double longest = curve.ln_lag.back() + std::log(kLongestTau);
  if (curve.y.size() <= curve.parameters || std::log(bounds.tau_min_slots) >= longest) return fit;
  fit.status = FitStatus::kNoContrast;
  const double undecayed = squares_without_decay(curve);
  if (undecayed < kRounding * kRounding * static_cast<double>(curve.y.size())) return fit;
  const Vector begin =
      stands_on(start, model)
          ? Vector{start->contrast, std::log(start->tau_slots / tau_ratio(start->beta, model)), start->beta,
                   start->baseline - 1}
          : best_start(curve);
  if (!(begin[kContrast] > 0)) return fit;

  constexpr double kAny = std::numeric_limits<double>::max();
  const double ln_tau_max = std::log(bounds.tau_max_slots);
  Search search(curve, {0, std::log(bounds.tau_min_slots), bounds.beta_min, -kAny},
                {kAny, std::min(ln_tau_max, longest), bounds.beta_max, kAny});
  const bool converged = search.run(begin, kRoundedDecrease * undecayed);
  const Point& end = search.at();

  const auto freedom = static_cast<double>(curve.y.size() - curve.parameters);
  if (!((undecayed - end.squares) / 3 * freedom > kLeastDecay * end.squares)) return fit;
  fit.status = FitStatus::kTooShort;
  if (search.at_upper(kLnTau) && longest <= ln_tau_max) return fit;

  const bool at_bound =
      search.at_lower(kLnTau) || search.at_upper(kLnTau) || search.at_lower(kBeta) || search.at_upper(kBeta);
  fit.status = !converged ? FitStatus::kNotConverged : at_bound ? FitStatus::kAtBound : FitStatus::kConverged;
  fit.contrast = end.parameters[kContrast];
  fit.beta = end.parameters[kBeta];
  fit.tau_slots = std::exp(end.parameters[kLnTau]) * tau_ratio(fit.beta, model);
  fit.baseline = 1 + (model.free_baseline ? end.parameters[kBaseline] : 0);
  fit.rms = std::sqrt(end.squares / static_cast<double>(curve.y.size()));
  return fit;
}

}  // namespace glasswatch::analysis
