#include "analysis/spectrum_ring.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "analysis/check.h"
#include "analysis/polar.h"

namespace glasswatch::analysis {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr int kAzimuths = 60;  // cells of 3 deg on the half circle: a fifth of the smoothing
constexpr double kCellDeg = 180.0 / kAzimuths;

double radius_px(const SpectrumRing::Pixel& pixel) {
  return std::hypot(pixel.row, pixel.column);
}

/// S(-k) = S(k): the half plane's pixel that stands for this one.
SpectrumRing::Pixel folded(int row, int column) {
  return column < 0 || (column == 0 && row < 0) ? SpectrumRing::Pixel{-row, -column}
                                                : SpectrumRing::Pixel{row, column};
}

std::vector<double> circular_gaussian() {
  std::vector<double> kernel(kAzimuths);
  for (int d = 0; d < kAzimuths; ++d) {
    const double angle_deg = kCellDeg * std::min(d, kAzimuths - d);
    kernel[static_cast<std::size_t>(d)] =
        std::exp(-0.5 * std::pow(angle_deg / SpectrumRing::kSmoothingDeg, 2));
  }
  return kernel;
}

}  // namespace

SpectrumRing::SpectrumRing(int size_px, double r_min_px, double r_max_px, int radial_bins, int azimuthal_bins,
                           const std::vector<int>& orders)
    : orders_(orders.size()), kernel_(circular_gaussian()) {
  GLASSWATCH_CHECK(size_px >= 2 && size_px % 2 == 0, size_px);
  GLASSWATCH_CHECK(r_min_px > 0 && r_min_px < r_max_px, r_min_px, r_max_px);
  GLASSWATCH_CHECK(r_max_px <= size_px * 0.5 * (1 + 1e-12), r_max_px, size_px);
  for (const int n : orders) GLASSWATCH_CHECK(n >= 1 && n <= azimuthal_bins / 2, n, azimuthal_bins);

  // One row and column more than the transform has, so that -k is there for every k.
  const int side = size_px + 1;
  const double centre = size_px / 2.0;
  const PolarTransform polar({centre, centre, 1, 0, r_min_px, r_max_px, radial_bins, azimuthal_bins}, side,
                             side, {});
  const std::vector<std::uint32_t> half_of = list_pixels(polar, size_px);
  compose_operator(polar, half_of, orders);
  sort_into_cells(r_min_px, r_max_px);
}

std::vector<std::uint32_t> SpectrumRing::list_pixels(const PolarTransform& polar, int size_px) {
  const int side = size_px + 1, middle = size_px / 2;
  const auto index = [&](const Pixel& pixel) {
    return static_cast<std::size_t>(pixel.row + middle) * static_cast<std::size_t>(side) +
           static_cast<std::size_t>(pixel.column + middle);
  };
  const auto folded_at = [&](std::size_t at) {
    const int row = static_cast<int>(at / static_cast<std::size_t>(side)) - middle;
    return folded(row, static_cast<int>(at % static_cast<std::size_t>(side)) - middle);
  };
  const PolarGeometry& g = polar.geometry();
  std::vector<std::uint8_t> touched(static_cast<std::size_t>(side) * static_cast<std::size_t>(side), 0);
  std::vector<PixelShare> shares;
  for (int bin = 0; bin < g.radial_bins * g.azimuthal_bins; ++bin) {
    polar.shares(bin, shares);
    for (const PixelShare& share : shares) touched[index(folded_at(share.pixel))] = 1;
  }
  for (std::size_t at = 0; at < touched.size(); ++at) {
    if (touched[at] != 0) pixels_.push_back(folded_at(at));
  }
  const auto cut = std::stable_partition(pixels_.begin(), pixels_.end(), [&](const Pixel& pixel) {
    return radius_px(pixel) >= g.r_min_px && radius_px(pixel) < g.r_max_px;
  });
  inside_ = static_cast<std::size_t>(cut - pixels_.begin());
  GLASSWATCH_CHECK(inside_ > 0, g.r_min_px, g.r_max_px);

  std::vector<std::uint32_t> half_of(touched.size(), 0);
  for (std::size_t p = 0; p < pixels_.size(); ++p) {
    half_of[index(pixels_[p])] = half_of[index({-pixels_[p].row, -pixels_[p].column})] =
        static_cast<std::uint32_t>(p);
  }
  return half_of;
}

void SpectrumRing::compose_operator(const PolarTransform& polar, std::span<const std::uint32_t> half_of,
                                    const std::vector<int>& orders) {
  const PolarGeometry& g = polar.geometry();
  const std::size_t terms = 1 + 2 * orders_;
  constexpr std::size_t kNoEntry = std::numeric_limits<std::size_t>::max();
  std::vector<std::size_t> entry_of(pixels_.size());
  std::vector<double> factor;
  std::vector<PixelShare> shares;
  first_.push_back(0);
  for (int row = 0; row < g.radial_bins; ++row) {
    std::fill(entry_of.begin(), entry_of.end(), kNoEntry);
    factor.clear();
    const double bin_area_px2 = polar_bin_area_px2(g, row);
    for (int j = 0; j < g.azimuthal_bins; ++j) {
      polar.shares(row * g.azimuthal_bins + j, shares);
      for (const PixelShare& share : shares) {
        std::size_t& entry = entry_of[half_of[share.pixel]];
        if (entry == kNoEntry) {
          entry = factor.size() / terms;
          factor.resize(factor.size() + terms, 0.0);
          pixel_.push_back(half_of[share.pixel]);
        }
        double* term = &factor[entry * terms];
        const double weight = share.area_px2 / bin_area_px2;
        *term++ += weight;
        for (const int n : orders) {
          // Opposite pixels are equal and their odd waves opposite: zero, of which rounding would leave 1e-8.
          const bool cancels = n % 2 == 1 && g.azimuthal_bins % 2 == 0;
          const double in_wave = cancels ? 0 : weight;
          const double phase = -2 * std::numbers::pi * (n * j % g.azimuthal_bins) / g.azimuthal_bins;
          *term++ += in_wave * std::cos(phase);
          *term++ += in_wave * std::sin(phase);
        }
      }
    }
    for (const double value : factor) factor_.push_back(static_cast<float>(value));
    first_.push_back(pixel_.size());
  }
}

void SpectrumRing::sort_into_cells(double r_min_px, double r_max_px) {
  // Whole circles only: the outermost takes the rest of the ring, so none is too thin to hold pixels.
  const int circles = std::max(1, static_cast<int>(r_max_px - r_min_px));
  cell_count_.assign(static_cast<std::size_t>(circles) * kAzimuths, 0.0);
  for (const Pixel& pixel : pixels_) {
    const int circle = std::clamp(static_cast<int>(std::floor(radius_px(pixel) - r_min_px)), 0, circles - 1);
    const double azimuth_deg =
        std::atan2(pixel.row, pixel.column) * 180 / std::numbers::pi + 90;  // in [0, 180]
    const int azimuth = static_cast<int>(azimuth_deg / kCellDeg) % kAzimuths;
    cell_.push_back(static_cast<std::uint32_t>(circle * kAzimuths + azimuth));
    cell_count_[cell_.back()] += 1;
  }
}

double SpectrumRing::mean(std::span<const float> s) const {
  double sum = 0;
  for (std::size_t p = 0; p < inside_; ++p) sum += static_cast<double>(s[p]);
  return sum / static_cast<double>(inside_);
}

float SpectrumRing::peak(std::span<const float> s, std::span<float> scratch) const {
  const std::span<float> values = scratch.first(inside_);
  std::copy_n(s.begin(), inside_, values.begin());
  const auto upper = values.begin() + static_cast<std::ptrdiff_t>(inside_ / 2);
  std::nth_element(values.begin(), upper, values.end());
  float median = *upper;
  if (inside_ % 2 == 0) median = (median + *std::max_element(values.begin(), upper)) / 2;
  if (!(median > 0)) return kNaN;
  return *std::max_element(upper, values.end()) / median * std::numbers::ln2_v<float>;
}

void SpectrumRing::angular_power(std::span<const float> s, std::span<float> scratch,
                                 std::span<float> power) const {
  const std::size_t terms = 1 + 2 * orders_;
  const std::span<float> sums = scratch.first(terms);
  std::fill(power.begin(), power.end(), 0.0f);
  int rows = 0;
  for (std::size_t row = 0; row + 1 < first_.size(); ++row) {
    std::fill(sums.begin(), sums.end(), 0.0f);
    for (std::size_t entry = first_[row]; entry < first_[row + 1]; ++entry) {
      const float value = s[pixel_[entry]];
      const float* factor = &factor_[entry * terms];
      for (std::size_t t = 0; t < terms; ++t) sums[t] += value * factor[t];
    }
    if (!(sums[0] > 0)) continue;
    ++rows;
    for (std::size_t n = 0; n < orders_; ++n) {
      const float re = sums[1 + 2 * n] / sums[0], im = sums[2 + 2 * n] / sums[0];
      power[n] += re * re + im * im;
    }
  }
  for (float& value : power) value = rows > 0 ? value / static_cast<float>(rows) : kNaN;
}

void SpectrumRing::smooth(std::span<const double> s, std::span<double> scratch,
                          std::span<double> smoothed) const {
  std::fill(scratch.begin(), scratch.end(), 0.0);
  for (std::size_t p = 0; p < pixels_.size(); ++p) scratch[cell_[p]] += s[p];
  for (std::size_t p = 0; p < pixels_.size(); ++p) {
    const std::size_t azimuth = cell_[p] % kAzimuths, circle = cell_[p] - azimuth;
    double sum = 0, count = 0;
    for (std::size_t other = 0; other < kAzimuths; ++other) {
      const double weight = kernel_[other > azimuth ? other - azimuth : azimuth - other];
      sum += weight * scratch[circle + other];
      count += weight * cell_count_[circle + other];
    }
    smoothed[p] = sum / count;
  }
}

}  // namespace glasswatch::analysis
