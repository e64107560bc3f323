#include "simulators/specimen/crystal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <set>
#include <tuple>
#include <vector>

namespace glasswatch::simulation {
namespace {

constexpr Rotation kUnturned = {1, 0, 0, 0, 1, 0, 0, 0, 1};
constexpr Phase kPhases[] = {Phase::kB2CuZr, Phase::kCu10Zr7, Phase::kMonoclinicZrO2};

double distance_nm(const Atom& a, const Atom& b) {
  return std::hypot(a.x_nm - b.x_nm, a.y_nm - b.y_nm, a.z_nm - b.z_nm);
}

// ---- atoms -----------------------------------------------------------------------------------------------

// A table made by another fit: Kirkland, Advanced Computing in Electron Microscopy, 2nd ed. (Springer 2010),
// appendix C: f = sum a / (q^2 + b) + c exp(-d q^2), angstrom, q in 1/angstrom.
double kirkland_nm(const double (&p)[12], double k_inv_nm) {
  const double q2 = 0.01 * k_inv_nm * k_inv_nm;
  double sum = 0;
  for (int i = 0; i < 3; ++i)
    sum += p[2 * i] / (q2 + p[2 * i + 1]) + p[6 + 2 * i] * std::exp(-p[7 + 2 * i] * q2);
  return 0.1 * sum;
}
constexpr double kKirklandCu[12] = {0.358774531, 0.106153463, 1.76181348,   1.01640995,
                                    0.636905053, 15.3659093,  0.0074493067, 0.0385345989,
                                    0.189002347, 0.39842779,  0.229619589,  0.901419843};
constexpr double kKirklandZr[12] = {2.64365505,  2.20202699,   0.554225147,  178.260107,
                                    0.761376625, 0.0767218745, 0.0060294689, 0.0155143296,
                                    0.099163053, 0.176175995,  0.95678202,   1.54330682};
constexpr double kKirklandO[12] = {0.339969204, 0.38157028, 0.307570172,  0.381571436,
                                   0.130369072, 19.1919745, 0.0883326058, 0.760635525,
                                   0.1965867,   2.07401094, 0.00099622,   0.0303266869};

TEST(Atom, ScatteringFactorsAgreeWithAnIndependentFit) {
  for (const double k_inv_nm : {0.0, 1.0, 2.0, 4.3, 7.0, 12.0, 20.0, 40.0}) {
    // The two fits and the calculations under them differ by up to 2 %, those of the light atom at k = 0
    // by 2.1 %.
    const auto near = [&](Element element, const double(&table)[12]) {
      const double expected_nm = kirkland_nm(table, k_inv_nm);
      EXPECT_NEAR(scattering_factor_nm(element, k_inv_nm), expected_nm, 0.025 * expected_nm)
          << atomic_number(element) << " at " << k_inv_nm;
    };
    near(Element::kCu, kKirklandCu);
    near(Element::kZr, kKirklandZr);
    near(Element::kO, kKirklandO);
  }
}

// Far out only the nucleus scatters: Rutherford's law. It ties all ten parameters of each element together,
// to nearly all their digits, so a slip in any of them shows.
TEST(Atom, ScatteringFactorsGoOverIntoRutherfordsLaw) {
  constexpr double kBohrNm = 0.0529177211;
  for (const Element element : {Element::kCu, Element::kZr, Element::kO}) {
    constexpr double kInvNm = 1e6;
    const double expected_nm =
        atomic_number(element) / (2 * std::numbers::pi * std::numbers::pi * kBohrNm * kInvNm * kInvNm);
    EXPECT_NEAR(scattering_factor_nm(element, kInvNm) / expected_nm, 1, 1e-6) << atomic_number(element);
  }
}

// Wavelengths: Williams & Carter, Transmission Electron Microscopy, 2nd ed. (2009), table 1.2. Interaction
// constants: Kirkland (as above), chapter 2.
TEST(Atom, WavelengthAndInteractionConstantAreThoseOfTheTables) {
  EXPECT_NEAR(electron_wavelength_nm(100), 3.70e-3, 0.005e-3);
  EXPECT_NEAR(electron_wavelength_nm(200), 2.51e-3, 0.005e-3);
  EXPECT_NEAR(electron_wavelength_nm(300), 1.9687e-3, 0.0001e-3);
  EXPECT_NEAR(interaction_constant_per_v_nm(100), 9.244e-3, 0.001e-3);
  EXPECT_NEAR(interaction_constant_per_v_nm(200), 7.288e-3, 0.001e-3);
  EXPECT_NEAR(interaction_constant_per_v_nm(300), 6.526e-3, 0.001e-3);
}

// ---- unit cells ------------------------------------------------------------------------------------------

TEST(Crystal, InterplanarDistancesAreThePublishedOnes) {
  EXPECT_NEAR(d_spacing_nm(unit_cell(Phase::kB2CuZr), 1, 1, 0), 0.2307, 0.0001);
  EXPECT_NEAR(d_spacing_nm(unit_cell(Phase::kB2CuZr), 2, 1, 1), 0.3262 / std::sqrt(6.0), 1e-12);
  // Baddeleyite's two strongest lines, either side of the cubic {111}: 0.3165 and 0.2841 nm (ICDD 37-1484).
  EXPECT_NEAR(d_spacing_nm(unit_cell(Phase::kMonoclinicZrO2), -1, 1, 1), 0.3165, 0.0003);
  EXPECT_NEAR(d_spacing_nm(unit_cell(Phase::kMonoclinicZrO2), 1, 1, 1), 0.2841, 0.0003);
  EXPECT_NEAR(d_spacing_nm(unit_cell(Phase::kCu10Zr7), 4, 3, 0), 1 / std::hypot(4 / 1.267, 3 / 0.931), 1e-12);
}

struct Content {
  int cu = 0;
  int zr = 0;
  int o = 0;
};

Content content(const UnitCell& cell) {
  Content content;
  for (const auto& site : cell.sites) {
    content.cu += site.element == Element::kCu;
    content.zr += site.element == Element::kZr;
    content.o += site.element == Element::kO;
  }
  return content;
}

double mass_density_g_cm3(const UnitCell& cell) {
  const Content n = content(cell);
  constexpr double kDaltonG = 1.66053907e-24;
  return (n.cu * 63.546 + n.zr * 91.224 + n.o * 15.999) * kDaltonG / (cell.volume_nm3() * 1e-21);
}

TEST(Crystal, CellsHoldTheRightAtoms) {
  const Content b2 = content(unit_cell(Phase::kB2CuZr));
  EXPECT_EQ(std::tuple(b2.cu, b2.zr, b2.o), std::tuple(1, 1, 0));
  const Content orthorhombic = content(unit_cell(Phase::kCu10Zr7));
  EXPECT_EQ(std::tuple(orthorhombic.cu, orthorhombic.zr, orthorhombic.o), std::tuple(40, 28, 0));
  const Content oxide = content(unit_cell(Phase::kMonoclinicZrO2));
  EXPECT_EQ(std::tuple(oxide.cu, oxide.zr, oxide.o), std::tuple(0, 4, 8));
  EXPECT_NEAR(unit_cell(Phase::kMonoclinicZrO2).volume_nm3(), 0.14088, 0.0001);  // Howard et al.: 140.88 A^3
  EXPECT_NEAR(mass_density_g_cm3(unit_cell(Phase::kMonoclinicZrO2)), 5.82, 0.02);
  EXPECT_NEAR(mass_density_g_cm3(unit_cell(Phase::kB2CuZr)), 7.4, 0.1);
  EXPECT_NEAR(mass_density_g_cm3(unit_cell(Phase::kCu10Zr7)), 7.7, 0.1);
}

// The bonds of baddeleyite: every Zr has seven O between 0.205 and 0.229 nm, the next is much farther.
TEST(Crystal, ZirconiumOfTheOxideHasSevenOxygenNeighbours) {
  std::vector<Atom> atoms;
  append_sphere(Phase::kMonoclinicZrO2, kUnturned, 0, 1.3, atoms);
  int checked = 0;
  for (const Atom& zr : atoms) {
    if (zr.element != Element::kZr || std::hypot(zr.x_nm, zr.y_nm, zr.z_nm) > 0.8) continue;
    const auto neighbours = [&](double low_nm, double high_nm) {
      return std::ranges::count_if(atoms, [&](const Atom& o) {
        const double d = distance_nm(zr, o);
        return o.element == Element::kO && d >= low_nm && d < high_nm;
      });
    };
    EXPECT_EQ(neighbours(0, 0.204), 0);
    EXPECT_EQ(neighbours(0.204, 0.23), 7);
    EXPECT_EQ(neighbours(0.23, 0.35), 0);
    ++checked;
  }
  EXPECT_GT(checked, 20);
}

TEST(Crystal, AtomsKeepTheirDistance) {
  for (const auto& [phase, nearest_nm] :
       {std::pair(Phase::kB2CuZr, 0.3262 * std::numbers::sqrt3 / 2),
        std::pair(Phase::kCu10Zr7, std::hypot(1.267 / 4, 0.931 / 3, 0.935 / 3) / 2)}) {
    std::vector<Atom> atoms;
    append_sphere(phase, kUnturned, 0, 1, atoms);
    double nearest = 1;
    for (std::size_t i = 0; i < atoms.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) nearest = std::min(nearest, distance_nm(atoms[i], atoms[j]));
    }
    // Half the body diagonal of the (sub)cell; single precision at 1 nm is 1e-7.
    EXPECT_NEAR(nearest, nearest_nm, 1e-6) << phase_name(phase);
  }
}

TEST(Crystal, ReflectionsOfB2FollowTheClosedForm) {
  constexpr double kEdgeNm = 0.3262;
  const auto found = reflections(Phase::kB2CuZr, 9.2);  // up to |hkl| = 3.0009
  int expected = 0;
  for (int h = -3; h <= 3; ++h) {
    for (int k = -3; k <= 3; ++k) {
      for (int l = -3; l <= 3; ++l) expected += h * h + k * k + l * l <= 9 && (h != 0 || k != 0 || l != 0);
    }
  }
  EXPECT_EQ(static_cast<int>(found.size()), expected);
  for (const Reflection& r : found) {
    const double k_inv_nm = std::hypot(r.h, r.k, r.l) / kEdgeNm;
    EXPECT_NEAR(std::hypot(r.g_inv_nm[0], r.g_inv_nm[1], r.g_inv_nm[2]), k_inv_nm, 1e-9);
    const double sign = (r.h + r.k + r.l) % 2 == 0 ? 1 : -1;
    const double f_nm = std::abs(scattering_factor_nm(Element::kCu, k_inv_nm) +
                                 sign * scattering_factor_nm(Element::kZr, k_inv_nm));
    EXPECT_NEAR(r.structure_factor_per_nm3, f_nm / (kEdgeNm * kEdgeNm * kEdgeNm), 1e-9);
  }
}

// P2_1/c: the glide plane forbids h0l with odd l, the screw axis 0k0 with odd k.
TEST(Crystal, ReflectionsOfTheOxideObeyItsSpaceGroup) {
  const auto found = reflections(Phase::kMonoclinicZrO2, 8);
  EXPECT_GT(found.size(), 200u);
  for (const Reflection& r : found) {
    EXPECT_FALSE(r.k == 0 && r.l % 2 != 0) << r.h << " 0 " << r.l;
    EXPECT_FALSE(r.h == 0 && r.l == 0 && r.k % 2 != 0) << "0 " << r.k << " 0";
  }
  // The strongest line of the powder is (-111).
  const auto strongest = std::ranges::max_element(found, {}, &Reflection::structure_factor_per_nm3);
  EXPECT_EQ(std::abs(strongest->h) + std::abs(strongest->k) + std::abs(strongest->l), 3);
  EXPECT_LT(strongest->h * strongest->l, 0);
}

// ---- spheres ---------------------------------------------------------------------------------------------

std::vector<std::tuple<float, float, float, Element>> sorted(const std::vector<Atom>& atoms) {
  std::vector<std::tuple<float, float, float, Element>> list;
  list.reserve(atoms.size());
  for (const Atom& atom : atoms) list.emplace_back(atom.x_nm, atom.y_nm, atom.z_nm, atom.element);
  std::ranges::sort(list);
  return list;
}

TEST(Crystal, ShellsAddUpToTheSphere) {
  Random random(3, 0x11f1, 0);
  const Rotation rotation = random_rotation(random);
  for (const Phase phase : kPhases) {
    std::vector<Atom> whole;
    std::vector<Atom> shells;
    append_sphere(phase, rotation, 0, 1.9, whole);
    append_sphere(phase, rotation, 0, 0.7, shells);
    append_sphere(phase, rotation, 0.7, 1.1, shells);
    append_sphere(phase, rotation, 1.1, 1.9, shells);
    EXPECT_EQ(sorted(whole), sorted(shells)) << phase_name(phase);
    // The count fluctuates by the atoms of the surface: 4 pi R^2 n^(2/3), of which the root is 1.4 % of all.
    const UnitCell& cell = unit_cell(phase);
    const double expected = static_cast<double>(cell.sites.size()) / cell.volume_nm3() * 4 / 3 *
                            std::numbers::pi * std::pow(1.9, 3);
    EXPECT_NEAR(static_cast<double>(whole.size()), expected, 0.05 * expected) << phase_name(phase);
  }
}

// Neighbours in the CsCl structure, by distance: 8 of the other kind, then 6 and 12 of the same.
TEST(Crystal, CoordinationShellsOfB2) {
  const auto count = [](double inner_nm, double outer_nm) {
    std::vector<Atom> atoms;
    append_sphere(Phase::kB2CuZr, kUnturned, inner_nm, outer_nm, atoms);
    Content n;
    for (const Atom& atom : atoms) (atom.element == Element::kCu ? n.cu : n.zr)++;
    return std::pair(n.cu, n.zr);
  };
  EXPECT_EQ(count(0, 0.1), std::pair(1, 0));
  EXPECT_EQ(count(0.1, 0.3), std::pair(0, 8));
  EXPECT_EQ(count(0.3, 0.4), std::pair(6, 0));
  EXPECT_EQ(count(0.4, 0.5), std::pair(12, 0));
}

TEST(Crystal, RotationTurnsTheSphereAsTheMatrixSays) {
  constexpr Rotation kQuarter = {0, -1, 0, 1, 0, 0, 0, 0, 1};  // x to y
  std::vector<Atom> before;
  std::vector<Atom> after;
  append_sphere(Phase::kMonoclinicZrO2, kUnturned, 0, 0.8, before);
  append_sphere(Phase::kMonoclinicZrO2, kQuarter, 0, 0.8, after);
  ASSERT_EQ(before.size(), after.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_FLOAT_EQ(after[i].x_nm, -before[i].y_nm);
    EXPECT_FLOAT_EQ(after[i].y_nm, before[i].x_nm);
    EXPECT_FLOAT_EQ(after[i].z_nm, before[i].z_nm);
  }
}

// Uniform over SO(3): every element has mean 0 and mean square 1/3; every rotation is orthogonal and proper.
// With 4000 draws the standard errors are sqrt(1/3/4000) = 0.0091 and, as <R^4> = 1/5, sqrt((1/5 - 1/9)/4000)
// = 0.0047; bounds at five of them.
TEST(Crystal, RandomRotationsAreUniform) {
  constexpr int kDraws = 4000;
  Random random(8, 0x11f2, 0);
  std::array<double, 9> mean{};
  std::array<double, 9> square{};
  for (int i = 0; i < kDraws; ++i) {
    const Rotation r = random_rotation(random);
    for (std::size_t k = 0; k < 9; ++k) {
      mean.at(k) += r.at(k) / kDraws;
      square.at(k) += r.at(k) * r.at(k) / kDraws;
    }
    for (std::size_t a = 0; a < 3; ++a) {
      for (std::size_t b = 0; b < 3; ++b) {
        const double product =
            r.at(3 * a) * r.at(3 * b) + r.at(3 * a + 1) * r.at(3 * b + 1) + r.at(3 * a + 2) * r.at(3 * b + 2);
        ASSERT_NEAR(product, a == b ? 1 : 0, 1e-12);
      }
    }
    const double determinant = r[0] * (r[4] * r[8] - r[5] * r[7]) - r[1] * (r[3] * r[8] - r[5] * r[6]) +
                               r[2] * (r[3] * r[7] - r[4] * r[6]);
    ASSERT_NEAR(determinant, 1, 1e-12);
  }
  for (std::size_t k = 0; k < 9; ++k) {
    EXPECT_NEAR(mean.at(k), 0, 0.046);
    EXPECT_NEAR(square.at(k), 1.0 / 3, 0.024);
  }
}

// ---- motifs ----------------------------------------------------------------------------------------------

struct MotifCase {
  scenario::Motif::Kind kind;
  int order;           // of the pattern
  double spot_inv_nm;  // its first strong reflections, from the lattice edges in crystal.cc
  double nearest_nm;
  double density_per_nm3;  // closed form of the lattice
  double least_power;      // at `order`, R = 0.7 nm; ten spots of 0.6 / R leave little room between them
};
// bcc: {110}; hcp: {100} = 2 / (sqrt(3) a); fivefold: the {111} of the five twins, derived from the
// pentagons' radius R and edge e = 2 R sin 36 deg as hypot(1/e, 1/(2 R cos 36 deg)).
const MotifCase kMotifs[] = {
    {scenario::Motif::FOURFOLD, 4, std::numbers::sqrt2 / 0.324, 0.2806, 2 / std::pow(0.324, 3), 0.05},
    {scenario::Motif::FIVEFOLD, 10, 4.336, 0.28, 63.87, 0.005},
    {scenario::Motif::SIXFOLD, 6, 2 / (std::numbers::sqrt3 * 0.28), 0.28,
     std::numbers::sqrt2 / std::pow(0.28, 3), 0.05}};

std::vector<Atom> motif(const MotifCase& c, double radius_nm, double height_nm, double angle_rad,
                        double cu_fraction) {
  Random random(4, 0x11f3, 0);
  std::vector<Atom> atoms;
  append_motif(c.kind, radius_nm, height_nm, angle_rad, cu_fraction, random, atoms);
  return atoms;
}

// Kinematic intensity on the circle |k| in the plane across the beam, straight from the atoms.
std::vector<double> ring(const std::vector<Atom>& atoms, double k_inv_nm) {
  constexpr int kAngles = 120;  // orders up to 60
  std::vector<double> intensity;
  for (int i = 0; i < kAngles; ++i) {
    const double phi = 2 * std::numbers::pi * i / kAngles;
    const double kx = 2 * std::numbers::pi * k_inv_nm * std::cos(phi);
    const double ky = 2 * std::numbers::pi * k_inv_nm * std::sin(phi);
    std::complex<double> wave = 0;
    for (const Atom& atom : atoms) {
      wave += std::polar(scattering_factor_nm(atom.element, k_inv_nm), kx * atom.x_nm + ky * atom.y_nm);
    }
    intensity.push_back(std::norm(wave));
  }
  return intensity;
}

std::complex<double> harmonic(const std::vector<double>& intensity, int order) {
  std::complex<double> sum = 0;
  double total = 0;
  for (std::size_t i = 0; i < intensity.size(); ++i) {
    const double phi = 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(intensity.size());
    sum += intensity[i] * std::polar(1.0, -order * phi);
    total += intensity[i];
  }
  return sum / total;
}

TEST(Motif, OfOneElementHasExactlyItsSymmetry) {
  for (const MotifCase& c : kMotifs) {
    const auto intensity = ring(motif(c, 0.7, 3, 0, 1), c.spot_inv_nm);
    for (int n = 1; n <= 24; ++n) {
      const double power = std::norm(harmonic(intensity, n));
      if (n % c.order == 0) continue;
      // Positions are in single precision: phases err by 2 pi 4.3 6e-8 = 2e-6 at most.
      EXPECT_LT(power, 1e-9) << scenario::Motif::Kind_Name(c.kind) << ' ' << n;
    }
    EXPECT_GT(std::norm(harmonic(intensity, c.order)), c.least_power) << scenario::Motif::Kind_Name(c.kind);
    EXPECT_GT(std::norm(harmonic(intensity, 2 * c.order)), 1e-4) << scenario::Motif::Kind_Name(c.kind);
  }
}

TEST(Motif, OfDrawnElementsKeepsItsSymmetryFarAboveTheRest) {
  for (const MotifCase& c : kMotifs) {
    const auto intensity = ring(motif(c, 0.7, 10, 0.3, 0.6), c.spot_inv_nm);
    const double own = std::norm(harmonic(intensity, c.order));
    EXPECT_GT(own, c.least_power) << scenario::Motif::Kind_Name(c.kind);
    for (int n = 1; n <= 12; ++n) {
      if (n % c.order == 0) continue;
      EXPECT_LT(std::norm(harmonic(intensity, n)), own / 10)
          << scenario::Motif::Kind_Name(c.kind) << ' ' << n;
    }
  }
}

TEST(Motif, SpotsLieOnTheFirstRing) {
  for (const MotifCase& c : kMotifs) {
    const auto atoms = motif(c, 1.5, 3, 0, 1);
    const auto sum = [&](double k_inv_nm) {
      double total = 0;
      for (const double intensity : ring(atoms, k_inv_nm)) total += intensity;
      return total;
    };
    // A cylinder of radius R smears a spot to 0.6 / R = 0.4 nm^-1, but does not shift it.
    EXPECT_GT(sum(c.spot_inv_nm), 2 * sum(c.spot_inv_nm - 0.4)) << scenario::Motif::Kind_Name(c.kind);
    EXPECT_GT(sum(c.spot_inv_nm), 2 * sum(c.spot_inv_nm + 0.4)) << scenario::Motif::Kind_Name(c.kind);
  }
}

TEST(Motif, AngleTurnsThePattern) {
  constexpr double kAngleRad = 0.2;
  for (const MotifCase& c : kMotifs) {
    const auto before = harmonic(ring(motif(c, 0.7, 2, 0, 1), c.spot_inv_nm), c.order);
    const auto after = harmonic(ring(motif(c, 0.7, 2, kAngleRad, 1), c.spot_inv_nm), c.order);
    const double turned = std::arg(after / before);
    EXPECT_NEAR(std::remainder(turned + c.order * kAngleRad, 2 * std::numbers::pi), 0, 1e-3);
  }
}

TEST(Motif, IsACentredCylinderOfTheRightDensity) {
  constexpr double kRadiusNm = 2;
  constexpr double kHeightNm = 3;
  for (const MotifCase& c : kMotifs) {
    const auto atoms = motif(c, kRadiusNm, kHeightNm, 0, 0.6);
    double z_sum_nm = 0;
    std::set<float> levels_nm;
    double nearest_nm = 1;
    int cu = 0;
    for (std::size_t i = 0; i < atoms.size(); ++i) {
      EXPECT_LE(std::hypot(atoms[i].x_nm, atoms[i].y_nm), kRadiusNm);
      // Whole layers: up to half a layer distance, 0.11 nm, beyond the height asked for.
      EXPECT_LE(std::abs(atoms[i].z_nm), kHeightNm / 2 + 0.12);
      z_sum_nm += atoms[i].z_nm;
      levels_nm.insert(atoms[i].z_nm);
      cu += atoms[i].element == Element::kCu;
      for (std::size_t j = 0; j < i; ++j) nearest_nm = std::min(nearest_nm, distance_nm(atoms[i], atoms[j]));
    }
    const auto count = static_cast<double>(atoms.size());
    EXPECT_NEAR(nearest_nm, c.nearest_nm, 1e-4) << scenario::Motif::Kind_Name(c.kind);
    // Every layer stands for one layer distance; the ragged side makes 4 %.
    const auto layer_count = static_cast<double>(levels_nm.size());
    const double filled_nm = (*levels_nm.rbegin() - *levels_nm.begin()) * layer_count / (layer_count - 1);
    EXPECT_NEAR(filled_nm, kHeightNm, 0.23);
    EXPECT_NEAR(count / (std::numbers::pi * kRadiusNm * kRadiusNm * filled_nm), c.density_per_nm3,
                0.04 * c.density_per_nm3)
        << scenario::Motif::Kind_Name(c.kind);
    EXPECT_LT(std::abs(z_sum_nm / count), kHeightNm / 2 * 0.1);
    EXPECT_NEAR(cu / count, 0.6, 5 * std::sqrt(0.24 / count));
  }
}

}  // namespace
}  // namespace glasswatch::simulation
