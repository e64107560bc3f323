// The multi-tau correlator on the dark-field series of 966 x 839 pixels: 16 + 8 channels, 8 levels, 72 lags.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "analysis/multi_tau_correlator.h"
#include "tests/bench/two_lanes.h"

namespace {

using namespace glasswatch;
using namespace glasswatch::analysis;

constexpr int kRows = 966, kColumns = 839;
constexpr std::int64_t kMaxLagSlots = 2048;

/// More frames than the caches hold, with noise, so that no number is special.
const std::vector<std::vector<std::int16_t>>& frames() {
  static const std::vector<std::vector<std::int16_t>> kFrames = [] {
    std::mt19937 random(1);
    std::vector<std::vector<std::int16_t>> made(48);
    for (auto& frame : made) {
      frame.resize(static_cast<std::size_t>(kRows * kColumns));
      for (std::int16_t& count : frame) count = static_cast<std::int16_t>(40 + random() % 64);
    }
    return made;
  }();
  return kFrames;
}

std::unique_ptr<Parallel> lanes(std::int64_t count) {
  if (count == 2) return std::make_unique<bench::TwoLanes>();
  return std::make_unique<Serial>();
}

/// What a frame has to move per pixel at least, with blocks of a power of two: itself in and into a block;
/// per block at each level that gets n samples of it the products, the total and the partial sum in and out,
/// the latest samples that are needed in, and n out.
double bytes_per_pixel_frame(int block) {
  double bytes = sizeof(std::int16_t) + 2 * sizeof(float);
  for (int level = 0; level < 8; ++level) {
    const double samples = std::max(1.0, std::ldexp(block, -level));
    const double channels = level == 0 ? 16 : 8, partial = level == 0 ? 0 : 1;
    const double past = level == 0 ? 16 : std::min(16.0, 7 + samples);
    const double passes = 1 / std::max(static_cast<double>(block), std::ldexp(1, level));
    bytes += passes * sizeof(float) * (2 * channels + 2 * 2 + 2 * partial + past + samples);
  }
  return bytes;
}

/// Steady state, every level at work. One iteration: 256 frames, so that each level takes its share.
void multi_tau_add(benchmark::State& state) {
  const std::unique_ptr<Parallel> parallel = lanes(state.range(0));
  MultiTauCorrelator correlator(
      {kRows, kColumns, PixelType::kI2, kMaxLagSlots, 16, 8, static_cast<int>(state.range(1))}, {});
  constexpr int kFrames = 256;
  std::int64_t slot = 0;
  const auto run = [&] {
    for (int i = 0; i < kFrames; ++i, ++slot) {
      const auto& frame = frames()[static_cast<std::size_t>(slot) % frames().size()];
      correlator.add(slot, {frame.data(), PixelType::kI2, kRows, kColumns}, 1, *parallel);
    }
  };
  run();
  for (auto _ : state) run();
  const double pixel_frames = static_cast<double>(state.iterations()) * kFrames * kRows * kColumns;
  state.counters["s_per_pixel_frame"] =
      benchmark::Counter(pixel_frames, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.SetBytesProcessed(
      static_cast<std::int64_t>(pixel_frames * bytes_per_pixel_frame(static_cast<int>(state.range(1)))));
  state.counters["lags"] = static_cast<double>(correlator.lag_slots().size());
}
BENCHMARK(multi_tau_add)
    ->ArgNames({"lanes", "block"})
    ->ArgsProduct({{1, 2}, {1, 4, 16, 64}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

/// All sums of all pixels, as a map of fits reads them.
void multi_tau_read(benchmark::State& state) {
  const std::unique_ptr<Parallel> parallel = lanes(state.range(0));
  MultiTauCorrelator correlator({kRows, kColumns, PixelType::kI2, kMaxLagSlots, 16, 8, 16}, {});
  for (std::int64_t slot = 0; slot < 64; ++slot) {
    const auto& frame = frames()[static_cast<std::size_t>(slot) % frames().size()];
    correlator.add(slot, {frame.data(), PixelType::kI2, kRows, kColumns}, 1, *parallel);
  }
  constexpr int kPiece = 256;
  const std::size_t lags = correlator.lag_slots().size();
  std::vector<std::vector<double>> sums(static_cast<std::size_t>(parallel->lanes()),
                                        std::vector<double>(3 * lags * kPiece));
  auto read = [&](int lane, int begin, int end) {
    double* out = sums[static_cast<std::size_t>(lane)].data();
    for (int piece = begin; piece < end; ++piece) {
      correlator.read(piece * kPiece, (piece + 1) * kPiece, out, out + lags * kPiece,
                      out + 2 * lags * kPiece);
      benchmark::DoNotOptimize(out);
    }
  };
  for (auto _ : state) parallel->run(kRows * kColumns / kPiece, read);
}
BENCHMARK(multi_tau_read)->ArgName("lanes")->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
