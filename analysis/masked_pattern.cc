#include "analysis/masked_pattern.h"

#include <cmath>
#include <limits>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "analysis/check.h"

namespace glasswatch::analysis {
namespace {

constexpr float kLeastSupport = 0.1F;

template <typename Filter>
std::vector<float> filtered_means(const MaskedPattern& pattern, Filter&& filter) {
  const cv::Mat counts(pattern.rows, pattern.columns, CV_32F, const_cast<float*>(pattern.counts.data()));
  const cv::Mat valid(pattern.rows, pattern.columns, CV_8U, const_cast<std::uint8_t*>(pattern.valid.data()));
  cv::Mat support, sums, weights;
  valid.convertTo(support, CV_32F);
  filter(counts, sums);
  filter(support, weights);
  std::vector<float> means(pattern.counts.size());
  for (std::size_t i = 0; i < means.size(); ++i) {
    const float weight = weights.ptr<float>()[i];
    means[i] =
        weight > kLeastSupport ? sums.ptr<float>()[i] / weight : std::numeric_limits<float>::quiet_NaN();
  }
  return means;
}

}  // namespace

void MaskedPattern::mask(std::span<const std::uint8_t> ignore) {
  GLASSWATCH_CHECK(ignore.size() == counts.size(), ignore.size(), counts.size());
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (ignore[i] == 0) continue;
    counts[i] = 0;
    valid[i] = 0;
  }
}

MaskedPattern masked_pattern(std::span<const float> counts, int rows, int columns,
                             std::span<const std::uint8_t> mask) {
  MaskedPattern pattern{rows, columns, {counts.begin(), counts.end()}, {}};
  pattern.valid.resize(counts.size());
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const bool counts_here = std::isfinite(counts[i]) && (mask.empty() || mask[i] == 0);
    pattern.valid[i] = counts_here ? 1 : 0;
    if (!counts_here) pattern.counts[i] = 0;
  }
  return pattern;
}

MaskedPattern binned(const MaskedPattern& pattern, int block) {
  GLASSWATCH_CHECK(block >= 1, block);
  MaskedPattern result{pattern.rows / block, pattern.columns / block, {}, {}};
  for (int row = 0; row < result.rows; ++row) {
    for (int column = 0; column < result.columns; ++column) {
      double sum = 0;
      int used = 0;
      for (int i = 0; i < block; ++i) {
        for (int j = 0; j < block; ++j) {
          const std::size_t p = pattern.at(row * block + i, column * block + j);
          sum += static_cast<double>(pattern.counts[p]);
          used += pattern.valid[p];
        }
      }
      const bool counts_here = 2 * used >= block * block;
      result.counts.push_back(counts_here ? static_cast<float>(sum / used) : 0);
      result.valid.push_back(counts_here ? 1 : 0);
    }
  }
  return result;
}

std::vector<float> gaussian_means(const MaskedPattern& pattern, double sigma_px) {
  return filtered_means(pattern, [sigma_px](const cv::Mat& from, cv::Mat& to) {
    cv::GaussianBlur(from, to, {0, 0}, sigma_px, sigma_px, cv::BORDER_CONSTANT);
  });
}

std::vector<float> box_means(const MaskedPattern& pattern, int side_px) {
  return filtered_means(pattern, [side_px](const cv::Mat& from, cv::Mat& to) {
    cv::blur(from, to, {side_px, side_px}, {-1, -1}, cv::BORDER_CONSTANT);
  });
}

}  // namespace glasswatch::analysis
