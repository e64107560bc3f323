#include "analysis/polar.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <type_traits>

#include "analysis/check.h"
#include "analysis/polar_clipping.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
// Covering "at least half" is a threshold on sums of areas; bins cut exactly in half must not hang on
// rounding, which is up to 2^-24 = 6e-8 where the areas are kept as float.
constexpr double kHalf = 0.5 * (1 - 1e-7);

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

/// Clips the image rows in blocks, each with a list of its own: the lists one after the other are in the
/// order of the pixels, whoever made them.
std::vector<std::vector<internal::CommonArea>> clip_pixels(const PolarGeometry& geometry, int rows,
                                                           int columns, std::span<const std::uint8_t> mask,
                                                           std::span<const std::uint8_t> rows_wanted,
                                                           Parallel& parallel) {
  constexpr int kBlockRows = 16;
  std::vector<std::vector<internal::CommonArea>> blocks(
      static_cast<std::size_t>((rows - 1) / kBlockRows + 1));
  auto clip_blocks = [&](int, int begin, int end) {
    internal::PixelClipper clipper(geometry, rows_wanted);
    for (int block = begin; block < end; ++block) {
      const int first_row = block * kBlockRows, end_row = std::min(rows, first_row + kBlockRows);
      auto pixel = static_cast<std::uint32_t>(first_row) * static_cast<std::uint32_t>(columns);
      for (int row = first_row; row < end_row; ++row) {
        for (int column = 0; column < columns; ++column, ++pixel) {
          if (!mask.empty() && mask[pixel] != 0) continue;
          clipper.clip(row, column, pixel, blocks[static_cast<std::size_t>(block)]);
        }
      }
    }
  };
  parallel.run(static_cast<int>(blocks.size()), clip_blocks);
  return blocks;
}

/// All pixels of bin 0, then those of bin 1, ...: shares[first[bin]] ... shares[first[bin + 1] - 1].
struct SharesByBin {
  std::vector<PixelShare> shares;
  std::vector<std::size_t> first;
};

/// Counting sort; the pixels of a bin keep their order, which fixes the order of summation.
SharesByBin sort_by_bin(const std::vector<std::vector<internal::CommonArea>>& blocks, std::size_t bins) {
  SharesByBin sorted{{}, std::vector<std::size_t>(bins + 1, 0)};
  for (const auto& block : blocks) {
    for (const internal::CommonArea& common : block) ++sorted.first[common.bin + 1];
  }
  std::partial_sum(sorted.first.begin(), sorted.first.end(), sorted.first.begin());
  sorted.shares.resize(sorted.first.back());
  std::vector<std::size_t> next(sorted.first.begin(), sorted.first.end() - 1);
  for (const auto& block : blocks) {
    for (const internal::CommonArea& common : block) {
      sorted.shares[next[common.bin]++] = {common.pixel, common.area_px2};
    }
  }
  return sorted;
}

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
                               std::span<const std::uint8_t> mask, Parallel& parallel,
                               std::span<const std::uint8_t> rows_wanted)
    : geometry_(geometry), rows_(rows), columns_(columns) {
  check_geometry(geometry_);
  GLASSWATCH_CHECK(rows_ >= 1 && columns_ >= 1, rows_, columns_);
  const std::size_t pixel_count = static_cast<std::size_t>(rows_) * static_cast<std::size_t>(columns_);
  GLASSWATCH_CHECK(pixel_count <= std::numeric_limits<std::uint32_t>::max(), pixel_count);
  GLASSWATCH_CHECK(mask.empty() || mask.size() == pixel_count, mask.size(), pixel_count);
  const auto radial_bins = static_cast<std::size_t>(geometry_.radial_bins);
  GLASSWATCH_CHECK(rows_wanted.empty() || rows_wanted.size() == radial_bins, rows_wanted.size(), radial_bins);

  radius_px_ = radial_bin_centres_px(geometry_);
  covered_area_px2_.assign(bin_count(geometry_), 0.0);
  radial_rows_.resize(radial_bins);
  const SharesByBin sorted = sort_by_bin(clip_pixels(geometry_, rows_, columns_, mask, rows_wanted, parallel),
                                         covered_area_px2_.size());
  auto build_rows = [&](int, int begin, int end) {
    for (int i = begin; i < end; ++i) {
      const auto bins = static_cast<std::size_t>(geometry_.azimuthal_bins);
      build_row(i, sorted.shares,
                std::span(sorted.first).subspan(static_cast<std::size_t>(i) * bins, bins + 1));
    }
  };
  parallel.run(geometry_.radial_bins, build_rows);
}

void PolarTransform::build_row(int i, std::span<const PixelShare> shares,
                               std::span<const std::size_t> first) {
  const double least_area = kHalf * polar_bin_area_px2(geometry_, i);
  std::vector<PixelShare> valid_shares;
  std::vector<std::size_t> valid_first(first.size(), 0);
  for (std::size_t j = 0; j + 1 < first.size(); ++j) {
    const auto bin = shares.subspan(first[j], first[j + 1] - first[j]);
    double& covered = covered_area_px2_[static_cast<std::size_t>(i * geometry_.azimuthal_bins) + j];
    for (const PixelShare& share : bin) covered += share.area_px2;
    if (covered >= least_area) valid_shares.insert(valid_shares.end(), bin.begin(), bin.end());
    valid_first[j + 1] = valid_shares.size();
  }
  const std::size_t pixel_count = static_cast<std::size_t>(rows_) * static_cast<std::size_t>(columns_);
  radial_rows_[static_cast<std::size_t>(i)] =
      internal::PolarRow(valid_shares, valid_first, least_area, pixel_count);
}

void PolarTransform::apply(const FrameView& frame, std::span<double> polar, Parallel& parallel) const {
  GLASSWATCH_CHECK(frame.rows == rows_ && frame.columns == columns_, frame.rows, frame.columns, rows_,
                   columns_);
  GLASSWATCH_CHECK(polar.size() == bin_count(geometry_), polar.size(), bin_count(geometry_));
  visit_pixels(frame, [&](const auto* pixels) {
    using Pixel = std::remove_cvref_t<decltype(*pixels)>;
    std::array<Pixel, internal::PolarRow::kRunPixels> few{};
    if (frame.pixel_count() < few.size()) {
      std::copy_n(pixels, frame.pixel_count(), few.begin());
      pixels = few.data();
    }
    const internal::LoopWidth width = internal::widest_loops();
    const auto bins = static_cast<std::size_t>(geometry_.azimuthal_bins);
    auto rows = [&](int, int begin, int end) {
      for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
        radial_rows_[i].means(pixels, polar.subspan(i * bins, bins), width);
      }
    };
    parallel.run(geometry_.radial_bins, rows);
  });
}

void PolarTransform::shares(int bin, std::vector<PixelShare>& out) const {
  GLASSWATCH_CHECK(bin >= 0 && static_cast<std::size_t>(bin) < bin_count(geometry_), bin);
  const int bins = geometry_.azimuthal_bins;
  radial_rows_[static_cast<std::size_t>(bin / bins)].shares(bin % bins, out);
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
