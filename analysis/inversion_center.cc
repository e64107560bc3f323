#include "analysis/inversion_center.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <opencv2/core.hpp>
#include <vector>

namespace glasswatch::analysis {
namespace {

constexpr int kReach = 3;        // half pixels searched on either side
constexpr double kBlurPx = 1.0;  // evens out the noise of neighbouring candidates
constexpr double kLeastShare = 0.125;

/// Correlations at centres (row + i/2, column + j/2), |i|, |j| <= kReach, about a centre on the half-pixel
/// grid.
class InversionCorrelation {
 public:
  InversionCorrelation(const MaskedPattern& pattern, int block, const RingShape& shape, const Ring& ring)
      : block_(block), binned_(binned(pattern, block)), blurred_(gaussian_means(binned_, kBlurPx)) {
    const RingCoordinates coordinates(shape);
    for (int row = 0; row < binned_.rows; ++row) {
      for (int column = 0; column < binned_.columns; ++column) {
        if (binned_.valid[binned_.at(row, column)] == 0) continue;
        const double r = coordinates.freed(to_pixels(row), to_pixels(column)).radius_px();
        if (r >= ring.inner_px() && r < ring.outer_px()) annulus_.push_back({row, column});
      }
    }
    area_ =
        std::numbers::pi * (std::pow(ring.outer_px(), 2) - std::pow(ring.inner_px(), 2)) / (block * block);
  }

  /// twice_row, twice_column: twice the centre, in binned pixels. NaN when too few pixels have an image.
  double at(int twice_row, int twice_column) const {
    double n = 0, sx = 0, sy = 0, sxx = 0, syy = 0, sxy = 0;
    for (const Place& p : annulus_) {
      const int row = twice_row - p.row, column = twice_column - p.column;
      if (row < 0 || row >= binned_.rows || column < 0 || column >= binned_.columns) continue;
      const std::size_t image = binned_.at(row, column);
      if (binned_.valid[image] == 0) continue;
      const auto x = static_cast<double>(blurred_[binned_.at(p.row, p.column)]);
      const auto y = static_cast<double>(blurred_[image]);
      n += 1;
      sx += x;
      sy += y;
      sxx += x * x;
      syy += y * y;
      sxy += x * y;
    }
    if (n < kLeastShare * area_) return std::numeric_limits<double>::quiet_NaN();
    const double variances = (sxx - sx * sx / n) * (syy - sy * sy / n);
    return variances > 0 ? (sxy - sx * sy / n) / std::sqrt(variances)
                         : std::numeric_limits<double>::quiet_NaN();
  }

  double to_pixels(double binned) const { return (binned + 0.5) * block_ - 0.5; }
  double from_pixels(double pixels) const { return (pixels + 0.5) / block_ - 0.5; }

 private:
  struct Place {
    int row, column;
  };
  int block_;
  MaskedPattern binned_;
  std::vector<float> blurred_;
  std::vector<Place> annulus_;
  double area_ = 0;
};

/// Least-squares paraboloid over the 5 x 5 candidates around the best one; its vertex, in half pixels from
/// there.
std::optional<cv::Vec2d> vertex(const std::vector<double>& values, int best_i, int best_j) {
  constexpr int kSide = 2 * kReach + 1;
  cv::Matx<double, 6, 6> a = cv::Matx<double, 6, 6>::zeros();
  cv::Vec<double, 6> b = cv::Vec<double, 6>::all(0);
  for (int i = -2; i <= 2; ++i) {
    for (int j = -2; j <= 2; ++j) {
      const int row = best_i + i, column = best_j + j;
      if (row < 0 || row >= kSide || column < 0 || column >= kSide) continue;
      const double value = values[static_cast<std::size_t>(row) * kSide + static_cast<std::size_t>(column)];
      if (std::isnan(value)) return std::nullopt;
      const cv::Vec<double, 6> t(1, i, j, i * i, j * j, i * j);
      a += t * t.t();
      b += value * t;
    }
  }
  const cv::Vec<double, 6> c = a.solve(b, cv::DECOMP_CHOLESKY);
  const double determinant = 4 * c[3] * c[4] - c[5] * c[5];
  if (!(c[3] < 0) || !(determinant > 0)) return std::nullopt;
  const cv::Vec2d at((c[2] * c[5] - 2 * c[1] * c[4]) / determinant,
                     (c[1] * c[5] - 2 * c[2] * c[3]) / determinant);
  if (std::max(std::abs(at[0]), std::abs(at[1])) > 1.5) return std::nullopt;
  return at;
}

/// Best centre around `guess`; empty when the maximum lies on the border of the search.
std::optional<CenterGuess> search(const InversionCorrelation& correlation, const CenterGuess& guess) {
  const int row = static_cast<int>(std::lround(2 * correlation.from_pixels(guess.row_px)));
  const int column = static_cast<int>(std::lround(2 * correlation.from_pixels(guess.col_px)));
  std::vector<double> values;
  int best_i = 0, best_j = 0;
  double highest = -2;
  for (int i = 0; i <= 2 * kReach; ++i) {
    for (int j = 0; j <= 2 * kReach; ++j) {
      values.push_back(correlation.at(row + i - kReach, column + j - kReach));
      if (!(values.back() > highest)) continue;
      highest = values.back();
      best_i = i;
      best_j = j;
    }
  }
  const auto inside = [](int i) { return i > 0 && i < 2 * kReach; };
  if (!inside(best_i) || !inside(best_j)) return std::nullopt;
  const std::optional<cv::Vec2d> fine = vertex(values, best_i, best_j);
  if (!fine) return std::nullopt;
  return CenterGuess{correlation.to_pixels((row + best_i - kReach + (*fine)[0]) / 2.0),
                     correlation.to_pixels((column + best_j - kReach + (*fine)[1]) / 2.0)};
}

}  // namespace

std::optional<CenterGuess> inversion_center(const MaskedPattern& pattern, const RingShape& shape,
                                            const Ring& ring) {
  CenterGuess center{shape.center_row_px, shape.center_col_px};
  int block = 1;
  while (2 * block <= std::min(ring.radius_px / 8, ring.width_px)) block *= 2;
  for (;; block /= 2) {
    const std::optional<CenterGuess> found =
        search(InversionCorrelation(pattern, block, shape, ring), center);
    if (!found) return std::nullopt;
    center = *found;
    if (block == 1) return center;
  }
}

}  // namespace glasswatch::analysis
