// Angular correlation C(k, Delta), n-fold power and symmetry coefficient of one polar row.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "analysis/real_fft.h"

namespace glasswatch::analysis {

/// What <I>^2 of Eq. (1) means where bins are masked. Both are the equation itself where none is.
enum class MaskNormalization {
  kCentered,  // the mean m of the valid bins is subtracted first: C = sum_pairs (I - m)(I' - m) / (N m^2)
  kLiteral,   // C = (sum_pairs I I' / N - m^2) / m^2
};

enum class RowStatus {
  kValid,
  kNoValidPixels,
  kZeroMean,          // mean of the valid bins is not > 0
  kIncompleteShifts,  // some shift has no pair of valid bins: C is NaN there, and so is what needs it
};

/// `mean` is <I>, `variance` <I^2>/<I>^2 - 1, both over the valid bins; NaN where the status rules them out.
struct RowStatistics {
  RowStatus status;
  double mean;
  double variance;
};

/// 1/(P N(D)) of a mask, kept as long as the mask stays the same.
class PairCounts {
 public:
  explicit PairCounts(int azimuthal_bins);  // nothing masked

  /// valid: P values, 1 = valid bin. A new mask costs two transforms, in the buffers of `fft`.
  void count(std::span<const std::uint8_t> valid, RealFft& fft);

  /// NaN for a shift without pairs.
  const std::vector<double>& inverse() const { return inverse_; }
  /// Every shift has a pair.
  bool complete() const { return complete_; }

 private:
  std::vector<std::uint8_t> mask_;
  std::vector<double> inverse_;
  bool complete_ = true;
};

/// Eq. (1) of Voigt et al., Mater. Res. Lett. 11 (2023) 1022, for one row I_j of P azimuthal bins:
///   C(D)  = (<I_j I_{j+D}>_j - <I>^2) / <I>^2, the average over the N(D) pairs with both bins valid;
///   power(n) = Re sum_D C(D) exp(-2 pi i n D/P) / P, signed (without mask |F_n|^2/F_0^2, F = DFT of the
///   row); coefficient(n) = mean over q = 1 ... n-1 of C(P q/n), linearly interpolated between shifts where P
///   q/n is not an integer (pyxem 0.15.1's include_duplicates coefficient without its D = 0 term); NaN for n
///   = 1.
/// Bins that are not finite are invalid. C agrees with the direct sums within about 1e-15 (1 + max C) P/min
/// N. Cost: two FFTs of length P, one more for a masked row, two more when its mask differs from that of
/// `pairs`. No allocation after construction. One object serves one thread; results do not depend on earlier
/// rows.
class AngularCorrelation {
 public:
  /// azimuthal_bins P >= 2; every order in 1 ... P/2.
  AngularCorrelation(int azimuthal_bins, std::vector<int> orders, MaskNormalization normalization);

  /// row: P values. correlation: P, or empty if not wanted; power, coefficient: one per order. All are
  /// written always, NaN where the status says so.
  RowStatistics process(std::span<const double> row, std::span<double> correlation, std::span<double> power,
                        std::span<double> coefficient) {
    return process(row, correlation, power, coefficient, pairs_);
  }
  /// The same with pair counts that the caller keeps for this row, whose mask is probably that of last time.
  RowStatistics process(std::span<const double> row, std::span<double> correlation, std::span<double> power,
                        std::span<double> coefficient, PairCounts& pairs);

  const std::vector<int>& orders() const { return orders_; }

 private:
  struct Tap {  // of a coefficient, in C
    std::size_t order, shift;
    double weight;
  };
  struct Valid {
    std::size_t bins;
    double sum;
  };

  static std::vector<Tap> taps(int bins, std::span<const int> orders);
  Valid find_valid(std::span<const double> row);
  double take_deviations(std::span<const double> row, double mean, bool masked);
  void correlate(std::span<double> power);
  void correlate(std::span<double> power, const PairCounts& pairs);

  int bins_;
  std::vector<int> orders_;
  MaskNormalization normalization_;
  RealFft fft_;
  PairCounts pairs_;
  std::vector<Tap> taps_;
  std::vector<std::uint8_t> valid_;  // of the row at hand
  std::vector<double> correlation_;
};

/// The same by direct double sums, O(P^2): the definitions to the letter. For tests.
RowStatistics angular_correlation_reference(std::span<const double> row, std::span<const int> orders,
                                            MaskNormalization normalization, std::span<double> correlation,
                                            std::span<double> power, std::span<double> coefficient);

/// Mean power of a ring. power: (K, orders) row-major; in_ring: K, non-zero = in the ring; out: one per
/// order. Rows with a NaN are left out. Returns the number of rows averaged; out is NaN when it is 0.
int ring_average(std::span<const double> power, std::span<const std::uint8_t> in_ring, int orders,
                 std::span<double> out);

}  // namespace glasswatch::analysis
