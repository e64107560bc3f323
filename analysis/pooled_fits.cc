#include "analysis/pooled_fits.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "analysis/check.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kCurvature = 4;  // sigma is larger by 1 + this/N than the linear form says

/// Of one unit, over its pixels with psi; then over several units.
struct SpeckleVariance {
  Influence squares;   // sum over units of N (sum psi^2 / n)
  double freedom = 0;  // sum over units of N - 1

  void add(const SpeckleVariance& other) {
    squares.contrast += other.squares.contrast;
    squares.ln_tau += other.squares.ln_tau;
    squares.beta += other.squares.beta;
    freedom += other.freedom;
  }

  KwwSigma sigma(double speckles) const {
    const auto of = [&](double sum) {
      return (1 + kCurvature / speckles) * std::sqrt(sum / freedom / speckles);
    };
    return {of(squares.contrast), of(squares.ln_tau), of(squares.beta)};
  }
};

/// freedom stays 0 for units that say nothing.
std::vector<SpeckleVariance> variances(std::span<const std::int32_t> unit_of_pixel, int units,
                                       const InfluenceMap& psi, const SpeckleCount& speckles) {
  const auto size = static_cast<std::size_t>(units);
  GLASSWATCH_CHECK(psi.ln_tau.size() == unit_of_pixel.size(), psi.ln_tau.size(), unit_of_pixel.size());
  GLASSWATCH_CHECK(speckles.per_unit.size() == size, speckles.per_unit.size(), units);
  std::vector<Influence> squares(size);
  std::vector<double> pixels(size);
  for (std::size_t i = 0; i < unit_of_pixel.size(); ++i) {
    if (unit_of_pixel[i] == kNoUnit || !std::isfinite(psi.ln_tau[i])) continue;
    const auto unit = static_cast<std::size_t>(unit_of_pixel[i]);
    const auto square = [i](const std::vector<float>& map) {
      return static_cast<double>(map[i]) * static_cast<double>(map[i]);
    };
    squares[unit].contrast += square(psi.contrast);
    squares[unit].ln_tau += square(psi.ln_tau);
    squares[unit].beta += square(psi.beta);
    ++pixels[unit];
  }
  std::vector<SpeckleVariance> result(size);
  for (std::size_t unit = 0; unit < size; ++unit) {
    const double independent = speckles.per_unit[unit];
    if (pixels[unit] == 0 || !(independent > 1)) continue;
    const double scale = independent / pixels[unit];
    result[unit] = {
        {squares[unit].contrast * scale, squares[unit].ln_tau * scale, squares[unit].beta * scale},
        independent - 1};
  }
  return result;
}

SpeckleVariance around(const CellGrid& grid, std::span<const SpeckleVariance> cells, int row, int column) {
  SpeckleVariance sum;
  for (int r = std::max(0, row - 1); r <= std::min(grid.rows - 1, row + 1); ++r) {
    for (int c = std::max(0, column - 1); c <= std::min(grid.columns - 1, column + 1); ++c) {
      sum.add(cells[grid.cell(r, c)]);
    }
  }
  return sum;
}

}  // namespace

std::vector<KwwFit> fit_units(const PooledSums& pooled, Normalization normalization, const KwwModel& model,
                              const KwwBounds& bounds, Parallel& parallel, const KwwFit* start) {
  std::vector<KwwFit> fits(static_cast<std::size_t>(pooled.units));
  auto work = [&](int, int begin, int end) {
    std::vector<double> g2(pooled.lag_slots.size());
    for (int unit = begin; unit < end; ++unit) {
      pooled.g2(unit, normalization, g2);
      fits[static_cast<std::size_t>(unit)] = fit_kww(pooled.lag_slots, g2, model, bounds, start);
    }
  };
  parallel.run(pooled.units, work);
  return fits;
}

std::vector<KwwSigma> cell_sigmas(const CellGrid& grid, const InfluenceMap& psi,
                                  const SpeckleCount& speckles) {
  const std::vector<SpeckleVariance> cells =
      variances(grid.unit_of_pixel, grid.rows * grid.columns, psi, speckles);
  std::vector<KwwSigma> sigmas(cells.size(), {kNaN, kNaN, kNaN});
  for (int row = 0; row < grid.rows; ++row) {
    for (int column = 0; column < grid.columns; ++column) {
      const std::size_t cell = grid.cell(row, column);
      if (cells[cell].freedom == 0) continue;
      sigmas[cell] = around(grid, cells, row, column).sigma(speckles.per_unit[cell]);
    }
  }
  return sigmas;
}

std::vector<KwwSigma> region_sigmas(std::span<const std::int32_t> unit_of_pixel, int units,
                                    const InfluenceMap& psi, const SpeckleCount& speckles) {
  const std::vector<SpeckleVariance> regions = variances(unit_of_pixel, units, psi, speckles);
  std::vector<KwwSigma> sigmas(regions.size(), {kNaN, kNaN, kNaN});
  for (std::size_t unit = 0; unit < regions.size(); ++unit) {
    if (regions[unit].freedom > 0) sigmas[unit] = regions[unit].sigma(speckles.per_unit[unit]);
  }
  return sigmas;
}

RegionDifference compare_regions(const KwwFit& first, const KwwSigma& first_sigma, const KwwFit& second,
                                 const KwwSigma& second_sigma) {
  if (!first.usable() || !second.usable()) return {kNaN, kNaN, kNaN};
  const double ln_ratio = std::log(first.tau_slots / second.tau_slots);
  const double sigma = std::hypot(first_sigma.ln_tau, second_sigma.ln_tau);
  return {ln_ratio, sigma, std::erfc(std::abs(ln_ratio) / (sigma * std::numbers::sqrt2))};
}

}  // namespace glasswatch::analysis
