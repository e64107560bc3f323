#include "analysis/angular_correlation_rows.h"

#include "analysis/check.h"

namespace glasswatch::analysis {

AngularCorrelationRows::AngularCorrelationRows(int azimuthal_bins, const std::vector<int>& orders,
                                               MaskNormalization normalization, int lanes)
    : bins_(azimuthal_bins) {
  GLASSWATCH_CHECK(lanes >= 1, lanes);
  for (int lane = 0; lane < lanes; ++lane) lanes_.emplace_back(azimuthal_bins, orders, normalization);
}

void AngularCorrelationRows::process(std::span<const double> polar, int rows, const Outputs& out,
                                     Parallel& parallel) {
  const auto count = static_cast<std::size_t>(rows), bins = static_cast<std::size_t>(bins_);
  const std::size_t orders = this->orders().size();
  GLASSWATCH_CHECK(rows >= 0 && polar.size() == count * bins, rows, polar.size(), bins);
  GLASSWATCH_CHECK(out.correlation.empty() || out.correlation.size() == polar.size(), out.correlation.size());
  GLASSWATCH_CHECK(out.power.size() == count * orders && out.coefficient.size() == count * orders,
                   out.power.size(), out.coefficient.size(), count, orders);
  GLASSWATCH_CHECK(
      out.radial_mean.size() == count && out.radial_variance.size() == count && out.status.size() == count,
      out.radial_mean.size(), out.radial_variance.size(), out.status.size(), count);
  GLASSWATCH_CHECK(parallel.lanes() <= static_cast<int>(lanes_.size()), parallel.lanes(), lanes_.size());
  if (pairs_.size() < count) pairs_.resize(count, PairCounts(bins_));
  auto piece = [&](int lane, int begin, int end) {
    for (auto k = static_cast<std::size_t>(begin); k < static_cast<std::size_t>(end); ++k) {
      const RowStatistics row = lanes_[static_cast<std::size_t>(lane)].process(
          polar.subspan(k * bins, bins),
          out.correlation.empty() ? std::span<double>{} : out.correlation.subspan(k * bins, bins),
          out.power.subspan(k * orders, orders), out.coefficient.subspan(k * orders, orders), pairs_[k]);
      out.radial_mean[k] = row.mean;
      out.radial_variance[k] = row.variance;
      out.status[k] = row.status;
    }
  };
  parallel.run(rows, piece);
}

}  // namespace glasswatch::analysis
