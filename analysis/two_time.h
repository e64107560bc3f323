// Two-time correlation C(t1, t2) of the field and of regions, in bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "analysis/parallel.h"
#include "protocol/types/pixels.h"

namespace glasswatch::analysis {

/// C(t1, t2) = <I(t1) I(t2)> / (<I(t1)> <I(t2)>), averages over the pixels of a unit (field, regions) and not
/// over time, so that ageing shows as a band about the diagonal that widens, and single events as crosses
/// (Sutton, Laaziri, Livet & Bley, Opt. Express 11 (2003) 2268). Each frame is divided by its own mean, which
/// takes changes of dose out. What stays the same from pixel to pixel, <I>_t(r), does not average out: it
/// adds the pedestal CV^2 (its relative variance) to C at every delay, and the dynamics stand on it.
///
/// Bounded: at most `max_frames` frames are kept. When they are full, the stride of the kept slots doubles
/// and the others go, so that between half of max_frames and all of them are spread evenly over the series.
/// Kept are frames whose distance from the first is a multiple of the stride; a slot without a frame has no
/// row. Of the field every m-th pixel in both directions is used, m the smallest that leaves at most
/// `max_pixels` unmasked ones.
///
/// Frames are held as float deviations from their mean, each off by at most 6e-8 of itself; sums over 2048
/// pixels are float, the rest double: C is off by some 1e-6 of the relative variance of I, at worst 2e-5. It
/// is the same to the bit whatever the lanes, and, for integer counts, whether labels are set before or after
/// the frames.
///
/// Cost of a frame that is kept: one dot product with every kept frame, at most max_frames max_pixels = 7e7
/// multiply-adds and 0.27 GB read, shared by the lanes; one that is not kept costs nothing. New labels cost
/// max_frames/2 times as many multiply-adds, from the cache. (966 x 839 pixels, of which every fourth is
/// used, 256 frames, two lanes: 9-11 ms and 0.4 s.) Memory is taken at construction (memory_bytes: 0.28 GB)
/// but for the matrices of units that were not there before and, while labels change, a row of pixels per
/// lane; add() allocates nothing. One thread calls.
///
/// The camera's offset, where it is not subtracted before, dilutes C - 1 by (I/(I + offset))^2 at all delays.
class TwoTime {
 public:
  struct Settings {
    int rows = 0, columns = 0;
    int max_frames = 256;      // >= 8
    int max_pixels = 1 << 18;  // >= 1
  };
  /// mask: empty, or rows * columns bytes, non-zero = ignore.
  TwoTime(const Settings& settings, std::span<const std::uint8_t> mask);

  /// Labels for units (rows * columns, or empty with labels = 0; 0 and above `labels` = none). Unit 0 of the
  /// results is always the whole field, unit u the label u; before the first call there is the field alone.
  /// Computes everything anew, unless no label of a pixel in use has changed.
  void set_labels(std::span<const std::uint8_t> label, int labels, Parallel& parallel);

  /// True if the frame is kept. Not kept, with nothing changed: off the stride; not newer than the newest
  /// kept; with a non-finite pixel among those in use, or a mean that is not above zero. |slot| < 2^62.
  bool add(std::int64_t slot, const FrameView& frame, Parallel& parallel);

  /// Everything that is held, for an unmasked field and two labels.
  static std::size_t memory_bytes(const Settings& settings);

  int units() const { return static_cast<int>(matrices_.size()); }
  /// (N) of the frames kept, ascending.
  std::span<const std::int64_t> slots() const { return slots_; }
  std::int64_t stride_slots() const { return stride_slots_; }
  /// (N, N) row-major, symmetric. NaN: the diagonal, which carries shot noise; units without pixels; frames
  /// in which the unit's mean is not above zero.
  std::span<const double> matrix(int unit) const { return matrices_[static_cast<std::size_t>(unit)]; }

  /// Forgets the frames; labels stay.
  void reset();

 private:
  void lay_out(int labels);
  double mean_of(const FrameView& frame) const;
  void keep(std::int64_t slot, const FrameView& frame, double mean_counts);
  void move_pixels(std::span<const std::uint32_t> from, Parallel& parallel);
  void measure_means(std::size_t frame);
  void thin();
  void grow_matrices();
  void correlate(std::size_t first_row, Parallel& parallel);
  void add_products(std::size_t first_row, std::size_t begin, std::size_t end);
  void normalize(std::size_t first_row);
  double& at(std::size_t unit, std::size_t row, std::size_t column) {
    return matrices_[unit][row * slots_.size() + column];
  }

  Settings settings_;
  // Of the pixels in use, in the order of the image.
  std::vector<std::uint32_t> pixels_;  // index in the frame
  std::vector<std::uint8_t> label_;
  std::vector<std::uint32_t> place_;  // in a kept frame, where the pixels of a label lie together

  std::vector<std::size_t> begin_;   // of each label in a kept frame, and the end; multiples of kWidth
  std::vector<std::size_t> counts_;  // pixels of each label

  std::unique_ptr<float[]> storage_;
  std::vector<float*> frames_;  // max_frames; the first N are kept: I / <I> - 1, 0 between labels
  std::vector<std::int64_t> slots_;
  std::int64_t stride_slots_ = 1;
  std::vector<std::vector<double>> means_;     // per label and frame, of what is kept
  std::vector<std::vector<double>> matrices_;  // per unit
};

}  // namespace glasswatch::analysis
