// From electrons to counts: the camera's noise, blur and faults.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "protocol/schema/scenario.pb.h"
#include "protocol/schema/streams.pb.h"

namespace glasswatch::simulation {

/// The blur of the scenario's camera along one axis, in its own pixels: weights for distances 0, 1, 2, ...;
/// {1} where there is no blur.
std::vector<float> camera_kernel(const scenario::Scenario& scenario);

/// counts = round(clamp(offset + gain * (kernel * N) + read noise)), N Poisson of the expected electrons,
/// gain = counts_per_electron * (1 + gain_spread g_px) and not below 0; ties round to even; clamped to int16
/// and at saturation_counts; dead pixels read the offset. The kernel is that of the scintillator (Gaussian,
/// blur_px of the unbinned sensor), integrated over the binned pixel from which the light comes and the one
/// that takes it; it sums to 1. Light leaving the frame's edge is reflected at it, so that a flat field is
/// flat. The read noise of the sub-frames adds up: read_noise_counts * sqrt(sub_frames).
///
/// Photon transfer of a flat field of E electrons: mean = offset + g E, variance = g^2 E sum(kernel^2) + read
/// noise^2 + 1/12, autocovariance g^2 E (kernel * kernel).
///
/// Poisson variates: exact in law (to 22 bits) for tabulated means (alias method, Walker, ACM TOMS 3 (1977)
/// 253), means between them by drawing the lower or upper of two neighbours so that the mean is exact and the
/// variance at most 0.1 % too large; means above 2025 by Random::poisson, exact but ten times slower. The
/// read noise is a normal law, its density in steps of 1/32 of the standard deviation out to 8. The random
/// numbers are addressed by (seed, exposure, row), so counts do not depend on the number of threads, nor on
/// the order of exposures.
///
/// Memory: 2 MB of tables, shared by all detectors and made with the first one; rows * columns bytes, and 5
/// times that with a gain spread. Not thread-safe: one read-out at a time.
class Detector {
 public:
  /// The scenario's `detector` section, or the ideal detector where it is absent (no blur, no read noise, no
  /// faults). `threads` >= 1.
  Detector(const scenario::Scenario& scenario, int threads);

  /// One frame. electrons: rows x columns, finite, >= 0 (anything else counts as 0); counts: the same size.
  /// `exposure` addresses the noise. Allocates nothing but its threads.
  void read_out(std::span<const float> electrons, std::uint64_t exposure, std::span<std::int16_t> counts);

  /// Name, size, binning, saturation, gain, offset, pixel type, sensor pixel, sub-frames.
  void describe(stream::Camera& camera) const;

  /// Weights of the kernel along one axis for distances 0, 1, 2, ... binned pixels; w0 + 2 (w1 + ...) = 1.
  /// Cut where less than 1e-4 of the light goes further.
  std::span<const float> kernel() const { return kernel_; }

  /// 1 where a pixel is dead (rows x columns).
  std::span<const std::uint8_t> dead() const { return dead_; }

 private:
  /// Rows [begin, end) of the frame, read out by one thread, and what it needs for that.
  struct Block {
    std::size_t begin;
    std::size_t end;
    std::vector<float> drawn;    // one row of electrons with the kernel's reach on both sides
    std::vector<float> blurred;  // rows blurred along the columns, as many as the kernel is wide, in turn
    std::vector<float> light;    // one row blurred both ways
  };

  void spread_gain();
  void kill_pixels();
  void read_rows(Block& block, std::span<const float> electrons, std::uint64_t exposure,
                 std::span<std::int16_t> counts) const;
  void draw(std::size_t row, std::span<const float> electrons, std::uint64_t exposure, float* drawn) const;
  void blur_along_row(std::vector<float>& drawn, float* blurred) const;
  void blur_across_rows(Block& block, std::size_t row) const;
  void digitize(std::size_t row, const float* light, std::uint64_t exposure, std::int16_t* counts) const;

  std::size_t reach() const { return kernel_.size() - 1; }

  scenario::Detector settings_;
  bool ideal_;
  std::uint64_t seed_;
  std::size_t rows_;
  std::size_t columns_;
  double counts_per_electron_;
  double saturation_counts_;  // whole
  double read_noise_counts_;  // of the combined frame
  int threads_;
  std::vector<float> kernel_;
  std::vector<float> gain_;  // counts per electron of every pixel; one row where all are alike
  std::vector<std::uint8_t> dead_;
  std::vector<std::size_t> dead_pixels_;  // where `dead_` is 1
  std::vector<Block> blocks_;
};

}  // namespace glasswatch::simulation
