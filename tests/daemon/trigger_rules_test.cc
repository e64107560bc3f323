#include "daemon/pipeline/trigger_rules.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "protocol/configuration/configuration.h"
#include "protocol/types/frame.h"

namespace glasswatch {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

class Rules : public ::testing::Test {
 protected:
  // One rule on the mean counts, threshold 10, with these further fields.
  void configure(const std::string& fields) {
    configuration_ = parse_configuration(
        "environment { kind: \"axon\" endpoint: \"x\" }"
        "trigger { name: \"t\" quantity: MEAN_COUNTS threshold: 10 " +
            fields + " }",
        "t", "/");
    rules_.emplace(configuration_);
  }
  // Feeds one frame a second with this value; true when the rule fires.
  bool fires(double value, result::Validity temperature = result::VALID, std::uint32_t flags = 0) {
    result::FrameResult frame;
    frame.set_sequence(sequence_);
    frame.set_time_utc_ns(static_cast<std::int64_t>(sequence_++) * 1'000'000'000);
    frame.set_mean_counts(value);
    frame.set_flags(flags);
    frame.mutable_temperature()->set_validity(temperature);
    firings_.clear();
    rules_->evaluate(frame, firings_);
    return !firings_.empty();
  }
  std::vector<bool> fires_at(const std::vector<double>& values) {
    std::vector<bool> out;
    for (const double value : values) out.push_back(fires(value));
    return out;
  }

  config::Configuration configuration_;
  std::optional<TriggerRules> rules_;
  std::vector<TriggerFiring> firings_;
  std::uint64_t sequence_ = 1000;
};

TEST_F(Rules, ConfirmsOverConsecutiveFrames) {
  configure("confirm_frames: 3 cooldown_s: 0");
  EXPECT_EQ(fires_at({11, 11, 9, 11, 11, 11}), std::vector<bool>({0, 0, 0, 0, 0, 1}));
  EXPECT_EQ(firings_[0].first_sequence, 1003u);
  EXPECT_EQ(firings_[0].value, 11);
}

TEST_F(Rules, TheThresholdItselfIsNotBeyond) {
  configure("confirm_frames: 1 cooldown_s: 0");
  EXPECT_EQ(fires_at({10, std::nextafter(10.0, 11.0)}), std::vector<bool>({0, 1}));
}

TEST_F(Rules, HysteresisHoldsUntilTheValueIsWellBack) {
  configure("confirm_frames: 1 cooldown_s: 0 hysteresis: 2");
  EXPECT_EQ(fires_at({11, 11, 9, 11, 7.9, 11}), std::vector<bool>({1, 0, 0, 0, 0, 1}));
}

TEST_F(Rules, CoolDownIsFrameTime) {
  configure("confirm_frames: 1 cooldown_s: 5 hysteresis: 0");
  EXPECT_EQ(fires_at({11, 9, 11, 9, 11, 11, 9, 11}), std::vector<bool>({1, 0, 0, 0, 0, 1, 0, 0}));
}

TEST_F(Rules, BelowWorksTheOtherWayRound) {
  configure("confirm_frames: 1 cooldown_s: 0 direction: BELOW hysteresis: 1");
  EXPECT_EQ(fires_at({11, 9, 10.5, 9, 11.5, 9}), std::vector<bool>({0, 1, 0, 0, 0, 1}));
}

TEST_F(Rules, InvalidValuesGapsAndMissingTemperatureStartAnew) {
  configure("confirm_frames: 2 cooldown_s: 0");
  EXPECT_EQ(fires_at({11, kNan, 11}), std::vector<bool>({0, 0, 0}));
  EXPECT_TRUE(fires(11));
  configure("confirm_frames: 2 cooldown_s: 0");
  EXPECT_FALSE(fires(11));
  EXPECT_FALSE(fires(11, result::STALE));
  EXPECT_FALSE(fires(11));
  rules_->interrupt();
  EXPECT_FALSE(fires(11));
  EXPECT_TRUE(fires(11));
}

TEST_F(Rules, TemperatureIsNotAskedForWhenTheRuleSaysSo) {
  configure("confirm_frames: 2 cooldown_s: 0 require_temperature: false");
  EXPECT_FALSE(fires(11, result::NO_TEMPERATURE));
  EXPECT_TRUE(fires(11, result::NO_TEMPERATURE));
}

TEST_F(Rules, LateFramesTakeNoPart) {
  configure("confirm_frames: 2 cooldown_s: 0");
  EXPECT_FALSE(fires(11));
  EXPECT_FALSE(fires(9, result::VALID, kFlagLate));
  EXPECT_TRUE(fires(11));
}

}  // namespace
}  // namespace glasswatch
