#include "analysis/row_noise.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <numeric>

namespace glasswatch::analysis::internal {

std::vector<double> spread_autocorrelation(double sigma_px) {
  const int radius = static_cast<int>(std::ceil(4 * sigma_px));
  std::vector<double> spread;
  double sum = 0;
  for (int i = -radius; i <= radius; ++i) {
    spread.push_back(i == 0 ? 1 : std::exp(-i * i / (2 * sigma_px * sigma_px)));
    sum += spread.back();
  }
  std::vector<double> autocorrelation(spread.size(), 0.0);
  for (std::size_t d = 0; d < spread.size(); ++d) {
    for (std::size_t i = 0; i + d < spread.size(); ++i) autocorrelation[d] += spread[i] * spread[i + d];
    autocorrelation[d] /= sum * sum;
  }
  return autocorrelation;
}

RowNoise::RowNoise(int azimuthal_bins)
    : bins_(static_cast<std::size_t>(azimuthal_bins)),
      valid_(bins_.size()),
      pair_sum_(bins_.size()),
      covariance_with_sum_(bins_.size()) {}

void RowNoise::read_weights(const PolarTransform& transform, int k) {
  valid_bins_ = 0;
  for (std::size_t j = 0; j < bins_.size(); ++j) {
    transform.shares(k * static_cast<int>(bins_.size()) + static_cast<int>(j), shares_);
    double area_px2 = 0;
    for (const PixelShare& share : shares_) area_px2 += share.area_px2;
    BinWeights& bin = bins_[j];
    bin.pixels.clear();
    bin.top = bin.left = std::numeric_limits<int>::max();
    bin.bottom = bin.right = 0;
    for (const PixelShare& share : shares_) {
      const int row = static_cast<int>(share.pixel) / transform.columns();
      const int column = static_cast<int>(share.pixel) % transform.columns();
      bin.pixels.push_back({row, column, share.area_px2 / area_px2});
      bin.top = std::min(bin.top, row);
      bin.bottom = std::max(bin.bottom, row);
      bin.left = std::min(bin.left, column);
      bin.right = std::max(bin.right, column);
    }
    valid_[j] = bin.pixels.empty() ? 0 : 1;
    valid_bins_ += valid_[j];
  }
}

void RowNoise::propagate(const std::vector<double>& autocorrelation, double variance,
                         MaskNormalization normalization, std::span<double> floor) {
  sum_covariances(autocorrelation);
  const std::size_t bins = bins_.size();
  const double variance_of_mean =
      std::accumulate(pair_sum_.begin(), pair_sum_.end(), 0.0) / (valid_bins_ * valid_bins_);
  const double mean_terms = normalization == MaskNormalization::kCentered ? 1 : 2;
  for (std::size_t d = 0; d < bins; ++d) {
    double with_sum = 0;
    int pairs = 0;
    for (std::size_t j = 0; j < bins; ++j) {
      const std::size_t partner = j + d < bins ? j + d : j + d - bins;
      if (valid_[j] == 0 || valid_[partner] == 0) continue;
      with_sum += covariance_with_sum_[j] + covariance_with_sum_[partner];
      ++pairs;
    }
    const double of_pairs = (pair_sum_[d] - mean_terms * with_sum / valid_bins_) / pairs;
    floor[d] = pairs > 0 ? variance * (of_pairs + (2 * mean_terms - 1) * variance_of_mean)
                         : std::numeric_limits<double>::quiet_NaN();
  }
}

/// sum_x W_h(a,x) W_h(b,x) = sum_pq W(a,p) W(b,q) (h * h)(p - q).
double RowNoise::overlap(const BinWeights& a, const BinWeights& b,
                         const std::vector<double>& autocorrelation) {
  const int reach = static_cast<int>(autocorrelation.size()) - 1;
  if (a.top - b.bottom > reach || b.top - a.bottom > reach || a.left - b.right > reach ||
      b.left - a.right > reach) {
    return 0;
  }
  double sum = 0;
  for (const PixelWeight& p : a.pixels) {
    double from_p = 0;
    for (const PixelWeight& q : b.pixels) {
      const int rows = std::abs(p.row - q.row), columns = std::abs(p.column - q.column);
      if (rows > reach || columns > reach) continue;
      from_p += q.weight * autocorrelation[static_cast<std::size_t>(rows)] *
                autocorrelation[static_cast<std::size_t>(columns)];
    }
    sum += p.weight * from_p;
  }
  return sum;
}

/// nu(D) and s_j. A pair of bins (i, j) stands for the shifts j - i and i - j.
void RowNoise::sum_covariances(const std::vector<double>& autocorrelation) {
  std::fill(pair_sum_.begin(), pair_sum_.end(), 0.0);
  std::fill(covariance_with_sum_.begin(), covariance_with_sum_.end(), 0.0);
  for (std::size_t i = 0; i < bins_.size(); ++i) {
    if (valid_[i] == 0) continue;
    const double variance = overlap(bins_[i], bins_[i], autocorrelation);
    pair_sum_[0] += variance;
    covariance_with_sum_[i] += variance;
    for (std::size_t j = i + 1; j < bins_.size(); ++j) {
      if (valid_[j] == 0) continue;
      const double covariance = overlap(bins_[i], bins_[j], autocorrelation);
      pair_sum_[j - i] += covariance;
      pair_sum_[bins_.size() - (j - i)] += covariance;
      covariance_with_sum_[i] += covariance;
      covariance_with_sum_[j] += covariance;
    }
  }
}

}  // namespace glasswatch::analysis::internal
