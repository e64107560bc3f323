// Speckle that lives as metallic glasses do: a Gaussian random field in space and time whose correlation in
// time is a stretched exponential (Kohlrausch, Williams & Watts).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace glasswatch::simulation {

/// sum of w_k exp(-c_k t), all w_k > 0, sum w_k = 1.
struct ExponentialSum {
  struct Term {
    double rate;    // c_k
    double weight;  // w_k
  };
  std::vector<Term> terms;
  double largest_error = 0;  // largest absolute difference from what it stands for, 1e-4 <= t <= 30

  double operator()(double t) const;
};

/// exp(-t^beta), 0.3 <= beta <= 1, by the fewest exponentials that keep the error below 5e-4 (which is
/// reached everywhere in that range: 10 terms at beta = 0.3, 7 at 0.63, 4 at 0.9, one, exact, at 1). Rates
/// and weights by nonnegative least squares on a logarithmic grid. Below t = 1e-4 both sides lie between 1
/// and their value there, so the error is at most 0.003 at beta = 0.63, 0.06 at 0.3. About 5 ms; thread-safe.
ExponentialSum stretched_exponential(double beta);

/// One term of a sum over neighbours along one axis: weight * in[(i - offset) mod size], 0 <= offset < size.
struct Tap {
  std::size_t offset;
  float weight;
};

/// The symmetric Gaussian of standard deviation sigma_px, moved by shift_px (any real number), on a period of
/// `size` pixels; sum of the squared weights = 1, so white noise keeps its variance wherever it is moved to.
/// Below sigma_px = 0.1: one tap at the nearest whole pixel.
std::vector<Tap> gaussian_taps(double sigma_px, double shift_px, std::size_t size);

/// Linear interpolation at i - shift_px on a period of `size` pixels; one tap where shift_px is whole.
std::vector<Tap> linear_taps(double shift_px, std::size_t size);

/// Separable filter of a field that repeats periodically in both directions.
/// out(r, c) = sum_a sum_b rows[a].weight columns[b].weight in(r - rows[a].offset, c - columns[b].offset).
/// Cost: rows x columns x (number of taps of both) multiply-adds. Not thread-safe; results do not depend on
/// `threads`.
class PeriodicFilter {
 public:
  PeriodicFilter(std::size_t rows, std::size_t columns, int threads);

  /// in and out: rows x columns, row-major; they may be the same.
  void apply(std::span<const Tap> row_taps, std::span<const Tap> column_taps, std::span<const float> in,
             std::span<float> out);

 private:
  std::size_t rows_;
  std::size_t columns_;
  int threads_;
  std::vector<float> along_rows_;  // after the first pass
};

/// A Gaussian random field z(row, column, time), mean 0, variance 1, stationary, repeating periodically in
/// space.
///
/// Time: every pixel is a sum of Ornstein-Uhlenbeck processes x_k, each stepped exactly over any interval,
///   x_k <- x_k exp(-c_k u) + sqrt(1 - exp(-2 c_k u)) xi,   z = sum_k sqrt(w_k) x_k,   u = integral of dt /
///   tau,
/// (Gillespie, Phys. Rev. E 54 (1996) 2084), so <z(t) z(t')> = sum_k w_k exp(-c_k u) = exp(-u^beta) as near
/// as stretched_exponential() says, at every lag, whatever the frame times. With a lifetime that changes, u
/// counts the lifetimes that pass.
///
/// Space: white noise, filtered by a Gaussian that makes the full width at half maximum of the
/// autocorrelation of z, and of an intensity linear in z, speckle_px. Across a border between classes the
/// filter mixes their laws. The Gaussian is sampled at pixels: at 2.5 px the autocorrelation is as told
/// within 1.6 %; of smaller speckle pixels see less of the width (0.45 instead of 0.5 at 1 px for 2 px, 0.17
/// instead of 0.29 for 1.5 px).
///
/// The innovations xi are sums of eight random bytes, not normal variates: mean 0 and variance 1 exactly,
/// excess kurtosis -0.15. All second moments are therefore exact, and z, a sum of many of them over steps,
/// components and neighbours, is nearly normal; least so (by the kurtosis given) where beta = 1, speckle_px =
/// 0 and the steps are longer than tau.
///
/// Memory: 4 bytes per pixel and term, and 9 bytes per pixel. Not thread-safe; results do not depend on
/// `threads`.
class SpeckleField {
 public:
  /// labels: rows x columns, row-major, the class of each pixel; beta: of each class. Begins in the
  /// stationary state. Long runs of equal labels along rows are fast.
  SpeckleField(std::size_t rows, std::size_t columns, std::span<const std::uint8_t> labels,
               std::span<const double> beta, double speckle_px, std::uint64_t seed, int threads);

  /// One step in time. elapsed_lifetimes[class] = integral of dt / tau over it, >= 0, infinity allowed. The
  /// n-th step has its own random numbers: the same steps give the same field.
  void advance(std::span<const double> elapsed_lifetimes);

  /// Standard deviation of the spatial filter.
  double sigma_px() const { return sigma_px_; }

  /// z(row - shift_row_px, column - shift_column_px), rows x columns: exact in law at any fraction of a
  /// pixel. For speckle_px = 0 shifts are rounded to whole pixels.
  void sample(double shift_row_px, double shift_column_px, std::span<float> z);

 private:
  struct Run {  // of pixels of one class in one row
    std::uint32_t end;
    std::uint8_t label;
  };
  struct Step {  // y <- y - decay y + gain * (sum of bytes)
    float decay = 0;
    float gain = 0;
  };

  void advance_row(std::size_t row, std::span<const Step> steps, std::span<std::int32_t> byte_sums);

  std::size_t rows_;
  std::size_t columns_;
  double sigma_px_;
  std::uint64_t seed_;
  int threads_;
  std::vector<ExponentialSum> laws_;  // of the classes
  std::size_t components_ = 0;        // of the class that has most
  std::vector<Run> runs_;
  std::vector<std::size_t> run_begin_;  // rows + 1
  std::uint64_t steps_taken_ = 0;
  std::vector<float> component_state_;  // rows x components x columns: sqrt(w_k) x_k
  std::vector<float> white_;            // their sum
  PeriodicFilter filter_;
};

}  // namespace glasswatch::simulation
