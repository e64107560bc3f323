#include "analysis/lags.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace glasswatch::analysis {
namespace {

using Lags = std::vector<std::int64_t>;

TEST(LogSpacedLags, AreAscendingAndStartWithOne) {
  EXPECT_EQ(log_spaced_lags(12, 1), (Lags{1}));
  EXPECT_EQ(log_spaced_lags(4, 20), (Lags{1, 2, 3, 6, 10, 18}));
  EXPECT_EQ(log_spaced_lags(1, 1000), (Lags{1, 10, 100, 1000}));
  const Lags lags = log_spaced_lags(12, 1000);
  EXPECT_EQ(lags.front(), 1);
  EXPECT_EQ(lags.back(), 1000);
  EXPECT_TRUE(std::adjacent_find(lags.begin(), lags.end(), std::greater_equal<>{}) == lags.end());
  EXPECT_EQ(lags[3], 4);
}

}  // namespace
}  // namespace glasswatch::analysis
