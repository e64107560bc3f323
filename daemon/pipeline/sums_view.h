// Raw sums as the fits want them: a range of lags, and without the camera's offset.
#pragma once

#include <cstddef>
#include <span>

#include "analysis/pixel_sums.h"

namespace glasswatch {

/// Sums of other sums, `offset_counts` taken off every count, at the lags from min_lag_slots to
/// max_lag_slots. What it looks at must outlive it. Reading costs a copy of what is left out.
class SumsView final : public analysis::PixelSums {
 public:
  SumsView(const analysis::PixelSums& sums, double min_lag_slots, double max_lag_slots, double offset_counts);

  int rows() const override { return sums_.rows(); }
  int columns() const override { return sums_.columns(); }
  std::span<const std::uint32_t> pixels() const override { return sums_.pixels(); }
  std::span<const double> lag_slots() const override { return sums_.lag_slots().subspan(first_, lags_); }
  std::span<const std::uint64_t> pairs() const override { return sums_.pairs().subspan(first_, lags_); }
  std::uint64_t frames() const override { return sums_.frames(); }
  std::int64_t span_slots() const override { return sums_.span_slots(); }
  void read(int begin, int end, double* product, double* past, double* future) const override;
  void read_total(int begin, int end, double* total) const override;

 private:
  const analysis::PixelSums& sums_;
  std::size_t first_ = 0;
  std::size_t lags_ = 0;
  double offset_counts_;
};

}  // namespace glasswatch
