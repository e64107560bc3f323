#include "simulators/specimen/specimen.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/types/user_error.h"

namespace glasswatch::simulation {
namespace {

constexpr double kField = 12;
constexpr double kThickness = 4;
constexpr double kWholeField = 8.6;  // radius of a disc that holds the field: 12 / sqrt(2) = 8.49

// Small: 4 columns, 1600 atoms in the packing, 34,000 in the film.
scenario::Specimen settings() {
  scenario::Specimen specimen;
  specimen.set_field_nm(kField);
  specimen.set_thickness_nm(kThickness);
  specimen.set_column_nm(6.5);
  specimen.set_packing_nm(3);
  return specimen;
}

void add_motif(scenario::Specimen& specimen, scenario::Motif::Kind kind, double per_nm2_core,
               double per_nm2_channel) {
  auto& motif = *specimen.add_motif();
  motif.set_kind(kind);
  motif.set_radius_nm(0.8);
  motif.set_height_nm(3);
  motif.set_per_nm2_core(per_nm2_core);
  motif.set_per_nm2_channel(per_nm2_channel);
}

// Only B2 CuZr, so that places in the lattice are easily told.
void add_nuclei(scenario::Specimen& specimen) {
  auto& law = *specimen.mutable_crystallization();
  law.set_per_um2_s(3000);
  law.set_growth_nm_per_s(0.02);
  law.set_largest_nm(2.5);
  law.set_b2_cuzr(1);
  law.set_cu10zr7(0);
  law.set_monoclinic_zro2(0);
}

double constant_c(double /*time_s*/) {
  return 360;
}

std::vector<Atom> near(const Specimen& specimen, const Point& centre, double radius_nm) {
  std::vector<Atom> atoms(3);
  specimen.atoms_near(centre, radius_nm, atoms);
  return atoms;
}

double periodic(double difference_nm) {
  return difference_nm - kField * std::round(difference_nm / kField);
}

// Those of one period of the field, about its middle; coordinates of the field.
std::vector<Atom> whole_field(const Specimen& specimen) {
  std::vector<Atom> atoms = near(specimen, {kField / 2, kField / 2}, kWholeField);
  std::erase_if(atoms, [](const Atom& atom) {
    return !(atom.x_nm >= -kField / 2 && atom.x_nm < kField / 2 && atom.y_nm >= -kField / 2 &&
             atom.y_nm < kField / 2);
  });
  for (Atom& atom : atoms) {
    atom.x_nm += static_cast<float>(kField / 2);
    atom.y_nm += static_cast<float>(kField / 2);
  }
  return atoms;
}

double distance(const Atom& a, const Atom& b) {
  return std::hypot(a.x_nm - b.x_nm, a.y_nm - b.y_nm, a.z_nm - b.z_nm);
}

// Every atom of `some` is among `all`, at most 1e-5 nm off (floats of 10 nm are good to 1e-6), as the same
// element.
void expect_among(const std::vector<Atom>& some, std::vector<Atom> all) {
  const auto by_z = [](const Atom& a, const Atom& b) { return a.z_nm < b.z_nm; };
  std::sort(all.begin(), all.end(), by_z);
  for (const Atom& atom : some) {
    Atom below = atom;
    below.z_nm -= 1e-5f;
    auto candidate = std::lower_bound(all.begin(), all.end(), below, by_z);
    bool found = false;
    for (; !found && candidate != all.end() && candidate->z_nm <= atom.z_nm + 1e-5f; ++candidate) {
      found = candidate->element == atom.element && distance(*candidate, atom) < 1e-5;
    }
    ASSERT_TRUE(found) << atom.x_nm << ", " << atom.y_nm << ", " << atom.z_nm;
  }
}

// Those of `atoms`, seen from a point `shift` away from where they were seen, inside `radius_nm` of it.
std::vector<Atom> seen_from(const std::vector<Atom>& atoms, const Point& shift, double radius_nm) {
  std::vector<Atom> seen;
  for (Atom atom : atoms) {
    atom.x_nm -= static_cast<float>(shift.x_nm);
    atom.y_nm -= static_cast<float>(shift.y_nm);
    if (std::hypot(atom.x_nm, atom.y_nm) < radius_nm) seen.push_back(atom);
  }
  return seen;
}

TEST(Specimen, FillsTheDiscThroughTheFilm) {
  const Specimen specimen(settings(), 1);
  const auto atoms = near(specimen, {3, 5}, 1.5);
  double farthest = 0, lowest = kThickness, highest = 0;
  for (const Atom& atom : atoms) {
    ASSERT_GE(atom.z_nm, 0);
    ASSERT_LT(atom.z_nm, kThickness);
    farthest = std::max(farthest, std::hypot(double{atom.x_nm}, double{atom.y_nm}));
    lowest = std::min(lowest, double{atom.z_nm});
    highest = std::max(highest, double{atom.z_nm});
  }
  // 1700 atoms: the outermost 0.1 nm holds some 200 of them, the first 0.1 nm below a surface 40.
  EXPECT_LT(farthest, 1.5);
  EXPECT_GT(farthest, 1.4);
  EXPECT_LT(lowest, 0.1);
  EXPECT_GT(highest, kThickness - 0.1);
}

// Atoms of each region against the packing's density times the region's volume, counted on a grid of 0.02 nm.
// The packing is uniform: a cut of area S at a random place scatters by about one atom per nm^2, here less
// than sqrt(500); channel atoms scatter by sqrt(N 0.6 0.4) on top, elements by sqrt(N 0.55 0.45).
TEST(Specimen, CoresHaveTheDensityOfThePackingAndChannelsTheirShareOfIt) {
  auto thin = settings();
  thin.set_channel_density(0.6);
  for (const double cu_fraction : {0.3, 0.75}) {
    thin.set_channel_cu_fraction(cu_fraction);
    const Specimen specimen(thin, 7);
    double core = 0, core_cu = 0, channel = 0, channel_cu = 0;
    for (const Atom& atom : whole_field(specimen)) {
      const bool is_core = specimen.film().at(atom.x_nm, atom.y_nm).region == Region::kCore;
      const bool is_cu = atom.element == Element::kCu;
      ++(is_core ? core : channel);
      (is_core ? core_cu : channel_cu) += is_cu;
    }
    const double fraction = specimen.film().channel_fraction(0.02);
    const double full = specimen.packing().number_density_per_nm3() * kField * kField * kThickness;
    EXPECT_NEAR(core, full * (1 - fraction), 4 * std::sqrt(500));
    EXPECT_NEAR(channel, full * fraction * 0.6, 4 * std::sqrt(500 + channel * 0.4));
    EXPECT_NEAR(core_cu / core, 0.6, 4 * std::sqrt(0.24 / core));
    EXPECT_NEAR(channel_cu / channel, cu_fraction, 4 * std::sqrt(0.25 / channel));
    EXPECT_GT(channel, 5000);
  }
}

// In a core the atoms are the packing's, rigidly moved: wherever two are near each other, so are two of the
// packing, and the sorted distances of an atom's neighbours agree with those of one packing atom.
TEST(Specimen, CoresAreCutOutOfThePacking) {
  const Specimen specimen(settings(), 3);
  const double edge = specimen.packing().edge_nm();
  const auto wrapped = [edge](double d) { return d - edge * std::round(d / edge); };
  const auto nearest = [](std::vector<double>& distances) {
    std::sort(distances.begin(), distances.end());
    distances.resize(12);
  };
  std::vector<std::vector<double>> signatures;
  for (const Atom& a : specimen.packing().atoms()) {
    auto& distances = signatures.emplace_back();
    for (const Atom& b : specimen.packing().atoms()) {
      if (&a == &b) continue;
      distances.push_back(
          std::hypot(wrapped(a.x_nm - b.x_nm), wrapped(a.y_nm - b.y_nm), wrapped(a.z_nm - b.z_nm)));
    }
    nearest(distances);
  }
  int checked = 0;
  for (int column = 0; column < specimen.film().column_count(); ++column) {
    const auto atoms = near(specimen, specimen.film().seed(column), 1);
    for (const Atom& a : atoms) {
      // 0.5 nm from the ends all of the twelve nearest are in sight.
      if (std::hypot(a.x_nm, a.y_nm) > 0.4 || a.z_nm < 0.6 || a.z_nm > kThickness - 0.6) continue;
      std::vector<double> distances;
      for (const Atom& b : atoms) {
        if (&a != &b) distances.push_back(distance(a, b));
      }
      nearest(distances);
      const bool found = std::any_of(signatures.begin(), signatures.end(), [&](const auto& signature) {
        return std::equal(signature.begin(), signature.end(), distances.begin(),
                          [](double p, double q) { return std::abs(p - q) < 1e-5; });
      });
      ASSERT_TRUE(found);
      ++checked;
    }
  }
  EXPECT_GT(checked, 100);
}

TEST(Specimen, NoTwoColumnsLookAlike) {
  const Specimen specimen(settings(), 3);
  const auto one = near(specimen, specimen.film().seed(0), 1);
  const auto other = near(specimen, specimen.film().seed(1), 1);
  int matches = 0;
  for (const Atom& a : one) {
    matches += std::any_of(other.begin(), other.end(), [&](const Atom& b) { return distance(a, b) < 0.03; });
  }
  // By chance 60 / nm^3 * 4/3 pi 0.03^3 = 0.7 % of 750.
  EXPECT_LT(matches, 30);
}

// What two discs both see they see alike: glass, thinned and exchanged channels, motifs, nuclei; also across
// the edge of the field and several fields away.
TEST(Specimen, IsTheSameFromEverywhere) {
  auto full = settings();
  add_motif(full, scenario::Motif::FIVEFOLD, 0.02, 0.05);
  add_nuclei(full);
  Specimen specimen(full, 5);
  specimen.advance(40, constant_c);
  ASSERT_GT(specimen.nuclei().size(), 5u);
  const Point centre{0.7, 11.5};
  const auto wide = near(specimen, centre, 3);
  for (const Point shift : {Point{1.1, -0.4}, {-0.6, 1.3}, {0, 0}}) {
    for (const double fields : {0.0, -2.0}) {
      const auto narrow =
          near(specimen,
               {centre.x_nm + shift.x_nm + fields * kField, centre.y_nm + shift.y_nm - fields * kField}, 1);
      // A rim of 1e-4 nm, where rounding may decide either way, is left out on one side of each comparison.
      expect_among(seen_from(narrow, {0, 0}, 1 - 1e-4), seen_from(wide, shift, 1));
      expect_among(seen_from(wide, shift, 1 - 1e-4), narrow);
    }
  }
}

// A disc wider than the field sees every atom of it as often as its images fit: compare with one period,
// repeated.
TEST(Specimen, RepeatsInsideAWideDisc) {
  auto small = settings();
  small.set_field_nm(4);
  small.set_column_nm(4);
  small.set_thickness_nm(2);
  add_motif(small, scenario::Motif::FOURFOLD, 0.2, 0.2);
  const Specimen specimen(small, 2);
  ASSERT_FALSE(specimen.motifs().empty());
  const auto narrow = near(specimen, {2, 2}, 1.9);
  for (const Point image : {Point{4, 0}, {-4, 4}, {0, -4}}) {
    expect_among(seen_from(narrow, {0, 0}, 1.9 - 1e-4), seen_from(near(specimen, {2, 2}, 8), image, 1.9));
  }
}

TEST(Specimen, MotifsTakeThePlaceOfTheGlass) {
  auto planted = settings();
  planted.set_channel_density(1);
  add_motif(planted, scenario::Motif::FOURFOLD, 0.05, 0.05);
  add_motif(planted, scenario::Motif::SIXFOLD, 0.05, 0.05);
  const Specimen specimen(planted, 4);
  ASSERT_GE(specimen.motifs().size(), 3u);
  for (const PlantedMotif& motif : specimen.motifs()) {
    EXPECT_EQ(motif.region, specimen.film().at(motif.position.x_nm, motif.position.y_nm).region);
    Random any(1, 2, 3);
    std::vector<Atom> expected;
    append_motif(motif.kind, motif.radius_nm, motif.height_nm, motif.angle_rad, 0.5, any, expected);
    int in_place = 0;
    for (const Atom& atom : near(specimen, motif.position, motif.radius_nm + 0.049)) {
      const double z = atom.z_nm - motif.z_nm;
      if (std::abs(z) > motif.height_nm / 2 + 0.049) continue;
      ++in_place;
      const bool found = std::any_of(expected.begin(), expected.end(), [&](const Atom& e) {
        return std::hypot(e.x_nm - atom.x_nm, e.y_nm - atom.y_nm, e.z_nm - z) < 1e-5;
      });
      ASSERT_TRUE(found) << "glass left in the motif";
    }
    EXPECT_EQ(in_place, static_cast<int>(expected.size()));
  }
}

// The number of motifs is a Poisson variate of mean density * area.
TEST(Specimen, MotifsAreAsManyAsAskedAndApart) {
  auto planted = settings();
  planted.set_field_nm(40);
  planted.set_thickness_nm(20);
  add_motif(planted, scenario::Motif::FOURFOLD, 0.005, 0.03);
  add_motif(planted, scenario::Motif::FIVEFOLD, 0.01, 0);
  std::map<std::tuple<scenario::Motif::Kind, Region>, double> count;
  double core_nm2 = 0, channel_nm2 = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    const Specimen specimen(planted, seed);
    const double fraction = specimen.film().channel_fraction(0.1);
    channel_nm2 += 1600 * fraction;
    core_nm2 += 1600 * (1 - fraction);
    for (const PlantedMotif& motif : specimen.motifs()) {
      ++count[{motif.kind, motif.region}];
      ASSERT_GE(motif.z_nm - motif.height_nm / 2, 0);
      ASSERT_LE(motif.z_nm + motif.height_nm / 2, 20);
      for (const PlantedMotif& other : specimen.motifs()) {
        if (&other == &motif || std::abs(motif.z_nm - other.z_nm) > 3) continue;
        const auto apart = [](double d) { return d - 40 * std::round(d / 40); };
        ASSERT_GT(std::hypot(apart(motif.position.x_nm - other.position.x_nm),
                             apart(motif.position.y_nm - other.position.y_nm)),
                  1.6);
      }
    }
  }
  const auto expect = [&](scenario::Motif::Kind kind, Region region, double mean) {
    EXPECT_NEAR((count[{kind, region}]), mean, 4 * std::sqrt(mean));
  };
  expect(scenario::Motif::FOURFOLD, Region::kCore, 0.005 * core_nm2);
  expect(scenario::Motif::FOURFOLD, Region::kChannel, 0.03 * channel_nm2);
  expect(scenario::Motif::FIVEFOLD, Region::kCore, 0.01 * core_nm2);
  EXPECT_EQ((count[{scenario::Motif::FIVEFOLD, Region::kChannel}]), 0);
}

bool inside(const Atom& atom, const Nucleus& nucleus, double radius_nm) {
  const double x = periodic(atom.x_nm - nucleus.position.x_nm);
  const double y = periodic(atom.y_nm - nucleus.position.y_nm);
  const double z = atom.z_nm - nucleus.z_nm;
  return x * x + y * y + z * z < radius_nm * radius_nm;
}

// Back in crystal axes the atoms of B2 CuZr have whole (Cu) or half (Zr) coordinates, in units of 0.3262 nm.
bool is_b2(const Atom& atom, const Nucleus& nucleus) {
  const double p[3] = {periodic(atom.x_nm - nucleus.position.x_nm),
                       periodic(atom.y_nm - nucleus.position.y_nm), atom.z_nm - nucleus.z_nm};
  const double offset = atom.element == Element::kCu ? 0 : 0.5;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const auto& r = nucleus.rotation;
    const double u = (r[axis] * p[0] + r[3 + axis] * p[1] + r[6 + axis] * p[2]) / 0.3262 - offset;
    if (std::abs(u - std::round(u)) > 1e-4) return false;
  }
  return true;
}

// Every atom belongs to the earliest nucleus that holds it and sits on that one's lattice, until most of the
// film is crystal; what lies in none is glass or motif and keeps 0.05 nm away. Half of the atoms of a full
// crystal are Cu.
TEST(Specimen, NucleiOwnWhatTheyReachFirst) {
  auto growing = settings();
  add_motif(growing, scenario::Motif::FIVEFOLD, 0.02, 0.05);
  add_nuclei(growing);
  Specimen specimen(growing, 6);
  for (const double time_s : {20.0, 60.0, 150.0}) {
    specimen.advance(time_s, constant_c);
    const auto atoms = whole_field(specimen);
    double crystalline = 0;
    for (const Atom& atom : atoms) {
      bool owned = false;
      for (const Nucleus& nucleus : specimen.nuclei()) {
        if (inside(atom, nucleus, nucleus.radius_nm - 1e-5)) {
          ASSERT_TRUE(is_b2(atom, nucleus)) << "at " << time_s;
          owned = true;
          break;
        }
        // In the seam, but not of the nucleus: nothing but rounding may put an atom there.
        if (inside(atom, nucleus, nucleus.radius_nm + 0.05 - 1e-5)) {
          ASSERT_TRUE(is_b2(atom, nucleus)) << "in the seam at " << time_s;
        }
      }
      crystalline += owned;
    }
    // Volume of the union of the spheres, on a grid of 0.1 nm, at 2 / 0.3262^3 = 57.6 atoms / nm^3; seams
    // between the nuclei take a little of it.
    double volume_nm3 = 0;
    for (double x = 0.05; x < kField; x += 0.1) {
      for (double y = 0.05; y < kField; y += 0.1) {
        for (double z = 0.05; z < kThickness; z += 0.1) {
          const Atom point{static_cast<float>(x), static_cast<float>(y), static_cast<float>(z), Element::kCu};
          volume_nm3 +=
              std::any_of(specimen.nuclei().begin(), specimen.nuclei().end(),
                          [&](const Nucleus& nucleus) { return inside(point, nucleus, nucleus.radius_nm); });
        }
      }
    }
    volume_nm3 *= 1e-3;
    EXPECT_LT(crystalline, 57.6 * volume_nm3 * 1.02 + 50) << "at " << time_s;
    EXPECT_GT(crystalline, 57.6 * volume_nm3 * 0.85 - 50) << "at " << time_s;
    if (time_s == 150) {
      EXPECT_GT(volume_nm3, 0.5 * kField * kField * kThickness);
    }
  }
}

// One nucleus of each phase against the whole sphere that crystal.h makes, in a disc that cuts it.
TEST(Specimen, NucleiAreTheSpheresOfTheirPhase) {
  for (int phase = 0; phase < 3; ++phase) {
    auto growing = settings();
    growing.set_thickness_nm(3);
    auto& law = *growing.mutable_crystallization();
    law.set_per_um2_s(300);
    law.set_growth_nm_per_s(0.04);
    law.set_largest_nm(2);
    law.set_b2_cuzr(phase == 0);
    law.set_cu10zr7(phase == 1);
    law.set_monoclinic_zro2(phase == 2);
    Specimen specimen(growing, 9);
    specimen.advance(60, constant_c);
    ASSERT_FALSE(specimen.nuclei().empty());
    const Nucleus& first = specimen.nuclei()[0];
    ASSERT_GT(first.radius_nm, 1);
    const Point shift{0.6, -0.3};
    std::vector<Atom> expected;
    append_sphere(first.phase, first.rotation, 0, first.radius_nm, expected);
    std::erase_if(expected, [&](const Atom& atom) {
      const double z = atom.z_nm + first.z_nm;
      return z < 1e-5 || z > 3 - 1e-5 ||
             std::hypot(atom.x_nm - shift.x_nm, atom.y_nm - shift.y_nm) > 1.2 - 1e-4;
    });
    auto found =
        seen_from(near(specimen, {first.position.x_nm + shift.x_nm, first.position.y_nm + shift.y_nm}, 1.2),
                  {-shift.x_nm, -shift.y_nm}, 10);
    for (Atom& atom : found) atom.z_nm -= static_cast<float>(first.z_nm);
    expect_among(expected, found);
    EXPECT_GT(expected.size(), 100u);
  }
}

TEST(Specimen, IsThatOfItsSeed) {
  auto full = settings();
  add_motif(full, scenario::Motif::SIXFOLD, 0.02, 0.05);
  const auto atoms = [&](std::uint64_t seed) { return near(Specimen(full, seed), {2, 3}, 2); };
  const auto same = [](const Atom& a, const Atom& b) {
    return a.x_nm == b.x_nm && a.y_nm == b.y_nm && a.z_nm == b.z_nm && a.element == b.element;
  };
  const auto one = atoms(1), again = atoms(1), other = atoms(2);
  EXPECT_TRUE(std::equal(one.begin(), one.end(), again.begin(), again.end(), same));
  EXPECT_FALSE(std::equal(one.begin(), one.end(), other.begin(), other.end(), same));
}

TEST(Specimen, NamesTheFileThatIsNotThere) {
  auto measured = settings();
  measured.set_atoms_path("/nowhere/atoms.mat");
  try {
    const Specimen specimen(measured, 1);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("/nowhere/atoms.mat"), std::string::npos);
  }
}

}  // namespace
}  // namespace glasswatch::simulation
