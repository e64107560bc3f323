// Planted series: speckle whose intensity fluctuates with a stretched-exponential correlation in time.
#pragma once

#include <fftw3.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <cstdint>
#include <map>
#include <memory>
#include <numbers>
#include <random>
#include <vector>

#include "protocol/types/pixels.h"

namespace glasswatch::test {

struct KwwSeriesSettings {
  int rows = 32;
  int columns = 32;
  int frames = 500;
  double tau_slots = 20;
  std::vector<float> tau_map_slots = {};  // rows * columns, in place of tau_slots
  double beta = 0.63;
  double contrast = 0.1;  // A
  double mean_counts = 1000;
  std::vector<float> brightness = {};  // rows * columns, static factors of the mean; empty = 1
  double speckle_size_px = 1;   // full width at half maximum of the intensity autocorrelation; 1 = white
  double electrons_per_px = 0;  // Poisson noise at so many electrons per mean_counts; 0 = none
  std::uint64_t seed = 1;
};

struct KwwSeries {
  int rows = 0;
  int columns = 0;
  int frames = 0;
  std::vector<std::int16_t> counts;  // (frames, rows, columns)

  std::size_t pixels() const { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns); }
  FrameView frame(int index) const {
    return {counts.data() + static_cast<std::size_t>(index) * pixels(), PixelType::kI2, rows, columns};
  }
  /// All of them, in slots 0, 1, 2 ...
  std::vector<FrameView> views() const {
    std::vector<FrameView> views;
    for (int index = 0; index < frames; ++index) views.push_back(frame(index));
    return views;
  }
};

/// Stationary Gaussian series x(0 ... frames - 1) with <x(s) x(s + t)> = exp(-(t/tau)^beta), two at a time.
/// Circulant embedding (Dietrich & Newsam, SIAM J. Sci. Comput. 18 (1997) 1088): exact for beta <= 1, where
/// the correlation is convex; else as good as the embedding is longer than tau.
class KwwNoise {
 public:
  explicit KwwNoise(int frames)
      : size_(std::bit_ceil(2 * static_cast<std::size_t>(frames))),
        buffer_(fftw_alloc_complex(size_)),
        plan_(fftw_plan_dft_1d(static_cast<int>(size_), buffer_.get(), buffer_.get(), FFTW_FORWARD,
                               FFTW_ESTIMATE)) {}

  /// The next pair: real and imaginary parts.
  const std::complex<double>* draw(double tau_slots, double beta, std::mt19937_64& random) {
    const std::vector<double>& amplitude = amplitudes(tau_slots, beta);
    for (std::size_t j = 0; j < size_; ++j) {
      data()[j] = amplitude[j] * std::complex<double>(normal_(random), normal_(random));
    }
    fftw_execute(plan_.get());
    return data();
  }

 private:
  struct Free {
    void operator()(fftw_complex* buffer) const { fftw_free(buffer); }
    void operator()(fftw_plan plan) const { fftw_destroy_plan(plan); }
  };

  std::complex<double>* data() { return reinterpret_cast<std::complex<double>*>(buffer_.get()); }

  /// Square roots of the embedding's eigenvalues over its size.
  const std::vector<double>& amplitudes(double tau_slots, double beta) {
    std::vector<double>& amplitude = amplitudes_[{tau_slots, beta}];
    if (!amplitude.empty()) return amplitude;
    for (std::size_t j = 0; j < size_; ++j) {
      data()[j] = std::exp(-std::pow(static_cast<double>(std::min(j, size_ - j)) / tau_slots, beta));
    }
    fftw_execute(plan_.get());
    for (std::size_t j = 0; j < size_; ++j) {
      amplitude.push_back(std::sqrt(std::max(data()[j].real(), 0.0) / static_cast<double>(size_)));
    }
    return amplitude;
  }

  std::size_t size_;
  std::unique_ptr<fftw_complex, Free> buffer_;
  std::unique_ptr<std::remove_pointer_t<fftw_plan>, Free> plan_;
  std::map<std::pair<double, double>, std::vector<double>> amplitudes_;
  std::normal_distribution<double> normal_;
};

/// Smooths a frame with a Gaussian in both directions, periodically, so that white noise keeps its variance
/// and gets an autocorrelation of the given full width at half maximum. The Gaussian is sampled at whole
/// pixels, so sizes below 2.5 px come out a little smaller (2 px as 1.8).
inline void correlate_in_space(int rows, int columns, double size_px, float* frame) {
  // The autocorrelation of a Gaussian of sigma s is one of sigma s sqrt 2.
  const double sigma_px = size_px / (4 * std::sqrt(std::numbers::ln2));
  const int reach = static_cast<int>(std::ceil(4 * sigma_px));
  std::vector<double> weight;
  double squares = 0;
  for (int d = -reach; d <= reach; ++d) {
    weight.push_back(std::exp(-d * d / (2 * sigma_px * sigma_px)));
    squares += weight.back() * weight.back();
  }
  std::vector<double> line;
  const auto smooth = [&](float* first, int count, std::ptrdiff_t stride) {
    line.assign(static_cast<std::size_t>(count), 0);
    for (int i = 0; i < count; ++i) {
      for (int d = -reach; d <= reach; ++d) {
        line[static_cast<std::size_t>(i)] +=
            weight[static_cast<std::size_t>(d + reach)] * first[((i + d) % count + count) % count * stride];
      }
    }
    for (int i = 0; i < count; ++i) {
      first[i * stride] = static_cast<float>(line[static_cast<std::size_t>(i)] / std::sqrt(squares));
    }
  };
  for (int row = 0; row < rows; ++row) smooth(frame + row * columns, columns, 1);
  for (int column = 0; column < columns; ++column) smooth(frame + column, rows, columns);
}

/// I(t) = mean brightness (1 + sqrt(A) x(t)), x Gaussian with variance 1 and <x(s) x(s + t)> =
/// exp(-(t/tau)^beta), so g2(t) = 1 + A exp(-(t/tau)^beta) at every pixel (exponent factor 1), rounded to
/// whole counts. Each pixel has a source of its own, with its own tau, which speckles wider than a pixel mix.
inline KwwSeries kww_series(const KwwSeriesSettings& settings) {
  KwwSeries series{settings.rows, settings.columns, settings.frames, {}};
  const std::size_t pixels = series.pixels();
  const auto frames = static_cast<std::size_t>(settings.frames);
  std::mt19937_64 random(settings.seed);
  KwwNoise noise(settings.frames);
  const auto tau = [&](std::size_t i) {
    return settings.tau_map_slots.empty() ? settings.tau_slots
                                          : static_cast<double>(settings.tau_map_slots[i]);
  };
  std::vector<float> x(frames * pixels);
  const std::complex<double>* drawn = nullptr;
  double spare_tau = 0;  // of the imaginary part, while it waits for a pixel
  for (std::size_t i = 0; i < pixels; ++i) {
    const bool spare = spare_tau == tau(i);
    if (!spare) drawn = noise.draw(tau(i), settings.beta, random);
    for (std::size_t t = 0; t < frames; ++t) {
      x[t * pixels + i] = static_cast<float>(spare ? drawn[t].imag() : drawn[t].real());
    }
    spare_tau = spare ? 0 : tau(i);
  }
  series.counts.resize(x.size());
  for (std::size_t t = 0; t < frames; ++t) {
    float* frame = x.data() + t * pixels;
    if (settings.speckle_size_px > 1) {
      correlate_in_space(settings.rows, settings.columns, settings.speckle_size_px, frame);
    }
    for (std::size_t i = 0; i < pixels; ++i) {
      double relative = 1 + std::sqrt(settings.contrast) * static_cast<double>(frame[i]);
      if (!settings.brightness.empty()) relative *= static_cast<double>(settings.brightness[i]);
      if (settings.electrons_per_px > 0) {
        const double expected = std::max(relative, 0.0) * settings.electrons_per_px;
        const int electrons = expected > 0 ? std::poisson_distribution<int>(expected)(random) : 0;
        relative = electrons / settings.electrons_per_px;
      }
      series.counts[t * pixels + i] = static_cast<std::int16_t>(
          std::clamp(std::round(relative * settings.mean_counts), -32768.0, 32767.0));
    }
  }
  return series;
}

}  // namespace glasswatch::test
