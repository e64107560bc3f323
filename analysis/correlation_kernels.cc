#include "analysis/correlation_kernels.h"

#include <utility>

#include "analysis/widest_loop.h"

namespace glasswatch::analysis::internal {
namespace {

/// Terms that share one pass over the sums, which would else be loaded and stored for each. More gain
/// nothing.
constexpr std::size_t kTermsPerPass = 4;

template <typename Pixel, std::size_t... k>
GLASSWATCH_LOOP void add_some_pairs(const PixelTile<Pixel>* cells, const PairTerm* pairs, SumTile* product,
                                    SumTile* past, std::index_sequence<k...>) {
  const Pixel* const earlier[] = {cells[pairs[k].past.cell].pixels.data()...};
  const Pixel* const later[] = {cells[pairs[k].future.cell].pixels.data()...};
  const double earlier_weight[] = {pairs[k].past.weight...};
  const double later_weight[] = {pairs[k].future.weight...};
  double* __restrict products = product->pixels.data();
  double* __restrict pasts = past->pixels.data();
  for (std::size_t i = 0; i < kTilePixels; ++i) {
    double product_sum = products[i], past_sum = pasts[i];
    const auto add = [&](std::size_t pair) {
      const double value = earlier_weight[pair] * static_cast<double>(earlier[pair][i]);
      product_sum += value * (later_weight[pair] * static_cast<double>(later[pair][i]));
      past_sum += value;
    };
    (add(k), ...);
    products[i] = product_sum;
    pasts[i] = past_sum;
  }
}

template <typename Pixel, std::size_t... k>
GLASSWATCH_LOOP void add_some_frames(const PixelTile<Pixel>* cells, const FrameTerm* frames, SumTile* sum,
                                     std::index_sequence<k...>) {
  const Pixel* const values[] = {cells[frames[k].cell].pixels.data()...};
  const double weights[] = {frames[k].weight...};
  double* sums = sum->pixels.data();
  for (std::size_t i = 0; i < kTilePixels; ++i) {
    double pixel_sum = sums[i];
    ((pixel_sum += weights[k] * static_cast<double>(values[k][i])), ...);
    sums[i] = pixel_sum;
  }
}

template <typename Pixel>
GLASSWATCH_LOOP void add_all_pairs(const PixelTile<Pixel>* cells, std::span<const PairTerm> pairs,
                                   SumTile* product, SumTile* past) {
  for (; pairs.size() >= kTermsPerPass; pairs = pairs.subspan(kTermsPerPass)) {
    add_some_pairs(cells, pairs.data(), product, past, std::make_index_sequence<kTermsPerPass>{});
  }
  for (const PairTerm& pair : pairs) add_some_pairs(cells, &pair, product, past, std::index_sequence<0>{});
}

template <typename Pixel>
GLASSWATCH_LOOP void add_all_frames(const PixelTile<Pixel>* cells, std::span<const FrameTerm> frames,
                                    SumTile* sum) {
  for (; frames.size() >= kTermsPerPass; frames = frames.subspan(kTermsPerPass)) {
    add_some_frames(cells, frames.data(), sum, std::make_index_sequence<kTermsPerPass>{});
  }
  for (const FrameTerm& frame : frames) add_some_frames(cells, &frame, sum, std::index_sequence<0>{});
}

}  // namespace

template <typename Pixel>
void add_pairs(const PixelTile<Pixel>* cells, std::span<const PairTerm> pairs, SumTile& product,
               SumTile& past) {
  widest<add_all_pairs<Pixel>>(cells, pairs, &product, &past);
}

template <typename Pixel>
void add_frames(const PixelTile<Pixel>* cells, std::span<const FrameTerm> frames, SumTile& sum) {
  widest<add_all_frames<Pixel>>(cells, frames, &sum);
}

template void add_pairs(const PixelTile<std::int16_t>*, std::span<const PairTerm>, SumTile&, SumTile&);
template void add_pairs(const PixelTile<std::uint16_t>*, std::span<const PairTerm>, SumTile&, SumTile&);
template void add_pairs(const PixelTile<float>*, std::span<const PairTerm>, SumTile&, SumTile&);
template void add_frames(const PixelTile<std::int16_t>*, std::span<const FrameTerm>, SumTile&);
template void add_frames(const PixelTile<std::uint16_t>*, std::span<const FrameTerm>, SumTile&);
template void add_frames(const PixelTile<float>*, std::span<const FrameTerm>, SumTile&);

}  // namespace glasswatch::analysis::internal
