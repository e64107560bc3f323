// Atoms, and what electrons see of them.
#pragma once

#include <cstdint>

namespace glasswatch::simulation {

enum class Element : std::uint8_t { kCu, kZr, kO };

/// Position in nm: x along image columns, y along rows, z along the beam from the entrance surface.
struct Atom {
  float x_nm = 0;
  float y_nm = 0;
  float z_nm = 0;
  Element element = Element::kCu;
};

/// Atomic number: 29, 40, 8.
int atomic_number(Element element);

/// Elastic electron scattering factor f(k), nm, k = 1/d in nm^-1, first Born approximation, rest mass.
/// Parametrisation and source: atom.cc.
double scattering_factor_nm(Element element, double k_inv_nm);

/// Relativistic electron wavelength, nm: h / sqrt(2 m e V (1 + e V / 2 m c^2)); 300 kV: 1.9687e-3.
double electron_wavelength_nm(double high_tension_kv);

/// Interaction constant sigma = 2 pi m_rel e lambda / h^2, rad / (V nm); 300 kV: 6.526e-3.
double interaction_constant_per_v_nm(double high_tension_kv);

}  // namespace glasswatch::simulation
