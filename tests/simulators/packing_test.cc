#include "simulators/specimen/packing.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <numbers>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/types/user_error.h"
#include "simulators/random.h"

namespace glasswatch::simulation {
namespace {

constexpr double kEdgeNm = 4;  // the smallest box whose half edge holds the order that makes the first ring

const Packing& glass() {
  static const Packing kGlass(kEdgeNm, 0.6, 11);
  return kGlass;
}

int count(std::span<const Atom> atoms, Element element) {
  return static_cast<int>(
      std::ranges::count_if(atoms, [&](const Atom& atom) { return atom.element == element; }));
}

// Pairs by distance to the nearest image; [0] Cu-Cu, [1] Cu-Zr, [2] Zr-Zr.
struct Histogram {
  static constexpr double kStepNm = 0.005;
  std::array<std::vector<double>, 3> pairs;

  explicit Histogram(const Packing& packing) {
    const double edge_nm = packing.edge_nm();
    const auto bins = static_cast<std::size_t>(edge_nm / 2 / kStepNm);
    for (auto& bin : pairs) bin.resize(bins);
    const auto atoms = packing.atoms();
    const auto nearest = [&](double d) { return d - edge_nm * std::round(d / edge_nm); };
    for (std::size_t i = 0; i < atoms.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        const double x = nearest(double{atoms[i].x_nm} - atoms[j].x_nm);
        const double y = nearest(double{atoms[i].y_nm} - atoms[j].y_nm);
        const double z = nearest(double{atoms[i].z_nm} - atoms[j].z_nm);
        const auto bin = static_cast<std::size_t>(std::sqrt(x * x + y * y + z * z) / kStepNm);
        const auto kind =
            static_cast<std::size_t>(atoms[i].element) + static_cast<std::size_t>(atoms[j].element);
        if (bin < bins) pairs.at(kind)[bin] += 1;
      }
    }
  }

  static double middle_nm(std::size_t bin) { return (static_cast<double>(bin) + 0.5) * kStepNm; }

  double closest_nm() const {
    for (std::size_t bin = 0; bin < pairs[0].size(); ++bin) {
      if (pairs[0][bin] + pairs[1][bin] + pairs[2][bin] > 0) return middle_nm(bin) - kStepNm / 2;
    }
    return 0;
  }

  // Where the pair distribution, pairs / r^2, is largest.
  double first_maximum_nm(std::size_t kind) const {
    double largest = 0;
    double where_nm = 0;
    for (std::size_t bin = 0; bin < pairs[kind].size(); ++bin) {
      const double density = pairs[kind][bin] / (middle_nm(bin) * middle_nm(bin));
      if (density > largest) where_nm = middle_nm(bin);
      largest = std::max(largest, density);
    }
    return where_nm;
  }
};

// Debye's formula (Ann. Phys. 46 (1915) 809) for the periodic box: I / N = <f^2> + 2/N sum over pairs f_i f_j
// sin(q r) / (q r), q = 2 pi k. The pairs that a structureless medium would have are subtracted, and what is
// left is faded out towards half the edge by sin(pi r / R) / (pi r / R), as usual for sums that end at R
// (Lorch, J. Phys. C 2 (1969) 229).
double intensity_nm2(const Packing& packing, const Histogram& histogram, double k_inv_nm) {
  const double atoms = static_cast<double>(packing.atoms().size());
  const double volume_nm3 = std::pow(packing.edge_nm(), 3);
  const double cu = count(packing.atoms(), Element::kCu);
  const double zr = count(packing.atoms(), Element::kZr);
  const double f = scattering_factor_nm(Element::kCu, k_inv_nm);
  const double g = scattering_factor_nm(Element::kZr, k_inv_nm);
  double sum = (cu * f * f + zr * g * g) / atoms;
  for (std::size_t bin = 0; bin < histogram.pairs[0].size(); ++bin) {
    const double r = Histogram::middle_nm(bin);
    const double shell = 4 * std::numbers::pi * r * r * Histogram::kStepNm / volume_nm3;
    const double excess = f * f * (histogram.pairs[0][bin] - cu * cu / 2 * shell) +
                          f * g * (histogram.pairs[1][bin] - cu * zr * shell) +
                          g * g * (histogram.pairs[2][bin] - zr * zr / 2 * shell);
    const double q_r = 2 * std::numbers::pi * k_inv_nm * r;
    const double fade = 2 * std::numbers::pi * r / packing.edge_nm();
    sum += 2 / atoms * excess * std::sin(q_r) / q_r * std::sin(fade) / fade;
  }
  return sum;
}

TEST(Packing, DensityAndCompositionAreThoseOfTheGlass) {
  const auto atoms = glass().atoms();
  const int cu = count(atoms, Element::kCu);
  const int zr = count(atoms, Element::kZr);
  EXPECT_NEAR(cu, 0.6 * static_cast<double>(atoms.size()), 0.5);
  EXPECT_EQ(cu + zr, static_cast<int>(atoms.size()));
  EXPECT_NEAR(glass().number_density_per_nm3(), 60, 1);
  const double mass_g = (cu * 63.546 + zr * 91.224) * 1.66053907e-24;
  EXPECT_NEAR(mass_g / (std::pow(kEdgeNm, 3) * 1e-21), 7.4, 0.1);
  for (const Atom& atom : atoms) {
    for (const float x : {atom.x_nm, atom.y_nm, atom.z_nm}) {
      EXPECT_GE(x, 0);
      EXPECT_LT(x, kEdgeNm);
    }
  }
}

// Distances: see packing.cc. The spread of published values is 0.01 nm.
TEST(Packing, NearestDistancesAreThoseOfTheGlass) {
  const Histogram histogram(glass());
  EXPECT_NEAR(histogram.first_maximum_nm(0), 0.255, 0.008);
  EXPECT_NEAR(histogram.first_maximum_nm(1), 0.277, 0.008);
  EXPECT_NEAR(histogram.first_maximum_nm(2), 0.317, 0.008);
  EXPECT_GT(histogram.closest_nm(), 0.21);
}

// First maximum of the kinematic intensity: Cu-Zr glasses have it at Q = 2.7 - 2.75 / angstrom, k = Q / 2 pi
// = 4.30 - 4.38 nm^-1 with X-rays; electrons, whose scattering factors fall more steeply, see it 0.05 nm^-1
// lower.
TEST(Packing, FirstRingLiesWhereTheGlassHasIt) {
  const Histogram histogram(glass());
  double crest_inv_nm = 0;
  double crest = 0;
  double valley = 1;
  for (double k_inv_nm = 3; k_inv_nm < 8; k_inv_nm += 0.02) {
    const double intensity = intensity_nm2(glass(), histogram, k_inv_nm);
    if (intensity > crest) crest_inv_nm = k_inv_nm;
    crest = std::max(crest, intensity);
    if (k_inv_nm > crest_inv_nm && k_inv_nm < 6.5) valley = std::min(valley, intensity);
  }
  EXPECT_NEAR(crest_inv_nm, 4.32, 0.08);
  // A glass and no gas: the first ring stands out.
  EXPECT_GT(crest, 5 * valley);
  // ... and no crystal: its spots would rise by the number of cells, hundreds.
  EXPECT_LT(crest, 50 * valley);
}

TEST(Packing, SameSeedSameAtomsBitForBit) {
  const Packing one(3, 0.5, 5);
  const Packing same(3, 0.5, 5);
  const Packing other(3, 0.5, 6);
  ASSERT_EQ(one.atoms().size(), same.atoms().size());
  const auto equal = [](const Atom& a, const Atom& b) {
    return std::tie(a.x_nm, a.y_nm, a.z_nm, a.element) == std::tie(b.x_nm, b.y_nm, b.z_nm, b.element);
  };
  EXPECT_TRUE(std::ranges::equal(one.atoms(), same.atoms(), equal));
  EXPECT_FALSE(std::ranges::equal(one.atoms(), other.atoms(), equal));
}

// ---- visit_box -------------------------------------------------------------------------------------------

using Place = std::tuple<float, float, float, Element>;

std::vector<Place> visited(const Packing& packing, const double (&low)[3], const double (&high)[3]) {
  std::vector<Place> places;
  packing.visit_box(low, high, [&](const Atom& atom) {
    places.emplace_back(atom.x_nm, atom.y_nm, atom.z_nm, atom.element);
  });
  std::ranges::sort(places);
  return places;
}

std::vector<Place> every_image(const Packing& packing, const double (&low)[3], const double (&high)[3]) {
  std::vector<Place> places;
  const double edge = packing.edge_nm();
  for (int a = -3; a <= 3; ++a) {
    for (int b = -3; b <= 3; ++b) {
      for (int c = -3; c <= 3; ++c) {
        for (const Atom& atom : packing.atoms()) {
          const double p[3] = {atom.x_nm + a * edge, atom.y_nm + b * edge, atom.z_nm + c * edge};
          bool inside = true;
          for (int k = 0; k < 3; ++k) inside = inside && p[k] >= low[k] && p[k] < high[k];
          if (inside) {
            places.emplace_back(static_cast<float>(p[0]), static_cast<float>(p[1]), static_cast<float>(p[2]),
                                atom.element);
          }
        }
      }
    }
  }
  std::ranges::sort(places);
  return places;
}

TEST(Packing, BoxHoldsEveryImageOnce) {
  const Packing packing(3, 0.6, 2);
  const double boxes[][2][3] = {{{0.2, 0.3, 0.4}, {0.9, 1.7, 2.9}},
                                {{-1.3, 2.2, -0.1}, {0.6, 3.9, 0.1}},  // across the faces
                                {{-4.1, -7.7, -3}, {-3.8, -6.9, 0}},   // far out, and exactly one period
                                {{-0.7, 1.1, 0.5}, {5.9, 1.4, 7.0}}};  // longer than the cube
  for (const auto& [low, high] : boxes) {
    const auto places = visited(packing, low, high);
    EXPECT_GT(places.size(), 5u);
    EXPECT_EQ(places, every_image(packing, low, high));
  }
}

TEST(Packing, BoxesSideBySideShareNoAtom) {
  const Packing& packing = glass();
  std::size_t sum = 0;
  const double step = kEdgeNm / 5;
  for (int i = 0; i < 5; ++i) {
    sum +=
        visited(packing, {i * step - 1, 0.5, -2}, {(i + 1) * step - 1, 0.5 + kEdgeNm, -2 + kEdgeNm}).size();
  }
  EXPECT_EQ(sum, packing.atoms().size());
}

TEST(Packing, EmptyBoxHoldsNothing) {
  EXPECT_TRUE(visited(glass(), {1, 1, 1}, {1, 1, 1}).empty());
  EXPECT_TRUE(visited(glass(), {1, 1, 1}, {0, 2, 2}).empty());
}

// ---- MATLAB files ----------------------------------------------------------------------------------------

using Bytes = std::string;

template <typename T>
Bytes raw(T value, bool big_endian) {
  Bytes bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  if (big_endian) std::ranges::reverse(bytes);
  return bytes;
}

Bytes element(std::uint32_t type, const Bytes& data, bool big_endian = false) {
  Bytes padded = data;
  padded.resize((data.size() + 7) / 8 * 8);
  return raw(type, big_endian) + raw(static_cast<std::uint32_t>(data.size()), big_endian) + padded;
}

Bytes head(bool big_endian = false) {
  Bytes bytes = "MATLAB 5.0 MAT-file, written by a test";
  bytes.resize(124, ' ');
  return bytes + raw(std::uint16_t{0x0100}, big_endian) + (big_endian ? "MI" : "IM");
}

template <typename T>
Bytes matrix(std::int32_t rows, std::int32_t columns, const std::vector<T>& values, std::uint32_t type,
             bool big_endian = false) {
  Bytes data;
  for (const T value : values) data += raw(value, big_endian);
  return element(
      14,
      element(6, raw(std::uint32_t{6}, big_endian) + raw(std::uint32_t{0}, big_endian), big_endian) +
          element(5, raw(rows, big_endian) + raw(columns, big_endian), big_endian) +
          element(1, "positions", big_endian) + element(type, data, big_endian),
      big_endian);
}

Bytes compressed(const Bytes& element) {
  Bytes packed(compressBound(element.size()), '\0');
  uLongf size = packed.size();
  compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(element.data()),
           element.size());
  packed.resize(size);
  return raw(std::uint32_t{15}, false) + raw(static_cast<std::uint32_t>(size), false) + packed;
}

class MatlabPositions : public testing::Test {
 protected:
  // A simple cubic crystal, 0.25 nm = 2.5 angstrom, 3 nm wide, shifted; and one atom apart, so that the cube
  // must be found. Voxels of 0.5 nm: 12 atoms along each edge fill 3.0 nm if the grid begins at the first of
  // them.
  static std::vector<double> cubic_angstrom() {
    std::vector<double> values;
    for (int i = 0; i < 12; ++i) {
      for (int j = 0; j < 12; ++j) {
        for (int k = 0; k < 12; ++k) {
          values.insert(values.end(), {2.5 * i - 7, 2.5 * j + 4, 2.5 * k});
        }
      }
    }
    values.insert(values.end(), {60.0, 70.0, 80.0});
    return values;
  }
  static constexpr int kAtoms = 12 * 12 * 12 + 1;

  void TearDown() override { std::filesystem::remove(path_); }

  Packing read(const Bytes& bytes) const {
    std::ofstream(path_, std::ios::binary) << bytes;
    return Packing::from_matlab(path_, 0.6, 1);
  }

  void expect_refusal(const Bytes& bytes, const std::string& words) const {
    try {
      read(bytes);
      ADD_FAILURE() << "was read; expected: " << words;
    } catch (const UserError& error) {
      EXPECT_EQ(error.exit_code(), kBadInput);
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find(path_.string()), std::string::npos) << error.what();
    }
  }

  static void expect_cubic(const Packing& packing) {
    EXPECT_DOUBLE_EQ(packing.edge_nm(), 3);
    ASSERT_EQ(packing.atoms().size(), 1728u);
    EXPECT_NEAR(packing.number_density_per_nm3(), 64, 1e-9);
    EXPECT_EQ(count(packing.atoms(), Element::kCu), 1037);  // 0.6 of 1728, rounded
    for (const Atom& atom : packing.atoms()) {
      for (const float x : {atom.x_nm, atom.y_nm, atom.z_nm}) {
        EXPECT_NEAR(std::remainder(x, 0.25), 0, 1e-6);
        EXPECT_GE(x, 0);
        EXPECT_LT(x, 2.8);
      }
    }
  }

  const std::filesystem::path path_ =
      std::filesystem::path(testing::TempDir()) / ("positions-" + std::to_string(getpid()) + ".mat");
};

TEST_F(MatlabPositions, ReadsThreeRows) {
  expect_cubic(read(head() + matrix(3, kAtoms, cubic_angstrom(), 9)));
}

TEST_F(MatlabPositions, ReadsCompressedElements) {
  expect_cubic(read(head() + compressed(matrix(3, kAtoms, cubic_angstrom(), 9))));
}

TEST_F(MatlabPositions, ReadsTheOtherByteOrder) {
  expect_cubic(read(head(true) + matrix(3, kAtoms, cubic_angstrom(), 9, true)));
}

TEST_F(MatlabPositions, ReadsThreeColumnsOfSinglePrecision) {
  const auto rows = cubic_angstrom();
  std::vector<float> columns;
  for (std::size_t k = 0; k < 3; ++k) {
    for (std::size_t i = 0; i < kAtoms; ++i) columns.push_back(static_cast<float>(rows[3 * i + k]));
  }
  expect_cubic(read(head() + matrix(kAtoms, 3, columns, 7)));
}

// Whole numbers are stored in the smallest type that holds them.
TEST_F(MatlabPositions, ReadsIntegers) {
  std::vector<std::int8_t> values;
  for (int i = 0; i < 12; ++i) {
    for (int j = 0; j < 12; ++j) {
      for (int k = 0; k < 12; ++k) {
        for (const int x : {i, j, k}) values.push_back(static_cast<std::int8_t>(3 * x - 20));
      }
    }
  }
  const Packing packing = read(head() + matrix(3, 1728, values, 1));
  EXPECT_DOUBLE_EQ(packing.edge_nm(), 3.5);  // 0 to 3.3 nm in voxels of 0.5
  EXPECT_EQ(packing.atoms().size(), 1728u);
}

TEST_F(MatlabPositions, PassesOverOtherMatrices) {
  const Bytes other = matrix<double>(1, 2, {1, 2}, 9);
  Bytes text = matrix<std::uint16_t>(3, 1, {65, 66, 67}, 4);
  text[16] = 4;  // class of its flags: characters
  expect_cubic(read(head() + other + compressed(matrix(3, kAtoms, cubic_angstrom(), 9)) + text));
}

// A name of up to four letters stands in the tag itself.
TEST_F(MatlabPositions, ReadsSmallElements) {
  Bytes bytes = matrix(3, kAtoms, cubic_angstrom(), 9);
  const Bytes name = element(1, "positions");
  const std::size_t at = bytes.find(name);
  ASSERT_NE(at, Bytes::npos);
  const Bytes small = raw(std::uint16_t{1}, false) + raw(std::uint16_t{3}, false) + Bytes("abc\0", 4);
  bytes = element(14, bytes.substr(8, at - 8) + small + bytes.substr(at + name.size()));
  expect_cubic(read(head() + bytes));
}

// Two atoms 0.05 nm from each other across the seam: one goes. Two as close inside the cube are what was
// measured.
TEST_F(MatlabPositions, DropsWhatOverlapsAcrossTheSeam) {
  auto values = cubic_angstrom();
  values.insert(values.end(), {-7 + 29.5, 4, 0});      // 0.05 nm before the image of the first
  values.insert(values.end(), {-7 + 12.5, 16.5, 13});  // 0.05 nm beside one in the middle
  const Packing packing = read(head() + matrix(3, kAtoms + 2, values, 9));
  EXPECT_EQ(packing.atoms().size(), 1729u);
}

TEST_F(MatlabPositions, RefusesWhatItCannotUse) {
  const auto values = cubic_angstrom();
  const Bytes good = matrix(3, kAtoms, values, 9);
  expect_refusal("", "MATLAB v5");
  expect_refusal("MATLAB 7.3 MAT-file" + head().substr(19) + good, "MATLAB v5");
  expect_refusal(head(), "no numeric matrix");
  expect_refusal(head() + matrix<double>(1, 2, {1, 2}, 9), "no numeric matrix");
  expect_refusal(head() + good + good, "more than one");
  expect_refusal(head() + matrix(3, kAtoms + 5, values, 9), "damaged");
  expect_refusal(head() + matrix(3, -kAtoms, values, 9), "damaged");
  expect_refusal(head() + matrix<double>(3, 0, {}, 9), "no positions");
  expect_refusal(head() + matrix<double>(3, 1, {1, 2, 3}, 9), "no cube of 2 nm");
  expect_refusal(head() + matrix<double>(3, 2, {1, 2, 3, 1e6, 2, 3}, 9), "angstrom");
  auto broken = values;
  broken[100] = std::nan("");
  expect_refusal(head() + matrix(3, kAtoms, broken, 9), "no numbers");
  EXPECT_THROW(Packing::from_matlab("/nonexistent/positions.mat", 0.6, 1), UserError);
}

// Whatever is cut off or overwritten: a message or a cube, never anything worse.
TEST_F(MatlabPositions, SurvivesDamage) {
  const std::vector<double> values = {0, 0, 0, 1, 2, 3};
  for (const Bytes& element : {matrix(3, 2, values, 9), compressed(matrix(3, 2, values, 9))}) {
    const Bytes whole = head() + element;
    const auto must_refuse = [&](const Bytes& bytes) { EXPECT_THROW(read(bytes), UserError); };
    for (std::size_t length = 0; length < whole.size(); ++length) must_refuse(whole.substr(0, length));
    for (std::size_t at = 124; at < whole.size(); ++at) {
      for (const char value : {'\x00', '\x7f', '\xff'}) {
        Bytes bytes = whole;
        bytes[at] = value;
        must_refuse(bytes);  // two atoms fill no cube, damaged or not
      }
    }
  }
}

// A glass particle of 18,356 atoms, its positions measured by atomic electron tomography (Yang et al., Nature
// 592 (2021) 60): about 8 nm across, so a cube of more than 4 nm must fit.
TEST_F(MatlabPositions, ReadsTheMeasuredGlass) {
  const std::filesystem::path path =
      std::filesystem::path(GLASSWATCH_SHARED_DIR) / "data/metallic_glass_atoms/final_atom_coord_inA.mat";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no measured positions here: " << path;
  const Packing packing = Packing::from_matlab(path, 0.6, 1);
  EXPECT_GT(packing.edge_nm(), 4);
  EXPECT_LT(packing.edge_nm(), 7);
  // Heavier atoms than ours, and not every one was found: between a half and all of a dense glass.
  EXPECT_GT(packing.number_density_per_nm3(), 35);
  EXPECT_LT(packing.number_density_per_nm3(), 65);
  const Histogram histogram(packing);
  double all = 0;
  double where_nm = 0;
  for (std::size_t bin = 0; bin < 80; ++bin) {  // up to 0.4 nm
    const double r = Histogram::middle_nm(bin);
    const double density =
        (histogram.pairs[0][bin] + histogram.pairs[1][bin] + histogram.pairs[2][bin]) / (r * r);
    if (density > all) where_nm = r;
    all = std::max(all, density);
  }
  EXPECT_NEAR(where_nm, 0.27, 0.02);
  EXPECT_THROW(Packing::from_matlab(path.parent_path() / "final_atom_types.mat", 0.6, 1), UserError);
}

}  // namespace
}  // namespace glasswatch::simulation
