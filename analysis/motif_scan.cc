#include "analysis/motif_scan.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "analysis/check.h"
#include "analysis/widest_loop.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// The mean of n logarithms is largest where the product of the n ratios is, which takes one logarithm in
// place of one for every position. No product of kMostDiscs ratios within these limits leaves the range of
// double.
constexpr double kLargestRatio = 0x1p15;
static_assert(15 * MotifScan::kMostDiscs < std::numeric_limits<double>::max_exponent - 1);

/// (max(N, 0) + h)/(E + h), from the means under the discs and the areas of these.
GLASSWATCH_LOOP void divide(const double* means, const double* areas_px2, double ring_mean, double h,
                            std::size_t count, double* __restrict ratios) {
  for (std::size_t j = 0; j < count; ++j) {
    const double ratio = (std::max(means[j], 0.0) * areas_px2[j] + h) / (ring_mean * areas_px2[j] + h);
    ratios[j] = std::clamp(ratio, 1 / kLargestRatio, kLargestRatio);
  }
}

GLASSWATCH_LOOP void multiply(const double* __restrict factors, std::size_t count,
                              double* __restrict products) {
  for (std::size_t j = 0; j < count; ++j) products[j] *= factors[j];
}

}  // namespace

MotifScan::MotifScan(const PolarGeometry& geometry, double disc_radius_px, const std::vector<int>& orders,
                     std::span<const std::uint8_t> in_ring, double electron_counts, int lanes)
    : bins_(static_cast<std::size_t>(geometry.azimuthal_bins)),
      half_electron_counts_(electron_counts / 2),
      discs_(geometry, disc_radius_px, in_ring),
      correlation_(geometry.azimuthal_bins, orders, MaskNormalization::kCentered, lanes) {
  GLASSWATCH_CHECK(electron_counts > 0 && std::isfinite(electron_counts), electron_counts);
  const auto centres = static_cast<std::size_t>(discs_.centres());
  for (const int n : orders) {
    Order order{n, {}, {}};
    for (int q = 0; q < n; ++q) {
      order.offsets.push_back(static_cast<std::size_t>((2 * geometry.azimuthal_bins * q + n) / (2 * n)));
    }
    for (std::size_t c = 0; c < centres; ++c) {
      const double sine = disc_radius_px / discs_.radius_px(c);
      const bool apart = n == 1 || (sine < 1 && n * std::asin(sine) <= std::numbers::pi);
      order.fits.push_back(apart && n <= kMostDiscs ? 1 : 0);
    }
    orders_.push_back(std::move(order));
  }
  best_.resize(centres * orders.size());
  coefficient_.resize(centres * orders.size());
  power_.resize(centres * orders.size());
  mean_.resize(centres);
  variance_.resize(centres);
  status_.resize(centres);
  ratios_.resize(static_cast<std::size_t>(lanes) * 2 * bins_);
  products_.resize(static_cast<std::size_t>(lanes) * bins_);
  // The rows' correlation takes its memory with the first pattern: this one, where nothing is valid.
  Serial serial;
  correlate(serial);
}

void MotifScan::process(std::span<const double> polar, const Statistics& out, Parallel& parallel) {
  const std::size_t orders = orders_.size();
  GLASSWATCH_CHECK(out.coefficient.size() == orders && out.score.size() == orders &&
                       out.score_k_px.size() == orders && out.score_phi_deg.size() == orders,
                   out.coefficient.size(), out.score.size(), out.score_k_px.size(), out.score_phi_deg.size(),
                   orders);
  discs_.process(polar, parallel);
  correlate(parallel);
  auto scan = [&](int lane, int begin, int end) {
    const std::size_t scratch = static_cast<std::size_t>(lane) * bins_;
    const std::span<double> ratios = std::span(ratios_).subspan(2 * scratch, 2 * bins_);
    const std::span<double> products = std::span(products_).subspan(scratch, bins_);
    for (auto c = static_cast<std::size_t>(begin); c < static_cast<std::size_t>(end); ++c) {
      take_ratios(c, ratios);
      for (std::size_t i = 0; i < orders; ++i) {
        if (orders_[i].fits[c] != 0) best_[c * orders + i] = search(orders_[i], ratios, products);
      }
    }
  };
  parallel.run(discs_.centres(), scan);
  for (std::size_t i = 0; i < orders; ++i) collect(i, out);
}

void MotifScan::correlate(Parallel& parallel) {
  correlation_.process(discs_.disc_means(), discs_.centres(),
                       {{}, power_, coefficient_, mean_, variance_, status_}, parallel);
}

/// (max(N, 0) + h)/(E + h) at every position, for two turns; hidden ones by Friedel's law, NaN where that is
/// hidden too.
void MotifScan::take_ratios(std::size_t centre, std::span<double> ratios) const {
  const std::span<double> second_turn = ratios.subspan(bins_);
  internal::widest<divide>(discs_.disc_means(centre).data(), discs_.areas_px2(centre).data(),
                           discs_.mean(centre), half_electron_counts_, bins_, second_turn.data());
  for (std::size_t j = 0; j < bins_; ++j) {
    ratios[j] = std::isnan(second_turn[j]) ? second_turn[(j + bins_ / 2) % bins_] : second_turn[j];
  }
  std::copy_n(ratios.begin(), bins_, second_turn.begin());
}

MotifScan::Best MotifScan::search(const Order& order, std::span<const double> ratios,
                                  std::span<double> products) const {
  // Positions beyond one n-th of the turn are the same discs, counted from another of them.
  const auto n = static_cast<std::size_t>(order.n);
  const std::size_t positions = (bins_ + n - 1) / n;
  std::fill_n(products.begin(), positions, 1.0);
  for (const std::size_t offset : order.offsets) {
    internal::widest<multiply>(ratios.data() + offset, positions, products.data());
  }
  Best best = kNone;
  for (std::size_t j = 0; j < positions; ++j) {
    if (products[j] > best.product) best = {products[j], j};  // never for NaN
  }
  return best;
}

void MotifScan::collect(std::size_t order, const Statistics& out) const {
  const std::size_t orders = orders_.size();
  Best best = kNone;
  double radius_px = kNaN, sum = 0;
  int rows = 0;
  for (std::size_t c = 0; c < status_.size(); ++c) {
    if (orders_[order].fits[c] == 0) continue;
    if (best_[c * orders + order].product > best.product) {
      best = best_[c * orders + order];
      radius_px = discs_.radius_px(c);
    }
    const double coefficient = coefficient_[c * orders + order];
    if (std::isnan(coefficient)) continue;
    sum += coefficient;
    ++rows;
  }
  const bool found = best.product > kNone.product;
  const double bin_deg = 360.0 / static_cast<double>(bins_);
  out.coefficient[order] = rows > 0 ? sum / rows : kNaN;
  out.score[order] = found ? std::log(best.product) / orders_[order].n : kNaN;
  out.score_k_px[order] = radius_px;
  out.score_phi_deg[order] = found ? -180 + (static_cast<double>(best.position) + 0.5) * bin_deg : kNaN;
}

}  // namespace glasswatch::analysis
