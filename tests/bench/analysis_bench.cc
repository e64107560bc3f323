// Fast kernels against their references on equal input.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "analysis/angular_correlation.h"
#include "analysis/angular_correlation_rows.h"
#include "analysis/frame_statistics.h"
#include "analysis/polar.h"
#include "tests/bench/two_lanes.h"

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

// A scan as it comes: 1024 x 1024 int16 patterns, more of them than the caches hold.
constexpr int kScanSide = 1024, kScanPatterns = 36;
constexpr std::size_t kScanPixels = static_cast<std::size_t>(kScanSide) * kScanSide;

const std::vector<std::int16_t>& scan_pixels() {
  static const std::vector<std::int16_t> kPixels = [] {
    std::mt19937 random(3);
    std::poisson_distribution<int> counts(20);
    std::vector<std::int16_t> pixels(kScanPatterns * kScanPixels);
    for (std::int16_t& pixel : pixels) pixel = static_cast<std::int16_t>(counts(random));
    return pixels;
  }();
  return kPixels;
}

FrameView scan_pattern(std::size_t number) {
  return {scan_pixels().data() + number % kScanPatterns * kScanPixels, PixelType::kI2, kScanSide, kScanSide};
}

PolarGeometry ring_geometry() {
  return {512.3, 511.8, 1.02, 30, 180, 380, 90, 360};
}
PolarGeometry all_k_geometry() {
  return {512.3, 511.8, 1.02, 30, 10, 500, 100, 360};
}

/// Bytes are those of the frames, each read once.
void set_scan_counters(benchmark::State& state) {
  set_patterns(state);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kScanPixels * sizeof(std::int16_t)));
}

std::unique_ptr<Parallel> make_lanes(const benchmark::State& state) {
  if (state.range(0) == 1) return std::make_unique<Serial>();
  return std::make_unique<bench::TwoLanes>();
}

/// What reading alone can reach, here and now: sums of a buffer much larger than the caches.
void memory_read(benchmark::State& state) {
  const std::unique_ptr<Parallel> lanes = make_lanes(state);
  const std::vector<std::uint64_t> buffer(std::size_t{32} << 20, 1);
  std::vector<std::uint64_t> sums(64);
  const std::size_t part = buffer.size() / sums.size();
  auto sum_parts = [&](int, int begin, int end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      sums[i] =
          std::accumulate(buffer.begin() + static_cast<std::ptrdiff_t>(i * part),
                          buffer.begin() + static_cast<std::ptrdiff_t>((i + 1) * part), std::uint64_t{0});
    }
  };
  for (auto _ : state) {
    lanes->run(static_cast<int>(sums.size()), sum_parts);
    benchmark::DoNotOptimize(sums.data());
  }
  state.SetBytesProcessed(state.iterations() *
                          static_cast<std::int64_t>(buffer.size() * sizeof(std::uint64_t)));
}
BENCHMARK(memory_read)->ArgName("lanes")->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);

void scan_frame_statistics(benchmark::State& state) {
  std::size_t number = 0;
  scan_pixels();  // made before the clock runs
  for (auto _ : state) benchmark::DoNotOptimize(frame_statistics(scan_pattern(number++), 1000));
  set_scan_counters(state);
}
BENCHMARK(scan_frame_statistics)->UseRealTime()->Unit(benchmark::kMillisecond);

void scan_polar_build(benchmark::State& state, const PolarGeometry& grid) {
  const std::unique_ptr<Parallel> lanes = make_lanes(state);
  for (auto _ : state) benchmark::DoNotOptimize(PolarTransform(grid, kScanSide, kScanSide, {}, *lanes));
}
BENCHMARK_CAPTURE(scan_polar_build, all_k, all_k_geometry())
    ->ArgName("lanes")
    ->Arg(1)
    ->Arg(2)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

void scan_polar(benchmark::State& state, const PolarGeometry& grid) {
  const std::unique_ptr<Parallel> lanes = make_lanes(state);
  const PolarTransform transform(grid, kScanSide, kScanSide, {}, *lanes);
  std::vector<double> polar(transform.covered_area_px2().size());
  scan_pixels();
  std::size_t number = 0;
  for (auto _ : state) {
    transform.apply(scan_pattern(number++), polar, *lanes);
    benchmark::DoNotOptimize(polar.data());
  }
  set_scan_counters(state);
}
BENCHMARK_CAPTURE(scan_polar, ring, ring_geometry())
    ->ArgName("lanes")
    ->Arg(1)
    ->Arg(2)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(scan_polar, all_k, all_k_geometry())
    ->ArgName("lanes")
    ->Arg(1)
    ->Arg(2)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

/// Results of one pattern of 360 azimuthal bins.
struct PatternResults {
  explicit PatternResults(std::size_t rows)
      : polar(rows * 360),
        correlation(rows * 360),
        power(rows * kOrders.size()),
        coefficient(power.size()),
        mean(rows),
        variance(rows),
        status(rows) {}

  std::vector<double> polar, correlation, power, coefficient, mean, variance;
  std::vector<RowStatus> status;
};

/// 100 rows of 360 bins at once.
void correlation_rows(benchmark::State& state) {
  const std::unique_ptr<Parallel> lanes = make_lanes(state);
  const std::vector<double> polar = polar_rows(state.range(1) != 0);
  AngularCorrelationRows correlation(360, kOrders, MaskNormalization::kCentered, lanes->lanes());
  PatternResults r(100);
  for (auto _ : state) {
    correlation.process(polar, 100, {r.correlation, r.power, r.coefficient, r.mean, r.variance, r.status},
                        *lanes);
    benchmark::DoNotOptimize(r.power.data());
  }
  set_patterns(state);
}
BENCHMARK(correlation_rows)
    ->ArgNames({"lanes", "masked"})
    ->ArgsProduct({{1, 2}, {0, 1}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

/// Everything from pixels to symmetry behind a beam stop: statistics, polar image, correlations.
void scan_pattern_to_symmetry(benchmark::State& state, const PolarGeometry& grid) {
  const std::unique_ptr<Parallel> lanes = make_lanes(state);
  std::vector<std::uint8_t> mask(kScanPixels, 0);
  for (std::size_t row = 0; row < 520; ++row) {
    for (std::size_t column = 500; column < 524; ++column) mask[row * kScanSide + column] = 1;
  }
  const PolarTransform transform(grid, kScanSide, kScanSide, mask, *lanes);
  AngularCorrelationRows correlation(360, kOrders, MaskNormalization::kCentered, lanes->lanes());
  PatternResults r(static_cast<std::size_t>(grid.radial_bins));
  scan_pixels();
  std::size_t number = 0;
  for (auto _ : state) {
    const FrameView pattern = scan_pattern(number++);
    benchmark::DoNotOptimize(frame_statistics(pattern, 1000));
    transform.apply(pattern, r.polar, *lanes);
    correlation.process(r.polar, grid.radial_bins,
                        {r.correlation, r.power, r.coefficient, r.mean, r.variance, r.status}, *lanes);
    benchmark::DoNotOptimize(r.power.data());
  }
  set_scan_counters(state);
}
BENCHMARK_CAPTURE(scan_pattern_to_symmetry, ring, ring_geometry())
    ->ArgName("lanes")
    ->Arg(1)
    ->Arg(2)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(scan_pattern_to_symmetry, all_k, all_k_geometry())
    ->ArgName("lanes")
    ->Arg(1)
    ->Arg(2)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
