#include "analysis/multi_tau_level.h"

#include <algorithm>
#include <limits>

#include "analysis/check.h"

namespace glasswatch::analysis::internal {
namespace {

constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::min();

std::vector<MultiTauLevel> make_levels(std::int64_t max_lag_slots, int first_channels, int level_channels) {
  GLASSWATCH_CHECK(first_channels >= 1 && first_channels <= static_cast<int>(kMostLineRows), first_channels);
  GLASSWATCH_CHECK(level_channels >= 1 && level_channels <= static_cast<int>(kMostLineRows) / 2,
                   level_channels);
  GLASSWATCH_CHECK(first_channels < 2 * (level_channels + 1), first_channels, level_channels);
  std::vector<MultiTauLevel> levels{{0, 1, first_channels}};
  for (std::int64_t lag = first_channels; lag < max_lag_slots;) {
    const auto level = static_cast<int>(levels.size());
    GLASSWATCH_CHECK(level < MultiTauTime::kMostLevels, max_lag_slots);
    levels.emplace_back(level, level_channels + 1, level_channels);
    lag = std::int64_t{2} * level_channels << level;
  }
  return levels;
}

}  // namespace

MultiTauLevel::MultiTauLevel(int level, int first_lag, int channels)
    : level_(level),
      first_lag_(first_lag),
      line_(static_cast<std::size_t>(first_lag + channels - 1), {kNone, 0}),
      latest_(kNone),
      pairs_(static_cast<std::size_t>(channels), 0) {}

LevelStep MultiTauLevel::make_step() const {
  LevelStep step;
  step.line_rows.reserve(most_samples());
  step.pairs.resize(channels());
  for (auto& pairs : step.pairs) pairs.reserve(most_samples());
  // At the lag of a channel each sample, in the line or new, has one partner in each direction.
  step.without_future.reserve(channels() * (length() + most_samples()));
  step.without_past.reserve(channels() * most_samples());
  return step;
}

std::size_t MultiTauLevel::step_bytes() const {
  const std::size_t lone = channels() * (length() + 2 * most_samples());
  const std::size_t pairs = channels() * most_samples();
  return sizeof(LevelStep) + most_samples() * sizeof(SampleRow) +
         channels() * sizeof(std::vector<SamplePair>) + pairs * sizeof(SamplePair) +
         lone * sizeof(LoneSample);
}

const MultiTauLevel::Held* MultiTauLevel::held(std::int64_t index) const {
  const Held& held = line_[place_of(index)];
  return held.index == index ? &held : nullptr;
}

void MultiTauLevel::add_sample(std::int64_t index, LevelStep& step) {
  if (latest_ != kNone) {
    // Later empty groups are beyond all partners of the line.
    const std::int64_t end = std::min(index, latest_ + static_cast<std::int64_t>(length()) + 1);
    for (std::int64_t empty = latest_ + 1; empty < end; ++empty) pass_empty(empty, step);
  }
  const auto row = static_cast<SampleRow>(length() + step.line_rows.size());
  for (std::size_t c = 0; c < channels(); ++c) {
    if (const Held* past = held(index - lag(c))) {
      step.pairs[c].push_back({past->row, row});
      ++pairs_[c];
    } else {
      step.without_past.push_back({static_cast<std::uint16_t>(c), row});
    }
  }
  line_[place_of(index)] = {index, row};
  step.line_rows.push_back(static_cast<SampleRow>(place_of(index)));
  latest_ = index;
  ++samples_;
}

void MultiTauLevel::pass_empty(std::int64_t index, LevelStep& step) {
  for (std::size_t c = 0; c < channels(); ++c) {
    if (const Held* past = held(index - lag(c))) {
      step.without_future.push_back({static_cast<std::uint16_t>(c), past->row});
    }
  }
}

void MultiTauLevel::end_step() {
  for (std::size_t place = 0; place < line_.size(); ++place) {
    line_[place].row = static_cast<SampleRow>(place);
  }
}

int MultiTauLevel::row_of_age(std::int64_t age) const {
  const Held* sample = latest_ == kNone ? nullptr : held(latest_ - age);
  return sample == nullptr ? -1 : sample->row;
}

void MultiTauLevel::merge(const MultiTauLevel& other) {
  for (std::size_t c = 0; c < channels(); ++c) pairs_[c] += other.pairs_[c];
  samples_ += other.samples_;
}

void MultiTauLevel::reset() {
  std::fill(line_.begin(), line_.end(), Held{kNone, 0});
  latest_ = kNone;
  std::fill(pairs_.begin(), pairs_.end(), std::uint64_t{0});
  samples_ = 0;
}

MultiTauTime::MultiTauTime(std::int64_t max_lag_slots, int first_channels, int level_channels)
    : levels_(make_levels(max_lag_slots, first_channels, level_channels)), waiting_(levels_.size()) {}

/// A frame ends a waiting group and adds to one at each level, with three moves each at most.
std::size_t MultiTauTime::most_moves() const {
  return kStepFrames * (1 + 6 * levels_.size());
}

MultiTauStep MultiTauTime::make_step() const {
  MultiTauStep step;
  step.moves.reserve(most_moves());
  step.levels.reserve(levels_.size());
  for (const MultiTauLevel& level : levels_) step.levels.push_back(level.make_step());
  step.touched.reserve(most_touched());
  return step;
}

/// Rows: per level the partial sum and the products, and those of samples, some of them several times.
std::size_t MultiTauTime::most_touched() const {
  std::size_t rows = 0;
  for (const MultiTauLevel& level : levels_) {
    rows += 1 + level.channels() + level.most_samples() * (1 + level.channels());
  }
  return rows;
}

std::size_t MultiTauTime::step_bytes() const {
  std::size_t bytes =
      sizeof(MultiTauStep) + most_moves() * sizeof(CarryMove) + most_touched() * sizeof(StripRow);
  for (const MultiTauLevel& level : levels_) bytes += level.step_bytes();
  return bytes;
}

std::size_t MultiTauTime::memory_bytes() const {
  std::size_t bytes = levels_.size() * (sizeof(MultiTauLevel) + sizeof(Group));
  for (const MultiTauLevel& level : levels_) bytes += level.memory_bytes();
  return bytes;
}

void MultiTauTime::plan(std::span<const std::int64_t> slots, MultiTauStep& step) {
  step.moves.clear();
  for (LevelStep& level : step.levels) {
    level.line_rows.clear();
    for (auto& pairs : level.pairs) pairs.clear();
    level.without_future.clear();
    level.without_past.clear();
  }
  for (std::size_t frame = 0; frame < slots.size(); ++frame) add_frame(slots[frame], frame, step);
  for (MultiTauLevel& level : levels_) level.end_step();
  step.pairs = 0;
  for (std::size_t l = 0; l < levels_.size(); ++l) {
    if (!step.levels[l].line_rows.empty()) step.levels_touched = l + 1;
    for (const auto& pairs : step.levels[l].pairs) step.pairs += pairs.size();
  }
}

void MultiTauTime::add_frame(std::int64_t slot, std::size_t frame, MultiTauStep& step) {
  using Kind = CarryMove::Kind;
  // Groups that end before this slot, from the finest on: their sums belong to coarser ones, which may wait
  // or end in turn.
  for (std::size_t l = 1; l < levels_.size(); ++l) {
    const Group group = waiting_[l];
    if (group.frames == 0 || (group.index + 1) << l > slot) continue;
    step.moves.push_back({Kind::kTake, static_cast<std::uint8_t>(l), 0, 0});
    waiting_[l].frames = 0;
    climb(l, group, slot, step);
  }
  step.moves.push_back({Kind::kFrame, 0, static_cast<std::uint16_t>(frame), 0});
  levels_[0].add_sample(slot, step.levels[0]);
  climb(0, {slot, 1}, slot + 1, step);
}

/// The sum of a group that is over is in `carry`: makes it a sample, takes it to the level above, and so on
/// to the first level whose group is not over by the slot `slots_over`.
void MultiTauTime::climb(std::size_t level, Group group, std::int64_t slots_over, MultiTauStep& step) {
  using Kind = CarryMove::Kind;
  for (std::size_t l = level;;) {
    const auto at = static_cast<std::uint8_t>(l);
    if (l > 0 && 2 * group.frames >= std::uint64_t{1} << l) {
      step.moves.push_back({Kind::kSample, at, 0, static_cast<float>(group.frames)});
      levels_[l].add_sample(group.index, step.levels[l]);
    }
    if (++l == levels_.size()) return;
    group.index >>= 1;
    const auto above = static_cast<std::uint8_t>(l);
    if (waiting_[l].frames > 0) {
      step.moves.push_back({Kind::kJoin, above, 0, 0});
      group.frames += waiting_[l].frames;
      waiting_[l].frames = 0;
    } else if ((group.index + 1) << l > slots_over) {
      step.moves.push_back({Kind::kPut, above, 0, 0});
      waiting_[l] = group;
      return;
    }
  }
}

void MultiTauTime::merge(const MultiTauTime& other) {
  for (std::size_t l = 0; l < levels_.size(); ++l) levels_[l].merge(other.levels_[l]);
}

void MultiTauTime::reset() {
  for (MultiTauLevel& level : levels_) level.reset();
  std::fill(waiting_.begin(), waiting_.end(), Group{});
}

}  // namespace glasswatch::analysis::internal
