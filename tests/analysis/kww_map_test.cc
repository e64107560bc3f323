#include "analysis/kww_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <iostream>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "analysis/kww_batch.h"
#include "tests/analysis/direct_sums.h"
#include "tests/analysis/kww_series.h"
#include "tests/analysis/scattered_lanes.h"
#include "tests/support/allocation_counter.h"

namespace glasswatch::analysis {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

std::vector<double> lags(int per_decade, std::int64_t longest) {
  const std::vector<std::int64_t> whole = log_spaced_lags(per_decade, longest);
  return {whole.begin(), whole.end()};
}

/// g2 of many curves, (L, count).
struct Curves {
  std::vector<double> lag_slots;
  std::size_t count;
  std::vector<float> g2;

  std::vector<double> one(std::size_t i) const {
    std::vector<double> curve;
    for (std::size_t k = 0; k < lag_slots.size(); ++k) curve.push_back(g2[k * count + i]);
    return curve;
  }
};

/// By the definition, from raw sums.
Curves curves_of(const PixelSums& sums, Normalization normalization) {
  const std::span<const double> lag_slots = sums.lag_slots();
  Curves curves{{lag_slots.begin(), lag_slots.end()}, sums.pixels().size(), {}};
  const int count = static_cast<int>(curves.count);
  std::vector<double> product(lag_slots.size() * curves.count), past(product.size()), future(product.size()),
      total(curves.count);
  sums.read(0, count, product.data(), past.data(), future.data());
  sums.read_total(0, count, total.data());
  for (std::size_t at = 0; at < product.size(); ++at) {
    const auto n = static_cast<double>(sums.pairs()[at / curves.count]);
    const double mean = total[at % curves.count] / static_cast<double>(sums.frames());
    const double squared_mean =
        normalization == Normalization::kPaper ? mean * mean : past[at] / n * (future[at] / n);
    curves.g2.push_back(static_cast<float>(product[at] / n / squared_mean));
  }
  return curves;
}

/// Speckle whose every pixel has T = 15 tau, as in the paper; 300 frames in place of 2170.
test::KwwSeries fifteen_times(double contrast, double electrons_per_px, int side = 48) {
  return test::kww_series({.rows = side,
                           .columns = side,
                           .frames = 300,
                           .tau_slots = 20,
                           .contrast = contrast,
                           .mean_counts = 3000,
                           .electrons_per_px = electrons_per_px,
                           .seed = 5});
}

std::vector<std::int64_t> series_lags() {
  return log_spaced_lags(16, 150);
}

/// Of 2304 bright pixels.
const test::DirectSums& speckle_sums() {
  static const test::KwwSeries kSeries = fifteen_times(0.1, 0);
  static const test::DirectSums kSums(kSeries.views(), series_lags());
  return kSums;
}

KwwMap fit(const Curves& curves, const KwwModel& model, const KwwBounds& bounds = {}) {
  PixelFits fits(model, bounds, static_cast<int>(curves.lag_slots.size()), 1);
  KwwMap map;
  Serial serial;
  fits.fit_curves(curves.lag_slots, curves.g2, map, serial);
  return map;
}

bool equal_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](float x, float y) {
    return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y);
  });
}
void expect_equal_bits(const KwwMap& a, const KwwMap& b) {
  EXPECT_TRUE(equal_bits(a.tau_slots, b.tau_slots));
  EXPECT_TRUE(equal_bits(a.beta, b.beta));
  EXPECT_TRUE(equal_bits(a.contrast, b.contrast));
  EXPECT_TRUE(equal_bits(a.baseline, b.baseline));
  EXPECT_EQ(a.status, b.status);
}

void expect_honest(const KwwMap& map) {
  for (std::size_t i = 0; i < map.status.size(); ++i) {
    const FitStatus status = map.status[i];
    const bool values = status == FitStatus::kConverged || status == FitStatus::kAtBound ||
                        status == FitStatus::kNotConverged;
    EXPECT_EQ(std::isfinite(map.tau_slots[i]) && map.tau_slots[i] > 0, values) << i;
    EXPECT_EQ(std::isfinite(map.beta[i]), values) << i;
    EXPECT_EQ(std::isfinite(map.contrast[i]) && map.contrast[i] > 0, values) << i;
    EXPECT_EQ(std::isfinite(map.baseline[i]), values) << i;
  }
}

TEST(Exp2, HasTheStatedErrorOverTheWholeRange) {
  double largest = 0;
  for (int i = -126 * 4096; i <= 127 * 4096; ++i) {
    const float x = static_cast<float>(i) / 4096;
    largest = std::max(largest, std::abs(static_cast<double>(internal::exp2_of(x)) / std::exp2(x) - 1));
  }
  std::cout << "largest relative error of 2^x: " << largest << '\n';
  EXPECT_LT(largest, 2e-7);
  EXPECT_EQ(internal::exp2_of(0), 1);
  EXPECT_EQ(internal::exp2_of(-126), std::numeric_limits<float>::min());
}

// In float the curve itself is only known to 6e-8 of g2, which is 6e-7 of a contrast of 0.1: the parameters
// come out about ten to a hundred times worse, by the condition of the problem.
TEST(PixelFits, RecoversClosedForms) {
  Curves curves{lags(16, 1000), 0, {}};
  std::vector<KwwFit> truths;
  for (const double tau : {4.0, 20.0, 148.0, 600.0}) {
    for (const double beta : {0.4, 0.63, 1.0, 1.7})
      truths.push_back({0.3, tau, beta, 1, 0, FitStatus::kConverged});
  }
  for (const int factor : {1, 2}) {
    for (const bool free : {false, true}) {
      const KwwModel model{factor, free};
      curves.count = truths.size();
      curves.g2.clear();
      for (const double lag : curves.lag_slots) {
        for (KwwFit truth : truths) {
          truth.baseline = free ? 1.02 : 1;
          curves.g2.push_back(static_cast<float>(kww_g2(lag, truth, model)));
        }
      }
      const KwwMap map = fit(curves, model);
      for (std::size_t i = 0; i < truths.size(); ++i) {
        SCOPED_TRACE(testing::Message()
                     << truths[i].tau_slots << ' ' << truths[i].beta << ' ' << factor << free);
        ASSERT_EQ(map.status[i], FitStatus::kConverged);
        // A slow decay over a free baseline is the worst conditioned: the double fit of the same rounded
        // curve is as far from the truth.
        const double tolerance = free && truths[i].tau_slots > 500 ? 1e-3 : 1e-4;
        EXPECT_NEAR(map.tau_slots[i] / truths[i].tau_slots, 1, tolerance);
        EXPECT_NEAR(map.beta[i] / truths[i].beta, 1, tolerance);
        EXPECT_NEAR(map.contrast[i] / truths[i].contrast, 1, tolerance);
        EXPECT_NEAR(map.baseline[i], free ? 1.02 : 1, tolerance * 0.3);
      }
    }
  }
}

/// Against the fit in double of the very same curves.
void expect_as_reference(const Curves& curves, const KwwModel& model, const char* name, double least_alike) {
  const KwwMap map = fit(curves, model);
  expect_honest(map);
  std::vector<double> differences;
  std::size_t alike = 0, usable = 0;
  for (std::size_t i = 0; i < curves.count; ++i) {
    const KwwFit reference = fit_kww(curves.lag_slots, curves.one(i), model, {});
    alike += map.status[i] == reference.status;
    usable += reference.usable();
    if (map.status[i] != FitStatus::kConverged || !reference.usable()) continue;
    differences.push_back(std::abs(std::log(map.tau_slots[i] / reference.tau_slots)));
  }
  std::sort(differences.begin(), differences.end());
  const double median = differences[differences.size() / 2],
               most = differences[differences.size() * 99 / 100];
  const double part = static_cast<double>(alike) / static_cast<double>(curves.count);
  std::cout << name << ": " << usable << " of " << curves.count << " usable, status alike in " << 100 * part
            << " %, |d ln tau| median " << median << ", 99 % below " << most << '\n';
  EXPECT_GE(part, least_alike);
  EXPECT_LT(median, 5e-4);
  EXPECT_LT(most, 1e-2);
}

// The tolerances are those that a map of single pixels is asked for. Statuses differ where a curve of much
// noise has two minima that are about as deep, or the least squares lie beside a bound.
TEST(PixelFits, AgreesWithTheReferenceOnNoisyCurves) {
  const Curves symmetric = curves_of(speckle_sums(), Normalization::kSymmetric);
  expect_as_reference(symmetric, {}, "speckle", 0.99);
  expect_as_reference(symmetric, {2, false}, "speckle, factor 2", 0.99);
  expect_as_reference(curves_of(speckle_sums(), Normalization::kPaper), {}, "speckle, paper's normalisation",
                      0.99);
  const test::KwwSeries dim = fifteen_times(0.1, 20, 32);
  const test::DirectSums sums(dim.views(), series_lags());
  expect_as_reference(curves_of(sums, Normalization::kSymmetric), {}, "20 electrons per pixel", 0.99);
}

TEST(PixelFits, AgreesWithTheReferenceOnAFreeBaseline) {
  Curves curves{lags(16, 1000), 600, {}};
  std::mt19937 random(6);
  std::normal_distribution<double> noise(0, 0.002);
  for (const double lag : curves.lag_slots) {
    for (std::size_t i = 0; i < curves.count; ++i) {
      const double tau = 20 + 0.2 * static_cast<double>(i), beta = 0.5 + 0.1 * static_cast<double>(i % 7);
      curves.g2.push_back(
          static_cast<float>(1.03 + 0.1 * std::exp(-std::pow(lag / tau, beta)) + noise(random)));
    }
  }
  expect_as_reference(curves, {1, true}, "free baseline", 0.99);
}

TEST(PixelFits, DividesRawSumsByBothDefinitions) {
  const test::DirectSums& sums = speckle_sums();
  Serial serial;
  for (const Normalization normalization : {Normalization::kSymmetric, Normalization::kPaper}) {
    PixelFits fits({}, {}, static_cast<int>(series_lags().size()), 1);
    KwwMap map;
    fits.fit(sums, normalization, map, serial);
    const KwwMap expected = fit(curves_of(sums, normalization), {});
    ASSERT_EQ(map.status.size(), sums.pixels().size());
    std::size_t usable = 0, near = 0;
    for (std::size_t i = 0; i < sums.pixels().size(); ++i) {
      if (map.status[i] != FitStatus::kConverged || expected.status[i] != FitStatus::kConverged) continue;
      // g2 rounded to a float is as good as 3e-8: 3e-7 of the contrast, times the condition of the fit.
      EXPECT_NEAR(map.tau_slots[i] / expected.tau_slots[i], 1, 2e-2) << i;
      ++usable;
      near += std::abs(map.tau_slots[i] / expected.tau_slots[i] - 1) < 1e-4;
    }
    EXPECT_GT(usable, sums.pixels().size() * 4 / 10);
    EXPECT_GT(near, usable * 95 / 100);
  }
}

// What a time average over 15 relaxation times does to single pixels (kww_map.h).
TEST(PixelFits, SinglePixelsReadTauShort) {
  const KwwMap map = fit(curves_of(speckle_sums(), Normalization::kSymmetric), {});
  std::vector<float> usable;
  for (std::size_t i = 0; i < map.status.size(); ++i) {
    if (map.status[i] == FitStatus::kConverged) usable.push_back(map.tau_slots[i]);
  }
  std::sort(usable.begin(), usable.end());
  const double median = usable[usable.size() / 2] / 20.0;
  std::cout << "median tau of single pixels over that of the sample: " << median << '\n';
  EXPECT_NEAR(median, 0.6, 0.06);
}

TEST(PixelFits, SaysWhyThereIsNoValue) {
  Curves curves{lags(16, 1000), 8, {}};
  const auto count = static_cast<double>(curves.lag_slots.size());
  for (std::size_t k = 0; k < curves.lag_slots.size(); ++k) {
    const double t = curves.lag_slots[k];
    const auto decay = [&](double tau, double beta) {
      return static_cast<float>(1 + 0.1 * std::exp(-std::pow(t / tau, beta)));
    };
    const float few = k < 3 ? decay(4, 1) : kNaN;
    const float falling = static_cast<float>(1.1 - 0.01 * static_cast<double>(k) / count);
    for (const float value :
         {kNaN, few, decay(30000, 1), 1.05f, 1.0f, 2 - decay(80, 0.63), decay(80, 0.63), falling})
      curves.g2.push_back(value);
  }
  KwwBounds steep;
  steep.beta_min = 0.8;
  const KwwMap map = fit(curves, {}, steep);
  expect_honest(map);
  EXPECT_EQ(map.status[0], FitStatus::kNoData);
  EXPECT_EQ(map.status[1], FitStatus::kTooShort) << "three lags";
  EXPECT_EQ(map.status[2], FitStatus::kTooShort) << "thirty longest lags";
  EXPECT_EQ(map.status[3], FitStatus::kTooShort) << "no decay at all";
  EXPECT_EQ(map.status[4], FitStatus::kNoContrast);
  EXPECT_EQ(map.status[5], FitStatus::kNoContrast) << "rises to 1";
  EXPECT_EQ(map.status[6], FitStatus::kAtBound);
  EXPECT_EQ(map.beta[6], 0.8f);
  EXPECT_EQ(map.status[7], FitStatus::kTooShort) << "a tenth of the contrast over all lags";

  KwwBounds fast;
  fast.tau_max_slots = 40;
  EXPECT_EQ(fit(curves, {}, fast).status[6], FitStatus::kAtBound);
  EXPECT_NEAR(fit(curves, {}, fast).tau_slots[6], 40, 1e-4);
  EXPECT_EQ(fit(curves, {1, true}).status[3], FitStatus::kNoContrast) << "all baseline";
}

TEST(PixelFits, TakesWhiteNoiseForNothing) {
  Curves curves{lags(16, 1000), 1000, {}};
  std::mt19937 random(7);
  std::normal_distribution<double> noise(1, 0.01);
  for (std::size_t at = 0; at < curves.lag_slots.size() * curves.count; ++at) {
    curves.g2.push_back(static_cast<float>(noise(random)));
  }
  const KwwMap map = fit(curves, {});
  const auto none = std::count(map.status.begin(), map.status.end(), FitStatus::kNoContrast);
  EXPECT_NEAR(static_cast<double>(none), 996, 6);  // 1 in 250, within three standard deviations
}

TEST(PixelFits, MasksAndDeadPixelsAndGaps) {
  test::KwwSeries series = fifteen_times(0.1, 0, 8);
  for (int t = 0; t < series.frames; ++t) {
    std::int16_t* frame = series.counts.data() + static_cast<std::size_t>(t) * 64;
    frame[10] = 0;
    frame[20] = static_cast<std::int16_t>(-frame[20]);
    if (t < 299) frame[30] = 0;  // no electron before the last frame: no past
  }
  std::vector<std::uint8_t> mask(64, 0);
  mask[5] = 1;
  std::vector<std::int64_t> slots = test::consecutive_slots(300);
  std::vector<std::int64_t> with_empty = series_lags();
  with_empty.push_back(1000);  // no pair is that far apart
  const test::DirectSums sums(series.views(), slots, with_empty, mask);
  PixelFits fits({}, {}, static_cast<int>(with_empty.size()), 1);
  KwwMap map;
  Serial serial;
  fits.fit(sums, Normalization::kSymmetric, map, serial);
  expect_honest(map);
  ASSERT_EQ(map.status.size(), 63u);
  EXPECT_EQ(map.status[9], FitStatus::kNoData) << "dead";
  EXPECT_EQ(map.status[19], FitStatus::kNoData) << "negative mean";
  EXPECT_EQ(map.status[29], FitStatus::kNoData) << "dark in the past";
  EXPECT_GT(std::count(map.status.begin(), map.status.end(), FitStatus::kConverged), 50);

  // A lag without pairs changes nothing.
  const test::DirectSums plain(series.views(), slots, series_lags(), mask);
  KwwMap same;
  fits.fit(plain, Normalization::kSymmetric, same, serial);
  expect_equal_bits(map, same);
}

TEST(PixelFits, LeavesOutLagsWithoutAValue) {
  Curves curves{lags(16, 1000), 600, {}};
  std::mt19937 random(8);
  std::normal_distribution<double> noise(0, 0.004);
  for (const double lag : curves.lag_slots) {
    for (std::size_t i = 0; i < curves.count; ++i) {
      const double g2 = 1 + 0.1 * std::exp(-std::pow(lag / 90, 0.7)) + noise(random);
      curves.g2.push_back(random() % 8 == 0 ? (i % 2 == 0 ? kNaN : -1 / 0.0f) : static_cast<float>(g2));
    }
  }
  expect_as_reference(curves, {}, "an eighth of the lags missing", 0.99);
  expect_as_reference(curves, {1, true}, "an eighth of the lags missing, free baseline", 0.99);
}

// Everything at hand that is not a curve at all.
TEST(PixelFits, IsHonestAboutNonsense) {
  Curves curves{lags(16, 1000), 2000, {}};
  std::mt19937 random(9);
  for (std::size_t at = 0; at < curves.lag_slots.size() * curves.count; ++at) {
    const double u = static_cast<double>(random()) / 0x1p32;
    const std::size_t kind = at % curves.count % 8;
    const double scale = std::pow(10.0, static_cast<double>(at % curves.count % 40) - 20);
    curves.g2.push_back(static_cast<float>(kind == 0   ? u * scale
                                           : kind == 1 ? -u * scale
                                           : kind == 2 ? 1 + (u < 0.02 ? scale : 0)
                                           : kind == 3 ? std::tan(3.14 * (u - 0.5))
                                           : kind == 4 ? (u < 0.8 ? kNaN : 1 + u)
                                           : kind == 5 ? 1 + 1e-7 * u
                                           : kind == 6 ? 1 + (at < curves.count ? 1 : 0) * scale
                                                       : 1 + (at / curves.count < 20 ? 0.1 : 0)));
  }
  for (const bool free : {false, true}) {
    for (const int factor : {1, 2}) {
      PixelFits fits({factor, free}, {}, 64, 1);
      KwwMap map;
      Serial serial;
      for (int again = 0; again < 3; ++again) {
        fits.fit_curves(curves.lag_slots, curves.g2, map, serial);
        expect_honest(map);
      }
    }
  }
}

/// A batch and a bit of everything.
Curves mixture() {
  Curves curves{lags(12, 500), 3 * internal::kBatchCurves + 77, {}};
  std::mt19937 random(10);
  std::normal_distribution<double> noise(0, 1);
  for (const double lag : curves.lag_slots) {
    for (std::size_t i = 0; i < curves.count; ++i) {
      const double tau = 3 + static_cast<double>(i % 300), sigma = 1e-4 * static_cast<double>(i % 97);
      const double g2 = 1 + 0.1 * std::exp(-std::pow(lag / tau, 0.63)) + sigma * noise(random);
      curves.g2.push_back(i >= internal::kBatchCurves && random() % 50 == 0 ? kNaN : static_cast<float>(g2));
    }
  }
  return curves;
}

TEST(PixelFits, SameBitsWhateverTheLanes) {
  const Curves curves = mixture();
  for (const bool free : {false, true}) {
    const KwwMap expected = fit(curves, {1, free});
    for (const int lanes : {1, 2, 3, 7}) {
      test::ScatteredLanes parallel(lanes);
      PixelFits fits({1, free}, {}, static_cast<int>(curves.lag_slots.size()), lanes);
      KwwMap map;
      fits.fit_curves(curves.lag_slots, curves.g2, map, parallel);
      expect_equal_bits(map, expected);
    }
  }
}

TEST(PixelFits, SameBitsWhateverTheNeighbours) {
  const Curves curves = mixture();
  const KwwMap expected = fit(curves, {});
  for (const std::size_t i : {std::size_t{0}, std::size_t{300}, curves.count - 1}) {
    Curves alone{curves.lag_slots, 1, {}};
    for (const double value : curves.one(i)) alone.g2.push_back(static_cast<float>(value));
    const KwwMap map = fit(alone, {});
    EXPECT_TRUE(equal_bits(map.tau_slots, {expected.tau_slots[i]})) << i;
    EXPECT_EQ(map.status[0], expected.status[i]) << i;
  }
}

TEST(KwwBatch, SameBitsWhateverTheWidth) {
  if (internal::widest_loops() != internal::LoopWidth::kAvx2) GTEST_SKIP() << "this processor has no AVX2";
  const Curves curves = mixture();
  for (const bool free : {false, true}) {
    for (const std::size_t first :
         {std::size_t{0}, internal::kBatchCurves}) {  // without and with missing lags
      std::vector<internal::BatchFits> results;
      for (const internal::LoopWidth width : {internal::LoopWidth::kPlain, internal::LoopWidth::kAvx2}) {
        const auto batch = std::make_unique<internal::KwwBatch>(KwwModel{1, free}, KwwBounds{}, 64);
        batch->set_lags(curves.lag_slots);
        for (std::size_t k = 0; k < curves.lag_slots.size(); ++k) {
          for (std::size_t i = 0; i < 500; ++i) batch->y(k)[i] = curves.g2[k * curves.count + first + i] - 1;
        }
        batch->fits().status.fill(FitStatus::kNoData);
        batch->fit(500, width);
        results.push_back(batch->fits());
      }
      std::size_t converged = 0;
      for (std::size_t i = 0; i < 500; ++i) {
        ASSERT_EQ(results[0].status[i], results[1].status[i]);
        if (results[0].status[i] != FitStatus::kConverged) continue;
        ++converged;
        EXPECT_EQ(results[0].tau_slots[i], results[1].tau_slots[i]);
        EXPECT_EQ(results[0].beta[i], results[1].beta[i]);
        EXPECT_EQ(results[0].contrast[i], results[1].contrast[i]);
        EXPECT_EQ(results[0].baseline[i], results[1].baseline[i]);
      }
      EXPECT_GT(converged, 400u);
    }
  }
}

TEST(PixelFits, StartsFromThePreviousMap) {
  const Curves curves = curves_of(speckle_sums(), Normalization::kSymmetric);
  for (const int factor : {1, 2}) {
    const KwwModel model{factor, false};
    const KwwMap cold = fit(curves, model);
    PixelFits fits(model, {}, 64, 1);
    Serial serial;
    KwwMap map = cold;
    for (std::size_t i = 0; i < map.status.size(); ++i) {
      if (map.status[i] == FitStatus::kConverged) map.tau_slots[i] *= 1.02f;
    }
    fits.fit_curves(curves.lag_slots, curves.g2, map, serial);
    std::size_t near = 0, usable = 0;
    for (std::size_t i = 0; i < map.status.size(); ++i) {
      usable += cold.status[i] == FitStatus::kConverged;
      near += cold.status[i] == FitStatus::kConverged && map.status[i] == FitStatus::kConverged &&
              std::abs(map.tau_slots[i] / cold.tau_slots[i] - 1) < 1e-3;
    }
    EXPECT_GT(static_cast<double>(near), 0.99 * static_cast<double>(usable));

    // What is not usable, or is nonsense, is no start.
    KwwMap bad = cold;
    for (std::size_t i = 0; i < bad.status.size(); ++i) {
      bad.tau_slots[i] = i % 2 == 0 ? kNaN : 1e-3f;
      bad.status[i] = i % 2 == 0 ? FitStatus::kConverged : FitStatus::kAtBound;
    }
    fits.fit_curves(curves.lag_slots, curves.g2, bad, serial);
    expect_equal_bits(bad, cold);
  }
}

// A start that leads nowhere costs one refresh.
TEST(PixelFits, GivesUpAStartOfAnotherCurve) {
  Curves curves{lags(16, 1000), 1, {}};
  for (const double lag : curves.lag_slots) {
    curves.g2.push_back(static_cast<float>(lag < 4 ? 1.2 : 1 - 0.1 * std::exp(-lag / 300)));
  }
  PixelFits fits({}, {}, 64, 1);
  KwwMap map;
  map.resize(1);
  map.tau_slots[0] = 200;
  map.beta[0] = 1;
  map.contrast[0] = 0.1f;
  map.baseline[0] = 1;
  map.status[0] = FitStatus::kConverged;
  Serial serial;
  fits.fit_curves(curves.lag_slots, curves.g2, map, serial);
  EXPECT_EQ(map.status[0], FitStatus::kNoContrast);
  fits.fit_curves(curves.lag_slots, curves.g2, map, serial);
  EXPECT_NE(map.status[0], FitStatus::kNoContrast);
  EXPECT_LT(map.tau_slots[0], 10);
}

TEST(PixelFits, DoesNotAllocateAgain) {
  if (!test::counts_allocations()) GTEST_SKIP() << "the sanitizer's own allocator is in place";
  const test::DirectSums& sums = speckle_sums();
  PixelFits fits({}, {}, static_cast<int>(series_lags().size()), 1);
  KwwMap map;
  Serial serial;
  fits.fit(sums, Normalization::kSymmetric, map, serial);
  const long before = test::allocations();
  fits.fit(sums, Normalization::kSymmetric, map, serial);
  fits.fit(sums, Normalization::kPaper, map, serial);
  const long made = test::allocations() - before;
  EXPECT_EQ(made, 0);
}

TEST(KwwMap, NewEntriesHaveNoData) {
  KwwMap map;
  map.resize(2);
  map.status[0] = FitStatus::kConverged;
  map.tau_slots[0] = 5;
  map.resize(4);
  EXPECT_EQ(map.tau_slots[0], 5);
  EXPECT_EQ(map.status[3], FitStatus::kNoData);
  EXPECT_TRUE(std::isnan(map.tau_slots[3]) && std::isnan(map.beta[3]) && std::isnan(map.contrast[3]));
  EXPECT_TRUE(std::isnan(map.baseline[3]));
}

}  // namespace
}  // namespace glasswatch::analysis
