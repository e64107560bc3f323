// Noise floor and ring statistics together, on counted electrons with planted truth.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <numbers>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "analysis/noise_floor.h"
#include "analysis/ring_statistics.h"
#include "tests/analysis/noisy_pattern.h"

namespace glasswatch::analysis {
namespace {

using test::NoisyCamera;
using test::Pixels;
using test::PowerOfFrame;
using test::Random;
using test::RingScene;

constexpr double kPi = std::numbers::pi;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Sum of the noise-subtracted power over rows and even orders, relative to that of the noiseless frames;
/// patterns 1 + sum_n 0.1 cos(n phi - phase_n), n = 2 ... 12 even, behind a stop. `camera` counts, `assumed`
/// is believed.
double relative_bias(double dose, const DetectorNoise& camera_noise, const DetectorNoise& assumed,
                     int frames) {
  Random random(20230);
  const RingScene scene;
  const std::vector<int> orders{2, 4, 6, 8, 10, 12};
  PowerOfFrame pattern(scene, orders);
  Serial serial;
  const NoiseFloor noise_floor(pattern.transform, assumed, orders, MaskNormalization::kCentered, serial);
  const NoisyCamera camera(camera_noise);
  double truth = 0, found = 0;
  std::vector<double> floor(pattern.power.size()), coefficient_floor(floor.size()), phase(orders.size());
  Pixels electrons;
  double true_power = 0;
  for (int frame = 0; frame < frames; ++frame) {
    if (frame % 50 == 0) {
      for (double& value : phase) value = test::uniform(random, 0, 2 * kPi);
      electrons = scene.electrons(dose, [&](double r_px, double phi) {
        double value = 1;
        for (std::size_t i = 0; i < orders.size(); ++i) value += 0.1 * std::cos(orders[i] * phi - phase[i]);
        return value * (0.7 + 0.3 * std::exp(-std::pow((r_px - RingScene::kRingPx) / 4, 2) / 2));
      });
      pattern.process(camera.expected(electrons));
      true_power = std::accumulate(pattern.power.begin(), pattern.power.end(), 0.0);
    }
    pattern.process(camera.expose(electrons, random));
    noise_floor.floors(pattern.mean, floor, coefficient_floor);
    truth += true_power;
    for (std::size_t at = 0; at < floor.size(); ++at) found += pattern.power[at] - floor[at];
  }
  return found / truth - 1;
}

// Signal and floor are 0.0025 and about 0.0035 / dose per order, six orders and six independent rows: one
// standard deviation of the bias is sqrt(N^2 + 2 S N) / (6 S sqrt(frames)), 0.6 % for the numbers of frames
// chosen.
TEST(NoiseFloor, SubtractionIsUnbiasedBehindAStopAndABlur) {
  const DetectorNoise noise{.counts_per_electron = 12, .read_noise_counts = 4, .blur_sigma_px = 0.7};
  const std::pair<double, int> cases[] = {{10, 300}, {3, 700}, {1, 2000}};
  for (const auto& [dose, frames] : cases) {
    const double bias = relative_bias(dose, noise, noise, frames);
    std::cout << dose << " electrons per ring pixel: bias " << 100 * bias << " %\n";
    EXPECT_NEAR(bias, 0, 0.03);
  }
  DetectorNoise sharp = noise;
  sharp.blur_sigma_px = 0;
  EXPECT_LT(relative_bias(1, noise, sharp, 300), -0.3) << "a neglected blur must show";
}

/// Noise-subtracted ring powers of exposures of a scene.
class RingOfFrame {
 public:
  RingOfFrame(const RingScene& scene, const DetectorNoise& noise, const std::vector<int>& orders,
              double speckle_rows)
      : pattern_(scene, orders),
        floor_(pattern_.transform, noise, orders, MaskNormalization::kCentered, serial_),
        in_ring_(pattern_.mean.size(), 1),
        noise_rows_(floor_.independent_rows(in_ring_)),
        mask_(floor_.ring_mask_effect(in_ring_)),
        speckle_rows_(speckle_rows),
        power_floor_(pattern_.power.size()),
        coefficient_floor_(power_floor_.size()),
        out_(orders.size()) {}

  const std::vector<RingPower>& process(const Pixels& counts) {
    pattern_.process(counts);
    floor_.floors(pattern_.mean, power_floor_, coefficient_floor_);
    ring_powers(pattern_.power, power_floor_, in_ring_, noise_rows_, speckle_rows_, out_, mask_);
    return out_;
  }
  /// The mean power of a noiseless frame, nothing subtracted.
  std::vector<double> noiseless(const Pixels& counts) {
    pattern_.process(counts);
    ring_powers(pattern_.power, std::vector<double>(pattern_.power.size(), kNaN), in_ring_, 1, 1, out_);
    std::vector<double> power;
    for (const RingPower& mean : out_) power.push_back(mean.power);
    return power;
  }

 private:
  Serial serial_;
  PowerOfFrame pattern_;
  NoiseFloor floor_;
  std::vector<std::uint8_t> in_ring_;
  double noise_rows_;
  MaskEffect mask_;
  double speckle_rows_;
  std::vector<double> power_floor_, coefficient_floor_;
  std::vector<RingPower> out_;
};

const DetectorNoise kCamera{.counts_per_electron = 12, .read_noise_counts = 4, .blur_sigma_px = 0.7};
constexpr double kDiscRadiusPx = 3;

/// Independent rows of the speckle of `friedel_discs` on the 12 px of the ring.
double rows_of_discs() {
  const double disc_px = kStrewnDiscLength * kDiscRadiusPx;
  return speckle_rows(12,
                      std::sqrt(disc_px * disc_px + 2 * kPi * kCamera.blur_sigma_px * kCamera.blur_sigma_px));
}

/// Random Friedel pairs of discs strewn over the ring; the mean is about dose, `contrast` of it in the discs.
Pixels friedel_discs(const RingScene& scene, double dose, double contrast, Random& random) {
  constexpr int kPairs = 50, kSize = RingScene::kSize;
  constexpr double kInnerPx = 28, kOuterPx = 52;
  Pixels hits(kSize * kSize, 0.0);
  const auto paint = [&](double x, double y) {
    const double column = RingScene::kCentrePx + x, row = RingScene::kCentrePx + y;
    for (int i = static_cast<int>(row - 4); i <= static_cast<int>(row + 5); ++i) {
      for (int j = static_cast<int>(column - 4); j <= static_cast<int>(column + 5); ++j) {
        if (i < 0 || j < 0 || i >= kSize || j >= kSize) continue;
        hits[static_cast<std::size_t>(i * kSize + j)] +=
            std::clamp(kDiscRadiusPx + 0.5 - std::hypot(i - row, j - column), 0.0, 1.0);
      }
    }
  };
  for (int pair = 0; pair < kPairs; ++pair) {
    const double squared_px2 = test::uniform(random, kInnerPx * kInnerPx, kOuterPx * kOuterPx);
    const double phi = test::uniform(random, 0, kPi), r_px = std::sqrt(squared_px2);
    paint(r_px * std::cos(phi), r_px * std::sin(phi));
    paint(-r_px * std::cos(phi), -r_px * std::sin(phi));
  }
  const double covered =
      kDiscRadiusPx * kDiscRadiusPx * 2 * kPairs / (kOuterPx * kOuterPx - kInnerPx * kInnerPx);
  Pixels electrons = scene.electrons(dose, [](double, double) { return 1.0; });
  for (std::size_t pixel = 0; pixel < hits.size(); ++pixel) {
    electrons[pixel] *= 1 + contrast * (hits[pixel] / covered - 1);
  }
  return electrons;
}

// The largest distance between the distribution of p-values and the uniform one. Pure noise behind a stop,
// 300 frames of 6 orders: 1800 values, whose distance stays below 1.63/sqrt(1800) = 0.038 in 99 of 100 cases
// if they are independent and the law is exact.
TEST(RingSignificance, IsUniformForPureNoise) {
  Random random(5);
  const RingScene scene;
  for (const double dose : {1.0, 5.0}) {
    RingOfFrame ring_of(scene, kCamera, {1, 3, 5, 7, 9, 11}, kNaN);
    const Pixels electrons = scene.electrons(dose, [](double, double) { return 1.0; });
    const NoisyCamera camera(kCamera);
    std::vector<double> p_values;
    for (int frame = 0; frame < 300; ++frame) {
      for (const RingPower& mean : ring_of.process(camera.expose(electrons, random))) {
        p_values.push_back(mean.significance);
      }
    }
    std::sort(p_values.begin(), p_values.end());
    const auto count = static_cast<double>(p_values.size());
    double distance = 0;
    for (std::size_t i = 0; i < p_values.size(); ++i) {
      const auto rank = static_cast<double>(i);
      distance = std::max({distance, (rank + 1) / count - p_values[i], p_values[i] - rank / count});
    }
    const auto below = [&](double p) {
      return static_cast<double>(std::lower_bound(p_values.begin(), p_values.end(), p) - p_values.begin()) /
             count;
    };
    std::cout << dose << " e: distance from uniform " << distance << ", below 0.01: " << below(0.01)
              << ", below 0.05: " << below(0.05) << '\n';
    EXPECT_LT(distance, 0.05);
    EXPECT_LT(below(0.01), 0.025);
  }
}

TEST(RingSignificance, OddOrdersOfFriedelPatternsAreNoise) {
  Random random(6);
  const NoisyCamera camera(kCamera);
  for (const auto& [stop, contrast] : {std::pair{false, 0.1}, {true, 0.1}, {true, 0.8}}) {
    RingScene scene;
    scene.stop = stop;
    for (const double dose : {1.0, 3.0, 10.0}) {
      RingOfFrame ring_of(scene, kCamera, {3, 5, 7, 9, 11, 2, 4, 6, 8, 10}, rows_of_discs());
      int odd = 0, even = 0;
      constexpr int kPatterns = 60;
      for (int pattern = 0; pattern < kPatterns; ++pattern) {
        const auto& means =
            ring_of.process(camera.expose(friedel_discs(scene, dose, contrast, random), random));
        for (std::size_t i = 0; i < means.size(); ++i) {
          (i < 5 ? odd : even) += means[i].state == PowerState::kConsistentWithNoise ? 1 : 0;
        }
      }
      std::cout << dose << " e, contrast " << contrast << (stop ? ", stop" : "")
                << ": consistent with noise, odd " << odd / (5.0 * kPatterns) << ", even "
                << even / (5.0 * kPatterns) << '\n';
      EXPECT_GE(odd, 0.95 * 5 * kPatterns);
      if (dose == 10) {
        EXPECT_LT(even, 0.3 * 5 * kPatterns);
      }
    }
  }
}

// Where the state is kSignal, a gain that is believed 10 % wrong moves the power by less than 5 %.
TEST(RingSignificance, GainErrorsAreSmallWhereNothingIsSaid) {
  Random random(9);
  const RingScene scene;
  const NoisyCamera camera(kCamera);
  for (const double believed : {0.9, 1.1}) {
    DetectorNoise wrong = kCamera;
    wrong.counts_per_electron *= believed;
    RingOfFrame with_truth(scene, kCamera, {2, 4, 6}, kNaN), with_error(scene, wrong, {2, 4, 6}, kNaN);
    int signals = 0, doubtful = 0;
    for (int pattern = 0; pattern < 60; ++pattern) {
      const double dose = pattern % 3 == 0 ? 1 : pattern % 3 == 1 ? 3 : 10;
      const Pixels counts = camera.expose(friedel_discs(scene, dose, 0.15, random), random);
      const auto& truth = with_truth.process(counts);
      const auto& error = with_error.process(counts);
      for (std::size_t n = 0; n < truth.size(); ++n) {
        const double change = std::abs(error[n].power / truth[n].power - 1);
        signals += error[n].state == PowerState::kSignal ? 1 : 0;
        doubtful += error[n].state != PowerState::kSignal && change > 0.05 ? 1 : 0;
        EXPECT_TRUE(error[n].state != PowerState::kSignal || change < 0.06) << change;
      }
    }
    EXPECT_GT(signals, 20);
    EXPECT_GT(doubtful, 20) << "and the flags are needed";
  }
}

TEST(RingSigma, CoversTheEnsemblesMean) {
  Random random(7);
  const RingScene scene;
  const NoisyCamera camera(kCamera);
  const std::vector<int> orders{2, 4, 6, 8};
  RingOfFrame ring_of(scene, kCamera, orders, rows_of_discs());
  constexpr int kPatterns = 150;
  std::vector<double> truth(orders.size());  // does not depend on the dose
  for (int pattern = 0; pattern < 3 * kPatterns; ++pattern) {
    const auto power = ring_of.noiseless(camera.expected(friedel_discs(scene, 1, 0.3, random)));
    for (std::size_t i = 0; i < truth.size(); ++i) truth[i] += power[i] / (3 * kPatterns);
  }
  for (const double dose : {1.0, 10.0}) {
    int covered = 0;
    for (int pattern = 0; pattern < kPatterns; ++pattern) {
      const auto& means = ring_of.process(camera.expose(friedel_discs(scene, dose, 0.3, random), random));
      for (std::size_t i = 0; i < truth.size(); ++i) {
        covered += std::abs(means[i].power - truth[i]) < means[i].sigma ? 1 : 0;
      }
    }
    const double coverage = covered / (4.0 * kPatterns);
    std::cout << dose << " e: 1 sigma covers " << coverage << " (true power at n = 4: " << truth[1] << ")\n";
    EXPECT_GT(coverage, 0.60);
    EXPECT_LT(coverage, 0.76);
  }
}

}  // namespace
}  // namespace glasswatch::analysis
