#include "analysis/polar.h"

#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <type_traits>

#include "analysis/check.h"
#include "analysis/polar_clipping.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
// Covering "at least half" is a threshold on sums of areas; bins cut exactly in half must not hang on
// rounding.
constexpr double kHalf = 0.5 * (1 - 1e-9);

void check_geometry(const PolarGeometry& g) {
  GLASSWATCH_CHECK(std::isfinite(g.center_row_px) && std::isfinite(g.center_col_px), g.center_row_px,
                   g.center_col_px);
  GLASSWATCH_CHECK(g.ellipse_ratio > 0 && std::isfinite(g.ellipse_ratio), g.ellipse_ratio);
  GLASSWATCH_CHECK(std::isfinite(g.ellipse_angle_deg), g.ellipse_angle_deg);
  GLASSWATCH_CHECK(g.r_min_px >= 0 && g.r_min_px < g.r_max_px && std::isfinite(g.r_max_px), g.r_min_px,
                   g.r_max_px);
  GLASSWATCH_CHECK(g.radial_bins >= 1 && g.azimuthal_bins >= 1, g.radial_bins, g.azimuthal_bins);
}

std::size_t bin_count(const PolarGeometry& g) {
  return static_cast<std::size_t>(g.radial_bins) * static_cast<std::size_t>(g.azimuthal_bins);
}

struct Share {
  std::uint32_t bin;
  std::uint32_t pixel;
  double area_px2;
};

}  // namespace

std::vector<double> radial_bin_centres_px(const PolarGeometry& g) {
  std::vector<double> centres(static_cast<std::size_t>(g.radial_bins));
  for (std::size_t i = 0; i < centres.size(); ++i) {
    centres[i] = g.r_min_px + (static_cast<double>(i) + 0.5) * (g.r_max_px - g.r_min_px) / g.radial_bins;
  }
  return centres;
}

double polar_bin_area_px2(const PolarGeometry& g, int i) {
  const double dr = (g.r_max_px - g.r_min_px) / g.radial_bins;
  const double centre = g.r_min_px + (i + 0.5) * dr;
  return centre * dr * 2 * std::numbers::pi / g.azimuthal_bins;
}

PolarTransform::PolarTransform(const PolarGeometry& geometry, int rows, int columns,
                               std::span<const std::uint8_t> mask)
    : geometry_(geometry), rows_(rows), columns_(columns) {
  check_geometry(geometry);
  GLASSWATCH_CHECK(rows >= 1 && columns >= 1, rows, columns);
  const std::size_t pixel_count = static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
  GLASSWATCH_CHECK(pixel_count <= std::numeric_limits<std::uint32_t>::max(), pixel_count);
  GLASSWATCH_CHECK(mask.empty() || mask.size() == pixel_count, mask.size(), pixel_count);

  radius_px_ = radial_bin_centres_px(geometry);
  const std::size_t bins = bin_count(geometry);
  covered_area_px2_.assign(bins, 0.0);
  std::vector<Share> shares;
  internal::PixelClipper clipper(geometry);
  std::uint32_t pixel = 0;
  const std::function<void(int, double)> collect = [&](int bin, double area) {
    shares.push_back({static_cast<std::uint32_t>(bin), pixel, area});
    covered_area_px2_[static_cast<std::size_t>(bin)] += area;
  };
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < columns; ++column, ++pixel) {
      if (mask.empty() || mask[pixel] == 0) clipper.clip(row, column, collect);
    }
  }

  // Counting sort by bin; the pixels of a bin keep their order, which fixes the order of summation.
  const auto valid = [&](std::size_t bin) {
    const int i = static_cast<int>(bin / static_cast<std::size_t>(geometry_.azimuthal_bins));
    return covered_area_px2_[bin] >= kHalf * polar_bin_area_px2(geometry_, i);
  };
  first_.assign(bins + 1, 0);
  for (const Share& share : shares) first_[share.bin + 1] += valid(share.bin) ? 1 : 0;
  for (std::size_t bin = 0; bin < bins; ++bin) first_[bin + 1] += first_[bin];
  pixel_.resize(first_[bins]);
  area_px2_.resize(first_[bins]);
  std::vector<std::size_t> next(first_.begin(), first_.end() - 1);
  for (const Share& share : shares) {
    if (!valid(share.bin)) continue;
    const std::size_t at = next[share.bin]++;
    pixel_[at] = share.pixel;
    area_px2_[at] = share.area_px2;
  }
}

void PolarTransform::apply(const FrameView& frame, std::span<double> polar) const {
  GLASSWATCH_CHECK(frame.rows == rows_ && frame.columns == columns_, frame.rows, frame.columns, rows_,
                   columns_);
  GLASSWATCH_CHECK(polar.size() == bin_count(geometry_), polar.size(), bin_count(geometry_));
  visit_pixels(frame, [&](const auto* pixels) { apply_to(pixels, polar); });
}

template <typename Pixel>
void PolarTransform::apply_to(const Pixel* pixels, std::span<double> polar) const {
  for (std::size_t bin = 0; bin < polar.size(); ++bin) {
    const std::size_t begin = first_[bin], end = first_[bin + 1];
    double sum = 0, area = covered_area_px2_[bin];
    for (std::size_t at = begin; at < end; ++at)
      sum += area_px2_[at] * static_cast<double>(pixels[pixel_[at]]);
    if constexpr (std::is_floating_point_v<Pixel>) {
      if (!std::isfinite(sum)) {
        sum = area = 0;
        for (std::size_t at = begin; at < end; ++at) {
          const double value = static_cast<double>(pixels[pixel_[at]]);
          if (!std::isfinite(value)) continue;
          sum += area_px2_[at] * value;
          area += area_px2_[at];
        }
        const int i = static_cast<int>(bin / static_cast<std::size_t>(geometry_.azimuthal_bins));
        if (area < kHalf * polar_bin_area_px2(geometry_, i)) area = 0;
      }
    }
    polar[bin] = begin < end && area > 0 ? sum / area : kNaN;
  }
}

void polar_transform_reference(const PolarGeometry& g, const FrameView& frame,
                               std::span<const std::uint8_t> mask, int subsamples, std::span<double> polar) {
  check_geometry(g);
  GLASSWATCH_CHECK(subsamples >= 1, subsamples);
  GLASSWATCH_CHECK(mask.empty() || mask.size() == frame.pixel_count(), mask.size(), frame.pixel_count());
  GLASSWATCH_CHECK(polar.size() == bin_count(g), polar.size(), bin_count(g));
  const internal::EllipseRemoval remove_ellipse(g);
  const double h = 1.0 / subsamples;
  const auto columns = static_cast<std::size_t>(frame.columns);
  std::vector<double> sum(polar.size(), 0.0), area(polar.size(), 0.0);
  visit_pixels(frame, [&](const auto* pixels) {
    for (std::size_t p = 0; p < frame.pixel_count(); ++p) {
      const double value = static_cast<double>(pixels[p]);
      if ((!mask.empty() && mask[p] != 0) || !std::isfinite(value)) continue;
      for (int u = 0; u < subsamples; ++u) {
        for (int v = 0; v < subsamples; ++v) {
          const std::size_t pixel_row = p / columns;
          const double row = static_cast<double>(pixel_row) - 0.5 + (u + 0.5) * h;
          const double column = static_cast<double>(p % columns) - 0.5 + (v + 0.5) * h;
          const auto [x, y] = remove_ellipse({column - g.center_col_px, row - g.center_row_px});
          const double i =
              std::floor((std::hypot(x, y) - g.r_min_px) / (g.r_max_px - g.r_min_px) * g.radial_bins);
          if (i < 0 || i >= g.radial_bins) continue;
          const double turn = std::atan2(y, x) / (2 * std::numbers::pi) + 0.5;
          const int j = static_cast<int>(std::floor(turn * g.azimuthal_bins)) % g.azimuthal_bins;
          const auto bin = static_cast<std::size_t>(i) * static_cast<std::size_t>(g.azimuthal_bins) +
                           static_cast<std::size_t>(j);
          sum[bin] += value * h * h;
          area[bin] += h * h;
        }
      }
    }
  });
  for (std::size_t bin = 0; bin < polar.size(); ++bin) {
    const int i = static_cast<int>(bin / static_cast<std::size_t>(g.azimuthal_bins));
    polar[bin] = area[bin] >= kHalf * polar_bin_area_px2(g, i) ? sum[bin] / area[bin] : kNaN;
  }
}

}  // namespace glasswatch::analysis
