#include "simulators/imaging/kww_process.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "simulators/parallel.h"
#include "simulators/random.h"
#include "simulators/wide_loops.h"

namespace glasswatch::simulation {
namespace {

constexpr std::uint64_t kInnovationStream = 0x1400;
constexpr std::uint64_t kLargestSide = 4096;  // of a frame; the addresses of the random numbers rely on it

// ------------------------------------------------------------------------------------------------ Sum of
// exponentials

constexpr double kFirstTime = 1e-4;
constexpr double kLastTime = 30;
constexpr int kFitPoints = 150;
constexpr int kCheckPoints = 1000;
constexpr int kLargestTermCount = 12;
constexpr double kWantedError = 5e-4;
constexpr double kWeightOfOne = 10;  // of the condition that the weights sum to 1, in the fit
constexpr int kLargestFitSteps = 60;

double log_spaced_time(int i, int points) {
  return kFirstTime * std::pow(kLastTime / kFirstTime, static_cast<double>(i) / (points - 1));
}

// Solves (A + damping diag(A)) x = b for a symmetric positive definite A (row-major) by Cholesky's
// factorisation.
std::vector<double> solve_damped(std::vector<double> a, double damping, std::vector<double> b) {
  constexpr double kTiny = 1e-14;  // keeps terms without any weight from making A singular
  const std::size_t n = b.size();
  for (std::size_t i = 0; i < n; ++i) a[i * n + i] += damping * a[i * n + i] + kTiny;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = a[i * n + j];
      for (std::size_t k = 0; k < j; ++k) sum -= a[i * n + k] * a[j * n + k];
      a[i * n + j] = i == j ? std::sqrt(std::max(sum, kTiny)) : sum / a[j * n + j];
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) b[i] -= a[i * n + k] * b[k];
    b[i] /= a[i * n + i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) b[i] -= a[k * n + i] * b[k];
    b[i] /= a[i * n + i];
  }
  return b;
}

// Least squares of sum w_k exp(-c_k t) against exp(-t^beta) in the unknowns ln c_k, ln w_k, which keep rates
// and weights above zero, by Levenberg's and Marquardt's method (J. SIAM 11 (1963) 431).
class ExponentialFit {
 public:
  ExponentialFit(double beta, int terms) : beta_(beta), terms_(static_cast<std::size_t>(terms)) {
    for (int i = 0; i < kFitPoints; ++i) {
      time_.push_back(log_spaced_time(i, kFitPoints));
      wanted_.push_back(std::exp(-std::pow(time_.back(), beta)));
    }
    begin();
    for (int i = 0; i < kLargestFitSteps && improve(); ++i) {
    }
  }

  ExponentialSum result() const {
    ExponentialSum sum;
    double weights = 0;
    for (std::size_t k = 0; k < terms_; ++k) weights += std::exp(log_[terms_ + k]);
    for (std::size_t k = 0; k < terms_; ++k) {
      sum.terms.push_back({std::exp(log_[k]), std::exp(log_[terms_ + k]) / weights});
    }
    std::ranges::sort(sum.terms, {}, &ExponentialSum::Term::rate);
    for (int i = 0; i < kCheckPoints; ++i) {
      const double t = log_spaced_time(i, kCheckPoints);
      sum.largest_error = std::max(sum.largest_error, std::abs(sum(t) - std::exp(-std::pow(t, beta_))));
    }
    return sum;
  }

 private:
  // Rates in equal ratios over the range where the decay happens; each takes what decays between the middles
  // to its neighbours.
  void begin() {
    const double lowest = std::log(0.7) / beta_;
    const double highest = std::min(std::log(2e4), 4 / beta_);
    const double step = (highest - lowest) / static_cast<double>(terms_ - 1);
    const auto decayed_faster_than = [this](double log_rate) {
      return std::exp(-std::exp(-beta_ * log_rate));
    };
    log_.resize(2 * terms_);
    for (std::size_t k = 0; k < terms_; ++k) {
      constexpr double kLeastWeight = 1e-6;
      log_[k] = lowest + step * static_cast<double>(k);
      const double below = k == 0 ? 0 : decayed_faster_than(log_[k] - step / 2);
      const double above = k + 1 == terms_ ? 1 : decayed_faster_than(log_[k] + step / 2);
      log_[terms_ + k] = std::log(std::max(above - below, kLeastWeight));
    }
    squares_ = sum_of_squares(log_);
  }

  double sum_of_squares(const std::vector<double>& log) const {
    double at_zero = -1;
    for (std::size_t k = 0; k < terms_; ++k) at_zero += std::exp(log[terms_ + k]);
    double squares = std::pow(kWeightOfOne * at_zero, 2);
    for (std::size_t i = 0; i < time_.size(); ++i) {
      double difference = -wanted_[i];
      for (std::size_t k = 0; k < terms_; ++k) {
        difference += std::exp(log[terms_ + k] - std::exp(log[k]) * time_[i]);
      }
      squares += difference * difference;
    }
    return squares;
  }

  // Adds one equation: its derivatives by the unknowns and its residual times `weight`.
  void add_equation(double time, double wanted, double weight) {
    const std::size_t n = 2 * terms_;
    double residual = -wanted;
    for (std::size_t k = 0; k < terms_; ++k) {
      const double rate = std::exp(log_[k]);
      const double value = std::exp(log_[terms_ + k] - rate * time);
      residual += value;
      derivative_[terms_ + k] = weight * value;
      derivative_[k] = -weight * value * rate * time;
    }
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) normal_[i * n + j] += derivative_[i] * derivative_[j];
      right_side_[i] -= derivative_[i] * weight * residual;
    }
  }

  // One step; false when nothing is gained any more.
  bool improve() {
    const std::size_t n = 2 * terms_;
    derivative_.assign(n, 0);
    normal_.assign(n * n, 0);
    right_side_.assign(n, 0);
    add_equation(0, 1, kWeightOfOne);
    for (std::size_t i = 0; i < time_.size(); ++i) add_equation(time_[i], wanted_[i], 1);
    constexpr int kTrials = 12;
    for (int trial = 0; trial < kTrials; ++trial) {
      std::vector<double> next = solve_damped(normal_, damping_, right_side_);
      for (std::size_t i = 0; i < n; ++i) next[i] = log_[i] + std::clamp(next[i], -1.0, 1.0);
      const double squares = sum_of_squares(next);
      if (squares < squares_) {
        const bool worth_going_on = squares < (1 - 1e-5) * squares_;
        log_ = std::move(next);
        squares_ = squares;
        damping_ /= 5;
        return worth_going_on;
      }
      damping_ *= 4;
    }
    return false;
  }

  double beta_;
  std::size_t terms_;
  std::vector<double> time_;
  std::vector<double> wanted_;
  std::vector<double> log_;  // ln c_k, then ln w_k
  double squares_ = 0;
  double damping_ = 1e-2;
  std::vector<double> derivative_;
  std::vector<double> normal_;
  std::vector<double> right_side_;
};

// ------------------------------------------------------------------------------------------------ Kernels

constexpr float kMeanOfBytes = 8 * 127.5f;  // of the sum of eight
constexpr double kVarianceOfBytes = 8 * 65535.0 / 12;

// Sums of the eight bytes of words of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014) from the state `base`.
GLASSWATCH_WIDE void draw_byte_sums(std::uint64_t base, std::size_t count, std::int32_t* __restrict sums) {
  constexpr std::uint64_t kEveryOther = 0x00ff00ff00ff00ffu;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t z = base + (i + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    z = (z & kEveryOther) + ((z >> 8) & kEveryOther);  // four sums of two, side by side
    z += z >> 32;
    z += z >> 16;
    sums[i] = static_cast<std::int32_t>(z & 0xffff);
  }
}

GLASSWATCH_WIDE void step_pixels(float decay, float gain, std::size_t count,
                                 const std::int32_t* __restrict byte_sums, float* __restrict state,
                                 float* __restrict total) {
  for (std::size_t i = 0; i < count; ++i) {
    const float innovation = static_cast<float>(byte_sums[i]) - kMeanOfBytes;
    // The change is formed first: where a step is short it is far below the last digit of 1 - decay.
    state[i] += gain * innovation - decay * state[i];
    total[i] += state[i];
  }
}

GLASSWATCH_WIDE void accumulate(float weight, std::size_t count, const float* __restrict in,
                                float* __restrict out) {
  for (std::size_t i = 0; i < count; ++i) out[i] += weight * in[i];
}

std::size_t wrapped(std::int64_t offset, std::size_t size) {
  const auto period = static_cast<std::int64_t>(size);
  return static_cast<std::size_t>(((offset % period) + period) % period);
}

// Full width at half maximum of exp(-d^2 / 4 s^2), the autocorrelation of a Gaussian of standard deviation s.
const double kWidthOfAutocorrelation = 4 * std::sqrt(std::log(2.0));

}  // namespace

double ExponentialSum::operator()(double t) const {
  double sum = 0;
  for (const auto& term : terms) sum += term.weight * std::exp(-term.rate * t);
  return sum;
}

ExponentialSum stretched_exponential(double beta) {
  if (beta >= 1) return {.terms = {{.rate = 1, .weight = 1}}};
  ExponentialSum sum;
  for (int terms = 2; terms <= kLargestTermCount; ++terms) {
    sum = ExponentialFit(beta, terms).result();
    if (sum.largest_error <= kWantedError) break;
  }
  return sum;
}

std::vector<Tap> gaussian_taps(double sigma_px, double shift_px, std::size_t size) {
  const double whole = std::round(shift_px);
  const auto middle = static_cast<std::int64_t>(whole);
  if (sigma_px < 0.1) return {{wrapped(middle, size), 1}};
  const auto reach = static_cast<std::int64_t>(std::ceil(4 * sigma_px));
  std::vector<double> weights(size);
  for (std::int64_t i = -reach; i <= reach; ++i) {
    const double distance = (static_cast<double>(i) - (shift_px - whole)) / sigma_px;
    weights[wrapped(middle + i, size)] += std::exp(-distance * distance / 2);
  }
  double squares = 0;
  for (const double weight : weights) squares += weight * weight;
  std::vector<Tap> taps;
  for (std::size_t i = 0; i < size; ++i) {
    if (weights[i] > 0) taps.push_back({i, static_cast<float>(weights[i] / std::sqrt(squares))});
  }
  return taps;
}

std::vector<Tap> linear_taps(double shift_px, std::size_t size) {
  const double whole = std::floor(shift_px);
  const auto offset = static_cast<std::int64_t>(whole);
  const auto fraction = static_cast<float>(shift_px - whole);
  if (fraction == 0) return {{wrapped(offset, size), 1}};
  return {{wrapped(offset, size), 1 - fraction}, {wrapped(offset + 1, size), fraction}};
}

PeriodicFilter::PeriodicFilter(std::size_t rows, std::size_t columns, int threads)
    : rows_(rows), columns_(columns), threads_(threads), along_rows_(rows * columns) {}

void PeriodicFilter::apply(std::span<const Tap> row_taps, std::span<const Tap> column_taps,
                           std::span<const float> in, std::span<float> out) {
  in_blocks(threads_, rows_, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row) {
      const float* source = in.data() + row * columns_;
      float* target = along_rows_.data() + row * columns_;
      std::fill_n(target, columns_, 0.0f);
      for (const auto& [offset, weight] : column_taps) {
        accumulate(weight, columns_ - offset, source, target + offset);
        accumulate(weight, offset, source + columns_ - offset, target);
      }
    }
  });
  in_blocks(threads_, rows_, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row) {
      float* target = out.data() + row * columns_;
      std::fill_n(target, columns_, 0.0f);
      for (const auto& [offset, weight] : row_taps) {
        const std::size_t source = row >= offset ? row - offset : row + rows_ - offset;
        accumulate(weight, columns_, along_rows_.data() + source * columns_, target);
      }
    }
  });
}

SpeckleField::SpeckleField(std::size_t rows, std::size_t columns, std::span<const std::uint8_t> labels,
                           std::span<const double> beta, double speckle_px, std::uint64_t seed, int threads)
    : rows_(rows),
      columns_(columns),
      sigma_px_(speckle_px / kWidthOfAutocorrelation),
      seed_(seed),
      threads_(threads),
      white_(rows * columns),
      filter_(rows, columns, threads) {
  std::map<double, ExponentialSum> fits;
  for (const double exponent : beta) {
    auto [fit, is_new] = fits.try_emplace(exponent);
    if (is_new) fit->second = stretched_exponential(exponent);
    laws_.push_back(fit->second);
    components_ = std::max(components_, laws_.back().terms.size());
  }
  for (std::size_t row = 0; row < rows; ++row) {
    run_begin_.push_back(runs_.size());
    const auto in_row = labels.subspan(row * columns, columns);
    for (std::size_t column = 0; column < columns; ++column) {
      if (column == 0 || in_row[column] != in_row[column - 1]) runs_.push_back({0, in_row[column]});
      runs_.back().end = static_cast<std::uint32_t>(column + 1);
    }
  }
  run_begin_.push_back(runs_.size());
  component_state_.resize(rows * components_ * columns);
  // From any state, here zero, an endless step leads to the stationary one.
  advance(std::vector<double>(beta.size(), std::numeric_limits<double>::infinity()));
}

void SpeckleField::advance(std::span<const double> elapsed_lifetimes) {
  if (std::ranges::all_of(elapsed_lifetimes, [](double elapsed) { return elapsed == 0; })) return;
  std::vector<Step> steps(components_ * laws_.size());  // terms that a class does not have stay at zero
  for (std::size_t label = 0; label < laws_.size(); ++label) {
    for (std::size_t k = 0; k < laws_[label].terms.size(); ++k) {
      const auto& [rate, weight] = laws_[label].terms[k];
      const double lifetimes = rate * elapsed_lifetimes[label];
      steps[k * laws_.size() + label] = {
          .decay = static_cast<float>(-std::expm1(-lifetimes)),
          .gain = static_cast<float>(std::sqrt(weight * -std::expm1(-2 * lifetimes) / kVarianceOfBytes))};
    }
  }
  in_blocks(threads_, rows_, [&](std::size_t begin, std::size_t end) {
    std::vector<std::int32_t> byte_sums(components_ * columns_);
    for (std::size_t row = begin; row < end; ++row) advance_row(row, steps, byte_sums);
  });
  ++steps_taken_;
}

void SpeckleField::advance_row(std::size_t row, std::span<const Step> steps,
                               std::span<std::int32_t> byte_sums) {
  Random address(seed_, kInnovationStream, steps_taken_ * kLargestSide + row);
  draw_byte_sums(address.next(), byte_sums.size(), byte_sums.data());
  float* total = white_.data() + row * columns_;
  std::fill_n(total, columns_, 0.0f);
  for (std::size_t k = 0; k < components_; ++k) {
    float* state = component_state_.data() + (row * components_ + k) * columns_;
    const std::int32_t* sums = byte_sums.data() + k * columns_;
    std::size_t begin = 0;
    for (std::size_t run = run_begin_[row]; run < run_begin_[row + 1]; ++run) {
      const auto& [end, label] = runs_[run];
      const Step& step = steps[k * laws_.size() + label];
      step_pixels(step.decay, step.gain, end - begin, sums + begin, state + begin, total + begin);
      begin = end;
    }
  }
}

void SpeckleField::sample(double shift_row_px, double shift_column_px, std::span<float> z) {
  filter_.apply(gaussian_taps(sigma_px_, shift_row_px, rows_),
                gaussian_taps(sigma_px_, shift_column_px, columns_), white_, z);
}

}  // namespace glasswatch::simulation
