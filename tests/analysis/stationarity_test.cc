// The verdict on ageing, in every branch, and its words.
#include "analysis/stationarity.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

TEST(Stationarity, FollowsTheHalves) {
  EXPECT_EQ(judge_stationarity(0.1, 0.06, 100), Stationarity::kStationary);
  EXPECT_EQ(judge_stationarity(-0.1, 0.06, 100), Stationarity::kStationary);
  EXPECT_EQ(judge_stationarity(0.13, 0.06, 100), Stationarity::kAgeing);
  EXPECT_EQ(judge_stationarity(-0.13, 0.06, 100), Stationarity::kAgeing) << "rejuvenation, as well";
  EXPECT_EQ(judge_stationarity(0.13, 0.06, 15), Stationarity::kAgeing) << "halves are fair at any length";
}

TEST(Stationarity, DoesNotTakeAShortSeriesForAgeing) {
  EXPECT_EQ(judge_stationarity(0.1, 0.06, 39), Stationarity::kFiniteLength);
  EXPECT_EQ(judge_stationarity(0.1, 0.06, 41), Stationarity::kStationary);
}

TEST(Stationarity, ClaimsNothingThatItCouldNotHaveSeen) {
  EXPECT_EQ(judge_stationarity(0.1, 0.34, 100), Stationarity::kStationary) << "2 sigma below ln 2";
  EXPECT_EQ(judge_stationarity(0.1, 0.35, 100), Stationarity::kUnknown) << "a factor of two would pass";
  EXPECT_EQ(judge_stationarity(0.8, 0.35, 100), Stationarity::kAgeing) << "but this was seen";
  for (const double none : {kNaN, std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(judge_stationarity(none, 0.1, 100), Stationarity::kUnknown);
    EXPECT_EQ(judge_stationarity(0.1, none, 100), Stationarity::kUnknown);
  }
  EXPECT_EQ(judge_stationarity(0.1, 0, 100), Stationarity::kUnknown);
  EXPECT_EQ(judge_stationarity(0.1, 0.1, kNaN), Stationarity::kUnknown);
}

TEST(Stationarity, SaysItWithNumbers) {
  // 2 * 0.06 = 12 %; exp(0.34) = 1.405; 0.34 / 0.1 sigma; exp(0.7) = 2.01.
  EXPECT_EQ(stationarity_statement(0.1, 0.06, 100),
            "stationary: the halves agree within what can be resolved (12 %)");
  EXPECT_EQ(stationarity_statement(0.34, 0.1, 7),
            "ages: tau of the second half is 1.40 times that of the first (3.4 sigma)");
  EXPECT_EQ(stationarity_statement(0.1, 0.06, 7.2),
            "the halves agree within what can be resolved (12 %); tau of single pixels still climbs because "
            "T/tau is only 7: that is not ageing");
  EXPECT_EQ(stationarity_statement(0.1, 0.35, 7),
            "unknown: of halves as short as these tau could change by a factor of 2.0 unseen");
  EXPECT_EQ(stationarity_statement(kNaN, 0.1, 7), "unknown: no usable fit of both halves");
}

}  // namespace
}  // namespace glasswatch::analysis
