#include "analysis/ring_cells.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace glasswatch::analysis {
namespace {

constexpr int kRobustSteps = 5;
constexpr double kTukey = 4.685;  // 95 % efficient for Gaussian residuals
constexpr double kGaussianMad = 1.4826;
constexpr double kLeastCellShare = 0.25;  // of the pixels of a row's fullest cell

double median(std::vector<double>& values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

RingCells::RingCells(const MaskedPattern& pattern, const PixelScatter& scatter, const Ring& ring)
    : pattern_(pattern),
      scatter_(scatter),
      inner_px_(ring.inner_px()),
      smoothing_rows_(std::max(2, static_cast<int>(std::lround(ring.width_px / 4)))),
      rows_(static_cast<std::size_t>(std::ceil(ring.outer_px() - ring.inner_px()))),
      cells_(rows_.size() * kSectors) {}

/// Shared linearly between the two nearest rows: the cells then change steadily with the shape, and the
/// iteration comes to rest.
void RingCells::add(const RingCoordinates::Offset& u, double r, double counts) {
  const double cosine = u.x / r, sine = u.y / r;
  const double row = r - inner_px_ - 0.5, lower = std::floor(row);
  const double turn = std::atan2(u.y, u.x) / (2 * std::numbers::pi) + 0.5;
  const int sector = std::min(kSectors - 1, static_cast<int>(turn * kSectors));
  for (const double k : {lower, lower + 1}) {
    if (k < 0 || k >= static_cast<double>(rows_.size())) continue;
    const double share = 1 - std::abs(row - k);
    Cell& c = cell(static_cast<std::size_t>(k), sector);
    c.pixels += share;
    c.counts += share * counts;
    c.radius_px += share * r;
    c.cos1 += share * cosine;
    c.sin1 += share * sine;
    c.cos2 += share * (cosine * cosine - sine * sine);
    c.sin2 += share * 2 * cosine * sine;
  }
}

void RingCells::bin(const RingShape& shape) {
  std::fill(cells_.begin(), cells_.end(), Cell{});
  const RingCoordinates coordinates(shape);
  const double outer = inner_px_ + static_cast<double>(rows_.size());
  const double reach = outer * std::exp(shape.stretch());
  const auto from = [&](double center) { return std::max(0, static_cast<int>(std::floor(center - reach))); };
  const auto to = [&](double center, int end) {
    return std::min(end - 1, static_cast<int>(std::ceil(center + reach)));
  };
  for (int row = from(shape.center_row_px); row <= to(shape.center_row_px, pattern_.rows); ++row) {
    for (int column = from(shape.center_col_px); column <= to(shape.center_col_px, pattern_.columns);
         ++column) {
      const std::size_t p = pattern_.at(row, column);
      if (pattern_.valid[p] == 0) continue;
      const RingCoordinates::Offset u = coordinates.freed(row, column);
      const double r = u.radius_px();
      if (r > inner_px_ - 0.5 && r < outer + 0.5 && r > 0) add(u, r, static_cast<double>(pattern_.counts[p]));
    }
  }
  drop_poor_cells();
}

/// A cell that the mask leaves little of has an ill-defined place.
void RingCells::drop_poor_cells() {
  for (std::size_t k = 0; k < rows_.size(); ++k) {
    double fullest = 0;
    for (int j = 0; j < kSectors; ++j) fullest = std::max(fullest, cell(k, j).pixels);
    for (int j = 0; j < kSectors; ++j) {
      Cell& c = cell(k, j);
      if (c.pixels == 0 || c.pixels < kLeastCellShare * fullest) {
        c.pixels = 0;
        continue;
      }
      for (double* mean : {&c.counts, &c.radius_px, &c.cos1, &c.sin1, &c.cos2, &c.sin2}) *mean /= c.pixels;
      c.weight = c.pixels;
    }
  }
}

/// Local parabolas through the weighted row means: f and f' without the bias that a running mean has at a
/// crest.
void RingCells::smooth_profile() {
  const int n = static_cast<int>(rows_.size());
  std::vector<double> mean(rows_.size(), 0), weight(rows_.size(), 0);
  for (std::size_t k = 0; k < rows_.size(); ++k) {
    const double middle = inner_px_ + static_cast<double>(k) + 0.5;
    for (int j = 0; j < kSectors; ++j) {
      const Cell& c = cell(k, j);
      weight[k] += c.weight;
      mean[k] += c.weight * (c.counts - rows_[k].slope * (c.radius_px - middle));
    }
    if (weight[k] > 0) mean[k] /= weight[k];
  }
  for (int k = 0; k < n; ++k) {
    cv::Matx33d a = cv::Matx33d::zeros();
    cv::Vec3d b(0, 0, 0);
    for (int i = std::max(0, k - smoothing_rows_); i <= std::min(n - 1, k + smoothing_rows_); ++i) {
      const auto at = static_cast<std::size_t>(i);
      const double x = i - k;
      const cv::Vec3d powers(1, x, x * x);
      a += (weight[at] > 0 ? 1.0 : 0.0) * (powers * powers.t());
      b += (weight[at] > 0 ? mean[at] : 0.0) * powers;
    }
    const cv::Vec3d parabola = a.solve(b, cv::DECOMP_CHOLESKY);
    rows_[static_cast<std::size_t>(k)].profile = parabola[0];
    rows_[static_cast<std::size_t>(k)].slope = parabola[1];
  }
}

void RingCells::prepare_terms() {
  for (std::size_t k = 0; k < rows_.size(); ++k) {
    const double middle = inner_px_ + static_cast<double>(k) + 0.5;
    const double f = rows_[k].profile, slope = rows_[k].slope;
    for (int j = 0; j < kSectors; ++j) {
      Cell& c = cell(k, j);
      c.deviation = c.counts - slope * (c.radius_px - middle) - f;
      const double stretch = slope * c.radius_px;
      c.terms = {-slope * c.cos1, -slope * c.sin1, -stretch * c.cos2, -stretch * c.sin2,
                 f * c.cos1,      f * c.sin1,      f * c.cos2,        f * c.sin2};
    }
  }
}

/// Residuals of a solution about the median of their row, times the pixels of the cell.
std::vector<double> RingCells::residual_sums(const Vector& solution) {
  std::vector<double> sums(cells_.size(), 0), scratch;
  for (std::size_t k = 0; k < rows_.size(); ++k) {
    scratch.clear();
    for (int j = 0; j < kSectors; ++j) {
      const Cell& c = cell(k, j);
      if (c.pixels > 0) scratch.push_back(c.deviation - solution.dot(c.terms));
    }
    const double level = median(scratch);
    for (int j = 0; j < kSectors; ++j) {
      const Cell& c = cell(k, j);
      sums[k * kSectors + static_cast<std::size_t>(j)] =
          c.pixels * (c.deviation - solution.dot(c.terms) - level);
    }
  }
  return sums;
}

/// Weights from the residuals of a solution: the inverse variance of the row, times the biweight of what the
/// cell and its neighbours inside and outside depart from the ring. A bright spot is wider than a row, and
/// over several rows the counts are many enough to tell it.
void RingCells::weigh(const Vector& solution) {
  const std::vector<double> sums = residual_sums(solution);
  const std::size_t reach = static_cast<std::size_t>(smoothing_rows_ + 1) / 2;
  std::vector<double> departure(cells_.size(), 0), scratch;
  for (std::size_t k = 0; k < rows_.size(); ++k) {
    scratch.clear();
    for (int j = 0; j < kSectors; ++j) {
      double sum = 0, pixels = 0;
      for (std::size_t i = k - std::min(k, reach); i <= std::min(k + reach, rows_.size() - 1); ++i) {
        sum += sums[i * kSectors + static_cast<std::size_t>(j)];
        pixels += cell(i, j).pixels;
      }
      if (!(cell(k, j).pixels > 0)) continue;
      // Per root of the pixels, so that cells cut by the mask compare with full ones.
      departure[k * kSectors + static_cast<std::size_t>(j)] = sum / std::sqrt(pixels);
      scratch.push_back(std::abs(sum / std::sqrt(pixels)));
    }
    const double scatter = kGaussianMad * median(scratch);
    const double variance = std::max(scatter * scatter, scatter_.variance_counts2(rows_[k].profile));
    for (int j = 0; j < kSectors; ++j) {
      Cell& c = cell(k, j);
      const double z = departure[k * kSectors + static_cast<std::size_t>(j)] / kTukey;
      const double z2 = variance > 0 ? z * z / variance : 1;
      c.weight = z2 < 1 ? c.pixels / variance * (1 - z2) * (1 - z2) : 0;
    }
  }
}

/// Least squares at the weights of the cells. Row by row the weighted means are taken off deviations and
/// terms: f is free there (Frisch & Waugh, Econometrica 1 (1933) 387). A term that is not active, or not seen
/// by the data, gets a diagonal of its own and stays zero.
RingCells::Solution RingCells::solve_weighted(const std::array<bool, kTerms>& active) {
  Matrix a = Matrix::zeros();
  Vector b = Vector::all(0);
  for (std::size_t k = 0; k < rows_.size(); ++k) {
    double weights = 0, deviation = 0;
    Vector terms = Vector::all(0);
    for (int j = 0; j < kSectors; ++j) {
      const Cell& c = cell(k, j);
      weights += c.weight;
      deviation += c.weight * c.deviation;
      terms += c.weight * c.terms;
    }
    if (!(weights > 0)) continue;
    deviation /= weights;
    terms *= 1 / weights;
    for (int j = 0; j < kSectors; ++j) {
      const Cell& c = cell(k, j);
      if (!(c.weight > 0)) continue;
      Vector t = c.terms - terms;
      for (int i = 0; i < kTerms; ++i) {
        if (!active[static_cast<std::size_t>(i)]) t[i] = 0;
      }
      for (int i = 0; i < kTerms; ++i) {
        const double weighted = c.weight * t[i];
        for (int l = 0; l <= i; ++l) a(i, l) += weighted * t[l];
        b[i] += weighted * (c.deviation - deviation);
      }
    }
  }
  for (int i = 0; i < kTerms; ++i) {
    for (int l = i + 1; l < kTerms; ++l) a(i, l) = a(l, i);
  }
  for (int i = 0; i < kTerms; ++i) {
    if (!(a(i, i) > 0)) a(i, i) = 1;
  }
  Solution solution;
  solution.terms = a.solve(b, cv::DECOMP_CHOLESKY);
  const Matrix inverse = a.inv(cv::DECOMP_CHOLESKY);
  for (int i = 0; i < kTerms; ++i) solution.variances[i] = inverse(i, i);
  return solution;
}

RingCells::Solution RingCells::solve(const std::array<bool, kTerms>& active) {
  Solution solution;
  for (int step = 0; step < kRobustSteps; ++step) {
    smooth_profile();
    prepare_terms();
    weigh(solution.terms);
    solution = solve_weighted(active);
  }
  return solution;
}

RingCells::Solution RingCells::solve_without(int cluster, const std::array<bool, kTerms>& active) {
  const std::vector<Row> rows(rows_);
  const std::vector<Cell> cells(cells_);
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    if (cluster_of(static_cast<int>(i % kSectors)) == cluster) cells_[i].pixels = cells_[i].weight = 0;
  }
  Solution solution = solve(active);
  rows_ = rows;
  cells_ = cells;
  return solution;
}

bool RingCells::has_cluster(int cluster) const {
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    if (cluster_of(static_cast<int>(i % kSectors)) == cluster && cells_[i].pixels > 0) return true;
  }
  return false;
}

}  // namespace glasswatch::analysis
