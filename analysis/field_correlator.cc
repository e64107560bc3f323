#include "analysis/field_correlator.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <type_traits>
#include <utility>

#include "analysis/check.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t kEmpty = std::numeric_limits<std::int64_t>::min();

/// Sum of a[i] b[i] in double. Eight partial sums in a fixed pattern: vectorises without licence to
/// re-associate.
double dot(const float* a, const float* b, std::size_t count) {
  constexpr std::size_t kLanes = 8;
  std::array<double, kLanes> partial{};
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      partial[lane] += static_cast<double>(a[i + lane]) * static_cast<double>(b[i + lane]);
    }
  }
  for (std::size_t lane = 0; i < count; ++i, ++lane) {
    partial[lane] += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  }
  double sum = 0;
  for (const double part : partial) sum += part;
  return sum;
}

double normalized(double product, double past_mean, double future_mean) {
  return past_mean > 0 && future_mean > 0 ? product / (past_mean * future_mean) : kNaN;
}

}  // namespace

std::vector<std::int64_t> log_spaced_lags(int lags_per_decade, std::int64_t max_lag_slots) {
  GLASSWATCH_CHECK(lags_per_decade >= 1 && max_lag_slots >= 1, lags_per_decade, max_lag_slots);
  std::vector<std::int64_t> lags;
  for (int i = 0;; ++i) {
    const double lag = std::round(std::pow(10.0, static_cast<double>(i) / lags_per_decade));
    if (lag > static_cast<double>(max_lag_slots)) return lags;
    const auto slots = static_cast<std::int64_t>(lag);
    if (lags.empty() || slots > lags.back()) lags.push_back(slots);
  }
}

FieldCorrelator::FieldCorrelator(int rows, int columns, std::span<const std::uint8_t> mask,
                                 std::vector<std::int64_t> lags_slots, Normalization normalization,
                                 std::int64_t max_late_slots)
    : rows_(rows),
      columns_(columns),
      lags_slots_(std::move(lags_slots)),
      normalization_(normalization),
      max_late_slots_(max_late_slots) {
  GLASSWATCH_CHECK(rows >= 1 && columns >= 1 && max_late_slots >= 0, rows, columns, max_late_slots);
  GLASSWATCH_CHECK(!lags_slots_.empty() && lags_slots_.front() >= 1);
  GLASSWATCH_CHECK(std::adjacent_find(lags_slots_.begin(), lags_slots_.end(), std::greater_equal<>{}) ==
                   lags_slots_.end());
  const std::size_t pixel_count = static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
  GLASSWATCH_CHECK(mask.empty() || mask.size() == pixel_count, mask.size(), pixel_count);
  GLASSWATCH_CHECK(pixel_count <= std::numeric_limits<std::uint32_t>::max(), pixel_count);
  for (std::size_t p = 0; p < pixel_count; ++p) {
    if (mask.empty() || mask[p] == 0) field_.push_back(static_cast<std::uint32_t>(p));
  }
  const auto cells = static_cast<std::size_t>(lags_slots_.back() + max_late_slots_ + 1);
  history_ = std::make_unique_for_overwrite<float[]>(cells * field_.size());
  held_slot_.assign(cells, kEmpty);
  held_sum_.assign(cells, 0.0);
  sums_.resize(lags_slots_.size());
}

std::size_t FieldCorrelator::memory_bytes(int rows, int columns, std::int64_t max_lag_slots,
                                          std::int64_t max_late_slots) {
  return static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns) *
         static_cast<std::size_t>(max_lag_slots + max_late_slots + 1) * sizeof(float);
}

std::size_t FieldCorrelator::cell_of(std::int64_t slot) const {
  const auto cells = static_cast<std::int64_t>(held_slot_.size());
  return static_cast<std::size_t>(((slot % cells) + cells) % cells);
}

bool FieldCorrelator::add(std::int64_t slot, const FrameView& frame) {
  GLASSWATCH_CHECK(frame.rows == rows_ && frame.columns == columns_, frame.rows, frame.columns, rows_,
                   columns_);
  if (used_ > 0 && slot < newest_slot_ && newest_slot_ - slot > max_late_slots_) {
    ++refused_late_;
    return false;
  }
  if (holds(slot)) {
    ++refused_repeated_;
    return false;
  }

  const std::size_t cell = cell_of(slot);
  float* values = history_.get() + cell * field_.size();
  const bool finite = visit_pixels(frame, [&](const auto* pixels) {
    if constexpr (std::is_floating_point_v<std::remove_cvref_t<decltype(*pixels)>>) {
      for (const std::uint32_t p : field_) {
        if (!std::isfinite(static_cast<float>(pixels[p]))) return false;
      }
    }
    double sum = 0;
    for (std::size_t i = 0; i < field_.size(); ++i) {
      values[i] = static_cast<float>(pixels[field_[i]]);
      sum += static_cast<double>(values[i]);
    }
    held_sum_[cell] = sum;
    return true;
  });
  if (!finite) {
    ++refused_non_finite_;
    return false;
  }
  oldest_slot_ = used_ == 0 ? slot : std::min(oldest_slot_, slot);
  newest_slot_ = used_ == 0 ? slot : std::max(newest_slot_, slot);
  held_slot_[cell] = slot;
  ++used_;
  total_ += held_sum_[cell];

  const auto add_pair = [&](LagSums& sums, std::int64_t past, std::int64_t future) {
    if (!holds(past) || !holds(future)) return;
    sums.product += dot(field_of(past), field_of(future), field_.size());
    sums.past += held_sum_[cell_of(past)];
    sums.future += held_sum_[cell_of(future)];
    ++sums.pairs;
  };
  for (std::size_t l = 0; l < lags_slots_.size(); ++l) {
    add_pair(sums_[l], slot - lags_slots_[l], slot);
    if (slot < newest_slot_) add_pair(sums_[l], slot, slot + lags_slots_[l]);
  }
  return true;
}

void FieldCorrelator::g2(std::span<double> g2, std::span<std::uint64_t> pairs) const {
  GLASSWATCH_CHECK(g2.size() == sums_.size() && pairs.size() == sums_.size(), g2.size(), pairs.size(),
                   sums_.size());
  const auto pixels = static_cast<double>(field_.size());
  const double mean = total_ / (static_cast<double>(frames_used()) * pixels);
  for (std::size_t l = 0; l < sums_.size(); ++l) {
    const LagSums& sums = sums_[l];
    const double n = static_cast<double>(sums.pairs) * pixels;
    pairs[l] = sums.pairs;
    if (sums.pairs == 0 || field_.empty()) {
      g2[l] = kNaN;
    } else if (normalization_ == Normalization::kSymmetric) {
      g2[l] = normalized(sums.product / n, sums.past / n, sums.future / n);
    } else {
      g2[l] = normalized(sums.product / n, mean, mean);
    }
  }
}

std::uint64_t FieldCorrelator::frames_missing() const {
  const std::uint64_t span = used_ == 0 ? 0 : static_cast<std::uint64_t>(newest_slot_ - oldest_slot_) + 1;
  return merged_missing_ + span - used_;
}

bool FieldCorrelator::merge(const FieldCorrelator& other) {
  if (rows_ != other.rows_ || columns_ != other.columns_ || field_ != other.field_ ||
      lags_slots_ != other.lags_slots_ || normalization_ != other.normalization_) {
    return false;
  }
  for (std::size_t l = 0; l < sums_.size(); ++l) {
    sums_[l].product += other.sums_[l].product;
    sums_[l].past += other.sums_[l].past;
    sums_[l].future += other.sums_[l].future;
    sums_[l].pairs += other.sums_[l].pairs;
  }
  total_ += other.total_;
  merged_missing_ += other.frames_missing();
  merged_used_ += other.frames_used();
  refused_repeated_ += other.refused_repeated_;
  refused_late_ += other.refused_late_;
  refused_non_finite_ += other.refused_non_finite_;
  return true;
}

void FieldCorrelator::reset() {
  std::fill(held_slot_.begin(), held_slot_.end(), kEmpty);
  std::fill(sums_.begin(), sums_.end(), LagSums{});
  total_ = 0;
  oldest_slot_ = newest_slot_ = 0;
  used_ = merged_used_ = merged_missing_ = refused_repeated_ = refused_late_ = refused_non_finite_ = 0;
}

void field_g2_reference(std::span<const SlotImage> frames, std::span<const std::int64_t> lags_slots,
                        Normalization normalization, std::span<double> g2, std::span<std::uint64_t> pairs) {
  double total = 0, samples = 0;
  for (const SlotImage& frame : frames) {
    for (const double value : frame.pixels) {
      total += value;
      ++samples;
    }
  }
  for (std::size_t l = 0; l < lags_slots.size(); ++l) {
    double product = 0, past = 0, future = 0, n = 0;
    pairs[l] = 0;
    for (const SlotImage& a : frames) {
      for (const SlotImage& b : frames) {
        if (b.slot - a.slot != lags_slots[l]) continue;
        ++pairs[l];
        for (std::size_t p = 0; p < a.pixels.size(); ++p) {
          product += a.pixels[p] * b.pixels[p];
          past += a.pixels[p];
          future += b.pixels[p];
          ++n;
        }
      }
    }
    if (normalization == Normalization::kPaper) past = future = total / samples * n;
    g2[l] = n > 0 && past > 0 && future > 0 ? product / n / ((past / n) * (future / n)) : kNaN;
  }
}

}  // namespace glasswatch::analysis
