// The sums of a multi-tau correlator, pixel by pixel, as MultiTauTime says.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "analysis/multi_tau_level.h"
#include "analysis/multi_tau_products.h"
#include "analysis/wide_loops.h"

namespace glasswatch::analysis::internal {

/// Where sums are read to: (L, pixels) arrays with `stride` pixels between lags.
struct SumArrays {
  double* product;
  double* past;
  double* future;
  std::size_t stride;
};

/// Sums of x = I - reference at all levels, in strips of pixels, each strip independent of the others. Per
/// channel only sum x(t) x(t+lag) is kept for every pair. The sums of its factors are those of all samples
/// less the few that have no partner, of which those in the past of the next samples are still in the line.
/// Every accumulator adds in the order of time.
class MultiTauSums {
 public:
  /// Zero. Reserves everything.
  MultiTauSums(const MultiTauTime& time, std::size_t strips);
  static std::size_t memory_bytes(const MultiTauTime& time, std::size_t strips);

  std::size_t strips() const { return total_.size() / levels_.size(); }
  /// Writes to step.touched which rows of a strip the step needs. No allocation.
  void list_rows(MultiTauStep& step) const;
  /// One step for one strip. frames: x of its frames. fetch_next: the next strip is advanced by the same step
  /// soon.
  void advance(std::size_t strip, const MultiTauStep& step, const FloatStrip* frames, bool fetch_next,
               LoopWidth width);

  /// The sums of I for pixels [first, first + count) of a strip; `out` points to the first pixel.
  void read(std::size_t strip, std::size_t first, std::size_t count, const MultiTauTime& time,
            double reference, SumArrays out) const;
  void read_total(std::size_t strip, std::size_t first, std::size_t count, const MultiTauTime& time,
                  double reference, double* total) const;

  /// Adds sums whose reference is higher by `reference_step`. other_time: of these.
  void merge(std::size_t strip, const MultiTauSums& other, const MultiTauTime& other_time,
             double reference_step);
  void reset();

 private:
  /// Where a level's rows lie among those of a strip.
  struct Level {
    std::size_t channels, length;
    std::size_t product;         // hot rows, one per channel
    std::size_t line;            // hot rows
    std::size_t partial;         // hot row; none at the finest level
    std::size_t end;             // of the hot rows
    std::size_t without_future;  // cold rows, one per channel
    std::size_t without_past;    // cold rows, one per channel
  };

  static std::vector<Level> layout(const MultiTauTime& time);

  FloatStrip* hot(std::size_t strip) { return hot_.data() + strip * hot_rows_; }
  const FloatStrip* hot(std::size_t strip) const { return hot_.data() + strip * hot_rows_; }
  FloatStrip* cold(std::size_t strip) { return cold_.data() + strip * cold_rows_; }
  const FloatStrip* cold(std::size_t strip) const { return cold_.data() + strip * cold_rows_; }

  void take_means(FloatStrip* rows, std::span<const CarryMove> moves, const FloatStrip* frames,
                  std::array<FloatStrip*, MultiTauTime::kMostLevels> next);
  void correlate(std::size_t level, std::size_t strip, const LevelStep& step, const FloatStrip* samples,
                 LoopWidth width, Prefetch& prefetch);
  template <typename Function>
  void visit_factors(std::size_t level, std::size_t strip, const MultiTauLevel& time,
                     Function function) const;

  std::vector<Level> levels_;
  std::size_t hot_rows_, cold_rows_;  // per strip
  std::vector<FloatStrip> hot_;       // (strips, hot rows), level after level from the finest on
  std::vector<TotalStrip> total_;     // (strips, levels) of all samples
  std::vector<FloatStrip> cold_;      // (strips, cold rows), touched at gaps only
};

}  // namespace glasswatch::analysis::internal
