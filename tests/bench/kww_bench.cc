// KWW fits of the paper's field, 966 x 839 pixels x 40 lags, T = 15 tau: cold, warm, and one by one in
// double.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "analysis/kww.h"
#include "analysis/kww_map.h"
#include "tests/analysis/direct_sums.h"
#include "tests/analysis/kww_series.h"
#include "tests/bench/two_lanes.h"

namespace {

using namespace glasswatch;
using namespace glasswatch::analysis;

constexpr int kRows = 966, kColumns = 839, kFrames = 2170;

/// The sums of a small field, over and over: noise as it is, without the memory and the reading of a large
/// one.
class RepeatedSums final : public PixelSums {
 public:
  explicit RepeatedSums(const PixelSums& few) : few_(few), pixels_(kRows * kColumns) {}

  int rows() const override { return kRows; }
  int columns() const override { return kColumns; }
  std::span<const std::uint32_t> pixels() const override { return pixels_; }
  std::span<const double> lag_slots() const override { return few_.lag_slots(); }
  std::span<const std::uint64_t> pairs() const override { return few_.pairs(); }
  std::uint64_t frames() const override { return few_.frames(); }
  std::int64_t span_slots() const override { return few_.span_slots(); }
  void read(int begin, int end, double* product, double* past, double* future) const override {
    const int first = start(begin, end);
    few_.read(first, first + end - begin, product, past, future);
  }
  void read_total(int begin, int end, double* total) const override {
    const int first = start(begin, end);
    few_.read_total(first, first + end - begin, total);
  }

 private:
  int start(int begin, int end) const {
    const int few = static_cast<int>(few_.pixels().size());
    return std::min(begin % few, few - (end - begin));
  }

  const PixelSums& few_;
  std::vector<std::uint32_t> pixels_;
};

/// 4096 pixels of 20 electrons; one frame less for the map before the last.
const PixelSums& few_sums(bool all) {
  static const test::KwwSeries kSeries = test::kww_series({.rows = 64,
                                                           .columns = 64,
                                                           .frames = kFrames,
                                                           .tau_slots = 148,
                                                           .beta = 0.63,
                                                           .contrast = 0.1,
                                                           .electrons_per_px = 20});
  static const std::vector<std::int64_t> kLags = [] {
    std::vector<std::int64_t> lags = log_spaced_lags(16, kFrames / 2);
    lags.resize(40);
    return lags;
  }();
  const auto sums_of = [](int frames) {
    std::vector<FrameView> views = kSeries.views();
    views.resize(static_cast<std::size_t>(frames));
    return std::make_unique<test::DirectSums>(views, kLags);
  };
  static const std::unique_ptr<test::DirectSums> kAll = sums_of(kFrames), kBefore = sums_of(kFrames - 1);
  return all ? *kAll : *kBefore;
}

std::unique_ptr<Parallel> make_lanes(const benchmark::State& state) {
  if (state.range(0) == 1) return std::make_unique<Serial>();
  return std::make_unique<bench::TwoLanes>();
}

void set_counters(benchmark::State& state, const KwwMap& map) {
  state.counters["curves/s"] = benchmark::Counter(static_cast<double>(state.iterations() * kRows * kColumns),
                                                  benchmark::Counter::kIsRate);
  const auto usable = std::count(map.status.begin(), map.status.end(), FitStatus::kConverged);
  state.counters["usable"] = static_cast<double>(usable) / static_cast<double>(map.status.size());
}

void kww_cold(benchmark::State& state) {
  const RepeatedSums sums(few_sums(true));
  const std::unique_ptr<Parallel> lanes = make_lanes(state);
  const auto normalization = state.range(1) == 0 ? Normalization::kSymmetric : Normalization::kPaper;
  PixelFits fits({}, {}, 40, lanes->lanes());
  KwwMap map;
  for (auto _ : state) {
    std::fill(map.status.begin(), map.status.end(), FitStatus::kNoData);
    fits.fit(sums, normalization, map, *lanes);
  }
  set_counters(state, map);
}
BENCHMARK(kww_cold)
    ->ArgNames({"lanes", "paper"})
    ->Args({1, 0})
    ->Args({2, 0})
    ->Args({2, 1})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

/// Every fit starts from the map with a frame more or less.
void kww_warm(benchmark::State& state) {
  const RepeatedSums all(few_sums(true)), before(few_sums(false));
  const std::unique_ptr<Parallel> lanes = make_lanes(state);
  PixelFits fits({}, {}, 40, lanes->lanes());
  KwwMap map;
  fits.fit(all, Normalization::kSymmetric, map, *lanes);
  bool turn = false;
  for (auto _ : state) {
    fits.fit(turn ? all : before, Normalization::kSymmetric, map, *lanes);
    turn = !turn;
  }
  set_counters(state, map);
}
BENCHMARK(kww_warm)->ArgName("lanes")->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();

/// 4096 of the same curves; times 198 for the field.
void kww_double(benchmark::State& state) {
  const PixelSums& sums = few_sums(true);
  const std::size_t lags = sums.lag_slots().size(), pixels = sums.pixels().size();
  std::vector<double> product(lags * pixels), past(product.size()), future(product.size()), g2(lags);
  sums.read(0, static_cast<int>(pixels), product.data(), past.data(), future.data());
  for (auto _ : state) {
    for (std::size_t i = 0; i < pixels; ++i) {
      for (std::size_t k = 0; k < lags; ++k) {
        const std::size_t at = k * pixels + i;
        g2[k] = product[at] * static_cast<double>(sums.pairs()[k]) / (past[at] * future[at]);
      }
      benchmark::DoNotOptimize(fit_kww(sums.lag_slots(), g2, {}, {}));
    }
  }
  state.counters["curves/s"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * static_cast<double>(pixels), benchmark::Counter::kIsRate);
}
BENCHMARK(kww_double)->Unit(benchmark::kMillisecond);

}  // namespace
