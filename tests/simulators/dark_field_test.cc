#include "simulators/imaging/dark_field.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <numbers>
#include <numeric>
#include <set>
#include <vector>

namespace glasswatch::simulation {
namespace {

constexpr double kDose = 40;
constexpr double kContrast = 0.1;
constexpr double kTau_s = 10;
constexpr double kBeta = 0.63;
constexpr double kFitError = 5e-4;      // of the correlation in time, kww_process.h
constexpr double kClippedShare = 1e-4;  // of the contrast, dark_field.h

using Image = std::vector<float>;

// 40 x 40 independent pixels without regions that could be told apart.
scenario::Scenario plain_scenario() {
  scenario::Scenario scenario;
  scenario.set_seed(21);
  scenario.set_mode(scenario::DARK_FIELD);
  auto& frames = *scenario.mutable_frames();
  frames.set_rows(40);
  frames.set_columns(40);
  frames.set_dose_e_per_px(kDose);
  auto& dark_field = *scenario.mutable_dark_field();
  dark_field.set_pixel_nm(0.25);
  dark_field.set_contrast(kContrast);
  dark_field.set_speckle_px(0);
  dark_field.set_channel_brightness(1);
  dark_field.mutable_relaxation()->set_tau_s(kTau_s);
  dark_field.mutable_relaxation()->set_beta(kBeta);
  auto& specimen = *scenario.mutable_specimen();
  specimen.set_field_nm(10);
  specimen.set_column_nm(5);
  specimen.set_channel_nm(1);
  specimen.set_packing_nm(3);
  return scenario;
}

// 102 x 102 pixels of 1 nm over the whole field: about a hundred columns with channels.
scenario::Scenario film_scenario() {
  auto scenario = plain_scenario();
  scenario.mutable_frames()->set_rows(102);
  scenario.mutable_frames()->set_columns(102);
  scenario.mutable_dark_field()->set_pixel_nm(1);
  scenario.mutable_specimen()->set_field_nm(102);
  scenario.mutable_specimen()->set_column_nm(10);
  scenario.mutable_specimen()->set_channel_nm(3);
  return scenario;
}

std::shared_ptr<Specimen> specimen_of(const scenario::Scenario& scenario) {
  return std::make_shared<Specimen>(scenario.specimen(), scenario.seed());
}

DarkFieldMode mode_of(const scenario::Scenario& scenario, int threads = 1) {
  return {scenario, specimen_of(scenario), threads};
}

Exposure exposure_at(double middle_s, double temperature_c = 350) {
  return {.start_s = middle_s - 0.4, .end_s = middle_s + 0.4, .temperature_c = temperature_c};
}

Image image_of(DarkFieldMode& mode, const scenario::Scenario& scenario, const Exposure& exposure) {
  Image electrons(std::size_t{scenario.frames().rows()} * scenario.frames().columns());
  mode.expected_electrons(exposure, electrons);
  return electrons;
}

std::vector<float> map_named(const DarkFieldMode& mode, const std::string& name) {
  for (auto& map : mode.truth_maps()) {
    if (map.name == name) return map.values;
  }
  ADD_FAILURE() << "no map " << name;
  return {};
}

struct Estimate {
  double mean;
  double error;  // one standard deviation of the mean
};

// g2 of the pooled raw sums of all pixels. Its error is that of the mean product, from the scatter of the
// pixels, which are independent of each other; what the mean intensities err by cancels in part and is left
// out.
Estimate g2(const std::vector<Image>& movie, std::size_t lag, std::size_t stride = 1) {
  const std::size_t pixels = movie.front().size();
  std::vector<double> products(pixels);
  double past = 0, future = 0, pairs = 0;
  for (std::size_t i = 0; i + lag < movie.size(); i += stride, ++pairs) {
    for (std::size_t pixel = 0; pixel < pixels; ++pixel) {
      products[pixel] += double{movie[i][pixel]} * movie[i + lag][pixel];
      past += movie[i][pixel];
      future += movie[i + lag][pixel];
    }
  }
  const auto count = static_cast<double>(pixels);
  const double product = std::accumulate(products.begin(), products.end(), 0.0) / count;
  double squares = 0;
  for (const double value : products) squares += (value - product) * (value - product);
  const double norm = past / (count * pairs) * (future / (count * pairs)) * pairs;
  return {product / norm, std::sqrt(squares / (count - 1) / count) / norm};
}

void expect_correlation(const Estimate& measured, double lifetimes, double beta = kBeta) {
  const double expected = 1 + kContrast * std::exp(-std::pow(lifetimes, beta));
  EXPECT_LT(measured.error, 0.06 * kContrast);
  EXPECT_NEAR(measured.mean, expected, 5 * measured.error + kContrast * (kFitError + kClippedShare))
      << "after " << lifetimes << " lifetimes";
}

TEST(DarkField, SaysWhatTheImageIs) {
  stream::SeriesStart start;
  mode_of(plain_scenario()).describe(start);
  EXPECT_EQ(start.optics().mode(), stream::IMAGE);
  EXPECT_EQ(start.optics().high_tension_kv(), 300);
  EXPECT_EQ(start.optics().pixel_size(), 0.25);
  EXPECT_EQ(start.optics().pixel_unit(), "nm");
}

TEST(DarkField, IntensitiesCorrelateAsTheStretchedExponential) {
  const auto scenario = plain_scenario();
  auto mode = mode_of(scenario);
  std::vector<Image> movie;
  for (int i = 0; i < 300; ++i) movie.push_back(image_of(mode, scenario, exposure_at(1 + i)));
  for (const std::size_t lag : {1, 3, 10, 30})
    expect_correlation(g2(movie, lag), static_cast<double>(lag) / kTau_s);
}

TEST(DarkField, TheDoseIsTheMeanAndTheContrastTheVariance) {
  auto scenario = plain_scenario();
  scenario.mutable_dark_field()->set_speckle_px(2.5);
  auto mode = mode_of(scenario);
  auto exposure = exposure_at(0);
  exposure.dose_scale = 0.25;
  double sum = 0, squares = 0;
  constexpr int kFrames = 100;
  constexpr double kPixels = 1600;
  for (int i = 0; i < kFrames; ++i) {
    exposure.start_s += 1e6;
    exposure.end_s += 1e6;
    for (const float value : image_of(mode, scenario, exposure)) {
      ASSERT_GE(value, 0);
      sum += value;
      squares += double{value} * value;
    }
  }
  // A speckle, integral of exp(-4 ln 2 d^2 / width^2) = 1.13 width^2, is one independent value; its square
  // the half.
  const double independent = kFrames * kPixels / (1.13 * 2.5 * 2.5);
  const double mean = sum / (kFrames * kPixels);
  EXPECT_NEAR(mean / (0.25 * kDose), 1, 5 * std::sqrt(kContrast / independent) + 1e-4);
  EXPECT_NEAR(squares / (kFrames * kPixels) / (mean * mean) - 1, kContrast,
              kContrast * (5 * std::sqrt(2 / independent) + kClippedShare));
}

// The lifetimes that pass while the temperature goes linearly from 330 to 370 deg C and back, by a sum over
// 1000 parts.
TEST(DarkField, LifetimesFollowTheTemperatureBetweenExposures) {
  auto scenario = plain_scenario();
  scenario.mutable_dark_field()->mutable_relaxation()->set_activation_ev(2);
  scenario.mutable_dark_field()->mutable_relaxation()->set_reference_c(350);
  constexpr double kInterval_s = 4;
  const auto tau_s = [](double temperature_c) {
    return kTau_s * std::exp(2 / 8.617333e-5 * (1 / (temperature_c + 273.15) - 1 / 623.15));
  };
  ASSERT_LT(tau_s(370), 0.4 * tau_s(350)) << "the temperature must matter";
  double lifetimes = 0;
  for (int i = 0; i < 1000; ++i) lifetimes += kInterval_s / 1000 / tau_s(330 + 40 * (i + 0.5) / 1000);

  auto mode = mode_of(scenario);
  std::vector<Image> movie;
  for (int i = 0; i < 300; ++i) {
    movie.push_back(image_of(mode, scenario, exposure_at(kInterval_s * i, i % 2 == 0 ? 330 : 370)));
  }
  expect_correlation(g2(movie, 1, 2), lifetimes);  // on the way up
  expect_correlation(g2(movie, 2), 2 * lifetimes);
  movie.erase(movie.begin());
  expect_correlation(g2(movie, 1, 2), lifetimes);  // on the way down

  auto steady = mode_of(scenario);
  movie.clear();
  for (int i = 0; i < 300; ++i)
    movie.push_back(image_of(steady, scenario, exposure_at(kInterval_s * i, 330)));
  expect_correlation(g2(movie, 1), kInterval_s / tau_s(330));
}

TEST(DarkField, ChannelsLiveByTheirOwnLaw) {
  auto scenario = film_scenario();
  auto& relaxation = *scenario.mutable_dark_field()->mutable_relaxation();
  relaxation.set_channel_tau_factor(0.2);
  relaxation.set_channel_beta(0.9);
  auto mode = mode_of(scenario);
  const Film film(scenario.specimen(), scenario.seed());
  std::array<std::vector<Image>, 2> movies;  // of cores and of channels
  for (int i = 0; i < 60; ++i) {
    const auto image = image_of(mode, scenario, exposure_at(1 + i));
    for (auto& movie : movies) movie.emplace_back();
    for (std::size_t pixel = 0; pixel < image.size(); ++pixel) {
      const auto place =
          film.at(static_cast<double>(pixel % 102) + 0.5, static_cast<double>(pixel / 102) + 0.5);
      movies[place.region == Region::kChannel ? 1 : 0].back().push_back(image[pixel]);
    }
  }
  for (const std::size_t lag : {1, 3}) {
    expect_correlation(g2(movies[0], lag), static_cast<double>(lag) / kTau_s);
    expect_correlation(g2(movies[1], lag), static_cast<double>(lag) / (0.2 * kTau_s), 0.9);
  }
}

TEST(DarkField, MapsTellWhatWasPlanted) {
  auto scenario = film_scenario();
  auto& relaxation = *scenario.mutable_dark_field()->mutable_relaxation();
  relaxation.set_channel_tau_factor(0.5);
  relaxation.set_channel_beta(0.8);
  relaxation.set_ln_tau_spread(0.6);
  const auto mode = mode_of(scenario);
  const Film film(scenario.specimen(), scenario.seed());
  const auto tau_s = map_named(mode, "tau_s");
  const auto beta = map_named(mode, "beta");
  const auto contrast = map_named(mode, "contrast");
  const auto region = map_named(mode, "region");
  std::map<int, std::set<float>> of_column;  // lifetimes of its core
  for (std::size_t i = 0; i < tau_s.size(); ++i) {
    const auto place = film.at(static_cast<double>(i % 102) + 0.5, static_cast<double>(i / 102) + 0.5);
    const bool channel = place.region == Region::kChannel;
    ASSERT_EQ(region[i], channel ? 2 : 1);
    ASSERT_FLOAT_EQ(beta[i], channel ? 0.8f : 0.63f);
    ASSERT_FLOAT_EQ(contrast[i], 0.1f);
    of_column[place.column].insert(channel ? 2 * tau_s[i] : tau_s[i]);
  }
  ASSERT_GT(of_column.size(), 50u);
  double sum = 0, squares = 0;
  for (const auto& [column, lifetimes] : of_column) {
    // One lifetime for each column, but for the rounding of floats.
    EXPECT_LT(*lifetimes.rbegin() / *lifetimes.begin(), 1 + 1e-6) << column;
    const double deviation = std::log(*lifetimes.begin() / kTau_s);
    sum += deviation;
    squares += deviation * deviation;
  }
  const auto columns = static_cast<double>(of_column.size());
  EXPECT_NEAR(sum / columns, 0, 5 * 0.6 / std::sqrt(columns));
  EXPECT_NEAR(std::sqrt(squares / columns), 0.6, 5 * 0.6 / std::sqrt(2 * columns));
}

TEST(DarkField, BrightnessIsThatOfTheRegionAndItsMeanIsOne) {
  auto scenario = film_scenario();
  scenario.mutable_specimen()->set_channel_nm(5);
  scenario.mutable_dark_field()->set_channel_brightness(1.3);
  scenario.mutable_dark_field()->set_contrast(0);
  auto mode = mode_of(scenario);
  const auto brightness = map_named(mode, "brightness");
  const double mean = std::accumulate(brightness.begin(), brightness.end(), 0.0) / 10404;
  EXPECT_NEAR(mean, 1, 1e-6);
  const Film film(scenario.specimen(), scenario.seed());
  std::map<Region, std::set<float>> inside;  // further from the edge of the region than the smoothing reaches
  for (std::size_t i = 0; i < brightness.size(); ++i) {
    const std::size_t row = i / 102, column = i % 102;
    if (row == 0 || row == 101 || column == 0 || column == 101) continue;
    const auto place = film.at(static_cast<double>(column) + 0.5, static_cast<double>(row) + 0.5);
    if (std::abs(place.to_wall_nm - 2.5) > 1.5) inside[place.region].insert(brightness[i]);
  }
  ASSERT_EQ(inside.size(), 2u);
  for (const auto& [region, values] : inside) EXPECT_LT(*values.rbegin() - *values.begin(), 1e-6);
  EXPECT_NEAR(*inside[Region::kChannel].begin() / *inside[Region::kCore].begin(), 1.3, 1e-5);
  // Without contrast the image is the map.
  const auto image = image_of(mode, scenario, exposure_at(0));
  for (std::size_t i = 0; i < image.size(); ++i) ASSERT_NEAR(image[i], kDose * brightness[i], 1e-5 * kDose);
}

TEST(DarkField, ColumnsDifferInBrightnessWhenTold) {
  auto scenario = film_scenario();
  scenario.mutable_dark_field()->set_brightness_spread(0.2);
  const auto brightness = map_named(mode_of(scenario), "brightness");
  const Film film(scenario.specimen(), scenario.seed());
  double sum = 0, squares = 0;
  for (int column = 0; column < film.column_count(); ++column) {
    const auto [x_nm, y_nm] = film.seed(column);
    const auto pixel = static_cast<std::size_t>(y_nm) % 102 * 102 + static_cast<std::size_t>(x_nm) % 102;
    sum += brightness[pixel];
    squares += double{brightness[pixel]} * brightness[pixel];
  }
  const double count = film.column_count();
  const double deviation = std::sqrt(squares / count - sum / count * (sum / count));
  EXPECT_NEAR(deviation / (sum / count), 0.2, 5 * 0.2 / std::sqrt(2 * count) + 0.01);
}

TEST(DarkField, DriftMovesRegionsAndSpeckleTogether) {
  auto scenario = film_scenario();
  scenario.mutable_dark_field()->set_speckle_px(2.5);
  scenario.mutable_dark_field()->set_channel_brightness(2);
  auto mode = mode_of(scenario);
  auto exposure = exposure_at(5);
  const auto still = image_of(mode, scenario, exposure);
  exposure.shift_row_nm = 3;
  exposure.shift_column_nm = -7;
  const auto moved = image_of(mode, scenario, exposure);
  for (std::size_t row = 0; row < 102; ++row) {
    for (std::size_t column = 0; column < 102; ++column) {
      ASSERT_NEAR(moved[row * 102 + column], still[(row + 99) % 102 * 102 + (column + 7) % 102],
                  1e-4 * kDose);
    }
  }
  exposure.shift_row_nm = exposure.shift_column_nm = 0;
  EXPECT_EQ(image_of(mode, scenario, exposure), still);
}

// Interpolation would take contrast away between pixels: at half a pixel three quarters of it from
// independent ones.
TEST(DarkField, DriftByPartsOfAPixelLeavesTheContrast) {
  auto scenario = plain_scenario();
  scenario.mutable_frames()->set_rows(160);
  scenario.mutable_frames()->set_columns(160);
  scenario.mutable_dark_field()->set_speckle_px(2);
  auto mode = mode_of(scenario);
  auto exposure = exposure_at(5);
  exposure.shift_row_nm = 0.125;
  exposure.shift_column_nm = -0.125;
  double sum = 0, squares = 0;
  for (const float value : image_of(mode, scenario, exposure)) {
    sum += value;
    squares += double{value} * value;
  }
  constexpr double kPixels = 160 * 160;
  const double independent = kPixels / (1.13 * 2 * 2);
  EXPECT_NEAR(squares / kPixels / std::pow(sum / kPixels, 2) - 1, kContrast,
              kContrast * (5 * std::sqrt(2 / independent) + kClippedShare));
}

TEST(DarkField, DoesNotDependOnThreadsAndRepeatsItself) {
  auto scenario = film_scenario();
  scenario.mutable_dark_field()->set_speckle_px(2.5);
  auto one = mode_of(scenario, 1);
  auto three = mode_of(scenario, 3);
  auto exposure = exposure_at(0);
  for (int i = 0; i < 3; ++i) {
    exposure.start_s += i + 1;
    exposure.end_s += i + 1;
    exposure.shift_row_nm = 0.3 * i;
    const auto image = image_of(one, scenario, exposure);
    EXPECT_EQ(image, image_of(three, scenario, exposure));
    EXPECT_EQ(image, image_of(one, scenario, exposure)) << "asked twice";
  }
  auto other_scenario = scenario;
  other_scenario.set_seed(22);
  auto other = mode_of(other_scenario);
  EXPECT_NE(image_of(one, scenario, exposure), image_of(other, other_scenario, exposure));
}

// Discs of four times the mean over an even field. Looked at where no other nucleus is near.
TEST(DarkField, OneNucleusInTenIsABrightDisc) {
  constexpr double kPixel_nm = 0.25;
  constexpr double kShift_nm = 5.25;
  auto scenario = film_scenario();
  scenario.mutable_dark_field()->set_contrast(0);
  scenario.mutable_dark_field()->set_pixel_nm(kPixel_nm);
  scenario.mutable_frames()->set_rows(408);
  scenario.mutable_frames()->set_columns(408);
  auto& law = *scenario.mutable_specimen()->mutable_crystallization();
  law.set_onset_c(350);
  law.set_per_um2_s(400);
  law.set_growth_nm_per_s(0.01);
  law.set_channel_preference(1);
  const auto specimen = specimen_of(scenario);
  specimen->advance(60, [](double) { return 350.0; });
  const auto nuclei = specimen->nuclei();
  DarkFieldMode mode(scenario, specimen, 2);
  auto exposure = exposure_at(60);
  exposure.shift_row_nm = kShift_nm;
  const auto image = image_of(mode, scenario, exposure);
  for (const float value : image) {
    ASSERT_GE(value, 0.999 * kDose);
    ASSERT_LE(value, 4.001 * kDose);
  }

  const auto alone = [&](const Nucleus& nucleus) {
    return std::ranges::none_of(nuclei, [&](const Nucleus& other) {
      const double x_nm = std::remainder(other.position.x_nm - nucleus.position.x_nm, 102);
      const double y_nm = std::remainder(other.position.y_nm - nucleus.position.y_nm, 102);
      return &other != &nucleus &&
             std::hypot(x_nm, y_nm) < nucleus.radius_nm + other.radius_nm + 4 * kPixel_nm;
    });
  };
  double looked_at = 0, seen = 0, excess = 0, area = 0;
  for (const auto& nucleus : nuclei) {
    if (!alone(nucleus)) continue;
    ++looked_at;
    const double middle_row = (nucleus.position.y_nm + kShift_nm) / kPixel_nm - 0.5;
    const double middle_column = nucleus.position.x_nm / kPixel_nm - 0.5;
    const double radius_px = nucleus.radius_nm / kPixel_nm;
    const auto reach = static_cast<int>(radius_px) + 2;
    double excess_here = 0;
    for (int y = -reach; y <= reach; ++y) {
      for (int x = -reach; x <= reach; ++x) {
        const int row = (static_cast<int>(std::round(middle_row)) + y + 408) % 408;
        const int column = (static_cast<int>(std::round(middle_column)) + x + 408) % 408;
        if (std::hypot(x, y) < reach)
          excess_here += image[static_cast<std::size_t>(row * 408 + column)] / kDose - 1;
      }
    }
    if (excess_here < 1) continue;
    ++seen;
    excess += excess_here;
    area += std::numbers::pi * radius_px * radius_px;
  }
  ASSERT_GT(looked_at, 100);
  EXPECT_NEAR(seen, 0.1 * looked_at, 5 * std::sqrt(0.09 * looked_at));
  ASSERT_GT(seen, 3);
  // A disc of radius r with a linear rim of one pixel has the area pi (r^2 + 1/12): 2 % more at r = 2 px.
  EXPECT_NEAR(excess / 3 / area, 1, 0.03);
}

}  // namespace
}  // namespace glasswatch::simulation
