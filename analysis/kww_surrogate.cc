#include "analysis/kww_surrogate.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <utility>

#include "analysis/check.h"
#include "analysis/normal_sequence.h"
#include "analysis/real_fft.h"

namespace glasswatch::analysis {
namespace {

constexpr std::size_t kBlockPixels = 16;  // one cache line of a frame: pixels that are written together

// What random numbers are for.
enum Stream : std::uint64_t { kRealPart = 1, kImaginaryPart = 2, kNormalPart = 3, kNoise = 4 };

/// Slots from the first to the last, both included.
std::int64_t span_slots(const SurrogateSettings& settings) {
  return settings.slots.back() - settings.slots.front() + 1;
}

/// The smallest even product of 2, 3 and 5 on which no slot is nearer to another the other way round.
std::int64_t circle_slots(std::int64_t span) {
  for (std::int64_t size = std::max<std::int64_t>(2, 2 * (span - 1));; size += 2) {
    std::int64_t rest = size;
    for (const int factor : {2, 3, 5}) {
      while (rest % factor == 0) rest /= factor;
    }
    if (rest == 1) return size;
  }
}

struct Spectrum {
  std::vector<double> amplitude;
  double clipped_share;
};

/// Amplitudes a_k, k = 0 ... N/2, for which the inverse transform of a_k (u_k + i v_k), u and v normal, has
/// the correlation exp(-factor (t/tau)^beta) on the circle of N slots, and unit variance.
Spectrum spectrum_of(const KwwFit& fit, double exponent_factor, int size) {
  RealFft fft(size);
  for (int t = 0; t < size; ++t) {
    const double lag = std::min(t, size - t);
    fft.real()[static_cast<std::size_t>(t)] =
        std::exp(-exponent_factor * std::pow(lag / fit.tau_slots, fit.beta));
  }
  fft.forward();
  Spectrum result{std::vector<double>(fft.spectrum().size()), 0};
  double positive = 0, negative = 0;
  for (std::size_t k = 0; k < result.amplitude.size(); ++k) {
    const double power = fft.spectrum()[k].real();
    const double twice = k == 0 || k + 1 == result.amplitude.size() ? 1 : 2;  // N - k is the same
    (power > 0 ? positive : negative) += twice * std::abs(power);
    result.amplitude[k] = std::max(power, 0.0) / twice;
  }
  for (double& a : result.amplitude) a = std::sqrt(a / positive);
  result.clipped_share = negative / (positive - negative);
  return result;
}

/// One realisation on the circle, in fft.real().
void draw_process(std::span<const double> amplitude, NormalSequence& normal, RealFft& fft) {
  const auto spectrum = fft.spectrum();
  for (std::size_t k = 0; k < spectrum.size(); ++k) {
    const auto [re, im] = normal.pair();
    spectrum[k] = {amplitude[k] * re, amplitude[k] * im};
  }
  spectrum.front().imag(0);
  spectrum.back().imag(0);
  fft.inverse();
}

}  // namespace

KwwSurrogate::KwwSurrogate(SurrogateSettings settings) : settings_(std::move(settings)) {
  const SurrogateSettings& s = settings_;
  GLASSWATCH_CHECK(s.rows >= 1 && s.columns >= 1, s.rows, s.columns);
  GLASSWATCH_CHECK(s.fit.contrast >= 0 && s.fit.tau_slots > 0 && s.fit.beta > 0, s.fit.contrast,
                   s.fit.tau_slots, s.fit.beta);
  GLASSWATCH_CHECK(s.mean_counts > 0 && s.counts_per_electron >= 0 && s.noise_variance_counts2 >= 0,
                   s.mean_counts, s.counts_per_electron, s.noise_variance_counts2);
  GLASSWATCH_CHECK(s.speckle_size_px >= 0 && s.skewness >= 0 && s.skewness <= 2, s.speckle_size_px,
                   s.skewness);
  GLASSWATCH_CHECK(
      !s.slots.empty() && std::ranges::adjacent_find(s.slots, std::greater_equal()) == s.slots.end(),
      s.slots.size());
  const std::int64_t circle = circle_slots(span_slots(s));
  GLASSWATCH_CHECK(circle <= std::numeric_limits<int>::max(), circle);
  circle_slots_ = static_cast<int>(circle);
  const double b = std::cbrt(s.skewness / 2);
  if (b > 0) {
    // The autocorrelation of |E|^2 is the square of that of E: half the exponent in time and in space.
    for (const Stream part : {kRealPart, kImaginaryPart}) {
      add_component(part, s.model.exponent_factor / 2.0, s.speckle_size_px * std::numbers::sqrt2, 0, b / 2);
    }
  }
  if (b < 1) add_component(kNormalPart, s.model.exponent_factor, s.speckle_size_px, std::sqrt(1 - b * b), 0);
  frames_.resize(s.slots.size() * static_cast<std::size_t>(s.rows) * static_cast<std::size_t>(s.columns));
}

void KwwSurrogate::add_component(std::uint64_t stream, double exponent_factor, double speckle_size_px,
                                 double linear, double square) {
  Spectrum spectrum = spectrum_of(settings_.fit, exponent_factor, circle_slots_);
  clipped_share_ = std::max(clipped_share_, spectrum.clipped_share);
  const double filtered_px = settings_.speckle_size_px > 1 ? speckle_size_px : 0;
  components_.push_back({stream, std::move(spectrum.amplitude),
                         SpeckleFilter(settings_.rows, settings_.columns, filtered_px),
                         static_cast<float>(linear), static_cast<float>(square)});
}

std::size_t KwwSurrogate::memory_bytes(const SurrogateSettings& settings, int lanes) {
  const auto pixels = static_cast<std::size_t>(settings.rows) * static_cast<std::size_t>(settings.columns);
  const auto circle = static_cast<std::size_t>(circle_slots(span_slots(settings)));
  const std::size_t spectrum = (circle / 2 + 1) * sizeof(double);
  const std::size_t block = kBlockPixels * settings.slots.size() * sizeof(float);
  const std::size_t lane = circle * sizeof(double) + 2 * spectrum + block + pixels * sizeof(float);
  return 2 * settings.slots.size() * pixels * sizeof(float) + static_cast<std::size_t>(lanes) * lane +
         3 * spectrum;
}

std::span<const float> KwwSurrogate::frame(std::size_t index) const {
  GLASSWATCH_CHECK(index < frames(), index, frames());
  return std::span(frames_).subspan(index * pixels(), pixels());
}

struct KwwSurrogate::RowScratch {
  RealFft fft;
  std::vector<float> block;  // (kBlockPixels, frames)
};

void KwwSurrogate::generate(Parallel& parallel) {
  std::vector<float> values(frames_.size());
  std::ranges::fill(frames_, 0.0F);
  for (const Component& component : components_) {
    draw(component, values, parallel);
    add(component, values, parallel);
  }
  auto finish = [&](int, int begin, int end) {
    for (int index = begin; index < end; ++index) {
      const auto i = static_cast<std::size_t>(index);
      to_counts(i, std::span(frames_).subspan(i * pixels(), pixels()));
    }
  };
  parallel.run(static_cast<int>(frames()), finish);
}

/// Pixels that know nothing of each other.
void KwwSurrogate::draw(const Component& component, std::span<float> values, Parallel& parallel) const {
  std::vector<RowScratch> scratch;
  scratch.reserve(static_cast<std::size_t>(parallel.lanes()));
  for (int lane = 0; lane < parallel.lanes(); ++lane) {
    scratch.push_back({RealFft(circle_slots_), std::vector<float>(kBlockPixels * frames())});
  }
  auto rows = [&](int lane, int begin, int end) {
    for (int row = begin; row < end; ++row) {
      draw_row(component, row, scratch[static_cast<std::size_t>(lane)], values);
    }
  };
  parallel.run(settings_.rows, rows);
}

/// A pixel's times lie far apart in memory: several pixels are made before they are written, side by side.
void KwwSurrogate::draw_row(const Component& component, int row, RowScratch& scratch,
                            std::span<float> values) const {
  NormalSequence normal(settings_.seed, component.stream, static_cast<std::uint64_t>(row));
  const auto columns = static_cast<std::size_t>(settings_.columns);
  for (std::size_t begin = 0; begin < columns; begin += kBlockPixels) {
    const std::size_t width = std::min(kBlockPixels, columns - begin);
    for (std::size_t j = 0; j < width; ++j) {
      draw_process(component.amplitude, normal, scratch.fft);
      for (std::size_t i = 0; i < frames(); ++i) {
        scratch.block[j * frames() + i] = static_cast<float>(scratch.fft.real()[after_first(i)]);
      }
    }
    const std::span<float> out = values.subspan(static_cast<std::size_t>(row) * columns + begin);
    for (std::size_t i = 0; i < frames(); ++i) {
      for (std::size_t j = 0; j < width; ++j) out[i * pixels() + j] = scratch.block[j * frames() + i];
    }
  }
}

/// Adds what the component contributes to x; `values` is smoothed in place.
void KwwSurrogate::add(const Component& component, std::span<float> values, Parallel& parallel) {
  std::vector<SpeckleFilter::Scratch> scratch(static_cast<std::size_t>(parallel.lanes()),
                                              component.filter.scratch());
  auto frames_of_lane = [&](int lane, int begin, int end) {
    for (int index = begin; index < end; ++index) {
      const std::size_t at = static_cast<std::size_t>(index) * pixels();
      const std::span<float> frame = values.subspan(at, pixels());
      component.filter.apply(frame, scratch[static_cast<std::size_t>(lane)]);
      for (std::size_t p = 0; p < pixels(); ++p) {
        frames_[at + p] += component.linear * frame[p] + component.square * (frame[p] * frame[p] - 1);
      }
    }
  };
  parallel.run(static_cast<int>(frames()), frames_of_lane);
}

/// Intensity and noise from x, in place.
void KwwSurrogate::to_counts(std::size_t index, std::span<float> frame) const {
  const auto mean = static_cast<float>(settings_.mean_counts);
  const auto amplitude = static_cast<float>(settings_.mean_counts * std::sqrt(settings_.fit.contrast));
  for (float& value : frame) value = mean + amplitude * value;
  const auto gain = static_cast<float>(settings_.counts_per_electron);
  const auto white = static_cast<float>(settings_.noise_variance_counts2);
  if (!(gain > 0 || white > 0)) return;

  NormalSequence normal(settings_.seed, kNoise, after_first(index));
  const auto sigma = [&](float counts) { return std::sqrt(gain * std::max(counts, 0.0F) + white); };
  for (std::size_t p = 0; p < frame.size(); p += 2) {
    const auto [first, second] = normal.pair();
    frame[p] += sigma(frame[p]) * first;
    if (p + 1 < frame.size()) frame[p + 1] += sigma(frame[p + 1]) * second;
  }
}

/// Slots from the first to the `index`-th.
std::size_t KwwSurrogate::after_first(std::size_t index) const {
  return static_cast<std::size_t>(settings_.slots[index] - settings_.slots.front());
}

}  // namespace glasswatch::analysis
