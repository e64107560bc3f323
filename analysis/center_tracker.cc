#include "analysis/center_tracker.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <opencv2/core.hpp>

#include "analysis/check.h"
#include "analysis/ring_shape.h"
#include "analysis/widest_loop.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kLeastValid = 0.25;  // of a row's bins
constexpr double kLeastAlike = 0.5;   // correlation of a pattern's row means with the mean profile
constexpr std::size_t kSlopeReach = 2;
constexpr std::size_t kLanes = 4;  // independent partial sums, so that additions need not wait for each other

using Lanes = std::array<double, kLanes>;

double total(const Lanes& lanes) {
  return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

/// Sums over the valid bins of a row.
struct RowSums {
  Lanes values{}, squares{}, cos{}, sin{};
};

GLASSWATCH_LOOP void sum_row(const double* values, const double* cosines, const double* sines,
                             std::size_t bins, RowSums* sums) {
  const auto take = [&](std::size_t j, std::size_t lane) {
    const double value = values[j] == values[j] ? values[j] : 0.0;
    sums->values[lane] += value;
    sums->squares[lane] += value * value;
    sums->cos[lane] += value * cosines[j];
    sums->sin[lane] += value * sines[j];
  };
  const std::size_t whole = bins / kLanes * kLanes;
  for (std::size_t j = 0; j < whole; j += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) take(j + lane, lane);
  }
  for (std::size_t j = whole; j < bins; ++j) take(j, 0);
}

/// Writes which bins are valid; true if any is another than before.
GLASSWATCH_LOOP bool update_valid(const double* values, std::uint8_t* valid, std::size_t bins) {
  unsigned changed = 0;
  for (std::size_t j = 0; j < bins; ++j) {
    const auto now = static_cast<std::uint8_t>(values[j] == values[j] ? 1 : 0);
    changed |= static_cast<unsigned>(now ^ valid[j]);
    valid[j] = now;
  }
  return changed != 0;
}

}  // namespace

CenterTracker::CenterTracker(const PolarGeometry& geometry, int memory_patterns)
    : geometry_(geometry), memory_patterns_(memory_patterns) {
  GLASSWATCH_CHECK(memory_patterns >= 2, memory_patterns);
  GLASSWATCH_CHECK(geometry.radial_bins >= 1 && geometry.azimuthal_bins >= 4, geometry.radial_bins,
                   geometry.azimuthal_bins);
  GLASSWATCH_CHECK(geometry.ellipse_ratio > 0, geometry.ellipse_ratio);
  const double width = 2 * std::numbers::pi / geometry.azimuthal_bins;
  const double mean_over_bin = std::sin(width / 2) / (width / 2);
  for (int j = 0; j < geometry.azimuthal_bins; ++j) {
    const double phi = -std::numbers::pi + (j + 0.5) * width;
    cos_.push_back(mean_over_bin * std::cos(phi));
    sin_.push_back(mean_over_bin * std::sin(phi));
  }
  rows_.resize(static_cast<std::size_t>(geometry.radial_bins));
  valid_.resize(rows_.size() * cos_.size());
  reset();
}

void CenterTracker::reset() {
  std::fill(rows_.begin(), rows_.end(), Row{});
  std::fill(valid_.begin(), valid_.end(), std::uint8_t{0});
  estimates_ = refused_ = 0;
  row_shift_px_ = col_shift_px_ = sigma_px_ = kNaN;
  scatter_px2_ = squared_weights_ = 0;
}

std::span<std::uint8_t> CenterTracker::valid_bins(std::size_t k) {
  return std::span(valid_).subspan(k * cos_.size(), cos_.size());
}

void CenterTracker::count_valid(std::size_t k) {
  const std::span<const std::uint8_t> valid = valid_bins(k);
  Moments m;
  for (std::size_t j = 0; j < valid.size(); ++j) {
    if (valid[j] == 0) continue;
    m.bins += 1;
    m.cos += cos_[j];
    m.sin += sin_[j];
    m.cos_cos += cos_[j] * cos_[j];
    m.cos_sin += cos_[j] * sin_[j];
    m.sin_sin += sin_[j] * sin_[j];
  }
  rows_[k].valid = m;
}

void CenterTracker::measure_row(std::span<const double> values, std::size_t k) {
  Row& row = rows_[k];
  RowSums sums;
  internal::widest<sum_row>(values.data(), static_cast<const double*>(cos_.data()),
                            static_cast<const double*>(sin_.data()), values.size(), &sums);
  if (internal::widest<update_valid>(values.data(), valid_bins(k).data(), values.size())) count_valid(k);
  const double bins = row.valid.bins;
  row.counts = bins > 0 && bins >= kLeastValid * static_cast<double>(values.size());
  if (!row.counts) return;
  row.pattern_mean = total(sums.values) / bins;
  row.pattern_variance = std::max(0.0, total(sums.squares) / bins - row.pattern_mean * row.pattern_mean);
  row.cos_sum = total(sums.cos) - row.pattern_mean * row.valid.cos;
  row.sin_sum = total(sums.sin) - row.pattern_mean * row.valid.sin;
}

/// The factor that takes the pattern at hand to the mean profile; NaN if it does not look like it.
double CenterTracker::scale_to_profile() const {
  double n = 0, f = 0, m = 0, ff = 0, fm = 0, mm = 0, all = 0;
  for (const Row& row : rows_) {
    if (!row.counts) continue;
    all += row.pattern_mean;
    if (row.patterns == 0) continue;
    n += 1;
    f += row.mean;
    m += row.pattern_mean;
    ff += row.mean * row.mean;
    fm += row.mean * row.pattern_mean;
    mm += row.pattern_mean * row.pattern_mean;
  }
  if (n == 0) return all > 0 && std::isfinite(all) ? 1 : kNaN;
  const double alike = (fm - f * m / n) / std::sqrt((ff - f * f / n) * (mm - m * m / n));
  const double scale = ff / fm;
  return alike > kLeastAlike && scale > 0 && std::isfinite(scale) ? scale : kNaN;
}

void CenterTracker::take(double scale) {
  for (Row& row : rows_) {
    if (!row.counts) continue;
    row.cos_sum *= scale;
    row.sin_sum *= scale;
    row.patterns = std::min(row.patterns + 1, memory_patterns_);
    const double gain = 1.0 / row.patterns;
    row.mean += gain * (scale * row.pattern_mean - row.mean);
    row.variance += gain * (scale * scale * row.pattern_variance - row.variance);
  }
}

void CenterTracker::estimate() {
  const double step_px = (geometry_.r_max_px - geometry_.r_min_px) / geometry_.radial_bins;
  cv::Matx44d a = cv::Matx44d::zeros();
  cv::Vec4d b(0, 0, 0, 0);
  for (std::size_t k = kSlopeReach; k + kSlopeReach < rows_.size(); ++k) {
    const Row& row = rows_[k];
    const auto known = [](const Row& r) { return r.patterns > 0; };
    if (!row.counts || !(row.variance > 0)) continue;
    if (!std::all_of(rows_.begin() + static_cast<std::ptrdiff_t>(k - kSlopeReach),
                     rows_.begin() + static_cast<std::ptrdiff_t>(k + kSlopeReach + 1), known)) {
      continue;
    }
    // Exact for polynomials of fourth order; a plain difference would see a narrow ring's flank too flat.
    const double slope =
        (8 * (rows_[k + 1].mean - rows_[k - 1].mean) - (rows_[k + 2].mean - rows_[k - 2].mean)) /
        (12 * step_px);
    // The row's mean is free: moments about the means of the valid bins.
    const Moments& m = row.valid;
    const double cc = m.cos_cos - m.cos * m.cos / m.bins, cs = m.cos_sin - m.cos * m.sin / m.bins;
    const double ss = m.sin_sin - m.sin * m.sin / m.bins;
    const double weight = 1 / row.variance;
    const std::array<double, 2> factor{-slope, row.mean};
    for (int i = 0; i < 2; ++i) {
      const double w = weight * factor[static_cast<std::size_t>(i)];
      for (int j = 0; j < 2; ++j) {
        const double f = w * factor[static_cast<std::size_t>(j)];
        a(2 * i, 2 * j) += f * cc;
        a(2 * i, 2 * j + 1) += f * cs;
        a(2 * i + 1, 2 * j) += f * cs;
        a(2 * i + 1, 2 * j + 1) += f * ss;
      }
      b[2 * i] += w * row.cos_sum;
      b[2 * i + 1] += w * row.sin_sum;
    }
  }
  cv::Vec4d solution;
  if (!cv::internal::Matx_FastSolveOp<double, 4, 4, 1>()(a, b, solution, cv::DECOMP_CHOLESKY)) return;
  RingShape shape;
  shape.set_ellipse(geometry_.ellipse_ratio, geometry_.ellipse_angle_deg);
  const RingCoordinates::Offset shift = RingCoordinates(shape).on_camera({solution[0], solution[1]});
  if (std::isfinite(shift.x) && std::isfinite(shift.y)) average(shift.y, shift.x);
}

/// West, Commun. ACM 22 (1979) 532: weighted mean and variance without storing the values.
void CenterTracker::average(double row_px, double col_px) {
  estimates_ = std::min(estimates_ + 1, memory_patterns_);
  if (std::isnan(row_shift_px_)) {
    row_shift_px_ = row_px;
    col_shift_px_ = col_px;
    squared_weights_ = 1;
    return;
  }
  const double gain = 1.0 / estimates_;
  const double row_step = row_px - row_shift_px_, col_step = col_px - col_shift_px_;
  row_shift_px_ += gain * row_step;
  col_shift_px_ += gain * col_step;
  scatter_px2_ = (1 - gain) * (scatter_px2_ + gain * (row_step * row_step + col_step * col_step) / 2);
  squared_weights_ = (1 - gain) * (1 - gain) * squared_weights_ + gain * gain;
  if (squared_weights_ < 1) {
    sigma_px_ = std::sqrt(scatter_px2_ * squared_weights_ / (1 - squared_weights_));
  }
}

void CenterTracker::add(std::span<const double> polar) {
  GLASSWATCH_CHECK(polar.size() == valid_.size(), polar.size(), valid_.size());
  for (std::size_t k = 0; k < rows_.size(); ++k) measure_row(polar.subspan(k * cos_.size(), cos_.size()), k);
  const double scale = scale_to_profile();
  if (std::isnan(scale)) {
    if (++refused_ >= kGiveUp) reset();  // what came first was not the pattern
    return;
  }
  refused_ = 0;
  take(scale);
  estimate();
}

}  // namespace glasswatch::analysis
