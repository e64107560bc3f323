// Correlation sums of every pixel: the dark-field series of 966 x 839 pixels.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "analysis/exact_correlator.h"
#include "analysis/lags.h"
#include "tests/bench/two_lanes.h"

namespace {

using namespace glasswatch;
using namespace glasswatch::analysis;

constexpr int kRows = 966, kColumns = 839, kFrames = 24;
constexpr std::size_t kPixels = static_cast<std::size_t>(kRows) * kColumns;

/// More frames than the caches hold.
FrameView frame_of(std::int64_t slot) {
  static const std::vector<std::int16_t> kCounts = [] {
    std::mt19937 random(4);
    std::poisson_distribution<int> counts(40);
    std::vector<std::int16_t> pixels(kFrames * kPixels);
    for (std::int16_t& pixel : pixels) pixel = static_cast<std::int16_t>(counts(random));
    return pixels;
  }();
  return {kCounts.data() + static_cast<std::size_t>(slot % kFrames) * kPixels, PixelType::kI2, kRows,
          kColumns};
}

/// Takes frames at the slots that follow those it has had.
class ExactSeries {
 public:
  static constexpr std::int64_t kSlotsBefore = 2170;

  ExactSeries() : correlator_({kRows, kColumns, PixelType::kI2, log_spaced_lags(14, 1800)}, {}) {
    bench::TwoLanes lanes;
    take(static_cast<int>(kSlotsBefore), lanes);
  }

  void take(int frames, Parallel& lanes) {
    for (int i = 0; i < frames; ++i, ++slot_) correlator_.add(slot_, frame_of(slot_), 1, lanes);
    correlator_.update(lanes);
  }

  /// What a block has to move at least: each frame in and into the history, each past frame that some pair
  /// needs once, and for each lag two sums in and out.
  std::int64_t bytes_per_block(int frames) const {
    std::set<std::int64_t> past;
    for (const double lag : correlator_.lag_slots()) {
      for (int i = 0; i < frames; ++i) past.insert(i - static_cast<std::int64_t>(lag));
    }
    const std::size_t bytes_per_pixel =
        (2 * static_cast<std::size_t>(frames) + past.size()) * sizeof(std::int16_t) +
        correlator_.lag_slots().size() * 4 * sizeof(double);
    return static_cast<std::int64_t>(bytes_per_pixel * kPixels);
  }
  const ExactCorrelator& correlator() const { return correlator_; }

 private:
  ExactCorrelator correlator_;
  std::int64_t slot_ = 0;
};

std::unique_ptr<Parallel> make_lanes(const benchmark::State& state) {
  if (state.range(0) == 1) return std::make_unique<Serial>();
  return std::make_unique<bench::TwoLanes>();
}

/// Shown with their units.
void set_frame_counters(benchmark::State& state, int frames_per_iteration) {
  using benchmark::Counter;
  const double frames = static_cast<double>(state.iterations()) * frames_per_iteration;
  state.counters["per_frame"] = Counter(frames, Counter::kIsRate | Counter::kInvert);
  state.counters["per_pixel_frame"] =
      Counter(frames * static_cast<double>(kPixels), Counter::kIsRate | Counter::kInvert);
}

/// 40 lags up to 1800 slots with 2170 slots behind them; `block` frames between two updates.
void exact_correlator(benchmark::State& state) {
  static ExactSeries series;  // 4 GB, filled once
  const std::unique_ptr<Parallel> lanes = make_lanes(state);
  const auto block = static_cast<int>(state.range(1));
  for (auto _ : state) series.take(block, *lanes);
  set_frame_counters(state, block);
  state.SetBytesProcessed(state.iterations() * series.bytes_per_block(block));
  state.counters["lags"] = static_cast<double>(series.correlator().lag_slots().size());
}
BENCHMARK(exact_correlator)
    ->ArgNames({"lanes", "block"})
    ->ArgsProduct({{1, 2}, {1, 2, 4, 16}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
