#include "analysis/multi_tau_sums.h"

#include <algorithm>

#include "analysis/widest_loop.h"

namespace glasswatch::analysis::internal {
namespace {

/// New samples of all levels in a step, without level 0: sum of most_samples() over kMostLevels - 1 levels.
constexpr std::size_t kMostNewSamples = (MultiTauTime::kMostLevels - 1) + 2 * kStepFrames;
/// Of a level: its line and the new samples.
constexpr std::size_t kMostRows = kMostLineRows + kStepFrames + 1;

GLASSWATCH_LOOP void add(const float* a, const float* b, float* sum) {
  for (std::size_t i = 0; i < kStripPixels; ++i) sum[i] = a[i] + b[i];
}

GLASSWATCH_LOOP void add_to_total(const float* values, double* total) {
  for (std::size_t i = 0; i < kStripPixels; ++i) total[i] += static_cast<double>(values[i]);
}

GLASSWATCH_LOOP void divide(const float* sum, float count, float* mean) {
  for (std::size_t i = 0; i < kStripPixels; ++i) mean[i] = sum[i] / count;
}

void accumulate(const FloatStrip& values, FloatStrip& sum) {
  widest<add>(sum.pixels.data(), values.pixels.data(), sum.pixels.data());
}

void accumulate(const FloatStrip& values, TotalStrip& total) {
  widest<add_to_total>(values.pixels.data(), total.pixels.data());
}

void add_rounded(double value, float& sum) {
  sum = static_cast<float>(static_cast<double>(sum) + value);
}

/// From the sums of x to those of I = x + m.
GLASSWATCH_LOOP void add_reference(const float* product, const double* past, const double* future,
                                   double reference, double pairs, std::size_t count, double* product_out,
                                   double* past_out, double* future_out) {
  const double shift = reference * pairs;
  for (std::size_t i = 0; i < count; ++i) {
    product_out[i] = static_cast<double>(product[i]) + reference * ((past[i] + future[i]) + shift);
    past_out[i] = past[i] + shift;
    future_out[i] = future[i] + shift;
  }
}

/// The sums of x over the pairs of a channel.
GLASSWATCH_LOOP void take_out(const double* total, const double* latest, const float* without_future,
                              const float* without_past, double* past, double* future) {
  for (std::size_t i = 0; i < kStripPixels; ++i) {
    past[i] = (total[i] - latest[i]) - static_cast<double>(without_future[i]);
    future[i] = total[i] - static_cast<double>(without_past[i]);
  }
}

}  // namespace

std::vector<MultiTauSums::Level> MultiTauSums::layout(const MultiTauTime& time) {
  std::vector<Level> levels;
  std::size_t hot = 0, cold = 0;
  for (const MultiTauLevel& level : time.levels()) {
    const std::size_t channels = level.channels(), length = level.length();
    const std::size_t line = hot + channels, partial = line + length;
    const std::size_t end = partial + (level.level() > 0 ? 1 : 0);
    levels.push_back({channels, length, hot, line, partial, end, cold, cold + channels});
    hot = end;
    cold += 2 * channels;
  }
  return levels;
}

MultiTauSums::MultiTauSums(const MultiTauTime& time, std::size_t strips)
    : levels_(layout(time)),
      hot_rows_(levels_.back().end),
      cold_rows_(levels_.back().without_past + levels_.back().channels),
      hot_(strips * hot_rows_),
      total_(strips * levels_.size()),
      cold_(strips * cold_rows_) {}

std::size_t MultiTauSums::memory_bytes(const MultiTauTime& time, std::size_t strips) {
  const std::vector<Level> levels = layout(time);
  const std::size_t rows = levels.back().end + levels.back().without_past + levels.back().channels;
  return levels.size() * sizeof(Level) +
         strips * (rows * sizeof(FloatStrip) + levels.size() * sizeof(TotalStrip));
}

void MultiTauSums::list_rows(MultiTauStep& step) const {
  step.touched.clear();
  const auto touch = [&](std::size_t row) { step.touched.push_back(static_cast<StripRow>(row)); };
  for (std::size_t l = 0; l < step.levels_touched; ++l) {
    const Level& at = levels_[l];
    const LevelStep& level = step.levels[l];
    if (l > 0) touch(at.partial);
    for (const SampleRow row : level.line_rows) touch(at.line + row);
    for (std::size_t c = 0; c < at.channels; ++c) {
      if (!level.pairs[c].empty()) touch(at.product + c);
      for (const SamplePair pair : level.pairs[c]) {
        if (pair.past < at.length) touch(at.line + pair.past);
      }
    }
  }
  std::sort(step.touched.begin(), step.touched.end());
  step.touched.erase(std::unique(step.touched.begin(), step.touched.end()), step.touched.end());
}

void MultiTauSums::advance(std::size_t strip, const MultiTauStep& step, const FloatStrip* frames,
                           bool fetch_next, LoopWidth width) {
  std::array<FloatStrip, kMostNewSamples> means;  // of coarse groups, one level after the other
  std::array<FloatStrip*, MultiTauTime::kMostLevels> samples;
  FloatStrip* free = means.data();
  for (std::size_t l = 1; l < step.levels_touched; ++l) {
    samples[l] = free;
    free += step.levels[l].line_rows.size();
  }
  const std::size_t next = fetch_next && strip + 1 < strips() ? strip + 1 : strip;
  Prefetch prefetch(hot(next), std::span(step.touched).first(next > strip ? step.touched.size() : 0),
                    step.pairs);
  take_means(hot(strip), step.moves, frames, samples);
  correlate(0, strip, step.levels[0], frames, width, prefetch);
  for (std::size_t l = 1; l < step.levels_touched; ++l) {
    correlate(l, strip, step.levels[l], samples[l], width, prefetch);
  }
}

/// Writes the new samples of every level but the finest. rows: the hot ones of the strip.
void MultiTauSums::take_means(FloatStrip* rows, std::span<const CarryMove> moves, const FloatStrip* frames,
                              std::array<FloatStrip*, MultiTauTime::kMostLevels> next) {
  FloatStrip sum;
  const FloatStrip* carry = frames;
  for (const CarryMove& move : moves) {
    const std::size_t partial = levels_[move.level].partial;
    switch (move.kind) {
      case CarryMove::Kind::kFrame:
        carry = frames + move.frame;
        break;
      case CarryMove::Kind::kPut:
        rows[partial] = *carry;
        break;
      case CarryMove::Kind::kJoin:
        widest<add>(rows[partial].pixels.data(), carry->pixels.data(), sum.pixels.data());
        carry = &sum;
        break;
      case CarryMove::Kind::kTake:
        carry = rows + partial;
        break;
      case CarryMove::Kind::kSample:
        widest<divide>(carry->pixels.data(), move.frames, next[move.level]->pixels.data());
        ++next[move.level];
        break;
    }
  }
}

void MultiTauSums::correlate(std::size_t level, std::size_t strip, const LevelStep& step,
                             const FloatStrip* samples, LoopWidth width, Prefetch& prefetch) {
  const std::size_t count = step.line_rows.size();
  if (count == 0) return;
  const Level& at = levels_[level];
  FloatStrip* line = hot(strip) + at.line;
  std::array<const FloatStrip*, kMostRows> rows;
  for (std::size_t r = 0; r < at.length; ++r) rows[r] = line + r;
  for (std::size_t k = 0; k < count; ++k) rows[at.length + k] = samples + k;

  add_products(rows.data(), step.pairs, hot(strip) + at.product, width, prefetch);
  for (const LoneSample lone : step.without_future) {
    accumulate(*rows[lone.row], cold(strip)[at.without_future + lone.channel]);
  }
  for (const LoneSample lone : step.without_past) {
    accumulate(*rows[lone.row], cold(strip)[at.without_past + lone.channel]);
  }
  TotalStrip& total = total_[strip * levels_.size() + level];
  for (std::size_t k = 0; k < count; ++k) {
    accumulate(samples[k], total);
    line[step.line_rows[k]] = samples[k];
  }
}

/// Calls function(channel, past, future) with the sums of x over the pairs of each channel.
template <typename Function>
void MultiTauSums::visit_factors(std::size_t level, std::size_t strip, const MultiTauLevel& time,
                                 Function function) const {
  const Level& at = levels_[level];
  const FloatStrip* line = hot(strip) + at.line;
  const double* total = total_[strip * levels_.size() + level].pixels.data();
  TotalStrip latest{}, past, future;
  std::int64_t age = 0;
  for (std::size_t c = 0; c < at.channels; ++c) {
    for (; age < time.lag(c); ++age) {
      const int row = time.row_of_age(age);
      if (row >= 0) accumulate(line[row], latest);
    }
    widest<take_out>(total, latest.pixels.data(), cold(strip)[at.without_future + c].pixels.data(),
                     cold(strip)[at.without_past + c].pixels.data(), past.pixels.data(),
                     future.pixels.data());
    function(c, past, future);
  }
}

void MultiTauSums::read(std::size_t strip, std::size_t first, std::size_t count, const MultiTauTime& time,
                        double reference, SumArrays out) const {
  for (std::size_t l = 0; l < levels_.size(); ++l) {
    const MultiTauLevel& level_time = time.levels()[l];
    const FloatStrip* product = hot(strip) + levels_[l].product;
    visit_factors(l, strip, level_time, [&](std::size_t c, const TotalStrip& past, const TotalStrip& future) {
      const auto pairs = static_cast<double>(level_time.pairs(c));
      if (pairs > 0) {
        widest<add_reference>(product[c].pixels.data() + first, past.pixels.data() + first,
                              future.pixels.data() + first, reference, pairs, count, out.product, out.past,
                              out.future);
      } else {  // nothing, without the rounding of differences
        for (double* sums : {out.product, out.past, out.future}) std::fill_n(sums, count, 0.0);
      }
      out.product += out.stride;
      out.past += out.stride;
      out.future += out.stride;
    });
  }
}

void MultiTauSums::read_total(std::size_t strip, std::size_t first, std::size_t count,
                              const MultiTauTime& time, double reference, double* total) const {
  const double shift = reference * static_cast<double>(time.levels()[0].samples());
  const double* x = total_[strip * levels_.size()].pixels.data() + first;
  for (std::size_t i = 0; i < count; ++i) total[i] = x[i] + shift;
}

/// With x + d in the place of x, the sums that are added grow by their number of terms times d, and the
/// products as (x + d)(x' + d) says.
void MultiTauSums::merge(std::size_t strip, const MultiTauSums& other, const MultiTauTime& other_time,
                         double reference_step) {
  const double d = reference_step;
  for (std::size_t l = 0; l < levels_.size(); ++l) {
    const Level& at = levels_[l];
    const MultiTauLevel& time = other_time.levels()[l];
    const auto samples = static_cast<double>(time.samples());
    TotalStrip& total = total_[strip * levels_.size() + l];
    const TotalStrip& other_total = other.total_[strip * levels_.size() + l];
    other.visit_factors(l, strip, time, [&](std::size_t c, const TotalStrip& past, const TotalStrip& future) {
      const FloatStrip& other_product = other.hot(strip)[at.product + c];
      FloatStrip& product = hot(strip)[at.product + c];
      FloatStrip& without_future = cold(strip)[at.without_future + c];
      FloatStrip& without_past = cold(strip)[at.without_past + c];
      const auto pairs = static_cast<double>(time.pairs(c));
      const double lone_shift = (samples - pairs) * d;
      for (std::size_t i = 0; i < kStripPixels; ++i) {
        const double all = other_total.pixels[i], p = past.pixels[i], f = future.pixels[i];
        add_rounded(static_cast<double>(other_product.pixels[i]) + d * (p + f + d * pairs),
                    product.pixels[i]);
        add_rounded(all - p + lone_shift, without_future.pixels[i]);
        add_rounded(all - f + lone_shift, without_past.pixels[i]);
      }
    });
    for (std::size_t i = 0; i < kStripPixels; ++i) total.pixels[i] += other_total.pixels[i] + samples * d;
  }
}

void MultiTauSums::reset() {
  for (auto* sums : {&hot_, &cold_}) std::fill(sums->begin(), sums->end(), FloatStrip{});
  std::fill(total_.begin(), total_.end(), TotalStrip{});
}

}  // namespace glasswatch::analysis::internal
