#include "analysis/two_time.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "analysis/check.h"
#include "analysis/widest_loop.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

constexpr std::size_t kWidth = 16;    // partial sums of a dot product; labels are padded to multiples of it
constexpr std::size_t kChunk = 2048;  // pixels that are summed in float
constexpr std::size_t kColumns = 4;   // dot products with the same frame at a time
constexpr std::size_t kBlock = 16;    // columns of a matrix whose chunks stay in the cache together
constexpr std::size_t kLabels = 256;  // that a byte can tell apart

using Columns = std::array<const float*, kColumns>;
using Products = std::array<double, kColumns>;

/// Sums over `count` pixels, a multiple of kWidth, of row times each column.
GLASSWATCH_LOOP Products products(const float* row, Columns columns, std::size_t count) {
  std::array<std::array<float, kWidth>, kColumns> partial{};
  for (std::size_t p = 0; p < count; p += kWidth) {
    for (std::size_t c = 0; c < kColumns; ++c) {
      for (std::size_t i = 0; i < kWidth; ++i) partial[c][i] += row[p + i] * columns[c][p + i];
    }
  }
  Products sums{};
  for (std::size_t c = 0; c < kColumns; ++c) {
    for (const float part : partial[c]) sums[c] += static_cast<double>(part);
  }
  return sums;
}

std::size_t padded(std::size_t count) {
  return (count + kWidth - 1) / kWidth * kWidth;
}

/// Room for the pixels in use, however they are labelled.
std::size_t frame_size(std::size_t pixels) {
  return padded(pixels + kLabels * (kWidth - 1));
}

std::vector<std::uint32_t> every_mth_pixel(const TwoTime::Settings& settings,
                                           std::span<const std::uint8_t> mask, int m) {
  std::vector<std::uint32_t> pixels;
  for (int row = (m - 1) / 2; row < settings.rows; row += m) {
    for (int column = (m - 1) / 2; column < settings.columns; column += m) {
      const std::size_t p = static_cast<std::size_t>(row) * static_cast<std::size_t>(settings.columns) +
                            static_cast<std::size_t>(column);
      if (mask.empty() || mask[p] == 0) pixels.push_back(static_cast<std::uint32_t>(p));
    }
  }
  return pixels;
}

}  // namespace

TwoTime::TwoTime(const Settings& settings, std::span<const std::uint8_t> mask) : settings_(settings) {
  GLASSWATCH_CHECK(settings.rows >= 1 && settings.columns >= 1, settings.rows, settings.columns);
  GLASSWATCH_CHECK(settings.max_frames >= 8 && settings.max_pixels >= 1, settings.max_frames,
                   settings.max_pixels);
  const std::size_t all =
      static_cast<std::size_t>(settings.rows) * static_cast<std::size_t>(settings.columns);
  GLASSWATCH_CHECK(mask.empty() || mask.size() == all, mask.size(), all);
  GLASSWATCH_CHECK(all <= std::numeric_limits<std::uint32_t>::max(), all);
  for (int m = 1; m == 1 || pixels_.size() > static_cast<std::size_t>(settings.max_pixels); ++m) {
    pixels_ = every_mth_pixel(settings, mask, m);
  }
  pixels_.shrink_to_fit();
  label_.assign(pixels_.size(), 0);
  place_.resize(pixels_.size());
  const auto max_frames = static_cast<std::size_t>(settings.max_frames);
  const std::size_t size = frame_size(pixels_.size());
  storage_ = std::make_unique<float[]>(max_frames * size);
  for (std::size_t frame = 0; frame < max_frames; ++frame) frames_.push_back(storage_.get() + frame * size);
  slots_.reserve(max_frames);
  lay_out(0);
}

std::size_t TwoTime::memory_bytes(const Settings& settings) {
  constexpr std::size_t kUnits = 3;
  const auto frames = static_cast<std::size_t>(settings.max_frames);
  const std::size_t pixels =
      std::min(static_cast<std::size_t>(settings.max_pixels),
               static_cast<std::size_t>(settings.rows) * static_cast<std::size_t>(settings.columns));
  return frames * frame_size(pixels) * sizeof(float) + pixels * (2 * sizeof(std::uint32_t) + 1) +
         frames * (sizeof(float*) + sizeof(std::int64_t)) + kUnits * (frames + 1) * frames * sizeof(double);
}

/// Gives every pixel its place by its label, and every unit its room.
void TwoTime::lay_out(int labels) {
  const auto units = static_cast<std::size_t>(labels) + 1;
  counts_.assign(units, 0);
  for (const std::uint8_t label : label_) ++counts_[label];
  begin_.assign(1, 0);
  for (const std::size_t count : counts_) begin_.push_back(begin_.back() + padded(count));
  std::vector<std::size_t> next(begin_);
  for (std::size_t k = 0; k < pixels_.size(); ++k) {
    place_[k] = static_cast<std::uint32_t>(next[label_[k]]++);
  }
  means_.resize(units);
  matrices_.resize(units);
  for (auto& means : means_) means.resize(frames_.size());
  for (auto& matrix : matrices_) {
    matrix.reserve(frames_.size() * frames_.size());
    matrix.resize(slots_.size() * slots_.size());
  }
}

void TwoTime::set_labels(std::span<const std::uint8_t> label, int labels, Parallel& parallel) {
  const std::size_t all =
      static_cast<std::size_t>(settings_.rows) * static_cast<std::size_t>(settings_.columns);
  GLASSWATCH_CHECK(labels >= 0 && labels < static_cast<int>(kLabels), labels);
  GLASSWATCH_CHECK(label.size() == all || (label.empty() && labels == 0), label.size(), all);
  bool changed = labels + 1 != units();
  for (std::size_t k = 0; k < pixels_.size(); ++k) {
    const std::uint8_t given = label.empty() ? std::uint8_t{0} : label[pixels_[k]];
    const std::uint8_t now = given <= labels ? given : std::uint8_t{0};
    changed = changed || now != label_[k];
    label_[k] = now;
  }
  if (!changed) return;
  const std::vector<std::uint32_t> from(place_);
  lay_out(labels);
  move_pixels(from, parallel);
  for (std::size_t frame = 0; frame < slots_.size(); ++frame) measure_means(frame);
  correlate(0, parallel);
}

/// Takes the pixels of all kept frames from their former places to those of now.
void TwoTime::move_pixels(std::span<const std::uint32_t> from, Parallel& parallel) {
  const std::size_t size = frame_size(pixels_.size());
  std::vector<float> scratch(size * static_cast<std::size_t>(parallel.lanes()));
  auto move = [&](int lane, int begin, int end) {
    const std::span<float> moved(scratch.data() + static_cast<std::size_t>(lane) * size, size);
    for (int frame = begin; frame < end; ++frame) {
      float* const pixels = frames_[static_cast<std::size_t>(frame)];
      for (std::size_t k = 0; k < from.size(); ++k) moved[place_[k]] = pixels[from[k]];
      std::copy(moved.begin(), moved.end(), pixels);
    }
  };
  parallel.run(static_cast<int>(slots_.size()), move);
}

bool TwoTime::add(std::int64_t slot, const FrameView& frame, Parallel& parallel) {
  GLASSWATCH_CHECK(frame.rows == settings_.rows && frame.columns == settings_.columns, frame.rows,
                   frame.columns);
  const auto in_place = [&] {
    return slots_.empty() || (slot > slots_.back() && (slot - slots_.front()) % stride_slots_ == 0);
  };
  if (!in_place()) return false;
  const double mean_counts = mean_of(frame);
  if (!std::isfinite(mean_counts) || !(mean_counts > 0)) return false;
  while (slots_.size() == frames_.size()) thin();
  if (!in_place()) return false;
  keep(slot, frame, mean_counts);
  correlate(slots_.size() - 1, parallel);
  return true;
}

/// Of the pixels in use; not finite if one of them is not, NaN without any.
double TwoTime::mean_of(const FrameView& frame) const {
  return visit_pixels(frame, [&](const auto* counts) {
    double sum = 0;
    for (const std::uint32_t p : pixels_) sum += static_cast<double>(counts[p]);
    return sum / static_cast<double>(pixels_.size());
  });
}

void TwoTime::keep(std::int64_t slot, const FrameView& frame, double mean_counts) {
  float* const deviations = frames_[slots_.size()];
  // What another frame left between the labels, when they were others.
  std::fill_n(deviations, begin_.back(), 0.0F);
  visit_pixels(frame, [&](const auto* counts) {
    for (std::size_t k = 0; k < pixels_.size(); ++k) {
      deviations[place_[k]] = static_cast<float>(static_cast<double>(counts[pixels_[k]]) / mean_counts - 1);
    }
  });
  slots_.push_back(slot);
  measure_means(slots_.size() - 1);
  grow_matrices();
}

void TwoTime::measure_means(std::size_t frame) {
  for (std::size_t label = 0; label < counts_.size(); ++label) {
    double sum = 0;
    for (const float deviation : std::span(frames_[frame] + begin_[label], counts_[label])) {
      sum += static_cast<double>(deviation);
    }
    means_[label][frame] = sum / static_cast<double>(counts_[label]);
  }
}

/// Room for the row and column of the newest frame.
void TwoTime::grow_matrices() {
  const std::size_t size = slots_.size(), before = size - 1;
  for (auto& matrix : matrices_) {
    matrix.resize(size * size);
    for (std::size_t row = before; row-- > 1;) {
      const auto first = matrix.begin() + static_cast<std::ptrdiff_t>(row * before);
      std::copy_backward(first, first + static_cast<std::ptrdiff_t>(before),
                         matrix.begin() + static_cast<std::ptrdiff_t>(row * size + before));
    }
  }
}

/// Doubles the stride, and forgets the frames that are not on it.
void TwoTime::thin() {
  stride_slots_ *= 2;
  const std::size_t size = slots_.size();
  const auto stays = [&](std::size_t frame) { return (slots_[frame] - slots_.front()) % stride_slots_ == 0; };
  for (auto& matrix : matrices_) {
    std::size_t to = 0;
    for (std::size_t row = 0; row < size; ++row) {
      if (!stays(row)) continue;
      for (std::size_t column = 0; column < size; ++column) {
        if (stays(column)) matrix[to++] = matrix[row * size + column];
      }
    }
    matrix.resize(to);
  }
  std::size_t to = 0;
  for (std::size_t frame = 0; frame < size; ++frame) {
    if (!stays(frame)) continue;
    std::swap(frames_[to], frames_[frame]);
    for (auto& means : means_) means[to] = means[frame];
    slots_[to++] = slots_[frame];
  }
  slots_.resize(to);
}

/// Fills all matrices from `first_row` on.
void TwoTime::correlate(std::size_t first_row, Parallel& parallel) {
  for (std::size_t unit = 0; unit < matrices_.size(); ++unit) {
    for (std::size_t row = first_row; row < slots_.size(); ++row) {
      std::fill_n(&at(unit, row, 0), row, 0.0);
    }
  }
  auto add = [&](int, int begin, int end) {
    for (auto block = static_cast<std::size_t>(begin); block < static_cast<std::size_t>(end); ++block) {
      add_products(first_row, block * kBlock, std::min((block + 1) * kBlock, slots_.size()));
    }
  };
  parallel.run(static_cast<int>((slots_.size() + kBlock - 1) / kBlock), add);
  normalize(first_row);
}

/// Below the diagonal, in columns [begin, end): sums of products over the pixels of each label, in the matrix
/// of the unit with its number.
void TwoTime::add_products(std::size_t first_row, std::size_t begin, std::size_t end) {
  for (std::size_t label = 0; label < counts_.size(); ++label) {
    for (std::size_t p = begin_[label]; p < begin_[label + 1]; p += kChunk) {
      const std::size_t count = std::min(kChunk, begin_[label + 1] - p);
      for (std::size_t row = std::max(first_row, begin + 1); row < slots_.size(); ++row) {
        const std::size_t last = std::min(end, row);
        for (std::size_t column = begin; column < last; column += kColumns) {
          Columns columns;
          for (std::size_t c = 0; c < kColumns; ++c) {
            columns[c] = frames_[std::min(column + c, last - 1)] + p;
          }
          const Products sums = internal::widest<products>(frames_[row] + p, columns, count);
          for (std::size_t c = 0; column + c < std::min(last, column + kColumns); ++c) {
            at(label, row, column + c) += sums[c];
          }
        }
      }
    }
  }
}

/// From sums of products to C, on both sides of the diagonal.
void TwoTime::normalize(std::size_t first_row) {
  for (std::size_t row = first_row; row < slots_.size(); ++row) {
    for (std::size_t column = 0; column < row; ++column) {
      double field = 0;
      for (std::size_t label = 0; label < counts_.size(); ++label) field += at(label, row, column);
      at(0, row, column) = 1 + field / static_cast<double>(pixels_.size());
      for (std::size_t unit = 1; unit < matrices_.size(); ++unit) {
        const double first = means_[unit][row], second = means_[unit][column];
        const double product = at(unit, row, column) / static_cast<double>(counts_[unit]);
        at(unit, row, column) = 1 + first > 0 && 1 + second > 0
                                    ? 1 + (product - first * second) / ((1 + first) * (1 + second))
                                    : kNaN;
      }
      for (std::size_t unit = 0; unit < matrices_.size(); ++unit) {
        at(unit, column, row) = at(unit, row, column);
      }
    }
    for (std::size_t unit = 0; unit < matrices_.size(); ++unit) at(unit, row, row) = kNaN;
  }
}

void TwoTime::reset() {
  slots_.clear();
  stride_slots_ = 1;
  for (auto& matrix : matrices_) matrix.clear();
}

}  // namespace glasswatch::analysis
