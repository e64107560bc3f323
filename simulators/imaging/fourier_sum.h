// The Fourier transform of points that lie on no grid.
#pragma once

#include <fftw3.h>

#include <array>
#include <complex>
#include <cstddef>
#include <memory>
#include <vector>

namespace glasswatch::simulation {

/// The "exponential of semicircle" phi(t) = exp(beta (sqrt(1 - (2 t / w)^2) - 1)), |t| <= w / 2, w = kWidth
/// cells, beta = 2.30 w (Barnett, Magland & af Klinteberg, SIAM J. Sci. Comput. 41 (2019) C479). With a grid
/// twice as fine as the highest frequency asks for, a sum spread with it and divided by its transform is
/// right to about 1e-5 of the root of the sum of squared weights. Immutable, thread-safe.
class SpreadingKernel {
 public:
  static constexpr int kWidth = 6;
  static constexpr int kTaps = 8;  // padded with zeros, for vectors
  struct Spread {
    int first = 0;  // cell of the first tap
    std::array<float, kTaps> weight{};
  };

  SpreadingKernel();

  /// Weights of the cells around `position` (in cells).
  Spread at(double position) const;

  /// Integral of phi(t) cos(2 pi f t), f in cycles per cell.
  static double transform(double cycles_per_cell);

 private:
  static constexpr int kSteps = 512;
  std::vector<std::array<float, kTaps>> table_;  // by the distance from the kernel's edge to the first cell
};

/// F(i, j) = sum over points of weight exp(-2 pi i (i x + j y) / period) for 0 <= i <= highest_x,
/// |j| <= highest_y (the rest is the complex conjugate: weights are real), by spreading on a grid and FFT in
/// single precision. Not thread-safe; different objects may be made and may work at the same time.
class FourierSum {
 public:
  /// Points lie within `reach_nm` of the origin in x and in y; 2 reach_nm must be clearly below period_nm.
  FourierSum(double period_nm, double reach_nm, int highest_x, int highest_y);

  void clear();
  void add(double x_nm, double y_nm, double weight);
  bool empty() const { return empty_; }

  /// Afterwards row(j)[i] * factor_x(i) * factor_y(j) is F(i, j), until clear().
  void transform();
  const std::complex<float>* row(int j) const;
  double factor_x(int i) const { return factor(i, columns_); }
  double factor_y(int j) const { return factor(j, rows_); }

 private:
  static double factor(int index, int size);

  struct Plan {
    void operator()(fftwf_plan plan) const { fftwf_destroy_plan(plan); }
  };
  struct Memory {
    void operator()(void* data) const { fftwf_free(data); }
  };

  SpreadingKernel kernel_;
  double period_nm_;
  int columns_;  // cells along x
  int rows_;
  int stride_;     // complex numbers of one row of spectra
  int wanted_;     // columns of the spectrum that are asked for
  int first_row_;  // rows that points can reach
  int last_row_;
  bool empty_ = true;
  std::unique_ptr<float[], Memory> density_;             // the reachable rows
  std::unique_ptr<std::complex<float>[], Memory> half_;  // transformed along x; rows out of reach stay zero
  std::unique_ptr<std::complex<float>[], Memory> spectrum_;
  std::unique_ptr<std::remove_pointer_t<fftwf_plan>, Plan> along_x_;
  std::unique_ptr<std::remove_pointer_t<fftwf_plan>, Plan> along_y_;
};

}  // namespace glasswatch::simulation
