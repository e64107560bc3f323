#include "analysis/multi_tau_correlator.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "analysis/check.h"
#include "analysis/widest_loop.h"

namespace glasswatch::analysis {

using internal::FloatStrip;
using internal::kStepFrames;
using internal::kStripPixels;
using internal::MultiTauLevel;
using internal::MultiTauStep;
using internal::MultiTauSums;
using internal::MultiTauTime;

namespace {

std::size_t pixel_count(const MultiTauSettings& settings) {
  return static_cast<std::size_t>(settings.rows) * static_cast<std::size_t>(settings.columns);
}

std::size_t strips_of(std::size_t pixels) {
  return (pixels + kStripPixels - 1) / kStripPixels;
}

/// Strips are handed out in pieces, as each makes the cache ready for its successor.
constexpr std::size_t kPieceStrips = 16;

std::size_t block_of(const MultiTauSettings& settings) {
  return static_cast<std::size_t>(settings.block_frames);
}

std::size_t steps_of(const MultiTauSettings& settings) {
  return (block_of(settings) + kStepFrames - 1) / kStepFrames;
}

MultiTauTime time_of(const MultiTauSettings& settings) {
  return MultiTauTime(settings.max_lag_slots, settings.first_channels, settings.level_channels);
}

MultiTauSettings checked(const MultiTauSettings& settings) {
  GLASSWATCH_CHECK(settings.rows >= 1 && settings.columns >= 1, settings.rows, settings.columns);
  GLASSWATCH_CHECK(pixel_count(settings) <= std::numeric_limits<int>::max(), pixel_count(settings));
  GLASSWATCH_CHECK(bytes_per_pixel(settings.pixel_type) > 0);
  GLASSWATCH_CHECK(settings.max_lag_slots >= 1 && settings.block_frames >= 1, settings.max_lag_slots,
                   settings.block_frames);
  return settings;
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

/// x = weight * count - reference; false if one is not finite.
template <typename Pixel, typename PixelAt>
GLASSWATCH_LOOP bool take_deviations(PixelAt pixel_at, std::size_t count, double weight, double reference,
                                     float* x) {
  std::uint32_t finite = 0;
  for (std::size_t i = 0; i < count; ++i) {
    x[i] = static_cast<float>(static_cast<double>(pixel_at(i)) * weight - reference);
    finite += std::abs(x[i]) <= std::numeric_limits<float>::max() ? 1 : 0;
  }
  return finite == count;
}

template <typename Pixel>
GLASSWATCH_LOOP bool take_run(const Pixel* pixels, std::size_t count, double weight, double reference,
                              float* x) {
  return take_deviations<Pixel>([&](std::size_t i) { return pixels[i]; }, count, weight, reference, x);
}

template <typename Pixel>
GLASSWATCH_LOOP bool take_scattered(const Pixel* pixels, const std::uint32_t* index, std::size_t count,
                                    double weight, double reference, float* x) {
  return take_deviations<Pixel>([&](std::size_t i) { return pixels[index[i]]; }, count, weight, reference, x);
}

}  // namespace

MultiTauCorrelator::MultiTauCorrelator(MultiTauSettings settings, std::span<const std::uint8_t> mask)
    : settings_(checked(settings)),
      pixels_(unmasked(pixel_count(settings_), mask)),
      time_(time_of(settings_)),
      sums_(time_, strips_of(pixels_.size())),
      staged_(sums_.strips() * block_of(settings_)),
      strip_finite_(sums_.strips(), 0) {
  for (const MultiTauLevel& level : time_.levels()) {
    for (std::size_t c = 0; c < level.channels(); ++c) {
      lag_slots_.push_back(static_cast<double>(level.lag(c) << level.level()));
    }
  }
  pairs_.assign(lag_slots_.size(), 0);
  waiting_slots_.reserve(block_of(settings_));
  steps_.reserve(steps_of(settings_));
  while (steps_.size() < steps_.capacity()) steps_.push_back(time_.make_step());
}

MultiTauCorrelator::~MultiTauCorrelator() = default;

std::size_t MultiTauCorrelator::memory_bytes(const MultiTauSettings& settings) {
  const MultiTauTime time = time_of(checked(settings));
  const std::size_t strips = strips_of(pixel_count(settings));
  std::size_t lags = 0;
  for (const MultiTauLevel& level : time.levels()) lags += level.channels();
  return sizeof(MultiTauCorrelator) + pixel_count(settings) * sizeof(std::uint32_t) + time.memory_bytes() +
         MultiTauSums::memory_bytes(time, strips) + lags * (sizeof(double) + sizeof(std::uint64_t)) +
         strips * (block_of(settings) * sizeof(FloatStrip) + sizeof(std::uint8_t)) +
         block_of(settings) * sizeof(std::int64_t) + steps_of(settings) * time.step_bytes();
}

FrameOutcome MultiTauCorrelator::add(std::int64_t slot, const FrameView& frame, double weight,
                                     Parallel& parallel) {
  GLASSWATCH_CHECK(frame.rows == settings_.rows && frame.columns == settings_.columns, frame.rows,
                   frame.columns, settings_.rows, settings_.columns);
  GLASSWATCH_CHECK(frame.type == settings_.pixel_type, pixel_type_name(frame.type),
                   pixel_type_name(settings_.pixel_type));
  const bool first = used_ == 0;
  if (!first && slot == newest_slot_) return FrameOutcome::kRepeated;
  if (!first && slot < newest_slot_) return FrameOutcome::kLate;
  const double reference = frames() == 0 ? reference_of(frame, weight) : reference_;
  if (!stage(frame, weight, reference, parallel)) return FrameOutcome::kNonFinite;
  if (first) first_slot_ = slot;
  reference_ = reference;
  newest_slot_ = slot;
  ++used_;
  waiting_slots_.push_back(slot - first_slot_);
  if (waiting_slots_.size() == block_of(settings_)) update(parallel);
  return FrameOutcome::kUsed;
}

/// The level from which deviations are small, for whole counts a whole number, so that they are whole too.
double MultiTauCorrelator::reference_of(const FrameView& frame, double weight) const {
  if (pixels_.empty()) return 0;
  return visit_pixels(frame, [&]<typename Pixel>(const Pixel* pixels) {
    double sum = 0;
    for (const std::uint32_t p : pixels_) sum += static_cast<double>(pixels[p]);
    const double mean = weight * sum / static_cast<double>(pixels_.size());
    return std::is_integral_v<Pixel> || std::abs(mean) >= 1 ? std::round(mean) : mean;
  });
}

/// Writes deviations behind the frames that wait. False if one is not finite.
bool MultiTauCorrelator::stage(const FrameView& frame, double weight, double reference, Parallel& parallel) {
  const std::size_t place = waiting_slots_.size();
  auto stage_strips = [&](int, int begin, int end) {
    visit_pixels(frame, [&]<typename Pixel>(const Pixel* pixels) {
      for (std::size_t strip = strips_before(begin); strip < strips_before(end); ++strip) {
        const std::uint32_t* index = pixels_.data() + strip * kStripPixels;
        const std::size_t count = std::min(kStripPixels, pixels_.size() - strip * kStripPixels);
        float* x = staged_[strip * block_of(settings_) + place].pixels.data();
        const bool run = index[count - 1] - index[0] == count - 1;
        const bool finite =
            run ? internal::widest<take_run<Pixel>>(pixels + index[0], count, weight, reference, x)
                : internal::widest<take_scattered<Pixel>>(pixels, index, count, weight, reference, x);
        strip_finite_[strip] = finite ? 1 : 0;
      }
    });
  };
  parallel.run(pieces(), stage_strips);
  return std::isfinite(weight) &&
         std::all_of(strip_finite_.begin(), strip_finite_.end(), [](std::uint8_t f) { return f != 0; });
}

void MultiTauCorrelator::update(Parallel& parallel) {
  if (waiting_slots_.empty()) return;
  const std::size_t steps = plan_waiting();
  auto advance_strips = [&](int, int begin, int end) {
    const std::size_t last = strips_before(end);
    for (std::size_t strip = strips_before(begin); strip < last; ++strip) {
      const FloatStrip* frames = staged_.data() + strip * block_of(settings_);
      for (std::size_t s = 0; s < steps; ++s) {
        // The last step of a strip makes the cache ready for the next one.
        const bool fetch_next = s + 1 == steps && strip + 1 < last;
        sums_.advance(strip, steps_[s], frames + s * kStepFrames, fetch_next, internal::widest_loops());
      }
    }
  };
  parallel.run(pieces(), advance_strips);
  waiting_slots_.clear();
}

/// The number of steps that the waiting frames make.
std::size_t MultiTauCorrelator::plan_waiting() {
  std::size_t steps = 0;
  for (std::size_t begin = 0; begin < waiting_slots_.size(); begin += kStepFrames) {
    const std::size_t count = std::min(kStepFrames, waiting_slots_.size() - begin);
    time_.plan(std::span(waiting_slots_).subspan(begin, count), steps_[steps++]);
    sums_.list_rows(steps_[steps - 1]);
  }
  copy_pairs();
  return steps;
}

void MultiTauCorrelator::copy_pairs() {
  auto pairs = pairs_.begin();
  for (const MultiTauLevel& level : time_.levels()) {
    for (std::size_t c = 0; c < level.channels(); ++c) *pairs++ = level.pairs(c);
  }
}

int MultiTauCorrelator::pieces() const {
  return static_cast<int>((sums_.strips() + kPieceStrips - 1) / kPieceStrips);
}

std::size_t MultiTauCorrelator::strips_before(int piece) const {
  return std::min(static_cast<std::size_t>(piece) * kPieceStrips, sums_.strips());
}

bool MultiTauCorrelator::merge(const MultiTauCorrelator& other) {
  GLASSWATCH_CHECK(waiting_slots_.empty() && other.waiting_slots_.empty(), waiting_slots_.size(),
                   other.waiting_slots_.size());
  if (settings_.rows != other.settings_.rows || settings_.columns != other.settings_.columns ||
      pixels_ != other.pixels_ || settings_.first_channels != other.settings_.first_channels ||
      settings_.level_channels != other.settings_.level_channels || lag_slots_ != other.lag_slots_) {
    return false;
  }
  if (frames() == 0) reference_ = other.reference_;
  for (std::size_t strip = 0; strip < sums_.strips(); ++strip) {
    sums_.merge(strip, other.sums_, other.time_, other.reference_ - reference_);
  }
  time_.merge(other.time_);
  copy_pairs();
  const Merged theirs{other.frames(), other.frames_missing(), other.span_slots()};
  merged_.frames += theirs.frames;
  merged_.missing += theirs.missing;
  merged_.span_slots += theirs.span_slots;
  return true;
}

void MultiTauCorrelator::reset() {
  time_.reset();
  sums_.reset();
  copy_pairs();
  waiting_slots_.clear();
  reference_ = 0;
  used_ = 0;
  first_slot_ = newest_slot_ = 0;
  merged_ = {};
}

std::uint64_t MultiTauCorrelator::frames_missing() const {
  const std::uint64_t span = used_ == 0 ? 0 : static_cast<std::uint64_t>(newest_slot_ - first_slot_) + 1;
  return merged_.missing + span - used_;
}

std::int64_t MultiTauCorrelator::span_slots() const {
  return merged_.span_slots + (used_ == 0 ? 0 : newest_slot_ - first_slot_ + 1);
}

/// Calls function(strip, first, count, offset) for the pieces of [begin, end) that lie within a strip: pixels
/// [first, first + count) of it, `offset` behind begin.
template <typename Function>
void MultiTauCorrelator::visit_pieces(int begin, int end, Function function) const {
  GLASSWATCH_CHECK(waiting_slots_.empty(), waiting_slots_.size());
  GLASSWATCH_CHECK(0 <= begin && begin <= end && static_cast<std::size_t>(end) <= pixels_.size(), begin, end,
                   pixels_.size());
  const auto last = static_cast<std::size_t>(end);
  for (auto at = static_cast<std::size_t>(begin); at < last;) {
    const std::size_t first = at % kStripPixels;
    const std::size_t count = std::min(kStripPixels - first, last - at);
    function(at / kStripPixels, first, count, at - static_cast<std::size_t>(begin));
    at += count;
  }
}

void MultiTauCorrelator::read(int begin, int end, double* product, double* past, double* future) const {
  const auto stride = static_cast<std::size_t>(end - begin);
  visit_pieces(begin, end, [&](std::size_t strip, std::size_t first, std::size_t count, std::size_t offset) {
    sums_.read(strip, first, count, time_, reference_,
               {product + offset, past + offset, future + offset, stride});
  });
}

void MultiTauCorrelator::read_total(int begin, int end, double* total) const {
  visit_pieces(begin, end, [&](std::size_t strip, std::size_t first, std::size_t count, std::size_t offset) {
    sums_.read_total(strip, first, count, time_, reference_, total + offset);
  });
}

}  // namespace glasswatch::analysis
