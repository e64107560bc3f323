#include "simulators/specimen/crystallization.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <vector>

namespace glasswatch::simulation {
namespace {

constexpr double kField = 20;

// Nuclei too small and slow to stand in each other's way: 300 spheres of 0.1 nm in 8000 nm^3 forbid 2e-4 of
// the sites.
scenario::Specimen specimen(double channel_nm) {
  scenario::Specimen specimen;
  specimen.set_field_nm(kField);
  specimen.set_column_nm(8);
  specimen.set_channel_nm(channel_nm);
  auto& law = *specimen.mutable_crystallization();
  law.set_onset_c(350);
  law.set_per_um2_s(5000);
  law.set_growth_nm_per_s(0);
  law.set_first_radius_nm(0.1);
  return specimen;
}

Crystallization crystallization(const scenario::Specimen& specimen, std::uint64_t seed) {
  return Crystallization(specimen, Film(specimen, seed), seed);
}

// exp(-E / k (1/T - 1/T_onset)) with k = 8.617333e-5 eV / K, written out once more.
double factor(double energy_ev, double temperature_c) {
  return temperature_c < 350
             ? 0
             : std::exp(-energy_ev / 8.617333e-5 * (1 / (temperature_c + 273.15) - 1 / 623.15));
}

double constant_c(double /*time_s*/) {
  return 400;
}
double ramp_c(double time_s) {
  return 330 + time_s;
}

TEST(Crystallization, RatesAreThoseOfAnActivatedProcess) {
  auto settings = specimen(1.5);
  settings.mutable_crystallization()->set_growth_nm_per_s(0.01);
  const auto law = crystallization(settings, 1);
  EXPECT_DOUBLE_EQ(law.nucleation_rate_per_nm2_s(350), 5e-3);
  EXPECT_DOUBLE_EQ(law.growth_nm_per_s(350), 0.01);
  EXPECT_EQ(law.nucleation_rate_per_nm2_s(349.99), 0);
  EXPECT_EQ(law.growth_nm_per_s(349.99), 0);
  // 1.5 eV and 1.2 eV from 623.15 to 673.15 K: exponents 2.0749 and 1.6599 by hand.
  EXPECT_NEAR(law.nucleation_rate_per_nm2_s(400) / 5e-3, std::exp(2.0749), 1e-3 * std::exp(2.0749));
  EXPECT_NEAR(law.growth_nm_per_s(400) / 0.01, std::exp(1.6599), 1e-3 * std::exp(1.6599));
}

// About 250 births per seed, 10,000 in all: the mean is known to 1 %. Waiting times of a Poisson process are
// exponential: <t^2> / <t>^2 = 2, of which 10,000 give 2 / sqrt(10,000).
TEST(Crystallization, BirthsAtConstantTemperatureArePoisson) {
  const double rate_per_s = 5e-3 * factor(1.5, 400) * kField * kField;
  constexpr double kDuration = 15.75;
  double births = 0, sum = 0, sum_of_squares = 0;
  constexpr int kSeeds = 40;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    auto law = crystallization(specimen(0), seed);
    law.advance(kDuration, constant_c);
    double last_s = 0;
    for (const Nucleus& nucleus : law.nuclei()) {
      ASSERT_LE(nucleus.born_s, kDuration);
      ASSERT_GE(nucleus.born_s, last_s) << "in order of birth";
      ASSERT_EQ(nucleus.born_c, 400);
      const double wait_s = nucleus.born_s - last_s;
      sum += wait_s;
      sum_of_squares += wait_s * wait_s;
      last_s = nucleus.born_s;
      ++births;
    }
  }
  const double expected = kSeeds * rate_per_s * kDuration;
  EXPECT_GT(expected, 9000);
  EXPECT_NEAR(births, expected, 4 * std::sqrt(expected));
  EXPECT_NEAR(sum_of_squares / births / (sum / births * sum / births), 2, 4 * 2 / std::sqrt(births));
}

// The number born up to t has the mean A * integral of J(T(t')), here by Simpson's rule over 1 K/s from 350 C
// on.
TEST(Crystallization, BirthsOnARampFollowTheIntegralOfTheRate) {
  const auto expected_per_seed = [](double until_s) {
    constexpr int kIntervals = 2000;
    const double step = (until_s - 20) / kIntervals;
    double sum = 0;
    for (int i = 0; i <= kIntervals; ++i) {
      const int weight = i == 0 || i == kIntervals ? 1 : (i % 2 == 1 ? 4 : 2);
      sum += weight * factor(1.5, ramp_c(20 + i * step));
    }
    return 1e-3 * kField * kField * sum * step / 3;
  };
  auto settings = specimen(0);
  settings.mutable_crystallization()->set_per_um2_s(1000);
  double early = 0, all = 0;
  constexpr int kSeeds = 40;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    auto law = crystallization(settings, seed);
    law.advance(20, ramp_c);
    ASSERT_TRUE(law.nuclei().empty()) << "below the onset";
    law.advance(60, ramp_c);
    early += static_cast<double>(law.nuclei().size());
    law.advance(90, ramp_c);
    all += static_cast<double>(law.nuclei().size());
    for (const Nucleus& nucleus : law.nuclei()) {
      ASSERT_NEAR(nucleus.born_c, ramp_c(nucleus.born_s), 1e-9);
      ASSERT_GE(nucleus.born_c, 350);
    }
  }
  const double expected_early = kSeeds * expected_per_seed(60);
  const double expected_late = kSeeds * expected_per_seed(90) - expected_early;
  EXPECT_NEAR(early, expected_early, 4 * std::sqrt(expected_early));
  EXPECT_NEAR(all - early, expected_late, 4 * std::sqrt(expected_late));
  EXPECT_GT(expected_late, 2 * expected_early);
}

TEST(Crystallization, GrowsAtItsSpeedUpToTheLargest) {
  auto settings = specimen(1.5);
  auto& law = *settings.mutable_crystallization();
  law.set_per_um2_s(20);
  law.set_growth_nm_per_s(0.01);
  law.set_largest_nm(1.2);
  auto nuclei = crystallization(settings, 3);
  double at_largest = 0, growing = 0;
  for (double time_s = 0; time_s < 60; time_s += 5) {
    nuclei.advance(time_s, constant_c);
    for (const Nucleus& nucleus : nuclei.nuclei()) {
      const double radius = 0.1 + 0.01 * factor(1.2, 400) * (time_s - nucleus.born_s);
      // k to seven digits in factor().
      ASSERT_NEAR(nucleus.radius_nm, std::min(radius, 1.2), 1e-6);
      ++(radius > 1.2 ? at_largest : growing);
    }
  }
  EXPECT_GT(at_largest, 3);
  EXPECT_GT(growing, 3);
}

TEST(Crystallization, GrowsOnARampByTheIntegralOfTheSpeed) {
  auto settings = specimen(1.5);
  settings.mutable_crystallization()->set_growth_nm_per_s(0.005);
  auto nuclei = crystallization(settings, 3);
  nuclei.advance(60, ramp_c);
  ASSERT_FALSE(nuclei.nuclei().empty());
  for (const Nucleus& nucleus : nuclei.nuclei()) {
    double radius = 0.1;
    constexpr int kIntervals = 1000;
    const double step = (60 - nucleus.born_s) / kIntervals;
    for (int i = 0; i < kIntervals; ++i) {
      radius += 0.005 * factor(1.2, ramp_c(nucleus.born_s + (i + 0.5) * step)) * step;
    }
    // Within the step of its birth the speed counts as constant: v' * 0.25^2 / 8 with v' = 0.036 v, v < 0.02
    // nm/s.
    ASSERT_NEAR(nucleus.radius_nm, radius, 2e-5);
  }
}

TEST(Crystallization, ChannelsArePreferredByTheirFactor) {
  auto settings = specimen(1.5);
  settings.mutable_crystallization()->set_per_um2_s(500);
  settings.mutable_crystallization()->set_channel_preference(7);
  double in_channels = 0, in_cores = 0, channel_nm2 = 0, core_nm2 = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const Film film(settings, seed);
    Crystallization law(settings, film, seed);
    law.advance(40, constant_c);
    for (const Nucleus& nucleus : law.nuclei()) {
      ASSERT_EQ(nucleus.region, film.at(nucleus.position.x_nm, nucleus.position.y_nm).region);
      ASSERT_GT(nucleus.z_nm, 0);
      ASSERT_LT(nucleus.z_nm, film.thickness_nm());
      ++(nucleus.region == Region::kChannel ? in_channels : in_cores);
    }
    const double fraction = film.channel_fraction(0.2);
    channel_nm2 += fraction * kField * kField;
    core_nm2 += (1 - fraction) * kField * kField;
  }
  const double ratio = in_channels / channel_nm2 / (in_cores / core_nm2);
  EXPECT_GT(in_cores, 500);
  // 0.5 % for counting the areas.
  EXPECT_NEAR(ratio / 7, 1, 4 * std::sqrt(1 / in_channels + 1 / in_cores) + 0.005);
}

TEST(Crystallization, PhasesHaveTheirSharesAndTheOxideStaysInChannels) {
  std::map<Phase, double> channel, core;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    auto law = crystallization(specimen(1.5), seed);
    law.advance(15, constant_c);
    for (const Nucleus& nucleus : law.nuclei()) {
      ++(nucleus.region == Region::kChannel ? channel : core)[nucleus.phase];
    }
  }
  const auto total = [](std::map<Phase, double>& counts) {
    return counts[Phase::kB2CuZr] + counts[Phase::kCu10Zr7] + counts[Phase::kMonoclinicZrO2];
  };
  const auto expect = [](double count, double all, double share) {
    EXPECT_NEAR(count, share * all, 4 * std::sqrt(share * (1 - share) * all));
  };
  ASSERT_GT(total(channel), 1000);
  ASSERT_GT(total(core), 1000);
  expect(channel[Phase::kB2CuZr], total(channel), 0.6);
  expect(channel[Phase::kCu10Zr7], total(channel), 0.3);
  expect(channel[Phase::kMonoclinicZrO2], total(channel), 0.1);
  expect(core[Phase::kB2CuZr], total(core), 2.0 / 3);
  EXPECT_EQ(core[Phase::kMonoclinicZrO2], 0);

  auto oxide_only = specimen(1.5);
  oxide_only.mutable_crystallization()->set_b2_cuzr(0);
  oxide_only.mutable_crystallization()->set_cu10zr7(0);
  auto law = crystallization(oxide_only, 1);
  law.advance(15, constant_c);
  ASSERT_FALSE(law.nuclei().empty());
  for (const Nucleus& nucleus : law.nuclei()) {
    ASSERT_EQ(nucleus.region, Region::kChannel);
    ASSERT_EQ(nucleus.phase, Phase::kMonoclinicZrO2);
  }
}

TEST(Crystallization, NothingIsBornInsideANucleus) {
  auto settings = specimen(0);
  settings.mutable_crystallization()->set_growth_nm_per_s(0.02);
  settings.mutable_crystallization()->set_largest_nm(3);
  auto law = crystallization(settings, 2);
  law.advance(60, constant_c);
  const auto nuclei = law.nuclei();
  ASSERT_GT(nuclei.size(), 100u);
  const double speed = 0.02 * factor(1.2, 400);
  const auto periodic = [](double distance) { return distance - kField * std::round(distance / kField); };
  for (std::size_t i = 0; i < nuclei.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const double radius = std::min(3.0, 0.1 + speed * (nuclei[i].born_s - nuclei[j].born_s));
      const double x = periodic(nuclei[i].position.x_nm - nuclei[j].position.x_nm);
      const double y = periodic(nuclei[i].position.y_nm - nuclei[j].position.y_nm);
      const double z = nuclei[i].z_nm - nuclei[j].z_nm;
      ASSERT_GT(std::sqrt(x * x + y * y + z * z), radius - 1e-6) << i << " in " << j;
    }
  }
  // Unhindered, 60 s would bring 950; the film is full long before.
  EXPECT_LT(static_cast<double>(nuclei.size()), 0.7 * 5e-3 * factor(1.5, 400) * kField * kField * 60);
}

TEST(Crystallization, DoesNotDependOnWhenItIsAsked) {
  auto settings = specimen(1.5);
  settings.mutable_crystallization()->set_growth_nm_per_s(0.003);
  auto often = crystallization(settings, 5);
  auto once = crystallization(settings, 5);
  for (int i = 0; i < 680; ++i) often.advance(0.0917 * i, ramp_c);
  often.advance(3, ramp_c);
  often.advance(62.5, ramp_c);
  once.advance(62.6, ramp_c);
  ASSERT_EQ(often.nuclei().size(), once.nuclei().size());
  ASSERT_GT(once.nuclei().size(), 50u);
  for (std::size_t i = 0; i < once.nuclei().size(); ++i) {
    const Nucleus& a = often.nuclei()[i];
    const Nucleus& b = once.nuclei()[i];
    ASSERT_EQ(a.position.x_nm, b.position.x_nm);
    ASSERT_EQ(a.born_s, b.born_s);
    ASSERT_EQ(a.radius_nm, b.radius_nm);
    ASSERT_EQ(a.rotation, b.rotation);
  }
}

TEST(Crystallization, WithoutASectionTheGlassStaysGlass) {
  scenario::Specimen glass;
  auto law = crystallization(glass, 1);
  law.advance(1000, [](double) { return 900.0; });
  EXPECT_TRUE(law.nuclei().empty());
  EXPECT_EQ(law.nucleation_rate_per_nm2_s(900), 0);
}

}  // namespace
}  // namespace glasswatch::simulation
