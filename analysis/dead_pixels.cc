#include "analysis/dead_pixels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>

namespace glasswatch::analysis {
namespace {

constexpr double kPixelSigmas = 6;
constexpr double kPixelRelative = 0.25;
constexpr std::size_t kPixelRank = 4;  // of eight neighbours
constexpr double kLineSigmas = 8;
constexpr double kLineRelative = 0.15;
constexpr int kLineReach = 2;  // a line and its neighbour may both be defective
constexpr double kClip = 4;    // of a pixel's standard deviation, so that a line is not flagged for one pixel
constexpr int kTilePx = 8;     // small, so that most tiles hold no defect

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

struct Tile {
  double level;
  double variance;  // of a pixel
};

/// Level and mean squared difference from the four neighbours (whose mean adds a quarter to the variance).
Tile measure_tile(const MaskedPattern& p, int first_row, int first_column) {
  double counts = 0, squares = 0;
  int used = 0;
  for (int row = first_row; row < first_row + kTilePx; ++row) {
    for (int column = first_column; column < first_column + kTilePx; ++column) {
      const std::size_t here = p.at(row, column), above = p.at(row - 1, column),
                        below = p.at(row + 1, column);
      if (!(p.valid[here] && p.valid[above] && p.valid[below] && p.valid[here - 1] && p.valid[here + 1]))
        continue;
      const auto around =
          static_cast<double>(p.counts[above] + p.counts[below] + p.counts[here - 1] + p.counts[here + 1]);
      const auto value = static_cast<double>(p.counts[here]);
      counts += value;
      squares += (value - around / 4) * (value - around / 4) / 1.25;
      ++used;
    }
  }
  if (2 * used < kTilePx * kTilePx) return {std::numeric_limits<double>::quiet_NaN(), 0};
  return {counts / used, squares / used};
}

/// Tiles that count, dimmest first.
std::vector<Tile> measure_tiles(const MaskedPattern& p) {
  std::vector<Tile> tiles;
  for (int row = 1; row + kTilePx < p.rows; row += kTilePx) {
    for (int column = 1; column + kTilePx < p.columns; column += kTilePx) {
      const Tile tile = measure_tile(p, row, column);
      if (!std::isnan(tile.level)) tiles.push_back(tile);
    }
  }
  std::sort(tiles.begin(), tiles.end(), [](const Tile& a, const Tile& b) {
    return a.level != b.level ? a.level < b.level : a.variance < b.variance;
  });
  return tiles;
}

void flag_single_pixels(const MaskedPattern& p, const PixelScatter& scatter,
                        std::vector<std::uint8_t>& dead) {
  std::array<float, 8> around{};
  for (int row = 0; row < p.rows; ++row) {
    for (int column = 0; column < p.columns; ++column) {
      const std::size_t here = p.at(row, column);
      if (p.valid[here] == 0) continue;
      std::size_t neighbours = 0;
      for (int i = std::max(row - 1, 0); i <= std::min(row + 1, p.rows - 1); ++i) {
        for (int j = std::max(column - 1, 0); j <= std::min(column + 1, p.columns - 1); ++j) {
          const std::size_t there = p.at(i, j);
          if (there != here && p.valid[there]) around[neighbours++] = p.counts[there];
        }
      }
      if (neighbours <= kPixelRank) continue;
      const auto end = around.begin() + static_cast<std::ptrdiff_t>(neighbours);
      const auto ranked = [&](std::size_t rank) {
        std::nth_element(around.begin(), around.begin() + static_cast<std::ptrdiff_t>(rank), end);
        return static_cast<double>(around[rank]);
      };
      const double low = ranked(kPixelRank - 1), high = ranked(neighbours - kPixelRank);
      const auto value = static_cast<double>(p.counts[here]);
      const auto apart = [&](double above, double below, double level) {
        return scatter.stabilised(above) - scatter.stabilised(below) > kPixelSigmas &&
               above - below > kPixelRelative * std::abs(level);
      };
      if (apart(low, value, low) || apart(value, high, high)) dead[here] = 1;
    }
  }
}

/// Mean of a line's difference from another, in standard deviations (clipped per pixel) and relative to the
/// level.
struct LineContrast {
  double sigmas = 0;
  double relative = 0;
};

LineContrast line_contrast(const MaskedPattern& p, const PixelScatter& scatter,
                           std::span<const std::uint8_t> dead, bool is_row, int line, int other) {
  const int length = is_row ? p.columns : p.rows;
  double clipped = 0, difference = 0, level = 0;
  int used = 0;
  for (int i = 0; i < length; ++i) {
    const std::size_t here = is_row ? p.at(line, i) : p.at(i, line);
    const std::size_t there = is_row ? p.at(other, i) : p.at(i, other);
    if (!p.valid[here] || !p.valid[there] || dead[here] != 0 || dead[there] != 0) continue;
    const auto reference = static_cast<double>(p.counts[there]);
    const double variance =
        scatter.variance_counts2(reference) + scatter.counts_per_quantum * scatter.counts_per_quantum;
    const double sigma = std::sqrt(2 * variance);
    if (!(sigma > 0)) continue;
    const double step =
        std::clamp(static_cast<double>(p.counts[here]) - reference, -kClip * sigma, kClip * sigma);
    clipped += step / sigma;
    difference += static_cast<double>(p.counts[here]) - reference;
    level += std::abs(reference);
    ++used;
  }
  if (used == 0 || !(level > 0)) return {};
  return {clipped / std::sqrt(used), difference / level};
}

/// `single`: defects known already, which are left out.
void flag_lines(const MaskedPattern& p, const PixelScatter& scatter, std::span<const std::uint8_t> single,
                bool rows, std::vector<std::uint8_t>& dead) {
  const int lines = rows ? p.rows : p.columns;
  const auto stands_out = [](const LineContrast& c) {
    return std::abs(c.sigmas) > kLineSigmas && std::abs(c.relative) > kLineRelative;
  };
  for (int line = kLineReach; line + kLineReach < lines; ++line) {
    const LineContrast before = line_contrast(p, scatter, single, rows, line, line - kLineReach);
    const LineContrast after = line_contrast(p, scatter, single, rows, line, line + kLineReach);
    if (!stands_out(before) || !stands_out(after) || before.sigmas * after.sigmas < 0) continue;
    for (int i = 0; i < (rows ? p.columns : p.rows); ++i) {
      const std::size_t here = rows ? p.at(line, i) : p.at(i, line);
      if (p.valid[here]) dead[here] = 1;
    }
  }
}

}  // namespace

double PixelScatter::stabilised(double counts) const {
  const double g = counts_per_quantum;
  if (!(g > 0)) return counts / std::sqrt(floor_counts2);
  return 2 / g * std::sqrt(std::max(0.0, g * counts + 3.0 / 8 * g * g + floor_counts2));
}

PixelScatter estimate_scatter(const MaskedPattern& pattern, double electrons_per_count) {
  PixelScatter scatter;
  if (electrons_per_count > 0) scatter.counts_per_quantum = 1 / electrons_per_count;
  const std::vector<Tile> tiles = measure_tiles(pattern);
  std::vector<double> quanta, floors;
  for (std::size_t t = tiles.size() / 2; t < tiles.size(); ++t) {
    if (tiles[t].level > 0) quanta.push_back(tiles[t].variance / tiles[t].level);
  }
  if (!quanta.empty()) scatter.counts_per_quantum = std::max(scatter.counts_per_quantum, median(quanta));
  for (std::size_t t = 0; t < (tiles.size() + 3) / 4; ++t) {
    floors.push_back(tiles[t].variance - scatter.counts_per_quantum * std::max(tiles[t].level, 0.0));
  }
  if (!floors.empty()) scatter.floor_counts2 = std::max(0.0, median(floors));
  return scatter;
}

std::vector<std::uint8_t> find_dead_pixels(const MaskedPattern& pattern, const PixelScatter& scatter) {
  std::vector<std::uint8_t> dead(pattern.counts.size(), 0);
  flag_single_pixels(pattern, scatter, dead);
  const std::vector<std::uint8_t> single(dead);
  for (const bool rows : {true, false}) flag_lines(pattern, scatter, single, rows, dead);
  return dead;
}

}  // namespace glasswatch::analysis
