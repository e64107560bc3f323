// The symmetry part of the pipeline: calibration held back and renewed, noise floor, maps, lanes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "daemon/pipeline/pipeline.h"
#include "daemon/workers.h"
#include "protocol/configuration/configuration.h"
#include "tests/support/allocation_counter.h"

namespace glasswatch {
namespace {

constexpr int kSize = 128;
constexpr double kCenterRow = 62.3, kCenterCol = 65.6, kRingPx = 40;
constexpr std::int64_t kSecond = 1'000'000'000;

stream::SeriesStart series_start(int scan_rows = 0, int scan_columns = 0) {
  stream::SeriesStart start;
  start.mutable_clock()->set_kind(stream::RECORDED_CLOCK);
  start.mutable_camera()->set_rows(kSize);
  start.mutable_camera()->set_columns(kSize);
  start.mutable_camera()->set_pixel_type(stream::I2);
  start.mutable_camera()->set_counts_per_electron(4);
  start.mutable_camera()->set_detector_offset_counts(100);
  start.mutable_timing()->set_frame_period_s(0.1);
  start.mutable_optics()->set_pixel_size(0.1);
  start.mutable_optics()->set_pixel_unit("1/nm");
  if (scan_rows > 0) {
    start.mutable_scan()->set_rows(static_cast<std::uint32_t>(scan_rows));
    start.mutable_scan()->set_columns(static_cast<std::uint32_t>(scan_columns));
  }
  return start;
}

// A diffuse ring around a centre off the middle, n-fold modulated by turns, behind an offset of 100 counts;
// Poisson noise of `electrons` per pixel on the ring, 4 counts each.
class Patterns {
 public:
  Frame operator()(std::uint64_t sequence, double electrons = 30, double amplitude = 0.3,
                   double shift_px = 0) {
    Frame frame = pool_.acquire();
    frame.info.series_id = 5;
    frame.info.sequence = sequence;
    frame.info.rows = frame.info.columns = kSize;
    frame.info.pixel_type = PixelType::kI2;
    frame.info.exposure_start_utc_ns = static_cast<std::int64_t>(sequence + 1) * kSecond / 10;
    frame.info.exposure_end_utc_ns = frame.info.exposure_start_utc_ns + kSecond / 20;
    auto* pixels = reinterpret_cast<std::int16_t*>(frame.writable_bytes().data());
    std::uniform_real_distribution<double> turn(0, 6.28318);
    const double phase = turn(random_);
    for (int row = 0; row < kSize; ++row) {
      for (int column = 0; column < kSize; ++column) {
        const double y = row - kCenterRow - shift_px, x = column - kCenterCol;
        const double r = std::hypot(x, y), z = (r - kRingPx) / 6;
        const double mean =
            electrons *
            (0.15 + std::exp(-z * z) * (1 + amplitude * std::cos(4 * (std::atan2(y, x) - phase))));
        std::poisson_distribution<int> poisson(mean);
        pixels[row * kSize + column] = static_cast<std::int16_t>(100 + 4 * poisson(random_));
      }
    }
    return frame;
  }

 private:
  std::mt19937 random_{11};
  FramePool pool_{64, kSize* kSize * 2};
};

std::string configuration(const std::string& calibration, const std::string& symmetry = "") {
  return "calibration { " + calibration +
         " }\n"
         "symmetry { r_min_px: 20 r_max_px: 56 radial_bins: 24 azimuthal_bins: 180 orders: [2, 3, 4, 5, 6] " +
         symmetry + " }\n";
}

struct Collected {
  std::vector<result::FrameResult> results;
  Pipeline::Deliver deliver = [this](const Frame&, const result::FrameResult& result) {
    results.push_back(result);
  };
};

TEST(SymmetryStage, EstimatesTheCentreAndAnalysesWhatItHeldBack) {
  Pipeline pipeline(parse_configuration(configuration("estimate { frames: 8 }"), "t", "/"), {});
  pipeline.begin_series({5, series_start()});
  EXPECT_EQ(pipeline.setup().calibration().origin(), result::Calibration::PENDING);
  Patterns pattern;
  Collected collected;
  for (std::uint64_t i = 0; i < 7; ++i) pipeline.take(pattern(i), collected.deliver);
  EXPECT_TRUE(collected.results.empty());
  pipeline.gap({5, 7, 2, Gap::Cause::kLost});
  pipeline.take(pattern(9), collected.deliver);
  ASSERT_EQ(collected.results.size(), 8u);
  const result::Setup setup = pipeline.setup();
  EXPECT_EQ(setup.calibration().origin(), result::Calibration::ESTIMATED) << setup.calibration().reason();
  // 8 patterns of 30 e per pixel: 0.1 px is several standard deviations.
  EXPECT_NEAR(setup.calibration().center_row_px(), kCenterRow, 0.1);
  EXPECT_NEAR(setup.calibration().center_col_px(), kCenterCol, 0.1);
  EXPECT_NEAR(setup.calibration().ring_radius_px(), kRingPx, 1);
  EXPECT_NEAR(setup.calibration().ring_width_px(), 2 * 6 * std::sqrt(std::log(2)), 1.5);
  EXPECT_EQ(setup.calibration().frames(), 8u);
  for (std::size_t i = 0; i < 7; ++i) {
    EXPECT_EQ(collected.results[i].sequence(), i);
    EXPECT_EQ(collected.results[i].flags() & kFlagGapBefore, 0u);
  }
  EXPECT_NE(collected.results[7].flags() & kFlagGapBefore, 0u);
  // a^2/4 of the ring's peak, diluted by the flat background beneath (0.15 of the peak) towards its flanks.
  for (const auto& result : collected.results) {
    EXPECT_EQ(result.symmetry().validity(), result::VALID);
    EXPECT_NEAR(result.symmetry().ring_power(2), 0.3 * 0.3 / 4 * 0.72, 0.003);
  }
}

TEST(SymmetryStage, TheEndOfASeriesReleasesWhatIsHeld) {
  Pipeline pipeline(parse_configuration(configuration("estimate { frames: 100 wait_s: 1000 }"), "t", "/"),
                    {});
  pipeline.begin_series({5, series_start()});
  Patterns pattern;
  Collected collected;
  for (std::uint64_t i = 0; i < 3; ++i) pipeline.take(pattern(i), collected.deliver);
  pipeline.release(collected.deliver);
  ASSERT_EQ(collected.results.size(), 3u);
  EXPECT_EQ(pipeline.setup().calibration().frames(), 3u);
  EXPECT_EQ(collected.results[2].symmetry().validity(), result::VALID);
}

TEST(SymmetryStage, WaitEndsTheHoldingBackByFrameTime) {
  Pipeline pipeline(parse_configuration(configuration("estimate { frames: 100 wait_s: 0.5 }"), "t", "/"), {});
  pipeline.begin_series({5, series_start()});
  Patterns pattern;
  Collected collected;
  for (std::uint64_t i = 0; i < 6; ++i) pipeline.take(pattern(i), collected.deliver);
  EXPECT_EQ(collected.results.size(), 6u);  // the 6th exposure ends 0.55 s after the first began
}

TEST(SymmetryStage, WithoutSignalItSaysSo) {
  Pipeline pipeline(parse_configuration(configuration("estimate { frames: 2 }"), "t", "/"), {});
  pipeline.begin_series({5, series_start()});
  Patterns pattern;
  Collected collected;
  for (std::uint64_t i = 0; i < 2; ++i) pipeline.take(pattern(i, 0, 0), collected.deliver);
  ASSERT_EQ(collected.results.size(), 2u);
  EXPECT_EQ(collected.results[0].symmetry().validity(), result::NOT_CALIBRATED);
  EXPECT_FALSE(collected.results[0].symmetry().reason().empty());
  EXPECT_TRUE(std::isnan(collected.results[0].symmetry().ring_power(0)));
  EXPECT_EQ(pipeline.setup().calibration().origin(), result::Calibration::FAILED);
}

TEST(SymmetryStage, WhatIsGivenHolds) {
  Pipeline pipeline(
      parse_configuration(configuration("center_row_px: 62 center_col_px: 66 ellipse_ratio: 1.01 "
                                        "ellipse_angle_deg: 20 estimate { frames: 2 }"),
                          "t", "/"),
      {});
  pipeline.begin_series({5, series_start()});
  Patterns pattern;
  Collected collected;
  for (std::uint64_t i = 0; i < 2; ++i) pipeline.take(pattern(i), collected.deliver);
  const result::Setup setup = pipeline.setup();
  EXPECT_EQ(setup.center_row_px(), 62);
  EXPECT_EQ(setup.center_col_px(), 66);
  EXPECT_EQ(setup.calibration().ellipse_ratio(), 1.01);
  EXPECT_TRUE(std::isnan(setup.calibration().center_sigma_px()));
  EXPECT_NEAR(setup.calibration().ring_radius_px(), kRingPx, 1);
}

TEST(SymmetryStage, ANewCalibrationFollowsTheCentre) {
  Pipeline pipeline(parse_configuration(configuration("estimate { frames: 6 }"), "t", "/"), {});
  pipeline.begin_series({5, series_start()});
  Patterns pattern;
  Collected collected;
  analysis::Serial serial;
  std::uint64_t i = 0;
  for (; i < 6; ++i) pipeline.take(pattern(i), collected.deliver);
  for (; i < 40; ++i) pipeline.take(pattern(i, 30, 0.3, 1.5), collected.deliver);
  // The running mean over 64 patterns has seen 6 without and 34 with the shift.
  EXPECT_NEAR(collected.results.back().symmetry().center_row_shift_px(), 1.5, 0.5);
  EXPECT_NEAR(collected.results.back().symmetry().center_col_shift_px(), 0, 0.2);
  EXPECT_EQ(pipeline.rebuild(), nullptr);
  pipeline.request_calibration();
  for (; i < 46; ++i) pipeline.take(pattern(i, 30, 0.3, 1.5), collected.deliver);
  const auto rebuild = pipeline.rebuild();
  ASSERT_NE(rebuild, nullptr);
  EXPECT_EQ(pipeline.rebuild(), nullptr);  // one at a time
  const int revision = pipeline.setup_revision();
  rebuild->run(serial);
  pipeline.take(pattern(i++, 30, 0.3, 1.5), collected.deliver);  // frames go on meanwhile
  pipeline.install(*rebuild);
  EXPECT_NE(pipeline.setup_revision(), revision);
  EXPECT_NEAR(pipeline.setup().center_row_px(), kCenterRow + 1.5, 0.12);
}

TEST(SymmetryStage, OffsetIsTakenOffAndNoiseSubtracted) {
  const std::string given = "center_row_px: 62.3 center_col_px: 65.6";
  Pipeline plain(parse_configuration(configuration(given), "t", "/"), {});
  Pipeline subtracting(parse_configuration(configuration(given, "subtract_noise: true"), "t", "/"), {});
  plain.begin_series({5, series_start()});
  subtracting.begin_series({5, series_start()});
  Patterns pattern;
  double raw = 0, corrected = 0, odd = 0;
  constexpr int kPatterns = 40;
  for (std::uint64_t i = 0; i < kPatterns; ++i) {
    const Frame frame = pattern(i, 2);
    const auto& a = plain.process(frame).symmetry();
    const auto& b = subtracting.process(frame).symmetry();
    EXPECT_NEAR(a.ring_power(2) - a.ring_floor(2), b.ring_power(2), 1e-12);
    EXPECT_NEAR(a.power(10 * 5 + 2) - a.noise_power(10 * 5 + 2), b.power(10 * 5 + 2), 1e-12);
    // 2 e on the ring's crest, 4 counts each; the rows of r 20 to 56 px reach down to the background.
    EXPECT_NEAR(*std::max_element(a.radial_mean().begin(), a.radial_mean().end()), 4 * 2 * 1.13, 1);
    raw += a.ring_power(2) / kPatterns;
    corrected += b.ring_power(2) / kPatterns;
    odd += b.ring_power(1) / kPatterns;
  }
  EXPECT_GT(raw, 1.5 * corrected);  // or the test could not fail
  EXPECT_NEAR(odd, 0, 0.0015);      // the planted pattern has no third order
}

TEST(SymmetryStage, WithoutGainNothingIsSubtracted) {
  const std::string given = "center_row_px: 62.3 center_col_px: 65.6";
  stream::SeriesStart start = series_start();
  start.mutable_camera()->clear_counts_per_electron();
  Patterns pattern;
  Pipeline plain(parse_configuration(configuration(given), "t", "/"), {});
  plain.begin_series({5, start});
  const auto measured = plain.process(pattern(0)).symmetry();
  EXPECT_EQ(measured.validity(), result::VALID);
  EXPECT_EQ(measured.ring_state(0), result::NO_FLOOR);
  EXPECT_TRUE(std::isnan(measured.ring_floor(0)));
  EXPECT_GT(measured.ring_power(2), 0);
  Pipeline subtracting(parse_configuration(configuration(given, "subtract_noise: true"), "t", "/"), {});
  subtracting.begin_series({5, start});
  const auto refused = subtracting.process(pattern(1)).symmetry();
  EXPECT_EQ(refused.validity(), result::NO_NOISE_FLOOR);
  EXPECT_TRUE(std::isnan(refused.ring_power(2)));
}

TEST(SymmetryStage, RingOnlyGivesTheSameRing) {
  const std::string given = "center_row_px: 62.3 center_col_px: 65.6 k_per_px_inv_nm: 0.1";
  const std::string ring = "ring_min_inv_nm: 3.5 ring_max_inv_nm: 4.5 ";
  Pipeline all(parse_configuration(configuration(given, ring), "t", "/"), {});
  Pipeline only(parse_configuration(configuration(given, ring + "ring_only: true"), "t", "/"), {});
  all.begin_series({5, series_start()});
  only.begin_series({5, series_start()});
  Patterns pattern;
  const Frame frame = pattern(0);
  const auto a = all.process(frame).symmetry();
  const auto b = only.process(frame).symmetry();
  for (int n = 0; n < 5; ++n) EXPECT_EQ(a.ring_power(n), b.ring_power(n));
  EXPECT_FALSE(std::isnan(a.power(0)));
  EXPECT_TRUE(std::isnan(b.power(0)));
}

TEST(SymmetryStage, ARingWithoutRowsIsSaid) {
  Pipeline pipeline(
      parse_configuration(
          configuration("center_row_px: 62.3 center_col_px: 65.6 k_per_px_inv_nm: 0.1 disc_radius_px: 4",
                        "ring_min_inv_nm: 50 ring_max_inv_nm: 60 motif_scan: true"),
          "t", "/"),
      {});
  pipeline.begin_series({5, series_start()});
  Patterns pattern;
  const auto& result = pipeline.process(pattern(0)).symmetry();
  EXPECT_EQ(result.validity(), result::NO_VALID_PIXELS);
  EXPECT_NE(result.reason().find("no row lies in the ring"), std::string::npos) << result.reason();
  EXPECT_TRUE(std::isnan(result.ring_power(2)));
  EXPECT_FALSE(std::isnan(result.power(10 * 5 + 2)));
}

TEST(SymmetryStage, AFailedCalibrationCanBeRenewed) {
  Pipeline pipeline(parse_configuration(configuration("estimate { frames: 4 }"), "t", "/"), {});
  pipeline.begin_series({5, series_start()});
  Patterns pattern;
  Collected collected;
  std::uint64_t i = 0;
  for (; i < 4; ++i) pipeline.take(pattern(i, 0, 0), collected.deliver);  // a blanked beam
  EXPECT_EQ(collected.results.back().symmetry().validity(), result::NOT_CALIBRATED);
  pipeline.request_calibration();
  for (; i < 8; ++i) pipeline.take(pattern(i), collected.deliver);
  const auto rebuild = pipeline.rebuild();
  ASSERT_NE(rebuild, nullptr);
  analysis::Serial serial;
  rebuild->run(serial);
  pipeline.install(*rebuild);
  EXPECT_EQ(pipeline.setup().calibration().origin(), result::Calibration::ESTIMATED);
  EXPECT_EQ(pipeline.process(pattern(i)).symmetry().validity(), result::VALID);
}

TEST(SymmetryStage, AFailedRenewalKeepsTheCalibrationAndTakesTheOrders) {
  Pipeline pipeline(parse_configuration(configuration("estimate { frames: 4 }"), "t", "/"), {});
  pipeline.begin_series({5, series_start()});
  Patterns pattern;
  Collected collected;
  std::uint64_t i = 0;
  for (; i < 4; ++i) pipeline.take(pattern(i), collected.deliver);
  const double center_px = pipeline.setup().center_row_px();
  pipeline.request_calibration();
  config::Symmetry changed = pipeline.configuration().symmetry();
  for (; i < 8; ++i) pipeline.take(pattern(i, 0, 0), collected.deliver);
  changed.clear_orders();
  changed.add_orders(8);
  pipeline.request_symmetry(changed);
  const auto rebuild = pipeline.rebuild();
  ASSERT_NE(rebuild, nullptr);
  analysis::Serial serial;
  rebuild->run(serial);
  EXPECT_FALSE(rebuild->failure().empty());
  pipeline.install(*rebuild);
  EXPECT_EQ(pipeline.setup().center_row_px(), center_px);
  EXPECT_EQ(pipeline.setup().calibration().origin(), result::Calibration::ESTIMATED);
  EXPECT_EQ(pipeline.process(pattern(i)).symmetry().ring_power_size(), 1);
}

TEST(SymmetryStage, OrdersChangedBeforeTheFirstSeriesAreInForce) {
  Pipeline pipeline(parse_configuration(configuration("estimate { frames: 1 }"), "t", "/"), {});
  const auto digest = pipeline.setup().configuration_digest();
  config::Symmetry changed = pipeline.configuration().symmetry();
  changed.clear_orders();
  changed.add_orders(8);
  pipeline.request_symmetry(changed);
  EXPECT_EQ(pipeline.rebuild(), nullptr);
  EXPECT_NE(pipeline.setup().configuration_digest(), digest);
  EXPECT_EQ(pipeline.setup().orders_size(), 1);
  pipeline.begin_series({5, series_start()});
  Patterns pattern;
  Collected collected;
  pipeline.take(pattern(0), collected.deliver);
  ASSERT_EQ(collected.results.size(), 1u);
  EXPECT_EQ(collected.results[0].symmetry().ring_power_size(), 1);
  EXPECT_EQ(collected.results[0].configuration_digest(), pipeline.setup().configuration_digest());
}

TEST(SymmetryStage, AGapBehindTheHeldFramesIsNotTheirs) {
  Pipeline pipeline(parse_configuration(configuration("estimate { frames: 100 }"), "t", "/"), {});
  pipeline.begin_series({5, series_start()});
  Patterns pattern;
  Collected collected;
  pipeline.take(pattern(0), collected.deliver);
  pipeline.gap({5, 1, 3, Gap::Cause::kLost});
  pipeline.release(collected.deliver);
  ASSERT_EQ(collected.results.size(), 1u);
  EXPECT_EQ(collected.results[0].flags() & kFlagGapBefore, 0u);
  EXPECT_NE(pipeline.process(pattern(4)).flags() & kFlagGapBefore, 0u);
}

// Every number of every result, whatever the number of threads.
TEST(SymmetryStage, LanesDoNotChangeABit) {
  const auto config = parse_configuration(
      configuration("estimate { frames: 4 } disc_radius_px: 4", "motif_scan: true keep_correlation: true"),
      "t", "/");
  std::vector<std::string> bytes;
  for (const int lanes : {1, 2, 5}) {
    Workers workers(lanes);
    Pipeline pipeline(config, {}, &workers);
    pipeline.begin_series({5, series_start(2, 3)});
    Patterns pattern;
    std::string all;
    const Pipeline::Deliver deliver = [&](const Frame&, const result::FrameResult& result) {
      all += result.SerializeAsString();
    };
    for (std::uint64_t i = 0; i < 6; ++i) pipeline.take(pattern(i), deliver);
    bytes.push_back(all);
  }
  EXPECT_GT(bytes[0].size(), 1000u);
  EXPECT_EQ(bytes[0], bytes[1]);
  EXPECT_EQ(bytes[0], bytes[2]);
}

TEST(SymmetryStage, NoAllocationPerFrameWithEverythingOn) {
  if (!test::counts_allocations()) GTEST_SKIP() << "a sanitizer's own operator new is in place";
  Pipeline pipeline(
      parse_configuration(configuration("center_row_px: 62.3 center_col_px: 65.6 disc_radius_px: 4",
                                        "motif_scan: true subtract_noise: true"),
                          "t", "/"),
      {});
  pipeline.begin_series({5, series_start(4, 4)});
  Patterns pattern;
  std::vector<Frame> frames;
  for (std::uint64_t i = 0; i < 8; ++i) {
    frames.push_back(pattern(i));
    frames.back().info.scan_row = static_cast<int>(i / 4);
    frames.back().info.scan_column = static_cast<int>(i % 4);
  }
  for (int i = 0; i < 2; ++i) pipeline.process(frames[static_cast<std::size_t>(i)]);
  const long before = test::allocations();
  for (const Frame& frame : frames) pipeline.process(frame);
  EXPECT_EQ(test::allocations() - before, 0);
}

TEST(SymmetryStage, OtherRowsAndOrdersWhileRunning) {
  Pipeline pipeline(
      parse_configuration(configuration("center_row_px: 62.3 center_col_px: 65.6 k_per_px_inv_nm: 0.1",
                                        "ring_min_inv_nm: 3 ring_max_inv_nm: 5"),
                          "t", "/"),
      {});
  pipeline.begin_series({5, series_start(1, 4)});
  Patterns pattern;
  Frame first = pattern(0);
  first.info.scan_row = first.info.scan_column = 0;
  pipeline.process(first);
  const auto digest = pipeline.setup().configuration_digest();
  config::Symmetry changed = pipeline.configuration().symmetry();
  changed.set_ring_min_inv_nm(3.9);
  changed.set_ring_max_inv_nm(4.1);
  pipeline.request_symmetry(changed);
  auto rebuild = pipeline.rebuild();
  ASSERT_NE(rebuild, nullptr);
  analysis::Serial serial;
  rebuild->run(serial);
  pipeline.install(*rebuild);
  EXPECT_NE(pipeline.setup().configuration_digest(), digest);
  const auto expected = pipeline.process(first).symmetry();  // the same pattern under the new rows
  result::MapUpdate map;
  ASSERT_TRUE(pipeline.scan_map()->take(map));
  EXPECT_FLOAT_EQ(map.value(2), static_cast<float>(expected.ring_power(2)));
  changed.clear_orders();
  changed.add_orders(8);
  pipeline.request_symmetry(changed);
  rebuild = pipeline.rebuild();
  rebuild->run(serial);
  pipeline.install(*rebuild);
  EXPECT_EQ(pipeline.process(first).symmetry().ring_power_size(), 1);
}

}  // namespace
}  // namespace glasswatch
