#include "analysis/display_image.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "analysis/check.h"

namespace glasswatch::analysis {
namespace {

constexpr double kLowFraction = 0.005;
constexpr double kHighFraction = 0.995;

template <typename Pixel>
double block_mean(const Pixel* pixels, const FrameView& frame, int row, int column, int reduction) {
  double sum = 0;
  int finite = 0;
  for (int r = row; r < std::min(row + reduction, frame.rows); ++r) {
    const Pixel* line = pixels + static_cast<std::size_t>(r) * static_cast<std::size_t>(frame.columns);
    for (int c = column; c < std::min(column + reduction, frame.columns); ++c) {
      const double value = static_cast<double>(line[c]);
      if (!std::isfinite(value)) continue;
      sum += value;
      ++finite;
    }
  }
  return finite > 0 ? sum / finite : std::numeric_limits<double>::quiet_NaN();
}

double quantile(std::vector<double>& values, double fraction) {
  const auto at = static_cast<std::ptrdiff_t>(std::lround(fraction * static_cast<double>(values.size() - 1)));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

}  // namespace

DisplayImage reduce_for_display(const FrameView& frame, int max_columns, std::vector<std::uint8_t>& pixels) {
  GLASSWATCH_CHECK(max_columns >= 1 && frame.rows >= 1 && frame.columns >= 1, max_columns, frame.rows,
                   frame.columns);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const int reduction = (frame.columns + max_columns - 1) / max_columns;
  DisplayImage image{(frame.rows + reduction - 1) / reduction, (frame.columns + reduction - 1) / reduction,
                     reduction, nan, nan};

  std::vector<double> means;
  means.reserve(static_cast<std::size_t>(image.rows) * static_cast<std::size_t>(image.columns));
  visit_pixels(frame, [&](const auto* source) {
    for (int row = 0; row < frame.rows; row += reduction) {
      for (int column = 0; column < frame.columns; column += reduction) {
        means.push_back(block_mean(source, frame, row, column, reduction));
      }
    }
  });

  std::vector<double> finite;
  finite.reserve(means.size());
  std::copy_if(means.begin(), means.end(), std::back_inserter(finite),
               [](double v) { return !std::isnan(v); });
  if (!finite.empty()) {
    image.black_counts = quantile(finite, kLowFraction);
    image.white_counts = quantile(finite, kHighFraction);
  }

  const double range = image.white_counts - image.black_counts;
  pixels.resize(means.size());
  std::transform(means.begin(), means.end(), pixels.begin(), [&](double mean) -> std::uint8_t {
    if (std::isnan(mean)) return 0;
    if (!(range > 0)) return 128;
    return static_cast<std::uint8_t>(
        std::lround(255 * std::clamp((mean - image.black_counts) / range, 0.0, 1.0)));
  });
  return image;
}

}  // namespace glasswatch::analysis
