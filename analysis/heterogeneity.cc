#include "analysis/heterogeneity.h"

#include <algorithm>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "analysis/check.h"
#include "analysis/displacement_sums.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int kMinCells = 4;

/// Means of psi of the cells of a grid, and their variances in a uniform sample. Cells that are not usable
/// have weight zero.
struct CellMeans {
  int rows, columns;
  int side_px = 0;
  std::vector<double> mean, variance, usable;  // usable: 1 or 0

  CellMeans(const CellGrid& grid, std::span<const float> psi, const SpeckleCount& cells)
      : rows(grid.rows), columns(grid.columns), mean(cells.per_unit.size(), 0), variance(mean), usable(mean) {
    std::vector<int> pixels(mean.size(), 0);
    for (std::size_t i = 0; i < psi.size(); ++i) {
      const std::int32_t cell = grid.unit_of_pixel[i];
      if (cell == kNoUnit || !std::isfinite(psi[i])) continue;
      mean[static_cast<std::size_t>(cell)] += static_cast<double>(psi[i]);
      ++pixels[static_cast<std::size_t>(cell)];
    }
    const int most = pixels.empty() ? 0 : *std::max_element(pixels.begin(), pixels.end());
    // Complete cells are squares.
    side_px = static_cast<int>(std::lround(std::ceil(std::sqrt(most))));
    for (std::size_t cell = 0; cell < mean.size(); ++cell) {
      mean[cell] /= pixels[cell];
      variance[cell] = cells.variance() / cells.per_unit[cell];
      const bool complete_enough = pixels[cell] > 0 && 2 * pixels[cell] >= side_px * side_px;
      if (complete_enough && variance[cell] > 0) usable[cell] = 1;
    }
  }

  int count() const { return static_cast<int>(std::count(usable.begin(), usable.end(), 1.0)); }
  /// Sum of term(cell) over the usable cells.
  template <typename Term>
  double sum(Term term) const {
    double total = 0;
    for (std::size_t cell = 0; cell < mean.size(); ++cell) total += usable[cell] > 0 ? term(cell) : 0;
    return total;
  }
};

/// A function of the offset between two cells, |rows| and |columns| <= reach, zero beyond.
struct Stencil {
  int reach;
  std::vector<double> value;

  explicit Stencil(int stencil_reach) : reach(stencil_reach), value(side() * side(), 0) {}
  double& at(int row, int column) { return value[index(row, column)]; }
  double at(int row, int column) const { return value[index(row, column)]; }
  template <typename Body>
  void for_each_offset(Body body) const {
    for (int row = -reach; row <= reach; ++row) {
      for (int column = -reach; column <= reach; ++column) body(row, column);
    }
  }

 private:
  std::size_t side() const { return 2 * static_cast<std::size_t>(reach) + 1; }
  std::size_t index(int row, int column) const {
    return static_cast<std::size_t>(row + reach) * side() + static_cast<std::size_t>(column + reach);
  }
};

/// Correlation R of the means of two complete cells: pairs of pixels (dr, dc) apart, times f(dr, dc).
Stencil correlation_of_cells(const SpeckleCount& speckles, int side_px) {
  Stencil correlation((speckles.reach + side_px - 1) / side_px);
  const int side = 2 * speckles.reach + 1;
  const auto pairs = [&](int displacement_px, int offset_px) {
    return std::max(side_px - std::abs(displacement_px - offset_px), 0);
  };
  correlation.for_each_offset([&](int row, int column) {
    for (int dr = -speckles.reach; dr <= speckles.reach; ++dr) {
      const double* f = speckles.correlation.data() + (dr + speckles.reach) * side + speckles.reach;
      for (int dc = -speckles.reach; dc <= speckles.reach; ++dc) {
        correlation.at(row, column) += f[dc] * pairs(dr, row * side_px) * pairs(dc, column * side_px);
      }
    }
  });
  const double variance = correlation.at(0, 0);
  for (double& value : correlation.value) value /= variance;
  return correlation;
}

Stencil convolve(const Stencil& a, const Stencil& b) {
  Stencil result(a.reach + b.reach);
  a.for_each_offset([&](int row, int column) {
    if (a.at(row, column) == 0) return;
    b.for_each_offset(
        [&](int r, int c) { result.at(row + r, column + c) += a.at(row, column) * b.at(r, c); });
  });
  return result;
}

/// Pairs of usable cells by their offset.
Stencil pairs_of_cells(const CellMeans& cells, int reach) {
  Stencil pairs(reach);
  DisplacementSums(cells.rows, cells.columns, reach).add(cells.usable, cells.usable, 1, pairs.value);
  for (double& value : pairs.value) value = std::round(value);
  return pairs;
}

struct Moments {
  double expectation, variance;

  /// Probability of a larger value, of the scaled chi-square with these moments.
  double probability_above(double value) const {
    const double shape = expectation * expectation / variance;
    return boost::math::gamma_q(shape, std::max(value, 0.0) * expectation / variance);
  }
};

/// Moments of z'Mz in a uniform sample, M and R stencils. With K = MR: tr K, 2 tr K^2, and the one eigenvalue
/// (all cells alike) that subtracting the mean takes away. At the edges of the grid K is taken to be the
/// stencil's inner part, which is exact to first order in the correlation of cells.
Moments moments_of(const Stencil& form, const Stencil& correlation, const CellMeans& cells) {
  const Stencil k = convolve(form, correlation);
  const Stencil pairs = pairs_of_cells(cells, k.reach);
  const double count = pairs.at(0, 0);
  double trace_of_square = 0, alike = 0;
  k.for_each_offset([&](int row, int column) {
    trace_of_square += k.at(row, column) * k.at(-row, -column) * pairs.at(row, column);
    alike += k.at(row, column) * pairs.at(row, column) / count;
  });
  double trace = 0;
  form.for_each_offset([&](int row, int column) {
    const bool within = std::max(std::abs(row), std::abs(column)) <= correlation.reach;
    if (within) trace += form.at(row, column) * correlation.at(row, column) * pairs.at(row, column);
  });
  return {trace - alike, 2 * (trace_of_square - alike * alike)};
}

/// Sum of z z' over pairs of 4-neighbours, and their number.
struct Neighbours {
  double sum = 0;
  int pairs = 0;

  Neighbours(const CellMeans& cells, std::span<const double> z) {
    for (int row = 0; row < cells.rows; ++row) {
      for (int column = 0; column < cells.columns; ++column) {
        const std::size_t cell = static_cast<std::size_t>(row) * cells.columns + column;
        if (column + 1 < cells.columns) add(cells, z, cell, cell + 1);
        if (row + 1 < cells.rows) add(cells, z, cell, cell + cells.columns);
      }
    }
  }

 private:
  void add(const CellMeans& cells, std::span<const double> z, std::size_t first, std::size_t second) {
    if (cells.usable[first] == 0 || cells.usable[second] == 0) return;
    sum += z[first] * z[second];
    ++pairs;
  }
};

}  // namespace

Heterogeneity test_heterogeneity(const CellGrid& grid, std::span<const float> global_psi_ln_tau,
                                 const SpeckleCount& speckles) {
  GLASSWATCH_CHECK(global_psi_ln_tau.size() == grid.unit_of_pixel.size(), global_psi_ln_tau.size(),
                   grid.unit_of_pixel.size());
  GLASSWATCH_CHECK(speckles.per_unit.size() == static_cast<std::size_t>(grid.rows) * grid.columns,
                   speckles.per_unit.size(), grid.rows, grid.columns);
  const CellMeans cells(grid, global_psi_ln_tau, speckles);
  const int count = cells.count();
  if (count < kMinCells) return {kNaN, kNaN, count, kNaN, kNaN, kNaN, kNaN};

  Heterogeneity result;
  result.cells = count;
  const double weighted = cells.sum([&](std::size_t c) { return cells.mean[c] / cells.variance[c]; }) /
                          cells.sum([&](std::size_t c) { return 1 / cells.variance[c]; });
  std::vector<double> z(cells.mean.size(), 0);
  for (std::size_t c = 0; c < z.size(); ++c) {
    z[c] = (cells.mean[c] - weighted) / std::sqrt(cells.variance[c]);
  }
  const Stencil correlation = correlation_of_cells(speckles, cells.side_px);
  Stencil squares(0);
  squares.at(0, 0) = 1;
  const Moments uniform = moments_of(squares, correlation, cells);
  result.chi_square = cells.sum([&](std::size_t c) { return z[c] * z[c]; });
  result.p_value = uniform.probability_above(result.chi_square);

  const Neighbours neighbours(cells, z);
  result.p_value_neighbours = kNaN;
  if (neighbours.pairs > 0) {
    Stencil form(1);
    form.at(0, 0) = 1.0 / count;
    for (const int step : {-1, 1}) form.at(step, 0) = form.at(0, step) = 0.5 / neighbours.pairs;
    result.p_value_neighbours =
        moments_of(form, correlation, cells)
            .probability_above(result.chi_square / count + neighbours.sum / neighbours.pairs);
  }

  const double mean = cells.sum([&](std::size_t c) { return cells.mean[c]; }) / count;
  const double variance =
      cells.sum([&](std::size_t c) { return std::pow(cells.mean[c] - mean, 2); }) / (count - 1);
  const double within = cells.sum([&](std::size_t c) { return cells.variance[c]; }) / count;
  result.spread_variance = variance - within * uniform.expectation / (count - 1);
  result.spread_variance_sigma = variance * std::sqrt(uniform.variance) / uniform.expectation;
  result.spread_ln_tau = std::sqrt(std::max(result.spread_variance, 0.0));
  return result;
}

}  // namespace glasswatch::analysis
