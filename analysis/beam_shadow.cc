#include "analysis/beam_shadow.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <numbers>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

namespace glasswatch::analysis {
namespace {

constexpr double kQuantile = 0.6;
constexpr double kDark = 0.6;         // of the quantile
constexpr double kCore = 0.3;         // of the quantile: texture seldom goes so low over a large piece
constexpr double kNoiseLevel = 0.05;  // relative noise aimed at by smoothing
constexpr double kLeastSigmaPx = 1.5;
constexpr double kCoreSigmas = 5;       // between core and quantile, or there is no core at that radius
constexpr double kDarkSigmas = 4;       // the same for pixels that only have to be connected to a core
constexpr double kShadowRange = 0.02;   // of the brighter radii: how much a shadow may vary
constexpr double kCorePieces = 0.0008;  // least area of a core, of the frame
constexpr std::size_t kLeastRowPixels = 12;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

struct SmoothedPattern {
  double sigma_px;
  std::vector<float> means;  // NaN where nothing counts

  /// Standard deviation of a smoothed pixel at a level: Gaussian weights average 4 pi sigma^2 pixels.
  double noise_counts(const PixelScatter& scatter, double level) const {
    return std::sqrt(scatter.variance_counts2(level) / (4 * std::numbers::pi)) / sigma_px;
  }
};

SmoothedPattern smooth_for_shadows(const MaskedPattern& pattern, const PixelScatter& scatter) {
  std::vector<float> counts;
  for (std::size_t i = 0; i < pattern.counts.size(); ++i) {
    if (pattern.valid[i] != 0) counts.push_back(pattern.counts[i]);
  }
  // Half of the pixels may be dark: the mean of the upper half stands for the lit part.
  double sum = 0;
  const auto middle = counts.begin() + static_cast<std::ptrdiff_t>(counts.size() / 2);
  std::nth_element(counts.begin(), middle, counts.end());
  for (auto c = middle; c != counts.end(); ++c) sum += static_cast<double>(*c);
  const double level = sum / static_cast<double>(counts.end() - middle);
  const double relative = level > 0 ? std::sqrt(scatter.variance_counts2(level)) / level : 0;
  const double largest = std::max(kLeastSigmaPx, std::min(pattern.rows, pattern.columns) / 64.0);
  const double sigma =
      std::clamp(relative / (kNoiseLevel * std::sqrt(4 * std::numbers::pi)), kLeastSigmaPx, largest);
  return {sigma, gaussian_means(pattern, sigma)};
}

/// For each radial row the level that 40 % of its pixels exceed; NaN where there are too few.
std::vector<float> row_levels(const MaskedPattern& pattern, const std::vector<float>& means,
                              const RingCoordinates& coordinates, double slack_px) {
  std::vector<std::vector<float>> rows;
  for (int row = 0; row < pattern.rows; ++row) {
    for (int column = 0; column < pattern.columns; ++column) {
      const std::size_t p = pattern.at(row, column);
      if (pattern.valid[p] == 0 || std::isnan(means[p])) continue;
      const auto r = static_cast<std::size_t>(coordinates.freed(row, column).radius_px());
      if (r >= rows.size()) rows.resize(r + 1);
      rows[r].push_back(means[p]);
    }
  }
  std::vector<float> levels(rows.size(), kNaN);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    if (rows[r].size() < kLeastRowPixels) continue;
    const auto at =
        rows[r].begin() + static_cast<std::ptrdiff_t>(kQuantile * static_cast<double>(rows[r].size()));
    std::nth_element(rows[r].begin(), at, rows[r].end());
    levels[r] = *at;
  }
  const auto slack = static_cast<std::size_t>(std::ceil(slack_px));
  std::vector<float> lowest(levels);
  for (std::size_t r = 0; r < levels.size(); ++r) {
    for (std::size_t s = r - std::min(r, slack); s <= std::min(r + slack, levels.size() - 1); ++s) {
      if (!std::isnan(levels[s]) && !(levels[s] >= lowest[r])) lowest[r] = levels[s];
    }
  }
  return lowest;
}

/// Keeps the connected pieces of `dark` that hold at least `least` pixels of `core`.
cv::Mat pieces_with(const cv::Mat& dark, const cv::Mat& core, int least) {
  cv::Mat labels;
  const int pieces = cv::connectedComponents(dark, labels, 8, CV_32S);
  std::vector<int> held(static_cast<std::size_t>(pieces), 0);
  for (int row = 0; row < dark.rows; ++row) {
    for (int column = 0; column < dark.cols; ++column) {
      if (core.at<std::uint8_t>(row, column) != 0)
        ++held[static_cast<std::size_t>(labels.at<int>(row, column))];
    }
  }
  held[0] = 0;  // what is not dark
  cv::Mat kept(dark.size(), CV_8U);
  for (int row = 0; row < dark.rows; ++row) {
    for (int column = 0; column < dark.cols; ++column) {
      kept.at<std::uint8_t>(row, column) =
          held[static_cast<std::size_t>(labels.at<int>(row, column))] >= least ? 1 : 0;
    }
  }
  return kept;
}

cv::Mat widened(const cv::Mat& shadow, double by_px) {
  const int reach = static_cast<int>(std::ceil(by_px));
  cv::Mat result;
  cv::dilate(shadow, result, cv::getStructuringElement(cv::MORPH_ELLIPSE, {2 * reach + 1, 2 * reach + 1}));
  return result;
}

/// Largest level that still belongs to the shadow: what its core has where no light is blurred into it (the
/// darker half, whose middle is taken), and a little for what scatters into it.
double shadow_ceiling(const SmoothedPattern& smooth, const cv::Mat& core, const std::vector<float>& levels) {
  std::vector<float> inside;
  for (std::size_t p = 0; p < smooth.means.size(); ++p) {
    if (core.ptr<std::uint8_t>()[p] != 0) inside.push_back(smooth.means[p]);
  }
  const auto dark = inside.begin() + static_cast<std::ptrdiff_t>(inside.size() / 4);
  std::nth_element(inside.begin(), dark, inside.end());
  // What the brightest tenth of the radii has; the direct beam, much brighter than all else, is not among the
  // rest.
  std::vector<float> known;
  std::copy_if(levels.begin(), levels.end(), std::back_inserter(known),
               [](float level) { return !std::isnan(level); });
  if (known.empty()) return 0;
  const auto bright = known.begin() + static_cast<std::ptrdiff_t>(known.size() * 9 / 10);
  std::nth_element(known.begin(), bright, known.end());
  return static_cast<double>(*dark) + kShadowRange * std::max(0.0, static_cast<double>(*bright));
}

}  // namespace

std::vector<std::uint8_t> find_beam_shadow(const MaskedPattern& pattern, const RingShape& shape,
                                           double slack_px, const PixelScatter& scatter) {
  const RingCoordinates coordinates(shape);
  const SmoothedPattern smooth = smooth_for_shadows(pattern, scatter);
  const std::vector<float> levels = row_levels(pattern, smooth.means, coordinates, slack_px);

  cv::Mat dark = cv::Mat::zeros(pattern.rows, pattern.columns, CV_8U), core = dark.clone();
  for (int row = 0; row < pattern.rows; ++row) {
    for (int column = 0; column < pattern.columns; ++column) {
      const std::size_t p = pattern.at(row, column);
      const auto r = static_cast<std::size_t>(coordinates.freed(row, column).radius_px());
      if (std::isnan(smooth.means[p]) || r >= levels.size() || !(levels[r] > 0)) continue;
      const auto level = static_cast<double>(levels[r]), mean = static_cast<double>(smooth.means[p]);
      const double sigmas = (1 - kCore) * level / smooth.noise_counts(scatter, level);
      dark.ptr<std::uint8_t>()[p] = mean < kDark * level && sigmas > kDarkSigmas ? 1 : 0;
      core.ptr<std::uint8_t>()[p] = mean < kCore * level && sigmas > kCoreSigmas ? 1 : 0;
    }
  }
  const int least = std::max(9, static_cast<int>(kCorePieces * static_cast<double>(pattern.counts.size())));
  cv::Mat shadow = pieces_with(dark, core, least);
  core &= shadow;
  std::vector<std::uint8_t> result(pattern.counts.size(), 0);
  if (cv::countNonZero(core) == 0) return result;

  const double ceiling = shadow_ceiling(smooth, core, levels);
  cv::Mat unlit = cv::Mat::zeros(shadow.size(), CV_8U);
  for (int row = 0; row < pattern.rows; ++row) {
    for (int column = 0; column < pattern.columns; ++column) {
      const std::size_t p = pattern.at(row, column);
      const auto r = static_cast<std::size_t>(coordinates.freed(row, column).radius_px());
      const bool lit_row = r < levels.size() && static_cast<double>(levels[r]) > ceiling;
      if (!lit_row && static_cast<double>(smooth.means[p]) < ceiling) unlit.ptr<std::uint8_t>()[p] = 1;
    }
  }
  // Around a stop's round tip the rows between lit and unlit ones belong to neither.
  shadow |= pieces_with(unlit, widened(shadow, 4 * smooth.sigma_px + slack_px + 2), 1);
  shadow = widened(shadow, 1 + smooth.sigma_px);
  std::copy_n(shadow.ptr<std::uint8_t>(), result.size(), result.begin());
  return result;
}

}  // namespace glasswatch::analysis
