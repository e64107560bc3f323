#include "simulators/specimen/crystal.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

namespace glasswatch::simulation {
namespace {

using Vector = std::array<double, 3>;

double dot(const Vector& a, const Vector& b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

Vector cross(const Vector& a, const Vector& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

// u[0] v[0] + u[1] v[1] + u[2] v[2] with the rows v.
Vector combine(const Vector& u, const std::array<Vector, 3>& rows) {
  Vector sum{};
  for (std::size_t i = 0; i < 3; ++i) {
    sum[i] = u[0] * rows[0][i] + u[1] * rows[1][i] + u[2] * rows[2][i];
  }
  return sum;
}

Vector rotated(const Rotation& rotation, const Vector& v) {
  return {rotation[0] * v[0] + rotation[1] * v[1] + rotation[2] * v[2],
          rotation[3] * v[0] + rotation[4] * v[1] + rotation[5] * v[2],
          rotation[6] * v[0] + rotation[7] * v[1] + rotation[8] * v[2]};
}

// Rows b_i with a_i . b_j = 1 for i = j, else 0; nm^-1.
std::array<Vector, 3> reciprocal(const UnitCell& cell) {
  const auto& a = cell.edge_nm;
  std::array<Vector, 3> b = {cross(a[1], a[2]), cross(a[2], a[0]), cross(a[0], a[1])};
  for (Vector& row : b) {
    for (double& component : row) component /= cell.volume_nm3();
  }
  return b;
}

// Monoclinic with unique axis b, orthogonal for beta = 90 deg; c lies in the plane of x and z.
std::array<Vector, 3> edges(double a_nm, double b_nm, double c_nm, double beta_deg) {
  const double beta = beta_deg * std::numbers::pi / 180;
  return {{{a_nm, 0, 0}, {0, b_nm, 0}, {c_nm * std::cos(beta), 0, c_nm * std::sin(beta)}}};
}

// CsCl structure, Pm-3m, a = 0.3262 nm: Carvalho & Harris, J. Mater. Sci. 15 (1980) 1224.
UnitCell b2_cuzr() {
  constexpr double kEdgeNm = 0.3262;
  return {{{{kEdgeNm, 0, 0}, {0, kEdgeNm, 0}, {0, 0, kEdgeNm}}},
          {{{0, 0, 0}, Element::kCu}, {{0.5, 0.5, 0.5}, Element::kZr}}};
}

// Cu10Zr7 is orthorhombic with 68 atoms and of the type of Ni10Zr7 (Kirkpatrick, Bailey & Smith, Acta Cryst.
// 15 (1962) 252). Its cell edges are the real ones; what fills them is an APPROXIMATION, since the refined
// coordinates are not at hand: 4 x 3 x 3 bcc-like subcells whose corners are Cu and whose centres are Zr,
// with one vacancy and one Cu instead of Zr in each of the four layers along a. That makes 40 Cu and 28 Zr as
// in the compound, its density, and lines at its positions, whose intensities are not the compound's.
UnitCell cu10zr7() {
  constexpr int kSubcells[3] = {4, 3, 3};
  UnitCell cell{edges(1.267, 0.931, 0.935, 90), {}};
  const auto fraction = [&](int i, int j, int k, double offset) {
    return Vector{(i + offset) / kSubcells[0], (j + offset) / kSubcells[1], (k + offset) / kSubcells[2]};
  };
  for (int i = 0; i < kSubcells[0]; ++i) {
    for (int j = 0; j < kSubcells[1]; ++j) {
      for (int k = 0; k < kSubcells[2]; ++k) {
        cell.sites.push_back({fraction(i, j, k, 0), Element::kCu});
        const bool vacant = j == i % 3 && k == 2 * i % 3;
        const bool copper = j == (i + 1) % 3 && k == (2 * i + 2) % 3;
        if (!vacant) cell.sites.push_back({fraction(i, j, k, 0.5), copper ? Element::kCu : Element::kZr});
      }
    }
  }
  return cell;
}

// Baddeleyite, P2_1/c: Howard, Hill & Reichert, Acta Cryst. B 44 (1988) 116. Each position stands for four:
// (x, y, z), (-x, y + 1/2, 1/2 - z), (-x, -y, -z), (x, 1/2 - y, z + 1/2).
UnitCell monoclinic_zro2() {
  constexpr UnitCell::Site kIndependent[] = {{{0.2754, 0.0395, 0.2083}, Element::kZr},
                                             {{0.0700, 0.3317, 0.3447}, Element::kO},
                                             {{0.4496, 0.7569, 0.4792}, Element::kO}};
  UnitCell cell{edges(0.51505, 0.52116, 0.53173, 99.230), {}};
  for (const auto& [fraction, element] : kIndependent) {
    const auto [x, y, z] = fraction;
    cell.sites.push_back({{x, y, z}, element});
    cell.sites.push_back({{-x, y + 0.5, 0.5 - z}, element});
    cell.sites.push_back({{-x, -y, -z}, element});
    cell.sites.push_back({{x, 0.5 - y, z + 0.5}, element});
  }
  return cell;
}

std::complex<double> structure_factor_nm(const UnitCell& cell, const Vector& hkl, double k_inv_nm) {
  std::complex<double> sum = 0;
  for (const auto& site : cell.sites) {
    sum += std::polar(scattering_factor_nm(site.element, k_inv_nm),
                      2 * std::numbers::pi * dot(hkl, site.fraction));
  }
  return sum;
}

struct Column {
  double x_nm;
  double y_nm;
};

// Two kinds of layers that alternate along z.
struct LayerStack {
  std::array<std::vector<Column>, 2> layers;
  double spacing_nm;
};

// Square nets, the second above the middles of the first. a = 0.324 nm: nearest distance 0.281 nm, 58.8 atoms
// / nm^3.
LayerStack bcc(double radius_nm) {
  constexpr double kEdgeNm = 0.324;
  LayerStack stack{{}, kEdgeNm / 2};
  const int reach = static_cast<int>(radius_nm / kEdgeNm) + 1;
  for (int i = -reach; i <= reach; ++i) {
    for (int j = -reach; j <= reach; ++j) {
      stack.layers[0].push_back({i * kEdgeNm, j * kEdgeNm});
      stack.layers[1].push_back({(i + 0.5) * kEdgeNm, (j + 0.5) * kEdgeNm});
    }
  }
  return stack;
}

// Triangular nets A and B about the sixfold screw axis, which passes through the hollows that neither fills.
// a = 0.28 nm, ideal c / a: 64.4 atoms / nm^3.
LayerStack hcp(double radius_nm) {
  constexpr double kEdgeNm = 0.28;
  const double height_nm = kEdgeNm * std::numbers::sqrt3 / 2;  // of the triangles
  LayerStack stack{{}, kEdgeNm * std::sqrt(2.0 / 3)};
  const int reach = static_cast<int>(1.2 * radius_nm / kEdgeNm) + 2;
  for (int i = -2 * reach; i <= 2 * reach; ++i) {
    for (int j = -reach; j <= reach; ++j) {
      const double x_nm = (i + 0.5 * j) * kEdgeNm;
      const double y_nm = (j + 2.0 / 3) * height_nm;
      stack.layers[0].push_back({x_nm, y_nm});
      stack.layers[1].push_back({-x_nm, -y_nm});
    }
  }
  return stack;
}

// The fivefold packing of Bagley, Nature 208 (1965) 674 (the core of a decahedral fivefold twin): an axis
// with atoms every 0.28 nm, and pentagons with m atoms to an edge, those of odd m half way between the levels
// of the others. A pentagon's radius, sqrt(3)/2 m 0.28 nm, makes all neighbours along and towards the axis
// touch; along the edges they are 1.8 % farther. 63.9 atoms / nm^3.
LayerStack pentagonal(double radius_nm) {
  constexpr double kDistanceNm = 0.28;
  LayerStack stack{{}, kDistanceNm / 2};
  stack.layers[0].push_back({0, 0});
  const double first_nm = kDistanceNm * std::numbers::sqrt3 / 2;
  // The middle of an edge is cos 36 deg = 0.81 as far out as the corners.
  const int pentagons = static_cast<int>(radius_nm / (0.8 * first_nm)) + 1;
  for (int m = 1; m <= pentagons; ++m) {
    for (int corner = 0; corner < 5; ++corner) {
      const double from = 2 * std::numbers::pi * corner / 5;
      const double to = 2 * std::numbers::pi * (corner + 1) / 5;
      for (int i = 0; i < m; ++i) {
        stack.layers[static_cast<std::size_t>(m % 2)].push_back(
            {first_nm * ((m - i) * std::cos(from) + i * std::cos(to)),
             first_nm * ((m - i) * std::sin(from) + i * std::sin(to))});
      }
    }
  }
  return stack;
}

LayerStack layer_stack(scenario::Motif::Kind kind, double radius_nm) {
  switch (kind) {
    case scenario::Motif::FIVEFOLD:
      return pentagonal(radius_nm);
    case scenario::Motif::SIXFOLD:
      return hcp(radius_nm);
    default:
      return bcc(radius_nm);
  }
}

}  // namespace

const char* phase_name(Phase phase) {
  switch (phase) {
    case Phase::kCu10Zr7:
      return "Cu10Zr7";
    case Phase::kMonoclinicZrO2:
      return "monoclinic ZrO2";
    case Phase::kB2CuZr:
      break;
  }
  return "B2 CuZr";
}

// A random unit quaternion (two points in the unit disc: Marsaglia, Ann. Math. Stat. 43 (1972) 645) as a
// matrix. Only square roots, so every machine makes the same rotation.
Rotation random_rotation(Random& random) {
  const auto in_disc = [&](double& u, double& v) {
    double square = 0;
    do {
      u = 2 * random.uniform() - 1;
      v = 2 * random.uniform() - 1;
      square = u * u + v * v;
    } while (square >= 1);
    return square;
  };
  double w = 0, x = 0, y = 0, z = 0;
  const double first = in_disc(w, x);
  const double second = in_disc(y, z);
  const double scale = std::sqrt((1 - first) / second);
  y *= scale;
  z *= scale;
  return {1 - 2 * (y * y + z * z), 2 * (x * y - w * z),     2 * (x * z + w * y),
          2 * (x * y + w * z),     1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
          2 * (x * z - w * y),     2 * (y * z + w * x),     1 - 2 * (x * x + y * y)};
}

double UnitCell::volume_nm3() const {
  return dot(edge_nm[0], cross(edge_nm[1], edge_nm[2]));
}

const UnitCell& unit_cell(Phase phase) {
  static const UnitCell kB2 = b2_cuzr();
  static const UnitCell kOrthorhombic = cu10zr7();
  static const UnitCell kBaddeleyite = monoclinic_zro2();
  switch (phase) {
    case Phase::kCu10Zr7:
      return kOrthorhombic;
    case Phase::kMonoclinicZrO2:
      return kBaddeleyite;
    case Phase::kB2CuZr:
      break;
  }
  return kB2;
}

double d_spacing_nm(const UnitCell& cell, int h, int k, int l) {
  const Vector g = combine({double(h), double(k), double(l)}, reciprocal(cell));
  return 1 / std::sqrt(dot(g, g));
}

std::vector<Reflection> reflections(Phase phase, double k_max_inv_nm) {
  const UnitCell& cell = unit_cell(phase);
  const auto basis = reciprocal(cell);
  const double volume_nm3 = cell.volume_nm3();
  // g . a = h, so |h| <= |g| |a|.
  const auto limit = [&](std::size_t i) {
    return static_cast<int>(k_max_inv_nm * std::sqrt(dot(cell.edge_nm[i], cell.edge_nm[i])));
  };
  std::vector<Reflection> found;
  double strongest = 0;
  for (int h = -limit(0); h <= limit(0); ++h) {
    for (int k = -limit(1); k <= limit(1); ++k) {
      for (int l = -limit(2); l <= limit(2); ++l) {
        const Vector hkl = {double(h), double(k), double(l)};
        const Vector g = combine(hkl, basis);
        const double length = std::sqrt(dot(g, g));
        if (length > k_max_inv_nm || length == 0) continue;
        const double strength = std::abs(structure_factor_nm(cell, hkl, length)) / volume_nm3;
        strongest = std::max(strongest, strength);
        found.push_back({g, strength, h, k, l});
      }
    }
  }
  std::erase_if(found, [&](const Reflection& r) { return r.structure_factor_per_nm3 <= 1e-6 * strongest; });
  return found;
}

void append_sphere(Phase phase, const Rotation& rotation, double inner_nm, double outer_nm,
                   std::vector<Atom>& atoms) {
  const UnitCell& cell = unit_cell(phase);
  const auto basis = reciprocal(cell);
  // Fractional coordinates within the sphere are at most |b| outer; those of a site are within 1 of its
  // cell's.
  const auto reach = [&](std::size_t i) {
    return static_cast<int>(outer_nm * std::sqrt(dot(basis[i], basis[i]))) + 2;
  };
  const auto keep = [&](const Vector& position, Element element) {
    // Before the rotation: its rounding must not move an atom across the edge of a shell.
    const double distance_nm = std::sqrt(dot(position, position));
    if (distance_nm < inner_nm || distance_nm >= outer_nm) return;
    const Vector turned = rotated(rotation, position);
    atoms.push_back({static_cast<float>(turned[0]), static_cast<float>(turned[1]),
                     static_cast<float>(turned[2]), element});
  };
  const Vector& step = cell.edge_nm[2];
  for (int i = -reach(0); i <= reach(0); ++i) {
    for (int j = -reach(1); j <= reach(1); ++j) {
      for (const auto& site : cell.sites) {
        // A line of atoms, base + k step. Only the cells of it that can lie in the shell are looked at, with
        // one to spare at each border: most of a thin shell's box is empty.
        const Vector base =
            combine({i + site.fraction[0], j + site.fraction[1], site.fraction[2]}, cell.edge_nm);
        const double nearest = -dot(base, step) / dot(step, step);
        const auto half_chord = [&](double radius_nm) {
          const double square =
              (radius_nm * radius_nm - dot(base, base)) / dot(step, step) + nearest * nearest;
          return square > 0 ? std::sqrt(square) : 0;
        };
        const double half = half_chord(outer_nm);
        const double hole = half_chord(inner_nm) - 1;
        const int last = static_cast<int>(std::ceil(nearest + half));
        for (int k = static_cast<int>(std::floor(nearest - half)); k <= last; ++k) {
          if (k > nearest - hole && k < nearest + hole) {
            k = static_cast<int>(std::floor(nearest + hole));
            continue;
          }
          keep(combine({i + site.fraction[0], j + site.fraction[1], k + site.fraction[2]}, cell.edge_nm),
               site.element);
        }
      }
    }
  }
}

void append_motif(scenario::Motif::Kind kind, double radius_nm, double height_nm, double angle_rad,
                  double cu_fraction, Random& random, std::vector<Atom>& atoms) {
  const LayerStack stack = layer_stack(kind, radius_nm);
  const double cosine = std::cos(angle_rad);
  const double sine = std::sin(angle_rad);
  // As many layers above the centre as below, so that there are as many of either kind.
  const auto half = static_cast<int>(std::lround(height_nm / 2 / stack.spacing_nm));
  for (int level = -half; level < half; ++level) {
    for (const auto& [x_nm, y_nm] : stack.layers[static_cast<std::size_t>(level & 1)]) {
      if (x_nm * x_nm + y_nm * y_nm >= radius_nm * radius_nm) continue;
      const Element element = random.uniform() < cu_fraction ? Element::kCu : Element::kZr;
      atoms.push_back({static_cast<float>(cosine * x_nm - sine * y_nm),
                       static_cast<float>(sine * x_nm + cosine * y_nm),
                       static_cast<float>((level + 0.5) * stack.spacing_nm), element});
    }
  }
}

}  // namespace glasswatch::simulation
