// The specimen's diffraction pattern: a diffuse ring whose azimuthal modulation grows with temperature.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "protocol/schema/scenario.pb.h"
#include "simulators/random.h"

namespace glasswatch::simulation {

/// Expected electrons per pixel
///   E(r, phi) = E0(r) (1 + a cos(n (phi - phi0))),
///   E0(r) = dose (g(r) + b h(r)) / (1 + b), g = exp(-(r - R)^2 / (2 w^2)), h = exp(1 - r / R),
/// so that E0(R) = dose; phi = atan2(row - row0, column - column0), pixel centres at integers. The angular
/// power at n is |C^(n)| / P = a^2 / 4 at every radius. a rises linearly from 0 at onset_c to `amplitude` at
/// full_c.
class RingPattern {
 public:
  RingPattern(const scenario::Pattern& pattern, const scenario::Frames& frames);

  double amplitude(double temperature_c) const;

  /// (rows * columns) expected electrons; `dose_scale` multiplies the dose (shorter exposures see less).
  void expected_electrons(double amplitude, double dose_scale, std::span<double> electrons) const;

  /// One image in counts: Poisson electrons times counts_per_electron, rounded, clamped to int16.
  void draw(double amplitude, double dose_scale, Random& random, std::span<std::int16_t> counts) const;

  std::size_t pixel_count() const { return mean_.size(); }

 private:
  double full_amplitude_;
  double onset_c_;
  double full_c_;
  double counts_per_electron_;
  std::vector<double> mean_;       // E0
  std::vector<double> modulated_;  // E0 cos(n (phi - phi0))
};

}  // namespace glasswatch::simulation
