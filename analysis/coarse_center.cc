#include "analysis/coarse_center.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace glasswatch::analysis {
namespace {

constexpr int kCoarsestSide = 48;
constexpr int kLevels = 4;
constexpr double kMargin = 0.25;  // of the frame, searched beyond its edges
constexpr double kCoarseStep = 1.5;

/// The pixels of a binned pattern that count, as sqrt(intensity): counting noise is then the same everywhere
/// and the direct beam does not outweigh the rings.
class ExplainedVariance {
 public:
  ExplainedVariance(const MaskedPattern& pattern, int block)
      : block_(block), binned_(binned(pattern, block)) {
    for (int row = 0; row < binned_.rows; ++row) {
      for (int column = 0; column < binned_.columns; ++column) {
        const std::size_t p = binned_.at(row, column);
        if (binned_.valid[p] == 0) continue;
        samples_.push_back({static_cast<float>(row), static_cast<float>(column),
                            std::sqrt(std::max(binned_.counts[p], 0.0F))});
      }
    }
    for (const Sample& s : samples_) mean_ += static_cast<double>(s.value);
    if (!samples_.empty()) mean_ /= static_cast<double>(samples_.size());
    for (const Sample& s : samples_) squares_ += std::pow(static_cast<double>(s.value) - mean_, 2);
  }

  int rows() const { return binned_.rows; }
  int columns() const { return binned_.columns; }

  /// The score of a centre in binned pixels.
  double at(double row, double column) {
    const double farthest = std::hypot(std::max(std::abs(row), std::abs(row - binned_.rows)),
                                       std::max(std::abs(column), std::abs(column - binned_.columns)));
    sum_.assign(static_cast<std::size_t>(farthest) + 2, 0.0F);
    count_.assign(sum_.size(), 0.0F);
    const auto r0 = static_cast<float>(row), c0 = static_cast<float>(column);
    for (const Sample& s : samples_) {
      const float dr = s.row - r0, dc = s.column - c0;
      const auto ring = static_cast<std::size_t>(std::sqrt(dr * dr + dc * dc));
      sum_[ring] += s.value - static_cast<float>(mean_);
      count_[ring] += 1;
    }
    double between = 0, rings = 0;
    for (std::size_t i = 0; i < sum_.size(); ++i) {
      if (count_[i] == 0) continue;
      between += static_cast<double>(sum_[i] * sum_[i] / count_[i]);
      rings += 1;
    }
    const double free = static_cast<double>(samples_.size()) - rings;
    return free > 0 ? -(squares_ - between) / free : -squares_;
  }

  double to_pixels(double binned) const { return (binned + 0.5) * block_ - 0.5; }
  double from_pixels(double pixels) const { return (pixels + 0.5) / block_ - 0.5; }

 private:
  struct Sample {
    float row, column, value;
  };
  int block_;
  MaskedPattern binned_;
  std::vector<Sample> samples_;
  std::vector<float> sum_, count_;
  double mean_ = 0;
  double squares_ = 0;
};

struct Window {
  double row_from, row_to, col_from, col_to, step;
};

/// Best centre on a grid, in pixels of the pattern; its middle where nothing is better.
CenterGuess best_on_grid(ExplainedVariance& score, const Window& w) {
  double best_row = (w.row_from + w.row_to) / 2, best_column = (w.col_from + w.col_to) / 2;
  double highest = score.at(best_row, best_column);
  for (double row = w.row_from; row <= w.row_to; row += w.step) {
    for (double column = w.col_from; column <= w.col_to; column += w.step) {
      const double value = score.at(row, column);
      if (!(value > highest)) continue;
      highest = value;
      best_row = row;
      best_column = column;
    }
  }
  return {score.to_pixels(best_row), score.to_pixels(best_column)};
}

CenterGuess search_around(ExplainedVariance& score, const CenterGuess& guess, double reach, double step) {
  const double row = score.from_pixels(guess.row_px), column = score.from_pixels(guess.col_px);
  return best_on_grid(score, {row - reach, row + reach, column - reach, column + reach, step});
}

int coarsest_block(const MaskedPattern& pattern) {
  return std::max(1, (std::max(pattern.rows, pattern.columns) + kCoarsestSide - 1) / kCoarsestSide);
}

CenterGuess refine(const MaskedPattern& pattern, CenterGuess guess) {
  int block = coarsest_block(pattern);
  for (int level = 0; level < kLevels; ++level, block = std::max(1, block / 2)) {
    ExplainedVariance score(pattern, block);
    guess = search_around(score, guess, 2, 1);
    if (block == 1) break;
  }
  return guess;
}

}  // namespace

CenterGuess coarse_center(const MaskedPattern& pattern) {
  ExplainedVariance score(pattern, coarsest_block(pattern));
  const double row_margin = kMargin * score.rows(), col_margin = kMargin * score.columns();
  const CenterGuess guess = best_on_grid(score, {-row_margin, score.rows() + row_margin, -col_margin,
                                                 score.columns() + col_margin, kCoarseStep});
  return refine(pattern, guess);
}

CenterGuess refined_center(const MaskedPattern& pattern, const CenterGuess& guess) {
  ExplainedVariance score(pattern, coarsest_block(pattern));
  return refine(pattern, search_around(score, guess, 4, 1));
}

}  // namespace glasswatch::analysis
