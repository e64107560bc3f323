#include "analysis/speckle_count.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "analysis/check.h"
#include "analysis/displacement_sums.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kDirectPixels = 4096;  // in units up to this, pairs are looked up one by one

/// c(d) of psi over all pairs of pixels that have one.
std::vector<double> covariance_of(const PixelSums& sums, std::span<const float> psi, int reach) {
  const std::size_t area = static_cast<std::size_t>(sums.rows()) * static_cast<std::size_t>(sums.columns());
  std::vector<double> image(area, 0), valid(area, 0);
  for (std::size_t i = 0; i < psi.size(); ++i) {
    if (!std::isfinite(psi[i])) continue;
    image[sums.pixels()[i]] = static_cast<double>(psi[i]);
    valid[sums.pixels()[i]] = 1;
  }
  DisplacementSums displacement_sums(sums.rows(), sums.columns(), reach);
  std::vector<double> products(static_cast<std::size_t>(displacement_sums.displacements()), 0),
      pairs = products;
  displacement_sums.add(image, image, 1, products);
  displacement_sums.add(valid, valid, 1, pairs);
  for (std::size_t d = 0; d < products.size(); ++d) {
    products[d] = pairs[d] > 0.5 ? products[d] / std::round(pairs[d]) : kNaN;
  }
  return products;
}

using Weights = std::array<double, 3>;  // a, b, white

/// Normal equations of c against the three columns, the pedestal eliminated: column and c are taken less what
/// 1, |dr| and |dc| explain of them.
struct NormalEquations {
  std::array<Weights, 3> gram{};
  Weights right{};

  NormalEquations(std::span<const double> covariance, std::span<const double> shape, int reach) {
    const std::size_t count = shape.size(), side = 2 * static_cast<std::size_t>(reach) + 1;
    using Column = std::vector<double>;
    std::array<Column, 3> pedestal, columns;
    Column c(covariance.begin(), covariance.end());
    for (std::size_t d = 0; d < count; ++d) {
      const bool valid = !std::isnan(c[d]);
      if (!valid) c[d] = 0;
      const auto value = [&](double x) { return valid ? x : 0; };
      pedestal[0].push_back(value(1));
      pedestal[1].push_back(value(std::abs(static_cast<int>(d / side) - reach)));
      pedestal[2].push_back(value(std::abs(static_cast<int>(d % side) - reach)));
      columns[0].push_back(value(shape[d]));
      columns[1].push_back(value(shape[d] * shape[d]));
      columns[2].push_back(value(d == count / 2 ? 1 : 0));
    }
    const auto product = [](const Column& x, const Column& y) {
      return std::inner_product(x.begin(), x.end(), y.begin(), 0.0);
    };
    const auto take_off = [&](const Column& from, Column& x) {
      const double square = product(from, from);
      const double factor = square > 0 ? product(from, x) / square : 0;
      for (std::size_t d = 0; d < count; ++d) x[d] -= factor * from[d];
    };
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::size_t j = 0; j < i; ++j) take_off(pedestal[j], pedestal[i]);
      for (Column& column : columns) take_off(pedestal[i], column);
      take_off(pedestal[i], c);
    }
    for (std::size_t i = 0; i < 3; ++i) {
      right[i] = product(columns[i], c);
      for (std::size_t j = 0; j < 3; ++j) gram[i][j] = product(columns[i], columns[j]);
    }
  }

  /// Least squares over the weights in `subset` (one bit each), the others zero. False: the columns are the
  /// same but for rounding. LDL' elimination.
  bool solve(unsigned subset, Weights& weights) const {
    auto left = gram;
    Weights rest = right;
    for (std::size_t i = 0; i < 3; ++i) {
      if ((subset >> i & 1U) == 0) continue;
      if (!(left[i][i] > 1e-9 * gram[i][i])) return false;
      for (std::size_t j = i + 1; j < 3; ++j) {
        if ((subset >> j & 1U) == 0) continue;
        const double factor = left[j][i] / left[i][i];
        for (std::size_t k = i; k < 3; ++k) left[j][k] -= factor * left[i][k];
        rest[j] -= factor * rest[i];
      }
    }
    weights = {};
    for (std::size_t i = 3; i-- > 0;) {
      if ((subset >> i & 1U) == 0) continue;
      double value = rest[i];
      for (std::size_t k = i + 1; k < 3; ++k) value -= left[i][k] * weights[k];
      weights[i] = value / left[i][i];
    }
    return true;
  }

  /// How much of the sum of squares is explained.
  double explained(const Weights& weights) const {
    double sum = 0;
    for (std::size_t i = 0; i < 3; ++i) sum += weights[i] * right[i];
    return sum;
  }
};

/// The best non-negative weights; all zero if nothing explains c.
Weights fit_weights(std::span<const double> covariance, std::span<const double> shape, int reach) {
  const NormalEquations equations(covariance, shape, reach);
  Weights best{};
  double most = 0;
  // Few weights first: further ones must explain more than rounding does.
  for (const unsigned subset : {2U, 1U, 4U, 3U, 6U, 5U, 7U}) {
    Weights weights{};
    if (!equations.solve(subset, weights)) continue;
    if (std::any_of(weights.begin(), weights.end(), [](double w) { return !(w >= 0); })) continue;
    const double explained = equations.explained(weights);
    if (explained > most * (1 + 1e-9)) {
      most = explained;
      best = weights;
    }
  }
  return best;
}

/// Pixels of one unit, and the box around them.
struct Unit {
  std::span<const std::uint32_t> pixels;  // row-major indices of the field
  int columns;                            // of the field
  int row_begin, row_end, column_begin, column_end;

  Unit(std::span<const std::uint32_t> members, int field_columns)
      : pixels(members),
        columns(field_columns),
        row_begin(static_cast<int>(members.front()) / field_columns),
        row_end(static_cast<int>(members.back()) / field_columns + 1),
        column_begin(field_columns),
        column_end(0) {
    for (const std::uint32_t pixel : members) {
      const int column = static_cast<int>(pixel) % columns;
      column_begin = std::min(column_begin, column);
      column_end = std::max(column_end, column + 1);
    }
  }

  int box_rows() const { return row_end - row_begin; }
  int box_columns() const { return column_end - column_begin; }
  std::size_t box_area() const {
    return static_cast<std::size_t>(box_rows()) * static_cast<std::size_t>(box_columns());
  }
  int row_in_box(std::uint32_t pixel) const { return static_cast<int>(pixel) / columns - row_begin; }
  int column_in_box(std::uint32_t pixel) const { return static_cast<int>(pixel) % columns - column_begin; }
  template <typename Value>
  std::vector<Value> indicator() const {
    std::vector<Value> in_unit(box_area(), 0);
    for (const std::uint32_t pixel : pixels) {
      in_unit[static_cast<std::size_t>(row_in_box(pixel)) * box_columns() + column_in_box(pixel)] = 1;
    }
    return in_unit;
  }
};

/// sum over pairs of pixels of a rectangle of f(displacement): so many pairs are (dr, dc) apart.
double sum_over_rectangle(int rows, int columns, const SpeckleCount& count) {
  const int side = 2 * count.reach + 1;
  const int rows_reach = std::min(count.reach, rows - 1), columns_reach = std::min(count.reach, columns - 1);
  double sum = 0;
  for (int dr = -rows_reach; dr <= rows_reach; ++dr) {
    const double* f = count.correlation.data() + (dr + count.reach) * side + count.reach;
    for (int dc = -columns_reach; dc <= columns_reach; ++dc) {
      sum += f[dc] * (rows - std::abs(dr)) * (columns - std::abs(dc));
    }
  }
  return sum;
}

double sum_pair_by_pair(const Unit& unit, const SpeckleCount& count) {
  const auto in_unit = unit.indicator<std::uint8_t>();
  const int side = 2 * count.reach + 1;
  double sum = 0;
  for (const std::uint32_t pixel : unit.pixels) {
    const int row = unit.row_in_box(pixel), column = unit.column_in_box(pixel);
    const int row_end = std::min(row + count.reach + 1, unit.box_rows());
    const int column_end = std::min(column + count.reach + 1, unit.box_columns());
    for (int r = std::max(row - count.reach, 0); r < row_end; ++r) {
      const double* f = count.correlation.data() + (r - row + count.reach) * side + count.reach - column;
      for (int c = std::max(column - count.reach, 0); c < column_end; ++c) {
        if (in_unit[static_cast<std::size_t>(r) * unit.box_columns() + c] != 0) sum += f[c];
      }
    }
  }
  return sum;
}

double sum_by_transform(const Unit& unit, const SpeckleCount& count) {
  const auto in_unit = unit.indicator<double>();
  DisplacementSums displacement_sums(unit.box_rows(), unit.box_columns(), count.reach);
  std::vector<double> pairs(count.correlation.size(), 0);
  displacement_sums.add(in_unit, in_unit, 1, pairs);
  double sum = 0;
  for (std::size_t d = 0; d < pairs.size(); ++d) sum += count.correlation[d] * std::round(pairs[d]);
  return sum;
}

double speckles_of(const Unit& unit, const SpeckleCount& count) {
  const std::size_t pixels = unit.pixels.size();
  const double sum = pixels == unit.box_area()
                         ? sum_over_rectangle(unit.box_rows(), unit.box_columns(), count)
                     : pixels <= kDirectPixels ? sum_pair_by_pair(unit, count)
                                               : sum_by_transform(unit, count);
  return sum > 0 ? static_cast<double>(pixels) * static_cast<double>(pixels) / sum : kNaN;
}

/// Field indices of the pixels of every unit, one unit after the other; `begin` (units + 1) tells where.
struct Members {
  std::vector<std::uint32_t> pixels;
  std::vector<std::size_t> begin;

  Members(std::span<const std::uint32_t> field, std::span<const std::int32_t> unit_of_pixel, int units)
      : begin(static_cast<std::size_t>(units) + 1, 0) {
    for (const std::int32_t unit : unit_of_pixel) {
      GLASSWATCH_CHECK(unit < units, unit, units);
      if (unit >= 0) ++begin[static_cast<std::size_t>(unit) + 1];
    }
    for (std::size_t unit = 0; unit < static_cast<std::size_t>(units); ++unit) begin[unit + 1] += begin[unit];
    pixels.resize(begin.back());
    std::vector<std::size_t> next(begin.begin(), begin.end() - 1);
    for (std::size_t i = 0; i < unit_of_pixel.size(); ++i) {
      if (unit_of_pixel[i] >= 0) pixels[next[static_cast<std::size_t>(unit_of_pixel[i])]++] = field[i];
    }
  }
  std::span<const std::uint32_t> of(std::size_t unit) const {
    return std::span(pixels).subspan(begin[unit], begin[unit + 1] - begin[unit]);
  }
};

}  // namespace

SpeckleCount count_speckles(const PixelSums& sums, std::span<const float> psi, std::span<const double> shape,
                            int reach, std::span<const std::int32_t> unit_of_pixel, int units) {
  const std::size_t pixels = sums.pixels().size();
  GLASSWATCH_CHECK(psi.size() == pixels && unit_of_pixel.size() == pixels, psi.size(), unit_of_pixel.size(),
                   pixels);
  const std::size_t side = 2 * static_cast<std::size_t>(reach) + 1;
  GLASSWATCH_CHECK(reach >= 0 && shape.size() == side * side, shape.size(), reach);

  SpeckleCount count;
  count.reach = reach;
  count.per_unit.assign(static_cast<std::size_t>(units), kNaN);
  count.correlation.assign(shape.size(), kNaN);
  count.a = count.b = count.white = count.pixels_per_speckle = kNaN;
  if (std::any_of(shape.begin(), shape.end(), [](double m) { return std::isnan(m); })) return count;
  const Weights weights = fit_weights(covariance_of(sums, psi, reach), shape, reach);
  const double variance = weights[0] + weights[1] + weights[2];
  if (!(variance > 0)) return count;
  count.a = weights[0];
  count.b = weights[1];
  count.white = weights[2];
  count.pixels_per_speckle = 0;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    const double white = d == shape.size() / 2 ? count.white : 0;
    count.correlation[d] = (count.a * shape[d] + count.b * shape[d] * shape[d] + white) / variance;
    count.pixels_per_speckle += count.correlation[d];
  }
  const Members members(sums.pixels(), unit_of_pixel, units);
  for (std::size_t unit = 0; unit < count.per_unit.size(); ++unit) {
    const auto pixels_of_unit = members.of(unit);
    if (!pixels_of_unit.empty()) count.per_unit[unit] = speckles_of({pixels_of_unit, sums.columns()}, count);
  }
  return count;
}

}  // namespace glasswatch::analysis
