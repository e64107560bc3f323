// Disordered atoms with the pair distances of a Cu-Zr glass.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "simulators/specimen/atom.h"

namespace glasswatch::simulation {

/// A cubic box of atoms that repeats periodically: random positions relaxed as soft spheres until the nearest
/// distances are those of the glass (Cu-Cu, Cu-Zr, Zr-Zr each their own). The number density follows from
/// cu_fraction, 59.8 nm^-3 at 0.6; the first ring of the kinematic pattern lies at 4.33 nm^-1 there. Sources
/// in packing.cc. The same seed gives the same positions, bit for bit, on every machine of IEEE arithmetic.
/// Immutable, thread-safe. Cost of making: 30 us per atom.
class Packing {
 public:
  /// `edge_nm` at least 1, three times the reach of an atom.
  Packing(double edge_nm, double cu_fraction, std::uint64_t seed);

  /// Measured positions (MATLAB v5 file, compressed or not, one numeric matrix N x 3 or 3 x N, angstrom), cut
  /// to the largest cube along the axes that is filled (in steps of 0.5 nm) and taken as periodic; where its
  /// images meet, atoms closer than 0.2 nm are left out. Elements are drawn at random with `cu_fraction`, as
  /// measured types name other elements. Throws UserError naming the file and what is wrong with it.
  static Packing from_matlab(const std::filesystem::path& path, double cu_fraction, std::uint64_t seed);

  double edge_nm() const { return edge_nm_; }
  std::span<const Atom> atoms() const { return atoms_; }  // coordinates in [0, edge)
  double number_density_per_nm3() const;

  /// Calls visit(atom) for every atom image (coordinates unwrapped) in the box [low, high) of x, y and z, by
  /// cells: the cost is that of the atoms near the box.
  template <typename Visit>
  void visit_box(const double (&low_nm)[3], const double (&high_nm)[3], Visit visit) const;

 private:
  /// Coordinates in [0, edge).
  Packing(double edge_nm, std::vector<Atom> atoms);

  double edge_nm_ = 0;
  std::vector<Atom> atoms_;                // sorted by cell
  int cells_ = 1;                          // per edge
  std::vector<std::uint32_t> cell_begin_;  // cells^3 + 1
};

template <typename Visit>
void Packing::visit_box(const double (&low_nm)[3], const double (&high_nm)[3], Visit visit) const {
  const double cell_nm = edge_nm_ / cells_;
  // Cells beyond the box counted on, so that rounding cannot leave out an atom at the edge of its cell.
  int first[3];
  int last[3];
  for (int i = 0; i < 3; ++i) {
    first[i] = static_cast<int>(std::floor(low_nm[i] / cell_nm - 1e-6));
    last[i] = static_cast<int>(std::floor(high_nm[i] / cell_nm + 1e-6));
  }
  const auto image_of = [this](int cell) { return (cell >= 0 ? cell : cell - cells_ + 1) / cells_; };
  for (int a = first[2]; a <= last[2]; ++a) {
    for (int b = first[1]; b <= last[1]; ++b) {
      for (int c = first[0]; c <= last[0]; ++c) {
        const double shift_nm[3] = {image_of(c) * edge_nm_, image_of(b) * edge_nm_, image_of(a) * edge_nm_};
        const int row = (a - image_of(a) * cells_) * cells_ + (b - image_of(b) * cells_);
        const int cell = row * cells_ + (c - image_of(c) * cells_);
        for (std::uint32_t i = cell_begin_[cell]; i < cell_begin_[cell + 1]; ++i) {
          const Atom& atom = atoms_[i];
          const double x_nm = atom.x_nm + shift_nm[0];
          const double y_nm = atom.y_nm + shift_nm[1];
          const double z_nm = atom.z_nm + shift_nm[2];
          if (x_nm < low_nm[0] || x_nm >= high_nm[0] || y_nm < low_nm[1] || y_nm >= high_nm[1] ||
              z_nm < low_nm[2] || z_nm >= high_nm[2]) {
            continue;
          }
          visit(Atom{static_cast<float>(x_nm), static_cast<float>(y_nm), static_cast<float>(z_nm),
                     atom.element});
        }
      }
    }
  }
}

}  // namespace glasswatch::simulation
