// Planted series through the stage: what goes in with a tau comes out with it, or with the reason why not.
#include "daemon/pipeline/ecm_stage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "protocol/configuration/configuration.h"
#include "protocol/wire/wire.h"
#include "tests/analysis/kww_series.h"
#include "tests/analysis/scattered_lanes.h"

namespace glasswatch {
namespace {

using ::testing::HasSubstr;

constexpr double kPeriod_s = 5;
constexpr int kSize = 64;

// Stripes of 8 px: channels of one quarter of the field.
std::vector<std::uint8_t> stripes() {
  std::vector<std::uint8_t> label(kSize * kSize);
  for (int i = 0; i < kSize * kSize; ++i)
    label[static_cast<std::size_t>(i)] = (i % kSize) / 8 % 4 == 0 ? 2 : 1;
  return label;
}

test::KwwSeriesSettings uniform() {
  test::KwwSeriesSettings settings;
  settings.rows = settings.columns = kSize;
  settings.frames = 400;
  settings.tau_slots = 12;
  settings.contrast = 0.1;
  settings.mean_counts = 800;
  settings.electrons_per_px = 100;
  settings.seed = 7;
  return settings;
}

const test::KwwSeries& uniform_series() {
  static const test::KwwSeries series = test::kww_series(uniform());
  return series;
}

// A stage that gets a planted series, one frame a slot.
class PlantedRun {
 public:
  explicit PlantedRun(const std::string& ecm, LabelImage labels = {})
      : configuration_(parse_configuration(ecm, "t", "/")),
        labels_(std::move(labels)),
        stage_(configuration_, mask_, labels_) {
    stream::SeriesStart start;
    start.mutable_camera()->set_rows(kSize);
    start.mutable_camera()->set_columns(kSize);
    start.mutable_camera()->set_pixel_type(stream::I2);
    start.mutable_timing()->set_frame_period_s(kPeriod_s);
    stage_.begin_series(3, start);
  }

  const result::FrameResult& add(const test::KwwSeries& series, int index, double temperature_c = 340) {
    Frame frame = pool_.acquire();
    const FrameView pixels = series.frame(index);
    frame.info.series_id = 3;
    frame.info.sequence = static_cast<std::uint64_t>(index);
    frame.info.rows = frame.info.columns = kSize;
    frame.info.pixel_type = PixelType::kI2;
    frame.info.exposure_start_utc_ns = static_cast<std::int64_t>(index * kPeriod_s * 1e9);
    std::memcpy(frame.writable_bytes().data(), pixels.pixels, pixels.byte_count());
    result_.Clear();
    result_.set_mean_counts(800);
    result_.mutable_temperature()->set_validity(result::VALID);
    result_.mutable_temperature()->set_value_c(temperature_c);
    stage_.process(frame, result_, lanes_);
    return result_;
  }
  void add_all(const test::KwwSeries& series, int refresh_every = 0) {
    for (int i = 0; i < series.frames; ++i) {
      add(series, i);
      if (refresh_every > 0 && i % refresh_every == 0) stage_.fit(FitKind::kRefresh, lanes_);
    }
  }
  const result::Dynamics& final_fit(analysis::Parallel& parallel) {
    return stage_.fit(FitKind::kFinal, parallel);
  }
  const result::Dynamics& final_fit() { return final_fit(lanes_); }
  EcmStage& stage() { return stage_; }

 private:
  config::Configuration configuration_;
  MaskImage mask_;
  LabelImage labels_;
  EcmStage stage_;
  FramePool pool_{2, kSize* kSize * 2};
  result::FrameResult result_;
  analysis::Serial lanes_;
};

TEST(EcmStage, AUniformSeriesHasItsTauAndNoHeterogeneity) {
  PlantedRun run("ecm { max_lag_s: 500 fit_pixels: true }");
  run.add_all(uniform_series());
  const result::Dynamics& dynamics = run.final_fit();
  ASSERT_EQ(dynamics.validity(), result::VALID);
  const result::KwwCurve& field = dynamics.field();
  ASSERT_EQ(field.status(), result::FIT_CONVERGED);
  EXPECT_GT(field.tau_sigma_s(), 0.2);  // 4096 speckles, T/tau 33: about 2 %
  EXPECT_LT(field.tau_sigma_s(), 6);
  EXPECT_NEAR(field.tau_s(), 60, 4 * field.tau_sigma_s() + 0.02 * 60);  // and the bias of a short series
  EXPECT_NEAR(field.beta(), 0.63, 4 * field.beta_sigma() + 0.02);
  EXPECT_NEAR(field.contrast(), 0.1, 4 * field.contrast_sigma() + 0.002);
  EXPECT_NEAR(field.span_over_tau(), 400 * 5 / field.tau_s(), 0.1);
  EXPECT_NEAR(dynamics.speckle_size_px(), 1, 0.3);
  EXPECT_GT(dynamics.heterogeneity().p_value(), 0.001);
  EXPECT_EQ(dynamics.cells().rows(), 8u);
  EXPECT_EQ(dynamics.cells().tau_s_size(), 64);
  EXPECT_EQ(dynamics.pixels().tau_s_size(), kSize * kSize);
  EXPECT_EQ(dynamics.regions_size(), 0);
  EXPECT_FALSE(dynamics.regions_reason().empty());
  EXPECT_THAT(dynamics.warning(), HasSubstr("T/tau"));
  // The null is of the same kind as the data: so must be the share of pixels above the field's tau.
  ASSERT_GT(dynamics.null_frames(), 0u);
  EXPECT_NEAR(dynamics.null_histogram().fraction_above(), dynamics.histogram().fraction_above(), 0.06);
  EXPECT_LT(dynamics.histogram().fraction_above(), 0.45);  // half of them, if single pixels were unbiased
  EXPECT_GT(dynamics.halves().resolvable_difference(), 0);
  EXPECT_LT(std::abs(std::log1p(dynamics.halves().relative_difference())),
            4 * dynamics.halves().ln_ratio_sigma());
}

TEST(EcmStage, ChannelsOfHalfTheTauAreFoundAndToldApart) {
  test::KwwSeriesSettings settings = uniform();
  const auto label = stripes();
  for (const std::uint8_t l : label) settings.tau_map_slots.push_back(l == 2 ? 6.f : 12.f);
  const test::KwwSeries series = test::kww_series(settings);
  PlantedRun run("ecm { max_lag_s: 500 }", {kSize, kSize, label});
  run.add_all(series);
  const result::Dynamics& dynamics = run.final_fit();
  EXPECT_LT(dynamics.heterogeneity().p_value(), 1e-3);
  EXPECT_GT(dynamics.heterogeneity().spread_ln_tau(), 0.1);
  ASSERT_EQ(dynamics.regions_size(), 2);
  EXPECT_EQ(dynamics.regions(0).name(), "matrix");
  EXPECT_EQ(dynamics.regions(1).name(), "channel");
  const result::RegionPair& pair = dynamics.region_pairs(0);
  EXPECT_NEAR(pair.ln_ratio(), -std::log(2.0), 4 * pair.ln_ratio_sigma() + 0.02);
  EXPECT_LT(pair.ln_ratio_sigma(), 0.15);
  EXPECT_LT(pair.p_value(), 1e-3);
  EXPECT_EQ(dynamics.label().size(), label.size());
}

TEST(EcmStage, TheFinalFitForgetsWhenOthersLooked) {
  const test::KwwSeriesSettings settings = [] {
    auto shorter = uniform();
    shorter.frames = 120;
    return shorter;
  }();
  const test::KwwSeries series = test::kww_series(settings);
  const std::string ecm = "ecm { max_lag_s: 200 fit_pixels: true }";
  PlantedRun undisturbed(ecm), watched(ecm), shared(ecm);
  undisturbed.add_all(series);
  watched.add_all(series, 7);
  shared.add_all(series);
  test::ScatteredLanes lanes(3);
  const std::string expected = undisturbed.final_fit().SerializeAsString();
  EXPECT_TRUE(watched.final_fit().SerializeAsString() == expected);
  EXPECT_TRUE(shared.final_fit(lanes).SerializeAsString() == expected);
}

TEST(EcmStage, MultiTauGivesTheSameTau) {
  PlantedRun exact("ecm { max_lag_s: 500 }"), multi_tau("ecm { engine: MULTI_TAU max_lag_s: 500 }");
  exact.add_all(uniform_series());
  multi_tau.add_all(uniform_series());
  const result::KwwCurve expected = exact.final_fit().field();
  const result::KwwCurve measured = multi_tau.final_fit().field();
  ASSERT_EQ(measured.status(), result::FIT_CONVERGED);
  EXPECT_NEAR(measured.tau_s(), expected.tau_s(), 0.5 * expected.tau_sigma_s() + 0.01 * expected.tau_s());
}

TEST(EcmStage, TemperatureIntervalsBeginAnewAndKeepTheirTau) {
  PlantedRun run("ecm { max_lag_s: 200 window: TEMPERATURE_INTERVALS interval_k: 10 }");
  const test::KwwSeries& series = uniform_series();
  for (int i = 0; i < series.frames; ++i) run.add(series, i, 300 + 0.1 * i);  // 300 to 340: four intervals
  const result::Dynamics& dynamics = run.final_fit();
  ASSERT_EQ(dynamics.tau_of_temperature_size(), 4);
  for (int i = 0; i < 4; ++i) {
    const result::TauAtTemperature& entry = dynamics.tau_of_temperature(i);
    EXPECT_EQ(entry.unit(), "field");
    EXPECT_NEAR(entry.temperature_c(), 305 + 10 * i, 0.2);
    EXPECT_NEAR(static_cast<double>(entry.frames()), 100, 2);
    EXPECT_NEAR(std::log(entry.tau_s() / 60), 0, 0.3);  // T/tau of 8 only
  }
  run.final_fit();
  EXPECT_EQ(run.stage().last().tau_of_temperature_size(), 4);  // looking twice adds nothing
}

TEST(EcmStage, ASlidingWindowForgetsTheBeginning) {
  test::KwwSeriesSettings fast = uniform();
  fast.tau_slots = 3;
  fast.seed = 8;
  const test::KwwSeries later = test::kww_series(fast);
  const test::KwwSeries& earlier = uniform_series();
  PlantedRun run("ecm { max_lag_s: 100 window: SLIDING window_s: 1000 }");  // 200 frames
  for (int i = 0; i < 150; ++i) run.add(earlier, i);
  for (int i = 150; i < 400; ++i) run.add(later, i);
  EXPECT_NEAR(std::log(run.final_fit().field().tau_s() / 15), 0, 0.15);
}

TEST(EcmStage, WhatDoesNotFitIsRefusedBeforeItIsMade) {
  PlantedRun run("ecm { max_lag_s: 4000000 } limits { memory_mib: 100 }");
  const result::FrameResult& result = run.add(uniform_series(), 0);
  EXPECT_EQ(result.ecm().validity(), result::INCOMPATIBLE_FRAME);
  EXPECT_THAT(result.ecm().reason(), HasSubstr("limits.memory_mib"));
  EXPECT_THAT(result.ecm().reason(), HasSubstr("MULTI_TAU"));
  EXPECT_EQ(run.final_fit().validity(), result::INCOMPATIBLE_FRAME);
}

TEST(EcmStage, BeforeTheSecondFrameThereIsAReason) {
  PlantedRun run("ecm { max_lag_s: 100 fit_pixels: true }");
  run.add(uniform_series(), 0);
  analysis::Serial lanes;
  const result::Dynamics& dynamics = run.stage().fit(FitKind::kRefresh, lanes);
  EXPECT_EQ(dynamics.validity(), result::TOO_FEW_FRAMES);
  EXPECT_NE(dynamics.field().status(), result::FIT_CONVERGED);
}

TEST(EcmStage, GapsAndAPauseChangeTauByLessThanItsSigma) {
  PlantedRun whole("ecm { max_lag_s: 500 }"), holed("ecm { max_lag_s: 500 }");
  std::mt19937 random(5);
  const test::KwwSeries& series = uniform_series();
  for (int i = 0; i < series.frames; ++i) {
    whole.add(series, i);
    const bool paused = i >= 200 && i < 260;
    if (!paused && random() % 10 != 0) holed.add(series, i);
  }
  const result::KwwCurve expected = whole.final_fit().field();
  const result::Dynamics& dynamics = holed.final_fit();
  EXPECT_GT(dynamics.frames_missing(), 80u);
  EXPECT_NEAR(dynamics.field().tau_s(), expected.tau_s(), dynamics.field().tau_sigma_s());
}

TEST(EcmStage, ARangeWithoutLagsIsRefusedNotFitted) {
  PlantedRun run("ecm { max_lag_s: 100 fit_min_lag_s: 500 fit_pixels: true }");
  run.add(uniform_series(), 0);
  EXPECT_THAT(run.add(uniform_series(), 1).ecm().reason(), HasSubstr("fit_min_lag_s"));
  EXPECT_EQ(run.final_fit().validity(), result::INCOMPATIBLE_FRAME);
}

TEST(EcmStage, DoseCannotBeTakenOutOfCountsWithAnOffset) {
  PlantedRun run("ecm { max_lag_s: 100 normalize_dose: true } detector { offset_counts: 100 }");
  EXPECT_THAT(run.add(uniform_series(), 0).ecm().reason(), HasSubstr("normalize_dose"));
}

TEST(EcmStage, CellsThatDoNotFitIntoMemoryAreRefused) {
  PlantedRun run("ecm { max_lag_s: 2000 pool_px: 1 } limits { memory_mib: 40 }");
  EXPECT_THAT(run.add(uniform_series(), 0).ecm().reason(), HasSubstr("pool_px"));
}

TEST(EcmStage, AnIntervalKeepsNothingOfTheOneBefore) {
  PlantedRun run("ecm { max_lag_s: 100 window: TEMPERATURE_INTERVALS interval_k: 10 fit_pixels: true }");
  const test::KwwSeries& series = uniform_series();
  for (int i = 0; i < 150; ++i) run.add(series, i, 300);
  analysis::Serial lanes;
  run.stage().fit(FitKind::kRefresh, lanes);
  const std::unique_ptr<NullMap> null = run.stage().null_map();
  ASSERT_NE(null, nullptr);
  null->run(lanes);
  run.stage().install(*null);
  run.stage().fit(FitKind::kRefresh, lanes);
  EXPECT_GT(run.stage().last().null_frames(), 0u);
  for (int i = 150; i < 200; ++i) run.add(series, i, 320);  // the interval closes at the first of these
  run.stage().install(*null);                               // too late: its sums are gone
  const result::Dynamics& dynamics = run.stage().fit(FitKind::kRefresh, lanes);
  EXPECT_EQ(dynamics.frames_used(), 50u);
  EXPECT_EQ(dynamics.inference_frames(), 50u);  // made anew, though fewer than before
  EXPECT_EQ(dynamics.null_frames(), 0u);
  EXPECT_NEAR(dynamics.temperature_c(), 320, 1e-9);
  EXPECT_EQ(dynamics.tau_of_temperature_size(), 1);
}

TEST(EcmStage, ASlidingWindowGoesOnBeingJudged) {
  PlantedRun run("ecm { max_lag_s: 50 window: SLIDING window_s: 250 fit_pixels: true }");  // 50 frames
  const test::KwwSeries& series = uniform_series();
  analysis::Serial lanes;
  double chi_square = 0;
  for (int i = 0; i < 120; ++i) {
    run.add(series, i);
    if (i == 60) chi_square = run.stage().fit(FitKind::kRefresh, lanes).heterogeneity().chi_square();
  }
  const result::Dynamics& dynamics = run.stage().fit(FitKind::kRefresh, lanes);
  EXPECT_EQ(dynamics.frames_used(), 50u);
  EXPECT_NE(dynamics.heterogeneity().chi_square(), chi_square);
  const std::unique_ptr<NullMap> null = run.stage().null_map();
  ASSERT_NE(null, nullptr);
  EXPECT_EQ(null->settings().surrogate.slots.size(), 50u);  // of the window, not of the series
}

}  // namespace
}  // namespace glasswatch
