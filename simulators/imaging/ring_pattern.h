// A diffraction pattern with one planted symmetry: a diffuse ring whose azimuthal modulation grows with
// temperature.
#pragma once

#include <span>
#include <vector>

#include "protocol/schema/scenario.pb.h"
#include "simulators/imaging/imaging_mode.h"

namespace glasswatch::simulation {

/// Expected electrons per pixel
///   E(r, phi) = E0(r) (1 + a cos(n (phi - phi0))),
///   E0(r) = dose (g(r) + b h(r)) / (1 + b), g = exp(-(r - R)^2 / (2 w^2)), h = exp(1 - r / R),
/// so that E0(R) = dose; phi = atan2(row - row0, column - column0), pixel centres at integers. The angular
/// power at n is |C^(n)| / P = a^2 / 4 at every radius. a rises linearly from 0 at onset_c to `amplitude` at
/// full_c. No specimen, no speckle: it proves numbers, not realism.
class RingPattern : public ImagingMode {
 public:
  RingPattern(const scenario::Pattern& pattern, const scenario::Frames& frames);

  /// a at this temperature.
  static double amplitude(const scenario::Pattern& pattern, double temperature_c);

  void describe(stream::SeriesStart& start) const override;
  void expected_electrons(const Exposure& exposure, std::span<float> electrons) override;

 private:
  scenario::Pattern pattern_;
  std::vector<float> mean_;       // E0
  std::vector<float> modulated_;  // E0 cos(n (phi - phi0))
};

}  // namespace glasswatch::simulation
