// A real one-dimensional Fourier transform with its own aligned buffers.
#pragma once

#include <complex>
#include <memory>
#include <span>

namespace glasswatch::analysis {

/// Forward F_n = sum_j x_j exp(-2 pi i n j/N), n = 0 ... N/2, and its inverse without the factor 1/N (FFTW 3,
/// section 4.8). Plans are made once with FFTW_ESTIMATE, so equal inputs give equal bits on every run.
/// Construction is safe beside other constructions; one object serves one thread at a time. No call
/// allocates.
class RealFft {
 public:
  explicit RealFft(int size);  // size >= 1
  RealFft(RealFft&&) noexcept;
  RealFft& operator=(RealFft&&) noexcept;
  ~RealFft();

  int size() const { return size_; }
  std::span<double> real() { return {real_, static_cast<std::size_t>(size_)}; }
  std::span<std::complex<double>> spectrum() { return {spectrum_, static_cast<std::size_t>(size_ / 2 + 1)}; }

  void forward();  // real() -> spectrum(); real() is kept
  void inverse();  // spectrum() -> real(), times N; spectrum() is destroyed

 private:
  struct Plans;
  int size_;
  double* real_;
  std::complex<double>* spectrum_;
  std::unique_ptr<Plans> plans_;
};

}  // namespace glasswatch::analysis
