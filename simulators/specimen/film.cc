#include "simulators/specimen/film.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <unordered_map>

#include "simulators/random.h"

namespace glasswatch::simulation {
namespace {

constexpr std::uint64_t kSeedStream = 0x1200;
constexpr int kRelaxations = 4;
constexpr double kSamplesPerSpacing = 8;  // of the grid that finds the centroids
constexpr double kCellsPerSpacing = 3;    // of the search grid: more cells, shorter lists
constexpr int kMostCells = 2048;          // per edge, bounds the memory

double square(double x) {
  return x * x;
}

double distance_squared(const Point& a, const Point& b) {
  return square(a.x_nm - b.x_nm) + square(a.y_nm - b.y_nm);
}

/// Distance of a point from the bisector of two seeds, from the squared distances to the nearer, the farther,
/// and between them; squared, so that a search for the least needs no root.
double wall_squared(double nearer2, double farther2, double between2) {
  return square(farther2 - nearer2) / (4 * between2);
}

struct SeedImage {
  int column;
  int shift_x;  // in fields
  int shift_y;
  Point position;
};

/// Seeds in square buckets of about one each, repeated for ever.
class Buckets {
 public:
  Buckets(const std::vector<Point>& seeds, double field_nm)
      : seeds_(seeds),
        field_nm_(field_nm),
        per_edge_(std::max(1, static_cast<int>(std::sqrt(static_cast<double>(seeds.size()))))),
        edge_nm_(field_nm / per_edge_),
        members_(static_cast<std::size_t>(per_edge_) * static_cast<std::size_t>(per_edge_)) {
    for (std::size_t i = 0; i < seeds.size(); ++i) {
      const int x = std::min(static_cast<int>(seeds[i].x_nm / edge_nm_), per_edge_ - 1);
      const int y = std::min(static_cast<int>(seeds[i].y_nm / edge_nm_), per_edge_ - 1);
      members_[y * per_edge_ + x].push_back(static_cast<int>(i));
    }
  }

  double spacing_nm() const { return field_nm_ / std::sqrt(static_cast<double>(seeds_.size())); }

  /// Calls visit(image) for all images in the buckets that the disc touches: those within it, and some
  /// beyond.
  template <typename Visit>
  void visit_near(const Point& centre, double radius_nm, Visit visit) const {
    const auto bucket = [this](double coordinate) {
      return static_cast<int>(std::floor(coordinate / edge_nm_));
    };
    for (int y = bucket(centre.y_nm - radius_nm); y <= bucket(centre.y_nm + radius_nm); ++y) {
      const int shift_y = floor_div(y);
      for (int x = bucket(centre.x_nm - radius_nm); x <= bucket(centre.x_nm + radius_nm); ++x) {
        const int shift_x = floor_div(x);
        const int home = (y - shift_y * per_edge_) * per_edge_ + x - shift_x * per_edge_;
        for (const int column : members_[static_cast<std::size_t>(home)]) {
          const Point& seed = seeds_[static_cast<std::size_t>(column)];
          visit(SeedImage{column, shift_x, shift_y,
                          Point{seed.x_nm + shift_x * field_nm_, seed.y_nm + shift_y * field_nm_}});
        }
      }
    }
  }

  SeedImage nearest(const Point& point) const {
    for (double radius = spacing_nm();; radius *= 2) {
      double least = std::numeric_limits<double>::infinity();
      SeedImage found{};
      visit_near(point, radius, [&](const SeedImage& image) {
        const double d2 = distance_squared(image.position, point);
        if (d2 < least) {
          least = d2;
          found = image;
        }
      });
      if (least <= square(radius)) return found;
    }
  }

  /// d1 + 2 w, with d1 the distance to the nearest seed and w that to the wall: as (d2^2 - d1^2) / (2 |s2 -
  /// s1|) is at least (d2 - d1) / 2, no seed beyond it takes part in at(point).
  double reach_nm(const Point& point) const {
    const Point own = nearest(point).position;
    const double own2 = distance_squared(own, point);
    for (double radius = 2 * spacing_nm();; radius *= 2) {
      double wall2 = std::numeric_limits<double>::infinity();
      visit_near(point, radius, [&](const SeedImage& image) {
        const double between2 = distance_squared(image.position, own);
        if (between2 == 0) return;
        wall2 = std::min(wall2, wall_squared(own2, distance_squared(image.position, point), between2));
      });
      const double reach = std::sqrt(own2) + 2 * std::sqrt(wall2);
      if (reach <= radius) return reach;
    }
  }

 private:
  int floor_div(int index) const {
    return index >= 0 ? index / per_edge_ : -((per_edge_ - 1 - index) / per_edge_);
  }

  const std::vector<Point>& seeds_;
  double field_nm_;
  int per_edge_;
  double edge_nm_;
  std::vector<std::vector<int>> members_;
};

std::vector<Point> random_points(std::size_t count, double field_nm, std::uint64_t seed) {
  Random random(seed, kSeedStream, 0);
  std::vector<Point> points(count);
  for (Point& point : points) {
    point.x_nm = field_nm * random.uniform();
    point.y_nm = field_nm * random.uniform();
  }
  return points;
}

/// Moves every seed to the centroid of its column, found by counting on a grid.
void relax(std::vector<Point>& seeds, double field_nm) {
  const Buckets buckets(seeds, field_nm);
  const int samples = static_cast<int>(std::ceil(kSamplesPerSpacing * field_nm / buckets.spacing_nm()));
  const double step_nm = field_nm / samples;
  std::vector<Point> offset(seeds.size());
  std::vector<int> count(seeds.size(), 0);
  for (int row = 0; row < samples; ++row) {
    for (int column = 0; column < samples; ++column) {
      const Point point{(column + 0.5) * step_nm, (row + 0.5) * step_nm};
      const SeedImage own = buckets.nearest(point);
      const auto i = static_cast<std::size_t>(own.column);
      offset[i].x_nm += point.x_nm - own.position.x_nm;
      offset[i].y_nm += point.y_nm - own.position.y_nm;
      ++count[i];
    }
  }
  const auto moved = [field_nm](double from_nm, double by_nm) {
    const double to_nm = from_nm + by_nm;
    return to_nm - field_nm * std::floor(to_nm / field_nm);
  };
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    if (count[i] == 0) continue;
    seeds[i].x_nm = moved(seeds[i].x_nm, offset[i].x_nm / count[i]);
    seeds[i].y_nm = moved(seeds[i].y_nm, offset[i].y_nm / count[i]);
  }
}

std::size_t column_count(const scenario::Specimen& specimen) {
  const double column_area_nm2 = std::numbers::pi / 4 * square(specimen.column_nm());
  return static_cast<std::size_t>(std::max(1.0, std::round(square(specimen.field_nm()) / column_area_nm2)));
}

}  // namespace

Film::Film(const scenario::Specimen& specimen, std::uint64_t seed)
    : field_nm_(specimen.field_nm()),
      thickness_nm_(specimen.thickness_nm()),
      channel_nm_(specimen.channel_nm()),
      seeds_(random_points(simulation::column_count(specimen), field_nm_, seed)) {
  for (int i = 0; i < kRelaxations; ++i) relax(seeds_, field_nm_);
  index_seeds();
}

// A point of a cell is at most h, half the diagonal, from its middle; d1, w and the distance to any seed
// change by no more than that, so what can matter anywhere in the cell lies within d1 + 2 w + 4 h of the
// middle.
void Film::index_seeds() {
  const Buckets buckets(seeds_, field_nm_);
  cells_ = std::clamp(static_cast<int>(std::ceil(kCellsPerSpacing * field_nm_ / buckets.spacing_nm())), 1,
                      kMostCells);
  const double edge_nm = field_nm_ / cells_;
  const double slack_nm = 4 * edge_nm * std::numbers::sqrt2 / 2 * (1 + 1e-9);
  std::unordered_map<std::uint64_t, std::uint32_t> numbers;
  const auto number = [&](const SeedImage& image) {
    // Images lie within two fields of the middle one: the reach is at most the field, the slack less than
    // three.
    const std::uint64_t key = static_cast<std::uint64_t>(image.column) * 256 +
                              static_cast<std::uint64_t>((image.shift_x + 8) * 16 + image.shift_y + 8);
    const auto [place, is_new] = numbers.try_emplace(key, static_cast<std::uint32_t>(images_.size()));
    if (is_new) images_.push_back({image.position, image.column});
    return place->second;
  };
  near_begin_.push_back(0);
  for (int row = 0; row < cells_; ++row) {
    for (int column = 0; column < cells_; ++column) {
      const Point middle{(column + 0.5) * edge_nm, (row + 0.5) * edge_nm};
      const double radius_nm = buckets.reach_nm(middle) + slack_nm;
      buckets.visit_near(middle, radius_nm, [&](const SeedImage& image) {
        if (distance_squared(image.position, middle) > square(radius_nm)) return;
        near_images_.push_back(number(image));
      });
      near_begin_.push_back(static_cast<std::uint32_t>(near_images_.size()));
    }
  }
}

double Film::wrapped_nm(double coordinate_nm) const {
  return coordinate_nm - field_nm_ * std::floor(coordinate_nm / field_nm_);
}

Film::Place Film::at(double x_nm, double y_nm) const {
  const Point point{wrapped_nm(x_nm), wrapped_nm(y_nm)};
  const auto cell = [this](double coordinate_nm) {
    return std::min(static_cast<int>(coordinate_nm * cells_ / field_nm_), cells_ - 1);
  };
  const std::size_t index = cell(point.y_nm) * cells_ + cell(point.x_nm);
  const std::uint32_t* const begin = near_images_.data() + near_begin_[index];
  const std::uint32_t* const end = near_images_.data() + near_begin_[index + 1];

  const Image* own = nullptr;
  double own2 = std::numeric_limits<double>::infinity();
  for (const std::uint32_t* i = begin; i != end; ++i) {
    const double d2 = distance_squared(images_[*i].position, point);
    if (d2 < own2) {
      own2 = d2;
      own = &images_[*i];
    }
  }
  double wall2 = std::numeric_limits<double>::infinity();
  for (const std::uint32_t* i = begin; i != end; ++i) {
    const Image& other = images_[*i];
    if (&other == own) continue;
    wall2 = std::min(wall2, wall_squared(own2, distance_squared(other.position, point),
                                         distance_squared(other.position, own->position)));
  }
  const double to_wall_nm = std::sqrt(wall2);
  return {own->column, to_wall_nm < channel_nm_ / 2 ? Region::kChannel : Region::kCore, to_wall_nm};
}

double Film::channel_fraction(double step_nm) const {
  const int samples = std::max(1, static_cast<int>(std::round(field_nm_ / step_nm)));
  std::int64_t inside = 0;
  for (int row = 0; row < samples; ++row) {
    for (int column = 0; column < samples; ++column) {
      const Place place = at((column + 0.5) * field_nm_ / samples, (row + 0.5) * field_nm_ / samples);
      if (place.region == Region::kChannel) ++inside;
    }
  }
  return static_cast<double>(inside) / (static_cast<double>(samples) * samples);
}

}  // namespace glasswatch::simulation
