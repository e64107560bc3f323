// The calls made per frame do not allocate.
#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "analysis/angular_correlation.h"
#include "analysis/angular_correlation_rows.h"
#include "analysis/clock_offset.h"
#include "analysis/frame_statistics.h"
#include "analysis/polar.h"
#include "analysis/temperature_track.h"
#include "tests/analysis/images.h"
#include "tests/support/allocation_counter.h"

namespace glasswatch::analysis {
namespace {

TEST(NoAllocation, PerFrameCallsAfterConstruction) {
  if (!test::counts_allocations()) GTEST_SKIP() << "the sanitizer's own allocator is in place";
  constexpr int kRows = 64, kColumns = 70, kRadial = 20, kBins = 90;
  test::Image<float> image(kRows, kColumns, [](int row, int column) { return 5 + row % 7 + column % 5; });
  image.at(30, 40) = std::numeric_limits<float>::quiet_NaN();
  const test::Image<std::uint16_t> counts(kRows, kColumns, [](int row, int column) { return row * column; });

  const PolarTransform polar({31, 36, 1.02, 10, 5, 40, kRadial, kBins}, kRows, kColumns, {});
  AngularCorrelation correlation(kBins, {2, 3, 4, 5, 6}, MaskNormalization::kCentered);
  TemperatureTrack temperature({});
  ClockOffset clock(1e-3);
  for (int i = 0; i < 100; ++i) temperature.add(i * 100'000'000ll, 20 + 0.1 * i);
  std::vector<double> bins(kRadial * kBins), row_correlation(kBins), power(kRadial * 5), coefficient(5),
      ring(5);
  Serial serial;
  AngularCorrelationRows rows(kBins, {2, 3, 4, 5, 6}, MaskNormalization::kCentered, serial.lanes());
  std::vector<double> correlations(kRadial * kBins), coefficients(kRadial * 5), means(kRadial),
      variances(kRadial);
  std::vector<RowStatus> status(kRadial);
  const AngularCorrelationRows::Outputs outputs{correlations, power, coefficients, means, variances, status};
  rows.process(bins, kRadial, outputs, serial);  // learns the number of rows
  const std::vector<std::uint8_t> in_ring(kRadial, 1);

  double sink = 0;
  const long before = test::allocations();
  for (int frame = 0; frame < 100; ++frame) {
    polar.apply(frame % 2 == 0 ? image.view() : counts.view(), bins);
    for (std::size_t k = 0; k < kRadial; ++k) {
      correlation.process(std::span(bins).subspan(k * kBins, kBins), row_correlation,
                          std::span(power).subspan(k * 5, 5), coefficient);
    }
    polar.apply(image.view(), bins, serial);
    rows.process(bins, kRadial, outputs, serial);
    ring_average(power, in_ring, 5, ring);
    sink += frame_statistics(counts.view(), 100).mean_counts;
    sink += temperature.over(4'000'000'000, 5'000'000'000, 0.1).sigma_c;
    clock.add(1'000'000'000ll * (frame + 1), 1'000'000'000ll * (frame + 1) + 1000);
    if (clock.known()) sink += clock.sigma_s();
  }
  const long made = test::allocations() - before;
  EXPECT_EQ(made, 0);
  EXPECT_GT(sink, 0);

  const long check = test::allocations();
  const std::vector<double> visible(static_cast<std::size_t>(sink) % 100 + 1);
  EXPECT_NE(visible.data(), nullptr);
  EXPECT_GT(test::allocations(), check) << "the counter itself works";
}

}  // namespace
}  // namespace glasswatch::analysis
