#include "analysis/exact_correlator.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "analysis/check.h"

namespace glasswatch::analysis {

using internal::FrameTerm;
using internal::kTilePixels;
using internal::PixelHistory;
using internal::SumTile;

namespace {

/// Per frame of a block: it comes, and one leaves the window.
constexpr int kEventsPerFrame = 2;
/// Per event and lag at most: as the past of a frame, and as its future.
constexpr int kTermsPerEvent = 2;

std::size_t pixel_count(const ExactCorrelatorSettings& settings) {
  return static_cast<std::size_t>(settings.rows) * static_cast<std::size_t>(settings.columns);
}

std::vector<std::uint32_t> unmasked(std::size_t count, std::span<const std::uint8_t> mask) {
  GLASSWATCH_CHECK(mask.empty() || mask.size() == count, mask.size(), count);
  std::vector<std::uint32_t> pixels;
  pixels.reserve(count);
  for (std::size_t p = 0; p < count; ++p) {
    if (mask.empty() || mask[p] == 0) pixels.push_back(static_cast<std::uint32_t>(p));
  }
  return pixels;
}

ExactCorrelatorSettings checked(ExactCorrelatorSettings settings) {
  const std::vector<std::int64_t>& lags = settings.lags_slots;
  GLASSWATCH_CHECK(settings.rows >= 1 && settings.columns >= 1, settings.rows, settings.columns);
  GLASSWATCH_CHECK(pixel_count(settings) <= std::numeric_limits<int>::max(), pixel_count(settings));
  GLASSWATCH_CHECK(bytes_per_pixel(settings.pixel_type) > 0);
  GLASSWATCH_CHECK(!lags.empty() && lags.front() >= 1);
  GLASSWATCH_CHECK(std::adjacent_find(lags.begin(), lags.end(), std::greater_equal<>{}) == lags.end());
  GLASSWATCH_CHECK(settings.max_late_slots >= 0 && settings.window_slots >= 0 && settings.block_frames >= 1,
                   settings.max_late_slots, settings.window_slots, settings.block_frames);
  return settings;
}

void add_tile(SumTile& sum, const SumTile& other) {
  for (std::size_t i = 0; i < kTilePixels; ++i) sum.pixels[i] += other.pixels[i];
}

}  // namespace

ExactCorrelator::ExactCorrelator(ExactCorrelatorSettings settings, std::span<const std::uint8_t> mask)
    : settings_(checked(std::move(settings))),
      pixels_(unmasked(pixel_count(settings_), mask)),
      lag_slots_(settings_.lags_slots.begin(), settings_.lags_slots.end()),
      history_(settings_.pixel_type, pixels_.size(), cells_of(settings_)),
      sums_(PixelHistory::tiles_of(pixels_.size()) * lag_slots_.size()),
      total_(PixelHistory::tiles_of(pixels_.size())),
      pairs_(lag_slots_.size(), 0),
      work_(lag_slots_.size()),
      tile_flags_(total_.size(), 0) {
  const std::size_t terms = terms_of(settings_);
  for (LagWork& work : work_) {
    work.pairs.reserve(terms);
    work.unpaired.reserve(terms);
  }
  total_work_.reserve(terms);
}

ExactCorrelator::~ExactCorrelator() = default;

std::int64_t ExactCorrelator::cells_of(const ExactCorrelatorSettings& settings) {
  return settings.lags_slots.back() + settings.max_late_slots + settings.window_slots +
         settings.block_frames + 1;
}

/// Room for the terms of a block, per lag.
std::size_t ExactCorrelator::terms_of(const ExactCorrelatorSettings& settings) {
  return static_cast<std::size_t>(settings.block_frames) * kEventsPerFrame * kTermsPerEvent;
}

std::size_t ExactCorrelator::memory_bytes(const ExactCorrelatorSettings& settings) {
  const std::size_t pixels = pixel_count(settings);
  const std::size_t tiles = PixelHistory::tiles_of(pixels);
  const std::size_t lags = settings.lags_slots.size();
  const std::size_t terms = terms_of(settings);
  const std::size_t per_lag = tiles * sizeof(LagSums) + sizeof(LagWork) + sizeof(std::int64_t) +
                              sizeof(double) + sizeof(std::uint64_t) +
                              terms * (sizeof(internal::PairTerm) + sizeof(FrameTerm));
  return sizeof(ExactCorrelator) +
         PixelHistory::memory_bytes(settings.pixel_type, pixels, cells_of(settings)) +
         pixels * sizeof(std::uint32_t) + tiles * (sizeof(SumTile) + sizeof(std::uint8_t)) + lags * per_lag +
         terms * sizeof(FrameTerm);
}

FrameOutcome ExactCorrelator::add(std::int64_t slot, const FrameView& frame, double weight,
                                  Parallel& parallel) {
  GLASSWATCH_CHECK(frame.rows == settings_.rows && frame.columns == settings_.columns, frame.rows,
                   frame.columns, settings_.rows, settings_.columns);
  GLASSWATCH_CHECK(frame.type == settings_.pixel_type, pixel_type_name(frame.type),
                   pixel_type_name(settings_.pixel_type));
  const bool first = frames_used_ == 0;
  if (!first && slot < newest_slot_ - settings_.max_late_slots) return FrameOutcome::kLate;
  if (history_.holds(slot)) return FrameOutcome::kRepeated;
  if (!std::isfinite(weight) || !PixelHistory::finite(frame, pixels_, tile_flags_, parallel)) {
    return FrameOutcome::kNonFinite;
  }
  if (!first && slot > newest_slot_) move_window(slot, parallel);
  // The frame that has to go may still be wanted, as after a pause.
  if (history_.held_in_cell_of(slot) >= oldest_needed_slot_) update(parallel);
  history_.store(slot, frame, weight, pixels_, parallel);
  first_slot_ = first ? slot : std::min(first_slot_, slot);
  newest_slot_ = first ? slot : std::max(newest_slot_, slot);
  ++frames_used_;
  begin_event(parallel);
  list_arrival(slot);
  if (++waiting_frames_ >= settings_.block_frames) update(parallel);
  return FrameOutcome::kUsed;
}

bool ExactCorrelator::in_window(std::int64_t slot) const {
  return settings_.window_slots == 0 || slot > newest_slot_ - settings_.window_slots;
}

/// Takes out what is no longer among the newest slots once `newest_slot` is there.
void ExactCorrelator::move_window(std::int64_t newest_slot, Parallel& parallel) {
  if (settings_.window_slots == 0) return;
  const std::int64_t last_out = newest_slot - settings_.window_slots;
  while (frames_in_sums_ > 0 && oldest_slot_in_sums_ <= last_out) {
    begin_event(parallel);
    list_departure(oldest_slot_in_sums_);
    if (frames_in_sums_ == 0) return;
    do ++oldest_slot_in_sums_;
    while (!history_.holds(oldest_slot_in_sums_));
  }
}

/// Makes room for the terms of one more frame that comes or leaves.
void ExactCorrelator::begin_event(Parallel& parallel) {
  if (waiting_events_ == settings_.block_frames * kEventsPerFrame) update(parallel);
  ++waiting_events_;
}

void ExactCorrelator::list_arrival(std::int64_t slot) {
  const bool counts = in_window(slot);
  if (counts) {
    oldest_slot_in_sums_ = frames_in_sums_ == 0 ? slot : std::min(oldest_slot_in_sums_, slot);
    ++frames_in_sums_;
    total_work_.push_back(term(slot, 1));
  }
  for (std::size_t l = 0; l < lag_slots_.size(); ++l) {
    if (counts) list_as_future(l, slot, 1);
    const std::int64_t future = slot + settings_.lags_slots[l];
    if (future <= newest_slot_ && in_window(future) && history_.holds(future)) {
      list_pair(l, slot, future, 1);
      work_[l].unpaired.push_back(term(future, -1));
    }
  }
}

void ExactCorrelator::list_departure(std::int64_t slot) {
  --frames_in_sums_;
  total_work_.push_back(term(slot, -1));
  for (std::size_t l = 0; l < lag_slots_.size(); ++l) list_as_future(l, slot, -1);
}

void ExactCorrelator::list_as_future(std::size_t lag, std::int64_t slot, double sign) {
  const std::int64_t past = slot - settings_.lags_slots[lag];
  if (history_.holds(past)) {
    list_pair(lag, past, slot, sign);
  } else {
    work_[lag].unpaired.push_back(term(slot, sign));
  }
}

void ExactCorrelator::list_pair(std::size_t lag, std::int64_t past, std::int64_t future, double sign) {
  work_[lag].pairs.push_back({term(past, sign), term(future, 1)});
  if (sign > 0) {
    ++pairs_[lag];
  } else {
    --pairs_[lag];
  }
}

FrameTerm ExactCorrelator::term(std::int64_t slot, double sign) {
  oldest_needed_slot_ = std::min(oldest_needed_slot_, slot);
  const FrameTerm term = history_.term(slot);
  return {term.cell, sign * term.weight};
}

void ExactCorrelator::update(Parallel& parallel) {
  auto update_tiles = [&](int, int begin, int end) {
    for (int tile = begin; tile < end; ++tile) update_tile(static_cast<std::size_t>(tile));
  };
  if (waiting_events_ > 0) parallel.run(static_cast<int>(total_.size()), update_tiles);
  forget_work();
}

void ExactCorrelator::update_tile(std::size_t tile) {
  history_.visit_tile(tile, [&](const auto* cells) {
    internal::add_frames(cells, total_work_, total_[tile]);
    for (std::size_t l = 0; l < work_.size(); ++l) {
      LagSums& sums = sums_[tile * work_.size() + l];
      internal::add_pairs(cells, work_[l].pairs, sums.product, sums.past);
      internal::add_frames(cells, work_[l].unpaired, sums.unpaired_future);
    }
  });
}

void ExactCorrelator::forget_work() {
  for (LagWork& work : work_) {
    work.pairs.clear();
    work.unpaired.clear();
  }
  total_work_.clear();
  waiting_events_ = waiting_frames_ = 0;
  oldest_needed_slot_ = kNoneNeeded;
}

bool ExactCorrelator::merge(const ExactCorrelator& other) {
  GLASSWATCH_CHECK(waiting_events_ == 0 && other.waiting_events_ == 0, waiting_events_,
                   other.waiting_events_);
  if (settings_.rows != other.settings_.rows || settings_.columns != other.settings_.columns ||
      pixels_ != other.pixels_ || settings_.lags_slots != other.settings_.lags_slots) {
    return false;
  }
  for (std::size_t i = 0; i < sums_.size(); ++i) {
    add_tile(sums_[i].product, other.sums_[i].product);
    add_tile(sums_[i].past, other.sums_[i].past);
    add_tile(sums_[i].unpaired_future, other.sums_[i].unpaired_future);
  }
  for (std::size_t tile = 0; tile < total_.size(); ++tile) add_tile(total_[tile], other.total_[tile]);
  for (std::size_t l = 0; l < pairs_.size(); ++l) pairs_[l] += other.pairs_[l];
  const Merged theirs{other.frames(), other.frames_missing(), other.span_slots()};
  merged_.frames += theirs.frames;
  merged_.missing += theirs.missing;
  merged_.span_slots += theirs.span_slots;
  return true;
}

void ExactCorrelator::reset() {
  history_.forget();
  std::fill(sums_.begin(), sums_.end(), LagSums{});
  std::fill(total_.begin(), total_.end(), SumTile{});
  std::fill(pairs_.begin(), pairs_.end(), std::uint64_t{0});
  forget_work();
  frames_used_ = frames_in_sums_ = 0;
  first_slot_ = newest_slot_ = oldest_slot_in_sums_ = 0;
  merged_ = {};
}

std::uint64_t ExactCorrelator::frames_missing() const {
  const std::uint64_t span =
      frames_used_ == 0 ? 0 : static_cast<std::uint64_t>(newest_slot_ - first_slot_) + 1;
  return merged_.missing + span - frames_used_;
}

std::int64_t ExactCorrelator::span_slots() const {
  return merged_.span_slots + (frames_in_sums_ == 0 ? 0 : newest_slot_ - oldest_slot_in_sums_ + 1);
}

/// Calls function(tile, first, count, offset) for the pieces of [begin, end) that lie within a tile: pixels
/// [first, first + count) of it, `offset` behind begin.
template <typename Function>
void ExactCorrelator::visit_pieces(int begin, int end, Function function) const {
  GLASSWATCH_CHECK(waiting_events_ == 0, waiting_events_);
  GLASSWATCH_CHECK(0 <= begin && begin <= end && static_cast<std::size_t>(end) <= pixels_.size(), begin, end,
                   pixels_.size());
  const auto last = static_cast<std::size_t>(end);
  for (auto at = static_cast<std::size_t>(begin); at < last;) {
    const std::size_t first = at % kTilePixels;
    const std::size_t count = std::min(kTilePixels - first, last - at);
    function(at / kTilePixels, first, count, at - static_cast<std::size_t>(begin));
    at += count;
  }
}

void ExactCorrelator::read(int begin, int end, double* product, double* past, double* future) const {
  const std::size_t lags = work_.size();
  const auto stride = static_cast<std::size_t>(end - begin);
  visit_pieces(begin, end, [&](std::size_t tile, std::size_t first, std::size_t count, std::size_t offset) {
    const double* total = total_[tile].pixels.data() + first;
    for (std::size_t l = 0; l < lags; ++l) {
      const LagSums& sums = sums_[tile * lags + l];
      const std::size_t out = l * stride + offset;
      std::copy_n(sums.product.pixels.data() + first, count, product + out);
      std::copy_n(sums.past.pixels.data() + first, count, past + out);
      const double* unpaired = sums.unpaired_future.pixels.data() + first;
      for (std::size_t i = 0; i < count; ++i) future[out + i] = total[i] - unpaired[i];
    }
  });
}

void ExactCorrelator::read_total(int begin, int end, double* total) const {
  visit_pieces(begin, end, [&](std::size_t tile, std::size_t first, std::size_t count, std::size_t offset) {
    std::copy_n(total_[tile].pixels.data() + first, count, total + offset);
  });
}

}  // namespace glasswatch::analysis
