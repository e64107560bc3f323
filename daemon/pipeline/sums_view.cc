#include "daemon/pipeline/sums_view.h"

#include <algorithm>
#include <vector>

namespace glasswatch {

SumsView::SumsView(const analysis::PixelSums& sums, double min_lag_slots, double max_lag_slots,
                   double offset_counts)
    : sums_(sums), offset_counts_(offset_counts) {
  constexpr double kRounding = 1e-9;
  const auto lags = sums.lag_slots();
  const auto first = std::lower_bound(lags.begin(), lags.end(), min_lag_slots * (1 - kRounding));
  const auto last = std::upper_bound(first, lags.end(), max_lag_slots * (1 + kRounding));
  first_ = static_cast<std::size_t>(first - lags.begin());
  lags_ = static_cast<std::size_t>(last - first);
}

void SumsView::read(int begin, int end, double* product, double* past, double* future) const {
  const auto count = static_cast<std::size_t>(end - begin);
  const std::size_t values = lags_ * count;
  if (lags_ == sums_.lag_slots().size()) {
    sums_.read(begin, end, product, past, future);
  } else {
    std::vector<double> all(3 * sums_.lag_slots().size() * count);
    const std::size_t each = all.size() / 3;
    sums_.read(begin, end, all.data(), all.data() + each, all.data() + 2 * each);
    const double* from = all.data() + first_ * count;
    std::copy_n(from, values, product);
    std::copy_n(from + each, values, past);
    std::copy_n(from + 2 * each, values, future);
  }
  if (offset_counts_ == 0) return;
  for (std::size_t l = 0; l < lags_; ++l) {
    const double offset_sum = offset_counts_ * static_cast<double>(pairs()[l]);
    for (std::size_t i = l * count; i < (l + 1) * count; ++i) {
      product[i] += offset_counts_ * (offset_sum - past[i] - future[i]);
      past[i] -= offset_sum;
      future[i] -= offset_sum;
    }
  }
}

void SumsView::read_total(int begin, int end, double* total) const {
  sums_.read_total(begin, end, total);
  const double offset_sum = offset_counts_ * static_cast<double>(sums_.frames());
  for (int i = 0; i < end - begin; ++i) total[i] -= offset_sum;
}

}  // namespace glasswatch
