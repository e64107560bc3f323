// Drift of the centre of diffraction patterns during a scan.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "analysis/polar.h"

namespace glasswatch::analysis {

/// Follows the centre during a scan. In the polar image of a pattern whose centre is off by d = (dx, dy),
///   I(k, phi) - f(k) = -f'(k) (dx cos phi + dy sin phi) + f(k) (t1 cos phi + t2 sin phi),
/// to first order, with f the mean profile: weighted least squares gives d beside a tilt t of the intensity,
/// which is no shift. An intensity that varies linearly over a Gaussian ring is one, though, by tilt *
/// variance / radius. f and the variance of each row are running means over the patterns so far, each pattern
/// scaled to f.
///
/// A pattern whose row means do not look like f (correlation below one half: blanked, flat, or with a wild
/// pixel) gives no estimate and changes nothing; kGiveUp of them in a row begin everything anew. Noise in the
/// slope of f pulls the first estimates towards zero: by 5 to 7 % after 8 patterns at 1 electron per ring
/// pixel, and less than the stated sigma later.
///
/// The single estimates are averaged with exponential weights over `memory_patterns` (all weights equal until
/// then), and their scatter gives the stated sigma: right if texture and noise of one pattern tell nothing
/// about the next; too small where the probe steps by less than its width. A drift of v px per pattern is
/// followed with a lag of v memory_patterns. The shift should be well below the width of the ring.
///
/// add() costs four multiply-adds per bin. No allocation after construction. One thread.
class CenterTracker {
 public:
  static constexpr int kGiveUp = 8;

  /// memory_patterns >= 2; geometry as PolarTransform requires, with 4 or more azimuthal bins.
  CenterTracker(const PolarGeometry& geometry, int memory_patterns);

  /// polar: (K, P), NaN = invalid. A row counts if a quarter of its bins are valid.
  void add(std::span<const double> polar);
  void reset();

  /// Of the pattern's centre from that of the geometry; NaN before the first estimate.
  double row_shift_px() const { return row_shift_px_; }
  double col_shift_px() const { return col_shift_px_; }
  double sigma_px() const { return sigma_px_; }  // of each; NaN before the second estimate

 private:
  /// Of the valid bins: their number and the sums of cos, sin, cos^2, cos sin and sin^2.
  struct Moments {
    double bins = 0, cos = 0, sin = 0, cos_cos = 0, cos_sin = 0, sin_sin = 0;
  };
  struct Row {
    // Of the pattern at hand.
    bool counts = false;
    double cos_sum = 0;  // of the deviations from the row's mean times cos phi
    double sin_sum = 0;
    double pattern_mean = 0;
    double pattern_variance = 0;
    // Of all.
    int patterns = 0;     // behind the running means
    double mean = 0;      // f
    double variance = 0;  // of a bin
    Moments valid;
  };

  std::span<std::uint8_t> valid_bins(std::size_t k);
  void measure_row(std::span<const double> values, std::size_t k);
  double scale_to_profile() const;
  void take(double scale);
  void count_valid(std::size_t k);
  void estimate();
  void average(double row_px, double col_px);

  PolarGeometry geometry_;
  int memory_patterns_;
  std::vector<double> cos_, sin_;    // means over each azimuthal bin
  std::vector<std::uint8_t> valid_;  // (K, P) of the last pattern
  std::vector<Row> rows_;
  int estimates_ = 0;
  int refused_ = 0;  // patterns in a row
  double row_shift_px_;
  double col_shift_px_;
  double sigma_px_;
  double scatter_px2_ = 0;      // weighted mean square deviation of the single estimates, both axes
  double squared_weights_ = 0;  // sum of the squares of their weights
};

}  // namespace glasswatch::analysis
