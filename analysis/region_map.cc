#include "analysis/region_map.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <span>

#include "analysis/check.h"
#include "analysis/masked_pattern.h"

namespace glasswatch::analysis {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

constexpr double kPartOfSeries = 1.0 / 3;  // whose means are compared for the noise
constexpr double kLargestPart = 1.0 / 2;
constexpr double kLeastPart = 1.0 / 50;
constexpr int kPixelsAtATime = 4096;

MaskedPattern empty_pattern(const PixelSums& sums) {
  MaskedPattern pattern{sums.rows(), sums.columns(), {}, {}};
  const std::size_t pixels = static_cast<std::size_t>(sums.rows()) * static_cast<std::size_t>(sums.columns());
  pattern.counts.assign(pixels, 0);
  pattern.valid.assign(pixels, 0);
  for (const std::uint32_t p : sums.pixels()) pattern.valid[p] = 1;
  return pattern;
}

/// Calls take(begin, end) over the pixels of the sums.
template <typename Take>
void in_pieces(const PixelSums& sums, Take take) {
  const int pixels = static_cast<int>(sums.pixels().size());
  for (int begin = 0; begin < pixels; begin += kPixelsAtATime) {
    take(begin, std::min(begin + kPixelsAtATime, pixels));
  }
}

MaskedPattern mean_image(const PixelSums& sums) {
  MaskedPattern image = empty_pattern(sums);
  std::vector<double> total(kPixelsAtATime);
  in_pieces(sums, [&](int begin, int end) {
    sums.read_total(begin, end, total.data());
    for (int i = begin; i < end; ++i) {
      image.counts[sums.pixels()[static_cast<std::size_t>(i)]] =
          static_cast<float>(total[static_cast<std::size_t>(i - begin)] / static_cast<double>(sums.frames()));
    }
  });
  return image;
}

std::optional<std::size_t> lag_of_a_third(const PixelSums& sums) {
  const auto span_slots = static_cast<double>(sums.span_slots());
  const auto distance = [&](double lag) { return std::abs(std::log(lag / (kPartOfSeries * span_slots))); };
  const std::span<const double> lags = sums.lag_slots();
  std::optional<std::size_t> nearest;
  for (std::size_t k = 0; k < lags.size(); ++k) {
    const bool suits =
        sums.pairs()[k] > 0 && lags[k] >= kLeastPart * span_slots && lags[k] <= kLargestPart * span_slots;
    if (suits && (!nearest || distance(lags[k]) < distance(lags[*nearest]))) nearest = k;
  }
  return nearest;
}

/// Mean over the last `lag` slots less that over the first.
MaskedPattern change_image(const PixelSums& sums, std::size_t lag) {
  const double lag_slots = sums.lag_slots()[lag];
  const auto pairs = static_cast<double>(sums.pairs()[lag]);
  // Pairs span T - lag slots; all T of them in a sliding window, whose first frames have partners before it.
  const double slots = std::max(pairs, static_cast<double>(sums.span_slots()) - lag_slots);
  MaskedPattern image = empty_pattern(sums);
  const std::size_t room = sums.lag_slots().size() * kPixelsAtATime;
  std::vector<double> product(room), past(room), future(room);
  in_pieces(sums, [&](int begin, int end) {
    sums.read(begin, end, product.data(), past.data(), future.data());
    const std::size_t first = lag * static_cast<std::size_t>(end - begin);
    for (int i = begin; i < end; ++i) {
      const std::size_t at = first + static_cast<std::size_t>(i - begin);
      image.counts[sums.pixels()[static_cast<std::size_t>(i)]] =
          static_cast<float>((future[at] - past[at]) / pairs * (slots / lag_slots));
    }
  });
  return image;
}

int odd_side(double px) {
  return 2 * static_cast<int>(px / 2) + 1;
}

/// Smoothed image over background; NaN where there is none.
std::vector<float> flattened(const MaskedPattern& image, const std::vector<float>& background,
                             double smoothing_px) {
  std::vector<float> values = gaussian_means(image, smoothing_px);
  for (std::size_t p = 0; p < values.size(); ++p) {
    values[p] = image.valid[p] != 0 && background[p] > 0 ? values[p] / background[p] : kNaN;
  }
  return values;
}

std::vector<float> finite_ones(std::span<const float> values) {
  std::vector<float> finite;
  std::copy_if(values.begin(), values.end(), std::back_inserter(finite),
               [](float value) { return std::isfinite(value); });
  return finite;
}

double variance(std::span<const float> values) {
  double sum = 0, squares = 0;
  for (const float value : values) sum += static_cast<double>(value);
  const double mean = sum / static_cast<double>(values.size());
  for (const float value : values) squares += std::pow(static_cast<double>(value) - mean, 2);
  return squares / static_cast<double>(values.size());
}

struct Threshold {
  float above;  // channel
  double separability, contrast;
};

/// With n values, k of them in the lower class with sum s, S of all: the variance between the classes is
/// (S k/n - s)^2 / (k (n - k)).
std::optional<Threshold> otsu_threshold(std::vector<float> values) {
  const double total_variance = values.empty() ? 0 : variance(values);
  if (!(total_variance > 0)) return std::nullopt;
  std::sort(values.begin(), values.end());
  double total = 0;
  for (const float value : values) total += static_cast<double>(value);
  const auto count = static_cast<double>(values.size());
  double best = 0, lower = 0;
  Threshold threshold{};
  for (std::size_t k = 1; k < values.size(); ++k) {
    lower += static_cast<double>(values[k - 1]);
    if (values[k] == values[k - 1]) continue;
    const double low = static_cast<double>(k), high = count - low;
    const double between = std::pow(total * low / count - lower, 2) / (low * high);
    if (between <= best) continue;
    best = between;
    threshold = {values[k - 1], between / total_variance, (total - lower) / high - lower / low};
  }
  return threshold;
}

/// Gives the pieces of `part` (0 and 1) that are smaller than `least` pixels to the rest.
void drop_specks(cv::Mat& part, double least_px, int connectivity) {
  cv::Mat pieces, statistics, centroids;
  const int count =
      cv::connectedComponentsWithStats(part, pieces, statistics, centroids, connectivity, CV_32S);
  for (int row = 0; row < part.rows; ++row) {
    for (int column = 0; column < part.cols; ++column) {
      const int piece = pieces.at<int>(row, column);
      if (piece > 0 && piece < count && statistics.at<int>(piece, cv::CC_STAT_AREA) < least_px) {
        part.at<std::uint8_t>(row, column) = 0;
      }
    }
  }
}

std::vector<std::uint8_t> label_image(const std::vector<float>& values, int rows, int columns, float above,
                                      double least_px) {
  cv::Mat channel(rows, columns, CV_8U), matrix(rows, columns, CV_8U);
  for (std::size_t p = 0; p < values.size(); ++p) {
    channel.ptr<std::uint8_t>()[p] = values[p] > above ? 1 : 0;  // not where it is NaN
  }
  drop_specks(channel, least_px, 8);
  for (std::size_t p = 0; p < values.size(); ++p) {
    matrix.ptr<std::uint8_t>()[p] = std::isfinite(values[p]) && channel.ptr<std::uint8_t>()[p] == 0 ? 1 : 0;
  }
  drop_specks(matrix, least_px, 4);
  std::vector<std::uint8_t> label(values.size(), kUnassigned);
  for (std::size_t p = 0; p < values.size(); ++p) {
    if (std::isfinite(values[p])) label[p] = matrix.ptr<std::uint8_t>()[p] != 0 ? kMatrix : kChannel;
  }
  return label;
}

}  // namespace

RegionMap segment_channels(const PixelSums& sums, double smoothing_px, double background_px) {
  GLASSWATCH_CHECK(smoothing_px > 0 && background_px > 4 * smoothing_px, smoothing_px, background_px);
  RegionMap map;
  map.label.assign(static_cast<std::size_t>(sums.rows()) * static_cast<std::size_t>(sums.columns()),
                   kUnassigned);
  if (sums.frames() == 0) return map;
  const MaskedPattern mean = mean_image(sums);
  const std::vector<float> background = box_means(mean, odd_side(background_px));
  const std::vector<float> brightness = flattened(mean, background, smoothing_px);
  const std::optional<Threshold> threshold = otsu_threshold(finite_ones(brightness));
  if (!threshold) return map;
  map.separability = threshold->separability;
  map.contrast = threshold->contrast;
  const std::optional<std::size_t> lag = lag_of_a_third(sums);
  if (!lag) return map;
  const std::vector<float> change =
      finite_ones(flattened(change_image(sums, *lag), background, smoothing_px));
  map.noise = std::sqrt(variance(change) / 2);
  map.found = map.separability > kLeastSeparability && map.contrast > kLeastContrastOverNoise * map.noise;
  if (!map.found) return map;

  const double least_px = 4 * std::numbers::pi * smoothing_px * smoothing_px;
  map.label = label_image(brightness, sums.rows(), sums.columns(), threshold->above, least_px);
  const auto channel = static_cast<double>(std::count(map.label.begin(), map.label.end(), kChannel));
  const auto matrix = static_cast<double>(std::count(map.label.begin(), map.label.end(), kMatrix));
  map.channel_fraction = channel / (channel + matrix);
  return map;
}

}  // namespace glasswatch::analysis
