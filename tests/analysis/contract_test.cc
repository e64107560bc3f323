// Broken preconditions stop the program and print the values.
#include <gtest/gtest.h>

#include "analysis/angular_correlation.h"
#include "analysis/lags.h"
#include "analysis/polar.h"

namespace glasswatch::analysis {
namespace {

TEST(ContractDeathTest, NamesConditionAndValues) {
  EXPECT_DEATH(PolarTransform({5, 5, 1, 0, 9, 4, 3, 8}, 11, 11, {}), "r_min_px < g.r_max_px.*= 9 4");
  EXPECT_DEATH(PolarTransform({5, 5, 1, 0, 0, 4, 0, 8}, 11, 11, {}), "radial_bins.*= 0 8");
  EXPECT_DEATH(AngularCorrelation(10, {6}, MaskNormalization::kCentered), "contract broken.*= 6 10");
  EXPECT_DEATH(log_spaced_lags(0, 5), "contract broken.*= 0 5");
  const PolarTransform polar({5, 5, 1, 0, 0, 4, 3, 8}, 11, 11, {});
  std::vector<std::uint16_t> pixels(100);
  std::vector<double> out(24);
  EXPECT_DEATH(polar.apply({pixels.data(), PixelType::kU2, 10, 10}, out),
               "frame.rows == rows_.*= 10 10 11 11");
}

}  // namespace
}  // namespace glasswatch::analysis
