// Disc filter and motif scan against closed forms, and against direct sums written from the equations.
#include "analysis/motif_scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "tests/analysis/direct_discs.h"
#include "tests/support/allocation_counter.h"

namespace glasswatch::analysis {
namespace {

using test::annulus;
using test::bins_of;
using test::direct_disc;
using test::direct_score;
using test::DirectDisc;
using test::few_counts;
using test::kCases;
using test::kNaN;
using test::kPi;
using test::polar_image;
using test::Random;
using test::whole_ring;

struct Motif {
  std::vector<double> coefficient, score, k_px, phi_deg;
};

Motif scan(MotifScan& motif_scan, const std::vector<double>& polar, std::size_t orders, Parallel& parallel) {
  Motif motif{std::vector<double>(orders), std::vector<double>(orders), std::vector<double>(orders),
              std::vector<double>(orders)};
  motif_scan.process(polar, {motif.coefficient, motif.score, motif.k_px, motif.phi_deg}, parallel);
  return motif;
}

constexpr double kElectron = 1e-9;  // counts: so small that half an electron does not show in closed forms

Motif scan(const PolarGeometry& geometry, double disc_px, const std::vector<int>& orders,
           const std::vector<double>& polar, double electron_counts = kElectron) {
  MotifScan motif_scan(geometry, disc_px, orders, whole_ring(geometry), electron_counts, 1);
  Serial serial;
  return scan(motif_scan, polar, orders.size(), serial);
}

std::vector<double> centres_px(const DiscFilter& discs) {
  std::vector<double> radius_px;
  for (int c = 0; c < discs.centres(); ++c) radius_px.push_back(discs.radius_px(static_cast<std::size_t>(c)));
  return radius_px;
}

bool same(double a, double b, double tolerance) {
  return (std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= tolerance;
}

TEST(DiscFilter, AgreesWithTheDirectSums) {
  Serial serial;
  int hidden = 0, seen = 0;
  for (const auto& [geometry, disc_px] : kCases) {
    DiscFilter discs(geometry, disc_px, whole_ring(geometry));
    ASSERT_GT(discs.centres(), 0);
    for (std::uint64_t seed = 0; seed < 3; ++seed) {  // the mask changes from pattern to pattern
      const std::vector<double> polar = few_counts(geometry, 3, seed);
      discs.process(polar, serial);
      for (std::size_t c = 0; c < static_cast<std::size_t>(discs.centres()); ++c) {
        for (std::size_t j = 0; j < bins_of(geometry); ++j) {
          const DirectDisc direct =
              direct_disc(geometry, disc_px, polar, discs.radius_px(c), static_cast<int>(j));
          // Running sums of P values below 20 P, and of areas, round to some P eps of their largest.
          ASSERT_TRUE(same(discs.disc_means(c)[j], direct.mean, 1e-10)) << c << ' ' << j;
          const double area = direct.area_px2 < direct.whole_px2 / 2 ? kNaN : direct.area_px2;
          ASSERT_TRUE(same(discs.areas_px2(c)[j], area, 1e-10 * direct.whole_px2));
          ++(std::isnan(area) ? hidden : seen);
        }
      }
    }
  }
  EXPECT_GT(hidden, 50);
  EXPECT_GT(seen, 1000);
}

// A slope of the ring is no disc: D = M at every position, however much of the disc is hidden.
TEST(DiscFilter, SlopesDoNotCount) {
  const PolarGeometry geometry = annulus(20, 44, 12, 72);
  const auto slope = [](int i, int j) { return j < 9 || j == 40 ? kNaN : 100.0 / (1 + i); };
  DiscFilter discs(geometry, 5, whole_ring(geometry));
  Serial serial;
  discs.process(polar_image(geometry, slope), serial);
  for (std::size_t c = 0; c < static_cast<std::size_t>(discs.centres()); ++c) {
    for (const double mean : discs.disc_means(c)) {
      if (!std::isnan(mean)) {
        EXPECT_NEAR(mean, discs.mean(c), 1e-12 * discs.mean(c));
      }
    }
  }
}

TEST(DiscFilter, CentresStandHalfARadiusApartInTheRing) {
  const PolarGeometry geometry = annulus(180, 380, 90, 36);  // rows of 2.22 px
  std::vector<std::uint8_t> ring(90, 0);
  std::fill(ring.begin() + 10, ring.begin() + 20, std::uint8_t{1});
  const DiscFilter discs(geometry, 8, ring);
  ASSERT_EQ(discs.centres(), 5) << "4 px are two rows";
  for (std::size_t c = 0; c < 5; ++c) {
    EXPECT_NEAR(discs.radius_px(c), 180 + (10.5 + 2.0 * static_cast<double>(c)) * 200 / 90, 1e-9);
  }
  EXPECT_EQ(DiscFilter(geometry, 0.5, ring).centres(), 10);
  EXPECT_EQ(DiscFilter(geometry, 8, std::vector<std::uint8_t>(90, 0)).centres(), 0);
}

/// n patches, each just large enough to hold the disc of radius 5 px at row 9, bin `first` and its n-fold
/// positions. That disc meets rows 7 to 11 of 2 px, and reaches asin(5/39) = 7.4 deg to either side: 2.46
/// of 2.5 bins.
constexpr int kPatchRow = 9, kPatchReach = 2, kPatchBins = 120;
const PolarGeometry kPatchGeometry = annulus(20, 60, 20, kPatchBins);

bool in_patch(int i, int j, int n, int first) {
  if (std::abs(i - kPatchRow) > 2) return false;
  for (int q = 0; q < n; ++q) {
    const int distance = (j - first - kPatchBins * q / n + 2 * kPatchBins) % kPatchBins;
    if (distance <= kPatchReach || distance >= kPatchBins - kPatchReach) return true;
  }
  return false;
}

double patches(int i, int j, int n, int first, double height) {
  return in_patch(i, j, n, first) ? 1 + height : 1;
}

TEST(MotifScan, FindsThePlantedMotif) {
  for (const double height : {0.1, 1.0, 20.0}) {
    for (const int n : {1, 2, 3, 4, 5, 6}) {
      for (const int first : {0, 7, 19}) {  // below 120/6, so that it is the first of the turn
        const auto image = [&](int i, int j) { return patches(i, j, n, first, height); };
        const Motif motif = scan(kPatchGeometry, 5, {n}, polar_image(kPatchGeometry, image));
        // All rows that the disc meets have the mean 1 + height * 5 n/120, and it sees 1 + height alone.
        EXPECT_NEAR(motif.score[0], std::log((1 + height) / (1 + height * 5 * n / kPatchBins)), 1e-9);
        EXPECT_NEAR(motif.k_px[0], 20 + 2 * (kPatchRow + 0.5), 1e-12);
        EXPECT_NEAR(motif.phi_deg[0], -180 + 3 * (first + 0.5), 1e-12);
        EXPECT_TRUE(n == 1 ? std::isnan(motif.coefficient[0]) : motif.coefficient[0] > 0);
      }
    }
  }
}

// D = 1 + a s cos(n phi), s the disc's mean of cos(n phi): C(D) = (a s)^2/2 cos(n D), of which the
// coefficient of order m takes the mean over the multiples of 360/m: 1 if m divides n, else -1/(m - 1).
TEST(MotifScan, CoefficientOfACosine) {
  const PolarGeometry geometry = annulus(20, 44, 12, 72);
  const double a = 0.4, disc_px = 3;
  const auto cosine = [&](int n) {
    return polar_image(geometry, [&](int, int j) { return 7 * (1 + a * std::cos(2 * kPi * n * j / 72)); });
  };
  for (const int n : {3, 4, 6}) {
    DiscFilter discs(geometry, disc_px, whole_ring(geometry));
    double expected = 0;
    for (const double k : centres_px(discs)) {
      const double as = direct_disc(geometry, disc_px, cosine(n), k, 0).mean / 7 - 1;
      EXPECT_LT(as, 0.995 * a) << "the disc averages";
      expected += as * as / 2 / discs.centres();
    }
    const Motif motif = scan(geometry, disc_px, {2, 3, 4, 6}, cosine(n));
    for (const std::size_t i : {0U, 1U, 2U, 3U}) {
      const int m = std::vector{2, 3, 4, 6}[i];
      EXPECT_NEAR(motif.coefficient[i], n % m == 0 ? expected : -expected / (m - 1), 1e-13) << n << ' ' << m;
    }
  }
}

// Two pairs at different k and angle are twofold, and nothing else: of four discs at most two are bright.
TEST(MotifScan, FriedelPairsAreTwofoldOnly) {
  Random random(3);
  for (int trial = 0; trial < 20; ++trial) {
    const int first = static_cast<int>(random() % 25), second = first + 36 + static_cast<int>(random() % 10);
    const auto image = [&](int i, int j) {
      return patches(i, j, 2, first, 2) + patches(i - 6, j, 2, second, 2) - 1;
    };
    const Motif motif = scan(kPatchGeometry, 5, {2, 3, 4, 5}, polar_image(kPatchGeometry, image));
    EXPECT_NEAR(motif.score[0], std::log(3 / (1 + 2 * 10.0 / kPatchBins)), 1e-9);
    for (const std::size_t i : {1U, 2U, 3U}) EXPECT_LE(motif.score[i], motif.score[0] / 2 + 1e-9) << i;
  }
}

TEST(MotifScan, AgreesWithTheDefinitionAtFewCounts) {
  const std::vector<int> orders{1, 2, 3, 4, 5, 7};
  Serial serial;
  int missing = 0;
  for (const auto& [geometry, disc_px] : kCases) {
    const std::vector<double> k_px = centres_px(DiscFilter(geometry, disc_px, whole_ring(geometry)));
    MotifScan motif_scan(geometry, disc_px, orders, whole_ring(geometry), 1.5, 1);
    for (const double counts : {0.03, 0.3, 4.0}) {
      const std::vector<double> polar = few_counts(geometry, counts, 11);
      const Motif motif = scan(motif_scan, polar, orders.size(), serial);
      for (std::size_t i = 0; i < orders.size(); ++i) {
        std::vector<double> apart;
        for (const double k : k_px) {
          if (orders[i] == 1 || (k > disc_px && orders[i] * std::asin(disc_px / k) <= kPi))
            apart.push_back(k);
        }
        const double direct = direct_score(geometry, disc_px, polar, apart, orders[i], 1.5);
        EXPECT_TRUE(same(motif.score[i], direct, 1e-10))
            << motif.score[i] << ' ' << direct << " n " << orders[i] << " disc " << disc_px << " counts "
            << counts;
        if (std::isnan(direct)) ++missing;
      }
    }
  }
  EXPECT_GT(missing, 0);
}

// One place for n = 4: a row of which five bins are valid, four of them empty or, read noise being what it
// is, less. The disc lies within one bin.
TEST(MotifScan, EmptyDiscsCountHalfAnElectron) {
  const double disc_px = 0.5, electron_counts = 3, counts = 20;
  std::vector<double> polar(20 * kPatchBins, kNaN);
  double* row = polar.data() + kPatchRow * kPatchBins;
  for (const int j : {3, 33, 63}) row[j] = 0;
  row[93] = -5;
  row[50] = counts;
  std::vector<std::uint8_t> ring(20, 0);
  ring[kPatchRow] = 1;
  MotifScan motif_scan(kPatchGeometry, disc_px, {4, 3}, ring, electron_counts, 1);
  Serial serial;
  const Motif motif = scan(motif_scan, polar, 2, serial);
  const double area_px2 = 2 * 2 * std::asin(disc_px / (2 * 39)) * 39 * 2,
               expected = (counts - 5) / 5 * area_px2;
  EXPECT_NEAR(motif.score[0], std::log(1.5 / (expected + 1.5)), 1e-12);
  EXPECT_NEAR(motif.phi_deg[0], -180 + 3 * 3.5, 1e-12);
  EXPECT_TRUE(std::isnan(motif.score[1]) && std::isnan(motif.k_px[1]) && std::isnan(motif.phi_deg[1]));
  EXPECT_TRUE(std::isnan(motif.coefficient[1])) << "no pair is a third of the turn apart";
}

TEST(MotifScan, WithoutARingThereIsNothing) {
  for (const double value : {0.0, -1.0, kNaN, std::numeric_limits<double>::infinity()}) {
    const Motif motif = scan(kPatchGeometry, 5, {4}, std::vector<double>(20 * kPatchBins, value));
    EXPECT_TRUE(std::isnan(motif.score[0]) && std::isnan(motif.coefficient[0])) << value;
    EXPECT_TRUE(std::isnan(motif.k_px[0]) && std::isnan(motif.phi_deg[0])) << value;
  }
}

TEST(MotifScan, AHiddenDiscIsSeenOnTheOtherSide) {
  constexpr int kFirst = 5, kThird = kFirst + 60;
  const auto covers = [](int j, int patch) { return std::abs(j - patch) <= 4; };  // 9 bins
  const auto behind = [&](auto hidden) {
    const auto image = [&](int i, int j) { return hidden(j) ? kNaN : patches(i, j, 4, kFirst, 1); };
    return scan(kPatchGeometry, 5, {4}, polar_image(kPatchGeometry, image));
  };
  const Motif motif = behind([&](int j) { return covers(j, kThird); });
  // 15 of the 111 bins that are left are bright.
  EXPECT_NEAR(motif.score[0], std::log(2 / (1 + 15.0 / 111)), 1e-9);
  EXPECT_NEAR(motif.k_px[0], 39, 1e-12);
  EXPECT_NEAR(motif.phi_deg[0], -180 + 3 * (kFirst + 0.5), 1e-12);
  const Motif blind = behind([&](int j) { return covers(j, kThird) || covers(j, kFirst); });
  EXPECT_LT(blind.score[0], 0.5 * motif.score[0]) << "no third and no first disc: what is left is elsewhere";
  EXPECT_FALSE(std::isnan(blind.score[0]));
}

TEST(MotifScan, LeavesOutDiscsThatOverlap) {
  // asin(5/21) = 13.8 deg is the smallest k's, asin(5/59) = 4.9 deg the largest's.
  const Motif motif = scan(kPatchGeometry, 5, {4, 12, 14, 36, 37, 38, 60},
                           polar_image(kPatchGeometry, [](int, int j) { return j % 3 + 1; }));
  for (const std::size_t i : {0U, 1U, 2U, 3U, 4U}) EXPECT_FALSE(std::isnan(motif.score[i])) << i;
  for (const std::size_t i : {5U, 6U}) {
    EXPECT_TRUE(std::isnan(motif.score[i]) && std::isnan(motif.coefficient[i])) << i;
  }
  for (const int n : {13, 14}) {
    std::vector<std::uint8_t> innermost(20, 0);
    innermost[0] = 1;
    MotifScan motif_scan(kPatchGeometry, 5, {n}, innermost, 1, 1);
    Serial serial;
    const Motif one = scan(motif_scan, few_counts(kPatchGeometry, 5, 1), 1, serial);
    EXPECT_EQ(std::isnan(one.score[0]), n == 14) << n;
    EXPECT_EQ(std::isnan(one.coefficient[0]), n == 14) << n;
  }
  const PolarGeometry fine = annulus(300, 302, 1, 260);
  EXPECT_FALSE(std::isnan(scan(fine, 1, {64}, std::vector<double>(260, 1.0)).score[0]));
  EXPECT_TRUE(std::isnan(scan(fine, 1, {65}, std::vector<double>(260, 1.0)).score[0]));
}

TEST(MotifScan, ManyExtremeDiscsStayInTheRangeOfDouble) {
  const PolarGeometry fine = annulus(300, 302, 1, 640);
  std::vector<double> polar(640, 0.0);
  polar[100] = 1e12;
  const Motif motif = scan(fine, 1, {1, 64}, polar);
  EXPECT_TRUE(std::isfinite(motif.score[0]) && std::isfinite(motif.score[1]));
  EXPECT_GT(motif.score[0], 0);
  EXPECT_LT(motif.score[1], -5);
}

/// Pieces of odd sizes in reverse order, each in another lane.
class Scattered final : public Parallel {
 public:
  int lanes() const override { return 3; }
  void run(int count, PieceOfWork body) override {
    for (int end = count, lane = 0; end > 0; lane = (lane + 1) % 3) {
      const int begin = std::max(0, end - 1 - lane);
      body(lane, begin, end);
      end = begin;
    }
  }
};

void expect_same_bits(const Motif& a, const Motif& b) {
  const auto same_bits = [](const std::vector<double>& x, const std::vector<double>& y) {
    return x.size() == y.size() && std::memcmp(x.data(), y.data(), x.size() * sizeof(double)) == 0;
  };
  EXPECT_TRUE(same_bits(a.score, b.score) && same_bits(a.coefficient, b.coefficient));
  EXPECT_TRUE(same_bits(a.k_px, b.k_px) && same_bits(a.phi_deg, b.phi_deg));
}

TEST(MotifScan, DependsNeitherOnLanesNorOnEarlierPatterns) {
  const std::vector<int> orders{2, 3, 4, 7};
  Scattered scattered;
  for (const auto& [geometry, disc_px] : kCases) {
    MotifScan lasting(geometry, disc_px, orders, whole_ring(geometry), 1, 3);
    for (const std::uint64_t seed : {1U, 1U, 2U, 1U}) {
      const std::vector<double> polar = few_counts(geometry, 5, seed);
      expect_same_bits(scan(lasting, polar, orders.size(), scattered),
                       scan(geometry, disc_px, orders, polar, 1));
    }
  }
}

TEST(MotifScan, DoesNotAllocate) {
  if (!test::counts_allocations()) GTEST_SKIP() << "the sanitizer's own allocator is in place";
  const std::vector<double> one = few_counts(kPatchGeometry, 5, 1), other = few_counts(kPatchGeometry, 5, 2);
  MotifScan motif_scan(kPatchGeometry, 5, {2, 3, 4}, whole_ring(kPatchGeometry), 1, 1);
  Serial serial;
  std::vector<double> a(3), b(3), c(3), d(3);
  const long before = test::allocations();
  for (int i = 0; i < 10; ++i) motif_scan.process(i % 2 == 0 ? other : one, {a, b, c, d}, serial);
  EXPECT_EQ(test::allocations() - before, 0);
}

TEST(MotifScanDeathTest, NamesConditionAndValues) {
  const std::vector<std::uint8_t> ring = whole_ring(kPatchGeometry);
  EXPECT_DEATH(MotifScan(kPatchGeometry, 0, {4}, ring, 1, 1), "disc_radius_px > 0.*= 0");
  EXPECT_DEATH(MotifScan(kPatchGeometry, 5, {61}, ring, 1, 1), "contract broken.*= 61 120");
  EXPECT_DEATH(MotifScan(kPatchGeometry, 5, {4}, ring, 0, 1), "electron_counts > 0.*= 0");
  EXPECT_DEATH(DiscFilter(kPatchGeometry, 5, std::vector<std::uint8_t>(19, 1)), "in_ring.*= 19 20");
  EXPECT_DEATH(scan(kPatchGeometry, 5, {4}, std::vector<double>(10)), "polar.size.*= 10 2400");
}

}  // namespace
}  // namespace glasswatch::analysis
