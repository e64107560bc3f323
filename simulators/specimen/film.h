// The geometry of the film: columns (cores) and the channels between them.
#pragma once

#include <cstdint>
#include <vector>

#include "protocol/schema/scenario.pb.h"

namespace glasswatch::simulation {

struct Point {
  double x_nm = 0;
  double y_nm = 0;
};

/// Numbers as in the contract's /regions/label.
enum class Region : std::uint8_t { kCore = 1, kChannel = 2 };

/// A periodic Voronoi tessellation of a square of field_nm. A point belongs to the channel when it is closer
/// than channel_nm / 2 to the wall between two columns, so channels have channel_nm everywhere. There are
/// field^2 / (pi/4 column_nm^2) columns, rounded, at least one: one column has its own images for neighbours.
/// The seeds are relaxed (Lloyd, IEEE Trans. Inf. Theory 28 (1982) 129) a few times, for columns of similar
/// size as in a sputtered film. Columnar: nothing depends on z. Immutable, thread-safe. Making it takes some
/// 50 us per column.
class Film {
 public:
  Film(const scenario::Specimen& specimen, std::uint64_t seed);

  struct Place {
    int column = 0;  // of the nearest seed, 0 ... column_count() - 1
    Region region = Region::kCore;
    double to_wall_nm = 0;  // distance to the nearest wall
  };
  /// Any coordinates; the field repeats. The walls of seed s1 lie on the bisectors to its neighbours s2,
  /// images included, so the distance to the wall is the least of (d2^2 - d1^2) / (2 |s2 - s1|). O(1): only
  /// seeds that can matter in the search cell are looked at, about 50 ns.
  Place at(double x_nm, double y_nm) const;

  int column_count() const { return static_cast<int>(seeds_.size()); }
  Point seed(int column) const { return seeds_[static_cast<std::size_t>(column)]; }
  double field_nm() const { return field_nm_; }
  double thickness_nm() const { return thickness_nm_; }

  /// Share of the area that is channel, counted on a grid of `step_nm`.
  double channel_fraction(double step_nm) const;

 private:
  struct Image {
    Point position;  // of a seed, in the field or in one of the fields around it
    int column;
  };
  void index_seeds();
  double wrapped_nm(double coordinate_nm) const;

  double field_nm_;
  double thickness_nm_;
  double channel_nm_;
  std::vector<Point> seeds_;  // in [0, field)
  std::vector<Image> images_;
  int cells_ = 1;                          // per edge of the search grid
  std::vector<std::uint32_t> near_begin_;  // cells^2 + 1: where the cell's part of near_ begins
  std::vector<std::uint32_t>
      near_images_;  // per cell: all images that can be nearest or make the nearest wall there
};

}  // namespace glasswatch::simulation
