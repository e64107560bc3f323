#include "analysis/multi_tau_products.h"

#ifdef GLASSWATCH_HAVE_AVX2
#include <immintrin.h>
#endif

namespace glasswatch::analysis::internal {
namespace {

using Rows = const FloatStrip* const*;
using Pairs = std::span<const std::vector<SamplePair>>;

void add_products_plain(Rows rows, Pairs pairs, FloatStrip* product, Prefetch& prefetch) {
  for (const auto& channel : pairs) {
    for (const SamplePair pair : channel) {
      const FloatStrip& past = *rows[pair.past];
      const FloatStrip& future = *rows[pair.future];
      for (std::size_t i = 0; i < kStripPixels; ++i) product->pixels[i] += past.pixels[i] * future.pixels[i];
    }
    prefetch.portions(channel.size());
    ++product;
  }
}

#ifdef GLASSWATCH_HAVE_AVX2
/// The strip's sums stay in registers for all pairs of a channel.
GLASSWATCH_AVX2 void add_products_avx2(Rows rows, Pairs pairs, FloatStrip* product, Prefetch& prefetch) {
  constexpr std::size_t kWidth = 8, kParts = kStripPixels / kWidth;
  for (const auto& channel : pairs) {
    float* sums = product->pixels.data();
    __m256 parts[kParts];
#pragma GCC unroll 8
    for (std::size_t p = 0; p < kParts; ++p) parts[p] = _mm256_load_ps(sums + p * kWidth);
    for (const SamplePair pair : channel) {
      const float* past = rows[pair.past]->pixels.data();
      const float* future = rows[pair.future]->pixels.data();
#pragma GCC unroll 8
      for (std::size_t p = 0; p < kParts; ++p) {
        parts[p] = _mm256_add_ps(
            parts[p], _mm256_mul_ps(_mm256_load_ps(past + p * kWidth), _mm256_load_ps(future + p * kWidth)));
      }
    }
#pragma GCC unroll 8
    for (std::size_t p = 0; p < kParts; ++p) _mm256_store_ps(sums + p * kWidth, parts[p]);
    prefetch.portions(channel.size());
    ++product;
  }
}
#endif

}  // namespace

void add_products(Rows rows, Pairs pairs, FloatStrip* product, LoopWidth width, Prefetch& prefetch) {
#ifdef GLASSWATCH_HAVE_AVX2
  if (width == LoopWidth::kAvx2) return add_products_avx2(rows, pairs, product, prefetch);
#endif
  static_cast<void>(width);
  add_products_plain(rows, pairs, product, prefetch);
}

}  // namespace glasswatch::analysis::internal
