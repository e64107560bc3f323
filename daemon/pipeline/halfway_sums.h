// What the sums were at earlier moments, so that a series can be cut in two at any later time.
#pragma once

#include <cstdint>
#include <vector>

#include "analysis/parallel.h"
#include "analysis/pixel_sums.h"
#include "analysis/pooled_sums.h"

namespace glasswatch {

/// Keeps pooled sums of at most kCells coarse cells, at most kKept of them over a series: when they are full
/// every second one goes and the interval doubles. So one lies within a thirtieth of the series of any moment
/// in its second half, whatever its length. Depends on the frames only, not on when somebody looks. One
/// thread.
class HalfwaySums {
 public:
  static constexpr int kKept = 32;
  static constexpr int kCells = 1024;

  /// The geometry of `sums`; forgets what was kept.
  void begin(const analysis::PixelSums& sums);
  /// Whether the next keep() is due; the sums must be up to date for that.
  bool due(std::uint64_t frames) const { return frames >= next_frames_; }
  void keep(const analysis::PixelSums& sums, analysis::Parallel& parallel);

  /// The coarse cells of sums as they are now.
  analysis::PooledSums now(const analysis::PixelSums& sums, analysis::Parallel& parallel) const;
  /// What was kept closest to the middle of `span_slots`; null when nothing lies between a third and two
  /// thirds.
  const analysis::PooledSums* halfway(std::int64_t span_slots) const;
  const analysis::CellGrid& grid() const { return grid_; }

 private:
  analysis::CellGrid grid_;
  std::vector<analysis::PooledSums> kept_;
  std::uint64_t interval_frames_ = 1;
  std::uint64_t next_frames_ = 2;
};

}  // namespace glasswatch
