#include "simulators/specimen/atom.h"

#include <array>
#include <cmath>
#include <numbers>

namespace glasswatch::simulation {
namespace {

// Lobato & Van Dyck, Acta Cryst. A 70 (2014) 636: five terms a (2 + b g^2) / (1 + b g^2)^2, f and a
// in angstrom, g in 1/angstrom, b in angstrom^2. Chosen among the common tables because each term falls as
// 1/g^2, so that f goes over into Rutherford's law Z / (2 pi^2 a0 g^2), and the potential has the right cusp
// at the nucleus.
struct Term {
  double a;
  double b;
};
using Terms = std::array<Term, 5>;

constexpr Terms kCopper = {{{1.75207145212145, 6.18750497986187},
                            {-43.0410523492124, 1.00266263628976},
                            {44.0705915543573, 0.98538431135303},
                            {0.0186876154088144, 0.0302984703916117},
                            {0.00020172732479162, 0.00255855598748879}}};
constexpr Terms kZirconium = {{{4.31175453406871, 9.4589658051749},
                               {1.49331578039339, 1.33063622845245},
                               {0.281236050128884, 0.156506871444453},
                               {0.00309337738455747, 0.00682410523811735},
                               {2.5802444851e-07, 0.0002498188791107}}};
constexpr Terms kOxygen = {{{29.9474045242362, 1.3028398788001},
                            {-77.6101266255278, 1.15794105258309},
                            {99.8817764623144, 1.00988549338025},
                            {-51.2127005505673, 0.943327971433266},
                            {0.00819618954446032, 0.0433197611321825}}};

const Terms& terms(Element element) {
  switch (element) {
    case Element::kCu:
      return kCopper;
    case Element::kZr:
      return kZirconium;
    case Element::kO:
      break;
  }
  return kOxygen;
}

// CODATA 2018 (Tiesinga et al., Rev. Mod. Phys. 93 (2021) 025010); h, c and e are exact.
constexpr double kPlanckJS = 6.62607015e-34;
constexpr double kLightMPerS = 299792458;
constexpr double kChargeC = 1.602176634e-19;
constexpr double kElectronMassKg = 9.1093837015e-31;

}  // namespace

int atomic_number(Element element) {
  switch (element) {
    case Element::kCu:
      return 29;
    case Element::kZr:
      return 40;
    case Element::kO:
      break;
  }
  return 8;
}

double scattering_factor_nm(Element element, double k_inv_nm) {
  constexpr double kNmPerAngstrom = 0.1;
  const double g_squared = k_inv_nm * k_inv_nm * kNmPerAngstrom * kNmPerAngstrom;
  double sum_angstrom = 0;
  for (const auto& [a, b] : terms(element)) {
    const double denominator = 1 + b * g_squared;
    sum_angstrom += a * (2 + b * g_squared) / (denominator * denominator);
  }
  return kNmPerAngstrom * sum_angstrom;
}

double electron_wavelength_nm(double high_tension_kv) {
  const double energy_j = high_tension_kv * 1e3 * kChargeC;
  const double rest_j = kElectronMassKg * kLightMPerS * kLightMPerS;
  return 1e9 * kPlanckJS / std::sqrt(2 * kElectronMassKg * energy_j * (1 + energy_j / (2 * rest_j)));
}

double interaction_constant_per_v_nm(double high_tension_kv) {
  const double rest_j = kElectronMassKg * kLightMPerS * kLightMPerS;
  const double mass_kg = kElectronMassKg * (1 + high_tension_kv * 1e3 * kChargeC / rest_j);
  const double wavelength_m = 1e-9 * electron_wavelength_nm(high_tension_kv);
  return 1e-9 * 2 * std::numbers::pi * mass_kg * kChargeC * wavelength_m / (kPlanckJS * kPlanckJS);
}

}  // namespace glasswatch::simulation
