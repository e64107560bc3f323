// Fast kernels against their references on equal input.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "analysis/angular_correlation.h"
#include "analysis/field_correlator.h"
#include "analysis/polar.h"

namespace {

using namespace glasswatch;
using namespace glasswatch::analysis;

const std::vector<int> kOrders{2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

std::vector<std::uint16_t> speckle(int rows, int columns) {
  std::mt19937 random(1);
  std::poisson_distribution<int> counts(50);
  std::vector<std::uint16_t> pixels(static_cast<std::size_t>(rows * columns));
  for (std::uint16_t& pixel : pixels) pixel = static_cast<std::uint16_t>(counts(random));
  return pixels;
}

/// An annulus that fills most of a square frame: 100 x 360 bins.
PolarGeometry geometry(int side) {
  return {side / 2 + 0.3, side / 2 - 0.2, 1.02, 30, side * 0.08, side * 0.45, 100, 360};
}

void set_patterns(benchmark::State& state) {
  state.counters["patterns/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

void polar_build(benchmark::State& state) {
  const int side = static_cast<int>(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(PolarTransform(geometry(side), side, side, {}));
}
BENCHMARK(polar_build)->Arg(512)->Arg(1024)->Unit(benchmark::kMillisecond);

void polar_fast(benchmark::State& state) {
  const int side = static_cast<int>(state.range(0));
  const std::vector<std::uint16_t> pixels = speckle(side, side);
  const PolarTransform transform(geometry(side), side, side, {});
  std::vector<double> polar(100 * 360);
  for (auto _ : state) {
    transform.apply({pixels.data(), PixelType::kU2, side, side}, polar);
    benchmark::DoNotOptimize(polar.data());
  }
  set_patterns(state);
}
BENCHMARK(polar_fast)->Arg(512)->Arg(1024)->Unit(benchmark::kMillisecond);

void polar_reference(benchmark::State& state) {
  const int side = static_cast<int>(state.range(0));
  const std::vector<std::uint16_t> pixels = speckle(side, side);
  std::vector<double> polar(100 * 360);
  for (auto _ : state) {
    polar_transform_reference(geometry(side), {pixels.data(), PixelType::kU2, side, side}, {}, 8, polar);
    benchmark::DoNotOptimize(polar.data());
  }
  set_patterns(state);
}
BENCHMARK(polar_reference)->Arg(512)->Unit(benchmark::kMillisecond);

std::vector<double> polar_rows(bool masked) {
  std::mt19937 random(2);
  std::uniform_real_distribution<double> value(50, 60);
  std::vector<double> polar(100 * 360);
  for (std::size_t bin = 0; bin < polar.size(); ++bin) {
    // A stop that widens towards the middle, so that every row has its own mask.
    const bool hidden = masked && bin % 360 < 20 + (100 - bin / 360) / 4;
    polar[bin] = hidden ? std::nan("") : value(random);
  }
  return polar;
}

/// 100 rows of 360 bins: one pattern.
void correlation_fast(benchmark::State& state) {
  const std::vector<double> polar = polar_rows(state.range(0) != 0);
  AngularCorrelation correlation(360, kOrders, MaskNormalization::kCentered);
  std::vector<double> c(360), power(kOrders.size()), coefficient(kOrders.size());
  for (auto _ : state) {
    for (std::size_t k = 0; k < 100; ++k) {
      correlation.process(std::span(polar).subspan(k * 360, 360), c, power, coefficient);
      benchmark::DoNotOptimize(power.data());
    }
  }
  set_patterns(state);
}
BENCHMARK(correlation_fast)->ArgName("masked")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

void correlation_reference(benchmark::State& state) {
  const std::vector<double> polar = polar_rows(state.range(0) != 0);
  std::vector<double> c(360), power(kOrders.size()), coefficient(kOrders.size());
  for (auto _ : state) {
    for (std::size_t k = 0; k < 100; ++k) {
      angular_correlation_reference(std::span(polar).subspan(k * 360, 360), kOrders,
                                    MaskNormalization::kCentered, c, power, coefficient);
      benchmark::DoNotOptimize(power.data());
    }
  }
  set_patterns(state);
}
BENCHMARK(correlation_reference)->ArgName("masked")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

/// One frame of the dark-field series of 966 x 839 pixels at 12 lags per decade, history already full.
void field_g2_add(benchmark::State& state) {
  const std::vector<std::uint16_t> pixels = speckle(966, 839);
  FieldCorrelator correlator(966, 839, {}, log_spaced_lags(12, 300), Normalization::kSymmetric);
  std::int64_t slot = 0;
  for (; slot < 301; ++slot) correlator.add(slot, {pixels.data(), PixelType::kU2, 966, 839});
  for (auto _ : state) correlator.add(slot++, {pixels.data(), PixelType::kU2, 966, 839});
  state.counters["lags"] = static_cast<double>(correlator.lags_slots().size());
}
BENCHMARK(field_g2_add)->Unit(benchmark::kMillisecond)->Iterations(20);

}  // namespace
