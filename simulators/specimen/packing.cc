#include "simulators/specimen/packing.h"

#include <algorithm>
#include <array>
#include <bit>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/types/user_error.h"
#include "simulators/random.h"
#include "simulators/specimen/matlab_file.h"

namespace glasswatch::simulation {
namespace {

constexpr std::uint64_t kPositionStream = 0x1101;
constexpr std::uint64_t kElementStream = 0x1102;

using Vector = std::array<double, 3>;

// ---- the glass -------------------------------------------------------------------------------------------

// Atomic volumes of fcc Cu (a = 0.3615 nm) and hcp Zr (a = 0.3232, c = 0.5148 nm), mixed linearly (Zen's
// law), and 2 % for the disorder. Cu60Zr40 gets 59.8 atoms / nm^3 = 7.41 g / cm^3. A glass must be a little
// less dense than the crystals it turns into (measured on Cu-Zr films by Li et al., Science 322 (2008) 1816);
// Cu10Zr7 has 61.7.
double glass_density_per_nm3(double cu_fraction) {
  constexpr double kCopperNm3 = 0.01181;
  constexpr double kZirconiumNm3 = 0.02328;
  constexpr double kDisorder = 1.02;
  return 1 / (kDisorder * (cu_fraction * kCopperNm3 + (1 - cu_fraction) * kZirconiumNm3));
}

// Where two spheres begin to feel each other, Cu and Zr. At the density above they overlap by some 2 to 3 %,
// which puts the first maxima of the partial pair distributions at 0.256, 0.277 and 0.319 nm. For comparison:
// the sums of the metallic radii (Goldschmidt, Cu 0.128 and Zr 0.160 nm) are 0.256, 0.288, 0.320 nm, and
// scattering finds Cu-Cu 0.25, Cu-Zr 0.27-0.28 and Zr-Zr 0.31-0.32 nm (Mattern et al., J. Alloys Compd. 485
// (2009) 163).
constexpr double kDiameterNm[2][2] = {{0.262, 0.284}, {0.284, 0.327}};
constexpr double kLargestDiameterNm = 0.327;

// ---- cells -----------------------------------------------------------------------------------------------

// Indices of things in a periodic cube, by cells; counting sort, so the order depends on nothing but the
// positions.
class CellList {
 public:
  CellList(double edge_nm, double cell_nm)
      : edge_nm_(edge_nm), per_edge_(std::max(1, static_cast<int>(edge_nm / cell_nm))) {}

  int per_edge() const { return per_edge_; }

  int along(double coordinate_nm) const {
    return std::min(static_cast<int>(coordinate_nm / edge_nm_ * per_edge_), per_edge_ - 1);
  }

  std::size_t cell(int x, int y, int z) const {
    return (static_cast<std::size_t>(z) * per_edge_ + y) * per_edge_ + x;
  }

  /// Calls visit(index) for the members of the cell and its 26 neighbours (fewer if the cube has fewer).
  template <typename Visit>
  void visit_around(const Vector& position_nm, Visit visit) const {
    const auto [xs, x_count] = around(along(position_nm[0]));
    const auto [ys, y_count] = around(along(position_nm[1]));
    const auto [zs, z_count] = around(along(position_nm[2]));
    for (int a = 0; a < z_count; ++a) {
      for (int b = 0; b < y_count; ++b) {
        for (int c = 0; c < x_count; ++c) {
          const std::size_t here = cell(xs[c], ys[b], zs[a]);
          for (std::uint32_t i = begin_[here]; i < begin_[here + 1]; ++i) visit(members_[i]);
        }
      }
    }
  }

  void assign(std::span<const Vector> positions_nm) {
    const auto cells = static_cast<std::size_t>(per_edge_) * per_edge_ * per_edge_;
    begin_.assign(cells + 1, 0);
    cell_.clear();
    for (const Vector& p : positions_nm) {
      cell_.push_back(static_cast<std::uint32_t>(cell(along(p[0]), along(p[1]), along(p[2]))));
      ++begin_[cell_.back() + 1];
    }
    for (std::size_t i = 0; i < cells; ++i) begin_[i + 1] += begin_[i];
    members_.resize(positions_nm.size());
    std::vector<std::uint32_t> next = begin_;
    for (std::uint32_t i = 0; i < cell_.size(); ++i) members_[next[cell_[i]]++] = i;
  }

  std::span<const std::uint32_t> members() const { return members_; }  // by cell
  std::span<const std::uint32_t> begin() const { return begin_; }  // of each cell in members(), and the end

 private:
  struct Around {
    std::array<int, 3> cells;
    int count;
  };

  Around around(int here) const {
    const int before = (here + per_edge_ - 1) % per_edge_;
    const int after = (here + 1) % per_edge_;
    return {{here, after, before}, std::min(per_edge_, 3)};
  }

  double edge_nm_;
  int per_edge_;
  std::vector<std::uint32_t> begin_;
  std::vector<std::uint32_t> members_;
  std::vector<std::uint32_t> cell_;
};

double wrapped(double coordinate_nm, double edge_nm) {
  const double inside = coordinate_nm - edge_nm * std::floor(coordinate_nm / edge_nm);
  return inside < edge_nm ? inside : 0;
}

// Of a difference of two coordinates that lie in the cube, or just outside.
double to_nearest_image(double difference_nm, double edge_nm) {
  if (difference_nm > edge_nm / 2) return difference_nm - edge_nm;
  if (difference_nm < -edge_nm / 2) return difference_nm + edge_nm;
  return difference_nm;
}

// ---- relaxation ------------------------------------------------------------------------------------------

// Spheres that repel by the energy (sigma - r)^2 / 2 as soon as they overlap; lengths in nm, stiffness and
// mass 1. Minimised by FIRE (Bitzek et al., Phys. Rev. Lett. 97 (2006) 170201, their constants) with
// semi-implicit Euler steps, from random places. Only + - * / and square roots, in a fixed order: the same
// bits everywhere.
class SoftSpheres {
 public:
  SoftSpheres(double edge_nm, std::vector<Vector> positions_nm, std::vector<Element> elements)
      : edge_nm_(edge_nm),
        position_nm_(std::move(positions_nm)),
        element_(std::move(elements)),
        velocity_(position_nm_.size()),
        force_(position_nm_.size()),
        cells_(edge_nm, kLargestDiameterNm + kSkinNm) {}

  void relax(int steps) {
    list_pairs();
    for (int i = 0; i < steps; ++i) {
      find_forces();
      steer();
      if (move() > kSkinNm / 2) list_pairs();
    }
  }

  std::span<const Vector> positions_nm() const { return position_nm_; }
  std::span<const Element> elements() const { return element_; }

 private:
  struct Pair {
    std::uint32_t i;
    std::uint32_t j;
  };

  static constexpr double kSkinNm = 0.1;        // pairs are listed up to the largest diameter and this
  static constexpr double kShortestStep = 0.1;  // of time; the fastest vibration's period is about 2 pi / 4
  static constexpr double kLongestStep = 0.4;
  static constexpr double kMixing = 0.1;

  Vector between(std::uint32_t i, std::uint32_t j) const {
    const Vector& a = position_nm_[i];
    const Vector& b = position_nm_[j];
    return {to_nearest_image(a[0] - b[0], edge_nm_), to_nearest_image(a[1] - b[1], edge_nm_),
            to_nearest_image(a[2] - b[2], edge_nm_)};
  }

  void list_pairs() {
    for (Vector& position : position_nm_) {
      for (double& x : position) x = wrapped(x, edge_nm_);
    }
    listed_nm_ = position_nm_;
    cells_.assign(position_nm_);
    pairs_.clear();
    constexpr double kReachNm = kLargestDiameterNm + kSkinNm;
    for (std::uint32_t i = 0; i < position_nm_.size(); ++i) {
      cells_.visit_around(position_nm_[i], [&](std::uint32_t j) {
        if (j <= i) return;
        const Vector d = between(i, j);
        if (d[0] * d[0] + d[1] * d[1] + d[2] * d[2] < kReachNm * kReachNm) pairs_.push_back({i, j});
      });
    }
  }

  void find_forces() {
    std::fill(force_.begin(), force_.end(), Vector{});
    for (const auto [i, j] : pairs_) {
      const Vector d = between(i, j);
      const double square = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
      const double sigma_nm = kDiameterNm[static_cast<int>(element_[i])][static_cast<int>(element_[j])];
      if (square >= sigma_nm * sigma_nm || square == 0) continue;
      const double pull = sigma_nm / std::sqrt(square) - 1;
      for (std::size_t k = 0; k < 3; ++k) {
        force_[i][k] += pull * d[k];
        force_[j][k] -= pull * d[k];
      }
    }
  }

  // Turns the velocities towards the forces while the energy falls, and stops them when it rises.
  void steer() {
    double power = 0;
    double speed = 0;
    double strength = 0;
    for (std::size_t i = 0; i < force_.size(); ++i) {
      for (std::size_t k = 0; k < 3; ++k) {
        power += force_[i][k] * velocity_[i][k];
        speed += velocity_[i][k] * velocity_[i][k];
        strength += force_[i][k] * force_[i][k];
      }
    }
    if (power <= 0) {
      std::fill(velocity_.begin(), velocity_.end(), Vector{});
      step_ = std::max(step_ / 2, kShortestStep / 4);
      mixing_ = kMixing;
      steps_downhill_ = 0;
      return;
    }
    const double along = mixing_ * std::sqrt(speed / strength);
    for (std::size_t i = 0; i < force_.size(); ++i) {
      for (std::size_t k = 0; k < 3; ++k) {
        velocity_[i][k] = (1 - mixing_) * velocity_[i][k] + along * force_[i][k];
      }
    }
    if (++steps_downhill_ > 5) {
      step_ = std::min(step_ * 1.1, kLongestStep);
      mixing_ *= 0.99;
    }
  }

  // Returns the farthest way from where the pairs were listed, nm.
  double move() {
    double farthest = 0;
    for (std::size_t i = 0; i < force_.size(); ++i) {
      double square = 0;
      for (std::size_t k = 0; k < 3; ++k) {
        velocity_[i][k] += step_ * force_[i][k];
        position_nm_[i][k] += step_ * velocity_[i][k];
        const double way = position_nm_[i][k] - listed_nm_[i][k];
        square += way * way;
      }
      farthest = std::max(farthest, square);
    }
    return std::sqrt(farthest);
  }

  double edge_nm_;
  std::vector<Vector> position_nm_;
  std::vector<Element> element_;
  std::vector<Vector> velocity_;
  std::vector<Vector> force_;
  std::vector<Vector> listed_nm_;
  CellList cells_;
  std::vector<Pair> pairs_;
  double step_ = kShortestStep;
  double mixing_ = kMixing;
  int steps_downhill_ = 0;
};

// In the order of the cells, so that neighbours are near each other in memory.
std::vector<Vector> random_positions(double edge_nm, std::size_t count, std::uint64_t seed) {
  Random random(seed, kPositionStream, 0);
  std::vector<Vector> drawn(count);
  for (Vector& position : drawn) {
    for (double& x : position) x = edge_nm * random.uniform();
  }
  CellList cells(edge_nm, kLargestDiameterNm);
  cells.assign(drawn);
  std::vector<Vector> sorted;
  for (const std::uint32_t i : cells.members()) sorted.push_back(drawn[i]);
  return sorted;
}

// Exactly the nearest number of Cu to cu_fraction, each arrangement as likely as any other.
std::vector<Element> random_elements(std::size_t count, double cu_fraction, std::uint64_t seed) {
  Random random(seed, kElementStream, 0);
  auto copper = static_cast<std::size_t>(std::llround(cu_fraction * static_cast<double>(count)));
  std::vector<Element> elements;
  for (std::size_t left = count; left > 0; --left) {
    const bool chosen = random.uniform() * static_cast<double>(left) < static_cast<double>(copper);
    elements.push_back(chosen ? Element::kCu : Element::kZr);
    if (chosen) --copper;
  }
  return elements;
}

std::vector<Atom> atoms_of(std::span<const Vector> positions, std::span<const Element> elements,
                           double edge_nm) {
  // Rounding to single precision may reach the edge.
  const auto coordinate = [&](double x) {
    const auto rounded = static_cast<float>(wrapped(x, edge_nm));
    return rounded < edge_nm ? rounded : 0.0F;
  };
  std::vector<Atom> atoms;
  atoms.reserve(positions.size());
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const Vector& p = positions[i];
    atoms.push_back({coordinate(p[0]), coordinate(p[1]), coordinate(p[2]), elements[i]});
  }
  return atoms;
}

std::vector<Atom> relaxed_glass(double edge_nm, double cu_fraction, std::uint64_t seed) {
  // Later steps only sharpen the neighbour distances: the energy falls by another sixth in the next 80.
  constexpr int kSteps = 120;
  const double expected = glass_density_per_nm3(cu_fraction) * edge_nm * edge_nm * edge_nm;
  const auto count = static_cast<std::size_t>(std::llround(expected));
  SoftSpheres spheres(edge_nm, random_positions(edge_nm, count, seed),
                      random_elements(count, cu_fraction, seed));
  spheres.relax(kSteps);
  return atoms_of(spheres.positions_nm(), spheres.elements(), edge_nm);
}

// ---- measured positions ----------------------------------------------------------------------------------

std::vector<Vector> positions_nm(const MatlabFile& file) {
  constexpr double kNmPerAngstrom = 0.1;
  const MatlabFile::Matrix& matrix = file.positions();
  const bool in_rows = matrix.columns == 3;
  const std::size_t count = in_rows ? matrix.rows : matrix.columns;
  std::vector<Vector> positions(count);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t k = 0; k < 3; ++k) {
      const double value = kNmPerAngstrom * matrix.values[in_rows ? k * count + i : 3 * i + k];
      if (!std::isfinite(value)) file.fail("holds positions that are no numbers; remove them");
      positions[i][k] = value;
    }
  }
  return positions;
}

// Small against a specimen, large against the distance of atoms: a filled cube of this edge is hardly ever
// empty.
constexpr double kVoxelNm = 0.5;

struct Voxels {
  Vector low_nm;
  std::array<std::size_t, 3> count;
  std::vector<std::uint16_t> filled;  // 1 or 0

  std::size_t index(std::size_t x, std::size_t y, std::size_t z) const {
    return (z * count[1] + y) * count[0] + x;
  }
};

Voxels voxels(std::span<const Vector> positions, const MatlabFile& file) {
  constexpr double kLargestNm = 100;
  if (positions.empty()) file.fail("holds no positions");
  Vector low = positions.front();
  Vector high = low;
  for (const Vector& p : positions) {
    for (std::size_t k = 0; k < 3; ++k) {
      low[k] = std::min(low[k], p[k]);
      high[k] = std::max(high[k], p[k]);
    }
  }
  Voxels grid{low, {}, {}};
  for (std::size_t k = 0; k < 3; ++k) {
    if (high[k] - low[k] > kLargestNm) file.fail("spans more than 100 nm; the positions must be in angstrom");
    grid.count[k] = static_cast<std::size_t>((high[k] - low[k]) / kVoxelNm) + 1;
  }
  grid.filled.resize(grid.count[0] * grid.count[1] * grid.count[2]);
  for (const Vector& p : positions) {
    const auto at = [&](std::size_t k) { return static_cast<std::size_t>((p[k] - low[k]) / kVoxelNm); };
    grid.filled[grid.index(at(0), at(1), at(2))] = 1;
  }
  return grid;
}

struct Cube {
  Vector low_nm{};
  double edge_nm = 0;
};

// The largest cube of filled voxels that ends at a voxel is one larger than the smallest that ends at the
// seven voxels before it.
Cube largest_filled_cube(const Voxels& grid) {
  std::vector<std::uint16_t> edge = grid.filled;
  std::uint16_t largest = 0;
  Cube cube;
  for (std::size_t z = 0; z < grid.count[2]; ++z) {
    for (std::size_t y = 0; y < grid.count[1]; ++y) {
      for (std::size_t x = 0; x < grid.count[0]; ++x) {
        std::uint16_t& here = edge[grid.index(x, y, z)];
        if (here != 0 && x > 0 && y > 0 && z > 0) {
          std::uint16_t before = std::numeric_limits<std::uint16_t>::max();
          for (std::size_t corner = 1; corner < 8; ++corner) {
            const std::size_t i = grid.index(x - (corner & 1), y - (corner >> 1 & 1), z - (corner >> 2));
            before = std::min(before, edge[i]);
          }
          here = static_cast<std::uint16_t>(before + 1);
        }
        if (here <= largest) continue;
        largest = here;
        const auto low = [&](std::size_t at, std::size_t k) {
          return grid.low_nm[k] + kVoxelNm * static_cast<double>(at + 1 - here);
        };
        cube = {{low(x, 0), low(y, 1), low(z, 2)}, kVoxelNm * here};
      }
    }
  }
  return cube;
}

std::vector<Vector> inside(const Cube& cube, std::span<const Vector> positions) {
  std::vector<Vector> found;
  for (const Vector& p : positions) {
    const Vector relative = {p[0] - cube.low_nm[0], p[1] - cube.low_nm[1], p[2] - cube.low_nm[2]};
    const auto [least, most] = std::minmax({relative[0], relative[1], relative[2]});
    if (least >= 0 && most < cube.edge_nm) found.push_back(relative);
  }
  return found;
}

// Where the periodic images of the cube meet, atoms may come too close: of such a pair only the first stays.
std::vector<Vector> without_seam_overlaps(double edge_nm, std::span<const Vector> positions) {
  constexpr double kClosestNm = 0.2;  // four fifths of the Cu-Cu distance
  CellList cells(edge_nm, kClosestNm);
  cells.assign(positions);
  std::vector<bool> kept(positions.size(), true);
  std::vector<Vector> result;
  for (std::uint32_t i = 0; i < positions.size(); ++i) {
    cells.visit_around(positions[i], [&](std::uint32_t j) {
      if (j >= i || !kept[j]) return;
      double square = 0;
      bool across = false;
      for (std::size_t k = 0; k < 3; ++k) {
        const double direct = positions[i][k] - positions[j][k];
        const double way = to_nearest_image(direct, edge_nm);
        across = across || way != direct;
        square += way * way;
      }
      if (across && square < kClosestNm * kClosestNm) kept[i] = false;
    });
    if (kept[i]) result.push_back(positions[i]);
  }
  return result;
}

}  // namespace

Packing::Packing(double edge_nm, double cu_fraction, std::uint64_t seed)
    : Packing(edge_nm, relaxed_glass(edge_nm, cu_fraction, seed)) {}

Packing::Packing(double edge_nm, std::vector<Atom> atoms) : edge_nm_(edge_nm) {
  // About six atoms to a cell: fewer cells to go through than atoms.
  constexpr double kCellNm = 0.45;
  std::vector<Vector> positions;
  positions.reserve(atoms.size());
  for (const Atom& atom : atoms) positions.push_back({atom.x_nm, atom.y_nm, atom.z_nm});
  CellList cells(edge_nm, kCellNm);
  cells.assign(positions);
  for (const std::uint32_t i : cells.members()) atoms_.push_back(atoms[i]);
  cells_ = cells.per_edge();
  cell_begin_.assign(cells.begin().begin(), cells.begin().end());
}

Packing Packing::from_matlab(const std::filesystem::path& path, double cu_fraction, std::uint64_t seed) {
  constexpr double kSmallestNm = 2;
  const MatlabFile file(path);
  const std::vector<Vector> measured = positions_nm(file);
  const Cube cube = largest_filled_cube(voxels(measured, file));
  if (cube.edge_nm < kSmallestNm) {
    file.fail(
        "holds no cube of 2 nm that is filled with atoms; positions in angstrom and a larger piece are "
        "needed");
  }
  const std::vector<Vector> kept = without_seam_overlaps(cube.edge_nm, inside(cube, measured));
  return Packing(cube.edge_nm, atoms_of(kept, random_elements(kept.size(), cu_fraction, seed), cube.edge_nm));
}

double Packing::number_density_per_nm3() const {
  return static_cast<double>(atoms_.size()) / (edge_nm_ * edge_nm_ * edge_nm_);
}

}  // namespace glasswatch::simulation
