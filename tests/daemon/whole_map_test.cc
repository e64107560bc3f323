// A map put together from updates, in any order, and refused where they do not fit.
#include "protocol/client/whole_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

namespace glasswatch {
namespace {

using Outcome = WholeMap::Outcome;

// Two channels; the planted value of position p and channel c is 10 p + c.
result::MapUpdate update_of(const std::vector<std::uint32_t>& positions, std::uint32_t rows = 3,
                            std::uint32_t columns = 4, std::uint64_t series = 7) {
  result::MapUpdate update;
  update.set_series_id(series);
  update.set_kind(result::MapUpdate::SCAN);
  update.set_rows(rows);
  update.set_columns(columns);
  update.add_channel("power 4");
  update.add_channel("mean counts");
  for (const std::uint32_t position : positions) {
    update.add_position(position);
    update.add_value(10.0F * static_cast<float>(position));
    update.add_value(10.0F * static_cast<float>(position) + 1);
  }
  return update;
}

void expect_planted(const WholeMap& map, std::size_t position) {
  EXPECT_EQ(map.at(position)[0], 10.0F * static_cast<float>(position));
  EXPECT_EQ(map.at(position)[1], 10.0F * static_cast<float>(position) + 1);
}

TEST(WholeMap, IsTheSameWhateverTheOrderAndSizeOfTheUpdates) {
  std::vector<std::uint32_t> order(83 * 5);
  std::iota(order.begin(), order.end(), 0);
  std::mt19937 random(3);
  std::shuffle(order.begin(), order.end(), random);
  WholeMap map;
  EXPECT_TRUE(map.empty());
  for (std::size_t first = 0, size = 1; first < order.size(); first += size, size = 1 + random() % 20) {
    const auto begin = order.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end = order.begin() + static_cast<std::ptrdiff_t>(std::min(first + size, order.size()));
    EXPECT_EQ(map.add(update_of({begin, end}, 83, 5)), Outcome::kTaken);
  }
  for (std::size_t position = 0; position < order.size(); ++position) expect_planted(map, position);
  const result::MapUpdate all = map.update();
  ASSERT_EQ(all.position_size(), 83 * 5);
  EXPECT_TRUE(std::is_sorted(all.position().begin(), all.position().end()));
  EXPECT_EQ(all.channel_size(), 2);
}

TEST(WholeMap, PositionsThatHaveNotArrivedAreNotInTheWholeAndAreNan) {
  WholeMap map;
  EXPECT_EQ(map.add(update_of({11, 2})), Outcome::kTaken);
  const result::MapUpdate all = map.update();
  EXPECT_EQ(std::vector<std::uint32_t>(all.position().begin(), all.position().end()),
            (std::vector<std::uint32_t>{2, 11}));
  EXPECT_EQ(std::vector<float>(all.value().begin(), all.value().end()),
            (std::vector<float>{20, 21, 110, 111}));
  for (const std::size_t position : {0, 1, 3, 10}) EXPECT_TRUE(std::isnan(map.at(position)[1]));
}

TEST(WholeMap, PartsTogetherAreTheWhole) {
  WholeMap map;
  map.add(update_of({0, 3, 4, 5, 11}));
  WholeMap copy;
  for (std::size_t first = 0; first < 12; first += 5) copy.add(map.update(first, first + 5));
  EXPECT_EQ(copy.update().SerializeAsString(), map.update().SerializeAsString());
}

TEST(WholeMap, ALaterValueReplacesAnEarlierOne) {
  WholeMap map;
  map.add(update_of({0, 1}));
  result::MapUpdate again = update_of({1});
  again.set_value(0, -5);
  again.set_filled(2);
  map.add(again);
  EXPECT_EQ(map.at(1)[0], -5);
  EXPECT_EQ(map.header().filled(), 2u);
  expect_planted(map, 0);
}

TEST(WholeMap, AnotherSeriesSizeOrListOfChannelsBeginsAnew) {
  result::MapUpdate channels = update_of({3});
  channels.set_channel(0, "power 6");
  for (const result::MapUpdate& other :
       {update_of({3}, 3, 4, 8), update_of({3}, 4, 3), update_of({3}, 3, 5), channels}) {
    WholeMap map;
    map.add(update_of({0, 1}));
    EXPECT_EQ(map.add(other), Outcome::kTaken);
    EXPECT_EQ(map.update().position_size(), 1) << other.DebugString();
    expect_planted(map, 3);
  }
}

TEST(WholeMap, EveryUpdateOfTilesIsAWholeMap) {
  WholeMap map;
  for (const std::uint32_t position : {1, 2}) {
    result::MapUpdate tiles = update_of({position});
    tiles.set_kind(result::MapUpdate::TILES);
    EXPECT_EQ(map.add(tiles), Outcome::kTaken);
    EXPECT_EQ(map.update().position_size(), 1);
    EXPECT_EQ(map.update().position(0), position);
  }
}

TEST(WholeMap, WhatDoesNotFitIsRefusedAndChangesNothing) {
  WholeMap map;
  map.add(update_of({0, 1}));
  const std::string before = map.update().SerializeAsString();

  result::MapUpdate no_kind = update_of({2});
  no_kind.clear_kind();
  result::MapUpdate no_channel = update_of({});
  no_channel.clear_channel();
  result::MapUpdate short_values = update_of({2});
  short_values.mutable_value()->RemoveLast();
  for (const result::MapUpdate& bad :
       {no_kind, no_channel, short_values, update_of({12}), update_of({}, 0, 4), update_of({}, 4, 0)}) {
    EXPECT_EQ(map.add(bad), Outcome::kMalformed) << bad.DebugString();
  }
  // 2 channels: 2^25 positions are the limit, and sizes whose product does not fit 64 bits are above it too.
  EXPECT_EQ(map.add(update_of({}, 1u << 15, (1u << 10) + 1)), Outcome::kTooLarge);
  EXPECT_EQ(map.add(update_of({}, 0xffffffffu, 0xffffffffu)), Outcome::kTooLarge);
  EXPECT_EQ(map.update().SerializeAsString(), before);
}

}  // namespace
}  // namespace glasswatch
