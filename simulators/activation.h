// The law of Arrhenius, for rates that grow with the temperature.
#pragma once

#include <cmath>

namespace glasswatch::simulation {

/// Rate at temperature_c over that at reference_c: exp(-E / k (1 / T - 1 / T_ref)), T in kelvin. 1 for E = 0.
inline double activated_rate(double energy_ev, double temperature_c, double reference_c) {
  constexpr double kBoltzmannEvPerK = 8.617333262e-5;  // CODATA 2018 (Rev. Mod. Phys. 93 (2021) 025010)
  constexpr double kZeroCelsiusK = 273.15;
  const double inverse_k = 1 / (temperature_c + kZeroCelsiusK) - 1 / (reference_c + kZeroCelsiusK);
  return std::exp(-energy_ev / kBoltzmannEvPerK * inverse_k);
}

}  // namespace glasswatch::simulation
