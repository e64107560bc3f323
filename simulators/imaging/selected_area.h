// Selected-area diffraction: the pattern of the whole field, rings of the glass and spots of its nuclei.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "protocol/schema/scenario.pb.h"
#include "simulators/imaging/diffraction_camera.h"
#include "simulators/imaging/imaging_mode.h"
#include "simulators/specimen/specimen.h"

namespace glasswatch::simulation {

/// Elastic scattering of the glass, per atom and without its forward peak (nm^2), from the pair distances of
/// a periodic packing (Debye, Ann. Phys. 351 (1915) 809; partial terms as Faber & Ziman, Phil. Mag. 11 (1965)
/// 153):
///   I(k) = sum_a c_a f_a^2 + sum_ab f_a f_b D_ab,
///   D_ab = sum over bins of (n_ab(r) - 4 pi r^2 dr rho c_a c_b) w(r) sin(2 pi k r) / (2 pi k r),
/// n_ab: pairs (both ways) per atom of the box. w = 1 up to half the longest distance and falls to 0 there as
/// cos^2; that distance is half the box edge, 2 nm at most. Where a share of the atoms is missing at random
/// and a share of one element exchanged for the other, the pair term takes the mean f of each site, squared
/// sites stay squared. Immutable, thread-safe. Cost of making: 1 s on one thread for a box of 8 nm.
class GlassScattering {
 public:
  GlassScattering(const Packing& packing, double largest_k_inv_nm, int threads);

  /// Of glass in which `density` of the atoms are left and which has `cu_fraction`; per atom of the full
  /// packing.
  double per_atom_nm2(double k_inv_nm, double density, double cu_fraction) const;

  double packing_cu_fraction() const { return cu_fraction_; }

 private:
  double cu_fraction_ = 0;
  std::array<std::vector<double>, 3> pair_term_;  // Cu-Cu, Cu-Zr (both ways), Zr-Zr; without the factors f
};

/// Film of A = field^2 lit by a plane wave. Glass: (1 - X) times the area-weighted mean of cores and
/// channels, interpolated radially, X = 1 - exp(-V) with V the volume of all nuclei over that of the film:
/// what is left of nuclei that overlap at random (Avrami, J. Chem. Phys. 7 (1939) 1103). Nuclei: every
/// reflection as a spot
///   |F / V|^2 V_n^2 exp(-(2 pi q r)^2 / 5), q^2 = |k - g|^2 + s^2, s = g_z + lambda g^2 / 2,
/// the form factor of a sphere of radius r in Guinier's approximation (Guinier & Fournet, Small-Angle
/// Scattering of X-Rays, Wiley 1955, p. 25), blurred by the pixel (sigma 1 / sqrt(12) of it), times X / V; on
/// the glass' own scale. Motifs, and clipping of nuclei at the surfaces, are neglected. Drift changes
/// nothing: the whole field is lit. Dose: the mean ring at 4.3 nm^-1 before the first nucleus. Cost: under 2
/// ns per pixel, and the spots. Not thread-safe; uses `threads` of its own.
class SelectedAreaMode : public ImagingMode {
 public:
  SelectedAreaMode(const scenario::Scenario& scenario, std::shared_ptr<const Specimen> specimen, int threads);

  void describe(stream::SeriesStart& start) const override;
  void expected_electrons(const Exposure& exposure, std::span<float> electrons) override;

  /// Elastic intensity of the glass per nm^2 of film (1: nm^2 per nm^2), cores and channels by their share.
  double glass_per_area(double k_inv_nm) const;

 private:
  /// A reflection of one nucleus that lies close enough to the sphere.
  struct Beam {
    double row_px = 0;
    double column_px = 0;
    double excitation_inv_nm = 0;
    double density2_inv_nm4 = 0;  // |F / V|^2
  };
  struct Spot {
    double row_px = 0;
    double column_px = 0;
    double sigma_px = 0;
    double crest_electrons = 0;
  };

  void find_beams(const Nucleus& nucleus);
  void collect_spots(double share_left);
  void draw_spots(std::size_t first_row, std::size_t last_row, std::span<float> electrons) const;
  double nuclei_per_film() const;
  const std::vector<Reflection>& reflections_of(Phase phase);

  scenario::SelectedArea settings_;
  std::shared_ptr<const Specimen> specimen_;
  int threads_;
  DiffractionCamera camera_;
  GlassScattering glass_scattering_;
  double channel_share_;
  double electrons_per_intensity_ = 1;  // for intensity of the whole field
  std::vector<float> glass_;            // elastic electrons of the film without crystals
  std::array<std::vector<Reflection>, 3> reflections_;
  std::vector<std::vector<Beam>> beams_;  // of each nucleus
  std::vector<Spot> spots_;
};

}  // namespace glasswatch::simulation
