#include "analysis/frame_statistics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <type_traits>

namespace glasswatch::analysis {
namespace {

// A frame is taken in blocks: small enough that sums of 8 and 16-bit pixels fit 32 bits, and that what is
// read twice is still in the nearest cache.
constexpr std::size_t kBlock = 4096;
constexpr std::size_t kPartialSums = 8;

/// The whole frame's so far.
template <typename Pixel>
struct Tally {
  std::conditional_t<std::is_signed_v<Pixel>, std::int64_t, std::uint64_t> sum = 0;
  std::uint64_t saturated = 0;
  std::uint64_t non_finite = 0;

  double total() const { return static_cast<double>(sum); }
};

template <typename Pixel>
requires std::is_floating_point_v<Pixel>
struct Tally<Pixel> {
  std::array<double, kPartialSums> sum{};
  std::uint64_t saturated = 0;
  std::uint64_t non_finite = 0;

  double total() const {
    return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
  }
};

/// What a pixel must reach to be saturated, as a pixel; a pixel's own type compares several times faster.
template <typename Pixel>
struct Threshold {
  bool reachable;
  Pixel least;
};

template <typename Pixel>
Threshold<Pixel> threshold(double saturation_point_counts) {
  using Limits = std::numeric_limits<Pixel>;
  if (!(saturation_point_counts <= static_cast<double>(Limits::max()))) return {false, Limits::max()};
  if (saturation_point_counts <= static_cast<double>(Limits::lowest())) return {true, Limits::lowest()};
  if constexpr (std::is_integral_v<Pixel>) {
    return {true, static_cast<Pixel>(std::ceil(saturation_point_counts))};
  } else {
    const auto nearest = static_cast<Pixel>(saturation_point_counts);
    const bool below = static_cast<double>(nearest) < saturation_point_counts;
    return {true, below ? std::nextafter(nearest, Limits::infinity()) : nearest};
  }
}

template <typename Pixel>
[[gnu::always_inline]] inline void add_block(std::span<const Pixel> block, Threshold<Pixel> saturation,
                                             Tally<Pixel>& tally) {
  using Wide = decltype(tally.sum);
  using Narrow = std::conditional_t<std::is_signed_v<Pixel>, std::int32_t, std::uint32_t>;
  std::conditional_t<sizeof(Pixel) <= 2, Narrow, Wide> sum = 0;
  std::uint32_t saturated = 0;
  for (const Pixel pixel : block) {
    sum += pixel;
    saturated += pixel >= saturation.least ? 1 : 0;
  }
  tally.sum += sum;
  if (saturation.reachable) tally.saturated += saturated;
}

template <typename Pixel>
requires std::is_floating_point_v<Pixel>
[[gnu::always_inline]] inline void add_block(std::span<const Pixel> block, Threshold<Pixel> saturation,
                                             Tally<Pixel>& tally) {
  std::uint32_t finite = 0, saturated = 0;
  for (const Pixel pixel : block) {
    finite += std::abs(pixel) <= std::numeric_limits<Pixel>::max() ? 1 : 0;
    saturated += pixel >= saturation.least ? 1 : 0;
  }
  if (finite == block.size()) {
    std::size_t p = 0;
    for (; p + kPartialSums <= block.size(); p += kPartialSums) {
      for (std::size_t l = 0; l < kPartialSums; ++l) tally.sum[l] += static_cast<double>(block[p + l]);
    }
    for (; p < block.size(); ++p) tally.sum[p % kPartialSums] += static_cast<double>(block[p]);
  } else {
    saturated = 0;
    for (std::size_t p = 0; p < block.size(); ++p) {
      if (!std::isfinite(block[p])) continue;
      tally.sum[p % kPartialSums] += static_cast<double>(block[p]);
      saturated += block[p] >= saturation.least ? 1 : 0;
    }
    tally.non_finite += block.size() - finite;
  }
  if (saturation.reachable) tally.saturated += saturated;
}

template <typename Pixel>
[[gnu::always_inline]] inline Tally<Pixel> tally_blocks(std::span<const Pixel> pixels,
                                                        Threshold<Pixel> saturation) {
  Tally<Pixel> tally;
  for (std::size_t begin = 0; begin < pixels.size(); begin += kBlock) {
    add_block(pixels.subspan(begin, std::min(kBlock, pixels.size() - begin)), saturation, tally);
  }
  return tally;
}

template <typename Pixel>
Tally<Pixel> tally_plain(std::span<const Pixel> pixels, Threshold<Pixel> saturation) {
  return tally_blocks(pixels, saturation);
}

template <typename Pixel>
GLASSWATCH_AVX2 Tally<Pixel> tally_avx2(std::span<const Pixel> pixels, Threshold<Pixel> saturation) {
  return tally_blocks(pixels, saturation);
}

}  // namespace

FrameStatistics frame_statistics(const FrameView& frame, double saturation_point_counts) {
  return internal::frame_statistics(frame, saturation_point_counts, internal::widest_loops());
}

FrameStatistics internal::frame_statistics(const FrameView& frame, double saturation_point_counts,
                                           LoopWidth width) {
  return visit_pixels(frame, [&]<typename Pixel>(const Pixel* first) {
    const std::span<const Pixel> pixels(first, frame.pixel_count());
    const Threshold<Pixel> saturation = threshold<Pixel>(saturation_point_counts);
    const Tally<Pixel> tally =
        width == LoopWidth::kAvx2 ? tally_avx2(pixels, saturation) : tally_plain(pixels, saturation);
    const std::uint64_t finite = pixels.size() - tally.non_finite;
    const double mean =
        finite > 0 ? tally.total() / static_cast<double>(finite) : std::numeric_limits<double>::quiet_NaN();
    return FrameStatistics{mean, tally.saturated, tally.non_finite};
  });
}

}  // namespace glasswatch::analysis
