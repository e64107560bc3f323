#include "daemon/pipeline/halfway_sums.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace glasswatch {

void HalfwaySums::begin(const analysis::PixelSums& sums) {
  const double pixels = static_cast<double>(sums.rows()) * sums.columns();
  grid_ = analysis::cell_grid(sums, std::max(1, static_cast<int>(std::ceil(std::sqrt(pixels / kCells)))));
  kept_.clear();
  interval_frames_ = 1;
  next_frames_ = 2;
}

void HalfwaySums::keep(const analysis::PixelSums& sums, analysis::Parallel& parallel) {
  kept_.push_back(now(sums, parallel));
  if (kept_.size() == kKept) {
    for (std::size_t i = 0; 2 * i + 1 < kept_.size(); ++i) kept_[i] = std::move(kept_[2 * i + 1]);
    kept_.resize(kKept / 2);
    interval_frames_ *= 2;
  }
  next_frames_ = sums.frames() + interval_frames_;
}

analysis::PooledSums HalfwaySums::now(const analysis::PixelSums& sums, analysis::Parallel& parallel) const {
  return analysis::pool(sums, grid_.unit_of_pixel, grid_.rows * grid_.columns, {}, parallel);
}

const analysis::PooledSums* HalfwaySums::halfway(std::int64_t span_slots) const {
  const auto middle = static_cast<double>(span_slots) / 2;
  const auto closest = std::min_element(kept_.begin(), kept_.end(), [&](const auto& a, const auto& b) {
    return std::abs(a.span_slots - middle) < std::abs(b.span_slots - middle);
  });
  if (closest == kept_.end() || std::abs(closest->span_slots - middle) > middle / 3) return nullptr;
  return &*closest;
}

}  // namespace glasswatch
