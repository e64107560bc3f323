#include "analysis/disc_filter.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "analysis/check.h"
#include "analysis/widest_loop.h"

namespace glasswatch::analysis {
namespace {

constexpr double kPi = std::numbers::pi;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint64_t kValid = ~std::uint64_t{0};

/// The angle on either side of a disc's centre over which the circle of radius r is inside the disc: the
/// cosine rule, in the form that does not cancel for small angles.
double half_angle(double r, double centre_px, double disc_px) {
  const double offset = r - centre_px;
  const double sine_squared = (disc_px * disc_px - offset * offset) / (4 * r * centre_px);
  return 2 * std::asin(std::sqrt(std::clamp(sine_squared, 0.0, 1.0)));
}

/// Rows of the ring, half a disc's radius apart, as far from its one edge as from the other.
std::vector<std::size_t> centre_rows(std::span<const std::uint8_t> in_ring, double row_px,
                                     double disc_radius_px) {
  std::vector<std::size_t> ring;
  for (std::size_t k = 0; k < in_ring.size(); ++k) {
    if (in_ring[k] != 0) ring.push_back(k);
  }
  const auto step = static_cast<std::size_t>(std::max(1.0, std::round(disc_radius_px / 2 / row_px)));
  std::vector<std::size_t> rows;
  if (ring.empty()) return rows;
  for (std::size_t i = (ring.size() - 1) % step / 2; i < ring.size(); i += step) rows.push_back(ring[i]);
  return rows;
}

/// Copies the finite values, and 0 in place of the others; `valid` is kValid and 0 accordingly. True if it
/// was not before. In integers, which the compiler does many at a time.
GLASSWATCH_LOOP bool take_valid(const double* __restrict values, std::size_t size,
                                std::uint64_t* __restrict valid, double* __restrict taken) {
  constexpr std::uint64_t kExponent = 0x7ff0'0000'0000'0000;  // all of it set: infinite or NaN
  std::uint64_t changed = 0;
  for (std::size_t j = 0; j < size; ++j) {
    const auto bits = std::bit_cast<std::uint64_t>(values[j]);
    const std::uint64_t is_valid = (bits & kExponent) != kExponent ? kValid : 0;
    changed |= is_valid ^ valid[j];
    valid[j] = is_valid;
    taken[j] = std::bit_cast<double>(bits & is_valid);
  }
  return changed != 0;
}

/// Replaces every value by the sum of those before it; returns the sum of all. Four parts side by side,
/// because each addition waits for the one before.
double running_sum(double* values, std::size_t size) {
  constexpr std::size_t kParts = 4;
  const std::size_t length = size / kParts;
  std::array<double, kParts> sum{};
  for (std::size_t j = 0; j < length; ++j) {
    for (std::size_t part = 0; part < kParts; ++part) {
      sum[part] += std::exchange(values[part * length + j], sum[part]);
    }
  }
  double before = sum[0];
  for (std::size_t part = 1; part < kParts; ++part) {
    for (std::size_t j = 0; j < length; ++j) values[part * length + j] += before;
    before += sum[part];
  }
  for (std::size_t j = kParts * length; j < size; ++j) before += std::exchange(values[j], before);
  return before;
}

/// Adds one row's share of the disc at every position; see DiscFilter::Arc.
GLASSWATCH_LOOP void add_arcs(const double* sums, std::size_t reach, double inner_px2, double outer_px2,
                              std::size_t bins, double* __restrict out) {
  const double* inner_end = sums + reach;
  const double* inner_begin = sums + 1 - reach;
  const double* outer_end = inner_end + 1;
  const double* outer_begin = inner_begin - 1;
  for (std::size_t j = 0; j < bins; ++j) {
    out[j] += (inner_end[j] - inner_begin[j]) * inner_px2 + (outer_end[j] - outer_begin[j]) * outer_px2;
  }
}

}  // namespace

DiscFilter::DiscFilter(const PolarGeometry& geometry, double disc_radius_px,
                       std::span<const std::uint8_t> in_ring)
    : bins_(static_cast<std::size_t>(geometry.azimuthal_bins)),
      margin_((bins_ + 1) / 2),
      stride_(bins_ + 2 * margin_ + 1) {
  const auto rows = static_cast<std::size_t>(geometry.radial_bins);
  GLASSWATCH_CHECK(geometry.azimuthal_bins >= 1 && geometry.radial_bins >= 1 && geometry.r_min_px >= 0 &&
                       geometry.r_max_px > geometry.r_min_px,
                   geometry.azimuthal_bins, geometry.radial_bins, geometry.r_min_px, geometry.r_max_px);
  GLASSWATCH_CHECK(disc_radius_px > 0 && std::isfinite(disc_radius_px), disc_radius_px);
  GLASSWATCH_CHECK(in_ring.size() == rows, in_ring.size(), rows);

  const double row_px = (geometry.r_max_px - geometry.r_min_px) / geometry.radial_bins;
  const std::vector<double> radius_px = radial_bin_centres_px(geometry);
  for (const std::size_t k : centre_rows(in_ring, row_px, disc_radius_px)) {
    centres_.push_back(centre_at(geometry, radius_px[k], disc_radius_px));
  }
  if (!centres_.empty()) {  // a disc meets at least the row of its centre
    first_row_ = centres_.front().arcs.front().row;
    end_row_ = centres_.back().arcs.back().row + 1;
  }
  constexpr std::uint64_t kUnknown = 1;  // neither valid nor invalid: the first pattern's mask is a change
  valid_.assign(rows * bins_, kUnknown);
  changed_.assign(rows, 0);
  row_means_.assign(rows, 0.0);
  counts_.assign(rows * stride_, 0.0);
  deviations_.assign(rows * stride_, 0.0);
  means_.assign(centres_.size(), kNaN);
  areas_px2_.assign(centres_.size() * bins_, kNaN);
  disc_means_.assign(centres_.size() * bins_, kNaN);
}

DiscFilter::Centre DiscFilter::centre_at(const PolarGeometry& geometry, double radius_px,
                                         double disc_radius_px) const {
  Centre centre{radius_px, 0, {}};
  const double row_px = (geometry.r_max_px - geometry.r_min_px) / geometry.radial_bins;
  const double bin_rad = 2 * kPi / geometry.azimuthal_bins;
  // Rows on the geometry's grid, those that it does not have included.
  const int first = static_cast<int>(std::floor((radius_px - disc_radius_px - geometry.r_min_px) / row_px));
  const int last = static_cast<int>(std::ceil((radius_px + disc_radius_px - geometry.r_min_px) / row_px));
  for (int i = first; i <= last; ++i) {
    const double r = geometry.r_min_px + (i + 0.5) * row_px;
    const double half_bins = r > 0 ? half_angle(r, radius_px, disc_radius_px) / bin_rad : 0.0;
    if (half_bins == 0) continue;
    const double bin_area_px2 = r * row_px * bin_rad;
    centre.disc_area_px2 += 2 * half_bins * bin_area_px2;
    if (i < 0 || i >= geometry.radial_bins) continue;
    const double end = half_bins + 0.5;  // of the arc, from the lower edge of the bin in its middle
    const double outer = end - std::floor(end);
    centre.arcs.push_back({static_cast<std::size_t>(i), static_cast<std::size_t>(end),
                           (1 - outer) * bin_area_px2, outer * bin_area_px2, 2 * half_bins * bin_area_px2});
  }
  return centre;
}

void DiscFilter::process(std::span<const double> polar, Parallel& parallel) {
  GLASSWATCH_CHECK(polar.size() == valid_.size(), polar.size(), valid_.size());
  auto read = [&](int, int begin, int end) {
    for (int i = begin; i < end; ++i) read_row(polar, first_row_ + static_cast<std::size_t>(i));
  };
  parallel.run(static_cast<int>(end_row_) - static_cast<int>(first_row_), read);
  auto filter_some = [&](int, int begin, int end) {
    for (int c = begin; c < end; ++c) filter(static_cast<std::size_t>(c));
  };
  parallel.run(centres(), filter_some);
}

void DiscFilter::read_row(std::span<const double> polar, std::size_t row) {
  const double* values = polar.data() + row * bins_;
  std::uint64_t* valid = valid_.data() + row * bins_;
  double* counts = counts_.data() + row * stride_ + margin_;
  double* sums = deviations_.data() + row * stride_ + margin_;

  const bool changed = internal::widest<take_valid>(values, bins_, valid, sums);
  changed_[row] = changed ? 1 : 0;
  if (changed) {
    for (std::size_t j = 0; j < bins_; ++j) counts[j] = valid[j] == kValid ? 1.0 : 0.0;
    counts[bins_] = running_sum(counts, bins_);
    extend(counts);
  }
  sums[bins_] = running_sum(sums, bins_);
  const double mean = counts[bins_] > 0 ? sums[bins_] / counts[bins_] : 0.0;
  row_means_[row] = mean;
  for (std::size_t j = 0; j <= bins_; ++j) sums[j] -= mean * counts[j];
  extend(sums);
}

/// Continues running sums round the circle, to both sides of the one turn that is there.
void DiscFilter::extend(double* sums) const {
  const double turn = sums[bins_];
  std::transform(sums + 1, sums + 1 + margin_, sums + bins_ + 1, [turn](double sum) { return sum + turn; });
  std::transform(sums + bins_ - margin_, sums + bins_, sums - margin_,
                 [turn](double sum) { return sum - turn; });
}

void DiscFilter::sum_discs(const Centre& centre, const std::vector<double>& running_sums,
                           std::span<double> out) const {
  std::fill(out.begin(), out.end(), 0.0);
  for (const Arc& arc : centre.arcs) {
    const double* sums = running_sums.data() + arc.row * stride_ + margin_;
    internal::widest<add_arcs>(sums, arc.bins, arc.inner_px2, arc.outer_px2, bins_, out.data());
  }
}

void DiscFilter::measure_areas(std::size_t centre) {
  const std::span<double> areas = std::span(areas_px2_).subspan(centre * bins_, bins_);
  sum_discs(centres_[centre], counts_, areas);
  const double least = centres_[centre].disc_area_px2 / 2;
  for (double& area : areas) area = area >= least ? area : kNaN;
}

void DiscFilter::filter(std::size_t index) {
  const Centre& centre = centres_[index];
  double sum = 0, area = 0;
  bool changed = false;
  for (const Arc& arc : centre.arcs) {
    changed = changed || changed_[arc.row] != 0;
    if (counts_[arc.row * stride_ + margin_ + bins_] == 0) continue;
    sum += arc.area_px2 * row_means_[arc.row];
    area += arc.area_px2;
  }
  if (changed) measure_areas(index);
  const double mean = area > 0 && sum > 0 && std::isfinite(sum) ? sum / area : kNaN;
  means_[index] = mean;
  const std::span<double> discs = std::span(disc_means_).subspan(index * bins_, bins_);
  const std::span<const double> areas = areas_px2(index);
  sum_discs(centre, deviations_, discs);
  for (std::size_t j = 0; j < bins_; ++j) discs[j] = mean + discs[j] / areas[j];
}

}  // namespace glasswatch::analysis
