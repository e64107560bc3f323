#include "analysis/speckle_shape.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/check.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int kMaxSide = 512;
constexpr int kMaxReach = 24;
constexpr int kMinReach = 3;
constexpr double kReachWidths = 2.5;    // far enough beyond the speckle to see what is pedestal
constexpr double kSupportWidths = 2.0;  // where m is taken to have ended
constexpr double kSignificance = 5;

int largest_reach(int rows, int columns) {
  return std::clamp(std::min(rows, columns) / 3, std::min(rows, columns) > kMinReach ? kMinReach : 0,
                    kMaxReach);
}

/// Twice the distance at which m(distance) falls to one half, linearly between pixels.
template <typename Profile>
double full_width(int reach, Profile m) {
  for (int d = 1; d <= reach; ++d) {
    if (m(d) < 0.5) return 2 * (d - (0.5 - m(d)) / (m(d - 1) - m(d)));
  }
  return kNaN;
}

}  // namespace

SpeckleShape::SpeckleShape(int rows, int columns, std::span<const std::uint8_t> mask)
    : frame_rows_(rows),
      frame_columns_(columns),
      rows_(std::min(rows, kMaxSide)),
      columns_(std::min(columns, kMaxSide)),
      sums_(rows_, columns_, largest_reach(rows_, columns_)) {
  GLASSWATCH_CHECK(mask.empty() || mask.size() == static_cast<std::size_t>(rows) * columns, mask.size(), rows,
                   columns);
  const std::size_t pixels = static_cast<std::size_t>(rows_) * static_cast<std::size_t>(columns_);
  valid_.assign(pixels, 1);
  std::vector<double> indicator;
  for (std::size_t i = 0; i < pixels && !mask.empty(); ++i) {
    const std::size_t row = (frame_rows_ - rows_) / 2 + i / columns_;
    const std::size_t column = (frame_columns_ - columns_) / 2 + i % columns_;
    valid_[i] = mask[row * frame_columns_ + column] == 0 ? 1 : 0;
  }
  indicator.assign(valid_.begin(), valid_.end());
  pixel_pairs_.assign(sums_.displacements(), 0);
  sums_.add(indicator, indicator, 1, pixel_pairs_);
  earlier_.resize(pixels);
  later_.resize(pixels);
  reset();
}

void SpeckleShape::reset() {
  pairs_ = 0;
  covariance_.assign(pixel_pairs_.size(), 0);
  earlier_mean_.assign(valid_.size(), 0);
  later_mean_.assign(valid_.size(), 0);
}

bool SpeckleShape::load(const FrameView& frame, std::vector<double>& relative) const {
  GLASSWATCH_CHECK(frame.rows == frame_rows_ && frame.columns == frame_columns_, frame.rows, frame.columns,
                   frame_rows_, frame_columns_);
  double sum = 0, count = 0;
  visit_pixels(frame, [&](const auto* pixels) {
    std::size_t at = 0;
    for (int row = 0; row < rows_; ++row) {
      const auto* line = pixels +
                         static_cast<std::ptrdiff_t>(row + (frame_rows_ - rows_) / 2) * frame_columns_ +
                         (frame_columns_ - columns_) / 2;
      for (int column = 0; column < columns_; ++column, ++at) {
        if (valid_[at] == 0) continue;
        relative[at] = static_cast<double>(line[column]);
        sum += relative[at];
        ++count;
      }
    }
  });
  if (!std::isfinite(sum) || !(sum > 0)) return false;
  for (std::size_t i = 0; i < relative.size(); ++i) {
    relative[i] = valid_[i] == 0 ? 0 : relative[i] * (count / sum) - 1;
  }
  return true;
}

bool SpeckleShape::add(const FrameView& earlier, const FrameView& later) {
  if (!load(earlier, earlier_) || !load(later, later_)) return false;
  ++pairs_;
  for (std::size_t i = 0; i < valid_.size(); ++i) {
    earlier_[i] -= earlier_mean_[i];
    later_[i] -= later_mean_[i];
    earlier_mean_[i] += earlier_[i] / pairs_;
    later_mean_[i] += later_[i] / pairs_;
  }
  // The first pair has nothing to be compared with.
  if (pairs_ > 1) sums_.add(earlier_, later_, (pairs_ - 1.0) / pairs_, covariance_);
  return true;
}

SpeckleShape::Measured SpeckleShape::measure() const {
  const int reach = sums_.reach(), side = 2 * reach + 1;
  Measured measured{std::vector<double>(covariance_.size(), kNaN), kNaN, kNaN};
  if (pairs_ < 2) return measured;
  std::vector<double>& m = measured.m;
  double sum = 0, squares = 0;
  int border = 0;
  for (std::size_t i = 0; i < m.size(); ++i) {
    const std::size_t opposite = m.size() - 1 - i;
    m[i] = (covariance_[i] + covariance_[opposite]) / (pixel_pairs_[i] + pixel_pairs_[opposite]);
    const int dr = static_cast<int>(i) / side - reach, dc = static_cast<int>(i) % side - reach;
    if (std::max(std::abs(dr), std::abs(dc)) < reach || !std::isfinite(m[i])) continue;
    sum += m[i];
    squares += m[i] * m[i];
    ++border;
  }
  const double pedestal = sum / border;
  const double noise = std::sqrt(std::max(squares / border - pedestal * pedestal, 0.0));
  const std::size_t middle = m.size() / 2;
  const double peak = m[middle] - pedestal;
  if (!(peak > kSignificance * noise)) return measured;
  for (double& value : m) value = (value - pedestal) / peak;
  measured.row_width_px = full_width(reach / 3 + 1, [&](int d) { return m[middle + d * side]; });
  measured.column_width_px = full_width(reach / 3 + 1, [&](int d) { return m[middle + d]; });
  return measured;
}

int SpeckleShape::reach_of(const Measured& measured) const {
  const double widest = std::max(measured.row_width_px, measured.column_width_px);
  if (!std::isfinite(measured.row_width_px + measured.column_width_px)) return sums_.reach();
  return std::min(std::max(static_cast<int>(std::ceil(kReachWidths * widest)), kMinReach), sums_.reach());
}

int SpeckleShape::reach() const {
  return reach_of(measure());
}

double SpeckleShape::size_px() const {
  const Measured measured = measure();
  return std::sqrt(measured.row_width_px * measured.column_width_px);
}

std::vector<double> SpeckleShape::autocorrelation() const {
  const Measured measured = measure();
  const int reach = reach_of(measured), whole = sums_.reach();
  const std::size_t side = 2 * static_cast<std::size_t>(whole) + 1;
  const bool known = std::isfinite(measured.row_width_px + measured.column_width_px);
  std::vector<double> shape;
  for (int dr = -reach; dr <= reach; ++dr) {
    for (int dc = -reach; dc <= reach; ++dc) {
      const double distance = std::hypot(dr / (kSupportWidths * measured.row_width_px),
                                         dc / (kSupportWidths * measured.column_width_px));
      const double m =
          measured.m[static_cast<std::size_t>(dr + whole) * side + static_cast<std::size_t>(dc + whole)];
      shape.push_back(!known ? kNaN : distance > 1 ? 0 : m);
    }
  }
  return shape;
}

}  // namespace glasswatch::analysis
