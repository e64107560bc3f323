// Sums of products over all pairs of pixels a small displacement apart, for many displacements at once.
#pragma once

#include <memory>
#include <span>

namespace glasswatch::analysis {

/// sum_x first(x) second(x + d) for all d = (dr, dc) with |dr|, |dc| <= reach, no wrapping around the edges:
/// a correlation by zero-padded Fourier transforms (FFTW 3), exact to about 1e-15 of sqrt(sum first^2 sum
/// second^2). Results are (2 reach + 1)^2, row-major, d = 0 in the middle. With an indicator (1 = valid, 0 =
/// not) in place of an image, the sums are numbers of pairs. Construction is safe beside other constructions;
/// one object serves one thread. No call allocates after construction.
class DisplacementSums {
 public:
  /// Images of rows x columns, reach >= 0; displacements beyond the image give zero.
  DisplacementSums(int rows, int columns, int reach);
  DisplacementSums(DisplacementSums&&) noexcept;
  DisplacementSums& operator=(DisplacementSums&&) noexcept;
  ~DisplacementSums();

  int reach() const { return reach_; }
  int displacements() const { return (2 * reach_ + 1) * (2 * reach_ + 1); }

  /// Adds weight times the sums to `sums`. Three transforms, two where both images are the same memory.
  void add(std::span<const double> first, std::span<const double> second, double weight,
           std::span<double> sums);

 private:
  struct Transforms;
  int rows_, columns_, reach_;
  std::unique_ptr<Transforms> transforms_;
};

}  // namespace glasswatch::analysis
