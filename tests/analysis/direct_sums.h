// Raw correlation sums by plain loops over all pairs of frames: the definition to the letter.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "analysis/pixel_sums.h"
#include "protocol/types/pixels.h"

namespace glasswatch::test {

/// Slots 0, 1, 2 ... of frames without gaps.
inline std::vector<std::int64_t> consecutive_slots(std::size_t frames) {
  std::vector<std::int64_t> slots(frames);
  std::iota(slots.begin(), slots.end(), std::int64_t{0});
  return slots;
}

class DirectSums final : public analysis::PixelSums {
 public:
  /// frames: equal sizes, at least one, at distinct slots in any order; lags_slots ascending; mask: empty, or
  /// one byte per pixel, non-zero = ignore.
  DirectSums(const std::vector<FrameView>& frames, const std::vector<std::int64_t>& slots,
             std::vector<std::int64_t> lags_slots, const std::vector<std::uint8_t>& mask = {})
      : rows_(frames.front().rows),
        columns_(frames.front().columns),
        frames_(frames.size()),
        span_slots_(*std::max_element(slots.begin(), slots.end()) -
                    *std::min_element(slots.begin(), slots.end()) + 1),
        lags_(lags_slots.begin(), lags_slots.end()),
        pairs_(lags_slots.size()) {
    for (std::uint32_t i = 0; i < frames.front().pixel_count(); ++i) {
      if (mask.empty() || mask[i] == 0) pixels_.push_back(i);
    }
    product_.assign(lags_.size() * pixels_.size(), 0);
    past_ = future_ = product_;
    total_.assign(pixels_.size(), 0);
    std::vector<std::vector<double>> counts;
    for (const FrameView& frame : frames) counts.push_back(unmasked(frame));
    for (std::size_t t = 0; t < counts.size(); ++t) {
      for (std::size_t i = 0; i < pixels_.size(); ++i) total_[i] += counts[t][i];
      for (std::size_t u = 0; u < counts.size(); ++u) {
        const auto lag = std::find(lags_slots.begin(), lags_slots.end(), slots[u] - slots[t]);
        if (lag != lags_slots.end()) {
          add_pair(static_cast<std::size_t>(lag - lags_slots.begin()), counts[t], counts[u]);
        }
      }
    }
  }
  /// Frames without gaps.
  DirectSums(const std::vector<FrameView>& frames, std::vector<std::int64_t> lags_slots)
      : DirectSums(frames, consecutive_slots(frames.size()), std::move(lags_slots)) {}

  int rows() const override { return rows_; }
  int columns() const override { return columns_; }
  std::span<const std::uint32_t> pixels() const override { return pixels_; }
  std::span<const double> lag_slots() const override { return lags_; }
  std::span<const std::uint64_t> pairs() const override { return pairs_; }
  std::uint64_t frames() const override { return frames_; }
  std::int64_t span_slots() const override { return span_slots_; }

  void read(int begin, int end, double* product, double* past, double* future) const override {
    for (std::size_t lag = 0; lag < lags_.size(); ++lag) {
      const auto copy = [&](const std::vector<double>& from, double*& to) {
        const double* first = from.data() + lag * pixels_.size();
        to = std::copy(first + begin, first + end, to);
      };
      copy(product_, product);
      copy(past_, past);
      copy(future_, future);
    }
  }
  void read_total(int begin, int end, double* total) const override {
    std::copy(total_.data() + begin, total_.data() + end, total);
  }

 private:
  std::vector<double> unmasked(const FrameView& frame) const {
    std::vector<double> counts;
    visit_pixels(frame, [&](const auto* pixels) {
      for (const std::uint32_t i : pixels_) counts.push_back(static_cast<double>(pixels[i]));
    });
    return counts;
  }

  void add_pair(std::size_t lag, const std::vector<double>& earlier, const std::vector<double>& later) {
    ++pairs_[lag];
    for (std::size_t i = 0; i < pixels_.size(); ++i) {
      const std::size_t at = lag * pixels_.size() + i;
      product_[at] += earlier[i] * later[i];
      past_[at] += earlier[i];
      future_[at] += later[i];
    }
  }

  int rows_, columns_;
  std::uint64_t frames_;
  std::int64_t span_slots_;
  std::vector<std::uint32_t> pixels_;
  std::vector<double> lags_;
  std::vector<std::uint64_t> pairs_;
  std::vector<double> product_, past_, future_;  // (L, pixels)
  std::vector<double> total_;
};

}  // namespace glasswatch::test
