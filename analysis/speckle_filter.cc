#include "analysis/speckle_filter.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "analysis/check.h"
#include "analysis/real_fft.h"

namespace glasswatch::analysis {
namespace {

/// Displacements beyond which the autocorrelation is below 1e-10.
int reach_px(double size_px) {
  return static_cast<int>(3 * size_px) + 1;
}

/// The filter on a circle of pixels: size values, the middle one first.
std::vector<double> filter_on_circle(double size_px, int circle) {
  RealFft fft(circle);
  std::ranges::fill(fft.real(), 0.0);
  const int reach = reach_px(size_px);
  for (int d = -reach; d <= reach; ++d) {
    fft.real()[static_cast<std::size_t>(((d % circle) + circle) % circle)] +=
        speckle_autocorrelation(d, size_px);
  }
  fft.forward();
  for (auto& power : fft.spectrum()) power = std::sqrt(std::max(power.real(), 0.0));
  fft.inverse();
  return {fft.real().begin(), fft.real().end()};
}

/// Taps -reach ... reach, sum of their squares 1; one fewer to the left where the circle has no more.
std::vector<float> taps_of(double size_px, int circle) {
  if (!(size_px > 0) || circle == 1) return {1.0F};
  const std::vector<double> filter = filter_on_circle(size_px, circle);
  constexpr double kSmallest = 1e-5;  // of the largest
  int reach = circle / 2;
  while (reach > 0 && std::abs(filter[static_cast<std::size_t>(reach)]) < kSmallest * filter[0]) --reach;
  std::vector<double> taps;
  double squares = 0;
  for (int d = -std::min(reach, (circle - 1) / 2); d <= reach; ++d) {
    taps.push_back(filter[static_cast<std::size_t>((d + circle) % circle)]);
    squares += taps.back() * taps.back();
  }
  for (double& tap : taps) tap /= std::sqrt(squares);
  return {taps.begin(), taps.end()};
}

void add_scaled(float weight, std::span<const float> in, std::span<float> out) {
  for (std::size_t i = 0; i < out.size(); ++i) out[i] += weight * in[i];
}

}  // namespace

double speckle_autocorrelation(double distance_px, double size_px) {
  return std::exp(-4 * std::numbers::ln2 * distance_px * distance_px / (size_px * size_px));
}

double pixels_per_speckle(double size_px) {
  if (size_px <= 1) return 1;
  const int reach = reach_px(size_px);
  double line = 0;
  for (int d = -reach; d <= reach; ++d) line += speckle_autocorrelation(d, size_px);
  return line * line;
}

SpeckleFilter::SpeckleFilter(int rows, int columns, double size_px)
    : rows_(static_cast<std::size_t>(rows)),
      columns_(static_cast<std::size_t>(columns)),
      row_taps_(taps_of(size_px, rows)),
      column_taps_(taps_of(size_px, columns)) {
  GLASSWATCH_CHECK(size_px >= 0, size_px);
}

SpeckleFilter::Scratch SpeckleFilter::scratch() const {
  return {std::vector<float>(rows_ * columns_), std::vector<float>(columns_ + column_taps_.size() - 1)};
}

void SpeckleFilter::apply(std::span<float> frame, Scratch& scratch) const {
  GLASSWATCH_CHECK(frame.size() == rows_ * columns_, frame.size(), rows_, columns_);
  if (row_taps_.size() == 1 && column_taps_.size() == 1) return;
  apply_along_rows(frame, scratch);
  const std::size_t above = (row_taps_.size() - 1) / 2;
  std::ranges::fill(frame, 0.0F);
  for (std::size_t r = 0; r < rows_; ++r) {
    for (std::size_t tap = 0; tap < row_taps_.size(); ++tap) {
      const std::size_t from = (r + tap + rows_ - above) % rows_;
      add_scaled(row_taps_[tap], std::span(scratch.along_rows).subspan(from * columns_, columns_),
                 frame.subspan(r * columns_, columns_));
    }
  }
}

void SpeckleFilter::apply_along_rows(std::span<const float> frame, Scratch& scratch) const {
  const std::size_t left = (column_taps_.size() - 1) / 2;
  std::ranges::fill(scratch.along_rows, 0.0F);
  for (std::size_t r = 0; r < rows_; ++r) {
    const std::span<const float> in = frame.subspan(r * columns_, columns_);
    for (std::size_t c = 0; c < scratch.padded_row.size(); ++c) {
      scratch.padded_row[c] = in[(c + columns_ - left) % columns_];
    }
    const std::span<float> out = std::span(scratch.along_rows).subspan(r * columns_, columns_);
    for (std::size_t tap = 0; tap < column_taps_.size(); ++tap) {
      add_scaled(column_taps_[tap], std::span<const float>(scratch.padded_row).subspan(tap, columns_), out);
    }
  }
}

}  // namespace glasswatch::analysis
