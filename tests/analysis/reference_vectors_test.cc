// Against what pyxem 0.15.1 computed, and against a from-scratch NumPy Eq. (1), where the files are at hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "analysis/angular_correlation.h"
#include "analysis/polar.h"
#include "tests/support/npy.h"

namespace glasswatch::analysis {
namespace {

using test::load_npy;
using test::NpyArray;
namespace fs = std::filesystem;

const std::vector<int> kOrders{2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

fs::path data_folder() {
  return fs::path(GLASSWATCH_SHARED_DIR) / "data";
}

/// One case: its numbers, the polar image with masked bins as NaN, and the correlations asked of it.
struct Case {
  explicit Case(const fs::path& case_folder) : folder(case_folder) {
    std::ifstream(folder / "case.json") >> json;
    const auto& centre = json.at("center_row_col");
    // The vectors count from the pixel's edge; here pixel centres are at integers.
    geometry.center_row_px = centre.at(0).get<double>() - 0.5;
    geometry.center_col_px = centre.at(1).get<double>() - 0.5;
    geometry.ellipse_ratio = json.value("ellipse_ratio", 1.0);
    geometry.ellipse_angle_deg = json.value("ellipse_angle_deg", 0.0);
    geometry.r_min_px = json.at("r_range_px").at(0);
    geometry.r_max_px = json.at("r_range_px").at(1);
    geometry.radial_bins = json.at("nk");
    geometry.azimuthal_bins = json.at("nphi");
    rows = static_cast<std::size_t>(geometry.radial_bins);
    columns = static_cast<std::size_t>(geometry.azimuthal_bins);
    masked = json.value("masked", false);
  }

  std::vector<double> array(const std::string& name) const {
    return load_npy(folder / (name + ".npy")).doubles();
  }

  std::vector<double> their_polar() const {
    std::vector<double> polar = array("polar");
    if (masked) {
      const std::vector<double> mask = array("polar_mask");
      for (std::size_t bin = 0; bin < polar.size(); ++bin) {
        if (mask[bin] != 0) polar[bin] = std::numeric_limits<double>::quiet_NaN();
      }
    }
    return polar;
  }

  std::vector<double> our_polar() const {
    const NpyArray image = load_npy(folder / "image.npy");
    std::vector<std::uint8_t> mask;
    if (masked) {
      for (const double value : array("pixel_mask")) mask.push_back(value != 0 ? 1 : 0);
    }
    std::vector<double> polar(rows * columns);
    const FrameView view = image.view();
    PolarTransform(geometry, view.rows, view.columns, mask).apply(view, polar);
    return polar;
  }

  fs::path folder;
  nlohmann::json json;
  PolarGeometry geometry;
  std::size_t rows, columns;
  bool masked;
};

struct Correlated {
  Correlated(const Case& c, const std::vector<double>& polar, MaskNormalization normalization)
      : correlation(polar.size()), power(c.rows * kOrders.size()), coefficient(power.size()) {
    AngularCorrelation fast(c.geometry.azimuthal_bins, kOrders, normalization);
    for (std::size_t k = 0; k < c.rows; ++k) {
      status.push_back(fast.process(std::span(polar).subspan(k * c.columns, c.columns),
                                    std::span(correlation).subspan(k * c.columns, c.columns),
                                    std::span(power).subspan(k * kOrders.size(), kOrders.size()),
                                    std::span(coefficient).subspan(k * kOrders.size(), kOrders.size()))
                           .status);
    }
  }
  std::vector<double> correlation, power, coefficient;
  std::vector<RowStatus> status;
};

double max_abs(const std::vector<double>& values) {
  double max = 0;
  for (const double value : values) {
    if (std::isfinite(value)) max = std::max(max, std::abs(value));
  }
  return max;
}

class ReferenceVectors : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const fs::path folder = data_folder() / "symmetry_vectors" / GetParam();
    if (!fs::exists(folder)) GTEST_SKIP() << "no reference vectors at " << folder;
    data_.emplace(folder);
  }
  std::optional<Case> data_;
};

TEST_P(ReferenceVectors, FromTheirPolarImage) {
  const Case& c = *data_;
  const std::vector<double> polar = c.their_polar();
  double worst = 0;
  if (c.masked) {
    const Correlated ours(c, polar, MaskNormalization::kLiteral);
    const std::vector<double> theirs = c.array("eq1_mean2_corr");
    const double max = max_abs(theirs);
    std::size_t compared = 0;
    for (std::size_t i = 0; i < theirs.size(); ++i) {
      ASSERT_EQ(std::isnan(ours.correlation[i]), std::isnan(theirs[i])) << "row " << i / c.columns;
      if (std::isnan(theirs[i])) continue;
      ++compared;
      worst = std::max(worst, std::abs(ours.correlation[i] - theirs[i]));
      // Stored as float: half a unit in the last place.
      ASSERT_NEAR(ours.correlation[i], theirs[i], 6e-8 * std::abs(theirs[i]) + 1e-12 * max);
    }
    EXPECT_GT(compared, theirs.size() / 2);
  } else {
    const Correlated ours(c, polar, MaskNormalization::kCentered);
    const std::vector<double> corr = c.array("corr"), power = c.array("power_from_corr"),
                              dup = c.array("symcoef_dup");
    const std::size_t half = c.columns / 2 + 1;
    const double corr_max = max_abs(corr), power_max = max_abs(power), dup_max = max_abs(dup);
    for (std::size_t k = 0; k < c.rows; ++k) {
      ASSERT_EQ(ours.status[k], RowStatus::kValid);
      for (std::size_t d = 0; d < c.columns; ++d) {
        const double difference = ours.correlation[k * c.columns + d] - corr[k * c.columns + d];
        worst = std::max(worst, std::abs(difference));
        ASSERT_LE(std::abs(difference), 1e-12 * corr_max) << "row " << k << " shift " << d;
      }
      for (std::size_t i = 0; i < kOrders.size(); ++i) {
        const auto n = static_cast<std::size_t>(kOrders[i]);
        const double transform = ours.power[k * kOrders.size() + i] * static_cast<double>(c.columns);
        ASSERT_NEAR(transform * transform, power[k * half + n], 1e-12 * power_max)
            << "row " << k << " n " << n;
        const double with_zero = (ours.coefficient[k * kOrders.size() + i] * static_cast<double>(n - 1) +
                                  ours.correlation[k * c.columns]) /
                                 static_cast<double>(n);
        ASSERT_NEAR(with_zero, dup[k * kOrders.size() + i], 1e-12 * dup_max) << "row " << k << " n " << n;
      }
    }
  }
  std::cout << GetParam() << ": C from their polar image, largest difference " << worst << '\n';
}

/// Differences between our polar image and theirs in the rows 1 ... K-2 (their edge rows take in pixels from
/// outside the range), over the bins valid in both. rms are relative to the mean of what they are taken over.
struct Differences {
  double image_rms = 0, worst_row_rms = 0, worst_ring_row_rms = 0;
  double correlation = 0, power = 0;  // largest on the ring rows
  std::size_t other_validity = 0;
};

struct RowCorrelation {
  std::vector<double> correlation, power;
};

/// Eq. (1) by the direct sums for a row of `image`, over the bins that are valid in both.
RowCorrelation common_correlation(const std::vector<double>& image, const std::vector<double>& other,
                                  std::size_t begin, std::size_t count) {
  std::vector<double> row(count), coefficient(kOrders.size());
  RowCorrelation result{std::vector<double>(count), std::vector<double>(kOrders.size())};
  for (std::size_t j = 0; j < count; ++j) row[j] = image[begin + j] + 0 * other[begin + j];
  angular_correlation_reference(row, kOrders, MaskNormalization::kLiteral, result.correlation, result.power,
                                coefficient);
  return result;
}

Differences compare_images(const Case& c, const std::vector<double>& ours, const std::vector<double>& theirs,
                           double ring_px, double half_width_px, bool skip_cut_columns) {
  Differences worst;
  const std::vector<double> radius = radial_bin_centres_px(c.geometry);
  double image_squares = 0, image_sum = 0, image_n = 0;
  for (std::size_t k = 1; k + 1 < c.rows; ++k) {
    double squares = 0, sum = 0, n = 0;
    for (std::size_t j = 0; j < c.columns; ++j) {
      const std::size_t bin = k * c.columns + j;
      if (std::isnan(ours[bin]) != std::isnan(theirs[bin])) ++worst.other_validity;
      if (std::isnan(ours[bin]) || std::isnan(theirs[bin])) continue;
      if (skip_cut_columns && (j == 0 || j + 1 == c.columns)) continue;
      squares += (ours[bin] - theirs[bin]) * (ours[bin] - theirs[bin]);
      sum += theirs[bin];
      ++n;
    }
    image_squares += squares;
    image_sum += sum;
    image_n += n;
    const double row_rms = std::sqrt(squares / n) / (sum / n);
    worst.worst_row_rms = std::max(worst.worst_row_rms, row_rms);
    if (std::abs(radius[k] - ring_px) > half_width_px) continue;
    worst.worst_ring_row_rms = std::max(worst.worst_ring_row_rms, row_rms);
    const RowCorrelation our_row = common_correlation(ours, theirs, k * c.columns, c.columns);
    const RowCorrelation their_row = common_correlation(theirs, ours, k * c.columns, c.columns);
    for (std::size_t d = 2; d + 1 < c.columns; ++d) {
      worst.correlation =
          std::max(worst.correlation, std::abs(our_row.correlation[d] - their_row.correlation[d]));
    }
    for (std::size_t i = 0; i < kOrders.size(); ++i) {
      worst.power = std::max(worst.power, std::abs(our_row.power[i] - their_row.power[i]));
    }
  }
  worst.image_rms = std::sqrt(image_squares / image_n) / (image_sum / image_n);
  return worst;
}

std::ostream& operator<<(std::ostream& out, const Differences& d) {
  return out << "polar rms of the mean: image " << d.image_rms << ", worst ring row " << d.worst_ring_row_rms
             << ", worst row " << d.worst_row_rms << "; C " << d.correlation << ", power " << d.power
             << ", bins valid for one only " << d.other_validity;
}

TEST_P(ReferenceVectors, FromTheImage) {
  const Case& c = *data_;
  const bool low_dose = std::string(GetParam()) == "10_lowdose";
  const double edge_row = c.geometry.center_row_px + 0.5;
  const bool cut = std::abs(edge_row - std::round(edge_row)) > 1e-9 || c.geometry.ellipse_ratio != 1;
  const auto& generator = c.json.at("generator");
  const double ring = generator.value("ring_r", 70.0), width = generator.value("ring_w", 6.0);

  const Differences d = compare_images(c, c.our_polar(), c.their_polar(), ring, width, cut);
  std::cout << GetParam() << ": from the image, " << d << '\n';
  if (c.json.at("azimuth_range_deg").is_null()) {
    // Their bins span 359.6 degrees here: intensities and C cannot agree bin for bin, the power does.
    EXPECT_LE(d.power, 3e-5);
    return;
  }
  EXPECT_LE(d.image_rms, low_dose ? 0.05 : 0.01);
  EXPECT_LE(d.worst_ring_row_rms, low_dose ? 0.05 : 0.01);
  EXPECT_LE(d.worst_row_rms, low_dose ? 0.1 : 0.017) << "see TheirWeightsAreNotQuiteAreas";
  EXPECT_LE(d.correlation, low_dose ? 0.04 : 1e-3);
  EXPECT_LE(d.power, low_dose ? 1.5e-4 : 3e-5);
  EXPECT_LE(d.other_validity, c.rows * c.columns / 500) << "only bins covered by very nearly one half";
}

// Rows of few counts differ from theirs by up to 1.6 % of the row's mean. Counting 32 x 32 points per pixel
// shows that it is their weights (areas in the (r, phi) plane, as their README says) that depart from areas
// on the detector.
TEST(ReferenceWeights, TheirWeightsAreNotQuiteAreas) {
  const fs::path folder = data_folder() / "symmetry_vectors" / "01_random_speckle";
  if (!fs::exists(folder)) GTEST_SKIP() << "no reference vectors at " << folder;
  const Case c(folder);
  const NpyArray image = load_npy(folder / "image.npy");
  std::vector<double> counted(c.rows * c.columns);
  polar_transform_reference(c.geometry, image.view(), {}, 32, counted);
  const Differences ours = compare_images(c, c.our_polar(), counted, 70, 6, false);
  const Differences theirs = compare_images(c, c.their_polar(), counted, 70, 6, false);
  std::cout << "counted points against ours: " << ours << "\ncounted points against theirs: " << theirs
            << '\n';
  EXPECT_LT(ours.worst_row_rms, 0.001);
  EXPECT_GT(theirs.worst_row_rms, 0.01);
  EXPECT_LT(3 * ours.correlation, theirs.correlation);
}

INSTANTIATE_TEST_SUITE_P(Pyxem, ReferenceVectors,
                         testing::Values("01_random_speckle", "02_planted_a", "03_planted_b",
                                         "04_planted_mixed", "05_beamstop", "06_dead_pixels", "07_offcentre",
                                         "08_offcentre_fractional", "09_ellipse_corrected", "10_lowdose",
                                         "11_highcount", "12_k_units", "13_azrange_default", "14_fine"),
                         [](const auto& instance) { return std::string("case_") + instance.param; });

// A scan of 8 x 8 patterns: power of every pattern on the ring rows 6 ... 12.
TEST(ReferenceScan, PowerOfEveryPattern) {
  const fs::path folder = data_folder() / "symmetry_vectors" / "scan";
  if (!fs::exists(folder)) GTEST_SKIP() << "no reference vectors at " << folder;
  const Case c(folder);
  const NpyArray scan = load_npy(folder / "scan.npy");
  const NpyArray power_array = load_npy(folder / "power.npy");
  const std::vector<double> their_power = power_array.doubles();
  const std::size_t their_orders = power_array.shape.back();
  const PolarTransform transform(c.geometry, 96, 96, {});
  std::vector<double> polar(c.rows * c.columns);
  double worst = 0, largest = 0;
  for (std::size_t pattern = 0; pattern < 64; ++pattern) {
    transform.apply(scan.view(pattern), polar);
    const Correlated ours(c, polar, MaskNormalization::kCentered);
    for (std::size_t k = 6; k < 13; ++k) {
      for (std::size_t i = 0; i < kOrders.size(); ++i) {
        const double squared =
            their_power[(pattern * c.rows + k) * their_orders + static_cast<std::size_t>(kOrders[i])];
        const double theirs = std::sqrt(squared) / static_cast<double>(c.columns);
        worst = std::max(worst, std::abs(ours.power[k * kOrders.size() + i] - theirs));
        largest = std::max(largest, theirs);
      }
    }
  }
  std::cout << "scan: power, largest difference " << worst << " of at most " << largest << '\n';
  EXPECT_LE(worst, 1.5e-4);
  EXPECT_LE(worst, 0.02 * largest);
}

// A real amorphous pattern with beam stop.
TEST(ReferenceRealPattern, MatchesThePixelEdgeCentre) {
  const fs::path folder = data_folder() / "amorphous_titan_real";
  if (!fs::exists(folder)) GTEST_SKIP() << "no real pattern at " << folder;
  Case c(folder);
  const std::vector<double> polar = c.their_polar();
  const Correlated from_polar(c, polar, MaskNormalization::kLiteral);
  const std::vector<double> theirs = c.array("eq1_mean2_corr");
  const double max = max_abs(theirs);
  for (std::size_t i = 0; i < theirs.size(); ++i) {
    ASSERT_EQ(std::isnan(from_polar.correlation[i]), std::isnan(theirs[i])) << i;
    if (std::isnan(theirs[i])) continue;
    ASSERT_NEAR(from_polar.correlation[i], theirs[i], 6e-8 * std::abs(theirs[i]) + 1e-12 * max) << i;
  }

  const double ring = c.json.at("ring_radius_px");
  const Differences edge = compare_images(c, c.our_polar(), polar, ring, 1, true);
  std::cout << "real pattern, centre - 0.5: " << edge << '\n';
  c.geometry.center_row_px += 0.5;
  c.geometry.center_col_px += 0.5;
  const Differences as_written = compare_images(c, c.our_polar(), polar, ring, 1, true);
  std::cout << "real pattern, centre as written: " << as_written << '\n';
  EXPECT_LE(edge.worst_row_rms, 0.01);
  EXPECT_LE(edge.correlation, 1e-3);
  EXPECT_LE(edge.power, 3e-5);
  EXPECT_LT(10 * edge.worst_row_rms, as_written.worst_row_rms) << "the file counts from pixel edges";
}

}  // namespace
}  // namespace glasswatch::analysis
