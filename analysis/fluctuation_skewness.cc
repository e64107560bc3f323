#include "analysis/fluctuation_skewness.h"

#include <cmath>
#include <limits>

#include "analysis/check.h"

namespace glasswatch::analysis {

FluctuationSkewness::FluctuationSkewness(int rows, int columns, std::span<const std::uint8_t> mask)
    : rows_(rows), columns_(columns) {
  GLASSWATCH_CHECK(rows >= 1 && columns >= 1, rows, columns);
  const auto size = static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
  GLASSWATCH_CHECK(mask.empty() || mask.size() == size, mask.size(), size);
  for (std::size_t p = 0; p < size; ++p) {
    if (mask.empty() || mask[p] == 0) pixels_.push_back(static_cast<std::uint32_t>(p));
  }
  for (auto* deviations : {&first_, &second_, &third_}) deviations->resize(pixels_.size());
}

bool FluctuationSkewness::take(const FrameView& frame, std::span<const float> flat_field,
                               std::span<float> deviations) const {
  GLASSWATCH_CHECK(frame.rows == rows_ && frame.columns == columns_, frame.rows, frame.columns, rows_,
                   columns_);
  double sum = 0;
  visit_pixels(frame, [&](const auto* counts) {
    for (std::size_t i = 0; i < pixels_.size(); ++i) {
      const auto value = static_cast<float>(counts[pixels_[i]]);
      deviations[i] = flat_field.empty() ? value : value / flat_field[i];
      sum += deviations[i];
    }
  });
  const double mean = sum / static_cast<double>(pixels_.size());
  if (!(mean > 0) || !std::isfinite(mean)) return false;
  const auto scale = static_cast<float>(1 / mean);
  for (float& d : deviations) d = d * scale - 1;
  return true;
}

bool FluctuationSkewness::add(const FrameView& first, const FrameView& second, const FrameView& third,
                              std::span<const float> flat_field) {
  GLASSWATCH_CHECK(flat_field.empty() || flat_field.size() == pixels_.size(), flat_field.size(),
                   pixels_.size());
  if (!take(first, flat_field, first_) || !take(second, flat_field, second_) ||
      !take(third, flat_field, third_)) {
    return false;
  }
  for (std::size_t i = 0; i < pixels_.size(); ++i) {
    const double a = first_[i], b = second_[i], c = third_[i];
    product_[0] += a * b;
    product_[1] += b * c;
    product_[2] += a * c;
    squares_ += a * a + b * b + c * c;
    triple_product_ += a * b * c;
  }
  values_ += static_cast<double>(pixels_.size());
  ++triples_;
  return true;
}

double FluctuationSkewness::skewness() const {
  constexpr double kLeastErrors = 5;
  const double noise = squares_ / 3 / std::sqrt(values_);  // standard error of a sum of products
  for (const double product : product_) {
    if (!(product > kLeastErrors * noise)) return std::numeric_limits<double>::quiet_NaN();
  }
  return triple_product_ / std::sqrt(product_[0] * product_[1] * product_[2] / values_);
}

void FluctuationSkewness::reset() {
  for (double& product : product_) product = 0;
  squares_ = triple_product_ = values_ = 0;
  triples_ = 0;
}

}  // namespace glasswatch::analysis
