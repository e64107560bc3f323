#include "daemon/pipeline/pipeline.h"

#include <gtest/gtest.h>

#include <cmath>

#include "protocol/configuration/configuration.h"
#include "tests/support/allocation_counter.h"

namespace glasswatch {
namespace {

constexpr int kSize = 64;
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr char kConfiguration[] = R"(
calibration { center_row_px: 31.5 center_col_px: 31.5 }
symmetry { r_min_px: 12 r_max_px: 28 radial_bins: 16 azimuthal_bins: 120 orders: [2, 4, 6] }
ecm { max_lag_s: 8 }
trigger { name: "four" quantity: RING_POWER order: 4 threshold: 0.5 }
)";

// A pipeline on a recorded clock with a temperature ramp, fed frames of a ring 1 + 0.4 cos(4 phi).
class PipelineOnRing : public ::testing::Test {
 protected:
  PipelineOnRing() : pipeline_(parse_configuration(kConfiguration, "t", "/"), {}) {
    stream::EnvironmentStart environment;
    environment.mutable_clock()->set_kind(stream::RECORDED_CLOCK);
    pipeline_.begin_environment({1, environment});
    for (int i = 0; i < 3000; ++i) {
      EnvironmentSampled item;
      item.sample.set_time_utc_ns(i * kSecond / 10);
      item.sample.set_temperature_c(300 + 0.03 * i);
      pipeline_.add_environment(item);
    }
    pipeline_.begin_series(series());
  }
  static SeriesStarted series() {
    SeriesStarted started{5, {}};
    started.start.mutable_clock()->set_kind(stream::RECORDED_CLOCK);
    started.start.mutable_camera()->set_rows(kSize);
    started.start.mutable_camera()->set_columns(kSize);
    started.start.mutable_camera()->set_pixel_type(stream::U2);
    started.start.mutable_camera()->set_saturation_point_counts(5000);
    started.start.mutable_timing()->set_frame_period_s(1);
    return started;
  }
  Frame frame(std::uint64_t sequence) {
    Frame frame = pool_.acquire();
    frame.info.series_id = 5;
    frame.info.sequence = sequence;
    frame.info.rows = frame.info.columns = kSize;
    frame.info.exposure_start_utc_ns = static_cast<std::int64_t>(sequence + 1) * kSecond;
    frame.info.exposure_end_utc_ns = frame.info.exposure_start_utc_ns + kSecond / 2;
    auto* pixels = reinterpret_cast<std::uint16_t*>(frame.writable_bytes().data());
    for (int row = 0; row < kSize; ++row) {
      for (int column = 0; column < kSize; ++column) {
        const double phi = std::atan2(row - 31.5, column - 31.5);
        pixels[row * kSize + column] =
            static_cast<std::uint16_t>(std::lround(2000 * (1 + 0.4 * std::cos(4 * phi))));
      }
    }
    return frame;
  }

  FramePool pool_{4, kSize* kSize * 2};
  Pipeline pipeline_;
};

TEST_F(PipelineOnRing, PlantedPowerIsFound) {
  const Frame one = frame(0);
  ASSERT_TRUE(pipeline_.ready(one));
  const result::FrameResult& result = pipeline_.process(one);
  // |C^(4)|/P = a^2/4 = 0.04; finite bins and the pixel grid cost less than 2 %.
  EXPECT_NEAR(result.symmetry().ring_power(1), 0.04, 0.0008);
  EXPECT_NEAR(result.symmetry().ring_power(0), 0, 2e-4);
  EXPECT_NEAR(result.temperature().value_c(), 300 + 0.3 * 1.25, 1e-6);
  const auto* pixels = static_cast<const std::uint16_t*>(one.view().pixels);
  double sum = 0;
  for (int p = 0; p < kSize * kSize; ++p) sum += pixels[p];
  EXPECT_NEAR(result.mean_counts(), sum / (kSize * kSize), 1e-9);
}

TEST_F(PipelineOnRing, AGapIsFlaggedAtTheNextFrameOnly) {
  EXPECT_EQ(pipeline_.process(frame(0)).flags() & kFlagGapBefore, 0u);
  pipeline_.gap({5, 1, 2, Gap::Cause::kLost});
  EXPECT_NE(pipeline_.process(frame(3)).flags() & kFlagGapBefore, 0u);
  EXPECT_EQ(pipeline_.process(frame(4)).flags() & kFlagGapBefore, 0u);
  const result::FrameResult& last = pipeline_.process(frame(5));
  EXPECT_EQ(last.ecm().frames_used(), 4u);
  EXPECT_EQ(last.ecm().frames_missing(), 2u);
}

TEST_F(PipelineOnRing, SaturationIsCountedAndFlagged) {
  Frame one = frame(0);
  auto* pixels = reinterpret_cast<std::uint16_t*>(one.writable_bytes().data());
  pixels[10] = 5000;
  pixels[11] = 6000;
  pixels[12] = 4999;
  const result::FrameResult& result = pipeline_.process(one);
  EXPECT_EQ(result.saturated_pixels(), 2u);
  EXPECT_NE(result.flags() & kFlagSaturated, 0u);
}

TEST_F(PipelineOnRing, BadTransfersStayOutOfG2) {
  Frame bad = frame(1);
  bad.info.flags |= kFlagTransferNotOk;
  pipeline_.process(frame(0));
  pipeline_.process(bad);
  EXPECT_EQ(pipeline_.process(frame(2)).ecm().frames_used(), 2u);
}

TEST_F(PipelineOnRing, OneBrokenTimeStampCostsOneFrameOfG2) {
  for (std::uint64_t i = 0; i < 12; ++i) {
    Frame next = frame(i);
    if (i == 4) {
      next.info.exposure_start_utc_ns += 1'000'000 * kSecond;
      next.info.exposure_end_utc_ns += 1'000'000 * kSecond;
    }
    pipeline_.process(next);
  }
  const result::FrameResult& last = pipeline_.process(frame(12));
  EXPECT_EQ(last.ecm().frames_used(), 12u);
  EXPECT_EQ(last.ecm().frames_refused(), 1u);
  EXPECT_EQ(last.ecm().frames_missing(), 1u);
}

TEST_F(PipelineOnRing, APauseLongerThanTheLongestLagGoesOn) {
  for (std::uint64_t i = 0; i < 5; ++i) pipeline_.process(frame(i));
  for (std::uint64_t i = 105; i < 110; ++i) pipeline_.process(frame(i));
  const result::FrameResult& last = pipeline_.process(frame(110));
  EXPECT_EQ(last.ecm().frames_used(), 10u);  // the first frame after the pause might have had a broken stamp
  EXPECT_EQ(last.ecm().frames_refused(), 1u);
  EXPECT_EQ(last.ecm().pairs(0), 4u + 4u);  // no pair across the pause
}

TEST_F(PipelineOnRing, AFrameThatPrecedesTheFirstOneStillCounts) {
  pipeline_.process(frame(1));
  Frame late = frame(0);
  late.info.flags |= kFlagLate;
  pipeline_.process(late);
  EXPECT_EQ(pipeline_.process(frame(2)).ecm().pairs(0), 2u);
}

TEST_F(PipelineOnRing, WithoutAPeriodTheFirstFrameCountsToo) {
  SeriesStarted irregular = series();
  irregular.start.mutable_timing()->clear_frame_period_s();
  pipeline_.begin_series(irregular);
  pipeline_.process(frame(0));
  pipeline_.process(frame(1));
  const result::FrameResult& last = pipeline_.process(frame(2));
  EXPECT_EQ(last.ecm().frames_used(), 3u);
  EXPECT_EQ(last.ecm().pairs(0), 2u);
  EXPECT_EQ(last.ecm().pairs(1), 1u);
}

TEST_F(PipelineOnRing, AStaticPatternHasConstantG2) {
  double expected = 0, mean = 0;
  for (std::uint64_t i = 0; i < 6; ++i) {
    const Frame one = frame(i);
    if (i == 0) {
      const auto* pixels = static_cast<const std::uint16_t*>(one.view().pixels);
      for (int p = 0; p < kSize * kSize; ++p) {
        mean += pixels[p];
        expected += static_cast<double>(pixels[p]) * pixels[p];
      }
    }
    pipeline_.process(one);
  }
  expected = expected * kSize * kSize / (mean * mean);
  const result::FrameResult& result = pipeline_.process(frame(6));
  EXPECT_NEAR(result.ecm().g2(0), expected, 1e-12 * expected);
  EXPECT_EQ(result.ecm().pairs(0), 6u);
}

TEST_F(PipelineOnRing, ANewSeriesBeginsAnew) {
  pipeline_.process(frame(0));
  pipeline_.process(frame(1));
  pipeline_.begin_series(series());
  EXPECT_EQ(pipeline_.process(frame(0)).ecm().frames_used(), 1u);
}

TEST_F(PipelineOnRing, AnOversizedHistoryIsRefusedWithTheRemedy) {
  Pipeline pipeline(parse_configuration("ecm { max_lag_s: 5000 } limits { memory_mib: 16 }", "t", "/"), {});
  pipeline.begin_series(series());
  const result::FrameResult& result = pipeline.process(frame(0));
  EXPECT_EQ(result.ecm().validity(), result::INCOMPATIBLE_FRAME);
  EXPECT_NE(result.ecm().reason().find("limits.memory_mib"), std::string::npos) << result.ecm().reason();
}

TEST_F(PipelineOnRing, AMaskOfAnotherSizeIsAReasonNotACrash) {
  Pipeline pipeline(parse_configuration(kConfiguration, "t", "/"), {3, 3, std::vector<std::uint8_t>(9, 0)});
  pipeline.begin_series(series());
  const result::FrameResult& result = pipeline.process(frame(0));
  EXPECT_EQ(result.symmetry().validity(), result::INCOMPATIBLE_FRAME);
  EXPECT_NE(result.symmetry().reason().find("3 x 3"), std::string::npos);
  EXPECT_TRUE(std::isnan(result.symmetry().ring_power(0)));
}

TEST_F(PipelineOnRing, AFullyMaskedRingIsInvalidNeverZero) {
  Pipeline pipeline(parse_configuration(kConfiguration, "t", "/"),
                    {kSize, kSize, std::vector<std::uint8_t>(kSize * kSize, 1)});
  pipeline.begin_series(series());
  const result::FrameResult& result = pipeline.process(frame(0));
  EXPECT_EQ(result.symmetry().validity(), result::NO_VALID_PIXELS);
  for (const double power : result.symmetry().power()) EXPECT_TRUE(std::isnan(power));
}

TEST_F(PipelineOnRing, NothingIsAllocatedPerFrameAfterWarmUp) {
  if (!test::counts_allocations()) GTEST_SKIP() << "the sanitizer's own allocator is in place";
  long allocations = 0;
  for (std::uint64_t i = 0; i < 520; ++i) {
    const Frame next = frame(i);
    const long before = test::allocations();
    pipeline_.process(next);
    // What a comparison of halves needs is kept some sixteen times whenever the series has doubled.
    const bool keeps_halves = i < 256 || i % 16 == 0 || (i + 1) % 16 == 0;
    if (!keeps_halves && i >= 420) allocations += test::allocations() - before;
  }
  // The temperature track's deque takes a block of 512 bytes for its samples (at most 32 bytes each) now and
  // then: ten samples a frame over 88 frames. Anything per frame would add 100.
  EXPECT_LE(allocations, 1000 * 32 / 512 + 2);
}

}  // namespace
}  // namespace glasswatch
