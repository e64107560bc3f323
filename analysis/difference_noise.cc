#include "analysis/difference_noise.h"

#include <cmath>
#include <limits>

#include "analysis/check.h"

namespace glasswatch::analysis {

DifferenceNoise::DifferenceNoise(int rows, int columns, std::span<const std::uint8_t> mask) {
  const std::size_t count = static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
  GLASSWATCH_CHECK(rows >= 1 && columns >= 1 && (mask.empty() || mask.size() == count), rows, columns);
  std::size_t unmasked = count;
  for (const std::uint8_t ignore : mask) unmasked -= ignore != 0 ? 1 : 0;
  const std::size_t step = unmasked / kPixels + 1;
  std::size_t seen = 0;
  for (std::size_t p = 0; p < count; ++p) {
    if (!mask.empty() && mask[p] != 0) continue;
    if (seen++ % step == 0) pixels_.push_back(static_cast<std::uint32_t>(p));
  }
}

void DifferenceNoise::add(const FrameView& earlier, const FrameView& later) {
  GLASSWATCH_CHECK(earlier.type == later.type);
  const double sum = visit_pixels(later, [&](const auto* now) {
    const auto* before = static_cast<decltype(now)>(earlier.pixels);
    double squares = 0;
    for (const std::uint32_t p : pixels_) {
      const double difference = static_cast<double>(now[p]) - static_cast<double>(before[p]);
      squares += difference * difference;
    }
    return squares;
  });
  if (!std::isfinite(sum) || pixels_.empty()) return;
  sum_ += sum / static_cast<double>(pixels_.size());
  ++pairs_;
}

double DifferenceNoise::variance_counts2() const {
  return pairs_ == 0 ? std::numeric_limits<double>::quiet_NaN() : sum_ / (2 * static_cast<double>(pairs_));
}

}  // namespace glasswatch::analysis
