#include "simulators/specimen/specimen.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>

#include "simulators/random.h"

namespace glasswatch::simulation {
namespace {

constexpr std::uint64_t kColumnStream = 0x1220;
constexpr std::uint64_t kMotifStream = 0x1221;
constexpr std::uint64_t kMotifAtomStream = 0x1222;
constexpr double kSeamNm = 0.05;     // around motifs and nuclei, free of what they replace
constexpr double kMotifGapNm = 0.2;  // between motifs
constexpr int kMotifTries = 1000;    // places looked at for one motif before it is given up
constexpr double kMapStepNm = 0.1;   // of the map of columns under the disc
// Of the map over the disc, so that no tip of a column is missed.
constexpr double kMapMarginNm = 0.3;
constexpr double kCubeNm = 1;  // of the lists of motifs and nuclei

double square(double x) {
  return x * x;
}

/// The output function of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014): a bijection that looks random.
std::uint64_t scrambled(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

double to_nearest_image_nm(double difference_nm, double field_nm) {
  return difference_nm - field_nm * std::floor(difference_nm / field_nm + 0.5);
}

Packing packing_of(const scenario::Specimen& specimen, std::uint64_t seed) {
  if (!specimen.atoms_path().empty()) {
    return Packing::from_matlab(specimen.atoms_path(), specimen.cu_fraction(), seed);
  }
  return Packing(specimen.packing_nm(), specimen.cu_fraction(), seed);
}

double cu_fraction(const Packing& packing) {
  const auto copper = std::count_if(packing.atoms().begin(), packing.atoms().end(),
                                    [](const Atom& atom) { return atom.element == Element::kCu; });
  return static_cast<double>(copper) / static_cast<double>(packing.atoms().size());
}

std::vector<ColumnFrame> column_frames(int count, double packing_nm, std::uint64_t seed) {
  std::vector<ColumnFrame> frames;
  for (int column = 0; column < count; ++column) {
    Random random(seed, kColumnStream, static_cast<std::uint64_t>(column));
    ColumnFrame& frame = frames.emplace_back();
    frame.mirror = random.uniform() < 0.5 ? -1 : 1;
    const double angle_rad = 2 * std::numbers::pi * random.uniform();
    frame.cosine = std::cos(angle_rad);
    frame.sine = std::sin(angle_rad);
    for (double& shift_nm : frame.shift_nm) shift_nm = packing_nm * random.uniform();
    frame.key = random.next();
  }
  return frames;
}

using Vector = std::array<double, 3>;

Vector rotated(const Rotation& r, const Vector& v) {
  return {r[0] * v[0] + r[1] * v[1] + r[2] * v[2], r[3] * v[0] + r[4] * v[1] + r[5] * v[2],
          r[6] * v[0] + r[7] * v[1] + r[8] * v[2]};
}

Vector cross(const Vector& a, const Vector& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

struct Box {
  Vector low;
  Vector high;
};

struct Interval {
  double low;
  double high;
};

constexpr double kRoundingNm = 1e-9;  // by which boxes are widened; what lies in them is tested again

/// What a component along `axis` can be in the box.
Interval extent(const Box& box, const Vector& axis) {
  double middle = 0;
  double half = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    middle += axis[i] * (box.high[i] + box.low[i]) / 2;
    half += std::abs(axis[i]) * ((box.high[i] - box.low[i]) / 2 + kRoundingNm);
  }
  return {middle - half, middle + half};
}

/// The t for which start + t * step lies in the box; none if low > high.
Interval inside(const Box& box, const Vector& start, const Vector& step) {
  Interval interval{-std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  for (std::size_t i = 0; i < 3; ++i) {
    // Along a face both ends are infinite: of one sign for a line outside, of two for one inside.
    const double a = (box.low[i] - kRoundingNm - start[i]) / step[i];
    const double b = (box.high[i] + kRoundingNm - start[i]) / step[i];
    interval.low = std::max(interval.low, std::min(a, b));
    interval.high = std::min(interval.high, std::max(a, b));
  }
  return interval;
}

/// Calls visit(offset, element) for the atoms of a nucleus that lie in the box, offsets from its centre:
/// those of crystal.h's append_sphere, but only lattice lines that meet the box are followed.
template <typename Visit>
void visit_lattice(const Nucleus& nucleus, const Box& box, Visit visit) {
  const UnitCell& cell = unit_cell(nucleus.phase);
  std::array<Vector, 3> edge;
  for (std::size_t i = 0; i < 3; ++i) edge[i] = rotated(nucleus.rotation, cell.edge_nm[i]);
  const auto fractions = [&](const Vector& normal) {
    const Interval nm3 = extent(box, normal);
    return Interval{nm3.low / cell.volume_nm3(), nm3.high / cell.volume_nm3()};
  };
  const Interval us = fractions(cross(edge[1], edge[2]));
  const Interval vs = fractions(cross(edge[2], edge[0]));
  for (const auto& [site, element] : cell.sites) {
    for (double u = std::ceil(us.low - site[0]) + site[0]; u <= us.high; ++u) {
      for (double v = std::ceil(vs.low - site[1]) + site[1]; v <= vs.high; ++v) {
        const Vector start = {u * edge[0][0] + v * edge[1][0], u * edge[0][1] + v * edge[1][1],
                              u * edge[0][2] + v * edge[1][2]};
        const Interval ws = inside(box, start, edge[2]);
        for (double w = std::ceil(ws.low - site[2]) + site[2]; w <= ws.high; ++w) {
          const Vector p = {start[0] + w * edge[2][0], start[1] + w * edge[2][1], start[2] + w * edge[2][2]};
          if (square(p[0]) + square(p[1]) + square(p[2]) < square(nucleus.radius_nm)) visit(p, element);
        }
      }
    }
  }
}

}  // namespace

Point ColumnFrame::to_packing(const Point& offset) const {
  const double x_nm = mirror * offset.x_nm;
  return {cosine * x_nm - sine * offset.y_nm + shift_nm[0], sine * x_nm + cosine * offset.y_nm + shift_nm[1]};
}

Point ColumnFrame::from_packing(double x_nm, double y_nm) const {
  const double x = x_nm - shift_nm[0];
  const double y = y_nm - shift_nm[1];
  return {mirror * (cosine * x + sine * y), cosine * y - sine * x};
}

// ---- what lies under the disc ----

struct Specimen::Disc {
  Point centre;
  double radius_nm;

  bool contains(double x_nm, double y_nm) const { return square(x_nm) + square(y_nm) < square(radius_nm); }
};

/// One image of a column, and the part of the packing that covers what the disc sees of it.
struct Specimen::Patch {
  int column;
  int image_x;  // in fields
  int image_y;
  Point seed;  // from the disc's centre
  Point low;   // in the packing
  Point high;
};

/// Column and region in small squares under the disc, for film_.at() at every atom would cost more than all
/// the rest.
class Specimen::ColumnMap {
 public:
  struct Square {
    int patch = -1;        // of the middle
    bool certain = false;  // all of the square is of this patch and region
    Region region = Region::kCore;
  };

  ColumnMap(const Film& film, std::span<const ColumnFrame> frames, const Disc& disc, double channel_nm)
      : disc_(disc),
        half_nm_(disc.radius_nm + kMapMarginNm),
        per_edge_(static_cast<int>(std::ceil(2 * half_nm_ / kMapStepNm))),
        squares_(static_cast<std::size_t>(per_edge_) * static_cast<std::size_t>(per_edge_)) {
    constexpr double kHalfDiagonalNm = kMapStepNm * std::numbers::sqrt2 / 2 * (1 + 1e-9);
    for (int row = 0; row < per_edge_; ++row) {
      for (int column = 0; column < per_edge_; ++column) {
        const Point middle{(column + 0.5) * kMapStepNm - half_nm_, (row + 0.5) * kMapStepNm - half_nm_};
        if (square(middle.x_nm) + square(middle.y_nm) > square(half_nm_)) continue;
        const auto place = film.at(disc.centre.x_nm + middle.x_nm, disc.centre.y_nm + middle.y_nm);
        Square& here = squares_[row * per_edge_ + column];
        here.patch = extend_patch(film, frames, place.column, middle);
        here.region = place.region;
        here.certain = place.to_wall_nm > kHalfDiagonalNm &&
                       std::abs(place.to_wall_nm - channel_nm / 2) > kHalfDiagonalNm;
      }
    }
    for (Patch& patch : patches_) finish(patch, frames[static_cast<std::size_t>(patch.column)]);
  }

  std::span<const Patch> patches() const { return patches_; }
  const Patch& patch(int index) const { return patches_[static_cast<std::size_t>(index)]; }

  /// Of a point inside the disc, from its centre.
  const Square& at(double x_nm, double y_nm) const {
    constexpr double kPerNm = 1 / kMapStepNm;
    const int column = static_cast<int>((x_nm + half_nm_) * kPerNm);
    const int row = static_cast<int>((y_nm + half_nm_) * kPerNm);
    return squares_[row * per_edge_ + column];
  }

 private:
  /// The patch of `column` whose image has its seed nearest to the point, made if it is new, grown to hold
  /// the point.
  int extend_patch(const Film& film, std::span<const ColumnFrame> frames, int column, const Point& point) {
    const Point seed = film.seed(column);
    const double field_nm = film.field_nm();
    const double x_nm = disc_.centre.x_nm - seed.x_nm;
    const double y_nm = disc_.centre.y_nm - seed.y_nm;
    const int image_x = static_cast<int>(std::floor((x_nm + point.x_nm) / field_nm + 0.5));
    const int image_y = static_cast<int>(std::floor((y_nm + point.y_nm) / field_nm + 0.5));
    const auto same = [&](const Patch& patch) {
      return patch.column == column && patch.image_x == image_x && patch.image_y == image_y;
    };
    if (patches_.empty() || !same(patches_[latest_])) {
      const auto found = std::find_if(patches_.begin(), patches_.end(), same);
      latest_ = static_cast<std::size_t>(found - patches_.begin());
      if (found == patches_.end()) {
        constexpr double kFar = std::numeric_limits<double>::max();
        patches_.push_back({column,
                            image_x,
                            image_y,
                            {image_x * field_nm - x_nm, image_y * field_nm - y_nm},
                            {kFar, kFar},
                            {-kFar, -kFar}});
      }
    }
    Patch& patch = patches_[latest_];
    const Point p = frames[static_cast<std::size_t>(column)].to_packing(
        {point.x_nm - patch.seed.x_nm, point.y_nm - patch.seed.y_nm});
    patch.low = {std::min(patch.low.x_nm, p.x_nm), std::min(patch.low.y_nm, p.y_nm)};
    patch.high = {std::max(patch.high.x_nm, p.x_nm), std::max(patch.high.y_nm, p.y_nm)};
    return static_cast<int>(latest_);
  }

  /// Middles of squares become all that is near them, less what the disc does not reach: it is round, so its
  /// box in the packing is the same however the column is turned.
  void finish(Patch& patch, const ColumnFrame& frame) const {
    const Point centre = frame.to_packing({-patch.seed.x_nm, -patch.seed.y_nm});
    const double radius_nm = disc_.radius_nm;
    patch.low = {std::max(patch.low.x_nm - kMapMarginNm, centre.x_nm - radius_nm),
                 std::max(patch.low.y_nm - kMapMarginNm, centre.y_nm - radius_nm)};
    patch.high = {std::min(patch.high.x_nm + kMapMarginNm, centre.x_nm + radius_nm),
                  std::min(patch.high.y_nm + kMapMarginNm, centre.y_nm + radius_nm)};
  }

  Disc disc_;
  double half_nm_;
  int per_edge_;
  std::vector<Square> squares_;
  std::vector<Patch> patches_;
  std::size_t latest_ = 0;
};

/// A nucleus or a motif, seen from the disc's centre.
struct Specimen::Body {
  Vector centre_nm;
  double radius_nm;
  double half_height_nm;  // 0 for a sphere
  std::size_t index;      // in nuclei() or motifs()
  Box visible;            // outside it earlier bodies, or the film's ends, hide this one

  bool is_nucleus() const { return half_height_nm == 0; }

  /// Whether a point at this offset from the centre belongs to the body or its seam.
  bool covers(const Vector& offset_nm) const {
    const double in_plane2 = square(offset_nm[0]) + square(offset_nm[1]);
    const double reach2 = square(radius_nm + kSeamNm);
    if (is_nucleus()) return in_plane2 + square(offset_nm[2]) < reach2;
    return in_plane2 < reach2 && std::abs(offset_nm[2]) < half_height_nm + kSeamNm;
  }

  Box box() const {
    const double reach_nm = radius_nm + kSeamNm;
    const double height_nm = is_nucleus() ? reach_nm : half_height_nm + kSeamNm;
    return {{centre_nm[0] - reach_nm, centre_nm[1] - reach_nm, centre_nm[2] - height_nm},
            {centre_nm[0] + reach_nm, centre_nm[1] + reach_nm, centre_nm[2] + height_nm}};
  }
};

/// The bodies that are seen in a disc; an earlier one owns the atoms that two share. The disc is divided into
/// cubes, each with the list of bodies that reach into it, up to the first that fills it.
class Specimen::Bodies {
 public:
  Bodies(const Disc& disc, const Film& film)
      : disc_(disc),
        field_nm_(film.field_nm()),
        count_{cubes(2 * disc.radius_nm), 0, cubes(film.thickness_nm())} {
    count_[1] = count_[0];
    cubes_.resize(static_cast<std::size_t>(count_[0]) * static_cast<std::size_t>(count_[1]) *
                  static_cast<std::size_t>(count_[2]));
  }

  /// All images of it that reach into the disc.
  void add(const Body& body) {
    const double reach_nm = disc_.radius_nm + body.radius_nm + kSeamNm;
    const double x_nm = to_nearest_image_nm(body.centre_nm[0] - disc_.centre.x_nm, field_nm_);
    const double y_nm = to_nearest_image_nm(body.centre_nm[1] - disc_.centre.y_nm, field_nm_);
    const int images = static_cast<int>(std::lround(reach_nm / field_nm_));
    for (int row = -images; row <= images; ++row) {
      for (int column = -images; column <= images; ++column) {
        Body image = body;
        image.centre_nm = {x_nm + column * field_nm_, y_nm + row * field_nm_, body.centre_nm[2]};
        if (square(image.centre_nm[0]) + square(image.centre_nm[1]) < square(reach_nm)) add_image(image);
      }
    }
  }

  std::span<const Body> all() const { return bodies_; }

  /// Whether one of the first `count` bodies owns the point; it must lie in the disc and in the film.
  bool cover(const Vector& point_nm, std::size_t count) const {
    if (bodies_.empty()) return false;
    for (const std::size_t i :
         cubes_[cube_at(cube(0, point_nm[0]), cube(1, point_nm[1]), cube(2, point_nm[2]))].bodies) {
      if (i >= count) return false;
      const Vector& centre_nm = bodies_[i].centre_nm;
      if (bodies_[i].covers(
              {point_nm[0] - centre_nm[0], point_nm[1] - centre_nm[1], point_nm[2] - centre_nm[2]})) {
        return true;
      }
    }
    return false;
  }

 private:
  struct Cube {
    std::vector<std::size_t> bodies;
    bool full = false;
  };

  static int cubes(double length_nm) { return static_cast<int>(length_nm / kCubeNm) + 1; }

  double origin_nm(std::size_t axis) const { return axis == 2 ? 0 : -disc_.radius_nm; }

  int cube(std::size_t axis, double coordinate_nm) const {
    return std::clamp(static_cast<int>((coordinate_nm - origin_nm(axis)) / kCubeNm), 0, count_[axis] - 1);
  }

  std::size_t cube_at(int x, int y, int z) const { return (y * count_[0] + x) * count_[2] + z; }

  void add_image(Body& body) {
    constexpr double kFar = std::numeric_limits<double>::max();
    body.visible = {{kFar, kFar, kFar}, {-kFar, -kFar, -kFar}};
    const Box box = body.box();
    const auto first = [&](std::size_t axis) { return cube(axis, box.low[axis]); };
    const auto last = [&](std::size_t axis) { return cube(axis, box.high[axis]); };
    bool seen = false;
    for (int y = first(1); y <= last(1); ++y) {
      for (int x = first(0); x <= last(0); ++x) {
        for (int z = first(2); z <= last(2); ++z) seen |= enter(body, {x, y, z});
      }
    }
    if (seen) bodies_.push_back(body);
  }

  /// Puts the body on the list of the cube, unless it is hidden there or does not reach it.
  bool enter(Body& body, const std::array<int, 3>& place) {
    Cube& cube = cubes_[cube_at(place[0], place[1], place[2])];
    if (cube.full) return false;
    Vector low, high, nearest, farthest;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      low[axis] = origin_nm(axis) + place[axis] * kCubeNm;
      high[axis] = low[axis] + kCubeNm;
      const double from = low[axis] - body.centre_nm[axis];
      const double to = high[axis] - body.centre_nm[axis];
      nearest[axis] = std::clamp(0.0, from, to);
      farthest[axis] = std::max(-from, to);
    }
    if (!body.covers(nearest)) return false;
    cube.full = body.covers(farthest);
    cube.bodies.push_back(bodies_.size());
    for (std::size_t axis = 0; axis < 3; ++axis) {
      body.visible.low[axis] = std::min(body.visible.low[axis], low[axis]);
      body.visible.high[axis] = std::max(body.visible.high[axis], high[axis]);
    }
    return true;
  }

  Disc disc_;
  double field_nm_;
  std::array<int, 3> count_;  // of cubes along x, y, z
  std::vector<Body> bodies_;
  std::vector<Cube> cubes_;
};

/// Where the atoms go: those in the disc and in the film that no earlier body owns.
struct Specimen::Cut {
  const Disc& disc;
  const Bodies& bodies;
  double thickness_nm;
  std::vector<Atom>& atoms;

  /// `earlier`: how many bodies go before the owner of this atom.
  void append(const Vector& place_nm, Element element, std::size_t earlier) const {
    const auto z_nm = static_cast<float>(place_nm[2]);  // rounding must not carry it through the surface
    if (z_nm < 0 || z_nm >= thickness_nm || !disc.contains(place_nm[0], place_nm[1])) return;
    if (bodies.cover(place_nm, earlier)) return;
    atoms.push_back({static_cast<float>(place_nm[0]), static_cast<float>(place_nm[1]), z_nm, element});
  }
};

// ---- making it ----

Specimen::Specimen(const scenario::Specimen& specimen, std::uint64_t seed)
    : settings_(specimen),
      seed_(seed),
      film_(specimen, seed),
      packing_(packing_of(specimen, seed)),
      frames_(column_frames(film_.column_count(), packing_.edge_nm(), seed)),
      crystallization_(specimen, film_, seed) {
  const double in_cores = cu_fraction(packing_);
  const double in_channels = settings_.channel_cu_fraction();
  if (in_channels < in_cores) zr_for_cu_ = 1 - in_channels / in_cores;
  if (in_channels > in_cores) cu_for_zr_ = (in_channels - in_cores) / (1 - in_cores);
  std::uint64_t index = 0;
  for (const scenario::Motif& motif : settings_.motif()) {
    plant(motif, Region::kCore, index++);
    plant(motif, Region::kChannel, index++);
  }
}

// Places over the whole field at the region's density, of which those in the region are kept: the right
// number without knowing the region's area. One that meets an earlier motif is moved elsewhere in the region.
void Specimen::plant(const scenario::Motif& motif, Region region, std::uint64_t index) {
  Random random(seed_, kMotifStream, index);
  const double density_per_nm2 = region == Region::kCore ? motif.per_nm2_core() : motif.per_nm2_channel();
  const double height_nm = std::min(motif.height_nm(), film_.thickness_nm());
  const double cu_fraction =
      region == Region::kCore ? settings_.cu_fraction() : settings_.channel_cu_fraction();
  const auto draw = [&] {
    PlantedMotif drawn{motif.kind(), {}, 0, motif.radius_nm(), height_nm, 0, region};
    drawn.position = {film_.field_nm() * random.uniform(), film_.field_nm() * random.uniform()};
    drawn.z_nm = height_nm / 2 + (film_.thickness_nm() - height_nm) * random.uniform();
    drawn.angle_rad = 2 * std::numbers::pi * random.uniform();
    return drawn;
  };
  const auto lies_in_region = [&](const PlantedMotif& drawn) {
    return film_.at(drawn.position.x_nm, drawn.position.y_nm).region == region;
  };
  const std::int64_t places = random.poisson(density_per_nm2 * square(film_.field_nm()));
  for (std::int64_t i = 0; i < places; ++i) {
    PlantedMotif drawn = draw();
    if (!lies_in_region(drawn)) continue;
    int tries = 1;
    while (!(lies_in_region(drawn) && is_free(drawn)) && tries++ < kMotifTries) drawn = draw();
    if (tries > kMotifTries) return;
    Random of_atoms(seed_, kMotifAtomStream, motifs_.size());
    append_motif(drawn.kind, drawn.radius_nm, height_nm, drawn.angle_rad, cu_fraction, of_atoms,
                 motif_atoms_.emplace_back());
    motifs_.push_back(drawn);
  }
}

bool Specimen::is_free(const PlantedMotif& motif) const {
  return std::none_of(motifs_.begin(), motifs_.end(), [&](const PlantedMotif& other) {
    if (std::abs(motif.z_nm - other.z_nm) > (motif.height_nm + other.height_nm) / 2 + kMotifGapNm)
      return false;
    const double x_nm = to_nearest_image_nm(motif.position.x_nm - other.position.x_nm, film_.field_nm());
    const double y_nm = to_nearest_image_nm(motif.position.y_nm - other.position.y_nm, film_.field_nm());
    return square(x_nm) + square(y_nm) < square(motif.radius_nm + other.radius_nm + kMotifGapNm);
  });
}

void Specimen::advance(double time_s, const std::function<double(double)>& temperature_c) {
  crystallization_.advance(time_s, temperature_c);
}

// ---- cutting atoms out of it ----

void Specimen::atoms_near(const Point& centre, double radius_nm, std::vector<Atom>& atoms) const {
  atoms.clear();
  const Disc disc{centre, radius_nm};
  const ColumnMap map(film_, frames_, disc, settings_.channel_nm());
  const Bodies bodies = bodies_near(disc);
  const Cut cut{disc, bodies, film_.thickness_nm(), atoms};
  for (const Patch& patch : map.patches()) append_glass(patch, map, cut);
  for (std::size_t i = 0; i < bodies.all().size(); ++i) {
    if (bodies.all()[i].is_nucleus()) {
      append_nucleus(i, cut);
    } else {
      append_planted(i, cut);
    }
  }
}

Specimen::Bodies Specimen::bodies_near(const Disc& disc) const {
  Bodies bodies(disc, film_);
  for (std::size_t i = 0; i < nuclei().size(); ++i) {
    const Nucleus& nucleus = nuclei()[i];
    bodies.add({{nucleus.position.x_nm, nucleus.position.y_nm, nucleus.z_nm}, nucleus.radius_nm, 0, i, {}});
  }
  for (std::size_t i = 0; i < motifs_.size(); ++i) {
    const PlantedMotif& motif = motifs_[i];
    bodies.add({{motif.position.x_nm, motif.position.y_nm, motif.z_nm},
                motif.radius_nm,
                motif.height_nm / 2,
                i,
                {}});
  }
  return bodies;
}

void Specimen::append_glass(const Patch& patch, const ColumnMap& map, const Cut& cut) const {
  const ColumnFrame& frame = frames_[static_cast<std::size_t>(patch.column)];
  const Point seed = film_.seed(patch.column);
  const double half_field_nm = film_.field_nm() / 2;
  const double depth_nm = frame.shift_nm[2];
  const double low_nm[3] = {patch.low.x_nm, patch.low.y_nm, depth_nm};
  const double high_nm[3] = {patch.high.x_nm, patch.high.y_nm, depth_nm + film_.thickness_nm()};
  packing_.visit_box(low_nm, high_nm, [&](const Atom& in_packing) {
    const Point offset = frame.from_packing(in_packing.x_nm, in_packing.y_nm);
    const double x_nm = patch.seed.x_nm + offset.x_nm;
    const double y_nm = patch.seed.y_nm + offset.y_nm;
    if (!cut.disc.contains(x_nm, y_nm)) return;
    const ColumnMap::Square& here = map.at(x_nm, y_nm);
    Region region = here.region;
    if (here.certain) {
      if (&map.patch(here.patch) != &patch) return;
    } else {
      // About the seed in the field itself, whichever image this is: the same decision in every call.
      const Film::Place place = film_.at(seed.x_nm + offset.x_nm, seed.y_nm + offset.y_nm);
      const bool own_image = std::abs(offset.x_nm) <= half_field_nm && std::abs(offset.y_nm) <= half_field_nm;
      if (place.column != patch.column || !own_image) return;
      region = place.region;
    }
    Element element = in_packing.element;
    if (region == Region::kChannel && !alter_in_channel(frame, in_packing, element)) return;
    cut.append({x_nm, y_nm, in_packing.z_nm - depth_nm}, element, cut.bodies.all().size());
  });
}

/// Whether the atom is there, and as what: drawn from its place in the packing and its column, so that every
/// call that meets the atom decides alike.
bool Specimen::alter_in_channel(const ColumnFrame& frame, const Atom& in_packing, Element& element) const {
  const auto bits = [](float value) { return std::uint64_t{std::bit_cast<std::uint32_t>(value)}; };
  const std::uint64_t in_plane = bits(in_packing.x_nm) << 32 | bits(in_packing.y_nm);
  const std::uint64_t drawn = scrambled(scrambled(frame.key ^ in_plane) + bits(in_packing.z_nm));
  if (static_cast<double>(drawn >> 32) * 0x1p-32 >= settings_.channel_density()) return false;
  const double exchange = static_cast<double>(drawn & 0xffffffff) * 0x1p-32;
  if (element == Element::kCu) {
    if (exchange < zr_for_cu_) element = Element::kZr;
  } else if (exchange < cu_for_zr_) {
    element = Element::kCu;
  }
  return true;
}

void Specimen::append_nucleus(std::size_t index, const Cut& cut) const {
  const Body& body = cut.bodies.all()[index];
  const Vector& centre_nm = body.centre_nm;
  Box box;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    box.low[axis] = std::max(-body.radius_nm, body.visible.low[axis] - centre_nm[axis]);
    box.high[axis] = std::min(body.radius_nm, body.visible.high[axis] - centre_nm[axis]);
  }
  visit_lattice(nuclei()[body.index], box, [&](const Vector& offset, Element element) {
    cut.append({centre_nm[0] + offset[0], centre_nm[1] + offset[1], centre_nm[2] + offset[2]}, element,
               index);
  });
}

void Specimen::append_planted(std::size_t index, const Cut& cut) const {
  const Body& body = cut.bodies.all()[index];
  const Vector& centre_nm = body.centre_nm;
  for (const Atom& atom : motif_atoms_[body.index]) {
    cut.append({centre_nm[0] + atom.x_nm, centre_nm[1] + atom.y_nm, centre_nm[2] + atom.z_nm}, atom.element,
               index);
  }
}

}  // namespace glasswatch::simulation
