#include "daemon/pipeline/time_grid.h"

#include <gtest/gtest.h>

namespace glasswatch {
namespace {

FrameInfo frame_at(double seconds, std::uint64_t sequence) {
  FrameInfo info;
  info.sequence = sequence;
  info.exposure_start_utc_ns = 1'700'000'000'000'000'000 + static_cast<std::int64_t>(seconds * 1e9);
  return info;
}

class TimeGridOfFiveSeconds : public ::testing::Test {
 protected:
  TimeGridOfFiveSeconds() {
    grid_.begin(5);
    grid_.set_reach(20);
  }
  std::optional<std::int64_t> slot(double seconds, std::uint64_t sequence) {
    const FrameInfo info = frame_at(seconds, sequence);
    grid_.observe(info);
    return grid_.slot_of(info);
  }
  TimeGrid grid_;
};

TEST_F(TimeGridOfFiveSeconds, TimesAreRoundedToSlotsNotCounted) {
  EXPECT_EQ(slot(100, 7), 0);
  EXPECT_EQ(slot(105.3, 8), 1);
  EXPECT_EQ(slot(119.4, 9), 4);  // two were lost, whatever the sequence says
  EXPECT_EQ(slot(110, 10), 2);   // late
  EXPECT_EQ(slot(92, 11), -2);
}

TEST_F(TimeGridOfFiveSeconds, AFarJumpIsBelievedWhenTheNextFrameConfirmsIt) {
  EXPECT_EQ(slot(0, 0), 0);
  EXPECT_EQ(slot(1e9, 1), std::nullopt);  // a broken stamp
  EXPECT_EQ(slot(10, 2), 2);
  EXPECT_EQ(slot(1000, 3), std::nullopt);  // a pause
  EXPECT_EQ(slot(1005, 4), 201);
  EXPECT_EQ(slot(1010, 5), 202);
}

TEST_F(TimeGridOfFiveSeconds, AFarJumpBackIsNeverBelieved) {
  EXPECT_EQ(slot(10'000, 0), 0);
  EXPECT_EQ(slot(10'005, 1), 1);
  EXPECT_EQ(slot(0, 2), std::nullopt);
  EXPECT_EQ(slot(5, 3), std::nullopt);
}

TEST(TimeGrid, WithoutAPeriodTheFirstTwoFramesGiveIt) {
  TimeGrid grid;
  grid.begin(0);
  grid.observe(frame_at(3, 10));
  EXPECT_FALSE(grid.known());
  grid.observe(frame_at(3, 10));  // the same again tells nothing
  EXPECT_FALSE(grid.known());
  grid.observe(frame_at(4, 14));
  ASSERT_TRUE(grid.known());
  EXPECT_DOUBLE_EQ(grid.period_s(), 0.25);
}

}  // namespace
}  // namespace glasswatch
