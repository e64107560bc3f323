#include "analysis/halves_test.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "analysis/check.h"
#include "analysis/kww_influence.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// The cells that count, divided by their factors; the others have no pixels.
PooledSums flattened(PooledSums cells, std::span<const double> factors) {
  const std::size_t lags = cells.lag_slots.size();
  for (std::size_t cell = 0; cell < factors.size(); ++cell) {
    const double factor = factors[cell];
    if (!(factor > 0) || !std::isfinite(factor)) cells.pixels[cell] = 0;
    cells.mean[cell] /= factor;
    for (std::size_t k = cell * lags; k < (cell + 1) * lags; ++k) {
      cells.product[k] /= factor * factor;
      cells.past[k] /= factor;
      cells.future[k] /= factor;
    }
  }
  return cells;
}

/// One half: its pooled fit, and what each cell does to ln tau.
struct Half {
  KwwFit fit;
  std::vector<double> psi;  // 0 for cells that do not count

  Half(const PooledSums& cells, Normalization normalization, const KwwModel& model, const KwwBounds& bounds)
      : psi(cells.pixels.size()) {
    const PooledSums field = pool_units(cells);
    std::vector<double> g2(field.lag_slots.size());
    field.g2(0, normalization, g2);
    fit = fit_kww(field.lag_slots, g2, model, bounds);
    const UnitInfluence influence(field, 0, fit, model, normalization);
    const std::size_t lags = g2.size();
    const auto means = [lags](const std::vector<double>& of, std::size_t cell) {
      return std::span(of).subspan(cell * lags, lags);
    };
    for (std::size_t cell = 0; cell < psi.size(); ++cell) {
      if (cells.pixels[cell] == 0) continue;
      psi[cell] = influence
                      .of(means(cells.product, cell), means(cells.past, cell), means(cells.future, cell),
                          cells.mean[cell])
                      .ln_tau;
    }
  }
};

/// Sum of d_c d_c' over pairs of cells `rows` and `columns` apart.
double covariance(const CellGrid& grid, std::span<const double> d, int rows, int columns) {
  double sum = 0;
  for (int row = 0; row + rows < grid.rows; ++row) {
    for (int column = std::max(0, -columns); column < std::min(grid.columns, grid.columns - columns);
         ++column) {
      sum += d[grid.cell(row, column)] * d[grid.cell(row + rows, column + columns)];
    }
  }
  return sum;
}

double variance_of_sum(const CellGrid& grid, std::span<const double> d, double cells) {
  const double neighbours = covariance(grid, d, 0, 1) + covariance(grid, d, 1, 0) +
                            covariance(grid, d, 1, 1) + covariance(grid, d, 1, -1);
  return cells / (cells - 1) * (covariance(grid, d, 0, 0) + 2 * std::max(0.0, neighbours));
}

}  // namespace

HalvesTest halves_test(const CellGrid& grid, const PooledSums& first_cells, const PooledSums& second_cells,
                       std::span<const double> cell_flat_field, Normalization normalization,
                       const KwwModel& model, const KwwBounds& bounds) {
  const int units = grid.rows * grid.columns;
  GLASSWATCH_CHECK(first_cells.units == units && second_cells.units == units, first_cells.units,
                   second_cells.units, units);
  GLASSWATCH_CHECK(first_cells.pixels == second_cells.pixels, units);
  GLASSWATCH_CHECK(cell_flat_field.empty() || cell_flat_field.size() == first_cells.pixels.size(),
                   cell_flat_field.size(), units);
  const PooledSums cells = flattened(first_cells, cell_flat_field);
  const Half first(cells, normalization, model, bounds);
  const Half second(flattened(second_cells, cell_flat_field), normalization, model, bounds);
  if (!first.fit.usable() || !second.fit.usable()) return {first.fit, second.fit, kNaN, kNaN, kNaN, kNaN};

  double pixels = 0, used = 0;
  for (const std::uint32_t n : cells.pixels) {
    pixels += n;
    used += n > 0 ? 1 : 0;
  }
  std::vector<double> d(cells.pixels.size());
  for (std::size_t cell = 0; cell < d.size(); ++cell) {
    d[cell] = cells.pixels[cell] / pixels * (second.psi[cell] - first.psi[cell]);
  }
  const double ratio = second.fit.tau_slots / first.fit.tau_slots;
  const double sigma = std::sqrt(variance_of_sum(grid, d, used));
  return {first.fit, second.fit, ratio - 1,
          sigma,     2 * sigma,  std::erfc(std::abs(std::log(ratio)) / (sigma * std::numbers::sqrt2))};
}

}  // namespace glasswatch::analysis
