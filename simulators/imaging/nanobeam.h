// Scanned nanobeam diffraction: the kinematic pattern of the atoms that the probe meets.
#pragma once

#include <array>
#include <complex>
#include <memory>
#include <vector>

#include "protocol/schema/scenario.pb.h"
#include "simulators/imaging/diffraction_camera.h"
#include "simulators/imaging/fourier_sum.h"
#include "simulators/imaging/imaging_mode.h"
#include "simulators/specimen/specimen.h"

namespace glasswatch::simulation {

/// Elastic intensity I(k) = |psi(k)|^2 in the first Born approximation (Cowley, Diffraction Physics, 3rd ed.,
/// Elsevier 1995, chapters 1 and 5; Kirkland, Advanced Computing in Electron Microscopy, 2nd ed., Springer
/// 2010):
///   psi(k) = sum_e f_e(k) (F_e(k) - F_e(0) exp(-2 pi^2 s^2 k^2)),
///   F_e(k) = sum of p(x, y) exp(-2 pi i (kx x + ky y)) over the atoms of element e, relative to the probe,
///   p = exp(-r^2 / (2 s^2)), s = probe_nm / (2 sqrt(ln 2)): |p|^2 has full width probe_nm at half maximum;
///       atoms where p is below 0.1 % are left out.
/// What is subtracted is the forward peak of a uniform film: it interferes with the direct beam, which the
/// Born approximation cannot tell; the direct beam is put on top, as high as asked for and with the width of
/// p's transform. With ewald_curvature every atom carries exp(i pi lambda z k^2) besides, which breaks
/// Friedel's law.
///
/// One factor for the whole run brings the intensity to electrons, so that the crest at 4.3 nm^-1 is
/// dose_e_per_px in the mean over azimuth and over 100 probe positions that meet glass alone, no motifs, at
/// construction (statistical error about 2 %). Patterns differ from place to place as they should.
///
/// Computed on a grid finer than the speckle (steps of 1 / (16 s)) and interpolated by cubic polynomials. The
/// error, with that of leaving out atoms, is below 2 % of the mean ring everywhere and below 0.5 % in the
/// root mean square. Pixels see the point at their centre.
///
/// Cost on one thread, film 20 nm thick, probe 1 nm: 1.6 ms per pattern of 256 x 256, 3.8 ms of 1024 x 1024
/// (0.8 of them to fetch the atoms); with ewald_curvature 12 and 14 ms. Not thread-safe; uses `threads` of
/// its own, and results do not depend on how many.
class NanobeamMode : public ImagingMode {
 public:
  NanobeamMode(const scenario::Scenario& scenario, std::shared_ptr<const Specimen> specimen, int threads);

  void describe(stream::SeriesStart& start) const override;
  void expected_electrons(const Exposure& exposure, std::span<float> electrons) override;

  /// Positions of the scan, as the specimen is now:
  ///   region: 1 core, 2 channel, under the middle of the probe;
  ///   fourfold_weight, fivefold_weight, sixfold_weight, crystal_weight: the share, 0 ... 1, of the film's
  ///     volume that lies in planted cylinders of that kind or in nuclei, each point weighted with |p|^2.
  std::vector<TruthMap> truth_maps() const override;

  /// Where the probe meets the specimen: scan position, from the middle of the field. A specimen that has
  /// drifted to larger rows is met at smaller ones.
  Point probe_position(const Exposure& exposure) const;

 private:
  static constexpr std::size_t kElements = 3;

  /// Four neighbours and their weights.
  struct Cubic {
    std::size_t first = 0;
    std::array<float, 4> weight{};
  };

  static Cubic cubic(double position);
  std::size_t grid_rows() const { return 2 * static_cast<std::size_t>(highest_y_) + 1; }
  std::size_t grid_columns() const { return 2 * static_cast<std::size_t>(highest_x_) + 1; }
  std::size_t half_columns() const { return static_cast<std::size_t>(highest_x_) + 1; }
  std::size_t row_index(int j) const { return static_cast<std::size_t>(std::ptrdiff_t{highest_y_} + j); }
  void lay_grid();
  void tabulate_optics(double high_tension_kv);
  void tabulate_point(int i, int j);
  void tabulate_propagation(double wavelength_nm);
  double squared_k(int i, int j) const;
  Exposure at_scan_point(std::uint32_t row, std::uint32_t column) const;
  void compute_intensity(const Point& position);
  void sum_element(std::size_t element);
  void add_atom(std::span<FourierSum> planes, const Atom& atom, double weight) const;
  void add_waves(int j);
  void widen_row(std::size_t row);
  void fill_row(std::size_t row, std::span<float> electrons) const;
  double ring_mean() const;
  double ring_mean_of_field(std::uint64_t seed);
  double motif_weight(const Point& probe, scenario::Motif::Kind kind) const;
  double motif_weight(const Point& probe) const;  // of all kinds
  double crystal_weight(const Point& probe) const;
  double lit_share(double distance_nm, double radius_nm) const;

  scenario::Nanobeam settings_;
  std::shared_ptr<const Specimen> specimen_;
  int threads_;
  DiffractionCamera camera_;
  double probe_sigma_nm_;  // s
  double reach_nm_;        // of the atoms that count
  double period_nm_;       // 1 / step of the grid
  int highest_x_ = 0;      // grid steps each way from the centre
  int highest_y_ = 0;
  double electrons_per_intensity_ = 1;

  std::size_t planes_ = 1;  // along the beam; more than one for the curvature of the sphere only
  double plane_step_nm_ = 0;
  SpreadingKernel kernel_;
  std::vector<FourierSum> sums_;  // element-major, then plane
  // For the half of the grid that sums_ gives, row by row, with the factors of FourierSum:
  std::array<std::vector<float>, kElements> scattering_factor_;
  std::vector<float> forward_;
  std::vector<std::complex<float>> propagation_;  // plane-major

  std::vector<Atom> atoms_;
  std::vector<float> intensity_;  // (2 highest_y + 1) x (2 highest_x + 1)
  std::vector<Cubic> to_columns_;
  std::vector<Cubic> to_rows_;
  std::vector<float> wide_;  // grid rows x camera columns
};

}  // namespace glasswatch::simulation
