// Crystalline phases and ordered motifs: where their atoms sit.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "protocol/schema/scenario.pb.h"
#include "simulators/random.h"
#include "simulators/specimen/atom.h"

namespace glasswatch::simulation {

enum class Phase : std::uint8_t { kB2CuZr = 1, kCu10Zr7 = 2, kMonoclinicZrO2 = 3 };
const char* phase_name(Phase phase);  // "B2 CuZr", "Cu10Zr7", "monoclinic ZrO2"

/// Row-major rotation matrix; crystal axes to specimen axes.
using Rotation = std::array<double, 9>;
Rotation random_rotation(Random& random);  // uniform over SO(3)

/// Unit cell: three edge vectors in nm (rows) and the atoms in fractional coordinates. Sources in crystal.cc.
struct UnitCell {
  std::array<std::array<double, 3>, 3> edge_nm;
  struct Site {
    std::array<double, 3> fraction;
    Element element;
  };
  std::vector<Site> sites;
  double volume_nm3() const;
};
const UnitCell& unit_cell(Phase phase);

/// Interplanar distance d of (hkl), nm.
double d_spacing_nm(const UnitCell& cell, int h, int k, int l);

/// One reflection of the kinematic theory: reciprocal vector (nm^-1, crystal axes) and |F| per nm^3 of
/// crystal (nm^-2), with the scattering factors of atom.h.
struct Reflection {
  std::array<double, 3> g_inv_nm;
  double structure_factor_per_nm3;
  int h, k, l;
};
/// All but (000) with |g| <= k_max and |F| above 1e-6 of the strongest; both (hkl) and its opposite.
std::vector<Reflection> reflections(Phase phase, double k_max_inv_nm);

/// Lattice atoms of `phase` with inner_nm <= distance from the centre < outer_nm, relative to the centre,
/// rotated. The lattice point that lies at the centre is the same for every call, so shells add up to a
/// sphere.
void append_sphere(Phase phase, const Rotation& rotation, double inner_nm, double outer_nm,
                   std::vector<Atom>& atoms);

/// Atoms of an ordered column along z: a cylinder of radius and height centred at the origin, turned by
/// `angle_rad` about z. FOURFOLD: bcc along [001]; SIXFOLD: hcp along c; FIVEFOLD: a decagonal stack of
/// pentagonal rings about the axis. Nearest distances 0.28 nm, 59 to 64 atoms / nm^3, first spots
/// at 4.36, 4.12 and 4.34 nm^-1; elements drawn with cu_fraction. Whole pairs of layers: the height is met to
/// 0.23 nm.
void append_motif(scenario::Motif::Kind kind, double radius_nm, double height_nm, double angle_rad,
                  double cu_fraction, Random& random, std::vector<Atom>& atoms);

}  // namespace glasswatch::simulation
