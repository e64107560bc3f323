#include "simulators/specimen/film.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "simulators/random.h"

namespace glasswatch::simulation {
namespace {

scenario::Specimen specimen(double field_nm, double column_nm, double channel_nm) {
  scenario::Specimen specimen;
  specimen.set_field_nm(field_nm);
  specimen.set_column_nm(column_nm);
  specimen.set_channel_nm(channel_nm);
  return specimen;
}

// Owner and wall by search over all seeds in the 7 x 7 fields around the point's own.
Film::Place searched(const Film& film, double x_nm, double y_nm, double channel_nm) {
  struct Image {
    double x, y, d2;
    int column;
  };
  const double field = film.field_nm();
  std::vector<Image> images;
  for (int column = 0; column < film.column_count(); ++column) {
    for (int i = -3; i <= 3; ++i) {
      for (int j = -3; j <= 3; ++j) {
        const double x = film.seed(column).x_nm + (std::floor(x_nm / field) + i) * field;
        const double y = film.seed(column).y_nm + (std::floor(y_nm / field) + j) * field;
        images.push_back({x, y, (x - x_nm) * (x - x_nm) + (y - y_nm) * (y - y_nm), column});
      }
    }
  }
  const auto own = std::min_element(images.begin(), images.end(),
                                    [](const Image& a, const Image& b) { return a.d2 < b.d2; });
  double wall = std::numeric_limits<double>::infinity();
  for (const Image& other : images) {
    const double between = std::hypot(other.x - own->x, other.y - own->y);
    if (between > 0) wall = std::min(wall, (other.d2 - own->d2) / (2 * between));
  }
  return {own->column, wall < channel_nm / 2 ? Region::kChannel : Region::kCore, wall};
}

TEST(Film, AgreesWithASearchOverAllSeeds) {
  struct Case {
    double field_nm, column_nm;
  };
  for (const Case c : {Case{8, 8}, {8, 6}, {8, 4.4}, {20, 9}, {40, 4}}) {
    const Film film(specimen(c.field_nm, c.column_nm, 1.5), 11);
    Random random(5, 1, 0);
    for (int i = 0; i < 400; ++i) {
      const double x = c.field_nm * (5 * random.uniform() - 2);
      const double y = c.field_nm * (5 * random.uniform() - 2);
      const Film::Place expected = searched(film, x, y, 1.5);
      const Film::Place found = film.at(x, y);
      ASSERT_EQ(found.column, expected.column) << x << ", " << y;
      // Differences of squares of up to 100 nm: 1e4 * 2^-52 over distances of 1 nm and more.
      ASSERT_NEAR(found.to_wall_nm, expected.to_wall_nm, 1e-10) << x << ", " << y;
      ASSERT_EQ(found.region, expected.region) << x << ", " << y;
    }
  }
}

TEST(Film, HasAsManyColumnsAsTheirMeanDiameterAsks) {
  EXPECT_EQ(Film(specimen(102.4, 10, 1.5), 1).column_count(),
            static_cast<int>(std::lround(102.4 * 102.4 / (std::numbers::pi * 25))));
  EXPECT_EQ(Film(specimen(10, 10, 1.5), 1).column_count(), 1);
  EXPECT_EQ(Film(specimen(4, 1000, 1.5), 1).column_count(), 1);
}

// One column on a square torus: its walls are the edges of a square about its seed, wherever that is.
TEST(Film, OneColumnHasASquareChannelAroundIt) {
  constexpr double kField = 10, kChannel = 2.5;
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    const Film film(specimen(kField, 10, kChannel), seed);
    const Point s = film.seed(0);
    EXPECT_NEAR(film.at(s.x_nm, s.y_nm).to_wall_nm, kField / 2, 1e-12);
    EXPECT_NEAR(film.at(s.x_nm + 3, s.y_nm - 1).to_wall_nm, 2, 1e-12);
    EXPECT_NEAR(film.at(s.x_nm + 7, s.y_nm - 1).to_wall_nm, 2, 1e-12);
    // Counting shifts each of the core's edges by at most half a step: 2 (L - w) step / L^2 in all.
    constexpr double kStep = 0.05;
    const double closed_form = 1 - (1 - kChannel / kField) * (1 - kChannel / kField);
    EXPECT_NEAR(film.channel_fraction(kStep), closed_form,
                2 * (kField - kChannel) * kStep / (kField * kField));
  }
}

TEST(Film, WithoutWidthThereIsNoChannel) {
  EXPECT_EQ(Film(specimen(30, 6, 0), 4).channel_fraction(0.1), 0);
}

// Strips of w/2 along a column's wall P cover w P / (2 A) of its area A, less what overlaps in the corners
// (below 1 % here). By the isoperimetric inequality P >= 2 sqrt(pi A); relaxed polygons of five to seven
// sides have 5 to 15 % more.
TEST(Film, NarrowChannelsShareTheAreaAsTheirWallsDo) {
  constexpr double kWidth = 0.3;
  const Film film(specimen(60, 6, kWidth), 4);
  const double area = 60.0 * 60 / film.column_count();
  const double of_discs = kWidth * std::sqrt(std::numbers::pi / area);
  const double fraction = film.channel_fraction(0.1);
  EXPECT_GT(fraction, of_discs);
  EXPECT_LT(fraction, 1.2 * of_discs);
}

TEST(Film, RepeatsWithTheField) {
  const Film film(specimen(25, 7, 1.5), 8);
  Random random(5, 2, 0);
  for (int i = 0; i < 200; ++i) {
    const double x = 25 * random.uniform();
    const double y = 25 * random.uniform();
    const Film::Place here = film.at(x, y);
    const Film::Place there = film.at(x - 75, y + 50);
    ASSERT_EQ(here.column, there.column);
    ASSERT_NEAR(here.to_wall_nm, there.to_wall_nm, 1e-11);
  }
}

// Areas of the columns of a random (Poisson) tessellation scatter by 0.529 of their mean (Okabe, Boots,
// Sugihara & Chiu, Spatial Tessellations, 2nd ed., Wiley 2000, table 5.5.1); relaxed ones by much less.
TEST(Film, ColumnsAreOfSimilarSize) {
  const Film film(specimen(60, 5, 1.5), 21);
  std::vector<double> area(static_cast<std::size_t>(film.column_count()), 0);
  constexpr int kSamples = 300;
  for (int row = 0; row < kSamples; ++row) {
    for (int column = 0; column < kSamples; ++column) {
      ++area[static_cast<std::size_t>(film.at(column * 0.2, row * 0.2).column)];
    }
  }
  const double mean = kSamples * double{kSamples} / film.column_count();
  double variance = 0;
  for (const double a : area) variance += (a - mean) * (a - mean) / film.column_count();
  EXPECT_LT(std::sqrt(variance) / mean, 0.3);
  EXPECT_GT(std::sqrt(variance) / mean, 0.02) << "a lattice, not a film";
}

TEST(Film, IsThatOfItsSeed) {
  const Film one(specimen(30, 6, 1.5), 3), same(specimen(30, 6, 1.5), 3), other(specimen(30, 6, 1.5), 4);
  EXPECT_EQ(one.seed(5).x_nm, same.seed(5).x_nm);
  EXPECT_NE(one.seed(5).x_nm, other.seed(5).x_nm);
}

}  // namespace
}  // namespace glasswatch::simulation
