// A uniform sample that never was: frames with the data's own statistics and one tau everywhere, for the
// null.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "analysis/kww.h"
#include "analysis/parallel.h"
#include "analysis/speckle_filter.h"

namespace glasswatch::analysis {

struct SurrogateSettings {
  int rows = 64, columns = 64;
  KwwFit fit;  // A >= 0, tau, beta of the field; the baseline is taken as 1
  KwwModel model;
  double mean_counts = 0;
  double counts_per_electron = 0;     // 0: no counting noise is added beyond `noise_variance_counts2`
  double noise_variance_counts2 = 0;  // white, per pixel and frame (from g2(0) of the data, or read noise)
  double skewness = 2;              // of the fluctuations, 0 (normal) ... 2 (speckle); fluctuation_skewness.h
  double speckle_size_px = 1;       // full width at half maximum of the intensity autocorrelation
  std::vector<std::int64_t> slots;  // of the frames, ascending: the data's own gaps
  std::uint64_t seed = 1;
};

/// Intensities of fluctuations x with g2 - 1 = A exp(-factor (t/tau)^beta) at every pixel, speckle of the
/// given size, and noise: frames (slots, rows, columns) as float counts,
///   I = I0 + sqrt(counts_per_electron max(I0, 0) + noise_variance) xi,   I0 = mean (1 + sqrt(A) x),
///   x = b (|E|^2 - 1) + sqrt(1 - b^2) z,   b = (skewness/2)^(1/3),
/// E a complex and z a real normal process with <E* E'> = sqrt(<z z'>). Skewness 2 is fully developed speckle
/// (Goodman, *Speckle Phenomena in Optics*, Roberts 2007) over a constant background, 0 a normal law, and M
/// equal speckle patterns that add up have 2/sqrt(M). It matters: with T/tau = 15 and beta = 0.63 the median
/// pixel's ln tau is off by -0.82 for 2 and by -0.62 for 0. xi is white and normal, which stands for
/// Poisson's law too: an average over many products sees no more than the variance. Where I0 falls below zero
/// it is kept as it is, so that mean and correlation stay exact.
///
/// Time: E and z are stationary by circulant embedding (Davies & Harte, Biometrika 74 (1987) 95; Dietrich &
/// Newsam, SIAM J. Sci. Comput. 18 (1997) 1088). Their spectrum is that of the law itself on a circle of at
/// least twice the span of the slots, so the correlation at every lag is the closed form, not an
/// approximation. beta <= 1 is convex and always has such a process; for beta > 1 the negative part of the
/// spectrum is cut off (clipped_share()). Space: autocorrelation of x exp(-4 ln 2 d^2/size^2) at whole pixels
/// d, which repeats periodically; of 1 px and less: independent pixels. Because it does not depend on time,
/// g2 of every pixel is as without it.
///
/// Every row has its own random numbers for E and z, every slot its own for xi (SplitMix64: Steele, Lea &
/// Flood, OOPSLA 2014; normal by Box & Muller, Ann. Math. Stat. 29 (1958) 610): same bits for any number of
/// lanes, and a frame does not depend on which others there are between the first and the last slot.
///
/// Memory: 4 bytes per pixel and frame, taken in the constructor; as much again, 32 bytes per slot of the
/// span and 64 per frame for each lane while generate() runs. Time: 64 x 64 px, 2170 frames: 0.5 s on one
/// core, half of it without skewness. One thread calls.
class KwwSurrogate {
 public:
  explicit KwwSurrogate(SurrogateSettings settings);

  /// The most that this object will hold: while generate() runs with so many lanes.
  static std::size_t memory_bytes(const SurrogateSettings& settings, int lanes);

  void generate(Parallel& parallel);

  std::span<const float> frame(std::size_t index) const;
  std::size_t frames() const { return settings_.slots.size(); }
  /// What was cut off the spectrum because it was negative, as a share of the variance (the largest of E
  /// and z). The correlation of x is off by about twice as much at most.
  double clipped_share() const { return clipped_share_; }

 private:
  /// A real normal process of which x is made.
  struct Component {
    std::uint64_t stream;           // of random numbers
    std::vector<double> amplitude;  // of its spectrum, circle_slots_ / 2 + 1
    SpeckleFilter filter;
    float linear, square;  // it adds linear v + square (v^2 - 1)
  };
  struct RowScratch;

  void add_component(std::uint64_t stream, double exponent_factor, double speckle_size_px, double linear,
                     double square);
  void draw(const Component& component, std::span<float> values, Parallel& parallel) const;
  void draw_row(const Component& component, int row, RowScratch& scratch, std::span<float> values) const;
  void add(const Component& component, std::span<float> values, Parallel& parallel);
  void to_counts(std::size_t index, std::span<float> frame) const;
  std::size_t after_first(std::size_t index) const;
  std::size_t pixels() const { return frames_.size() / frames(); }

  SurrogateSettings settings_;
  int circle_slots_;
  std::vector<Component> components_;
  double clipped_share_ = 0;
  std::vector<float> frames_;
};

}  // namespace glasswatch::analysis
