// Time in a multi-tau correlator: which samples each level has and which of them pair, worked out once for
// all pixels.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace glasswatch::analysis::internal {

/// The frames of a step at most: what happens in a step is worked out first and then done pixel by pixel.
constexpr std::size_t kStepFrames = 16;

/// The longest line of a level.
constexpr std::size_t kMostLineRows = 1024;

/// A sample of a level in a step: a row of the level's line, which holds the latest samples, or, from the
/// length of the line on, one of those that came in this step.
using SampleRow = std::uint16_t;

/// A row of a strip's sums (multi_tau_sums.h).
using StripRow = std::uint16_t;

struct SamplePair {
  SampleRow past, future;
};

/// A sample whose partner at the lag of a channel does not exist.
struct LoneSample {
  std::uint16_t channel;
  SampleRow row;
};

/// What happens at one level in one step, everything in the order of time.
struct LevelStep {
  std::vector<SampleRow> line_rows;            // per new sample: the row of the line it takes afterwards
  std::vector<std::vector<SamplePair>> pairs;  // per channel
  std::vector<LoneSample> without_future;      // known once a later sample has come
  std::vector<LoneSample> without_past;
};

/// The samples of one level: one per group of 2^level slots at most, paired at `channels` whole lags from
/// `first_lag` on. Indices count groups from the first slot of the series.
class MultiTauLevel {
 public:
  MultiTauLevel(int level, int first_lag, int channels);

  int level() const { return level_; }
  std::size_t channels() const { return pairs_.size(); }
  /// In groups of this level.
  std::int64_t lag(std::size_t channel) const { return first_lag_ + static_cast<std::int64_t>(channel); }
  /// Rows of the line: the longest lag.
  std::size_t length() const { return line_.size(); }
  /// Samples that one step can bring at most. One needs frames in half of its group, and of frames from
  /// before the step there is one group at most.
  std::size_t most_samples() const {
    return level_ == 0 ? kStepFrames : 1 + (2 * kStepFrames >> std::min(level_, 30));
  }
  LevelStep make_step() const;
  std::size_t step_bytes() const;  // of a LevelStep
  std::size_t memory_bytes() const { return line_.size() * sizeof(Held) + pairs_.size() * sizeof(pairs_[0]); }

  /// Takes the sample of a group later than all before; what follows from it is appended to `step`. However
  /// long the pause before it, the cost is that of length() groups at most.
  void add_sample(std::int64_t index, LevelStep& step);
  /// The new samples have taken their rows in the line.
  void end_step();

  /// Pairs at the lag of a channel, and samples, of merged series too.
  std::uint64_t pairs(std::size_t channel) const { return pairs_[channel]; }
  std::uint64_t samples() const { return samples_; }
  /// The row of the line with the sample `age` groups before the latest one; -1 if there is none. Between
  /// steps.
  int row_of_age(std::int64_t age) const;

  void merge(const MultiTauLevel& other);
  void reset();

 private:
  struct Held {
    std::int64_t index;
    SampleRow row;
  };

  std::size_t place_of(std::int64_t index) const { return static_cast<std::size_t>(index) % line_.size(); }
  const Held* held(std::int64_t index) const;
  void pass_empty(std::int64_t index, LevelStep& step);

  int level_;
  std::int64_t first_lag_;
  std::vector<Held> line_;  // sample `index` in place_of(index)
  std::int64_t latest_;
  std::vector<std::uint64_t> pairs_;
  std::uint64_t samples_ = 0;
};

/// One move of the sums that climb from frames to coarse samples. `carry` is the sum on its way: a group of
/// the level below when it comes to a level, the level's own when it leaves.
struct CarryMove {
  enum class Kind : std::uint8_t {
    kFrame,   // carry = frame number `frame` of the step
    kPut,     // partial = carry: the first half of a group, waiting for the second
    kJoin,    // carry = partial + carry
    kTake,    // carry = partial: the second half will not come
    kSample,  // new sample = carry / frames
  };
  Kind kind;
  std::uint8_t level;
  std::uint16_t frame;
  float frames;  // in the group
};

struct MultiTauStep {
  std::vector<CarryMove> moves;
  std::vector<LevelStep> levels;
  std::size_t levels_touched = 0;  // without the coarse ones that get no sample
  std::size_t pairs = 0;           // of all levels and channels
  std::vector<StripRow> touched;   // filled by MultiTauSums::list_rows
};

/// All levels. A group of 2^level slots, counted from the first slot of the series, is over with its last
/// slot's frame or with the first frame beyond it. It is a sample, the mean of its frames, if they are in
/// half of its slots or more.
class MultiTauTime {
 public:
  static constexpr int kMostLevels = 32;

  /// As in MultiTauSettings.
  MultiTauTime(std::int64_t max_lag_slots, int first_channels, int level_channels);

  std::span<const MultiTauLevel> levels() const { return levels_; }
  MultiTauStep make_step() const;
  std::size_t step_bytes() const;    // of a MultiTauStep
  std::size_t memory_bytes() const;  // of what the object holds beside itself

  /// Replaces `step` by what the frames of these slots do, kStepFrames at most; slots ascend from 0. No
  /// allocation.
  void plan(std::span<const std::int64_t> slots, MultiTauStep& step);

  void merge(const MultiTauTime& other);
  void reset();

 private:
  struct Group {  // with a first half that waits, if it has frames
    std::int64_t index = 0;
    std::uint64_t frames = 0;
  };

  std::size_t most_moves() const;
  std::size_t most_touched() const;
  void add_frame(std::int64_t slot, std::size_t frame, MultiTauStep& step);
  void climb(std::size_t level, Group group, std::int64_t slots_over, MultiTauStep& step);

  std::vector<MultiTauLevel> levels_;
  std::vector<Group> waiting_;  // per level; none at level 0
};

}  // namespace glasswatch::analysis::internal
