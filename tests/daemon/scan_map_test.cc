#include "daemon/pipeline/scan_map.h"

#include <gtest/gtest.h>

#include <cmath>

namespace glasswatch {
namespace {

constexpr int kRows = 3, kColumns = 4;

result::Setup setup(std::vector<bool> in_ring = {true, true, false}) {
  result::Setup setup;
  for (const std::uint32_t n : {4u, 6u}) setup.add_orders(n);
  for (std::size_t k = 0; k < in_ring.size(); ++k) {
    setup.add_radius_px(10.0 + static_cast<double>(k));
    setup.add_in_ring(in_ring[k]);
  }
  return setup;
}

stream::SeriesStart scan() {
  stream::SeriesStart start;
  start.mutable_scan()->set_rows(kRows);
  start.mutable_scan()->set_columns(kColumns);
  start.mutable_scan()->set_step_nm(1.5);
  return start;
}

// A pattern whose power of row k and order index n is 100 position + 10 k + n.
result::FrameResult pattern(int row, int column) {
  result::FrameResult frame;
  frame.set_series_id(7);
  frame.set_scan_row(row);
  frame.set_scan_column(column);
  frame.set_mean_counts(row + 0.5);
  auto& symmetry = *frame.mutable_symmetry();
  const int position = row * kColumns + column;
  for (int k = 0; k < 3; ++k) {
    for (int n = 0; n < 2; ++n) symmetry.add_power(100 * position + 10 * k + n);
  }
  for (int n = 0; n < 2; ++n) {
    symmetry.add_ring_power(100 * position + 5 + n);  // mean of rows 0 and 1
    symmetry.add_ring_coefficient(-position);
  }
  return frame;
}

float value(const result::MapUpdate& update, int row, int column, int channel) {
  for (int at = 0; at < update.position_size(); ++at) {
    if (update.position(at) == static_cast<std::uint32_t>(row * kColumns + column)) {
      return update.value(at * update.channel_size() + channel);
    }
  }
  return std::nanf("");
}

class ScanMapOfSeries : public ::testing::Test {
 protected:
  ScanMapOfSeries() { map_.begin_series(7, scan(), setup(), false); }
  ScanMap map_;
  result::MapUpdate update_;
};

TEST_F(ScanMapOfSeries, UpdatesHoldWhatIsNewInAnyOrder) {
  EXPECT_FALSE(map_.take(update_));
  map_.add(pattern(2, 1));
  map_.add(pattern(0, 3));
  ASSERT_TRUE(map_.take(update_));
  EXPECT_EQ(update_.position_size(), 2);
  EXPECT_EQ(update_.filled(), 2u);
  EXPECT_FALSE(update_.complete());
  ASSERT_EQ(update_.channel_size(), 5);
  EXPECT_EQ(update_.channel(1), "power 6");
  EXPECT_EQ(update_.channel(4), "mean counts");
  EXPECT_EQ(value(update_, 2, 1, 0), 905);
  EXPECT_EQ(value(update_, 2, 1, 3), -9);
  EXPECT_EQ(value(update_, 0, 3, 1), 306);
  EXPECT_FALSE(map_.changed());
  map_.add(pattern(0, 3));  // once more: changed, not one more
  ASSERT_TRUE(map_.take(update_));
  EXPECT_EQ(update_.position_size(), 1);
  EXPECT_EQ(update_.filled(), 2u);
}

TEST_F(ScanMapOfSeries, WhatCouldNotBePassedOnIsNewsAgain) {
  map_.add(pattern(2, 1));
  map_.add(pattern(0, 3));
  ASSERT_TRUE(map_.take(update_));
  const result::MapUpdate lost = update_;
  map_.add(pattern(0, 3));
  map_.put_back(lost);
  ASSERT_TRUE(map_.take(update_));
  EXPECT_EQ(update_.position_size(), 2);
  EXPECT_EQ(value(update_, 2, 1, 0), 905);
}

TEST_F(ScanMapOfSeries, CompleteWhenEveryPositionHasArrived) {
  for (int position = kRows * kColumns - 1; position >= 0; --position) {
    EXPECT_FALSE(map_.complete());
    map_.add(pattern(position / kColumns, position % kColumns));
  }
  EXPECT_TRUE(map_.complete());
  map_.whole(update_);
  EXPECT_TRUE(update_.complete());
  EXPECT_EQ(update_.position_size(), kRows * kColumns);
  EXPECT_EQ(update_.step_nm(), 1.5);
}

TEST_F(ScanMapOfSeries, FramesOutsideTheScanAreNoPartOfIt) {
  map_.add(pattern(3, 0));
  map_.add(pattern(0, 4));
  map_.add(pattern(-1, -1));
  result::FrameResult other = pattern(0, 0);
  other.set_series_id(8);
  map_.add(other);
  EXPECT_FALSE(map_.changed());
}

TEST_F(ScanMapOfSeries, OtherRingRowsGiveTheWholeMapAnew) {
  map_.add(pattern(1, 1));
  map_.take(update_);
  map_.change_rows(setup({false, false, true}));
  ASSERT_TRUE(map_.take(update_));
  EXPECT_EQ(value(update_, 1, 1, 0), 520);  // row 2 alone
  EXPECT_EQ(value(update_, 1, 1, 1), 521);
  EXPECT_TRUE(std::isnan(value(update_, 1, 1, 2)));  // coefficients of the old rows
  EXPECT_EQ(value(update_, 1, 1, 4), 1.5F);
  map_.change_rows(setup({false, false, true}));  // nothing new
  EXPECT_FALSE(map_.changed());
}

TEST_F(ScanMapOfSeries, OtherOrdersLeaveNothingOfTheOldOnes) {
  map_.add(pattern(1, 1));
  result::Setup changed = setup();
  changed.add_orders(8);
  map_.change_rows(changed);
  ASSERT_TRUE(map_.take(update_));
  EXPECT_EQ(update_.channel_size(), 7);
  for (int channel = 0; channel < 7; ++channel) EXPECT_TRUE(std::isnan(value(update_, 1, 1, channel)));
}

TEST(ScanMap, SeriesWithoutScanHasNone) {
  ScanMap map;
  map.begin_series(7, {}, setup(), false);
  map.add(pattern(0, 0));
  EXPECT_FALSE(map.exists());
  EXPECT_FALSE(map.changed());
}

}  // namespace
}  // namespace glasswatch
