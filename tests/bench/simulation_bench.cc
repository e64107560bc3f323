// The virtual microscope's parts that must keep up with the camera.
#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "simulators/camera/detector.h"
#include "simulators/imaging/dark_field.h"
#include "simulators/imaging/hrtem.h"
#include "simulators/imaging/nanobeam.h"
#include "simulators/random.h"

namespace {

using namespace glasswatch;
using namespace glasswatch::simulation;

constexpr std::uint32_t kSide = 2048;
constexpr float kDose = 20;

scenario::Scenario flat_field(bool ideal) {
  scenario::Scenario scenario;
  scenario.mutable_frames()->set_rows(kSide);
  scenario.mutable_frames()->set_columns(kSide);
  if (!ideal) scenario.mutable_detector()->set_binning(2);
  return scenario;
}

void read_out(benchmark::State& state, bool ideal) {
  Detector detector(flat_field(ideal), 1);
  const std::vector<float> electrons(std::size_t{kSide} * kSide, kDose);
  std::vector<std::int16_t> counts(electrons.size());
  std::uint64_t exposure = 0;
  for (auto _ : state) {
    detector.read_out(electrons, exposure++, counts);
    benchmark::DoNotOptimize(counts.data());
  }
}
void poisson_fast(benchmark::State& state) {
  read_out(state, true);
}
void detector_with_blur(benchmark::State& state) {
  read_out(state, false);
}
BENCHMARK(poisson_fast)->Unit(benchmark::kMillisecond);
BENCHMARK(detector_with_blur)->Unit(benchmark::kMillisecond);

/// The same electrons, one exact variate after the other (PTRS, Hörmann 1993).
void poisson_reference(benchmark::State& state) {
  std::vector<std::int16_t> counts(std::size_t{kSide} * kSide);
  std::uint64_t exposure = 0;
  for (auto _ : state) {
    Random random(1, 2, exposure++);
    for (auto& count : counts) count = static_cast<std::int16_t>(random.poisson(kDose));
    benchmark::DoNotOptimize(counts.data());
  }
}
BENCHMARK(poisson_reference)->Unit(benchmark::kMillisecond);

template <typename Mode>
void expected_electrons(benchmark::State& state, std::uint32_t rows, std::uint32_t columns, double period_s) {
  scenario::Scenario scenario;
  scenario.mutable_frames()->set_rows(rows);
  scenario.mutable_frames()->set_columns(columns);
  auto specimen = std::make_shared<Specimen>(scenario.specimen(), 1);
  Mode mode(scenario, specimen, 1);
  std::vector<float> electrons(std::size_t{rows} * columns);
  Exposure exposure;
  for (auto _ : state) {
    exposure.end_s = exposure.start_s + 0.9 * period_s;
    mode.expected_electrons(exposure, electrons);
    exposure.start_s += period_s;
    exposure.index++;
  }
}
void dark_field_966x839(benchmark::State& state) {
  expected_electrons<DarkFieldMode>(state, 839, 966, 5);
}
void hrtem_2048(benchmark::State& state) {
  expected_electrons<HrtemMode>(state, kSide, kSide, 1);
}
void nanobeam_1024(benchmark::State& state) {
  expected_electrons<NanobeamMode>(state, 1024, 1024, 0.025);
}
BENCHMARK(dark_field_966x839)->Unit(benchmark::kMillisecond);
BENCHMARK(hrtem_2048)->Unit(benchmark::kMillisecond);
BENCHMARK(nanobeam_1024)->Unit(benchmark::kMillisecond);

}  // namespace
