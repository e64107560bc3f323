#include "analysis/polar_row.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <type_traits>

#ifdef GLASSWATCH_HAVE_AVX2
#include <immintrin.h>
#endif

namespace glasswatch::analysis::internal {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double total(const std::array<double, PolarRow::kRunPixels>& partial) {
  return (partial[0] + partial[2]) + (partial[1] + partial[3]);
}

#ifdef GLASSWATCH_HAVE_AVX2
template <typename Vector, typename Pixel>
GLASSWATCH_AVX2 inline Vector four_pixels(const Pixel* pixels) {
  static_assert(sizeof(Vector) >= 4 * sizeof(Pixel));
  Vector v{};
  std::memcpy(&v, pixels, 4 * sizeof(Pixel));
  return v;
}

// Four neighbouring pixels as double, exactly. The compiler's own conversions go by two.
GLASSWATCH_AVX2 inline __m256d four(const std::uint8_t* p) {
  return _mm256_cvtepi32_pd(_mm_cvtepu8_epi32(four_pixels<__m128i>(p)));
}
GLASSWATCH_AVX2 inline __m256d four(const std::int8_t* p) {
  return _mm256_cvtepi32_pd(_mm_cvtepi8_epi32(four_pixels<__m128i>(p)));
}
GLASSWATCH_AVX2 inline __m256d four(const std::uint16_t* p) {
  return _mm256_cvtepi32_pd(_mm_cvtepu16_epi32(four_pixels<__m128i>(p)));
}
GLASSWATCH_AVX2 inline __m256d four(const std::int16_t* p) {
  return _mm256_cvtepi32_pd(_mm_cvtepi16_epi32(four_pixels<__m128i>(p)));
}
GLASSWATCH_AVX2 inline __m256d four(const std::int32_t* p) {
  return _mm256_cvtepi32_pd(four_pixels<__m128i>(p));
}
GLASSWATCH_AVX2 inline __m256d four(const std::uint32_t* p) {
  // Unsigned numbers are converted as signed ones, 2^31 lower.
  const __m128i lowered =
      _mm_xor_si128(four_pixels<__m128i>(p), _mm_set1_epi32(std::numeric_limits<int>::min()));
  return _mm256_add_pd(_mm256_cvtepi32_pd(lowered), _mm256_set1_pd(2147483648.0));
}
GLASSWATCH_AVX2 inline __m256d four(const float* p) {
  return _mm256_cvtps_pd(_mm_loadu_ps(p));
}
GLASSWATCH_AVX2 inline __m256d four(const double* p) {
  return _mm256_loadu_pd(p);
}
#endif

}  // namespace

PolarRow::PolarRow(std::span<const PixelShare> shares, std::span<const std::size_t> first,
                   double least_area_px2, std::size_t pixel_count)
    : least_area_px2_(least_area_px2),
      bins_(first.size() - 1),
      area_px2_(bins_.size(), kNaN),
      order_(bins_.size()) {
  std::vector<Run> runs;
  for (std::size_t j = 0; j < bins_.size(); ++j) {
    bins_[j].first_run = static_cast<std::uint32_t>(runs.size());
    const double area = append_runs(shares.subspan(first[j], first[j + 1] - first[j]), pixel_count, runs);
    bins_[j].runs = static_cast<std::uint32_t>(runs.size()) - bins_[j].first_run;
    if (area > 0) area_px2_[j] = area;
  }

  std::iota(order_.begin(), order_.end(), 0u);
  std::stable_sort(order_.begin(), order_.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return bins_[a].runs < bins_[b].runs; });
  runs_.reserve(runs.size());
  for (const std::uint32_t j : order_) {
    Bin& bin = bins_[j];
    if (batches_.empty() || batches_.back().runs != bin.runs) batches_.push_back({0, bin.runs});
    ++batches_.back().bins;
    const auto from = runs.begin() + bin.first_run;
    bin.first_run = static_cast<std::uint32_t>(runs_.size());
    runs_.insert(runs_.end(), from, from + bin.runs);
  }
}

/// Appends the runs of one bin and returns the sum of their weights.
double PolarRow::append_runs(std::span<const PixelShare> shares, std::size_t pixel_count,
                             std::vector<Run>& runs) {
  const auto last_start =
      static_cast<std::uint32_t>(std::max<std::size_t>(pixel_count, kRunPixels) - kRunPixels);
  double sum = 0;
  for (std::size_t at = 0; at < shares.size();) {
    Run run{std::min(shares[at].pixel, last_start), {}};
    while (at < shares.size() && shares[at].pixel - run.start < kRunPixels) {
      const std::uint32_t pixel = shares[at].pixel;
      double area = 0;
      for (; at < shares.size() && shares[at].pixel == pixel; ++at) area += shares[at].area_px2;
      run.weights_px2[pixel - run.start] = static_cast<float>(area);
      sum += static_cast<double>(static_cast<float>(area));
    }
    runs.push_back(run);
  }
  return sum;
}

template <typename Pixel>
void PolarRow::means(const Pixel* pixels, std::span<double> out, LoopWidth width) const {
#ifdef GLASSWATCH_HAVE_AVX2
  if (width == LoopWidth::kAvx2) {
    means_avx2(pixels, out);
  } else {
    means_plain(pixels, out);
  }
#else
  static_cast<void>(width);
  means_plain(pixels, out);
#endif
  if constexpr (std::is_floating_point_v<Pixel>) {
    for (std::size_t j = 0; j < out.size(); ++j) {
      if (!std::isfinite(out[j])) out[j] = finite_mean(pixels, bins_[j]);
    }
  }
}

template <typename Pixel>
void PolarRow::means_plain(const Pixel* pixels, std::span<double> out) const {
  const Run* run = runs_.data();
  const std::uint32_t* bin = order_.data();
  for (const Batch& batch : batches_) {
    for (std::uint32_t b = 0; b < batch.bins; ++b, ++bin) {
      std::array<double, kRunPixels> partial{};
      for (const Run* end = run + batch.runs; run < end; ++run) {
        const Pixel* values = pixels + run->start;
        for (std::size_t l = 0; l < kRunPixels; ++l) {
          partial[l] += static_cast<double>(run->weights_px2[l]) * static_cast<double>(values[l]);
        }
      }
      out[*bin] = total(partial) / area_px2_[*bin];
    }
  }
}

#ifdef GLASSWATCH_HAVE_AVX2
template <typename Pixel>
GLASSWATCH_AVX2 void PolarRow::means_avx2(const Pixel* pixels, std::span<double> out) const {
  const Run* run = runs_.data();
  const std::uint32_t* bin = order_.data();
  for (const Batch& batch : batches_) {
    for (std::uint32_t b = 0; b < batch.bins; ++b, ++bin) {
      __m256d partial = _mm256_setzero_pd();
      for (const Run* end = run + batch.runs; run < end; ++run) {
        partial =
            _mm256_add_pd(partial, _mm256_mul_pd(four(run->weights_px2.data()), four(pixels + run->start)));
      }
      const __m128d halves = _mm_add_pd(_mm256_castpd256_pd128(partial), _mm256_extractf128_pd(partial, 1));
      out[*bin] = _mm_cvtsd_f64(_mm_add_sd(halves, _mm_unpackhi_pd(halves, halves))) / area_px2_[*bin];
    }
  }
}
#endif

/// The mean over the finite pixels alone, in the order of the others.
template <typename Pixel>
double PolarRow::finite_mean(const Pixel* pixels, const Bin& bin) const {
  std::array<double, kRunPixels> sum{};
  double area = 0;
  for (const Run& run : runs_of(bin)) {
    for (std::size_t l = 0; l < kRunPixels; ++l) {
      const double weight = static_cast<double>(run.weights_px2[l]);
      const double value = static_cast<double>(pixels[run.start + l]);
      if (!(weight > 0) || !std::isfinite(value)) continue;
      sum[l] += weight * value;
      area += weight;
    }
  }
  return area > 0 && area >= least_area_px2_ ? total(sum) / area : kNaN;
}

void PolarRow::shares(int bin, std::vector<PixelShare>& out) const {
  out.clear();
  for (const Run& run : runs_of(bins_[static_cast<std::size_t>(bin)])) {
    for (std::uint32_t l = 0; l < kRunPixels; ++l) {
      const double area = static_cast<double>(run.weights_px2[l]);
      if (area > 0) out.push_back({run.start + l, area});
    }
  }
}

template void PolarRow::means(const std::uint8_t*, std::span<double>, LoopWidth) const;
template void PolarRow::means(const std::uint16_t*, std::span<double>, LoopWidth) const;
template void PolarRow::means(const std::uint32_t*, std::span<double>, LoopWidth) const;
template void PolarRow::means(const std::int8_t*, std::span<double>, LoopWidth) const;
template void PolarRow::means(const std::int16_t*, std::span<double>, LoopWidth) const;
template void PolarRow::means(const std::int32_t*, std::span<double>, LoopWidth) const;
template void PolarRow::means(const float*, std::span<double>, LoopWidth) const;
template void PolarRow::means(const double*, std::span<double>, LoopWidth) const;

}  // namespace glasswatch::analysis::internal
