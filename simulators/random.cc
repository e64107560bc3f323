#include "simulators/random.h"

#include <bit>
#include <cmath>
#include <numbers>

namespace glasswatch::simulation {
namespace {

// SplitMix64 (Steele, Lea & Flood, OOPSLA 2014).
std::uint64_t split_mix(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15u;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

constexpr std::size_t kTable = 256;

// ln k!, summed for small k, by Stirling's series from there: the first term left out is below 1/(1260 *
// 256^5).
double log_factorial(double k) {
  static const std::array<double, kTable> kSums = [] {
    std::array<double, kTable> sums{};
    for (std::size_t i = 1; i < kTable; ++i) sums.at(i) = sums.at(i - 1) + std::log(static_cast<double>(i));
    return sums;
  }();
  if (k < static_cast<double>(kTable)) return kSums.at(static_cast<std::size_t>(k));
  constexpr double kHalfLogTwoPi = 0.91893853320467274178;
  return (k + 0.5) * std::log(k) - k + kHalfLogTwoPi + 1 / (12 * k) - 1 / (360 * k * k * k);
}

}  // namespace

Random::Random(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  std::uint64_t mix = seed;
  mix = split_mix(mix) ^ stream;
  mix = split_mix(mix) ^ index;
  for (auto& word : state_) word = split_mix(mix);
}

std::uint64_t Random::next() {
  const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
  const std::uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

double Random::gaussian() {
  const double radius = std::sqrt(-2 * std::log(uniform()));
  return radius * std::cos(2 * std::numbers::pi * uniform());
}

std::int64_t Random::poisson(double mean) {
  if (!(mean > 0)) return 0;
  return mean < 10 ? poisson_inversion(mean) : poisson_ptrs(mean);
}

std::int64_t Random::poisson_inversion(double mean) {
  double rest = uniform();
  double probability = std::exp(-mean);
  std::int64_t k = 0;
  // Below a mean of 10 everything beyond 200 weighs less than the last bit of `rest`.
  while (rest > probability && k < 200) {
    rest -= probability;
    ++k;
    probability *= mean / static_cast<double>(k);
  }
  return k;
}

// Names and constants as in the paper's algorithm PTRS.
std::int64_t Random::poisson_ptrs(double mean) {
  const double b = 0.931 + 2.53 * std::sqrt(mean);
  const double a = -0.059 + 0.02483 * b;
  const double v_r = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const double u = uniform() - 0.5;
    const double v = uniform();
    const double us = 0.5 - std::abs(u);
    const double k = std::floor((2 * a / us + b) * u + mean + 0.43);
    if (us >= 0.07 && v <= v_r) return static_cast<std::int64_t>(k);
    if (k < 0 || (us < 0.013 && v > us)) continue;
    const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
    if (std::log(v * inverse_alpha / (a / (us * us) + b)) <= k * std::log(mean) - mean - log_factorial(k)) {
      return static_cast<std::int64_t>(k);
    }
  }
}

}  // namespace glasswatch::simulation
