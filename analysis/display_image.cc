#include "analysis/display_image.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <type_traits>

#include "analysis/check.h"

namespace glasswatch::analysis {
namespace {

constexpr double kLowFraction = 0.005;
constexpr double kHighFraction = 0.995;

// The frame as 32-bit floats; OpenCV knows no unsigned 32-bit matrix.
cv::Mat as_float(const FrameView& frame) {
  cv::Mat values(frame.rows, frame.columns, CV_32F);
  visit_pixels(frame, [&]<typename Pixel>(const Pixel* pixels) {
    if constexpr (std::is_same_v<Pixel, std::uint32_t>) {
      std::copy_n(pixels, frame.pixel_count(), values.ptr<float>());
    } else {
      const cv::Mat source(frame.rows, frame.columns, cv::DataType<Pixel>::type, const_cast<Pixel*>(pixels));
      source.convertTo(values, CV_32F);
    }
  });
  return values;
}

// Means of the finite pixels of every block of reduction x reduction; NaN where there is none. Rows and
// columns that fill no block are padded with pixels that do not count.
cv::Mat block_means(cv::Mat values, int reduction) {
  cv::Mat counts;
  const cv::Mat finite = cv::abs(values) <= std::numeric_limits<float>::max();  // false for NaN and infinity
  finite.convertTo(counts, CV_32F, 1.0 / 255);
  values.setTo(0, finite == 0);
  const int bottom = (reduction - values.rows % reduction) % reduction;
  const int right = (reduction - values.cols % reduction) % reduction;
  for (cv::Mat* matrix : {&values, &counts}) {
    cv::copyMakeBorder(*matrix, *matrix, 0, bottom, 0, right, cv::BORDER_CONSTANT, 0);
    cv::resize(*matrix, *matrix, {matrix->cols / reduction, matrix->rows / reduction}, 0, 0, cv::INTER_AREA);
  }
  return values / counts;  // 0 / 0 is NaN for floating-point matrices
}

double quantile(std::vector<float>& values, double fraction) {
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
  const cv::Mat means = block_means(as_float(frame), reduction);
  DisplayImage image{means.rows, means.cols, reduction, nan, nan};

  std::vector<float> finite;
  finite.reserve(means.total());
  std::copy_if(means.begin<float>(), means.end<float>(), std::back_inserter(finite),
               [](float mean) { return std::isfinite(mean); });
  if (!finite.empty()) {
    image.black_counts = quantile(finite, kLowFraction);
    image.white_counts = quantile(finite, kHighFraction);
  }

  const double range = image.white_counts - image.black_counts;
  pixels.resize(means.total());
  std::transform(means.begin<float>(), means.end<float>(), pixels.begin(), [&](float mean) -> std::uint8_t {
    if (!std::isfinite(mean)) return 0;
    if (!(range > 0)) return 128;
    return static_cast<std::uint8_t>(
        std::lround(255 * std::clamp((mean - image.black_counts) / range, 0.0, 1.0)));
  });
  return image;
}

}  // namespace glasswatch::analysis
